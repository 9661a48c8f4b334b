"""A run folder that somebody sent: nothing outside it is read or written, and nothing hangs."""

from __future__ import annotations

import os
import struct
import time
import zipfile

import pytest

from engine.errors import EngineError, ProjectError
from engine.formats import project_file
from engine.formats.regular import open_regular
from engine.graph import templates
from engine.train.events import Pause
from engine.train.run import train
from engine.train.run_folder import RunFolder
from gui.run import folder as run_folder
from gui.run import process


@pytest.fixture
def victim(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("mine\n")
    return path


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "sent.runs" / "one"
    folder.mkdir(parents=True)
    (folder / "project.json").write_text("{}")
    return folder


def test_events_behind_a_link_are_not_written(run, victim):
    (run / "events.jsonl").symlink_to(victim)
    with pytest.raises(EngineError, match="link"):
        RunFolder(run)
    assert victim.read_text() == "mine\n"


def test_commands_behind_a_link_are_not_written(run, victim):
    (run / "commands.jsonl").symlink_to(victim)
    with pytest.raises(OSError, match="link"):
        process.send(run, Pause())
    assert victim.read_text() == "mine\n"


def test_a_pipe_or_a_linked_lock_neither_hangs_nor_raises(run, victim):
    os.mkfifo(run / "events.jsonl")
    (run / "run.lock").symlink_to(victim)
    (run.parent / "elsewhere.txt").write_bytes(b"\xff\xfe\x00")
    assert run_folder.find(run.parent) == [run]
    assert not process.is_alive(run)
    with pytest.raises(OSError, match="regular"):
        open_regular(run / "events.jsonl", "rb")


def test_a_second_run_is_refused_without_a_word_in_the_first(tmp_path):
    project = templates.create("linear-regression")
    with RunFolder(tmp_path / "run") as folder:
        train(project, folder)
    before = (tmp_path / "run" / "events.jsonl").read_bytes()
    with RunFolder(tmp_path / "run") as folder, pytest.raises(EngineError, match="already"):
        train(project, folder)
    assert (tmp_path / "run" / "events.jsonl").read_bytes() == before


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
