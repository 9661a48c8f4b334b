"""Tables from CSV: what is found by looking, and a plain sentence for every fault."""

from __future__ import annotations

import csv
import gzip
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import data
from engine.data import DataSpec
from engine.errors import DataError

IRIS = "length,width,kind\n5.1,3.5,setosa\n4.9,3.0,setosa\n6.3,3.3,virginica\n5.8,2.7,virginica\n"


def write(folder, text, name="table.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def table(path, **rest):
    return DataSpec(source=str(path), reader="csv", batch_size=1, **rest)


def describe(path, **rest):
    return data.describe(table(path, **rest))


def fault(path, **rest):
    with pytest.raises(DataError) as caught:
        data.open(table(path, **rest))
    return caught.value


def test_numbers_become_one_vector_and_a_text_column_the_classes(tmp_path):
    dataset = data.open(table(write(tmp_path, IRIS)))
    features, kind = dataset.fields
    assert (features.kind, features.shape, features.columns) == ("vector", (2,), ("length", "width"))
    assert (kind.name, kind.kind, kind.role, kind.classes) == ("kind", "category", "target", ("setosa", "virginica"))
    batch = dataset.take(np.array([0, 3]))
    assert batch["features"].dtype == np.float32
    assert batch["kind"].dtype == np.int64
    np.testing.assert_array_equal(batch["features"], np.array([[5.1, 3.5], [5.8, 2.7]], np.float32))
    assert batch["kind"].tolist() == [0, 1]


def test_describe_fills_in_fields_samples_and_a_role_for_every_column(tmp_path):
    described = describe(write(tmp_path, IRIS))
    assert described.samples == 4
    assert described.roles == {"length": "input", "width": "input", "kind": "target"}
    assert data.open(described).fields == described.fields


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path, delimiter):
    dataset = data.open(table(write(tmp_path, IRIS.replace(",", delimiter))))
    assert dataset.fields[0].columns == ("length", "width")


def test_a_tsv_file_with_commas_in_its_texts_is_split_at_tabs(tmp_path):
    text = "a\tname\ty\n1\tone, two\t0.5\n2\tthree, four\t0.7\n3\tone, two\t0.9\n"
    dataset = data.open(table(write(tmp_path, text, "table.tsv")))
    assert dataset.fields[0].columns == ("a", "name=one, two", "name=three, four")


def test_a_file_without_header_gets_numbered_columns(tmp_path):
    dataset = data.open(table(write(tmp_path, "1,2,0.5\n3,4,0.7\n")))
    assert dataset.fields[0].columns == ("column 1", "column 2")
    assert len(dataset) == 2


@pytest.mark.parametrize(
    ("encoding", "noted"), [("utf-8", False), ("utf-8-sig", False), ("utf-16", False), ("latin-1", True)]
)
def test_encodings_are_read_and_a_fallback_is_noted(tmp_path, encoding, noted):
    text = "größe,größe²,stadt\n1,2,Köln\n2,3,Genève\n3,4,Köln\n4,1,Genève\n"
    shown = data.preview(table(write(tmp_path, text, encoding=encoding)))
    assert shown.columns == ("größe", "größe²", "stadt")
    assert shown.class_counts == {"stadt": {"Genève": 2, "Köln": 2}}
    assert any("Latin-1" in note for note in shown.notes) == noted


def test_a_byte_that_is_no_utf8_far_below_the_head_is_read_as_latin_1(tmp_path):
    path = tmp_path / "late.csv"
    path.write_bytes(b"x,town\n" + b"1,Bonn\n" * 60_000 + "2,Köln\n".encode("latin-1"))
    dataset = data.open(table(path))
    assert dataset.field("town").classes == ("Bonn", "Köln")
    assert any("Latin-1" in note for note in dataset.notes)


def test_a_path_with_spaces_and_other_letters_works(tmp_path):
    folder = tmp_path / "мои данные 数据"
    folder.mkdir()
    path = write(folder, IRIS, "Größe 1 – test.csv")
    assert len(data.open(table(path))) == 4
    relative = DataSpec(source="мои данные 数据/Größe 1 – test.csv", reader="csv", batch_size=1)
    assert len(data.open(relative, tmp_path)) == 4


def test_quoted_texts_keep_delimiters_quotes_and_line_ends(tmp_path):
    text = 'x,label\n1,"a, ""b"""\n2,"c\nd"\n3,"a, ""b"""\n4,"c\nd"\n'
    assert data.open(table(write(tmp_path, text))).field("label").classes == ('a, "b"', "c\nd")


