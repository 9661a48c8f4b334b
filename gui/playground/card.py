"""Try it: draw or fill in a sample and see what the network says, while it trains and after."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any

import numpy as np
from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from engine.train.events import Prediction
from gui.background import Background
from gui.document.document import Document
from gui.i18n import tr
from gui.playground.answer import AnswerView
from gui.playground.pad import DrawingPad
from gui.playground.row import RowForm
from gui.plots.card import Card
from gui.reading import apart
from gui.reading.samples import Samples
from gui.run.model import Run
from gui.theme import theme
from gui.turns import in_own_turn

ASK_EVERY = 100
"""Milliseconds between two questions."""
ASK_AGAIN = 250
"""Milliseconds after which a network that trains is asked the same again."""
PATIENCE = 3.0
"""Seconds after which an unanswered question no longer holds up the next."""
LARGEST = 128
"""Pixels of height or width up to which an image is drawn on the pad."""


class TryCard(Card):
    """A pad for images, a row for tables and texts, and the answer beside it."""

    serve_wanted = Signal()
    """Nothing was trained here, but the project has weights: an engine that answers is wanted."""

    def __init__(self, document: Document, run: Run):
        super().__init__("try", tr("Try it"), tr("Choose data: then a sample can be drawn or filled in here."))
        self.document, self.run = document, run
        self.samples: Samples | None = None
        self._question, self._asked = "", 0.0
        self._is_stale = False
        self._image_field = ""
        self._beside: dict[str, Any] = {}
        self._generator = np.random.default_rng()
        self._make_body()
        self._reading = Background(self)
        self._reading.done.connect(self._take_samples)
        self._reading.failed.connect(lambda error: self.answer.show_message(str(error)))
        self._beat = QTimer(self, interval=ASK_EVERY)
        self._beat.timeout.connect(self._ask_if_due)
        read_project = in_own_turn(self, self.read_project)
        document.was_reset.connect(self._forget_answer)
        document.was_reset.connect(read_project)
        document.data_changed.connect(read_project)
        run.prediction.connect(self._show)
        run.refused.connect(lambda event: self.answer.show_message(event.message) if not event.request else None)
        run.followed.connect(self._begin_anew)
        run.loaded.connect(self._wonder)
        run.state_changed.connect(self._look_at_state)
        run.stepped.connect(self._look_at_step)
        self.read_project()

    def _make_body(self) -> None:
        self.pad, self.row, self.answer = DrawingPad(), RowForm(), AnswerView()
        self.pad.changed.connect(self._edited)
        self.row.changed.connect(self._edited)
        body = QWidget()
        body.setObjectName("try-body")
        layout = QHBoxLayout(body)
        layout.setContentsMargins(0, 2, 8, 0)
        layout.setSpacing(12)
        self._left = QVBoxLayout()
        self._left.setSpacing(2)
        self._left.addWidget(self.pad, 1)
        self._left.addWidget(self.row, 1)
        layout.addLayout(self._left)
        layout.addWidget(self.answer, 1)
        self._sides = layout
        self.set_body(body)
        self._value.setContentsMargins(0, 0, 8, 0)  # it ends where the other cards' menus do
        self.dice = _tool("try-sample", tr("From data"), tr("Take a random sample that the training never sees"))
        self.dice.clicked.connect(self.take_sample)
        self.eraser = _tool("try-clear", tr("Clear"), tr("Begin with a blank pad"))
        self.eraser.clicked.connect(self.clear)
        below = QHBoxLayout()
        below.setSpacing(0)
        below.addWidget(self.dice)
        below.addWidget(self.eraser)
        below.addStretch()
        self._left.addLayout(below)

    def show_empty(self, is_empty: bool) -> None:
        super().show_empty(is_empty)
        self._button.hide()

    def close_down(self) -> None:
        """The window goes away."""
        self._beat.stop()
        self._reading.wait()

    # The project

    def read_project(self) -> None:
        """Lay out what the project's data need, and read samples of them in the background."""
        data = self.document.project.data
        fields = tuple(field for field in data.fields if field.role == "input")
        key = (data.source, data.reader, str(data.options), data.fields, data.validation, data.seed)
        if key == getattr(self, "_key", None):
            return
        self._key, self.samples, self._beside = key, None, {}
        self._forget_answer()
        self._reading.cancel()
        self.show_empty(not fields)
        if not fields:
            return
        image = next((field for field in fields if field.kind == "image"), None)
        self._image_field = image.name if image is not None else ""
        self.pad.setVisible(image is not None)
        self.row.setVisible(image is None)
        self._sides.setStretchFactor(self._left, 0 if image is not None else 2)
        self.eraser.setVisible(image is not None)
        self.answer.unit = next((field.name for field in data.fields if field.role == "target"), "")
        self.pad.clear()
        if image is None:
            self.row.set_fields(fields)
        self.dice.setEnabled(False)
        base = self._base()
        self._reading.start(lambda progress: apart.read("samples", data, base, progress))

    def _base(self):
        return self.document.path.parent if self.document.path is not None else None

    def _take_samples(self, loaded: Samples) -> None:
        self.samples = loaded
        self.dice.setEnabled(True)
        if self._image_field:
            self._beside_from(loaded.start)
            shape = next(field.shape for field in loaded.fields if field.name == self._image_field)
            can_draw = shape[0] == 1 and max(shape[1:]) <= LARGEST
            self.pad.setEnabled(can_draw)
            self.pad.set_image(shape[1:], loaded.style)
            if not can_draw:
                self.take_sample()
        else:
            self.row.fill(loaded.start)

    # What is tried

    def take_sample(self) -> None:
        """A random sample of the validation part."""
        if self.samples is None:
            return
        sample, truth = self.samples.random(self._generator)
        if self._image_field:
            self._beside_from(sample)
            self.pad.show_sample(sample[self._image_field])
        else:
            self.row.build()
            self.row.fill(sample)
        self.answer.set_truth(truth)

    def _beside_from(self, sample: Mapping[str, Any]) -> None:
        """What is asked about beside the image on the pad: the other inputs of the sample taken last."""
        inputs = [field for field in self.samples.fields if field.role == "input" and field.name != self._image_field]
        self._beside = {field.name: np.asarray(sample[field.name]).tolist() for field in inputs}

    def clear(self) -> None:
        """A blank pad."""
        self.pad.clear()

    def inputs(self) -> dict[str, object] | None:
        """What to ask about, None for a blank pad."""
        if not self._image_field:
            return self.row.inputs() if self.samples is not None else None
        return None if self.pad.is_blank else {**self._beside, self._image_field: self.pad.pixels().tolist()}

    def _edited(self) -> None:
        self.answer.set_truth("")
        self._is_stale = True
        if self._image_field and self.pad.is_blank:
            self._wonder()
        elif not self._beat.isActive():
            self._beat.start()
            self._ask_if_due()

    # Asking

    def _ask_if_due(self) -> None:
        """A beat: ask when something is new, or when the network has learned since."""
        waits = bool(self._question) and monotonic() - self._asked < PATIENCE
        learns = self.run.state == "running" and monotonic() - self._asked >= ASK_AGAIN / 1000
        if waits or self.run.is_loading or not self.isVisible():
            return
        if self._is_stale or learns:
            self._ask()
        elif self.run.state != "running":
            self._beat.stop()

    def _ask(self) -> None:
        inputs = self.inputs()
        if inputs is None:
            return
        self._is_stale = False
        self._question = self.run.predict(inputs)
        self._asked = monotonic()
        if not self._question:
            self._is_stale = True
            self._explain()

    def _explain(self) -> None:
        """There is nothing to ask yet."""
        if self.run.state == "starting":
            return
        self._beat.stop()
        if self.document.weights is not None:
            self.serve_wanted.emit()
        self.answer.show_message(tr("Train the network: it answers from its first step on."))

    def _begin_anew(self) -> None:
        """Another run: what was asked is asked there."""
        self._forget_answer()
        self._is_stale = True

    def _forget_answer(self) -> None:
        """Another network: what was answered is not its own, and nothing is asked until its run is on show."""
        self._question, self._is_stale = "", False
        self._beat.stop()
        self.answer.show_message(self._invitation)
        self.set_value("")

    def _look_at_state(self, state: str) -> None:
        """Where learning ends the last answer lags behind: it is asked once more."""
        if state in ("paused", "finished"):
            self._question, self._is_stale = "", True
        self._wonder()

    def _look_at_step(self) -> None:
        """A single step, taken while the run rests."""
        if self.run.state == "paused":
            self._is_stale = True
            self._wonder()

    def _wonder(self) -> None:
        """The run came to another state: say what can be done here, or ask."""
        if self._invitation:
            self.answer.show_message(self._invitation)
        elif not self.is_empty and (self.run.is_training or self._is_stale):
            self._beat.start()

    @property
    def _invitation(self) -> str:
        """What stands beside a blank pad."""
        is_blank = self._image_field and self.pad.is_blank
        return tr("Draw a sample. The network answers while it trains.") if is_blank else ""

    def _show(self, prediction: Prediction) -> None:
        if prediction.request == self._question:
            self._question = ""
            self.answer.show_prediction(prediction)
            self.set_value(tr("step {step}", step=f"{prediction.step:,}"))

    def showEvent(self, event) -> None:
        super().showEvent(event)
        self._wonder()

    def columns(self) -> dict[str, np.ndarray]:
        names = [name for name, _ in self.answer.ranked]
        return {"class": np.array(names), "probability": np.array([share for _, share in self.answer.ranked])}


def _tool(name: str, text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setProperty("kind", "link")
    button.setFont(theme.font(11))
    button.setObjectName(name)
    button.setAccessibleName(text)
    button.setToolTip(tip)
    button.setFixedHeight(28)
    return button
