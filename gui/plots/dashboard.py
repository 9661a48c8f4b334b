"""The dashboard: what the run on show looks like, as cards; and the list of runs under them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from engine.errors import TrainingError
from gui.document.document import Document
from gui.i18n import tr
from gui.plots import library
from gui.plots.card import Card
from gui.plots.rows import CardRows
from gui.plots.run_bar import RunBar
from gui.plots.which import Wanted, wanted
from gui.run.model import Run

MODULES = ("gui.plots.curves", "gui.plots.confusion", "gui.plots.scatter", "gui.plots.boundary", "gui.plots.histograms",
           "gui.reading.samples", "gui.playground.row", "gui.playground.card")  # fmt: skip
"""What makes the cards, one a beat."""
TABLE = 360
"""Pixels of width of the Try it card where it shows a table's columns."""
FIRST_FRAMES, BEAT = 200, 10
"""Milliseconds before the first step of building, and between two."""


class Dashboard(QWidget):
    """Cards that fit the project's task, over the bar of runs.

    The plots' library is loaded after the window's first frames, and the cards are made one after the other: the
    window stands at once.
    """

    train_wanted = Signal()
    """The first step of an empty card."""
    serve_wanted = Signal()
    """Somebody tries a network that was never trained here: `Run.serve` makes it answer."""
    was_built = Signal()

    def __init__(self, document: Document, run: Run, parent: QWidget | None = None):
        super().__init__(parent)
        self.document, self.run = document, run
        self.cards: dict[str, Card] = {}
        self.setObjectName("dashboard")
        self.setAccessibleName(tr("Dashboard"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(120)
        self.rows = CardRows()
        self.bar = RunBar(run)
        self.bar.chosen.connect(run.follow)
        self.bar.resume_wanted.connect(self._resume)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 2, 8)
        layout.setSpacing(8)
        layout.addWidget(self.rows, 1)
        under = QHBoxLayout()
        under.setContentsMargins(0, 0, 10, 0)  # the cards' scroll bar stands in the margin
        under.addWidget(self.bar)
        layout.addLayout(under)
        self._arranged: Wanted | None = None
        self._steps = self._build_steps()
        self._clock = QTimer(self, interval=FIRST_FRAMES)
        self._clock.timeout.connect(self._build_on)
        self._clock.start()
        document.was_reset.connect(self._arrange)
        document.data_changed.connect(self._arrange)
        document.node_added.connect(self._arrange)
        document.node_removed.connect(self._arrange)
        document.node_changed.connect(self._arrange)  # another loss is another task

    def set_runs(self, runs: Path | None) -> None:
        """The folder in which the project's runs lie."""
        self.bar.set_runs(runs)

    def _resume(self) -> None:
        try:
            self.run.resume()
        except TrainingError as error:
            self.bar.say(str(error))

    # Building

    def _build_on(self) -> None:
        """A beat: one more module or card."""
        self._clock.stop()  # loading lets other events through, but not another beat
        if next(self._steps, "done") != "done":
            self._clock.start(BEAT)

    def build(self) -> None:
        """Make every card now."""
        self._clock.stop()  # loading lets other events through, but no beat
        for _ in self._steps:
            pass

    def close_down(self) -> None:
        """The window goes away: what is not made yet never is, not even within what another window loads."""
        self._clock.stop()
        self._steps = iter(())
        if "try" in self.cards:
            self.cards["try"].close_down()

    def _build_steps(self) -> Iterator[None]:
        yield from library.load()
        for module in MODULES:
            importlib.import_module(module)
            yield
        for name, make in _makers(self.document, self.run).items():
            card = self.cards[name] = make()
            card.first_step_wanted.connect(self.train_wanted)
            card.show_empty(card.is_empty)
            self.rows.add(name, card)
            self._arranged = None
            self._arrange()
            yield
            card.body.grab()  # the first drawing of a plot costs most: it is done now, not with the first figure
            yield
        self.cards["try"].serve_wanted.connect(self.serve_wanted)
        self._catch_up()
        self.was_built.emit()

    def _catch_up(self) -> None:
        """The run may have said a lot before the cards were there."""
        if self.run.folder is None or self.run.is_loading:
            return
        for card in self.cards.values():
            card.catch_up()

    def _arrange(self, *_: object) -> None:
        """Which cards, in which order, with which names on their axes."""
        want = wanted(self.document.project)
        if want == self._arranged:
            return
        self._arranged = want
        self.rows.arrange(list(want.cards), {} if want.has_image else {"try": TABLE})
        _name_axes(self.cards, want)


def _name_axes(cards: dict[str, Card], want: Wanted) -> None:
    if "boundary" in cards and len(want.inputs) == 2:
        cards["boundary"].set_names(*want.inputs)
    if "line" in cards and len(want.inputs) == 1:
        cards["line"].set_names(want.inputs[0], want.target)
    if "confusion" in cards:
        cards["confusion"].set_noun(*want.noun)
    if "metric" in cards:
        cards["metric"].prefer(want.metric)


def _makers(document: Document, run: Run) -> dict[str, Callable[[], Card]]:
    """What makes each card, the first of the dashboard first."""
    from gui.playground.card import TryCard
    from gui.plots import boundary, confusion, curves, histograms, scatter  # these load the plots' library

    return {
        "loss": lambda: curves.LossCard(run),
        "metric": lambda: curves.MetricCard(run),
        "confusion": lambda: confusion.ConfusionCard(run),
        "try": lambda: TryCard(document, run),
        "scatter": lambda: scatter.ScatterCard(run),
        "line": lambda: scatter.LineCard(run),
        "boundary": lambda: boundary.BoundaryCard(run),
        "weights": lambda: histograms.HistogramCard(run),
        "learning-rate": lambda: curves.learning_rate_card(run),
        "gradient-norm": lambda: curves.gradient_norm_card(run),
    }
