"""Project files: whole or not at all when written."""

from __future__ import annotations

import errno
import json
import os
import shutil
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
from engine.formats.project_file import ProjectFile, read, runs_folder, write
from engine.graph import spec
from engine.graph.spec import Choice, DataSpec, EarlyStopping, FieldSpec, Graph, Node, Project, TrainingSpec, Wire
from tests.engine.a_project import PICTURE, PROJECT, WEIGHTS

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["a project.loom", "проект 数字/网络.loom", "a folder", "schöne Ordner/数"])
def path(request, tmp_path):
    path = tmp_path / request.param
    path.parent.mkdir(exist_ok=True)
    return path


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
