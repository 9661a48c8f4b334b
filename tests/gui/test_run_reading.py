"""What is read of a run's folder: long, torn, cut off, made up."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from engine.train import events
from gui.run import folder as run_folder
from gui.run.history import Column, History
from gui.run.model import Run
from gui.run.tail import Tail


def write_steps(path: Path, count: int, mode="wb") -> None:
    lines = [
        b'{"event":"Step","seq":%d,"time":1795455618.1,"step":%d,"epoch":%d,"loss":%.6f,"learning_rate":0.001,'
        b'"gradient_norm":0.52,"samples_per_second":41000.5,"progress":0.5,"seconds_left":12.25}\n'
        % (i, i, i // 1000, 2 / (1 + i / 1000))
        for i in range(1, count + 1)
    ]
    with path.open(mode) as file:
        file.write(b"".join(lines))


def old_run(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True)
    (folder / "project.json").write_text("{}")
    started = events.RunStarted(
        run="old", project="old", pid=1, device="cpu", threads=1, seed=0, epochs=1000, steps_per_epoch=1000,
        train_samples=1, validation_samples=1, parameters=1, task="regression", metrics=("r2",),
    )  # fmt: skip
    (folder / "events.jsonl").write_bytes(events.encode(started))
    write_steps(folder / "events.jsonl", count, "ab")
    with (folder / "events.jsonl").open("ab") as file:
        file.write(events.encode(events.RunEnded(reason="finished", step=count, epoch=1, seconds=1.0)))
    return folder


def test_a_million_steps_are_read_without_holding_the_window(qtbot, tmp_path):
    folder = old_run(tmp_path / "runs" / "old", 1_000_000)
    run, slices = Run(), []
    read = run._read

    def timed(seconds):
        began = time.process_time()
        read(seconds)
        slices.append(time.process_time() - began)

    run._read = timed
    with qtbot.waitSignal(run.loaded, timeout=60_000):
        run.follow(folder)
    assert len(run.history) == 1_000_000
    assert run.history.step[-1] == 1_000_000
    most = np.percentile(slices, 98)
    print(f"{len(slices)} slices, 98 % under {most * 1e3:.1f} ms, longest {max(slices) * 1e3:.1f} ms of processor")
    assert most < 0.010
    run.close()


def test_a_half_written_line_waits_for_its_end(tmp_path):
    path = tmp_path / "events.jsonl"
    tail = Tail(path)
    assert list(tail.read(1)) == []
    path.write_bytes(b"one\ntw")
    assert list(tail.read(1)) == [[b"one"]]
    with path.open("ab") as file:
        file.write(b"o\n")
    assert list(tail.read(1)) == [[b"two"]]


def test_a_torn_end_that_is_cut_off_is_no_new_file(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"one\ntorn")
    tail = Tail(path)
    list(tail.read(1))
    path.write_bytes(b"one\n")
    assert list(tail.read(1)) == []
    assert not tail.was_restarted
    path.write_bytes(b"one\ntwo\n")
    assert list(tail.read(1)) == [[b"two"]]


def test_a_shorter_file_is_read_from_its_beginning(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"one\ntwo\nthree\n")
    tail = Tail(path)
    list(tail.read(1))
    path.write_bytes(b"new\n")
    assert list(tail.read(1)) == [[b"new"]]
    assert tail.was_restarted


def test_an_event_behind_a_torn_one_is_read():
    torn = b'{"event":"Step","seq":3,"st' + events.encode(events.Refused(request="r", message="no"))
    assert run_folder.parse(torn) == events.Refused(request="r", message="no")
    assert run_folder.parse(b'{"event":"Step","seq"') is None


def test_a_column_grows_and_is_cut():
    column = Column(np.float32, capacity=2)
    column.extend([1, 2, 3])
    column.extend([4])
    column.cut(3)
    column.extend([9])
    assert column.values.tolist() == [1, 2, 3, 9]


def test_a_rewound_history_forgets_what_came_after():
    history = History()
    step = events.Step(
        step=1, epoch=0, loss=1, learning_rate=1, gradient_norm=1, samples_per_second=1, progress=0, seconds_left=0
    )
    history.add_steps([events.Step(**{**step_fields(step), "step": number}) for number in range(1, 8)])
    history.edits.append(events.Edited(step=6, name="lr", before=1, after=2))
    history.rewind(5)
    assert history.step.tolist() == [1, 2, 3, 4, 5]
    assert history.edits == []


def step_fields(step: events.Step) -> dict:
    return {name: getattr(step, name) for name in step.__struct_fields__}


def test_a_snapshot_outside_the_run_folder_is_not_read(tmp_path, qtbot):
    run = Run()
    run.folder = tmp_path / "run"
    (tmp_path / "secret.safetensors").write_bytes(b"")
    event = events.Snapshot(step=1, epoch=1, file="../secret.safetensors", contents=())
    assert run.read_snapshot(event) == {}
