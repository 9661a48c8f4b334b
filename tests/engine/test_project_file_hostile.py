"""Project files that are not ours, cut off, or hostile: each is refused in a sentence."""

from __future__ import annotations

import json
import os
import re
import struct
import zipfile
from pathlib import Path

import pytest

from engine.errors import ProjectError
from engine.formats import project_file
from engine.formats.project_file import ProjectFile, read, write
from engine.graph import spec
from engine.graph.spec import Graph, Node, Project
from tests.engine.a_project import PICTURE, PROJECT, WEIGHTS


def pack(path: Path, members, compression=zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def sentence(path: Path) -> str:
    """What reading it says; a whole sentence without a traceback's words."""
    with pytest.raises(ProjectError) as caught:
        read(path)
    text = str(caught.value)
    assert text.startswith(path.name)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def test_a_file_cut_off_anywhere_is_refused_in_a_sentence(tmp_path):
    write(tmp_path / "a.loom", PROJECT, WEIGHTS)
    content = (tmp_path / "a.loom").read_bytes()
    for end in range(0, len(content), 7):
        (tmp_path / "b.loom").write_bytes(content[:end])
        sentence(tmp_path / "b.loom")


def changed(content: bytes, place: int, bits: int) -> bytes:
    return content[:place] + bytes([content[place] ^ bits]) + content[place + 1 :]


def read_or_refusal(path: Path) -> ProjectFile | str:
    try:
        return read(path)
    except ProjectError as error:
        return str(error)


def headers(content: bytes) -> list[int]:
    """Places in what is neither a part nor the room that aligns it: headers, names, the directory and its end."""
    places = list(range(content.index(b"PK\x01\x02"), len(content)))
    for start in (found.start() for found in re.finditer(b"PK\x03\x04", content)):
        letters = int.from_bytes(content[start + 26 : start + 28], "little")
        places += range(start, start + 30 + letters + 4)
    return places


def test_a_byte_changed_anywhere_is_noticed_or_changes_nothing(tmp_path):
    write(tmp_path / "a.loom", PROJECT, WEIGHTS, PICTURE)
    content, path = (tmp_path / "a.loom").read_bytes(), tmp_path / "b.loom"
    changes = [(place, 0x55) for place in range(len(content))]
    changes += [(place, 1 << bit) for place in headers(content) for bit in range(8)]
    for change in changes:
        path.write_bytes(changed(content, *change))
        found = read_or_refusal(path)
        is_said = isinstance(found, str) and found.startswith("b.loom: it is damaged: ")
        assert is_said or found == ProjectFile(PROJECT, WEIGHTS, PICTURE), (change, found)


def entry(content: bytes, name: bytes) -> int:
    """Where the directory's entry of a part begins."""
    return content.rindex(name) - 46


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (lambda content: content.index(b"fc1.bias"),
         "weights.safetensors cannot be read, but project.json, thumbnail.png can"),
        (lambda content: content.index(b"weights.safetensors"),
         "weights.safetensors cannot be read, but project.json, thumbnail.png can"),
        (lambda content: content.index(b'"schema"'),
         "project.json cannot be read, but weights.safetensors, thumbnail.png can"),
        (lambda content: entry(content, b"project.json") + 30,  # the length of its extra field, which swallows the next
         "its directory cannot be read, but project.json, weights.safetensors, thumbnail.png can"),
        (lambda content: entry(content, b"weights.safetensors") + 32,  # the length of its comment
         "its directory cannot be read, but project.json, weights.safetensors, thumbnail.png can"),
        (lambda content: len(content) - 12,  # how many parts there are
         "its directory cannot be read, but project.json, weights.safetensors, thumbnail.png can"),
    ],
    ids=["weights", "header", "project", "extra field", "comment", "count"],
)  # fmt: skip
def test_a_damaged_file_says_which_part_is_lost_and_what_is_still_there(tmp_path, place, words):
    write(tmp_path / "a.loom", PROJECT, WEIGHTS, PICTURE)
    content = (tmp_path / "a.loom").read_bytes()
    (tmp_path / "a.loom").write_bytes(changed(content, place(content), 0x55))
    assert sentence(tmp_path / "a.loom") == f"a.loom: it is damaged: {words}; open its autosave or a copy."


