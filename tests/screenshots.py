"""Pictures of the running window for the README: `python tests/screenshots.py [FOLDER]`.

Opens the real window, opens the project on digits from the start page, trains it and draws a digit; nothing is posed.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SIZE = (1366, 768)
SEVEN = ((0.25, 0.22), (0.72, 0.22), (0.62, 0.45), (0.5, 0.65), (0.42, 0.85))
"""A digit as one stroke, in shares of the pad."""


def main(folder: Path) -> int:
    from PySide6.QtWidgets import QApplication

    from gui.app import open_window
    from gui.theme import theme

    app = QApplication.instance() or QApplication(["layerloom"])
    window = open_window(app)
    window.resize(*SIZE)
    theme.set_mode("dark")
    settle(app, 2.5)
    take(window, folder / "start-dark.png")

    window.projects.from_template("digits-cnn")
    wait(app, lambda: window.document.nodes and window.dashboard is not None, 20)
    settle(app, 1.0)
    window.top_bar.train.click()
    wait(app, lambda: len(window.run.history.epochs) >= 3, 120)
    window.canvas.go_to("conv2", centre=False)
    draw(window, SEVEN)
    wait(app, lambda: len(window.run.history.epochs) >= 6, 120)
    settle(app, 1.0)
    take(window, folder / "window-dark.png")
    theme.set_mode("light")
    settle(app, 1.0)
    take(window, folder / "window-light.png")

    window.run.stop()
    wait(app, lambda: not window.run.is_training, 60)
    window.close_down()
    return 0


def draw(window, stroke) -> None:
    """A stroke on the drawing pad, by the mouse."""
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QWidget

    pad = window.findChild(QWidget, "try-pad")
    points = [QPoint(round(x * pad.width()), round(y * pad.height())) for x, y in stroke]
    QTest.mousePress(pad, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, points[0])
    for a, b in pairwise(points):
        for step in range(1, 9):
            QTest.mouseMove(pad, a + (b - a) * step / 8)
    QTest.mouseRelease(pad, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, points[-1])


def settle(app, seconds: float) -> None:
    """Let the window live for a while."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        app.processEvents()
        time.sleep(0.01)


def wait(app, condition, seconds: float) -> None:
    """Let the window live until something has happened."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("the window did not come so far")
        app.processEvents()
        time.sleep(0.01)


def take(window, path: Path) -> None:
    """The window as a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    window.grab().save(str(path))
    print(path)


if __name__ == "__main__":
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        os.environ[variable] = tempfile.mkdtemp(prefix="layerloom-")
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "resources" / "screenshots"))
