"""While nobody trains, the kernels of the network on the canvas are compiled, so that Train starts at once."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer

from engine.graph import spec
from gui import program
from gui.document.document import Document
from gui.run.model import SPARE, Run
from gui.training_control import layers

QUIET = 3000
"""Milliseconds that a network must have been without a change and without a fault."""

ROWS = 2048
"""Samples that an evaluation looks at together, at the most."""
LARGEST = 2**30
"""Bytes that a network may need: a project is opened to be looked at too, and nobody asked for what follows."""


class Warming(QObject):
    """Starts `layerloom warm` behind the window, one at a time; it ends where a run begins or the window closes."""

    def __init__(self, document: Document, run: Run, parent: QObject) -> None:
        super().__init__(parent)
        self._document, self._run = document, run
        self._process: subprocess.Popen | None = None
        self._folder: Path | None = None
        self._warmed: Any = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(QUIET)
        self._timer.timeout.connect(self._start)
        if importlib.util.find_spec("llvmlite") is not None:
            for changed in (document.was_reset, document.data_changed, document.training_changed):
                changed.connect(self._timer.start)
            document.inference_changed.connect(lambda inference: self._timer.start())
            run.state_changed.connect(self._make_way)

    @property
    def is_running(self) -> bool:
        """Whether kernels are being compiled."""
        return self._process is not None and self._process.poll() is None

    def _make_way(self, state: str) -> None:
        if self._run.is_training:
            self._end()

    def _start(self) -> None:
        what = self._what()
        if what is None or what == self._warmed or self._run.is_training:
            return
        self._end()
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="layerloom-"))
            (self._folder / "project.json").write_bytes(spec.encode(self._document.project))
            self._process = subprocess.Popen(
                program.command("engine", ["warm", str(self._folder), "--spare", str(SPARE)]),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=program.environment(), creationflags=program.behind_the_window(),
            )  # fmt: skip
        except OSError:  # no room for it: the run compiles for itself
            self._end()
            return
        self._warmed = what

    def _what(self) -> Any:
        """What kernels depend on; None where the network cannot be trained as it is."""
        project, inference = self._document.project, self._document.inference
        if not self._document.nodes or any(problem.severity == "error" for problem in inference.problems):
            return None
        if not project.data.samples or project.training.device != "cpu":
            return None
        data = project.data
        rows = min(data.samples, max(data.batch_size, ROWS))
        if 16 * inference.parameter_count + rows * inference.activation_bytes > LARGEST:  # weights, gradients, moments
            return None
        sizes = data.samples, data.batch_size, data.validation
        return layers(project.graph), data.fields, sizes, project.training.optimizer, project.training.clip_norm

    def _end(self) -> None:
        """What it has compiled so far is kept."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
                self._warmed = None
            self._process.wait()
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def close_down(self) -> None:
        """The window goes away."""
        self._timer.stop()
        self._end()
