"""The cards with lines over the steps of a run: loss, a metric, the learning rate, the gradient norm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtGui import QResizeEvent

from engine.metrics.offers import OFFERS
from gui.i18n import tr
from gui.plots import figures
from gui.plots.card import Card
from gui.plots.live_plot import LivePlot, Mark
from gui.run.model import Run

METRICS = ("accuracy", "r2", *(name for name in OFFERS if name not in ("accuracy", "r2")))
"""What a metric card prefers to show, the most telling first."""
BEAT = 40
"""Milliseconds between two looks at what the run has said."""
ROOM_FOR_BOTH = 260
"""Pixels of a card's width from which on the figures of both parts stand beside its title."""
SETTINGS = {"lr": "rate"}


class CurveCard(Card):
    """A card with a LivePlot that follows a run; subclasses fill `update_lines`."""

    def __init__(self, run: Run, name: str, title: str, empty: str, first_step: str = ""):
        super().__init__(name, title, empty, first_step)
        self.run = run
        self.plot: LivePlot | None = None
        self._beat = QTimer(self, singleShot=True, interval=BEAT)
        self._beat.timeout.connect(self.bring_up_to_date)
        run.followed.connect(self.begin_anew)
        for news in (run.stepped, run.epoch_ended, run.edited, run.ended):
            news.connect(self._soon)
        run.loaded.connect(self.bring_up_to_date)

    def make_plot(self, y_label: str, scale: float = 1.0) -> LivePlot:
        """Put the plot in the card."""
        self.plot = LivePlot(f"plot-{self.name}", self.accessibleName(), y_label, tr("step"), scale)
        self.set_body(self.plot)
        return self.plot

    def begin_anew(self) -> None:
        """Another run, or none."""
        self.plot.clear_lines()
        self.show_empty(True)

    def _soon(self, *_: object) -> None:
        """Ten epochs may end within a frame: they are shown at once."""
        if not self._beat.isActive():
            self._beat.start()

    def bring_up_to_date(self) -> None:
        """Hand the plot what the run has said; it draws when its time has come."""
        history = self.run.history
        if self.run.is_loading or not (len(history) or history.epochs):
            return
        self.show_empty(False)
        self.update_lines()
        self.plot.set_marks(self.edits() + self.more_marks())
        self.plot.set_end(self._last_step(), self.run.is_training)

    def catch_up(self) -> None:
        self.bring_up_to_date()

    def update_lines(self) -> None:
        """Set the lines and the value in the title."""
        raise NotImplementedError

    def _last_step(self) -> float:
        """Where the axis ends: the run's own end, or the plan's."""
        if self.run.info is None:
            return 0
        if not self.run.is_training and len(self.run.history):
            return float(self.run.history.step[-1])
        return self.run.info.epochs * self.run.info.steps_per_epoch

    def edits(self) -> list[Mark]:
        """What somebody changed while it trained."""
        return [
            Mark(edit.step, tr("edit: {name} {before} to {after}", name=SETTINGS.get(edit.name, edit.name),
                               before=_plain(edit.before), after=_plain(edit.after)))
            for edit in self.run.history.edits
        ]  # fmt: skip

    def more_marks(self) -> list[Mark]:
        """Marks of this card alone."""
        return []

    def best(self, metric: str) -> list[Mark]:
        """A ring at the best epoch on the validation line."""
        event = self.run.history.best()
        value = event.validation.get(metric) if event is not None else None
        return [] if value is None else [Mark(event.step, tr("best"), "validation", value)]

    def menu_entries(self) -> list[tuple[str, bool, Callable[[], None]]]:
        log = (tr("Logarithmic scale"), self.plot.is_log, lambda: self.plot.set_log(not self.plot.is_log))
        words = {"none": tr("No smoothing"), "light": tr("Light smoothing"), "strong": tr("Strong smoothing")}
        smoothing = [
            (text, self.plot.smoothing == key, lambda key=key: self.plot.set_smoothing(key))
            for key, text in words.items()
        ]
        return [log, *(smoothing if self.has_raw_line else [])]

    has_raw_line = False


def _plain(value: object) -> str:
    return figures.short(float(f"{value:.3g}")) if isinstance(value, float | int) else str(value)


class LossCard(CurveCard):
    """Loss of each batch, smoothed, and of the validation part after each epoch."""

    has_raw_line = True

    def __init__(self, run: Run):
        self._promise = tr("The loss falls here while the network learns.")
        super().__init__(run, "loss", tr("Loss"), self._promise, tr("Train"))
        plot = self.make_plot(tr("loss"))
        plot.add_line("train", tr("train"), "train", is_raw=True)
        plot.add_line("validation", tr("validation"), "validation")
        run.state_changed.connect(self._say_what_comes)
        self._say_what_comes()

    def _say_what_comes(self) -> None:
        """Before the first step: what the card is for, or that the engine is about to begin."""
        begins = self.run.is_training
        self.say_empty(tr("Starting the engine") if begins else self._promise, offers_step=not begins)

    def update_lines(self) -> None:
        history = self.run.history
        steps, values = history.metric("loss", "validation")
        self.plot.set_line("train", history.step, history.loss)
        self.plot.set_line("validation", steps, values)
        parts = [(tr("train"), "train", figures.figure(_recent(history.loss)))] if len(history) else []
        if len(values):
            parts.append((tr("validation"), "validation", figures.figure(float(values[-1]))))
        self.set_parts(parts)

    def more_marks(self) -> list[Mark]:
        return self.best("loss")

    def columns(self) -> dict[str, np.ndarray]:
        history = self.run.history
        steps, values = history.metric("loss", "validation")
        return {"step": history.step, "train": history.loss, "epoch_end": steps, "validation": values}


