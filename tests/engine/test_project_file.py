"""Project files: whole or not at all when written, and read without trust."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import textwrap
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from engine.errors import ProjectError
from engine.formats import project_file
from engine.formats.project_file import ProjectFile, read, runs_folder, write
from engine.graph import spec
from engine.graph.spec import Choice, DataSpec, EarlyStopping, FieldSpec, Graph, Node, Project, TrainingSpec, Wire

ROOT = Path(__file__).parents[2]
PROJECT = Project(
    name="Digits ü 数字",
    graph=Graph(
        (Node("input1", "Input"), Node("fc1", "Linear", {"out_features": 10}, 160.0, 0.0, "last")),
        (Wire("input1", "fc1"),),
    ),
    data=DataSpec(source="bundled:digits", fields=(FieldSpec("image", "image", (1, 8, 8), "input"),), samples=1797),
    training=TrainingSpec(Choice("SGD", {"lr": 0.1}), Choice("StepLR", {"step_size": 3}), 7, clip_norm=1.0),
)
WEIGHTS = save({"fc1.weight": np.arange(20, dtype="f4").reshape(10, 2), "fc1.bias": np.ones(10, "f4")})
PICTURE = b"\x89PNG\r\n\x1a\n not looked into"


@pytest.fixture(params=["a project.loom", "проект 数字/网络.loom", "a folder", "schöne Ordner/数"])
def path(request, tmp_path):
    path = tmp_path / request.param
    path.parent.mkdir(exist_ok=True)
    return path


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


# --- there and back -------------------------------------------------------------------------------------------------


def test_a_project_comes_back_as_it_was_from_a_file_and_from_a_folder(path):
    write(path, PROJECT, WEIGHTS, PICTURE)
    assert read(path) == ProjectFile(PROJECT, WEIGHTS, PICTURE)


def test_saving_again_without_weights_leaves_none_behind(path):
    write(path, PROJECT, WEIGHTS, PICTURE)
    write(path, PROJECT)
    assert read(path) == ProjectFile(PROJECT, None, None)


def test_nothing_but_the_project_is_left_in_the_folder(tmp_path):
    write(tmp_path / "a.loom", PROJECT, WEIGHTS)
    write(tmp_path / "a.loom", PROJECT, WEIGHTS)
    assert [p.name for p in tmp_path.iterdir()] == ["a.loom"]


def test_weights_in_the_file_begin_at_a_multiple_of_64_bytes_and_can_be_mapped(tmp_path):
    write(tmp_path / "a.loom", PROJECT, WEIGHTS)
    content = (tmp_path / "a.loom").read_bytes()
    header = int.from_bytes(WEIGHTS[:8], "little")
    numbers = content.index(WEIGHTS) + 8 + header
    assert numbers % 64 == 0
    assert zipfile.ZipFile(tmp_path / "a.loom").testzip() is None


def test_the_same_project_gives_the_same_bytes(tmp_path):
    for name in ("a.loom", "b.loom"):
        write(tmp_path / name, PROJECT, WEIGHTS)
    assert (tmp_path / "a.loom").read_bytes() == (tmp_path / "b.loom").read_bytes()


def test_weights_that_the_engine_saved_can_be_kept_in_a_project(tmp_path):
    import engine

    network = engine.nn.Sequential(engine.nn.Linear(3, 2), engine.nn.BatchNorm1d(2))
    engine.save(network.state_dict(), tmp_path / "w.safetensors")
    write(tmp_path / "a.loom", PROJECT, (tmp_path / "w.safetensors").read_bytes())
    assert set(load(read(tmp_path / "a.loom").weights)) == set(network.state_dict())


def test_a_transposed_weight_survives_the_file(tmp_path):
    weight = np.arange(6, dtype="f4").reshape(2, 3).T
    write(tmp_path / "a.loom", PROJECT, save({"w": np.ascontiguousarray(weight)}))
    np.testing.assert_array_equal(load(read(tmp_path / "a.loom").weights)["w"], weight)


def test_the_json_in_a_folder_opens_the_folder(tmp_path):
    write(tmp_path / "net", PROJECT)
    assert read(tmp_path / "net" / "project.json").project == PROJECT


def test_a_link_to_a_project_stays_a_link(tmp_path):
    write(tmp_path / "real.loom", Project())
    (tmp_path / "link.loom").symlink_to(tmp_path / "real.loom")
    write(tmp_path / "link.loom", PROJECT)
    assert (tmp_path / "link.loom").is_symlink()
    assert read(tmp_path / "real.loom").project == PROJECT


@pytest.mark.parametrize(
    ("name", "runs"), [("a.loom", "a.runs"), ("my.net", "my.net.runs"), ("数 1.loom", "数 1.runs")]
)
def test_runs_lie_beside_the_project(tmp_path, name, runs):
    assert runs_folder(tmp_path / name) == tmp_path.resolve() / runs


def test_data_below_the_project_are_found_again_after_both_have_moved(tmp_path):
    old, new = tmp_path / "old place", tmp_path / "neuer Ort"
    (old / "data").mkdir(parents=True)
    (old / "data" / "points.csv").write_text("x,y\n1,2\n")
    project = msgspec.structs.replace(
        PROJECT, data=DataSpec(source=str(old / "data" / "points.csv"), reader="csv", fields=PROJECT.data.fields)
    )
    write(old / "a.loom", project)
    stored = json.loads(zipfile.ZipFile(old / "a.loom").read("project.json"))
    assert stored["data"]["source"] == "data/points.csv"
    assert read(old / "a.loom").project == project
    shutil.move(old, new)
    assert read(new / "a.loom").project.data.source == str((new / "data" / "points.csv").resolve())


def test_data_elsewhere_keep_their_absolute_path(tmp_path):
    (tmp_path / "here").mkdir()
    source = str(tmp_path / "there" / "points.csv")
    project = msgspec.structs.replace(PROJECT, data=DataSpec(source=source, reader="csv"))
    write(tmp_path / "here" / "a.loom", project)
    assert read(tmp_path / "here" / "a.loom").project.data.source == source


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
IDS = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True).filter(lambda id: id not in spec.RESERVED)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | TEXT
VALUES = st.dictionaries(TEXT, SCALARS | st.lists(SCALARS, max_size=4), max_size=4)
PIXELS = st.floats(-1e6, 1e6)
FIELDS = st.builds(
    FieldSpec, TEXT, st.sampled_from(["image", "vector", "number", "category"]),
    st.lists(st.integers(0, 64), max_size=3).map(tuple), st.sampled_from(["input", "target", "unused"]),
    classes=st.lists(TEXT, max_size=3).map(tuple),
)  # fmt: skip


@st.composite
def projects(draw) -> Project:
    ids = draw(st.lists(IDS, unique=True, max_size=8))
    nodes = tuple(Node(id, draw(TEXT), draw(VALUES), draw(PIXELS), draw(PIXELS), draw(TEXT)) for id in ids)
    ends = draw(st.lists(st.tuples(st.sampled_from(ids), st.sampled_from(ids)), max_size=8)) if ids else []
    wires = {(target, "x"): Wire(source, target) for source, target in ends}
    return Project(
        name=draw(TEXT),
        graph=Graph(nodes, tuple(wires.values())),
        data=DataSpec(
            source="bundled:" + draw(TEXT), options=draw(VALUES), fields=tuple(draw(st.lists(FIELDS, max_size=3))),
            batch_size=draw(st.integers(1, 4096)), validation=draw(st.floats(0.0, 0.9)),
        ),
        training=TrainingSpec(
            Choice(draw(TEXT), draw(VALUES)), draw(st.none() | st.builds(Choice, TEXT, VALUES)),
            draw(st.integers(1, 10_000)), early_stopping=draw(st.none() | st.builds(EarlyStopping, st.integers(1, 99))),
        ),
        notes=draw(TEXT),
    )  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(project=projects(), name=st.sampled_from(["a.loom", "b"]), weights=st.sampled_from([None, WEIGHTS]))
def test_any_project_comes_back_as_it_was(tmp_path, project, name, weights):
    write(tmp_path / name, project, weights)
    assert read(tmp_path / name) == ProjectFile(project, weights, None)


# --- saving that cannot be done -------------------------------------------------------------------------------------


def run_python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments], cwd=ROOT, text=True, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(sys.platform == "win32", reason="file-size limits are POSIX's")
@pytest.mark.parametrize("name", ["a.loom", "a folder"])
def test_a_disk_that_takes_no_more_leaves_the_old_project_untouched(tmp_path, name):
    write(tmp_path / name, PROJECT, WEIGHTS)
    said = run_python(
        """
        import resource, signal, sys
        from engine.errors import ProjectError
        sys.dont_write_bytecode = True  # the limit would cut what Python keeps compiled
        from engine.formats.project_file import read, write
        from safetensors.numpy import save
        import numpy
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        try:
            write(sys.argv[1], read(sys.argv[1]).project, save({"w": numpy.ones(5000)}))
        except ProjectError as error:
            print(error)
        """,
        str(tmp_path / name),
    )
    assert said.startswith(f"{name}: it could not be saved")
    assert "untouched" in said
    assert read(tmp_path / name) == ProjectFile(PROJECT, WEIGHTS, None)
    assert [p.name for p in tmp_path.rglob("*.part")] == []


def test_a_full_disk_is_named_in_one_sentence(tmp_path, monkeypatch):
    write(tmp_path / "a.loom", PROJECT)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ProjectError, match=r"^a\.loom: it could not be saved: the disk is full"):
        write(tmp_path / "a.loom", Project(name="new"))
    monkeypatch.undo()
    assert read(tmp_path / "a.loom").project == PROJECT
    assert [p.name for p in tmp_path.iterdir()] == ["a.loom"]


@pytest.mark.skipif(sys.platform == "win32", reason="folder permissions are POSIX's")
def test_a_read_only_folder_is_named_in_one_sentence():
    folder = Path(tempfile.mkdtemp())  # outside pytest's own folder, which other users may not enter
    try:
        write(folder / "a.loom", PROJECT)
        folder.chmod(0o555)
        (folder / "a.loom").chmod(0o444)
        said = run_python(
            """
            import os, sys
            from engine.errors import ProjectError
            from engine.formats.project_file import read, write
            project = read(sys.argv[1]).project
            if os.getuid() == 0:
                os.setuid(65534)  # permissions do not bind the superuser
            try:
                write(sys.argv[1], project)
            except ProjectError as error:
                print(error)
            """,
            str(folder / "a.loom"),
        )
        assert said.startswith("a.loom: it could not be saved:")
        assert "may not be written" in said
        assert read(folder / "a.loom").project == PROJECT
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ProjectError, match="does not exist"):
        write(tmp_path / "missing" / "a.loom", PROJECT)


def test_a_file_in_the_folders_place_is_named_and_kept(tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(ProjectError, match="is a file, not a folder"):
        write(tmp_path / "notes", PROJECT)
    assert (tmp_path / "notes").read_text() == "mine"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), {"deep": 1}, 2**80, object(), "\udc80"])
def test_a_project_that_could_not_be_read_again_is_not_written(tmp_path, bad):
    write(tmp_path / "a.loom", PROJECT)
    graph = Graph((Node("fc1", "Linear", {"bias": bad}),))
    if isinstance(bad, float):
        graph = Graph((Node("fc1", "Linear", x=bad),))
    with pytest.raises(ProjectError):
        write(tmp_path / "a.loom", Project(graph=graph))
    assert read(tmp_path / "a.loom").project == PROJECT


# --- files that are not ours, cut off, or hostile --------------------------------------------------------------------


def test_a_file_cut_off_anywhere_is_refused_in_a_sentence(tmp_path):
    write(tmp_path / "a.loom", PROJECT, WEIGHTS)
    content = (tmp_path / "a.loom").read_bytes()
    for end in range(0, len(content), 7):
        (tmp_path / "b.loom").write_bytes(content[:end])
        sentence(tmp_path / "b.loom")


def test_a_byte_changed_anywhere_is_noticed_or_changes_nothing(tmp_path):
    write(tmp_path / "a.loom", PROJECT, WEIGHTS)
    content = (tmp_path / "a.loom").read_bytes()
    for place in range(0, len(content), 11):
        (tmp_path / "b.loom").write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        with contextlib.suppress(ProjectError):
            assert read(tmp_path / "b.loom") == ProjectFile(PROJECT, WEIGHTS, None)


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