def test_a_decimal_comma_is_noticed(tmp_path):
    path = write(tmp_path, "a;b;y\n1,5;2;0,25\n2,5;3;1,75\n")
    dataset = data.open(table(path))
    np.testing.assert_array_equal(dataset.arrays["features"], [[1.5, 2], [2.5, 3]])
    np.testing.assert_array_equal(dataset.arrays["y"], [[0.25], [1.75]])
    assert any("decimal comma" in note for note in data.preview(table(path)).notes)


def test_an_input_category_is_marked_in_columns_of_its_own(tmp_path):
    dataset = data.open(table(write(tmp_path, "colour,size,y\nred,1,0.5\nblue,2,0.6\nred,3,0.7\n")))
    assert dataset.fields[0].columns == ("colour=blue", "colour=red", "size")
    np.testing.assert_array_equal(dataset.arrays["features"], [[0, 1, 1], [1, 0, 2], [0, 1, 3]])
    assert dataset.switches["features"].tolist() == [True, True, False]


def test_few_whole_numbers_in_the_target_are_classes_unless_told(tmp_path):
    path = write(tmp_path, "x,grade\n" + "".join(f"{i / 7},{i % 3}\n" for i in range(30)))
    assert data.open(table(path)).field("grade").classes == ("0", "1", "2")
    assert any("taken as classes" in note for note in data.preview(table(path)).notes)
    assert data.open(table(path, options={"kinds": {"grade": "number"}})).field("grade").kind == "number"


def test_classes_of_large_whole_numbers_keep_all_digits(tmp_path):
    path = write(tmp_path, "x,code\n" + "".join(f"{i / 7},{1234567 + i % 2}\n" for i in range(30)))
    assert data.open(table(path)).field("code").classes == ("1234567", "1234568")


def test_a_column_that_numbers_the_rows_is_unused_and_says_so(tmp_path):
    path = write(tmp_path, "id,x,y\n" + "".join(f"{i},{i * i % 7},{i / 3}\n" for i in range(12)))
    described = describe(path)
    assert described.roles == {"id": "unused", "x": "input", "y": "target"}
    assert "Column 'id' is unused: it numbers the rows." in data.preview(table(path)).notes
    assert data.open(table(path, roles={"id": "input"})).fields[0].columns == ("id", "x")


def test_a_column_of_texts_that_are_all_different_is_unused(tmp_path):
    path = write(tmp_path, "who,x,y\n" + "".join(f"person {i},{i % 7},{i / 3}\n" for i in range(1500)))
    assert describe(path).roles["who"] == "unused"
    error = fault(path, roles={"who": "input"})
    assert "column 'who'" in str(error)
    assert "different texts" in str(error)
    assert error.fixes[0].value["who"] == "unused"


def test_the_target_can_be_chosen_by_role(tmp_path):
    dataset = data.open(table(write(tmp_path, IRIS), roles={"length": "target", "kind": "input"}))
    assert dataset.field("length").kind == "number"
    assert dataset.fields[0].columns == ("width", "kind=setosa", "kind=virginica")


def test_missing_values_are_named_and_left_as_gaps_for_the_preparation(tmp_path):
    path = write(tmp_path, "age,town,y\n40,Bonn,0.5\n,Rome,0.6\n50,,0.7\nNA,Bonn,0.8\n")
    assert np.isnan(data.open(table(path)).arrays["features"][:, 0]).tolist() == [False, True, False, True]
    notes = " ".join(data.preview(table(path)).notes)
    assert "Column 'age': 2 values missing (row 3, 5)" in notes
    assert "Column 'town': 1 value missing (row 4)" in notes


def test_rows_with_missing_values_can_be_dropped_or_refused(tmp_path):
    path = write(tmp_path, "age,y\n40,0.5\n,0.6\n50,0.7\n")
    dropped = data.open(table(path, options={"missing": "drop"}))
    assert dropped.arrays["features"].tolist() == [[40.0], [50.0]]
    assert "1 row with missing values left out." in dropped.notes
    error = fault(path, options={"missing": "refuse"})
    assert str(error).startswith(f"{path}, row 3, column 'age': there is no value")
    assert len(data.open(table(path, **{error.fixes[0].name: error.fixes[0].value}))) == 2


