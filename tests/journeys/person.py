"""The whole window, worked by real events as a person would work it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QKeySequence, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QFileDialog, QPushButton, QWidget

NONE, LEFT = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
LAYER_MIME = "application/x-layerloom-layer"


class Person:
    """Mouse and keyboard at one window."""

    def __init__(self, window, qtbot):
        self.window, self.qtbot = window, qtbot
        self.canvas, self.document, self.run = window.canvas, window.document, window.run

    def until(self, condition, seconds: float = 20.0) -> None:
        """Wait, with the window alive, until something has happened."""
        self.qtbot.waitUntil(condition, timeout=round(seconds * 1000))

    def find(self, name: str, kind: type = QWidget):
        """The control of that name."""
        found = self.window.findChild(kind, name)
        assert found is not None, f"no control is called {name!r}"
        return found

    def click(self, name: str) -> None:
        QTest.mouseClick(self.find(name), LEFT, NONE)

    def press(self, keys: str, to: QWidget | None = None) -> None:
        """A shortcut, by the name that the shortcut sheet gives it: "Ctrl+S"."""
        (combination,) = QKeySequence(keys)
        QTest.keyClick(to or self.window, combination.key(), combination.keyboardModifiers())

    def type_into(self, name: str, text: str) -> None:
        """Click a field, select what stands in it, type over it and press Return."""
        field = self.find(name)
        assert field.isVisible(), f"{name} is not on the screen"
        QTest.mouseClick(field, LEFT, NONE, QPoint(12, field.height() // 2))
        assert field.hasFocus(), f"a click does not bring the keyboard to {name}"
        self.press("Ctrl+A", field)
        QTest.keyClicks(field, text)
        QTest.keyClick(field, Qt.Key.Key_Return)

    def choose(self, name: str, text: str) -> None:
        """Pick an entry of a combo box with the keyboard."""
        box = self.find(name, QComboBox)
        index = box.findText(text)
        assert index >= 0, f"{name} offers {[box.itemText(i) for i in range(box.count())]}, not {text!r}"
        box.setFocus()
        QTest.keyClick(box, Qt.Key.Key_Home)
        for _ in range(index):
            QTest.keyClick(box, Qt.Key.Key_Down)
        if box.currentIndex() != index:
            pytest.fail(f"{name} stands at {box.currentText()!r}, not {text!r}")

    def open_template(self, name: str) -> None:
        """Open a project by its tile on the start page."""
        self.click(f"tile-{name}")
        self.until(lambda: self.window.is_working and len(self.document.nodes) > 0 and self.document.inference.ok)

    # The canvas

    def drop_layer(self, type: str, x: float, y: float) -> str:
        """Drag a layer from the palette to a place of the canvas; the new node's id."""
        before = set(self.document.nodes)
        data = QMimeData()
        data.setData(LAYER_MIME, type.encode())
        drop(data, self.canvas.viewport(), self.canvas.mapFromScene(QPointF(x, y)))
        (new,) = set(self.document.nodes) - before
        return new

    def drop_file(self, path: Path, target: QWidget) -> None:
        """Drag a file or folder from the desktop onto a part of the window."""
        self.until(lambda: target.isVisible() and not target.visibleRegion().isEmpty())
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        drop(data, target, target.rect().center())

    def port(self, id: str, side: str) -> QPointF:
        item = self.canvas.canvas.node_items[id]
        names = item.card.inputs if side == "in" else item.card.outputs
        return QPointF(*_pair(item.port_centre(side, names[0])))

    def wire(self, source: str, target: str) -> None:
        """Drag from an output port to an input port."""
        start, end = self.port(source, "out"), self.port(target, "in")
        self._mouse(QEvent.Type.MouseButtonPress, start)
        for step in range(1, 6):
            self._mouse(QEvent.Type.MouseMove, start + (end - start) * step / 5)
        self._mouse(QEvent.Type.MouseButtonRelease, end)

    def _mouse(self, kind, point: QPointF) -> None:
        at = QPointF(self.canvas.mapFromScene(point))
        everywhere = QPointF(self.canvas.viewport().mapToGlobal(at.toPoint()))
        pressed = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else LEFT
        button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else LEFT
        QApplication.sendEvent(self.canvas.viewport(), QMouseEvent(kind, at, everywhere, button, pressed, NONE))

    # Training and files

    def train(self) -> None:
        self.click("train")
        self.until(lambda: self.run.info is not None, 30)  # a short run may be over before it was seen running

    def train_to_the_end(self, seconds: float = 120) -> None:
        self.train()
        self.until(lambda: self.run.state == "finished", seconds)

    def save_as(self, path: Path, monkeypatch) -> None:
        """Save with Ctrl+S; the system's own dialog is answered with `path`."""
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
        self.press("Ctrl+S")
        self.until(lambda: path.exists() and not self.document.is_dirty)

    def save(self) -> None:
        """Save again to the file that the project has."""
        self.press("Ctrl+S")
        self.until(lambda: not self.document.is_dirty)

    def open(self, path: Path, monkeypatch) -> None:
        """Open a project with Ctrl+O; the system's own dialog is answered with `path`."""
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(path), ""))
        self.press("Ctrl+O")

    def close(self) -> None:
        """Close the window; with unsaved work it would ask first."""
        assert not self.document.is_dirty
        assert self.window.close()

    def fix_button(self, text: str) -> QPushButton:
        """The visible button with this label, once it is there."""

        def found() -> list[QPushButton]:
            return [
                b for b in self.window.findChildren(QPushButton) if b.text().split() == text.split() and b.isVisible()
            ]

        self.until(lambda: bool(found()))
        return found()[0]


def drop(data: QMimeData, target: QWidget, at: QPoint) -> None:
    """What a drag sends to a widget: it enters, moves and lets go."""
    copy = Qt.DropAction.CopyAction
    enter = QDragEnterEvent(at, copy, data, LEFT, NONE)
    QApplication.sendEvent(target, enter)
    assert enter.isAccepted(), f"{target.objectName()} does not take what is dragged over it"
    QApplication.sendEvent(target, QDragMoveEvent(at, copy, data, LEFT, NONE))
    QApplication.sendEvent(target, QDropEvent(QPointF(at), copy, data, LEFT, NONE))


def _pair(point) -> tuple[float, float]:
    return (point.x(), point.y()) if isinstance(point, QPointF | QPoint) else tuple(point)


def close(person: Person) -> None:
    """Stop what runs and close the window, keeping nothing."""
    window = person.window
    if window.run.is_training and window.run.info is not None:
        kill(window.run.info.pid)
    window.document.undo_stack.setClean()
    window.close_down()
    window.hide()
    window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def kill(pid: int) -> None:
    """kill -9; whoever started the process learns of it in its own way."""
    os.kill(pid, signal.SIGKILL)
