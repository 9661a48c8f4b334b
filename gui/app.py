"""Starts the application: look, crash log, window. The only place where the process's own things are set up."""

from __future__ import annotations

import faulthandler
import gc
import sys
import traceback
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import TextIO

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from gui import settings
from gui.garbage import Collector
from gui.i18n import tr
from gui.theme import ICONS, TOKENS, theme
from gui.window import Window

FIRST_PICTURE = 0.5
"""Seconds that the window waits for its first picture at most."""


def main(argv: list[str]) -> int:
    """Open the window, with the project that `argv` names, and stay until it closes. Returns the exit code."""
    app = QApplication.instance() or QApplication(["layerloom", *argv])
    window = open_window(app)
    write_crashes(window)
    for path in [argument for argument in argv if not argument.startswith("-")][:1]:
        window.projects.open(Path(path))
    return app.exec()


def open_window(app: QApplication) -> Window:
    """Give the application its name and look, and show a window."""
    app.setApplicationName("Layerloom")
    app.setApplicationDisplayName("Layerloom")
    app.setDesktopFileName("layerloom")
    app.setWindowIcon(QIcon(str(ICONS / "layerloom.svg")))
    look = settings.look.get()
    theme.install(app, look if look in TOKENS else "system")
    window = Window()
    window.show()
    _wait_for_the_first_picture(app, window)
    window.furnish()
    Collector(window)
    sys.setswitchinterval(0.001)  # a thread that reads data lets the window's go first
    gc.freeze()  # what has been imported stays: a full collection over it would hold a frame up
    return window


def _wait_for_the_first_picture(app: QApplication, window: Window) -> None:
    """What comes next holds the window's thread for half a second; a screen that shows nothing is not waited for."""
    picture, late = window.centralWidget(), monotonic() + FIRST_PICTURE
    while not picture.was_painted and monotonic() < late:
        app.processEvents()


def write_crashes(window: Window) -> TextIO:
    """A fault of ours goes to a log, which is returned; the window stays and says so in a sentence."""
    log = settings.state_folder() / "crash.log"
    handle = log.open("a", encoding="utf-8")
    faulthandler.enable(handle)

    def note(kind: type[BaseException], error: BaseException, trace) -> None:
        handle.write(f"\n{datetime.now():%Y-%m-%d %H:%M:%S}\n{''.join(traceback.format_exception(kind, error, trace))}")
        handle.flush()
        window.say(tr("Layerloom made a mistake ({error}). Your work is kept; details are in {log}",
                      error=kind.__name__, log=log), "bad")  # fmt: skip

    sys.excepthook = note
    return handle
