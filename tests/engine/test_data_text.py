"""Texts as rows of numbers: nothing is lost by byte pairs, vocabularies are counted, padding and buckets fit."""

from __future__ import annotations

import time
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
from engine.data import DataLoader
from engine.data.transforms import (
    BPETokenizer,
    BucketSampler,
    CharTokenizer,
    Fitted,
    Tokenizer,
    Vocabulary,
    WordTokenizer,
    bpe,
    pad_rows,
)
from engine.errors import DataError, EngineError

TEXTS = ["the cat sat on the mat", "the dog, the cat and the rat", "a mat is a mat"]


def plain_merges(texts, count, least=2):
    """Byte pairs as the paper has them: everything counted anew for each merge."""
    words = Counter(piece for text in texts for piece in bpe.pieces(text))
    words = {tuple(word): often for word, often in words.items()}
    learned = []
    for new in range(256, 256 + count):
        pairs = Counter()
        for word, often in words.items():
            for pair in pairwise(word):
                pairs[pair] += often
        best = min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)
        if best is None or pairs[best] < least:
            break
        learned.append(best)
        joined = Counter()
        for word, often in words.items():
            joined[tuple(bpe.merged(list(word), best, new))] += often
        words = joined
    return learned


@settings(deadline=None, max_examples=40)
@given(texts=st.lists(st.text("ab c.é", max_size=40), max_size=5))
def test_merges_are_those_of_counting_everything_anew(texts):
    assert bpe.learn_merges(texts, 20) == plain_merges(texts, 20)


TRAINED = BPETokenizer(300).fit(TEXTS)


@settings(deadline=None, max_examples=40)
@given(text=st.text(max_size=60))
def test_byte_pairs_give_back_exactly_what_went_in_whatever_they_learned_from(text):
    assert TRAINED.decode(TRAINED.encode(text)) == text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


@settings(deadline=None, max_examples=40)
@given(text=st.text(max_size=60))
def test_the_pieces_of_a_text_are_the_whole_of_it(text):
    assert "".join(bpe.PIECES.findall(text)) == text


def test_a_word_that_was_common_is_one_token():
    assert TRAINED.pieces("the cat") == ["the", " cat"]
    assert len(TRAINED) <= 300


def test_a_megabyte_and_four_thousand_merges_take_some_seconds():
    stream = np.random.default_rng(0)
    words = ["".join(stream.choice(list("etaoinshrdlu"), length)) for length in stream.integers(2, 9, 5000)]
    text = " ".join(words[place] for place in np.minimum(stream.zipf(1.2, 150_000), 5000) - 1)
    began = time.thread_time()
    assert len(bpe.learn_merges([text], 4000)) == 4000
    assert time.thread_time() - began < 10


def test_forty_thousand_letters_without_a_space_take_less_than_a_second_or_two():
    word = "".join(np.random.default_rng(0).choice(list("abcdefghij"), 40_000))
    began = time.thread_time()
    assert len(bpe.learn_merges([word], 4000)) > 1000
    assert time.thread_time() - began < 1.5


def test_of_more_words_than_are_learned_from_the_commonest_count(monkeypatch):
    texts = ["rare words", "often", "often"]
    monkeypatch.setattr(bpe, "MOST_LEARNED", 10)
    assert bpe.learn_merges(texts, 20, least=1) == plain_merges(["often", "often", "rare"], 20, least=1)
    monkeypatch.setattr(bpe, "MOST_LEARNED", 15)
    assert bpe.learn_merges(texts, 20, least=1) == plain_merges(texts, 20, least=1)


def test_a_vocabulary_is_ordered_by_count_then_alphabet_and_bounded():
    vocabulary = Vocabulary(min_freq=2, max_tokens=5, specials=("<pad>", "<unk>")).fit(t.split() for t in TEXTS)
    assert vocabulary.tokens == ["<pad>", "<unk>", "the", "mat", "a"]
    assert vocabulary["dog"] == 1
    assert "dog" not in vocabulary


@pytest.mark.parametrize("tokenizer", [CharTokenizer(), WordTokenizer(lower=True), BPETokenizer(300)],
                         ids=lambda tokenizer: type(tokenizer).__name__)  # fmt: skip
def test_what_was_learned_is_kept_as_json_and_comes_back_the_same(tokenizer, tmp_path):
    tokenizer.fit(TEXTS)
    tokenizer.save(tmp_path / "tokens.json")
    back = Tokenizer.load(tmp_path / "tokens.json")
    assert type(back) is type(tokenizer)
    assert back.state() == tokenizer.state()
    for text in (*TEXTS, "The zebra"):
        numbers = tokenizer.encode(text, bos=True, eos=True)
        assert back.encode(text, bos=True, eos=True) == numbers
        assert back.decode(numbers) == tokenizer.decode(numbers)
    assert [path.name for path in tmp_path.iterdir()] == ["tokens.json"]


