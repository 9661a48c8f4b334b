"""Texts as the data of a project: found in tables and folders, numbered by what the training part taught, kept."""

from __future__ import annotations

import gzip

import msgspec
import numpy as np
import pytest

from engine import data
from engine.data import DataSpec, Preparation, shipped, split, texts
from engine.data.readers import describe
from engine.data.transforms.text import WordTokenizer
from engine.errors import DataError
from engine.graph import templates
from engine.graph.infer import infer
from engine.graph.script import to_script
from engine.graph.spec import Choice, FieldSpec, Project, TrainingSpec
from engine.train.task import Predictor, Task
from tests.engine.projects import here, last_object
from tests.engine.test_train_augmented import StopAfter, trained

SENTENCES = shipped.FOLDER / "reviews.csv.gz"
FEW = 240


def read(name, options=None, **more) -> DataSpec:
    return describe(DataSpec(str(name), "csv", options=options or {}, **more))


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """Some real sentences as a table of one's own, praise and complaint in turn."""
    rows = gzip.decompress(SENTENCES.read_bytes()).decode().splitlines()
    of = {word: [row for row in rows[1:] if row.endswith(word)] for word in ("positive", "negative")}
    mixed = [row for pair in zip(of["positive"], of["negative"]) for row in pair][:FEW]
    path = tmp_path_factory.mktemp("reviews") / "reviews.csv"
    path.write_text("\n".join([rows[0], *mixed]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path):
    """Lines of Python and of English, a file each."""
    for name, words in (("python", "def run(self): return self.step + 1"), ("prose", "It was a dark and rainy night.")):
        (tmp_path / name).mkdir()
        for number in range(6):
            (tmp_path / name / f"{number}.txt").write_text(f"{words}\nLine {number}\n", encoding="utf-8")
    return tmp_path


def project(spec, epochs=2, **training) -> Project:
    text = next(field for field in spec.fields if field.kind == "text")
    target = next(field for field in spec.fields if field.role == "target")
    layers = [
        ("Input", {"field": text.name}),
        ("EmbeddingBag", {"num_embeddings": text.vocabulary, "embedding_dim": 32, "padding_idx": 0}),
        ("Dropout", {"p": 0.2}), ("Linear", {"out_features": len(target.classes)}),
        ("CrossEntropyLoss", {"target": target.name}),
    ]  # fmt: skip
    training = TrainingSpec(Choice("Adam", {"lr": 0.01}), epochs=epochs, **training)
    return Project(name="Texts", graph=templates.chain(layers), data=spec, training=training)


# --- tables ---------------------------------------------------------------------------------------------------------


def test_a_column_of_sentences_is_a_text_and_its_neighbour_the_target(reviews):
    spec = read(reviews)
    text, target = spec.fields
    assert (text.name, text.kind, text.dtype, text.role) == ("text", "text", "int64", "input")
    assert 100 < text.vocabulary < 1000
    assert text.shape == (32,)
    assert (target.name, target.classes) == ("sentiment", ("negative", "positive"))
    shown = data.preview(spec)
    assert (shown.kinds, shown.roles) == (("text", "category"), ("input", "target"))


def test_names_and_repeated_answers_are_no_texts(tmp_path):
    rows = [f'"Braund, Mr. Owen {i}",Strongly agree with all that is said,{i % 2}' for i in range(40)]
    (tmp_path / "people.csv").write_text("name,answer,survived\n" + "\n".join(rows) + "\n")
    assert data.preview(DataSpec(str(tmp_path / "people.csv"), "csv")).kinds[:2] == ("category", "category")


def test_numbers_beside_a_text_are_a_field_of_their_own(tmp_path):
    rows = [f"This is the sentence of number {i},{i * 0.5},{'ab'[i % 2]}" for i in range(40)]
    (tmp_path / "both.csv").write_text("words,size,label\n" + "\n".join(rows) + "\n")
    spec = read(tmp_path / "both.csv")
    assert [(field.name, field.kind) for field in spec.fields[:2]] == [("words", "text"), ("features", "vector")]
    first = data.open(spec)[0]
    assert first["words"] == "This is the sentence of number 0"
    assert first["features"].tolist() == [0.0]


def test_any_column_may_be_read_as_text_and_none_need_be(tmp_path):
    (tmp_path / "short.tsv").write_text("what\tkind\n" + "\n".join(f"so {w}\t{w}" for w in ["good", "bad"] * 20))
    assert [field.kind for field in read(tmp_path / "short.tsv").fields] == ["vector", "category"]
    told = read(tmp_path / "short.tsv", {"kinds": {"what": "text"}})
    assert told.fields[0] == FieldSpec("what", "text", (8,), "input", "int64", vocabulary=5)


def test_too_many_different_texts_for_a_category_offer_to_be_read_as_text(tmp_path):
    (tmp_path / "many.csv").write_text("word,y\n" + "\n".join(f"w{i},{'ab'[i % 2]}" for i in range(1500)))
    spec = DataSpec(str(tmp_path / "many.csv"), "csv", roles={"word": "input", "y": "target"})
    with pytest.raises(DataError, match="more than 1,000 different texts") as refused:
        describe(spec)
    fix = next(fix for fix in refused.value.fixes if fix.label == "Read 'word' as text")
    assert describe(msgspec.structs.replace(spec, **{fix.name: fix.value})).fields[0].kind == "text"


def test_a_text_is_no_target(reviews):
    with pytest.raises(DataError, match="it holds texts, expected numbers or categories to predict"):
        read(reviews, roles={"text": "target", "sentiment": "input"})


def test_rows_without_a_text_may_be_left_out(tmp_path):
    rows = [f"{'' if i % 4 == 0 else 'one more row of some words'},{'ab'[i % 2]}" for i in range(40)]
    (tmp_path / "gaps.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    options = {"kinds": {"text": "text"}}
    spec = read(tmp_path / "gaps.csv", options)
    assert spec.samples == 40
    assert any("an empty text stands there" in note for note in data.preview(spec).notes)
    assert read(tmp_path / "gaps.csv", {**options, "missing": "drop"}).samples == 30


# --- token numbers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "least"), [({}, 100), ({"tokens": "characters"}, 40), ({"tokens": "pairs", "vocabulary": 400}, 400)]
)
def test_the_training_part_alone_says_which_tokens_there_are_and_a_checkpoint_keeps_them(reviews, options, least):
    spec = read(reviews, options)
    opened = data.open(spec)
    train, _ = split(opened, spec)
    fitted = Preparation.fit(opened, train, spec)
    numbers = fitted.apply(opened.take(np.arange(FEW)))["text"]
    assert (numbers.shape, numbers.dtype) == ((FEW, *spec.fields[0].shape), np.dtype("int64"))
    assert least // 2 < numbers.max() < spec.fields[0].vocabulary
    opened.arrays["text"][~np.isin(np.arange(FEW), train)] = "zebra zebra 漢字 漢字"
    again = Preparation.fit(opened, train, spec)
    assert all(np.array_equal(kept, again.state()[name]) for name, kept in fitted.state().items())
    kept = Preparation.from_state(fitted.state())
    np.testing.assert_array_equal(kept.apply(opened.take(train))["text"], numbers[train])


def test_capitals_count_only_where_they_are_asked_for(reviews):
    assert read(reviews).fields[0].vocabulary < read(reviews, {"lower": False, "length": 20}).fields[0].vocabulary
    assert read(reviews, {"lower": False, "length": 20}).fields[0].shape == (20,)


def test_short_texts_are_filled_up_on_the_side_that_is_asked_for_and_a_checkpoint_knows_it(reviews):
    spec = read(reviews, {"side": "left"})
    opened = data.open(spec)
    fitted = Preparation.fit(opened, np.arange(FEW), spec)
    for preparation in (fitted, Preparation.from_state(fitted.state())):
        (row,) = preparation.apply({"text": np.array(["the place"], dtype=object)})["text"]
        assert (row[:-2] == 0).all()
        assert (row[-2:] > 0).all()


def test_nothing_written_is_answered_too(reviews):
    task = Task(project(read(reviews), epochs=1))
    assert sum(task.predict({"text": ""}).probabilities.values()) == pytest.approx(1)


def test_a_bundled_set_may_be_read_otherwise():
    assert describe(DataSpec("bundled:reviews", options={"tokens": "characters", "length": 40})).fields[0].shape == (
        40,
    )
    spec = describe(DataSpec("bundled:spirals", roles={"arm": "input", "x": "target"},
                             options={"kinds": {"arm": "text"}}))  # fmt: skip
    assert [field.kind for field in spec.fields] == ["text", "vector", "number"]


def test_byte_pairs_need_a_token_for_each_byte(reviews):
    with pytest.raises(DataError, match="it is 100, expected at least 258") as refused:
        read(reviews, {"tokens": "pairs", "vocabulary": 100})
    assert refused.value.fixes[0].value["vocabulary"] == 258


@pytest.mark.parametrize("wrong", [{"tokens": "syllables"}, {"length": 0}, {"vocabulary": "all"}])
def test_options_that_cannot_be_are_named(reviews, wrong):
    with pytest.raises(DataError, match=f"Data options, {next(iter(wrong))}"):
        read(reviews, wrong)


def test_a_damaged_vocabulary_is_a_sentence():
    with pytest.raises(DataError, match="Tokens: they are not readable"):
        Preparation.from_state({"text/tokens": np.frombuffer(b'{"tokenizer":', np.uint8)})


@pytest.mark.parametrize("shape", [(), (10**12,)])
def test_a_project_that_knows_texts_of_an_impossible_length_is_refused(reviews, shape):
    spec = read(reviews)
    wrong = [msgspec.structs.replace(field, shape=shape) if field.kind == "text" else field for field in spec.fields]
    with pytest.raises(DataError, match=r"Field 'text': its texts have the shape .*choose the data again"):
        data.open(msgspec.structs.replace(spec, fields=tuple(wrong)))


# --- folders --------------------------------------------------------------------------------------------------------


def test_a_folder_of_text_files_is_read_by_class(folder):
    (folder / "prose" / "latin.txt").write_bytes("Ein schöner Tag".encode("latin-1"))
    spec = describe(DataSpec(str(folder), "texts", batch_size=4))
    assert [field.name for field in spec.fields] == ["text", "label"]
    assert spec.fields[1].classes == ("prose", "python")
    opened = data.open(spec)
    assert opened[6]["text"] == "Ein schöner Tag"
    assert data.preview(spec).class_counts == {"label": {"prose": 7, "python": 6}}
    assert data.preview(spec, rows=1).rows == (("It was a dark and rainy night. Line 0", "prose"),)


def test_only_so_much_of_a_folder_is_looked_at_to_tell_whether_it_holds_texts(folder, monkeypatch):
    for number in range(600):
        (folder / "prose" / f"more {number}.txt").touch()
    looked_at = []
    monkeypatch.setattr(texts, "TEXTS", Watched(texts.TEXTS, looked_at))
    assert texts.holds_texts(folder)
    assert len(looked_at) <= 2 * texts.LOOKED_AT


class Watched:
    """A kind of file that notes what it is asked of."""

    def __init__(self, kind, asked):
        self.kind, self.asked = kind, asked

    def holds(self, path):
        self.asked.append(path)
        return self.kind.holds(path)


def test_a_file_that_is_no_text_can_be_left_out(folder):
    (folder / "prose" / "6.txt").write_bytes(b"\x00\x01")
    spec = DataSpec(str(folder), "texts")
    with pytest.raises(DataError, match="it holds bytes that are no text") as refused:
        describe(spec)
    assert str(data.preview(spec).problem) == str(refused.value)
    fix = refused.value.fixes[0]
    assert describe(msgspec.structs.replace(spec, **{fix.name: fix.value})).samples == 12


# --- the network ----------------------------------------------------------------------------------------------------


def test_a_table_of_too_few_rows_is_told_and_mended(reviews):
    spec = read(reviews)
    small = templates.chain([("Input", {}), ("Embedding", {"num_embeddings": 50, "embedding_dim": 8})])
    problem = next(p for p in infer(small, spec.fields).problems if p.node == "embedding1")
    assert problem.message == f"Embedding 'embedding1' has 50 rows, but 'text' holds {spec.fields[0].vocabulary} " \
                              "different tokens."  # fmt: skip
    assert (problem.fixes[0].name, problem.fixes[0].value) == ("num_embeddings", spec.fields[0].vocabulary)


def test_real_sentences_are_told_apart_better_than_by_word_counts(tmp_path):
    spec = describe(DataSpec("bundled:reviews", batch_size=64))
    trainer = trained(tmp_path / "run", project(spec, epochs=5))
    assert trainer.validation_figures["accuracy"] > 0.79


def test_a_training_on_texts_that_goes_on_is_the_one_that_never_stopped(reviews, tmp_path):
    told = project(read(reviews))
    whole = trained(tmp_path / "whole", told)
    broken = trained(tmp_path / "broken", told, StopAfter(8))
    resumed = trained(tmp_path / "resumed", told, checkpoint=broken.checkpoint()).task.model.state_dict()
    for name, values in whole.task.model.state_dict().items():
        np.testing.assert_array_equal(values.numpy(), resumed[name].numpy(), err_msg=name)


def test_the_script_reads_texts_as_the_project_does(reviews, tmp_path, capsys):
    told, script = project(read(reviews, {"tokens": "pairs", "vocabulary": 300}), epochs=1), {"__name__": "script"}
    exec(to_script(told), script)
    script["train"]()
    trainer = trained(tmp_path / "run", told)
    assert f"validation {trainer.validation_figures['loss']:.4f}" in capsys.readouterr().out


def test_a_checkpoint_reads_texts_as_it_learned_them_whatever_the_data_are_now(reviews, tmp_path):
    told = project(read(reviews), epochs=1)
    before = trained(tmp_path / "run", told)
    kept = before.checkpoint()
    opened = data.open(told.data)
    answer = before.task.predict({"text": "What a great place."})
    later = tmp_path / "later.csv"
    later.write_text(reviews.read_text() + '"zebras zebras",positive\n' * 80)
    moved = msgspec.structs.replace(told, data=msgspec.structs.replace(told.data, source=str(later)))
    for network in (Task(moved), Predictor(moved)):
        network.load_weights(kept.model)
        network.load_preparation(kept.preparation)
        assert network.predict({"text": "What a great place."}) == answer
    task = Task(moved)
    task.load_preparation(kept.preparation)
    np.testing.assert_array_equal(
        task.batch(np.arange(9)).inputs["text"].numpy(),
        before.task.preparation.apply(opened.take(np.arange(9)))["text"],
    )


def test_the_command_line_trains_evaluates_and_predicts_with_texts(reviews, tmp_path, capsys):
    from engine.formats import project_file

    path = tmp_path / "texts.loom"
    project_file.write(path, project(read(reviews), epochs=8))
    assert here(capsys, "train", path).returncode == 0
    figures = last_object(here(capsys, "evaluate", path, "--json"))
    assert figures["train"]["accuracy"] > 0.8
    (tmp_path / "new.csv").write_text('text\n"Great food, great service."\n"A waste of my time, awful."\n')
    (tmp_path / "new.json").write_text('[{"text": "Great food, great service."}]')
    from_table = last_object(here(capsys, "predict", path, "--input", tmp_path / "new.csv", "--json"))["predictions"]
    assert [each["class"] for each in from_table] == ["positive", "negative"]
    from_json = last_object(here(capsys, "predict", path, "--input", tmp_path / "new.json", "--json"))["predictions"]
    assert from_json[0]["probabilities"] == pytest.approx(from_table[0]["probabilities"], rel=1e-5)
    (tmp_path / "odd.csv").write_text("words\nhello\n")
    failed = here(capsys, "predict", path, "--input", tmp_path / "odd.csv")
    assert "its columns are 'words', expected those trained with: 'text'" in failed.stderr


def test_a_file_is_a_sample_where_files_were_learned(folder):
    spec = describe(DataSpec(str(folder), "texts"))
    given = data.read_inputs(folder / "prose" / "3.txt", spec)
    assert given["text"].tolist() == ["It was a dark and rainy night.\nLine 3"]
    assert len(data.read_inputs(folder / "python", spec)["text"]) == 6
    with pytest.raises(DataError, match="Input 'text': a float came, expected a text"):
        data.sample_from_inputs(spec.fields, {"text": 3.5})


def test_a_text_file_is_one_sample_where_a_table_of_texts_was_learned(reviews, tmp_path):
    spec = read(reviews)
    (tmp_path / "one.txt").write_text("Great, really; I\nwould buy it again", encoding="utf-8")
    (tmp_path / "table.txt").write_text("text\nGood food\nBad food\n", encoding="utf-8")
    assert data.read_inputs(tmp_path / "one.txt", spec)["text"].tolist() == ["Great, really; I\nwould buy it again"]
    assert data.read_inputs(tmp_path / "table.txt", spec)["text"].tolist() == ["Good food", "Bad food"]


def test_sentences_without_spaces_are_texts_and_each_character_a_word(tmp_path):
    rows = [f"{'这部电影很有趣我很喜欢' if i % 2 else '映画はとても退屈でした'}{i},{'ab'[i % 2]}" for i in range(20)]
    (tmp_path / "reviews.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    spec = read(tmp_path / "reviews.csv", validation=0.0)
    assert (spec.fields[0].kind, spec.fields[0].shape) == ("text", (16,))
    assert WordTokenizer().split("我like电影, ok") == ["我", "like", "电", "影", ",", "ok"]