def test_a_row_without_target_is_named_and_the_fix_leaves_it_out(tmp_path):
    path = write(tmp_path, "x,y\n1,a\n2,\n3,b\n")
    error = fault(path)
    assert str(error).startswith(f"{path}, row 3: the target 'y' has no value there (1 row in all)")
    fix = error.fixes[0]
    assert fix.action == "set_data"
    assert len(data.open(table(path, **{fix.name: fix.value}))) == 2


def test_a_text_in_a_number_column_is_named_by_row_and_column(tmp_path):
    path = write(tmp_path, "age,y\n40,0.5\nforty,0.6\n50,0.7\n")
    error = fault(path)
    assert str(error).startswith(f"{path}, row 3, column 'age': 'forty' is no number, expected a number")
    leave_out, as_categories = error.fixes
    assert leave_out.value == {"age": "unused"}
    taken = data.open(table(path, **{as_categories.name: as_categories.value}))
    assert taken.fields[0].columns == ("age=40", "age=50", "age=forty")


def test_a_text_far_below_the_head_is_named_by_its_row(tmp_path):
    path = write(tmp_path, "x,y\n" + "1,2.5\n" * 30_000 + "oops,3.5\n" + "1,2.5\n" * 10)
    assert f"{path}, row 30002, column 'x': 'oops' is no number" in str(fault(path))


@pytest.mark.parametrize("value", ["1_000", "१२", "0x1F", "1.2.3"])
def test_what_only_python_takes_for_a_number_is_refused(tmp_path, value):
    path = write(tmp_path, f"x,y\n1,0.5\n{value},0.6\n3,0.7\n4,0.7\n")
    assert f"{value!r} is no number" in str(fault(path))


@pytest.mark.parametrize("value", ["inf", "-Infinity", "1e300"])
def test_an_infinite_number_is_named(tmp_path, value):
    path = write(tmp_path, f"x,y\n1,0.5\n{value},0.6\n3,0.7\n")
    assert f"row 3, column 'x': {value!r} is no finite number" in str(fault(path))


def test_a_ragged_row_is_named(tmp_path):
    path = write(tmp_path, "a,b,y\n1,2,3\n1,2\n1,2,3\n")
    assert str(fault(path)).startswith(f"{path}, row 3: 2 values, expected 3 as in the header")
    path = write(tmp_path, "a,b,y\n1,2,3\n\n1,2,3,4,5\n1,2,3\n")
    assert f"{path}, row 4: 5 values, expected 3" in str(fault(path))


def test_a_delimiter_at_the_end_of_every_row_makes_no_column(tmp_path):
    dataset = data.open(table(write(tmp_path, "a,b,y,\n1,2,3.5,\n1,2,4.5,\n")))
    assert dataset.fields[0].columns == ("a", "b")


BARE = {
    "that opens": ['"no', "yes", "yes", "no"],
    "that another closes": ['"no', 'yes"', "yes", '"no', 'yes"'],
    "at both ends of a part": ['"no" way', "yes", '"no" way', "yes"],
    "far below": ["yes", "no"] * 700 + ['"no', "yes"],
    "far below, closed": ["yes", "no"] * 700 + ['"no', "yes", 'no"', "yes"],
}


@pytest.mark.parametrize("marks", BARE.values(), ids=BARE)
def test_a_bare_quote_between_tabs_is_a_letter(tmp_path, marks):
    rows = "".join(f"{number}\t{mark}\n" for number, mark in enumerate(marks))
    path = write(tmp_path, f"x\tmark\n{rows}", "table.tsv")
    dataset = data.open(table(path, roles={"x": "input", "mark": "target"}))
    classes = dataset.field("mark").classes
    assert [classes[code] for code in dataset.arrays["mark"]] == marks
    note = "Not all quotes of the file pair; they were read as letters."
    assert note in dataset.notes
    assert data.preview(table(path, roles={"x": "input", "mark": "target"})).notes.count(note) == 1
    with pytest.raises(DataError, match="a quote is not closed or stands in the wrong place"):
        data.open(table(path, options={"quotes": True}))


def test_quotes_that_pair_hold_tabs_and_line_ends_together(tmp_path):
    path = write(tmp_path, 'x\tlabel\n1\t"a\tb"\n2\t"c\nd"\n3\t"a\tb"\n4\t"c\nd"\n', "table.tsv")
    dataset = data.open(table(path))
    assert dataset.field("label").classes == ("a\tb", "c\nd")
    assert not dataset.notes


