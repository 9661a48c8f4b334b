"""A run folder that somebody sent: nothing outside it is read or written, and nothing hangs."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import engine.data
from engine.errors import DataError, EngineError, ProjectError
from engine.formats import checkpoint, elsewhere, project_file
from engine.formats.regular import open_regular
from engine.graph import templates
from engine.graph.spec import DataSpec
from engine.train.events import Pause, Predict, Snapshot, TakeSnapshot, encode
from engine.train.run import serve, train
from engine.train.run_folder import CommandReader, RunFolder
from gui import settings
from gui.run import folder as run_folder
from gui.run import process
from gui.run.model import Run
from tests.engine.projects import here, small_line

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, pipes and devices as POSIX has them")

SECONDS = 15.0
"""So long nothing here takes: what lasts longer hangs."""


def outside(path: Path) -> Path:
    """Where links lead: beside the folder that holds the runs."""
    return path.parents[len(path.parts) - 1 - path.parts.index("sent")] / "outside"


def link(path: Path) -> None:
    """To what was there before, now outside: whole and of the right kind."""
    target = outside(path) / path.name
    shutil.move(path, target)
    path.symlink_to(target)


def gone(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def link_to_nowhere(path: Path) -> None:
    gone(path)
    path.symlink_to(outside(path) / "not yet there")


def pipe(path: Path) -> None:
    gone(path)
    os.mkfifo(path)


def device(path: Path) -> None:
    """An endless one, as an archive unpacked by the superuser may hold it."""
    gone(path)
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only the superuser makes devices")


def a_socket(path: Path) -> None:
    gone(path)
    short = Path(os.path.relpath(path))  # the name of a socket has at most 107 bytes
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as made:
        made.bind(short.name)


def folder(path: Path) -> None:
    gone(path)
    path.mkdir()
    (path / "something").write_text("in it")


KINDS: dict[str, Callable[[Path], None]] = {
    "a link": link, "a link to nowhere": link_to_nowhere, "a pipe": pipe, "a device": device, "a socket": a_socket,
    "a folder": folder,
}  # fmt: skip

FILES = (
    "project.json", "weights.safetensors", "run.lock", "events.jsonl", "commands.jsonl", "commands.position",
    "engine.log", "checkpoints", "checkpoints/last.safetensors", "checkpoints/best.safetensors", "snapshots",
    "snapshots/00000000.safetensors",
)  # fmt: skip
"""All that engine or window reads or writes in a run folder."""

MUST_BE_REFUSED = {"events.jsonl", "commands.jsonl", "run.lock", "checkpoints", "snapshots", "project.json"}
"""Whatever is strange there ends a training; the rest is written anew in its place, or not needed."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that has ended, with every file that there can be."""
    path = tmp_path_factory.mktemp("finished") / "run"
    with RunFolder(path) as run:
        train(small_line(), run)
    (path / "commands.jsonl").write_bytes(encode(TakeSnapshot(request="old")))
    CommandReader(path / "commands.jsonl").poll()
    (path / "weights.safetensors").write_bytes(checkpoint.read_weights(path / "checkpoints" / "best.safetensors"))
    (path / "engine.log").write_text("it said this\n")
    assert all((path / name).exists() for name in FILES)
    return path


