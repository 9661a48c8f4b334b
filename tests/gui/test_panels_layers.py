"""Palette, inspector and problems, by hand."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QScrollArea, QToolButton

from engine.graph import catalogue, templates
from engine.graph.catalogue import Parameter
from engine.graph.spec import DataSpec, FieldSpec, Project
from gui.document.document import Document
from gui.document.selection import Selection
from gui.fix_button import FixButton
from gui.panels.form import ParameterForm
from gui.panels.inspector import Inspector
from gui.panels.palette import MIME, TYPE, Palette
from gui.panels.problems import ProblemsPanel
from gui.plain_words import ShortLabel

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
"""A window of its own, offscreen, warns of what such a screen cannot do."""
Key = Qt.Key


@pytest.fixture
def document(qapp):
    document = Document()
    document.new(templates.create("digits-cnn"))
    document.finish_inference()
    return document


@pytest.fixture
def selection(document):
    return Selection(document)


@pytest.fixture
def palette(qtbot, document, selection):
    palette = Palette(document, selection)
    qtbot.addWidget(palette)
    palette.resize(208, 720)
    palette.show()
    return palette


@pytest.fixture
def inspector(qtbot, document, selection):
    inspector = Inspector(document, selection)
    qtbot.addWidget(inspector)
    inspector.resize(308, 720)
    inspector.show()
    inspector.activateWindow()
    return inspector


def of_type(document, type):
    return [id for id, node in document.nodes.items() if node.type == type]


def rows(palette):
    items = [palette.list.item(n) for n in range(palette.list.count())]
    return [item.data(TYPE) for item in items if item.data(TYPE)]


# Palette


def test_the_palette_holds_every_layer_and_loss_once(palette):
    assert sorted(rows(palette)) == sorted(e.type for e in catalogue.search(""))


def test_a_click_clears_the_search_of_the_palette(palette):
    clear = palette.findChild(QToolButton, "palette-clear")
    assert not clear.isVisible()
    QTest.keyClicks(palette.search, "dense")
    QTest.mouseClick(clear, Qt.MouseButton.LeftButton)
    assert palette.search.text() == ""
    assert not clear.isVisible()


def test_the_palette_finds_a_layer_by_its_synonym(palette):
    QTest.keyClicks(palette.search, "dense")
    assert rows(palette)[0] == "Linear"
    assert palette.list.currentItem().data(TYPE) == "Linear"


def test_a_word_that_finds_nothing_is_answered(palette):
    QTest.keyClicks(palette.search, "zzz")
    assert rows(palette) == []
    assert palette.nothing.isVisible()
    assert "zzz" in palette.nothing.text()
    QTest.keyClick(palette.search, Key.Key_Escape)
    assert rows(palette)


def test_enter_adds_the_found_layer_behind_the_selected_one(palette, document, selection):
    conv = of_type(document, "Conv2d")[0]
    follower = next(w.target for w in document.wires if w.source == conv)
    selection.set([conv])
    QTest.keyClicks(palette.search, "batch norm")
    wanted = palette.list.currentItem().data(TYPE)
    QTest.keyClick(palette.search, Key.Key_Return)
    added = selection.current
    assert document.nodes[added].type == wanted
    ends = {(w.source, w.target) for w in document.wires}
    assert {(conv, added), (added, follower)} <= ends
    assert (conv, follower) not in ends
    document.undo_stack.undo()
    assert added not in document.nodes


def test_a_double_click_adds_a_layer_that_stands_free_when_nothing_is_selected(palette, document, selection):
    item = next(palette.list.item(n) for n in range(palette.list.count()) if palette.list.item(n).data(TYPE) == "Tanh")
    palette.list.scrollToItem(item)
    place = palette.list.visualItemRect(item).center()
    QTest.mouseClick(palette.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(palette.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    added = of_type(document, "Tanh")
    assert len(added) == 1
    assert document.wires_of(added[0]) == []


def test_one_enter_after_the_other_builds_a_chain(palette, document, selection):
    document.new(Project())
    for word in ("input", "flatten", "linear"):
        palette.search.clear()
        QTest.keyClicks(palette.search, word)
        QTest.keyClick(palette.search, Key.Key_Return)
    assert [node.type for node in document.nodes.values()] == ["Input", "Flatten", "Linear"]
    assert len(document.wires) == 2


def test_a_dragged_row_carries_the_type(palette):
    item = next(palette.list.item(n) for n in range(palette.list.count()) if palette.list.item(n).data(TYPE) == "ReLU")
    data = palette.list.mimeData([item])
    assert data.data(MIME).data() == b"ReLU"


def test_a_heading_can_be_neither_chosen_nor_dragged(palette):
    heading = palette.list.item(0)
    assert heading.data(TYPE) is None
    assert not heading.flags() & Qt.ItemFlag.ItemIsSelectable
    assert not heading.flags() & Qt.ItemFlag.ItemIsDragEnabled


# Inspector


def editor(inspector, name):
    return inspector.form.editors[name]


def type_into(box, text):
    box.setFocus()
    line = box.lineEdit()
    line.selectAll()
    QTest.keyClicks(line, text)


def test_the_form_has_an_editor_for_every_parameter(inspector, document, selection):
    for id in document.nodes:
        selection.set([id])
        assert set(inspector.form.editors) == {p.name for p in document.entry(id).parameters}
        for box in inspector.form.editors.values():
            assert box.objectName()
            assert box.accessibleName()


def test_every_layer_of_the_catalogue_can_be_shown(inspector, document, selection):
    for type in list(catalogue.entries("layer")) + list(catalogue.entries("loss")):
        id = document.add_node(type, 0, 600)
        selection.set([id])
        assert set(inspector.form.editors) == {p.name for p in document.entry(id).parameters}


def test_typing_a_number_changes_the_layer_and_is_one_step(inspector, document, selection):
    conv = of_type(document, "Conv2d")[0]
    selection.set([conv])
    before = document.undo_stack.count()
    type_into(editor(inspector, "out_channels"), "24")
    assert document.nodes[conv].params["out_channels"] == 24
    assert document.result(conv).outputs["out"].shape[0] == 24
    assert document.undo_stack.count() == before + 1
    document.undo_stack.undo()
    assert document.nodes[conv].params["out_channels"] == 16
    assert editor(inspector, "out_channels").text() == "16"


def test_a_kernel_is_typed_as_a_pair(inspector, document, selection):
    conv = of_type(document, "Conv2d")[0]
    selection.set([conv])
    type_into(editor(inspector, "kernel_size"), "5 x 3")
    assert tuple(document.nodes[conv].params["kernel_size"]) == (5, 3)


def test_a_parameter_of_any_name_fits_into_its_form(qtbot):
    form = ParameterForm("form")
    qtbot.addWidget(form)
    name = "a_parameter_with_an_exceedingly_long_name_that_does_not_fit"
    form.set_parameters([Parameter(name, "float", 1.5, 1.5, "")])
    assert form.minimumSizeHint().width() <= 276
    form.resize(276, 40)
    form.show()
    qtbot.waitExposed(form)
    (shown,) = form.findChildren(ShortLabel)
    assert shown.shown().startswith("A parameter")
    assert shown.shown().endswith("…")
    assert "does not fit" in shown.toolTip()


def test_a_switch_leaves_its_name_the_rest_of_the_row(qtbot):
    form = ParameterForm("form")
    qtbot.addWidget(form)
    name = "a switch with a name of some length"
    form.set_parameters([Parameter(name, "bool", True, True, ""), Parameter(name + "s", "float", 1.5, 1.5, "")])
    form.resize(276, 80)
    form.show()
    qtbot.waitExposed(form)
    of_switch, of_number = form.findChildren(ShortLabel)
    assert of_switch.shown() == "A switch with a name of some length"
    assert of_number.shown().endswith("…")
    right = [box.mapTo(form, box.rect().topRight()).x() for box in form.editors.values()]
    assert right[0] == right[1], "switches and fields end at one line"


def test_what_cannot_be_is_marked_and_changes_nothing(inspector, document, selection):
    conv = of_type(document, "Conv2d")[0]
    selection.set([conv])
    box = editor(inspector, "out_channels")
    before = document.nodes[conv]
    type_into(box, "many")
    assert box.property("invalid") is True
    assert "whole number" in box.toolTip()
    assert document.nodes[conv] == before
    QApplication.sendEvent(box, _focus_out())
    assert box.text() == "16"
    assert not box.property("invalid")


def test_what_the_wire_fills_in_is_shown_and_can_be_overridden(inspector, document, selection):
    linear = of_type(document, "Linear")[0]
    selection.set([linear])
    box = editor(inspector, "in_features")
    filled = document.result(linear).params["in_features"]
    assert box.text() == ""
    assert str(filled) in box.lineEdit().placeholderText()
    type_into(box, str(filled))
    assert document.nodes[linear].params["in_features"] == filled
    box.lineEdit().selectAll()
    QTest.keyClick(box.lineEdit(), Key.Key_Delete)
    assert document.nodes[linear].params.get("in_features") is None


def test_a_switch_turns_a_parameter_off(inspector, document, selection):
    conv = of_type(document, "Conv2d")[0]
    selection.set([conv])
    before = document.result(conv).parameter_count
    QTest.mouseClick(editor(inspector, "bias").switch, Qt.MouseButton.LeftButton)
    assert document.nodes[conv].params["bias"] is False
    assert document.result(conv).parameter_count == before - 16


def test_arrows_step_and_a_scrub_of_the_name_is_one_step_to_undo(inspector, document, selection):
    conv = of_type(document, "Conv2d")[0]
    selection.set([conv])
    box = editor(inspector, "out_channels")
    name = next(found for found in inspector.findChildren(QLabel) if found.buddy() is box)
    before = document.undo_stack.count()
    _drag(name, QPoint(4, 5), QPoint(36, 5))
    assert document.nodes[conv].params["out_channels"] > 16
    assert document.undo_stack.count() == before + 1
    document.undo_stack.undo()
    assert document.nodes[conv].params["out_channels"] == 16


def test_layers_of_one_kind_are_edited_together(inspector, document, selection):
    convs = of_type(document, "Conv2d")
    selection.set(convs)
    box = editor(inspector, "out_channels")
    assert box.text() == ""
    assert box.lineEdit().placeholderText() == "mixed"
    type_into(box, "8")
    assert {document.nodes[id].params["out_channels"] for id in convs} == {8}
    document.undo_stack.undo()
    assert [document.nodes[id].params["out_channels"] for id in convs] == [16, 32]


def test_a_layer_that_shares_its_weights_names_the_others_and_gets_its_own_by_a_click(inspector, document, selection):
    (twin,) = document.duplicate(["conv1"], sharing=True)
    own = inspector.findChild(QPushButton, "inspector-own-weights")
    selection.set(["relu1"])
    assert not own.isVisible()
    for id, other in ((twin, "conv1"), ("conv1", twin)):
        selection.set([id])
        assert own.isVisible()
        told = inspector.findChild(QLabel, "inspector-shared").text()
        assert told == f"It has the same weights as {other}, and the same settings."
    QTest.mouseClick(own, Qt.MouseButton.LeftButton)
    assert document.nodes[twin].shares == ""
    assert not own.isVisible()
    document.undo_stack.undo()
    assert document.nodes[twin].shares == "conv1"


def test_layers_of_several_kinds_have_no_form(inspector, document, selection):
    selection.set([of_type(document, "Conv2d")[0], of_type(document, "ReLU")[0]])
    assert not inspector.form.isVisible()


def test_the_title_renames_the_layer(inspector, document, selection):
    conv = of_type(document, "Conv2d")[0]
    selection.set([conv])
    title = inspector.findChild(type(inspector._layer._title), "inspector-title")
    title.setFocus()
    title.selectAll()
    QTest.keyClicks(title, "Edges")
    QTest.keyClick(title, Key.Key_Return)
    assert document.nodes[conv].title == "Edges"


def test_shapes_counts_and_cost_are_told(inspector, document, selection):
    conv = of_type(document, "Conv2d")[0]
    selection.set([conv])
    told = {label.accessibleName() for label in inspector.findChildren(QLabel) if label.isVisible()}
    assert "Out: N x 16 x 8 x 8" in told
    assert f"Parameters: {document.result(conv).parameter_count}" in told
    assert any(text.startswith("Share of the network") for text in told)


def test_nothing_selected_shows_the_whole_network(inspector, document, selection):
    selection.clear()
    told = {label.accessibleName() for label in inspector.findChildren(QLabel) if label.isVisible()}
    assert f"Parameters: {document.inference.parameter_count:,}" in told


# Problems


def break_network(document):
    flatten = of_type(document, "Flatten")[0]
    document.delete([flatten], rejoin=True)
    document.finish_inference()
    return document.inference.problems


def test_a_problem_is_a_sentence_with_a_fix_that_one_click_does(qtbot, document, selection):
    panel = ProblemsPanel(document, selection)
    qtbot.addWidget(panel)
    panel.show()
    with qtbot.waitSignal(panel.counted):
        problems = break_network(document)
    assert problems
    assert problems[0].fixes, "the missing Flatten can be mended"
    button = panel.findChild(QPushButton, "problem-0-fix-0")
    assert button.accessibleName() == problems[0].fixes[0].label
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    document.finish_inference()
    assert document.inference.ok
    assert panel.problems == ()


def test_a_click_on_a_problem_goes_to_its_layer(qtbot, document, selection):
    panel = ProblemsPanel(document, selection)
    qtbot.addWidget(panel)
    panel.show()
    problems = break_network(document)
    row = panel.findChild(type(panel.findChild(QPushButton, "problem-0-fix-0").parent()), "problem-0")
    with qtbot.waitSignal(panel.centred) as centred:
        QTest.mouseClick(row, Qt.MouseButton.LeftButton, pos=QPoint(5, 5))
    assert centred.args == [problems[0].node]
    assert selection.ids == (problems[0].node,)


def test_a_layer_of_a_long_name_and_its_mends_fit_into_the_panel(qtbot, inspector, document, selection):
    series = FieldSpec("series", "vector", (12, 4), "input")
    document.new(Project(data=DataSpec(fields=(series,), samples=9)))
    input = document.add_node("Input", 0.0, 0.0)
    document.add_node("TransformerEncoder", 160.0, 0.0, connect_from=(input, "out"))
    alone = document.add_node("TransformerEncoder", 400.0, 0.0)
    document.finish_inference()
    selection.set([alone])
    qtbot.wait(50)
    page = inspector.findChild(QScrollArea, "inspector-layer")
    assert page.widget().width() <= page.viewport().width()
    title, id = inspector.findChild(QLineEdit, "inspector-title"), inspector.findChild(QLabel, "inspector-id")
    assert title.fontMetrics().horizontalAdvance(title.text()) <= title.width()
    assert id.text() in (alone, "") or ("…" in id.text() and alone in id.toolTip())
    buttons = [b for b in inspector.findChildren(QPushButton) if "-fix-" in b.objectName() and b.isVisible()]
    assert buttons
    for button in buttons:
        assert page.widget().rect().contains(QRect(button.mapTo(page.widget(), QPoint()), button.size()))


def test_a_mend_that_is_longer_than_its_card_is_told_in_several_lines(qtbot):
    name = "a_name_of_a_layer_that_is_by_itself_longer_than_the_card"
    short, long, longest = (FixButton(text, "fix", "accent") for text in (
        "Remove it", "Connect it to 'transformerencoder1'", f"Connect it to {name}",
    ))  # fmt: skip
    for button in (short, long, longest):
        qtbot.addWidget(button)
        assert button.sizeHint().width() <= 250
    assert short.text() == "Remove it"
    assert long.text() == "Connect it to\n'transformerencoder1'"
    assert "…" in longest.text()
    assert name in longest.toolTip()
    assert not long.toolTip()


def test_the_inspector_offers_the_same_fix(qtbot, inspector, document, selection):
    problems = break_network(document)
    selection.set([problems[0].node])
    button = inspector.findChild(QPushButton, "inspector-problem-0-fix-0")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    document.finish_inference()
    assert document.inference.ok


def _focus_out():
    from PySide6.QtGui import QFocusEvent

    return QFocusEvent(QEvent.Type.FocusOut)


def _drag(widget, start, end):
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    for kind, place, button, held in (
        (QEvent.Type.MouseButtonPress, start, left, left),
        (QEvent.Type.MouseMove, (start + end) / 2, Qt.MouseButton.NoButton, left),
        (QEvent.Type.MouseMove, end, Qt.MouseButton.NoButton, left),
        (QEvent.Type.MouseButtonRelease, end, left, Qt.MouseButton.NoButton),
    ):
        at = QPointF(place)
        event = QMouseEvent(kind, at, QPointF(widget.mapToGlobal(place)), button, held, none)
        QApplication.sendEvent(widget, event)


def test_the_first_output_of_several_is_simply_called_so(inspector, document, selection):
    document.set_parameter(["pool1"], "return_indices", True)
    document.finish_inference()
    selection.set(["pool1"])
    shown = {label.text() for label in inspector.findChildren(QLabel)}
    assert {"In", "Out", "Out indices"} <= shown
    assert "Out out" not in shown
