"""The data and training panels, by hand, with real files."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QObject, QPoint, QPointF, Qt, QUrl, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QPushButton,
    QScrollArea,
    QSlider,
    QTableWidget,
    QToolButton,
)

from engine.data import Preview
from engine.graph import catalogue, templates
from engine.graph.spec import Choice, FieldSpec, Project
from gui.document.document import Document
from gui.document.selection import Selection
from gui.first_network import first_network
from gui.panels.data import DataPanel
from gui.panels.message import Message
from gui.panels.pictures import to_image
from gui.panels.preview import PreviewView, summary_of
from gui.panels.training import TrainingPanel

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


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
def document(qapp):
    document = Document()
    document.new(Project())
    return document


@pytest.fixture
def data(qtbot, document):
    panel = DataPanel(document, Selection(document))
    qtbot.addWidget(panel, before_close_func=DataPanel.close_down)
    panel.resize(308, 900)
    panel.show()
    return panel


@pytest.fixture
def training(qtbot, document):
    panel = TrainingPanel(document, Selection(document), Idle())
    qtbot.addWidget(panel, before_close_func=TrainingPanel.close_down)
    panel.resize(308, 900)
    panel.show()
    return panel


def pick(box, text):
    """Choose by the keyboard, as a person does."""
    row = box.findText(text)
    assert row >= 0, [box.itemText(n) for n in range(box.count())]
    box.setFocus()
    box.setCurrentIndex(row)
    box.activated.emit(row)


def settled(qtbot, panel):
    qtbot.waitUntil(lambda: not (panel._work.is_busy or panel.roles.making.is_busy), timeout=10_000)


def drop(panel, path):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    given = (Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    entering = QDragEnterEvent(QPoint(20, 20), *given)
    QApplication.sendEvent(panel, entering)
    assert entering.isAccepted()
    QApplication.sendEvent(panel, QDropEvent(QPointF(20, 20), *given))


def write_table(path, rows=60):
    lines = ["height,width,kind"] + [f"{i * 0.5},{i % 7},{'cat' if i % 2 else 'dog'}" for i in range(rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_bundled_set_is_one_choice(qtbot, data, document):
    pick(data.findChild(QComboBox, "data-source"), "Handwritten digits")
    qtbot.waitUntil(lambda: document.project.data.samples == 1797, timeout=10_000)
    assert document.project.data.source == "bundled:digits"
    assert [f.name for f in document.project.data.fields] == ["image", "label"]
    assert "1,797 samples" in data._preview.summary.text()
    assert data._preview.thumbnails.isVisible()
    assert data._preview.counts.accessibleName().startswith("0:")
    document.undo_stack.undo()
    assert document.project.data.source == ""


def test_a_dropped_table_is_read_and_shown(qtbot, data, document, tmp_path):
    path = write_table(tmp_path / "Äpfel und Birnen.csv")
    drop(data, path)
    qtbot.waitUntil(lambda: document.project.data.samples == 60, timeout=10_000)
    table = data.findChild(QTableWidget, "data-table")
    assert table.isVisible()
    assert [table.horizontalHeaderItem(c).text() for c in range(3)] == ["height", "width", "kind"]
    assert table.item(0, 2).text() == "dog"
    assert data.findChild(QComboBox, "data-source").currentText() == "Äpfel und Birnen.csv"
    target = next(f for f in document.project.data.fields if f.role == "target")
    assert sorted(target.classes) == ["cat", "dog"]


def test_a_column_can_be_given_another_role(qtbot, data, document, tmp_path):
    drop(data, write_table(tmp_path / "a.csv"))
    qtbot.waitUntil(lambda: document.project.data.samples == 60, timeout=10_000)
    settled(qtbot, data)
    pick(data.findChild(QComboBox, "data-role-width"), "Unused")
    qtbot.waitUntil(lambda: document.project.data.roles.get("width") == "unused", timeout=10_000)
    source = next(f for f in document.project.data.fields if f.role == "input")
    assert "width" not in source.columns
    settled(qtbot, data)
    pick(data.findChild(QComboBox, "data-role-height"), "Target")
    qtbot.waitUntil(lambda: document.project.data.roles.get("height") == "target", timeout=10_000)
    assert [f.name for f in document.project.data.fields if f.role == "target"] == ["height"]


def test_a_folder_of_images_shows_thumbnails(qtbot, data, document, tmp_path):
    for name in ("cats", "dogs"):
        folder = tmp_path / "pets" / name
        folder.mkdir(parents=True)
        for number in range(3):
            pixels = np.full((12, 12, 3), 40 * number, np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    drop(data, tmp_path / "pets")
    qtbot.waitUntil(lambda: document.project.data.samples == 6, timeout=10_000)
    assert document.project.data.reader == "images"
    assert len(data._preview.thumbnails._images) == 6


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [("ragged.csv", "a,b,y\n1,2,3\n4,5\n6,7,8\n", "row"), ("text.docx", "hello", "kind"), ("empty.csv", "", "empty")],
)
def test_a_file_that_cannot_be_read_is_a_sentence_and_nothing_is_lost(
    qtbot, data, document, tmp_path, name, content, word
):
    pick(data.findChild(QComboBox, "data-source"), "Handwritten digits")
    qtbot.waitUntil(lambda: document.project.data.samples == 1797, timeout=10_000)
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    drop(data, path)
    qtbot.waitUntil(lambda: data.message.isVisible(), timeout=10_000)
    assert name.split(".")[0] in data.message.text.text()
    assert word in data.message.text.text().lower()
    assert "Traceback" not in data.message.text.text()
    assert document.project.data.source == "bundled:digits"
    assert data.findChild(QComboBox, "data-source").currentText() == "Handwritten digits"


def test_a_file_that_went_away_offers_to_choose_again(qtbot, data, document, tmp_path):
    path = write_table(tmp_path / "a.csv")
    drop(data, path)
    qtbot.waitUntil(lambda: document.project.data.samples == 60, timeout=10_000)
    settled(qtbot, data)
    project = document.project
    path.unlink()
    document.new(Project())
    document.new(project)
    qtbot.waitUntil(lambda: data.message.isVisible(), timeout=10_000)
    assert "not there" in data.message.text.text()
    assert data.findChild(QPushButton, "data-message-fix-0") is not None
    assert document.project == project


def laid_out(qtbot, message):
    """Wait for the panel's layout, and say what of the message is cut or lies upon another."""
    qtbot.wait(50)
    inside = message.contentsRect()
    parts = [message.text, *message.findChildren(QPushButton), message.findChild(QToolButton)]
    cut = [part.objectName() for part in parts if not inside.contains(part.geometry())]
    pairs = itertools.combinations(parts, 2)
    cut += [f"{a.objectName()} on {b.objectName()}" for a, b in pairs if a.geometry().intersects(b.geometry())]
    text = message.text
    return cut + (["the sentence"] if text.heightForWidth(text.width()) > text.height() else [])