@pytest.fixture
def run(finished, tmp_path):
    """That run as somebody sent it, beside things that are none of its business."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "letter.txt").write_text("mine\n")
    return Path(shutil.copytree(finished, tmp_path / "sent" / "line.runs" / "run"))


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """Whether a write has reached the disk is not asked here, and a thousand of them take their time."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@contextlib.contextmanager
def at_once():
    """Fails what hangs, also within a system call."""

    def hangs(number, frame):
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def nothing_changes(place: Path):
    """Fails what writes there."""

    def look() -> dict:
        return {path: (path.lstat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in place.rglob("*")}

    before = look()
    yield
    assert look() == before


strange = pytest.mark.parametrize(("name", "kind"), [(name, kind) for name in FILES for kind in KINDS])


def is_sound(name: str, kind: str) -> bool:
    return name in ("checkpoints", "snapshots") and kind == "a folder"


@strange
def test_the_engine_goes_on_with_a_strange_run_inside_it_or_says_why_not(run, name, kind):
    KINDS[kind](run / name)
    refusal = ""
    with at_once(), nothing_changes(outside(run)):
        try:
            project_file.read(run)
            with RunFolder(run) as held:
                train(small_line(epochs=3), held, resume=name != "checkpoints")
        except EngineError as error:
            refusal = str(error)
    assert not refusal or (refusal.endswith(".") and "unexpected" not in refusal)
    assert refusal or name not in MUST_BE_REFUSED or is_sound(name, kind)


@strange
def test_an_engine_that_answers_in_a_strange_run_stays_inside_it_or_says_why_not(run, name, kind):
    KINDS[kind](run / name)
    with at_once(), nothing_changes(outside(run)), contextlib.suppress(EngineError), RunFolder(run) as held:
        serve(small_line(), held, idle=0.0)


@strange
def test_the_command_line_reads_a_strange_run_inside_it_or_says_why_not(run, capsys, name, kind):
    KINDS[kind](run / name)
    for command in (("evaluate", run), ("export", run, "--format", "weights", "--output", run.parent / "out")):
        with at_once(), nothing_changes(outside(run)):
            done = here(capsys, *command)
        assert done.returncode in (0, 1)
        assert done.returncode == 0 or (done.stderr.count("\n") == 1 and "unexpected" not in done.stderr)


def test_a_network_behind_a_link_is_not_taken_for_the_run_s_own(run, capsys):
    link(run / "checkpoints" / "best.safetensors")
    link(run / "checkpoints" / "last.safetensors")
    (run / "weights.safetensors").unlink()
    assert "not been trained" in here(capsys, "evaluate", run).stderr


@strange
def test_the_window_shows_a_strange_run_or_says_why_not(run, qtbot, name, kind):
    KINDS[kind](run / name)
    shown = Run()
    with at_once(), nothing_changes(outside(run)):
        for found in shown.find(run.parent):
            run_folder.summarise(found)
        shown.follow(run)
        qtbot.waitUntil(lambda: not shown.is_loading)
        assert shown.state in ("finished", "failed", "idle", "lost", "starting"), shown.state
        assert (name == "events.jsonl") == (shown.state == "failed")
        shown.read_snapshot(Snapshot(step=0, epoch=0, file="snapshots/00000000.safetensors", contents=()))
        with contextlib.suppress(ProjectError):
            shown.weights()
        process.last_words(run)
        process.is_alive(run)
        with contextlib.suppress(OSError):
            process.send(run, Pause())
        with contextlib.suppress(OSError):
            process.unsay(run)
        shown.close()


def test_runs_that_are_links_are_no_runs_of_the_project(run, capsys):
    elsewhere = outside(run) / "other"
    shutil.move(run, elsewhere)
    run.symlink_to(elsewhere)
    project_file.write(run.parent.parent / "line.loom", small_line())
    assert run_folder.find(run.parent) == []
    with nothing_changes(outside(run)):
        done = here(capsys, "train", run.parent.parent / "line.loom", "--resume")
    assert "there is no run to resume" in done.stderr


def test_a_note_that_names_somebody_else_s_folder_moves_nothing(run, tmp_path):
    other = outside(run) / "their project"
    shutil.copytree(run, other)
    (run.parent / "elsewhere.txt").write_text(f"{other}\n")
    with nothing_changes(outside(run)):
        assert run_folder.find(run.parent) == [run]
        assert run_folder.adopt(elsewhere.noted(run.parent), run.parent) == {}


def test_a_run_of_the_user_s_own_that_the_note_names_comes_along(run, tmp_path):
    own = settings.state_folder() / "runs" / "line" / "first"
    shutil.copytree(run, own)
    (run.parent / "elsewhere.txt").write_text(f"{own}\n")
    assert run_folder.adopt(elsewhere.noted(run.parent), run.parent) == {own: run.parent / "first"}


def test_the_command_line_finds_a_run_of_the_user_s_own_that_the_note_names(run, capsys):
    path = run.parent.parent / "line.loom"
    project_file.write(path, small_line())
    own = settings.state_folder() / "runs" / "line" / "first"
    own.parent.mkdir(parents=True)
    shutil.move(run, own)
    assert "there is no run to resume" in here(capsys, "train", path, "--resume").stderr
    (run.parent / "elsewhere.txt").write_text(f"{own}\n")
    assert json.loads(here(capsys, "evaluate", path, "--json").stdout)["run"] == str(own)


@pytest.mark.parametrize("kind", KINDS)
def test_a_strange_note_of_runs_elsewhere_is_passed_over(run, kind):
    note = run.parent / "elsewhere.txt"
    note.write_text(f"{outside(run)}\n")
    KINDS[kind](note)
    with at_once(), nothing_changes(outside(run)):
        assert run_folder.find(run.parent) == [run]


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"a\0b\n", b"/dev\n" * 10_000, b"/dev\n" * 10_000_000, b"." * 60_000]
)
def test_any_bytes_in_the_note_of_runs_elsewhere_are_no_folder(run, content):
    (run.parent / "elsewhere.txt").write_bytes(content)
    assert run_folder.find(run.parent) == [run]


