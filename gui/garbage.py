"""Cyclic garbage is collected in the window's thread alone: Qt's objects may not be deleted in another."""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

EVERY = 500
"""Milliseconds from one look to the next."""


class Collector(QObject):
    """Takes over from Python, which collects in whichever thread happens to allocate; gives back when it goes.

    Args:
        parent: as long as it lives.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        parent.destroyed.connect(gc.enable)
        self._timer = QTimer(self, interval=EVERY)
        self._timer.timeout.connect(collect_due)
        self._timer.start()


def collect_due() -> None:
    """Collect the oldest generation whose threshold is passed, as Python itself would."""
    count, most = gc.get_count(), gc.get_threshold()
    if count[0] > most[0]:
        gc.collect(max(age for age in range(3) if count[age] > most[age]))