def test_a_sentence_has_the_whole_width_of_the_panel_and_its_buttons_below(qtbot, data, tmp_path):
    path = tmp_path / "a folder with a name" / ("a_very_long_name_without_any_place_to_break_" * 2 + ".csv")
    path.parent.mkdir()
    rows = [f"{i},{'tall' if i == 2990 else i},{'ab'[i % 2]}\n" for i in range(3000)]
    path.write_text("width,height,kind\n" + "".join(rows), encoding="utf-8")
    drop(data, path)
    qtbot.waitUntil(data.message.isVisible, timeout=10_000)
    settled(qtbot, data)
    message = data.message
    assert laid_out(qtbot, message) == []
    buttons = message.findChildren(QPushButton)
    assert buttons
    assert all(button.y() >= message.text.geometry().bottom() for button in buttons)
    assert message.text.width() > 0.6 * data.width()
    assert message.width() <= data.width() - 32, "the panel is no wider than it was"
    assert message.height() == message.heightForWidth(message.width())


def test_a_wide_message_is_one_row(qtbot):
    message = Message("said")
    qtbot.addWidget(message)
    message.resize(900, 40)
    message.say("The file changed.", "warn", (("Read it again", list), ("Leave it", list)))
    buttons = message.findChildren(QPushButton)
    assert {button.y() for button in buttons} == {buttons[0].y()}
    assert all(button.x() >= message.text.geometry().right() for button in buttons)
    assert message.heightForWidth(900) < 50 < message.heightForWidth(300)


def tables(panel):
    """The data set that the panel names, the columns of its table, the roles that can be set."""
    table = panel.findChild(QTableWidget, "data-table")
    columns = [table.horizontalHeaderItem(c).text() for c in range(table.columnCount())] if table.isVisible() else []
    boxes = panel.roles.findChildren(QComboBox) if panel.roles.isVisible() else []
    roles = {box.objectName().removeprefix("data-role-"): box.currentText() for box in boxes}
    return panel.findChild(QComboBox, "data-source").currentText(), columns, roles