HUGE = 2**40


def sparse(path: Path, begin: bytes = b"") -> None:
    """A terabyte of nothing, which takes no room on the disk."""
    path.write_bytes(begin)
    os.truncate(path, HUGE)


@pytest.mark.parametrize("name", [name for name in FILES if "." in name])
def test_a_file_of_a_terabyte_is_neither_read_to_its_end_nor_kept_in_memory(run, qtbot, name):
    sparse(run / name)
    shown = Run()
    began = time.process_time()
    with at_once():
        with contextlib.suppress(EngineError), RunFolder(run) as held:
            train(small_line(epochs=3), held, resume=True)
        with contextlib.suppress(ProjectError):
            project_file.read(run)
        shown.follow(run)
        shown.read_snapshot(Snapshot(step=0, epoch=0, file="snapshots/00000000.safetensors", contents=()))
        with contextlib.suppress(ProjectError):
            shown.weights()
        qtbot.wait(100)
        shown.close()
    assert time.process_time() - began < 5


CLAIMS = {
    "a header of a terabyte": struct.pack("<Q", HUGE),
    "an array of a terabyte": b'{"a":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}' % (HUGE // 4, HUGE),
    "arrays one upon another": b"{%s}" % b",".join(
        b'"a%d":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}' % i for i in range(100_000)
    ),
    "an array that ends before it begins": b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}',
    "offsets that are no numbers": b'{"a":{"dtype":"F32","shape":[1],"data_offsets":["0",null]}}',
    "brackets without end": b"[" * 1_000_000,
}  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("read", [checkpoint.read, checkpoint.read_weights])
def test_a_checkpoint_whose_header_claims_too_much_is_refused_at_once(run, claim, read):
    path, header = run / "checkpoints" / "last.safetensors", CLAIMS[claim]
    path.write_bytes(header if claim.startswith("a header") else struct.pack("<Q", len(header)) + header + bytes(4))
    began = time.process_time()
    with pytest.raises(ProjectError, match="cut off or no checkpoint"):
        read(path)
    assert time.process_time() - began < 2


STRANGE_LINES = {
    "broken letters": b'{"event":"\xff"}',
    "brackets without end": b'{"event":"Edited","step":1,"name":"lr","after":1,"before":' + b"[" * 100_000,
    "a number past all counting": b'{"event":"Checkpoint","step":%d,"epoch":1,"file":"x","kind":"last"}' % 2**70,
    "a time past all calendars": b'{"event":"Refused","time":1e300,"request":"","message":""}',
    "a path with a NUL": b'{"event":"Snapshot","step":1,"epoch":1,"file":"a\\u0000b","contents":[]}',
    "a path that leads out": b'{"event":"Snapshot","step":1,"epoch":1,"file":"../../../outside/x","contents":[]}',
    "three megabytes without an end": b"x" * 3_000_000,
}


