"""The training panel, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox

from engine.graph import catalogue, templates
from engine.graph.spec import Choice, Project, TrainingSpec
from gui.document.document import Document
from gui.document.selection import Selection
from gui.panels.training import TrainingPanel
from tests.gui.on_panels import pick

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


@pytest.fixture
def document(qapp):
    document = Document()
    document.new(Project())
    return document


class Idle(QObject):
    """What the training panel sees of a run."""

    state_changed = Signal(str)
    stepped = Signal()
    state = "idle"
    last_step = None

    def __init__(self):
        super().__init__()
        self.rates = []

    def set_learning_rate(self, value):
        self.rates.append(value)


@pytest.fixture
def training(qtbot, document):
    panel = TrainingPanel(document, Selection(document), Idle())
    qtbot.addWidget(panel, before_close_func=TrainingPanel.close_down)
    panel.resize(308, 900)
    panel.show()
    return panel


def test_choosing_a_loss_puts_it_behind_the_network(qtbot, training, document):
    document.new(templates.create("digits-mlp"))
    loss = next(id for id in document.nodes if document.entry(id).kind == "loss")
    document.delete([loss])
    title = catalogue.entry("CrossEntropyLoss").title
    assert training._loss_note.isVisible()
    pick(training.findChild(QComboBox, "training-loss"), title)
    losses = [id for id in document.nodes if document.entry(id).kind == "loss"]
    assert len(losses) == 1
    assert any(w.target == losses[0] for w in document.wires)
    qtbot.waitUntil(lambda: not training._loss_note.isVisible())


def test_another_optimizer_keeps_the_learning_rate(training, document):
    document.set_training("optimizer", type(document.project.training.optimizer)("Adam", {"lr": 0.02}))
    pick(training.findChild(QComboBox, "training-optimizer"), catalogue.entry("SGD").title)
    chosen = document.project.training.optimizer
    assert chosen.type == "SGD"
    assert chosen.params["lr"] == 0.02
    assert "momentum" in training._optimizer_form.editors


def test_a_parameter_of_the_optimizer_is_typed(training, document):
    box = training._optimizer_form.editors["lr"]
    box.setFocus()
    box.lineEdit().selectAll()
    QTest.keyClicks(box.lineEdit(), "0.05")
    assert document.project.training.optimizer.params["lr"] == 0.05
    document.undo_stack.undo()
    assert box.text() == "0.001"


@pytest.mark.parametrize("kind", ["optimizer", "schedule"])
def test_every_optimizer_and_schedule_can_be_chosen(training, document, kind):
    for entry in catalogue.entries(kind).values():
        pick(training.findChild(QComboBox, f"training-{kind}"), entry.title)
        assert getattr(document.project.training, kind).type == entry.type
    if kind == "schedule":
        pick(training.findChild(QComboBox, "training-schedule"), "Constant")
        assert document.project.training.schedule is None


def press(training, name):
    QTest.mouseClick(training.findChild(QAbstractButton, f"training-schedule-{name}"), Qt.MouseButton.LeftButton)


def test_a_warm_up_is_put_before_a_schedule_and_taken_away_again(training, document):
    pick(training.findChild(QComboBox, "training-schedule"), catalogue.entry("StepLR").title)
    press(training, "warm-up")
    schedule = document.project.training.schedule
    assert (schedule.type, schedule.params) == ("SequentialLR", {"milestones": (5,)})
    assert [member.type for member in schedule.members] == ["LinearLR", "StepLR"]
    press(training, "1-remove")
    assert document.project.training.schedule == Choice("StepLR", catalogue.entry("StepLR").starts())
    document.undo_stack.undo()
    assert document.project.training.schedule == schedule


def test_schedules_that_follow_each_other_are_chosen_begun_and_added(training, document):
    pick(training.findChild(QComboBox, "training-schedule"), catalogue.entry("SequentialLR").title)
    press(training, "add")
    pick(training.findChild(QComboBox, "training-schedule-3"), catalogue.entry("PolynomialLR").title)
    begins = training.findChild(QAbstractSpinBox, "training-schedule-2-form-from_epoch")
    begins.setFocus()
    begins.lineEdit().selectAll()
    QTest.keyClicks(begins.lineEdit(), "3")
    length = training.findChild(QAbstractSpinBox, "training-schedule-1-form-total_iters")
    length.lineEdit().selectAll()
    QTest.keyClicks(length.lineEdit(), "3")
    schedule = document.project.training.schedule
    assert schedule.params == {"milestones": (3, 10)}
    assert [member.type for member in schedule.members] == ["LinearLR", "CosineAnnealingLR", "PolynomialLR"]
    assert schedule.members[0].params["total_iters"] == 3
    begins.lineEdit().selectAll()
    QTest.keyClicks(begins.lineEdit(), "10")  # as late as the one after it
    assert begins.property("invalid")
    pick(training.findChild(QComboBox, "training-schedule"), catalogue.entry("ChainedScheduler").title)
    chained = document.project.training.schedule
    assert (chained.type, chained.params, len(chained.members)) == ("ChainedScheduler", {}, 3)
    assert training.findChild(QAbstractSpinBox, "training-schedule-2-form-from_epoch") is None
    for _ in range(2):
        press(training, "2-remove")
    assert document.project.training.schedule.type == "LinearLR"


THREE = tuple(Choice(type, catalogue.entry(type).starts()) for type in ("LinearLR", "StepLR", "ExponentialLR"))


def show(qtbot, training, document, schedule):
    """Open a project with that schedule."""
    document.new(Project(training=TrainingSpec(schedule=schedule)))
    qtbot.waitUntil(lambda: training._schedule._choice == schedule)


@pytest.mark.parametrize("said", [3, "3", [-3], [2.5, 4], [1, 2, 3], None])
def test_epochs_of_a_file_that_cannot_be_are_shown_as_none_and_made_anew(qtbot, training, document, said):
    schedule = Choice("SequentialLR", {} if said is None else {"milestones": said}, THREE)
    show(qtbot, training, document, schedule)
    assert training.findChild(QAbstractSpinBox, "training-schedule-2-form-from_epoch") is None
    press(training, "add")
    assert document.project.training.schedule.params == {"milestones": (5, 10, 15)}


def test_no_schedule_is_added_behind_one_that_begins_at_the_last_epoch(qtbot, training, document):
    schedule = Choice("SequentialLR", {"milestones": [999_999]}, THREE[:2])
    show(qtbot, training, document, schedule)
    press(training, "add")
    assert document.project.training.schedule.params == {"milestones": (999_999, 1_000_000)}
    assert not training.findChild(QAbstractButton, "training-schedule-add").isEnabled()


def test_early_stopping_and_clipping_are_switched_on_and_off(training, document):
    switch = training._safety.editors["stop_early"].switch
    QTest.mouseClick(switch, Qt.MouseButton.LeftButton)
    assert document.project.training.early_stopping.patience == 10
    assert "patience" in training._safety.editors
    clip = training._safety.editors["clip_norm"]
    clip.setFocus()
    QTest.keyClicks(clip.lineEdit(), "1")
    assert document.project.training.clip_norm == 1.0
    clip.lineEdit().selectAll()
    QTest.keyClick(clip.lineEdit(), Qt.Key.Key_Delete)
    assert document.project.training.clip_norm is None
    QTest.mouseClick(training._safety.editors["stop_early"].switch, Qt.MouseButton.LeftButton)
    assert document.project.training.early_stopping is None


def test_a_device_that_cannot_be_used_says_why(qtbot, training):
    qtbot.waitUntil(lambda: not training._devices.is_busy, timeout=20_000)
    box = training.findChild(QComboBox, "training-device")
    unusable = [n for n in range(box.count()) if not box.model().item(n).isEnabled()]
    for row in unusable:
        assert box.model().item(row).toolTip()
        assert box.model().item(row).toolTip() in training._device_note.text()
    assert box.model().item(0).isEnabled()
    assert training._device_note.isVisible() == bool(unusable)


def test_the_rate_of_a_run_that_rests_stands_there_when_the_panel_is_first_shown(training):
    run = training._run
    training.hide()
    run.last_step = SimpleNamespace(learning_rate=0.025)
    run.state_changed.emit("paused")
    training.show()
    assert training._rate.editors["learning_rate_now"].text() == "0.025"


def test_the_rate_of_a_living_run_is_changed_in_the_run(training):
    run = training._run
    assert not training._live.isVisible()
    run.state_changed.emit("running")
    assert training._live.isVisible()
    box = training._rate.editors["learning_rate_now"]
    box.setFocus()
    QTest.keyClicks(box.lineEdit(), "0.5")
    assert run.rates[-1] == 0.5
    run.state_changed.emit("finished")
    assert not training._live.isVisible()


def test_figures_of_merit_are_switched_on_and_off(qtbot, training, document):
    document.new(templates.create("breast-cancer"))
    qtbot.waitUntil(lambda: "roc_auc" in training._metrics._form.editors)
    switches = {name: editor.switch for name, editor in training._metrics._form.editors.items()}
    assert list(switches) == ["accuracy", "precision", "recall", "f1", "roc_auc", "perplexity"]
    assert [name for name, switch in switches.items() if switch.isChecked()] == ["accuracy"]
    QTest.mouseClick(switches["f1"], Qt.MouseButton.LeftButton)
    assert document.project.training.metrics == ("accuracy", "f1")
    QTest.mouseClick(switches["accuracy"], Qt.MouseButton.LeftButton)
    assert document.project.training.metrics == ("f1",)
    document.undo_stack.undo()
    assert switches["accuracy"].isChecked()
    QTest.mouseClick(switches["f1"], Qt.MouseButton.LeftButton)
    assert document.project.training.metrics == (), "the usual ones need not be named"
    document.new(templates.create("linear-regression"))
    qtbot.waitUntil(lambda: "mape" in training._metrics._form.editors)
