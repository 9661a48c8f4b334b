"""A document, a canvas that shows it, a hand that works it by real events, and the whole window."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDragMoveEvent, QDropEvent, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engine.graph.spec import DataSpec, FieldSpec, Project

NONE = Qt.KeyboardModifier.NoModifier
LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton

DIGITS = DataSpec(
    source="bundled:digits",
    fields=(
        FieldSpec("image", "image", (1, 8, 8), "input"),
        FieldSpec("label", "category", (), "target", "int64", classes=tuple("0123456789")),
    ),
    samples=1797,
)


@pytest.fixture(scope="session")
def themed(qapp):
    """The application in its dark look, once."""
    from gui.theme import theme

    theme.install(qapp, "dark")
    return theme


@pytest.fixture
def document(qapp):
    """An empty project whose data are 8 x 8 images with a label."""
    from gui.document.document import Document

    document = Document()
    document.new(Project(data=DIGITS))
    return document


@pytest.fixture
def selection(document):
    """What is selected in it."""
    from gui.document.selection import Selection

    return Selection(document)


@pytest.fixture
def row(document):
    """Makes layers in a row, each wired to the one before; gives their ids."""

    def make(*types: str) -> list[str]:
        ids: list[str] = []
        for place, type in enumerate(types):
            end = (ids[-1], "out") if ids else None
            ids.append(document.add_node(type, 160.0 * place, 0.0, connect_from=end))
        return ids

    return make


@pytest.fixture
def chain(document, row):
    """Input, Conv2d, ReLU, Flatten, Linear of 10 and a loss, wired; the ids."""
    ids = row("Input", "Conv2d", "ReLU", "Flatten", "Linear", "CrossEntropyLoss")
    document.set_parameter([ids[4]], "out_features", 10)
    return ids


@pytest.fixture
def canvas(qtbot, themed, document, selection):
    """The canvas in a window of its own, one to one, the scene's origin at its upper left."""
    from gui.canvas.view import CanvasView

    view = CanvasView(document, selection)
    qtbot.addWidget(view)
    view.resize(1100, 600)
    view.show()
    qtbot.waitExposed(view)
    view.activateWindow()
    view.setFocus()
    view.toggle_minimap()
    view.show_rect(QRectF(450, 150, 100, 100))
    return view


@pytest.fixture
def window(qtbot):
    """The whole window, at its start page."""
    from tests.gui.shell_window import open_window

    return open_window(qtbot)


@pytest.fixture
def digits(qtbot, window):
    """The window with a project laid out."""
    from tests.gui.shell_window import open_template

    open_template(qtbot, window, "digits-mlp")
    return window


@pytest.fixture
def hand(canvas):
    """Mouse and keys on the canvas; places are in the scene."""
    return Hand(canvas)


class Hand:
    """Sends the events that a person's mouse and keyboard would."""

    def __init__(self, view):
        self.view = view

    def place(self, point) -> QPoint:
        return self.view.mapFromScene(QPointF(*point))

    def node(self, id: str, dx: float = 60.0, dy: float = 45.0):
        """A place on a node's body."""
        item = self.view.canvas.node_items[id]
        return item.x() + dx, item.y() + dy

    def title(self, id: str):
        return self.node(id, dy=10.0)

    def port(self, id: str, side: str, name: str | None = None):
        """The centre of a port."""
        item = self.view.canvas.node_items[id]
        names = item.card.inputs if side == "in" else item.card.outputs
        return item.port_centre(side, name or names[0])

    def _send(self, kind, point, button, buttons, held):
        at = QPointF(self.place(point))
        where = QPointF(self.view.viewport().mapToGlobal(at.toPoint()))
        QApplication.sendEvent(self.view.viewport(), QMouseEvent(kind, at, where, button, buttons, held))

    def press(self, point, button=LEFT, held=NONE):
        self._send(QEvent.Type.MouseButtonPress, point, button, button, held)

    def move(self, point, button=LEFT, held=NONE):
        self._send(QEvent.Type.MouseMove, point, Qt.MouseButton.NoButton, button, held)

    def release(self, point, button=LEFT, held=NONE):
        self._send(QEvent.Type.MouseButtonRelease, point, button, Qt.MouseButton.NoButton, held)

    def hover(self, point):
        self.move(point, button=Qt.MouseButton.NoButton)

    def click(self, point, button=LEFT, held=NONE):
        self.press(point, button, held)
        self.release(point, button, held)

    def double_click(self, point):
        self.click(point)
        self._send(QEvent.Type.MouseButtonDblClick, point, LEFT, LEFT, NONE)
        self.release(point)

    def drag(self, start, end, button=LEFT, held=NONE, release=True):
        """From here to there in a few steps."""
        self.press(start, button, held)
        for step in range(1, 6):
            share = step / 5
            point = (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
            self.move(point, button, held)
        if release:
            self.release(end, button, held)

    def wheel(self, point, notches=1, pixels=None, phase=Qt.ScrollPhase.NoScrollPhase, held=NONE):
        at = QPointF(self.place(point))
        where = QPointF(self.view.viewport().mapToGlobal(at.toPoint()))
        event = QWheelEvent(
            at, where, pixels or QPoint(), QPoint(0, 120 * notches), Qt.MouseButton.NoButton, held, phase, False
        )
        QApplication.sendEvent(self.view.viewport(), event)

    def key(self, key, held=NONE, to=None):
        QTest.keyClick(to or self.view, key, held)

    def type(self, text: str, to):
        QTest.keyClicks(to, text)

    def context_menu(self, point):
        at = self.place(point)
        where = self.view.viewport().mapToGlobal(at)
        event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, where)
        QApplication.sendEvent(self.view.viewport(), event)
        return self.view.menu

    def carry(self, mime: str, content: str, point, held=NONE, drop=True):
        """Drag something in from outside, over `point`, and let it go there."""
        data = QMimeData()
        data.setData(mime, content.encode())
        at, copy = self.place(point), Qt.DropAction.CopyAction
        viewport = self.view.viewport()
        enter = QDragEnterEvent(at, copy, data, LEFT, held)
        QApplication.sendEvent(viewport, enter)
        move = QDragMoveEvent(at, copy, data, LEFT, held)
        QApplication.sendEvent(viewport, move)
        if drop:
            event = QDropEvent(QPointF(at), copy, data, LEFT, held)
            QApplication.sendEvent(viewport, event)
            return event.isAccepted()
        return enter.isAccepted()