@pytest.mark.parametrize("line", STRANGE_LINES)
def test_the_window_reads_past_a_strange_event(run, qtbot, line):
    path = run / "events.jsonl"
    path.write_bytes(STRANGE_LINES[line] + b"\n" + path.read_bytes() + STRANGE_LINES[line] + b"\n")
    shown = Run()
    shown.follow(run)
    qtbot.waitUntil(lambda: not shown.is_loading)
    assert shown.state == "finished"
    run_folder.summarise(run)
    shown.close()


@pytest.mark.parametrize("line", STRANGE_LINES)
def test_an_engine_goes_on_behind_a_strange_event(run, line):
    with open(run / "events.jsonl", "ab") as file:
        file.write(STRANGE_LINES[line] + b"\n")
    with RunFolder(run) as held:
        assert train(small_line(epochs=3), held, resume=True).ended.reason == "finished"


def test_a_checkpoint_that_lacks_what_a_run_needs_is_said_in_a_sentence(run):
    path = run / "checkpoints" / "last.safetensors"
    kept = checkpoint.read(path)
    checkpoint.write(path, checkpoint.Checkpoint(kept.model, kept.optimizer, kept.preparation, {"samples": 442}))
    with RunFolder(run) as held, pytest.raises(EngineError, match=r"last\.safetensors: it is no checkpoint of this"):
        train(small_line(epochs=3), held, resume=True)


@pytest.mark.parametrize("kind", ["a pipe", "a device"])
def test_data_that_are_no_file_are_refused(tmp_path, kind):
    path = tmp_path / "table.csv"
    path.touch()
    KINDS[kind](path)
    with at_once(), pytest.raises(DataError, match="a pipe or a device"):
        engine.data.open(DataSpec(source=str(path), reader="csv"), None)


def test_a_question_of_endless_numbers_is_answered_with_a_sentence(run):
    with open(run / "commands.jsonl", "ab") as file:
        file.write(encode(Predict(request="q", inputs={"features": [[1e39] * 1000] * 10})))
    with RunFolder(run) as held:
        serve(small_line(), held, idle=0.0)
    assert b'"request":"q"' in (run / "events.jsonl").read_bytes()


def test_a_second_run_is_refused_without_a_word_in_the_first(tmp_path):
    project = templates.create("linear-regression")
    with RunFolder(tmp_path / "run") as folder:
        train(project, folder)
    before = (tmp_path / "run" / "events.jsonl").read_bytes()
    with RunFolder(tmp_path / "run") as folder, pytest.raises(EngineError, match="already"):
        train(project, folder)
    assert (tmp_path / "run" / "events.jsonl").read_bytes() == before


def test_a_link_is_never_opened(tmp_path):
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(OSError, match="link"):
        open_regular(tmp_path / "link", "rb")


def test_a_weights_header_of_endless_shapes_is_refused_at_once(tmp_path):
    shape = ",".join([str(2**62)] * 200_000)
    header = f'{{"a":{{"dtype":"F32","shape":[{shape}],"data_offsets":[0,4]}}}}'.encode()
    weights = struct.pack("<Q", len(header)) + header + b"\0\0\0\0"
    path = tmp_path / "p.loom"
    project_file.write(path, templates.create("spirals"), weights)
    began = time.process_time()
    with pytest.raises(ProjectError):
        project_file.read(path)
    assert time.process_time() - began < 2


def test_a_directory_of_a_hundred_thousand_parts_is_refused_unread(tmp_path):
    path = tmp_path / "p.loom"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number}", b"")
    content = bytearray(path.read_bytes())
    place = content.rfind(b"PK\x05\x06")
    content[place + 8 : place + 12] = b"\x01\x00\x01\x00"
    path.write_bytes(content)
    with pytest.raises(ProjectError, match="directory"):
        project_file.read(path)