def test_after_a_failure_the_panel_shows_what_the_project_uses_and_the_mend_mends_the_new_file(
    qtbot, data, document, tmp_path
):
    drop(data, write_table(tmp_path / "good.csv"))
    qtbot.waitUntil(lambda: document.project.data.samples == 60, timeout=10_000)
    settled(qtbot, data)
    before = tables(data)
    assert before[:2] == ("good.csv", ["height", "width", "kind"])
    gaps = tmp_path / "gaps.csv"
    gaps.write_text("age,kind\n" + "".join(f"{i},{'' if i == 3 else 'ab'[i % 2]}\n" for i in range(40)))
    drop(data, gaps)
    qtbot.waitUntil(data.message.isVisible, timeout=10_000)
    settled(qtbot, data)
    assert "gaps.csv" in data.message.text.text().replace("\u200b", "")
    assert tables(data) == before
    QTest.mouseClick(data.findChild(QPushButton, "data-message-fix-0"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: document.project.data.source.endswith("gaps.csv"), timeout=10_000)
    settled(qtbot, data)
    assert tables(data) == ("gaps.csv", ["age", "kind"], {"age": "Input", "kind": "Target"})
    assert not data.message.isVisible()


def test_a_role_that_cannot_be_goes_back(qtbot, data, document, tmp_path):
    drop(data, write_table(tmp_path / "a.csv"))
    qtbot.waitUntil(lambda: document.project.data.samples == 60, timeout=10_000)
    settled(qtbot, data)
    before = tables(data)
    pick(data.findChild(QComboBox, "data-role-height"), "Unused")
    qtbot.waitUntil(lambda: document.project.data.roles.get("height") == "unused", timeout=10_000)
    settled(qtbot, data)
    pick(data.findChild(QComboBox, "data-role-width"), "Unused")
    qtbot.waitUntil(data.message.isVisible, timeout=10_000)
    settled(qtbot, data)
    assert tables(data) == (*before[:2], {"height": "Unused", "width": "Input", "kind": "Target"})


def test_a_project_whose_file_is_broken_now_does_not_show_the_data_of_another(qtbot, data, document, tmp_path):
    path = write_table(tmp_path / "a.csv")
    drop(data, path)
    qtbot.waitUntil(lambda: document.project.data.samples == 60, timeout=10_000)
    settled(qtbot, data)
    project = document.project
    pick(data.findChild(QComboBox, "data-source"), "Handwritten digits")
    qtbot.waitUntil(lambda: document.project.data.samples == 1797, timeout=10_000)
    settled(qtbot, data)
    path.unlink()
    document.undo_stack.undo()
    qtbot.waitUntil(data.message.isVisible, timeout=10_000)
    settled(qtbot, data)
    assert document.project == project
    assert tables(data)[0] == "a.csv"
    assert not data._preview.thumbnails.isVisible()
    slider = data.findChild(QSlider, "data-validation")
    slider.setFocus()
    QTest.keyClick(slider, Qt.Key.Key_Right)
    qtbot.wait(100)
    assert data.message.isVisible(), "the error stays until it is mended"


def test_a_corrupt_image_can_be_left_out(qtbot, data, document, tmp_path):
    for name in ("cats", "dogs"):
        folder = tmp_path / "pets" / name
        folder.mkdir(parents=True)
        for number in range(4):
            Image.fromarray(np.full((12, 12), 40 * number, np.uint8)).save(folder / f"{number}.png")
    (tmp_path / "pets" / "dogs" / "2.png").write_bytes(b"no image at all")
    drop(data, tmp_path / "pets")
    qtbot.waitUntil(data.message.isVisible, timeout=10_000)
    settled(qtbot, data)
    texts = [button.text() for button in data.message.findChildren(QPushButton)]
    assert texts == ["Leave it out", "Choose the folder again"]
    QTest.mouseClick(data.findChild(QPushButton, "data-message-fix-0"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: document.project.data.samples == 7, timeout=10_000)
    settled(qtbot, data)
    assert document.project.data.options == {"without": ["dogs/2.png"]}
    assert not data.message.isVisible()


def test_the_split_slider_is_one_step_to_undo(qtbot, data, document):
    pick(data.findChild(QComboBox, "data-source"), "Handwritten digits")
    qtbot.waitUntil(lambda: document.project.data.samples == 1797, timeout=10_000)
    slider = data.findChild(QSlider, "data-validation")
    before = document.undo_stack.count()
    slider.setFocus()
    for _ in range(10):
        QTest.keyClick(slider, Qt.Key.Key_Right)
    assert document.project.data.validation == pytest.approx(0.3)
    assert "539 of 1,797" in data.dealing.share.text()
    assert document.undo_stack.count() == before + 1


def test_reading_can_be_cancelled(qtbot, data, document, tmp_path):
    path = write_table(tmp_path / "long.csv", rows=300_000)
    drop(data, path)
    assert data._busy.isVisible()
    QTest.mouseClick(data.findChild(QPushButton, "data-cancel"), Qt.MouseButton.LeftButton)
    assert not data._busy.isVisible()
    qtbot.wait(300)
    assert document.project.data.source == ""


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (3, 5, 7), (1, 5, 7)])
def test_pictures_keep_their_size_whatever_their_layout(qapp, shape):
    image = to_image(np.arange(np.prod(shape), dtype=np.uint8).reshape(shape))
    assert (image.height(), image.width()) == (5, 7)