def _recent(values: np.ndarray, count: int = 20) -> float:
    """The mean of the newest ones: a single batch says little."""
    return float(values[-count:].mean())


class MetricCard(CurveCard):
    """Accuracy, R² or an error, of train and validation after each epoch."""

    def __init__(self, run: Run, metric: str = "accuracy"):
        super().__init__(run, "metric", figures.title(metric), tr("The figure of merit of each epoch stands here."))
        self.shown_metric = ""
        self._newest: list[tuple[str, str, str]] = []
        self._name_metric(metric)

    def _name_metric(self, metric: str) -> None:
        if metric == self.shown_metric:
            return
        self.shown_metric = metric
        self.set_title(tr(figures.title(metric)))
        percent = metric in figures.PERCENT
        if self.plot is None:
            self.make_plot("", 1.0)
            self.plot.add_line("train", tr("train"), "train")
            self.plot.add_line("validation", tr("validation"), "validation")
        self.plot.set_quantity(
            f"{figures.word(metric)}, %" if percent else figures.title(metric), 100.0 if percent else 1.0
        )

    def update_lines(self) -> None:
        history = self.run.history
        present = [name for name in METRICS if name in history.metrics()]
        if present and self.shown_metric not in present:
            self._name_metric(present[0])
        self._newest = []
        for part in ("train", "validation"):
            steps, values = history.metric(self.shown_metric, part)
            self.plot.set_line(part, steps, values)
            if len(values):
                self._newest.append((tr(part), part, figures.metric(self.shown_metric, float(values[-1]))))
        self._tell_newest()
        self.show_empty(not self._newest)

    def _tell_newest(self) -> None:
        """The newest figures beside the title, the last alone where there is no room for both."""
        self.set_parts(self._newest[-1:] if self.width() < ROOM_FOR_BOTH else self._newest)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._tell_newest()

    def more_marks(self) -> list[Mark]:
        return self.best(self.shown_metric)

    def menu_entries(self) -> list[tuple[str, bool, Callable[[], None]]]:
        present = [name for name in METRICS if name in self.run.history.metrics()]
        choices = [
            (figures.title(name), name == self.shown_metric, lambda name=name: self.choose(name)) for name in present
        ]
        return [*choices, *super().menu_entries()]

    def prefer(self, metric: str) -> None:
        """What the task is judged by, while the run has not said anything else."""
        if not self.run.history.epochs:
            self._name_metric(metric)

    def choose(self, metric: str) -> None:
        """Show another of the run's metrics."""
        self._name_metric(metric)
        self.bring_up_to_date()

    def columns(self) -> dict[str, np.ndarray]:
        found = {part: self.run.history.metric(self.shown_metric, part) for part in ("train", "validation")}
        steps = max((steps for steps, _ in found.values()), key=len)
        return {"step": steps, **{f"{part}_{self.shown_metric}": values for part, (_, values) in found.items()}}


class StepCard(CurveCard):
    """One figure of every step: learning rate or gradient norm."""

    def __init__(self, run: Run, attribute: str, title: str, y_label: str, empty: str, is_raw: bool):
        super().__init__(run, attribute.replace("_", "-"), title, empty)
        self._attribute = attribute
        self.has_raw_line = is_raw
        self.make_plot(y_label).add_line("value", y_label, "train", is_raw=is_raw)

    def update_lines(self) -> None:
        values = getattr(self.run.history, self._attribute)
        self.plot.set_line("value", self.run.history.step, values)
        if len(values):
            last = float(values[-1])
            self.set_value(figures.figure(_recent(values)) if self.has_raw_line else f"{last:.3g}")

    def columns(self) -> dict[str, np.ndarray]:
        return {"step": self.run.history.step, self._attribute: getattr(self.run.history, self._attribute)}


def learning_rate_card(run: Run) -> StepCard:
    """The rate that the schedule and the person set."""
    empty = tr("The learning rate of each step stands here.")
    return StepCard(run, "learning_rate", tr("Learning rate"), tr("learning rate"), empty, is_raw=False)


def gradient_norm_card(run: Run) -> StepCard:
    """How long the gradient is, before clipping."""
    empty = tr("How strongly each step pulls at the weights stands here.")
    return StepCard(run, "gradient_norm", tr("Gradient norm"), tr("gradient norm"), empty, is_raw=True)