def test_an_unclosed_quote_is_named_by_the_row_where_it_opens(tmp_path):
    path = write(tmp_path, 'x,y\n1,a\n2,"b\n3,a\n')
    assert f"{path}, row 3: a quote is not closed" in str(fault(path))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty"),
        (b" \n\n ", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b",,\n,,\n", "no row holds a value"),
        (b"a,b,c\n", "there is a header but no row below it"),
        (b"PK\x03\x04rest of a workbook", "this is an Excel or zip file"),
        (b"a,b\n1,\x00\n", "it holds bytes that are no text"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, content, sentence):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    error = fault(path)
    assert str(error).startswith(f"{path}: {sentence}")
    assert error.fixes[0].action == "choose_data"


def test_one_class_only_is_refused(tmp_path):
    path = write(tmp_path, "x,kind\n1,a\n2,a\n3,a\n")
    assert f"{path}: every sample of 'kind' is of one class, 'a'" in str(fault(path))
    with pytest.raises(DataError, match="one class"):
        describe(path)


def test_a_column_without_any_value_is_named_and_the_fix_leaves_it_out(tmp_path):
    path = write(tmp_path, "a,empty,y\n1,,0.5\n2,,0.6\n")
    error = fault(path)
    assert f"{path}, column 'empty': no row has a value" in str(error)
    assert data.open(table(path, **{error.fixes[0].name: error.fixes[0].value})).fields[0].columns == ("a",)


def test_a_missing_file_says_so_and_offers_to_choose_again(tmp_path):
    error = fault(tmp_path / "gone.csv")
    assert str(error).startswith(f"{tmp_path / 'gone.csv'}: the file is not there")
    assert (error.fixes[0].label, error.fixes[0].action) == ("Choose the file again", "choose_data")


def test_a_folder_instead_of_a_file_is_refused(tmp_path):
    assert "this is a folder, expected a file" in str(fault(tmp_path))


def test_a_role_for_a_column_that_is_not_there_is_refused(tmp_path):
    error = fault(write(tmp_path, IRIS), roles={"height": "input"})
    assert "there is no column 'height', expected one of 'length', 'width', 'kind'" in str(error)


def test_no_target_and_no_input_are_refused(tmp_path):
    path = write(tmp_path, IRIS)
    unused = dict.fromkeys(("length", "width", "kind"), "unused")
    assert "no column is the target" in str(fault(path, roles=unused))
    assert "no column is an input" in str(fault(path, roles={**unused, "kind": "target"}))


def test_a_batch_larger_than_the_data_is_refused_and_the_fix_works(tmp_path):
    spec = DataSpec(source=str(write(tmp_path, IRIS)), reader="csv", batch_size=64, validation=0.25)
    with pytest.raises(DataError, match="a batch of 64 is larger than the 3 training samples") as caught:
        data.open(spec)
    fix = caught.value.fixes[0]
    assert (fix.action, fix.name, fix.value) == ("set_data", "batch_size", 2)
    assert len(data.open(DataSpec(source=spec.source, reader="csv", batch_size=fix.value, validation=0.25))) == 4


def test_a_file_that_changed_since_it_was_described_is_noticed(tmp_path):
    path = write(tmp_path, IRIS)
    described = data.describe(table(path))
    write(tmp_path, IRIS.replace("virginica", "versicolor"))
    with pytest.raises(DataError, match="field 'kind' now has 2 classes: 'setosa', 'versicolor'"):
        data.open(described)


def test_columns_of_one_name_are_told_apart(tmp_path):
    shown = data.preview(table(write(tmp_path, "x,x,y\n1,2,3\n4,5,6\n")))
    assert shown.columns == ("x", "x (2)", "y")
    assert any("More than one column is called 'x'" in note for note in shown.notes)


def test_the_preview_shows_rows_even_where_the_data_has_a_fault(tmp_path):
    shown = data.preview(table(write(tmp_path, "age,y\n40,0.5\nforty,0.6\n50,0.7\n")))
    assert shown.rows == (("40", "0.5"), ("forty", "0.6"), ("50", "0.7"))
    assert "'forty' is no number" in str(shown.problem)


def test_a_large_file_is_previewed_from_its_head_and_can_be_cancelled(tmp_path):
    path = tmp_path / "large.csv"
    path.write_text("x,y\n" + "0.25,0.5\n" * 400_000)
    shown = data.preview(table(path), rows=5)
    assert (len(shown.rows), shown.is_whole) == (5, False)
    assert abs(shown.samples - 400_000) < 4000
    fractions = []
    with pytest.raises(data.Cancelled):
        data.open(table(path), progress=lambda fraction: fractions.append(fraction) or len(fractions) < 3)
    assert len(fractions) == 3
    whole = []
    assert len(data.open(table(path), progress=lambda fraction: whole.append(fraction) or True)) == 400_000
    assert whole == sorted(whole)
    assert whole[-1] == 1.0