@pytest.mark.parametrize("name", ["digits", "breast-cancer", "diabetes", "spirals"])
def test_a_first_network_fits_any_bundled_data(qapp, name):
    from engine.data import DataSpec, describe

    data = describe(DataSpec(f"bundled:{name}"))
    document = Document()
    document.new(Project(data=data, graph=first_network(data)))
    document.finish_inference()
    assert document.inference.ok, document.inference.problems


def test_a_first_network_reads_all_texts_and_numbers_side_by_side(qapp, tmp_path):
    from engine.data import DataSpec, describe

    words = ("what a lovely and quiet place this is", "how awful and loud all of it was")
    rows = [f"day {i} it is,{words[i % 2]} on day {i},{i * 0.5},{'ab'[i % 2]}" for i in range(40)]
    (tmp_path / "both.csv").write_text("title,body,size,label\n" + "\n".join(rows) + "\n")
    kinds = {"title": "text"}
    data = describe(DataSpec(str(tmp_path / "both.csv"), "csv", options={"kinds": kinds}))
    document = Document()
    document.new(Project(data=data, graph=first_network(data)))
    document.finish_inference()
    assert document.inference.ok, document.inference.problems
    assert not document.inference.problems
    assert [node.params["field"] for node in document.graph.nodes if node.type == "Input"] == [
        "title",
        "body",
        "features",
    ]
    assert len({(node.x, node.y) for node in document.graph.nodes}) == len(document.graph.nodes)


# Training


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


def built(qtbot, form):
    qtbot.waitUntil(lambda: not form._making.is_busy, timeout=10_000)


def test_images_are_changed_at_random_by_a_switch_and_its_numbers(qtbot, data, document):
    pick(data._source, "Handwritten digits")
    settled(qtbot, data)
    form = data.dealing.augment
    assert form.isVisible()
    built(qtbot, form)
    switch = form._switches["RandomRotation"].editors["rotate"].switch
    switch.click()
    built(qtbot, form)
    assert document.project.data.augment == (Choice("RandomRotation", {"degrees": (15.0,)}),)
    degrees = form._forms["RandomRotation"].editors["degrees"]
    degrees.setFocus()
    degrees.selectAll()
    QTest.keyClicks(degrees, "20")
    assert document.project.data.augment[0].params["degrees"] in (20, (20,))
    form._switches["RandomHorizontalFlip"].editors["flip_left_and_right"].switch.click()
    assert [choice.type for choice in document.project.data.augment] == ["RandomHorizontalFlip", "RandomRotation"]
    switch.click()
    built(qtbot, form)
    assert [choice.type for choice in document.project.data.augment] == ["RandomHorizontalFlip"]
    assert not form._forms["RandomRotation"].isVisible()


def test_gaps_of_a_table_are_filled_as_chosen(qtbot, data, document, tmp_path):
    path = tmp_path / "gaps.csv"
    path.write_text("a,b,y\n" + "".join(f"{i if i % 3 else ''},{i},{i * 0.5}\n" for i in range(100)))
    drop(data, path)
    settled(qtbot, data)
    assert not data.dealing.augment.isVisible()
    pick(data.dealing.missing, "median")
    settled(qtbot, data)
    assert document.project.data.options["missing"] == "median"
    pick(data.dealing.missing, "leave row out")
    settled(qtbot, data)
    assert document.project.data.samples == 66


