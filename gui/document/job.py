"""One piece of reading or writing in a thread, which ends with an outcome whatever happens."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Thread
from typing import Any

from PySide6.QtCore import QObject, Signal

from engine.errors import EngineError
from gui.i18n import tr

log = logging.getLogger(__name__)


class Job(QObject):
    """One piece of work in a thread; its outcome is taken up in the window's thread. `name` is what it works on."""

    _ended = Signal()

    def __init__(self, name: str, work: Callable[[], Any], done: Callable[[Any], None], end: Callable[[Job], None]):
        super().__init__()
        self._name, self._work, self._done, self._end = name, work, done, end
        self._result: Any = None
        self._is_finished = False
        self.error: str | None = None
        self._thread = Thread(target=self._run, name="files")
        self._ended.connect(self.finish)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wait(self) -> None:
        """Let it come to its end, and take up the outcome."""
        self._thread.join()
        self.finish()

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # whatever it is: a job that never ends would hold all that come after it
            self.error = self._sentence(error)
        self._ended.emit()

    def _sentence(self, error: BaseException) -> str:
        if isinstance(error, EngineError):
            return str(error)
        if isinstance(error, OSError):
            return f"{error.filename or tr('The disk')}: {error.strerror or error}."
        if isinstance(error, MemoryError):
            return tr("{name}: there is not enough memory; close other programs and try again.", name=self._name)
        log.error("%s", self._name, exc_info=error)
        return tr("{name}: a mistake of ours, {error}; nothing was changed.", name=self._name, error=repr(error))

    def finish(self) -> None:
        """Take up the outcome, once."""
        if self._is_finished:
            return
        self._is_finished = True
        try:
            if self.error is None:
                self._done(self._result)
        except EngineError as error:
            self.error = str(error)
        finally:
            self._end(self)
