"""What Train, pause, step and stop do, and what the one button says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal

from engine.errors import EngineError, Fix
from engine.formats import checkpoint as checkpoints
from engine.graph import spec
from engine.graph.spec import Graph
from gui.actions import Actions
from gui.background import Background
from gui.document.document import Document
from gui.document.files import Files
from gui.i18n import tr
from gui.plots import figures
from gui.run.folder import headline
from gui.run.model import Run
from gui.top_bar import TopBar


@dataclass(frozen=True)
class Trained:
    """The network of a run, with its weights where they go with the project's."""

    graph: Graph
    weights: bytes | None


class TrainingControl(QObject):
    """Between the actions of the Train menu and the run. `said(text, kind, fixes)`; fixes are (label, slot) pairs."""

    said = Signal(str, str, object)
    problems_wanted = Signal()
    data_wanted = Signal()

    def __init__(self, document: Document, files: Files, run: Run, actions: Actions, bar: TopBar) -> None:
        super().__init__(bar)
        self._document, self._files, self._run, self._actions, self._bar = document, files, run, actions, bar
        self._edited = False  # since the run began: then Train begins anew instead of going on
        self._reading = Background()  # without a parent: its thread may outlive the window by a moment
        self._reading.done.connect(self._keep_weights)
        self._reading.failed.connect(self._tell_unread)
        bar.train.clicked.connect(self.act)
        actions.on("train.start", self.act)
        actions.on("train.pause", self.pause_or_go_on)
        actions.on("train.step", self.step)
        actions.on("train.stop", run.stop)
        actions.on("train.resume", self.resume)
        actions.on("train.anew", self.start)
        actions.on("train.further", lambda: self.start(document.weights))
        run.state_changed.connect(self.show)
        run.stepped.connect(bar.show_progress)
        run.followed.connect(self.show)
        run.loaded.connect(self._take_weights)
        run.ended.connect(self._tell_end)
        run.failed.connect(self._tell_failure)
        run.refused.connect(self._tell_refusal)
        document.undo_stack.indexChanged.connect(self._note_edit)
        document.was_reset.connect(self._forget_edits)
        document.training_changed.connect(self._show_device)
        document.was_reset.connect(self._show_device)
        document.weights_changed.connect(self.show)
        self._show_device()
        self.show()

    # What the button says

    @property
    def next(self) -> str:
        """What the button does now: "start", "stop", "go on", "resume" or "" (nothing, for a moment)."""
        state = self._run.state
        if state in ("starting", "running"):
            return "stop"
        if state == "paused":
            return "go on"
        if state == "stopping":
            return ""
        return "resume" if self._run.can_resume and not self._edited else "start"

    def show(self, state: str = "") -> None:
        """Bring button, actions and progress up to date."""
        faces = {
            "start": (tr("Train"), "play", tr("Train the network (F5)")),
            "stop": (tr("Training"), "stop", tr("Stop; the run can be resumed (Shift+F5)")),
            "go on": (tr("Resume"), "play", tr("Go on training (F6)")),
            "resume": (tr("Resume"), "play", tr("Go on from the last checkpoint (F5)")),
            "": (tr("Stopping"), "", tr("The run writes its checkpoint")),
        }
        self._bar.show_train(*faces[self.next])
        self._bar.train.setEnabled(self.next != "")
        state = self._run.state
        actions = self._actions
        actions["train.pause"].setEnabled(state in ("running", "paused"))
        actions["train.pause"].setText(tr("Go on") if state == "paused" else tr("Pause"))
        actions["train.step"].setEnabled(state in ("running", "paused"))
        actions["train.stop"].setEnabled(state in ("starting", "running", "paused"))
        actions["train.start"].setEnabled(self.next != "")
        actions["train.resume"].setEnabled(self._run.can_resume)
        actions["train.anew"].setEnabled(not self._run.is_training)
        actions["train.further"].setEnabled(not self._run.is_training and self._document.weights is not None)
        self._bar.show_progress()
        if state == "lost":
            message = self._run.message or tr("The training process ended without a word.")
            self.said.emit(message, "warn", ((tr("Resume"), self.resume),))

    def _show_device(self) -> None:
        self._bar.show_device(self._document.project.training.device)

    def _note_edit(self, index: int) -> None:
        self._edited = True
        self.show()

    def _forget_edits(self) -> None:
        self._reading.cancel()  # what is being read belongs to the project that was here
        self._edited = False
        self.show()

    # What it does

    def act(self) -> None:
        """The one button."""
        {"start": self.start, "stop": self._run.stop, "go on": self._run.go_on, "resume": self.resume,
         "": lambda: None}[self.next]()  # fmt: skip

    def start(self, weights: bytes | None = None) -> None:
        """Train in a new run, from random weights or from those given; where it can't, say why."""
        self._document.finish_inference()
        errors = [p for p in self._document.inference.problems if p.severity == "error"]
        if not self._document.nodes:
            self.said.emit(tr("There is nothing to train yet: drag a layer onto the canvas."), "info", ())
            return
        if not self._document.project.data.source:
            self.said.emit(tr("There are no data to train on yet."), "info", ((tr("Choose data"), self._want_data),))
            return
        if errors:
            fixes = tuple((fix.label, lambda fix=fix: self._mend(fix)) for fix in errors[0].fixes[:2])
            self.said.emit(errors[0].message, "bad", fixes)
            if len(errors) > 1 or not fixes:
                self.problems_wanted.emit()
            return
        self._edited = False
        self._attempt(lambda: self._run.start(
            self._document.project, self._base, self._files.runs_folder(), weights))  # fmt: skip

    def serve(self) -> None:
        """Let a network that has no run here answer too."""
        project, weights = self._document.project, self._document.weights
        self._attempt(lambda: self._run.serve(project, self._base, self._files.runs_folder(), weights))

    def resume(self) -> None:
        """Go on from the last checkpoint."""
        self._attempt(self._run.resume)

    def pause_or_go_on(self) -> None:
        """Pause, or leave the pause."""
        if self._run.state == "paused":
            self._run.go_on()
        elif self._run.state == "running":
            self._run.pause()

    def step(self) -> None:
        """One step; a running one pauses first."""
        if self._run.state == "running":
            self._run.pause()
        if self._run.state in ("running", "paused"):
            self._run.step()

    @property
    def _base(self) -> Path:
        return self._document.path.parent if self._document.path is not None else Path.home()

    def _want_data(self) -> None:
        self.data_wanted.emit()

    def _attempt(self, what) -> None:
        try:
            what()
        except EngineError as error:
            self.said.emit(str(error), "bad", ())

    def _mend(self, fix: Fix) -> None:
        self._attempt(lambda: self._document.apply_fix(fix))

    # What comes of it

    def _tell_failure(self, event) -> None:
        if self._run.is_loading:
            return
        fixes = ()
        if event.fix:
            fix = msgspec.convert(event.fix, Fix)
            fixes = ((fix.label, lambda: self._mend(fix)),)
        self.said.emit(event.message, "bad", fixes)

    def _tell_refusal(self, event) -> None:
        """Where a run failed, why it did stays told: that Try it has no answer then stands in its own card."""
        if self._run.state != "failed":
            self.said.emit(event.message, "warn", ())

    def _tell_end(self, event) -> None:
        self._take_weights()
        info = self._run.info
        if self._run.is_loading or info is None or event.reason not in ("finished", "early_stopped"):
            return
        figure = headline(name for name in info.metrics if name in event.best)
        if figure not in event.best:
            return
        begun = tr("Stopped early") if event.reason == "early_stopped" else tr("Training is done")
        told = {"begun": begun, "figure": figures.word(figure), "value": figures.metric(figure, event.best[figure]),
                "epoch": event.best_epoch}  # fmt: skip
        self.said.emit(tr("{begun}: best validation {figure} {value}, in epoch {epoch}.", **told), "good", ())

    def _take_weights(self) -> None:
        """Keep a run's network with the project: after its end, or when it ended while no window was open.

        Another thread reads it, as a large one takes longer than a frame.
        """
        run, path = self._run, self._document.path
        if run.end is None or run.folder is None or run.is_loading:
            return
        if path is not None and path.exists() and run.end.time < path.stat().st_mtime:
            return
        folder, found, graph = run.folder, run.best_checkpoint, self._document.graph

        def read(progress: Callable[[float], bool]) -> Trained:
            trained = spec.decode((folder / "project.json").read_bytes(), "project.json").graph
            fits = found is not None and layers(trained) == layers(graph)
            return Trained(trained, checkpoints.read_weights(found) if fits else None)

        self._reading.start(read)

    def _keep_weights(self, trained: Trained) -> None:
        if trained.weights is not None and layers(trained.graph) == layers(self._document.graph):
            self._document.set_weights(trained.weights)

    def _tell_unread(self, error: EngineError) -> None:
        self.said.emit(tr("The trained weights could not be read: {why}", why=error), "warn", ())

    def close_down(self) -> None:
        """The window goes away."""
        self._reading.wait()


def layers(graph: Graph) -> tuple:
    """What a network is, without where it stands and what it is called."""
    return {(n.id, n.type, repr(sorted(n.params.items()))) for n in graph.nodes}, set(graph.wires)
