"""Listening to a run: its folder is tailed, what its engine says comes as signals, its silence is noticed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal
from safetensors import SafetensorError
from safetensors.numpy import load

from engine.formats.regular import read_regular
from engine.train import events
from engine.train.events import AnyEvent, Failed, RunStarted, Step
from gui.i18n import tr
from gui.run import folder as run_folder
from gui.run import process
from gui.run.history import History
from gui.run.tail import Tail

SLICE = 0.006
"""Seconds a tick may read for: the rest of the frame belongs to the window."""
TICK, LOADING_TICK, REST_TICK = 33, 8, 500
"""Milliseconds between two looks at the folder: while an engine lives, while a long past is read, afterwards."""
LOOK = 0.5
"""Seconds between two looks whether the engine lives."""
LARGEST_SNAPSHOT = 16 * 2**20
"""Bytes of a file of pictures: the histograms of 10,000 layers have 7 million."""
TRAINING = ("starting", "running", "paused", "stopping")


class Listening(QObject):
    """One run folder at a time: what its engine says comes as signals and in `history`.

    State is one of "idle", "starting", "running", "paused", "stopping", "finished", "failed", "lost"; `message` says
    in one sentence why it is "failed" or "lost".
    """

    state_changed = Signal(str)
    started = Signal(object)
    stepped = Signal()
    epoch_ended = Signal(object)
    snapshot = Signal(object, object)
    prediction = Signal(object)
    diagnosis = Signal(object)
    edited = Signal(object)
    checkpoint = Signal(object)
    failed = Signal(object)
    ended = Signal(object)
    refused = Signal(object)
    followed = Signal()
    """Another folder, or none: everything begins anew."""
    loaded = Signal()
    """What the run said before it was followed has been read."""

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)
        self._made: list[Path] = []  # the runs that began in this window
        self._forget()

    def _forget(self) -> None:
        self.folder: Path | None = None
        self.state = self._said_state = "idle"
        self.message = ""
        self.is_loading = False
        self._tail: Tail | None = None
        self._process: subprocess.Popen | None = None
        self._launch_when_free: Callable[[], None] | None = None
        self._is_serving = False  # an engine that only answers lives here, or is about to
        self._next_look = 0.0
        self._clear()

    def _clear(self) -> None:
        """Forget what was said."""
        self.history = History()
        self.info: RunStarted | None = None
        self.end: events.RunEnded | None = None
        self.last_step: Step | None = None
        self.arrays: dict[str, np.ndarray] = {}
        self._speaker_serves = False  # whose events are being read
        self._new_snapshot: events.Snapshot | None = None

    # What it says

    def _tick(self) -> None:
        if self._launch_when_free is not None and not process.is_alive(self.folder):
            launch, self._launch_when_free = self._launch_when_free, None
            launch()
        if self._tail is not None:
            try:
                self._read(SLICE)
            except OSError as error:
                self._cannot_read(error)
        if self._tail is not None and not self._tail.is_behind:
            self._caught_up()

    def _cannot_read(self, error: OSError) -> None:
        """No events to follow: a folder of somebody else's, perhaps, with a link or a pipe in their place."""
        self._timer.stop()
        self._tail, self.is_loading = None, False
        self._fail(tr("The run in {place} cannot be read: {why}.", place=self.folder, why=reason_of(error)))

    def _read(self, seconds: float) -> None:
        """Take in what came; steps go to the history in one piece, and `stepped` says so once."""
        tail, had_steps = self._tail, False
        for lines in tail.read(seconds):
            if tail.was_restarted:
                tail.was_restarted = False
                self._clear()
            steps: list[Step] = []
            for line in lines:
                event = run_folder.parse(line)
                if type(event) is Step:
                    steps.append(event)
                elif event is not None:
                    had_steps |= self._take_steps(steps)
                    self._take(event)
                    if self._tail is not tail:
                        return  # a listener turned to another run
            had_steps |= self._take_steps(steps)
        if had_steps:
            self.stepped.emit()
        if not self.is_loading:
            self._show_snapshot()

    def _take_steps(self, steps: list[Step]) -> bool:
        if not steps:
            return False
        self.history.add_steps(steps)
        self.last_step = steps[-1]
        steps.clear()
        return True

    def _take(self, event: AnyEvent) -> None:
        take, signal = self._WHAT_TO_DO[type(event)]
        if take is not None:
            take(self, event)
        if signal is not None and not (self.is_loading and signal in ("prediction", "refused")):
            getattr(self, signal).emit(event)

    def _take_started(self, event: RunStarted) -> None:
        self._speaker_serves = event.serving
        if event.serving and self.info is not None:
            return  # what was trained here stays on show
        self.info = event
        if not event.serving:
            self.end, self.message = None, ""
            self.history.rewind(event.step)
            self._set_state("running")

    def _take_state(self, event: events.StateChanged) -> None:
        if not self._speaker_serves:
            self._set_state(event.state)

    def _take_epoch(self, event: events.EpochEnded) -> None:
        self.history.epochs.append(event)

    def _take_snapshot(self, event: events.Snapshot) -> None:
        if self._speaker_serves and not self.info.serving:
            return  # the best network's; what was trained here stays on show
        self.history.snapshots.append(event)
        self._new_snapshot = event

    def _take_edit(self, event: events.Edited) -> None:
        self.history.edits.append(event)

    def _take_diagnosis(self, event: events.Diagnosis) -> None:
        self.history.diagnoses.append(event)

    def _take_failure(self, event: Failed) -> None:
        if self._is_of_a_server:
            self.refused.emit(events.Refused(request="", message=event.message))
            return
        self.message = event.message
        if not self.is_loading:
            self.failed.emit(event)

    def _take_end(self, event: events.RunEnded) -> None:
        if self._is_of_a_server:
            self._is_serving = self._speaker_serves = False
            return
        self.end = event
        self._set_state("failed" if event.reason == "failed" else "finished")
        self.ended.emit(event)

    @property
    def _is_of_a_server(self) -> bool:
        """Whether what is said now comes from an engine that only answers, or could not begin to."""
        return self._speaker_serves or (not self.is_training and (self.end is not None or self._is_serving))

    _WHAT_TO_DO = {  # noqa: RUF012  (kind of event -> what the run takes from it, the signal that passes it on)
        RunStarted: (_take_started, "started"),
        events.EpochEnded: (_take_epoch, "epoch_ended"),
        events.Snapshot: (_take_snapshot, None),
        events.Prediction: (None, "prediction"),
        events.Diagnosis: (_take_diagnosis, "diagnosis"),
        events.Checkpoint: (None, "checkpoint"),
        events.StateChanged: (_take_state, None),
        events.Edited: (_take_edit, "edited"),
        events.Refused: (None, "refused"),
        Failed: (_take_failure, None),
        events.RunEnded: (_take_end, None),
    }

    def _show_snapshot(self) -> None:
        """Only the newest of a slice: plots show what is, not every picture on the way."""
        event, self._new_snapshot = self._new_snapshot, None
        if event is not None:
            arrays = self.read_snapshot(event)
            if arrays:
                self.arrays = arrays
                self.snapshot.emit(event, arrays)

    def read_snapshot(self, event: events.Snapshot) -> dict[str, np.ndarray]:
        """The arrays of a snapshot; empty where its file was thinned out, is damaged or lies outside the folder."""
        try:
            path = (self.folder / event.file).resolve()
            if not path.is_relative_to(self.folder.resolve()):
                return {}
            return load(read_regular(path, LARGEST_SNAPSHOT))
        except (SafetensorError, OSError, KeyError, ValueError):
            return {}  # one picture of many: the run is shown without it

    # What it does not say

    def _caught_up(self) -> None:
        if self.is_loading:
            self._look()
            self.is_loading = False
            self._show_snapshot()
            self.loaded.emit()
            self._say_state()
        elif monotonic() >= self._next_look:
            self._look()
        self._timer.setInterval(TICK if self.is_training or self._is_serving else REST_TICK)

    def _look(self) -> None:
        """Notice that the engine is gone although it said no goodbye."""
        self._next_look = monotonic() + LOOK
        expects_life = self.is_training or self._is_serving
        if not expects_life or self._launch_when_free is not None or self._is_alive():
            return
        self._read(60.0)  # its last words may have come since the last look
        code = self._process.returncode if self._process is not None else None
        if self.state == "starting":
            self._fail(self.message or process.why_not_started(self.folder, code))
        elif self.is_training:
            self.message = _how_lost(code, self.last_step)
            self._set_state("lost")
        elif self._is_serving:
            self._is_serving = False
            self.refused.emit(events.Refused(request="", message=process.why_not_started(self.folder, code)))

    def _is_alive(self) -> bool:
        """By our own child's exit where it is ours: the lock is left alone, it may be about to take it."""
        if self._process is not None and self._process.poll() is None:
            return True
        return process.is_alive(self.folder)

    def _fail(self, message: str) -> None:
        self.message = message
        self._set_state("failed")
        self.failed.emit(Failed(message=message))

    def _set_state(self, state: str) -> None:
        self.state = state
        if not self.is_loading:
            self._say_state()

    def _say_state(self) -> None:
        if self.state != self._said_state:
            self._said_state = self.state
            self.state_changed.emit(self.state)


def reason_of(error: OSError) -> str:
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def _how_lost(code: int | None, last: Step | None) -> str:
    how = process.exit_reason(code)
    if last is None:
        return tr("The engine {how} before its first step; Resume starts again.", how=how)
    return tr("The engine {how} after step {step}; Resume goes on from the last checkpoint.", how=how, step=last.step)