def test_a_packed_file_is_read_and_a_damaged_one_refused(tmp_path):
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(IRIS.encode()))
    assert len(data.open(table(path))) == 4
    path.write_bytes(gzip.compress(IRIS.encode() * 100)[:-20])
    assert "it cannot be read" in str(fault(path))


@pytest.mark.skipif(sys.platform == "win32", reason="file rights are others there")
def test_a_file_without_the_right_to_read_says_so(tmp_path, monkeypatch):
    path = write(tmp_path, IRIS)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    assert "it cannot be read: you have no right to read it" in str(fault(path))


names = st.lists(
    st.text("abcdefghäöü字 _-,;\"'", min_size=1, max_size=8).map(str.strip).filter(lambda name: name and name != '"'),
    min_size=2, max_size=5, unique_by=str.casefold,
)  # fmt: skip
numbers = st.floats(-1e6, 1e6, width=32, allow_nan=False).map(lambda x: float(np.float32(x)))
texts = st.sampled_from(["red", 'the "blue"', "a,b", "c;d", "line\nend", "grün", "字", " spaced "])


@settings(deadline=None, max_examples=60)
@given(header=names, rows=st.data(), delimiter=st.sampled_from([",", ";", "\t"]))
def test_any_table_that_is_written_reads_back_the_same(tmp_path_factory, header, rows, delimiter):
    width = len(header)
    body = rows.draw(
        st.lists(st.tuples(*[numbers] * (width - 1), texts), min_size=2, max_size=40).filter(
            lambda body: len({row[-1].strip() for row in body}) > 1
        )
    )
    path = tmp_path_factory.mktemp("tables") / "table.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *body])
    roles = dict.fromkeys(header[:-1], "input") | {header[-1]: "target"}
    dataset = data.open(table(path, roles=roles, validation=0.0, options={"delimiter": delimiter}))
    inputs, target = dataset.fields
    assert inputs.columns == tuple(header[:-1])
    np.testing.assert_array_equal(dataset.arrays[inputs.name], np.array([row[:-1] for row in body], np.float32))
    read = [target.classes[code] for code in dataset.arrays[target.name]]
    assert read == [row[-1].strip() for row in body]


@settings(deadline=None, max_examples=40)
@given(
    rows=st.lists(
        st.tuples(st.one_of(numbers, st.just(""), st.just("NA")), numbers, st.sampled_from(["a", "b", ""])),
        min_size=3,
        max_size=200,
    ).filter(lambda rows: len({row[2] for row in rows} - {""}) > 1 and any(isinstance(row[0], float) for row in rows)),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_plain_and_quoted_rows_read_the_same(tmp_path_factory, rows, ending):
    folder = tmp_path_factory.mktemp("tables")
    read = []
    for name, quoting in (("plain", csv.QUOTE_MINIMAL), ("quoted", csv.QUOTE_ALL)):
        path = folder / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator=ending, quoting=quoting).writerows([("gaps", "x", "kind"), *rows])
        roles = {"gaps": "input", "x": "input", "kind": "target"}
        read.append(data.open(table(path, roles=roles, options={"missing_target": "drop"})))
    plain, quoted = read
    assert plain.fields == quoted.fields
    np.testing.assert_array_equal(plain.arrays["features"], quoted.arrays["features"])
    np.testing.assert_array_equal(plain.arrays["kind"], quoted.arrays["kind"])
    kept = [row for row in rows if row[2]]
    expected = np.array([[row[0] if isinstance(row[0], float) else np.nan, row[1]] for row in kept], np.float32)
    np.testing.assert_array_equal(plain.arrays["features"], expected)


@pytest.mark.parametrize(
    ("letters", "words"),
    [(200_000, "row 2: a quote is not closed or stands in the wrong place (field larger than field limit"),
     (300_000, "row 2: it does not end within 256 KiB, expected shorter rows")],
)  # fmt: skip
def test_a_text_that_is_too_long_for_a_row_is_told_by_its_row(tmp_path, letters, words):
    path = tmp_path / "long.csv"
    path.write_text(f"text,answer\n{'x' * letters},yes\nshort,no\n")
    assert words in str(fault(path))