def test_a_file_cut_off_says_what_is_whole_before_its_end(tmp_path):
    write(tmp_path / "a.loom", PROJECT, WEIGHTS)
    content = (tmp_path / "a.loom").read_bytes()
    (tmp_path / "a.loom").write_bytes(content[: content.index(b"fc1.bias")])
    assert "weights.safetensors cannot be read, but project.json can" in sentence(tmp_path / "a.loom")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04" + bytes(40), bytes(1000)])
def test_a_file_that_is_no_project_is_refused(tmp_path, content):
    (tmp_path / "a.loom").write_bytes(content)
    assert "expected a Layerloom project" in sentence(tmp_path / "a.loom")


def test_a_missing_file_is_named(tmp_path):
    assert "does not exist" in sentence(tmp_path / "gone.loom")


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "there is no project.json in it" in sentence(tmp_path / "empty")


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil", "a/../../b", "project.json/", "extra.py", "C:\\evil"])
def test_a_part_of_another_name_is_refused(tmp_path, name):
    path = pack(tmp_path / "a.loom", [("project.json", spec.encode(PROJECT)), (name, b"x")])
    assert "lies in it" in sentence(path)


def test_a_directory_of_many_parts_is_refused_before_it_is_read(tmp_path):
    path = pack(tmp_path / "a.loom", [("project.json", spec.encode(PROJECT)), *((f"p{n}", b"") for n in range(2000))])
    assert "2001 parts lie in it" in sentence(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_part_that_is_there_twice_is_refused(tmp_path):
    path = pack(tmp_path / "a.loom", [("project.json", spec.encode(PROJECT)), ("project.json", b"{}")])
    assert "twice" in sentence(path)


def test_a_compressed_bomb_is_refused_before_it_unfolds(tmp_path):
    parts = [("project.json", spec.encode(PROJECT)), ("weights.safetensors", bytes(50 << 20))]
    assert "is compressed" in sentence(pack(tmp_path / "a.loom", parts, zipfile.ZIP_DEFLATED))


def test_a_part_that_claims_to_be_huge_is_refused(tmp_path):
    path = pack(tmp_path / "a.loom", [("project.json", spec.encode(PROJECT)), ("thumbnail.png", b"x")])
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02")
    content[place + 20 : place + 28] = struct.pack("<II", 1 << 30, 1 << 30)  # both sizes in the directory
    path.write_bytes(content)
    assert "1 GiB" in sentence(path)


def test_a_wrong_checksum_is_refused(tmp_path):
    write(tmp_path / "a.loom", PROJECT)
    content = bytearray((tmp_path / "a.loom").read_bytes())
    content[content.index(b'"Linear"') + 1] ^= 1
    (tmp_path / "a.loom").write_bytes(content)
    assert "damaged" in sentence(tmp_path / "a.loom")


def header(entries) -> bytes:
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    "weights",
    [
        b"",
        b"\xff" * 8,
        (1 << 60).to_bytes(8, "little") + b"{}",
        header(b"not json"),
        header(b"[" * 50_000),
        header({"w": 1}),
        header({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}) + bytes(4),
        header({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}) + bytes(12),
        header({"w": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}) + bytes(8),
        header({"w": {"dtype": "F32", "shape": [-2], "data_offsets": [0, -8]}}),
        header({"w": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}) + bytes(12),
        header({"w": {"dtype": "O", "shape": [2], "data_offsets": [0, 8]}}) + bytes(8),
        header({n: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for n in "ab"}) + bytes(8),
        header({"w": {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 8]}}) + bytes(8),
    ],
)
def test_weights_whose_header_lies_are_refused(tmp_path, weights):
    path = pack(tmp_path / "a.loom", [("project.json", spec.encode(PROJECT)), ("weights.safetensors", weights)])
    assert "weights.safetensors" in sentence(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not readable as JSON"),
        ('{"schema": 1, "name": "\xff"}', "not readable as JSON"),
        ('{"schema": NaN}', "not readable as JSON"),
        ('{"schema": 1e999}', "not readable as JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "no schema number"),
        ('{"schema": true}', "no schema number"),
        ('{"schema": 2}', "newer Layerloom"),
        ('{"schema": 0}', "unknown"),
        ('{"schema": 1, "colour": 3}', "colour"),
        ('{"schema": 1, "training": {"epochs": "5"}}', "at training.epochs: expected a whole number, got a text"),
        ('{"schema": 1, "training": {"epochs": 0}}', "at training.epochs"),
        ('{"schema": 1, "data": {"batch_size": 0}}', "at data.batch_size"),
        ('{"schema": 1, "graph": {"nodes": [{"id": "a b", "type": "ReLU"}]}}', "at graph.nodes[0].id"),
        ('{"schema": 1, "graph": {"nodes": [{"id": "train", "type": "ReLU"}]}}', "a word that the script needs"),
        ('{"schema": 1, "graph": {"nodes": [{"id": "a", "type": "ReLU", "x": 1e300}]}}', "at graph.nodes[0].x"),
        ('{"schema": 1, "graph": {"nodes": [{"id": "a", "type": "R", "params": {"p": {"q": 1}}}]}}', "graph.nodes[0]"),
        ('{"schema": 1, "graph": {"nodes": [{"id": "a", "type": "R", "params": {"p": [[1]]}}]}}', "graph.nodes[0]"),
        ('{"schema": 1, "graph": {"nodes": [{"id": "a", "type": "R", "params": {"p": 1e30}}]}}', "too large"),
        ('{"schema": 1, "graph": {"nodes": [{"id": "a", "type": "R"}, {"id": "a", "type": "R"}]}}', "two nodes"),
        ('{"schema": 1, "graph": {"wires": [{"source": "a", "target": "b"}]}}', "no node of the network"),
        ('{"schema": 1, "data": {"options": {"a": {"b": 1}}}}', "data.options"),
        (
            '{"schema": 1, "training": {"schedule": {"type": "S", "members": [{"type": "T", "params": {"a": [[]]}}]}}}',
            "at training.schedule.members[0].params",
        ),
        (
            '{"schema": 1, "training": {"optimizer": {"type": "SGD", "members": [{"type": "Adam"}]}}}',
            "SGD has members, expected members of the schedule alone",
        ),
    ],
)
def test_a_faulty_description_is_refused_with_its_place(tmp_path, text, says):
    path = pack(tmp_path / "a.loom", [("project.json", text.encode("latin-1"))])
    assert says in sentence(path)