def write_sentences(path, rows=60):
    words = ("what a lovely and quiet place this is", "how awful and loud all of it was")
    lines = ["text,mood"] + [f"{words[i % 2]} on day {i},{'good' if i % 2 == 0 else 'bad'}" for i in range(rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_sentences_are_read_as_chosen(qtbot, data, document, tmp_path):
    drop(data, write_sentences(tmp_path / "moods.csv"))
    settled(qtbot, data)
    assert data.dealing.texts.isVisible()
    assert not data.dealing.gaps.isVisible()
    assert not data.dealing.scales.isVisible()
    text = document.project.data.fields[0]
    assert (text.kind, text.shape) == ("text", (16,))
    assert data.dealing.texts.form.editors["length"].text() == "16"
    pick(data.dealing.texts.tokens, "characters")
    settled(qtbot, data)
    assert document.project.data.options == {"tokens": "characters"}
    assert document.project.data.fields[0].shape == (48,)
    editor = data.dealing.texts.form.editors["length"]
    editor.setFocus()
    editor.selectAll()
    QTest.keyClicks(editor, "20")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    settled(qtbot, data)
    assert document.project.data.options == {"tokens": "characters", "length": 20}
    assert document.project.data.fields[0].shape == (20,)
    document.undo_stack.undo()
    assert document.project.data.fields[0].shape == (48,)


def test_a_column_of_classes_may_be_read_as_text_and_back(qtbot, data, document, tmp_path):
    drop(data, write_table(tmp_path / "animals.csv"))
    settled(qtbot, data)
    pick(data.findChild(QComboBox, "data-role-height"), "Target")
    settled(qtbot, data)
    pick(data.findChild(QComboBox, "data-role-kind"), "Text")
    settled(qtbot, data)
    assert [field.kind for field in document.project.data.fields] == ["text", "vector", "number"]
    assert data.findChild(QComboBox, "data-role-kind").currentText() == "Text"
    pick(data.findChild(QComboBox, "data-role-kind"), "Input")
    settled(qtbot, data)
    assert [field.kind for field in document.project.data.fields] == ["vector", "number"]


def test_a_folder_of_text_files_is_told_from_one_of_images(qtbot, data, document, tmp_path):
    for name in ("ham", "spam"):
        (tmp_path / name).mkdir()
        for number in range(4):
            (tmp_path / name / f"{number}.txt").write_text(f"a text on {name}, number {number}")
    drop(data, tmp_path)
    settled(qtbot, data)
    assert document.project.data.reader == "texts"
    assert document.project.data.fields[1].classes == ("ham", "spam")
    table = data.findChild(QTableWidget, "data-table")
    assert (table.item(0, 0).text(), table.item(0, 1).text()) == ("a text on ham, number 0", "ham")


def test_columns_of_any_name_and_texts_of_any_sort_fit_into_the_panel(qtbot, data, document, tmp_path):
    data.resize(308, 700)
    cell = "first line of <b>it</b>\nsecond line, " + "and on it goes " * 5000
    lines = [f'"{index}: {cell}",{"ab"[index % 2]}' for index in range(40)]
    (tmp_path / "long.csv").write_text("\n".join(["what was said and all of it " * 3 + ",kind", *lines]))
    drop(data, tmp_path / "long.csv")
    settled(qtbot, data)
    QTest.qWait(50)
    content = data.findChild(QScrollArea, "data-scroll")
    assert content.widget().width() <= content.viewport().width()
    item = data.findChild(QTableWidget, "data-table").item(0, 0)
    assert item.text().startswith("0: first line of <b>it</b> second line, and on")
    assert "&lt;b&gt;" in item.toolTip()
    assert len(item.toolTip()) < 1000


@pytest.mark.parametrize(("rows", "batch"), [(20, 16), (100, 32)])
def test_new_data_are_dealt_out_in_batches_that_they_have_samples_for(qtbot, data, document, tmp_path, rows, batch):
    drop(data, write_sentences(tmp_path / "moods.csv", rows))
    settled(qtbot, data)
    assert document.project.data.batch_size == batch


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


@pytest.mark.parametrize(
    ("samples", "length", "classes", "is_whole", "text"),
    [(1, 1, ("a",), True, "1 sample: text, texts of up to 1 token out of 9; target y, 1 class."),
     (4640, 8, ("a", "b"), False, "about 4,640 samples: text, texts of up to 8 tokens out of 9; target y, 2 classes.")],
)  # fmt: skip
def test_a_preview_counts_in_singular_and_plural(samples, length, classes, is_whole, text):
    words = FieldSpec("text", "text", (length,), "input", "int64", vocabulary=9)
    target = FieldSpec("y", "category", (), "target", "int64", classes=classes)
    assert summary_of(Preview(samples=samples, fields=(words, target), is_whole=is_whole)) == text


def test_a_tip_shows_a_text_as_it_is_and_not_what_it_would_be_as_html(qtbot):
    shown = PreviewView()
    qtbot.addWidget(shown)
    text = "<img src='file:///secret'> " + "word " * 5_000
    shown.show_preview(Preview(("text",), ("text",), ("input",), ((text,),), samples=1))
    tip = shown.table.item(0, 0).toolTip()
    assert "&lt;img src=" in tip
    assert "<img" not in tip
    assert len(tip) < 1_000
