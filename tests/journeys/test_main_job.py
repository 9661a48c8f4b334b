"""Build a network on the canvas, train it, watch it, save it, find it again."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.graph.spec import Wire
from gui.plots.live_plot import SMOOTHING


def draw_network(person) -> None:
    """On an empty project: choose data, drag three layers, wire them, set loss and optimizer."""
    person.press("Ctrl+2")
    person.choose("data-source", "Handwritten digits")
    person.until(lambda: person.document.project.data.samples == 1797)
    input, flatten, linear = (
        person.drop_layer(type, 200 + 170 * i, 120) for i, type in enumerate(("Input", "Flatten", "Linear"))
    )
    person.wire(input, flatten)
    person.wire(flatten, linear)
    person.press("Ctrl+3")
    person.choose("training-loss", "Cross-entropy")
    person.choose("training-optimizer", "AdamW")


def new_project(person) -> None:
    person.press("Ctrl+N")
    person.until(lambda: person.window.is_working)


def test_a_network_drawn_by_hand_trains_and_is_the_same_after_reopening(person, open_window, tmp_path, monkeypatch):
    new_project(person)
    draw_network(person)
    mend_the_one_problem(person)
    assert {(w.source, w.target) for w in person.document.wires} == {
        ("input1", "flatten1"), ("flatten1", "fc1"), ("fc1", "loss1"),
    }  # fmt: skip

    person.train_to_the_end()
    history = person.run.history
    assert history.loss[-10:].mean() < history.loss[:10].mean() / 2
    assert json.loads((person.run.folder / "project.json").read_bytes())["training"]["optimizer"]["type"] == "AdamW"
    assert_curve_is_drawn(person)
    accuracy = person.run.end.validation["accuracy"]
    best = person.run.end.best["accuracy"]
    assert accuracy > 0.85

    path = tmp_path / "Мои цифры.loom"
    person.save_as(path, monkeypatch)
    person.close()

    again = open_window()
    again.open(path, monkeypatch)
    again.until(lambda: again.run.end is not None)
    assert again.run.end.validation["accuracy"] == accuracy
    again.until(lambda: again.document.weights is not None)
    saved, opened = person.document.project, again.document.project
    assert (opened.graph, opened.data, opened.training) == (saved.graph, saved.data, saved.training)
    assert opened.name == path.stem

    evaluated = engine("evaluate", path, "--json")
    assert evaluated["validation"]["accuracy"] == pytest.approx(best, abs=1e-6)


def mend_the_one_problem(person) -> None:
    """Bring the problems to the front and click the fix."""
    (problem,) = [p for p in person.document.inference.problems if p.severity == "error"]
    assert "10" in problem.message
    person.press("Ctrl+4")
    fix = person.fix_button(problem.fixes[0].label)
    assert person.window.problems.isAncestorOf(fix)
    assert not fix.visibleRegion().isEmpty()
    QTest.mouseClick(fix, Qt.MouseButton.LeftButton)
    person.until(lambda: person.document.inference.ok)
    person.until(lambda: not person.window.problems.problems)


def assert_curve_is_drawn(person) -> None:
    """The loss plot shows the run: each epoch's validation loss, every batch's loss, and the running mean of those."""
    person.until(lambda: "loss" in person.window.dashboard.cards)
    plot, history = person.window.dashboard.cards["loss"].plot, person.run.history
    validation = plot._lines["validation"].top
    person.until(lambda: len(np.atleast_1d(validation.getData()[1])) == len(history.epochs) and plot.is_current)
    assert not plot.visibleRegion().isEmpty()
    steps, losses = validation.getData()
    assert list(steps) == [event.step for event in history.epochs]
    np.testing.assert_allclose(losses, [event.validation["loss"] for event in history.epochs], rtol=1e-6)

    under = plot._lines["train"].under.getData()[1]  # lowest and highest loss of each column
    assert (under.min(), under.max()) == pytest.approx((history.loss.min(), history.loss.max()))
    assert under[-2] <= history.loss[-1] <= under[-1]

    steps, line = plot._lines["train"].top.getData()
    size = next(size for size in (1, 2, 4, 8, 16) if -(-len(history) // size) == len(steps))
    means = [history.loss[start : start + size].mean() for start in range(0, len(history), size)]
    reach = int(len(means) * SMOOTHING[plot.smoothing]) // 2 + 1
    assert line[-1] == pytest.approx(np.mean(means[-reach:]), rel=1e-5)


def engine(*arguments) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "engine", *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_everything_can_be_undone_to_the_empty_canvas_and_redone(person):
    new_project(person)
    empty = person.document.project
    draw_network(person)
    drawn = person.document.project
    person.canvas.setFocus()
    steps = 0
    while person.document.undo_stack.canUndo():
        person.press("Ctrl+Z")
        steps += 1
        assert steps < 50
    assert person.document.project == empty
    assert not person.canvas.canvas.node_items
    assert steps >= 8  # data, three layers, two wires, loss, optimizer
    while person.document.undo_stack.canRedo():
        person.press("Ctrl+Shift+Z")
        steps -= 1
    assert steps == 0
    assert person.document.project == drawn
    assert set(person.canvas.canvas.node_items) == {"input1", "flatten1", "fc1", "loss1"}


def test_a_layer_is_spliced_into_a_wire_while_the_network_trains(person):
    person.open_template("digits-mlp")
    person.train()
    first, second = next((w.source, w.target) for w in person.document.wires if w.source.startswith("relu"))
    middle = (person.port(first, "out") + person.port(second, "in")) / 2
    new = person.drop_layer("Dropout", middle.x(), middle.y())
    ends = {(w.source, w.target) for w in person.document.wires}
    assert (first, new) in ends
    assert (new, second) in ends
    assert Wire(first, second) not in person.document.wires
    assert person.run.state == "running"


def test_pause_step_and_a_new_learning_rate_reach_the_engine(person):
    person.open_template("digits-mlp")
    person.train()
    person.until(lambda: person.run.last_step is not None)
    person.click("top-train.pause")
    person.until(lambda: person.run.state == "paused")
    before = person.run.last_step.step
    person.click("top-train.step")
    person.until(lambda: person.run.last_step.step == before + 1)
    person.press("Ctrl+3")
    person.type_into("training-now-learning_rate_now", "0.0005")
    person.until(lambda: bool(person.run.history.edits) and person.run.history.edits[-1].after == 0.0005)
    assert person.run.history.edits[-1].name == "lr"
    assert person.run.last_step.step == before + 1, "it is still paused"
    person.click("train")
    person.until(lambda: person.run.last_step.step > before + 3)
    assert person.run.last_step.learning_rate == pytest.approx(0.0005)


def test_a_digit_drawn_on_the_pad_is_answered_while_the_network_trains(person):
    person.open_template("digits-mlp")
    person.train()
    answers = []
    person.run.prediction.connect(answers.append)
    pad = person.find("try-pad")
    middle = pad.rect().center()
    QTest.mousePress(pad, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle - middle / 2)
    QTest.mouseMove(pad, middle)
    QTest.mouseMove(pad, middle + middle / 2)
    QTest.mouseRelease(pad, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle + middle / 2)
    person.until(lambda: bool(answers))
    assert person.run.state == "running"
    assert sum(answers[0].probabilities.values()) == pytest.approx(1, abs=1e-3)


def test_sentences_are_dropped_learned_and_tried(person, tmp_path):
    praise, complaint = ("the food was great and so was the service", "the food was awful and we waited for an hour")
    rows = [f"{(praise, complaint)[i % 2]} on day {i},{('positive', 'negative')[i % 2]}" for i in range(200)]
    (tmp_path / "reviews.csv").write_text("\n".join(["text,sentiment", *rows]) + "\n")
    person.drop_file(tmp_path / "reviews.csv", person.window.start_page)
    person.until(lambda: bool(person.window.document.nodes))
    assert [node.type for node in person.window.document.project.graph.nodes][:2] == ["Input", "EmbeddingBag"]
    person.train_to_the_end()
    answers = []
    person.run.prediction.connect(answers.append)
    words = person.find("try-text")
    words.setFocus()
    words.selectAll()
    QTest.keyClicks(words, "The service was great")
    person.until(lambda: bool(answers) and answers[-1].probabilities["positive"] > 0.5)
    words.selectAll()
    QTest.keyClicks(words, "An awful hour")
    person.until(lambda: answers[-1].probabilities["negative"] > 0.5)
