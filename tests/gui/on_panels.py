"""A choice and a dropped file, for tests that work the panels by hand."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication


def pick(box, text):
    """Choose by the keyboard, as a person does."""
    row = box.findText(text)
    assert row >= 0, [box.itemText(n) for n in range(box.count())]
    box.setFocus()
    box.setCurrentIndex(row)
    box.activated.emit(row)


def drop(panel, path):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    given = (Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    entering = QDragEnterEvent(QPoint(20, 20), *given)
    QApplication.sendEvent(panel, entering)
    assert entering.isAccepted()
    QApplication.sendEvent(panel, QDropEvent(QPointF(20, 20), *given))