@pytest.mark.parametrize("kind", [CharTokenizer, WordTokenizer, BPETokenizer])
def test_only_what_it_is_fitted_on_says_what_it_knows(kind):
    state = kind().fit(TEXTS[:1]).state()
    assert state == kind().fit(TEXTS[:1]).state()
    assert state != kind().fit(TEXTS).state()


def test_a_batch_is_cut_off_and_padded_and_keeps_its_end():
    tokenizer = WordTokenizer().fit(TEXTS)
    batch = tokenizer(["the cat sat on the mat", "the rat"], bos=True, eos=True, max_length=5)
    assert batch.shape == (2, 5)
    assert batch[:, 0].tolist() == [tokenizer.special("<bos>")] * 2
    assert batch[0, -1] == batch[1, 3] == tokenizer.special("<eos>")
    assert batch[1, 4] == tokenizer.special("<pad>")
    assert tokenizer.decode(batch[0]) == "the cat sat"


def test_buckets_hold_every_row_once_pad_little_and_change_with_every_pass():
    lengths = np.random.default_rng(0).integers(1, 100, 1000)
    sampler = BucketSampler(lengths, 16, generator=engine.Generator().manual_seed(1))
    first, second = list(sampler), list(sampler)
    assert sorted(np.concatenate(first)) == list(range(1000))
    assert len(first) == len(sampler) == 63
    assert first != second
    assert sum(np.ptp(lengths[batch]) for batch in first) < 63 * 10
    again = BucketSampler(lengths, 16, generator=engine.Generator().manual_seed(1))
    assert list(again) == first


def test_a_loader_that_goes_on_gives_the_buckets_that_were_left():
    rows = [[1] * length for length in range(1, 11)]

    def loader(seed):
        sampler = BucketSampler([len(row) for row in rows], 3, generator=engine.Generator().manual_seed(seed))
        return DataLoader(rows, batch_sampler=sampler, collate_fn=pad_rows)

    whole, broken = [batch.shape for batch in loader(4)], loader(4)
    next(iter(broken))
    other = loader(7)
    other.load_state_dict(broken.state_dict())
    assert [batch.shape for batch in other] == whole[1:]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda: WordTokenizer().encode("a"), r"WordTokenizer: it is used before it has seen data; call"),
        (lambda: CharTokenizer(specials=()).fit(["a"]).encode("b"), "Vocabulary: 'b' was not learned"),
        (lambda: TRAINED.decode([9999]), "BPETokenizer: there is no token 9999, expected 0 to "),
        (lambda: CharTokenizer(specials=()).fit(["a"])(["a"]), "CharTokenizer: '<pad>' is none of its special tokens"),
        (lambda: BPETokenizer(100), "BPETokenizer: vocab_size 100 and min_freq 2 came, expected at least 260 tokens"),
        (lambda: Vocabulary(specials=("a", "a")), "Vocabulary: the specials a, a, expected each of them once."),
        (lambda: BucketSampler([1], 0), "BucketSampler: batch_size 0"),
        (lambda: Tokenizer.from_state({"type": "Vocabulary"}), "Tokenizer: the state is of another type, expected one"),
        (lambda: Fitted.from_state({"type": "BPETokenizer", "merges": [[300, 1]], "specials": []}),
         r"BPETokenizer: merge 0 is of \(300, 1\), expected tokens that came before."),
        (lambda: Fitted.from_state({"type": "BPETokenizer", "merges": [[255 + n, 255 + n] for n in range(64)],
                                    "specials": []}),
         "BPETokenizer: merge 8 makes a token of 512 bytes, expected at most 256."),
        (lambda: Fitted.from_state({"type": "BPETokenizer", "merges": 3, "specials": []}), "BPETokenizer: at merges"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_in_a_sentence(fault, words):
    with pytest.raises(EngineError, match=words):
        fault()


def test_a_file_that_is_none_is_named(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(DataError, match=r"broken.json: it is not readable as JSON"):
        Fitted.load(tmp_path / "broken.json")
    with pytest.raises(DataError, match=r"none.json: it cannot be read \(No such file or directory\)"):
        Fitted.load(tmp_path / "none.json")


def test_a_word_without_end_is_cut_and_comes_back_whole():
    tokenizer = BPETokenizer(300).fit(["ab" * 2_000])
    assert tokenizer.decode(tokenizer.encode("ab" * 700)) == "ab" * 700
    assert BPETokenizer.from_state(tokenizer.state()).encode("abab") == tokenizer.encode("abab")


def test_what_is_cut_off_a_text_is_not_looked_at(monkeypatch):
    tokenizer, looked_at, encode = BPETokenizer(300).fit(TEXTS), [], bpe.encode_piece
    monkeypatch.setattr(bpe, "encode_piece", lambda piece, ranks: looked_at.append(piece) or encode(piece, ranks))
    words = " ".join(f"word{'x' * number}" for number in range(200))
    begun, seen = tokenizer.encode(words, max_length=3), len(looked_at)
    assert begun == tokenizer.encode(words)[:3]
    assert seen == 1 < len(looked_at)
