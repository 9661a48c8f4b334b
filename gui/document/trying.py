"""Custom layers are tried by an engine process behind the window; here questions go out and answers are kept."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

from engine.graph import trial
from engine.graph.catalogue import Entry
from engine.graph.spec import CodeFile
from engine.graph.trial import Inputs, Trial
from engine.graph.trying import LIMIT, Answer, Question, overdue
from gui import program
from gui.i18n import tr

GRACE = 30.0
"""Seconds more than the process allows itself, its start on a busy machine among them, until it is ended from here."""
MOST_KEPT = 4096
Key = tuple[CodeFile, str, bytes, Inputs]


class Trying(QObject):
    """`answered` when there is more to know. `may_run(file)` says whether the code is trusted; without it none runs."""

    answered = Signal()

    def __init__(self, may_run: Callable[[CodeFile], bool], parent: QObject, limit: float = LIMIT) -> None:
        super().__init__(parent)
        self._may_run, self._limit = may_run, limit
        self._known: dict[Key, Answer] = {}
        self._waiting: deque[Key] = deque()
        self._number = 0
        self._process: QProcess | None = None
        self._late = QTimer(self, singleShot=True)
        self._late.timeout.connect(self._give_up)
        trial.ask_elsewhere = self.ask

    def ask(self, entry: Entry, params: dict[str, Any], inputs: Inputs) -> Trial:
        """What is known of the layer; pending where that has to be found out first."""
        if not self._may_run(entry.code):
            return trial.untrusted(entry, params, inputs)
        key = (entry.code, entry.type, msgspec.json.encode(params), inputs)
        if key in self._known:
            return self._known[key].trial(params)
        if key not in self._waiting:
            self._waiting.append(key)
            if len(self._waiting) == 1:
                self._send()
        return Trial(params, pending=True)

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._waiting)

    def _send(self) -> None:
        """Put the first question."""
        code, type, params, inputs = self._waiting[0]
        self._number += 1
        shaped = tuple((spec.shape, spec.dtype.name) for spec in inputs)
        question = Question(self._number, (code,), type, msgspec.json.decode(params), shaped)
        if self._process is None:
            self._start()
        self._process.write(msgspec.json.encode(question) + b"\n")
        self._late.start(round((4 * self._limit + GRACE) * 1000))

    def _start(self) -> None:
        command, *arguments = program.command("engine", ["try-layers", "--limit", f"{self._limit:g}"])
        around = QProcessEnvironment()
        for name, value in program.environment().items():
            around.insert(name, value)
        process = self._process = QProcess(self)
        process.setProcessEnvironment(around)
        process.setStandardErrorFile(QProcess.nullDevice())  # what layers print is nobody's business here
        process.readyReadStandardOutput.connect(self._hear)
        process.finished.connect(lambda code, status: self._bury(process))
        process.errorOccurred.connect(lambda error: self._bury(process))
        process.started.connect(lambda: _let_the_window_go_first(process))
        process.start(command, arguments)

    def _hear(self) -> None:
        heard = False
        while self._process is not None and self._process.canReadLine():
            answer = msgspec.json.decode(self._process.readLine().data(), type=Answer)
            if answer.number == self._number and self._waiting:
                self._take(answer)
                heard = True
        if heard:
            self.answered.emit()

    def _take(self, answer: Answer) -> None:
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        self._known[self._waiting.popleft()] = answer
        self._late.stop()
        if self._waiting:
            self._send()

    def _bury(self, process: QProcess) -> None:
        """The process ended: by its own limit, by a crash in a layer, or since it could not start."""
        if process is not self._process:
            return
        self._hear()
        self._process = None
        process.deleteLater()
        if self._waiting:
            self._take(Answer(self._number, fault=tr("the process that tried it ended without an answer")))
            self.answered.emit()

    def _give_up(self) -> None:
        """It does not even notice that its time is over."""
        self._end()
        if self._waiting:
            self._take(Answer(self._number, fault=overdue(self._limit)))
            self.answered.emit()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.blockSignals(True)
            process.kill()
            process.waitForFinished(3000)
            process.deleteLater()

    def close_down(self) -> None:
        """The window goes away."""
        self._waiting.clear()
        self._late.stop()
        self._end()
        if trial.ask_elsewhere == self.ask:
            trial.ask_elsewhere = trial.untrusted


def _let_the_window_go_first(process: QProcess) -> None:
    if sys.platform != "win32":
        program.go_behind_the_window(process.processId())
