"""The run that the window follows: which one it is, and what its engine is told to do."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from uuid import uuid4

from engine.errors import TrainingError
from engine.formats import checkpoint as checkpoints
from engine.formats import elsewhere
from engine.graph.spec import Project
from engine.train import events
from engine.train.events import AnyCommand
from gui.i18n import tr
from gui.run import folder as run_folder
from gui.run import process
from gui.run.listening import LOADING_TICK, LOOK, TICK, TRAINING, Listening, reason_of
from gui.run.tail import Tail

SERVE_IDLE = 120
"""Seconds without a question after which an engine that only answers goes."""
SPARE = 1
"""Cores that a run leaves to the window."""


class Run(Listening):
    """One run folder at a time, begun here or found: what it says comes as signals and in `history`."""

    # Which run

    def start(self, project: Project, base: Path, runs: Path, weights: bytes | None = None) -> None:
        """Train the project in a new folder below `runs`; a relative data source counts from the folder `base`.

        Raises:
            TrainingError: a run is going on.
        """
        self._require_rest("Train")
        folder = self._create(runs, project, base, weights)
        if folder is not None:
            self._attach(folder)
            self._set_state("starting")
            self._launch(_training(folder))
            self._tick()

    def resume(self) -> None:
        """Go on from the last checkpoint of the run that was stopped, lost or failed; from its start without one.

        Raises:
            TrainingError: a run is going on, or there is none.
        """
        self._require_rest("Resume")
        if self.folder is None:
            raise TrainingError("Resume", got="there is no run", expected="one that was stopped or lost")
        folder = self.folder
        again = ["--resume"] if self._last_checkpoint is not None else []
        self._dismiss_server()
        self._set_state("starting")
        self._launch_when_free = lambda: self._launch([*_training(folder), *again])
        self._tick()

    def follow(self, folder: Path | None) -> None:
        """Show that folder's run from its beginning, live if it lives; None for no run at all."""
        if folder is not None and folder == self.folder:
            return
        self._dismiss_server()
        if folder is not None:
            self._attach(Path(folder))
            self._tick()
            return
        self._timer.stop()
        self._forget()
        self.followed.emit()
        self.state_changed.emit(self.state)

    def adopt(self, before: Path, runs: Path) -> None:
        """The project got its first file: its runs come along, from the folder `before` to `runs`."""
        known = dict.fromkeys([*self._made, *([self.folder] if self.folder else [])])
        moved = run_folder.adopt([f for f in known if f.parent == before and not f.name.startswith(".")], runs)
        self._made = []
        if self.folder in moved:
            self.folder = moved[self.folder]
            self._tail.path = self.folder / process.EVENTS

    def follow_newest(self, runs: Path) -> None:
        """What opening a project does: follow the run that lives, else the newest, else none."""
        run_folder.adopt(elsewhere.noted(runs), runs)
        folders = self.find(runs)
        living = next((folder for folder in folders if process.is_alive(folder)), None)
        self.follow(living or next(iter(folders), None))

    def find(self, runs: Path) -> list[Path]:
        """The run folders below `runs`, newest first."""
        return run_folder.find(runs)

    def close(self) -> None:
        """The window closes: training goes on, an engine that only answers ends."""
        self.follow(None)
        process.reap()

    def _create(self, runs: Path, project: Project, base: Path, weights: bytes | None, name: str = "") -> Path | None:
        self._dismiss_server()
        try:
            folder = run_folder.create(runs, project, base, weights, name)
        except OSError as error:
            self._cannot_start(runs, error)
            return None
        if not name:
            self._made.append(folder)
        return folder

    def _attach(self, folder: Path) -> None:
        said = self._said_state
        self._forget()
        self.folder = folder
        self._tail = Tail(folder / process.EVENTS)
        self.is_loading = True
        self.followed.emit()
        if said != "idle":
            self.state_changed.emit("idle")
        self._timer.start(LOADING_TICK)

    def _launch(self, arguments: list[str]) -> None:
        try:
            process.unsay(self.folder)
            self._process = process.launch(arguments, self.folder)
        except OSError as error:
            self._cannot_start(self.folder, error)
            return
        self._next_look = monotonic() + LOOK
        self._timer.start(TICK)

    def _cannot_start(self, place: Path, error: OSError) -> None:
        self._fail(tr("The run could not start in {place}: {why}.", place=place, why=reason_of(error)))

    def _require_rest(self, what: str) -> None:
        if self.is_training:
            raise TrainingError(what, got="this project is training", mend="stop it first")

    # What to tell it

    @property
    def is_training(self) -> bool:
        """Whether an engine trains, or is about to."""
        return self.state in TRAINING

    @property
    def can_resume(self) -> bool:
        """Whether there is a run here that ended before its time; a failed one needs a checkpoint to go on from."""
        if self.state == "failed":
            return self._last_checkpoint is not None
        return self.state == "lost" or (
            self.state == "finished" and self.end is not None and self.end.reason == "stopped"
        )

    @property
    def _last_checkpoint(self) -> Path | None:
        return checkpoints.kept_in(self.folder, "last") if self.folder is not None else None

    def pause(self) -> None:
        """Wait before the next step."""
        self._send(events.Pause(request=_request()))

    def go_on(self) -> None:
        """Leave the pause."""
        self._send(events.Resume(request=_request()))

    def step(self) -> None:
        """Take one step and pause."""
        self._send(events.StepOnce(request=_request()))

    def stop(self) -> None:
        """Write a checkpoint and end."""
        if self.is_training:
            self._send(events.Stop(request=_request()))
            self._set_state("stopping")

    def set_learning_rate(self, value: float) -> None:
        """From the next step on."""
        self._send(events.Set(request=_request(), name="lr", value=float(value)))

    def predict(self, inputs: dict) -> str:
        """Ask for one sample, in the data's own units; `prediction` answers with the request that is returned here.

        Where no engine lives one is started that only answers. "" where there is no run to ask.
        """
        if self.folder is None or self.state == "starting":
            return ""
        command = events.Predict(request=_request(), inputs=inputs)
        if self.is_training or (self._is_serving and self._launch_when_free is None):
            self._send(command)
        else:
            self._serve(command)
        return command.request

    def serve(self, project: Project, base: Path, runs: Path, weights: bytes | None = None) -> None:
        """Follow a folder without training, so that a project that has no run can be asked too."""
        self._require_rest("Serve")
        folder = self._create(runs, project, base, weights, name=".try")
        if folder is not None:
            self._attach(folder)
            self._serve(None)

    def _serve(self, question: AnyCommand | None) -> None:
        """Start an engine that only answers, with its first question waiting for it."""

        def launch() -> None:
            folder = self.folder
            self._launch(["serve", str(folder), "--out", str(folder), "--idle", str(SERVE_IDLE)])
            if question is not None:
                self._send(question)

        self._is_serving = True
        self._launch_when_free = launch
        self._tick()

    def _dismiss_server(self) -> None:
        starts = self._process is not None and self._process.poll() is None  # it may not hold the lock yet
        if self._is_serving and self.folder is not None and (starts or process.is_alive(self.folder)):
            self._send(events.Stop(request=_request()))
        self._is_serving = False
        self._launch_when_free = None

    def weights(self) -> bytes | None:
        """The network of `best_checkpoint`, as a project file keeps it; None before the first.

        Raises:
            ProjectError: the checkpoint is cut off.
        """
        found = self.best_checkpoint
        return checkpoints.read_weights(found) if found is not None else None

    @property
    def best_checkpoint(self) -> Path | None:
        """The file of the best network, else of the last; None before the first."""
        if self.folder is None:
            return None
        return checkpoints.best_in(self.folder)

    def _send(self, command: AnyCommand) -> None:
        if self.folder is None:
            raise TrainingError("Run", got="there is no run to tell anything")
        try:
            process.send(self.folder, command)
        except OSError as error:
            message = tr("The run could not be told: {why}.", why=reason_of(error))
            self.refused.emit(events.Refused(request=command.request, message=message))


def _training(folder: Path) -> list[str]:
    """What the engine is told: where the window takes a core from a thread of the run, all of them wait."""
    return ["train", str(folder), "--out", str(folder), "--spare", str(SPARE)]


def _request() -> str:
    return uuid4().hex[:12]