def test_too_many_nodes_are_refused(tmp_path):
    nodes = [{"id": f"n{i}", "type": "ReLU"} for i in range(spec.MAX_NODES + 1)]
    path = pack(tmp_path / "a.loom", [("project.json", json.dumps({"schema": 1, "graph": {"nodes": nodes}}))])
    assert "at graph.nodes" in sentence(path)


def test_an_unknown_layer_opens_and_nothing_of_it_is_lost(tmp_path):
    graph = Graph((Node("a", "HyperConv9d", {"filters": [3, 5], "mode": "x"}, 7.0, 8.0, "mine"),))
    write(tmp_path / "a.loom", Project(graph=graph))
    write(tmp_path / "b.loom", read(tmp_path / "a.loom").project)
    assert read(tmp_path / "b.loom").project.graph == graph


def test_a_pipe_in_a_folder_is_named_and_does_not_hang_the_reader(tmp_path):
    write(tmp_path / "net", PROJECT)
    os.mkfifo(tmp_path / "net" / "weights.safetensors")
    assert "net/weights.safetensors: it is no regular file" in sentence(tmp_path / "net")


def test_a_project_too_large_is_refused_before_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(project_file.LIMITS, "weights.safetensors", 16)
    with pytest.raises(ProjectError, match=r"a\.loom/weights\.safetensors: it has \d+ B, expected at most 16 B"):
        write(tmp_path / "a.loom", PROJECT, WEIGHTS)
    assert not (tmp_path / "a.loom").exists()
