"""A window for the tests of the shell, and the waits that they share."""

from __future__ import annotations

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from gui import app as application
from gui.window import Window


def open_window(qtbot) -> Window:
    """A window as `main` opens it, at 1366 x 768, which ends with the test."""
    window = application.open_window(QApplication.instance())
    qtbot.addWidget(window, before_close_func=end)
    window.resize(1366, 768)
    qtbot.waitExposed(window)
    return window


def end(window: Window) -> None:
    """The run ends with the test, and nothing is asked when the window closes."""
    window.run.stop()
    for _ in range(200):
        if not window.run.is_training:
            break
        QTest.qWait(50)
    window.document.mark_saved(window.document.project, window.document.weights)


def open_template(qtbot, window: Window, name: str) -> None:
    """One click on a tile, and the project stands on the canvas."""
    tile = find(window, f"tile-{name}")
    with qtbot.waitSignal(window.projects.shown, timeout=10_000):
        tile.click()
    qtbot.waitUntil(lambda: window.canvas.canvas.is_populated and not window.docks._showing.is_busy, timeout=5_000)
    window.document.finish_inference()


def find(window: QWidget, object_name: str) -> QWidget:
    """The widget of that name."""
    found = window.findChild(QWidget, object_name)
    assert found is not None, f"there is no {object_name}"
    return found
