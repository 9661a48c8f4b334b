"""Loading pyqtgraph while the window goes on painting.

It takes half a second, and it cannot be done in a thread: Qt's modules want the window's thread.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from time import monotonic

from PySide6.QtCore import QCoreApplication, QEventLoop

FIRST = ("PySide6.QtOpenGL", "PySide6.QtOpenGLWidgets", "PySide6.QtTest", "PySide6.QtSvg")
"""The larger pieces that it would load, one at a time."""
WHOLE = ("PySide6.QtCore", "PySide6.QtGui", "PySide6.QtWidgets")
"""It copies every name of these, and PySide makes a class only when it is named: most of the time goes there."""
BREATH = 0.012
"""Seconds of loading after which the window gets its turn."""


class _Breather(MetaPathFinder):
    """Finds nothing, but is asked before each module is loaded: then timers and painting have their turn.

    Clicks and keys wait until the loading is done, since what they start may need it.
    """

    def __init__(self) -> None:
        self._since = monotonic()

    def find_spec(self, name, path=None, target=None) -> None:
        if monotonic() - self._since > BREATH:
            QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
            self._since = monotonic()


def _name_all() -> Iterator[None]:
    since = monotonic()
    for module in map(importlib.import_module, WHOLE):
        for name in dir(module):
            getattr(module, name)
            if monotonic() - since > BREATH:
                yield
                since = monotonic()


def load() -> Iterator[None]:
    """Each step loads a piece; afterwards `import pyqtgraph` costs nothing."""
    for module in FIRST:
        importlib.import_module(module)
        yield
    yield from _name_all()
    breather = _Breather()
    sys.meta_path.insert(0, breather)
    try:
        importlib.import_module("pyqtgraph")
    finally:
        sys.meta_path.remove(breather)
    yield
