"""Large data are read by a process of its own, and all that can happen to it is a sentence."""

from __future__ import annotations

import os
import signal
import sys
import threading

import numpy as np
import pytest

from engine.data import Cancelled
from engine.errors import DataError, EngineError
from engine.graph.spec import DataSpec
from gui import program
from gui.reading import apart
from gui.reading.child import TASKS
from gui.reading.messages import pack, unpack

KINDS = {"look": TASKS["look"][1], "samples": TASKS["samples"][1]}


def go_on(fraction: float) -> bool:
    return True


@pytest.fixture
def large(tmp_path) -> DataSpec:
    """A table beyond the size that is read at once."""
    rng = np.random.default_rng(0)
    rows = "".join(f"{a:.6f},{b:.6f},{'yes' if a > b else 'no'}\n" for a, b in rng.standard_normal((130_000, 2)))
    (tmp_path / "large.csv").write_text("a,b,answer\n" + rows)
    return DataSpec("large.csv", "csv")


def test_a_large_table_is_described_as_it_would_be_here(large, tmp_path):
    assert apart.is_large(large, tmp_path)
    found = apart.read("look", large, tmp_path, go_on)
    assert found == TASKS["look"][0](large, tmp_path, go_on)
    assert found.described.samples == 130_000


def test_samples_of_a_large_table_are_those_of_its_validation_part(large, tmp_path):
    spec = apart.read("look", large, tmp_path, go_on).described
    there, here = apart.read("samples", spec, tmp_path, go_on), TASKS["samples"][0](spec, tmp_path, go_on)
    for name, values in here.unseen.items():
        np.testing.assert_array_equal(there.unseen[name], values)
    sample, truth = there.random(np.random.default_rng(0))
    assert truth == ("yes" if sample["features"][0] > sample["features"][1] else "no")


def test_texts_of_a_large_table_come_whole(tmp_path):
    rows = "".join(f"this is the sentence with the number {i},{'ab'[i % 2]}\n" for i in range(60_000))
    (tmp_path / "large.csv").write_text("words,label\n" + rows)
    spec = DataSpec("large.csv", "csv")
    assert apart.is_large(spec, tmp_path)
    described = apart.read("look", spec, tmp_path, go_on).described
    assert described.fields[0].kind == "text"
    there, here = apart.read("samples", described, tmp_path, go_on), TASKS["samples"][0](described, tmp_path, go_on)
    assert there.unseen["words"].tolist() == here.unseen["words"].tolist()
    assert there.start["words"].item() == here.start["words"].item()


@pytest.mark.parametrize("name", ["digits", "breast-cancer", "spirals", "reviews"])
@pytest.mark.parametrize("task", KINDS)
def test_nothing_is_lost_on_the_way(name, task):
    found = TASKS[task][0](described(name), None, go_on)
    again = unpack(pack(found), KINDS[task])
    assert type(again) is type(found)
    assert pack(again) == pack(found)


def described(name: str) -> DataSpec:
    return TASKS["look"][0](DataSpec(f"bundled:{name}"), None, go_on).described


def test_a_fault_keeps_its_sentence_and_its_mends(large, tmp_path):
    with (tmp_path / "large.csv").open("a") as file:
        file.write("1.0,2.0,yes,4.0\n")
    found = apart.read("look", large, tmp_path, go_on)
    assert found.described is None
    assert "row 130002: 4 values, expected 3" in str(found.preview.problem)
    assert [fix.action for fix in found.preview.problem.fixes] == ["choose_data"]


def test_what_cannot_even_be_shown_is_refused_as_here(tmp_path):
    (tmp_path / "odd.csv").write_bytes(b"\0" * (apart.AT_ONCE + 1))
    with pytest.raises(DataError, match="bytes that are no text"):
        apart.read("look", DataSpec("odd.csv", "csv"), tmp_path, go_on)


def test_calling_it_off_ends_the_process(large, tmp_path):
    with pytest.raises(Cancelled):
        apart.read("look", large, tmp_path, lambda fraction: False)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
def test_a_reader_that_is_killed_is_told_of(large, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(program, "let_the_window_go_first", lambda process: started.append(process))

    def kill(fraction: float) -> bool:
        os.kill(started[0].pid, signal.SIGKILL)
        return True

    with pytest.raises(EngineError, match=r"the data: the process that read it was killed by the system \(SIGKILL\)"):
        apart.read("look", large, tmp_path, kill)


def test_a_reader_that_cannot_start_says_why(large, tmp_path, monkeypatch):
    monkeypatch.setattr(program, "command", lambda *_: [sys.executable, "-c", "raise SystemExit('no readers here')"])
    with pytest.raises(EngineError, match="ended with exit code 1: no readers here"):
        apart.read("look", large, tmp_path, go_on)


def test_reading_leaves_the_interpreter_to_the_window(large, tmp_path):
    reading = threading.Thread(target=apart.read, args=("look", large, tmp_path, go_on))
    before = os.times()
    reading.start()
    reading.join()
    spent = os.times()
    assert spent.children_user - before.children_user > 4 * (spent.user - before.user)


def test_a_long_text_is_shown_as_far_as_it_is_read(tmp_path):
    long = "word " * 20_000
    rows = "".join(f"{number} {long},{'yes' if number % 2 else 'no'}\n" for number in range(20))
    (tmp_path / "long.csv").write_text("text,answer\n" + rows)
    spec = DataSpec("long.csv", "csv", batch_size=8, options={"kinds": {"text": "text"}, "length": 8})
    samples = TASKS["samples"][0](TASKS["look"][0](spec, tmp_path, go_on).described, tmp_path, go_on)
    assert {len(text) for text in samples.unseen["text"]} == {160}
    assert len(samples.start["text"].item()) == 160
