"""Garbage with Qt's objects in it is collected in the window's thread."""

import gc
import threading

import pytest
from PySide6.QtCore import QObject

from gui.garbage import Collector


class Cycle(QObject):
    """Refers to itself, so that only a collection finds it; says in which thread it went."""

    def __init__(self, gone):
        super().__init__()
        self.itself, self.gone = self, gone

    def __del__(self):
        self.gone.append(threading.current_thread())


@pytest.fixture
def window(qapp):
    window = QObject()
    yield window
    window.deleteLater()
    gc.enable()


def test_a_thread_that_allocates_much_collects_nothing(qtbot, window):
    gc.collect()
    Collector(window)
    gone = []
    for _ in range(20):
        Cycle(gone)
    worker = threading.Thread(target=lambda: [[i] for i in range(200_000)])
    worker.start()
    worker.join()
    assert not gone
    kept = [[i] for i in range(2_000)]  # more than the first generation takes
    qtbot.waitUntil(lambda: len(gone) == 20, timeout=5000)
    assert set(gone) == {threading.main_thread()}
    assert len(kept) == 2_000
