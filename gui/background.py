"""Work that takes longer than a frame, in a thread of its own; its answer comes in the window's thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from engine.data import Cancelled
from engine.errors import EngineError
from gui.i18n import tr

PAUSE = 0.0005
"""Seconds that work rests whenever it tells how far it is: the window's thread gets the interpreter at once."""


class Background(QObject):
    """One piece of work at a time; a newer one makes the older one's answer void.

    The work is called with `progress(fraction) -> bool`, which says whether it may go on.
    """

    progressed = Signal(float)
    done = Signal(object)
    failed = Signal(object)
    _answered = Signal(int, object, object)
    _moved = Signal(int, float)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._turn = 0
        self._thread: threading.Thread | None = None
        self._answered.connect(self._answer)
        self._moved.connect(self._move)

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._thread is not None

    def start(self, work: Callable[[Callable[[float], bool]], Any]) -> None:
        """Begin; `done(result)` or `failed(EngineError)` follows, unless it is cancelled."""
        self._turn += 1
        turn = self._turn
        self._thread = threading.Thread(target=self._run, args=(turn, work), daemon=True, name="layerloom-reading")
        self._thread.start()

    def cancel(self) -> None:
        """Let it go; no answer follows."""
        self._turn += 1
        self._thread = None

    def wait(self, seconds: float = 5.0) -> None:
        """Cancel and wait for the thread to end: before the window goes away."""
        thread = self._thread
        self.cancel()
        if thread is not None:
            thread.join(seconds)

    def _run(self, turn: int, work: Callable[[Callable[[float], bool]], Any]) -> None:
        result, error = None, None
        try:
            result = work(lambda fraction: self._tell(turn, fraction))
        except Cancelled:
            return
        except EngineError as fault:
            error = fault
        except OSError as fault:
            why = fault.strerror or str(fault)
            error = EngineError(str(fault.filename or tr("the file")), got=tr("it cannot be read: {why}", why=why))
        except MemoryError:
            error = EngineError(tr("the data"), got=tr("there is not enough memory to read it"))
        self._answered.emit(turn, result, error)

    def _tell(self, turn: int, fraction: float) -> bool:
        if turn != self._turn:
            return False
        self._moved.emit(turn, fraction)
        time.sleep(PAUSE)
        return True

    def _move(self, turn: int, fraction: float) -> None:
        if turn == self._turn:
            self.progressed.emit(fraction)

    def _answer(self, turn: int, result: Any, error: EngineError | None) -> None:
        if turn != self._turn:
            return
        self._thread = None
        if error is not None:
            self.failed.emit(error)
        else:
            self.done.emit(result)
