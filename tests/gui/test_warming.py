"""Kernels compiled behind the window: when it begins, that there is never a second one, and when it ends."""

from __future__ import annotations

import os

import msgspec
import pytest

pytest.importorskip("llvmlite", reason="there are no kernels to compile without it")

from engine.graph import templates
from gui import warming
from gui.document.document import Document
from gui.run.model import Run


@pytest.fixture
def document(qapp):
    return Document()


@pytest.fixture
def run(qapp):
    run = Run()
    yield run
    run.close()


@pytest.fixture
def warmer(document, run, monkeypatch, tmp_path):
    monkeypatch.setenv("LAYERLOOM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(warming, "QUIET", 100)
    warmer = warming.Warming(document, run, document)
    yield warmer
    warmer.close_down()


def kernels(tmp_path):
    return sorted((tmp_path / "cache" / "kernels").glob("*.o"))


def test_a_project_that_is_opened_is_compiled_for_once(warmer, document, qtbot, tmp_path):
    document.new(templates.create("linear-regression"))
    qtbot.waitUntil(lambda: warmer.is_running, timeout=5000)
    qtbot.waitUntil(lambda: not warmer.is_running, timeout=60_000)
    assert kernels(tmp_path)
    document.training_changed.emit()
    qtbot.wait(300)
    assert not warmer.is_running


def test_an_edit_is_waited_for_and_replaces_the_one_before(warmer, document, qtbot):
    document.new(templates.create("digits-cnn"))
    qtbot.waitUntil(lambda: warmer.is_running, timeout=5000)
    first = warmer._process
    document.set_data(msgspec.structs.replace(document.project.data, batch_size=16))
    qtbot.waitUntil(lambda: warmer._process is not first and warmer.is_running, timeout=5000)
    assert first.returncode is not None


def test_a_network_with_a_fault_is_left_alone(warmer, document, qtbot):
    document.new(templates.create("digits-cnn"))
    document.disconnect(document.graph.wires[-1:])
    assert any(problem.severity == "error" for problem in document.inference.problems)
    qtbot.wait(400)
    assert not warmer.is_running


def test_a_network_that_would_fill_the_memory_is_left_alone(warmer, document, qtbot):
    document.new(templates.create("digits-mlp"))
    dense = next(id for id, node in document.nodes.items() if node.type == "Linear")
    document.set_parameter([dense], "out_features", 65536)
    document.insert_on_wire("Linear", next(w for w in document.graph.wires if w.source == dense), 0, 0)
    document.set_parameter([list(document.nodes)[-1]], "out_features", 65536)
    assert document.inference.parameter_count > 2**30
    qtbot.wait(400)
    assert not warmer.is_running


def test_it_makes_way_for_a_run(warmer, document, run, qtbot):
    document.new(templates.create("digits-cnn"))
    qtbot.waitUntil(lambda: warmer.is_running, timeout=5000)
    process = warmer._process
    run._set_state("starting")
    assert process.returncode is not None
    assert not warmer.is_running


def test_it_ends_with_the_window_and_leaves_no_folder(warmer, document, qtbot):
    document.new(templates.create("digits-cnn"))
    qtbot.waitUntil(lambda: warmer.is_running, timeout=5000)
    process, folder = warmer._process, warmer._folder
    assert os.path.exists(folder)
    warmer.close_down()
    assert process.returncode is not None
    assert not os.path.exists(folder)
