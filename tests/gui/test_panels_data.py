"""The data panel, by hand, with real files."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QPushButton, QScrollArea, QSlider, QTableWidget, QToolButton

from engine.graph.spec import Choice, Project
from gui.document.document import Document
from gui.document.selection import Selection
from gui.panels.data import DataPanel
from gui.panels.message import Message
from tests.gui.on_panels import drop, pick

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


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


def settled(qtbot, panel):
    qtbot.waitUntil(lambda: not (panel._work.is_busy or panel.roles.making.is_busy), timeout=10_000)


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
