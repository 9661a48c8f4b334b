"""The line under the dashboard: the project's runs, which one is on show, and how far it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from gui.i18n import tr
from gui.plain_words import ShortLabel
from gui.plots import figures
from gui.run import folder as run_folder
from gui.run.folder import Summary
from gui.run.model import Run
from gui.theme import CARD_RADIUS, theme

SHOWN = 4
"""Runs beside each other at most; older ones are in the menu."""
STATES = {"starting": "starting", "running": "training", "paused": "paused", "stopping": "stopping",
          "finished": "finished", "stopped": "stopped", "failed": "failed", "lost": "lost"}  # fmt: skip
TOKENS = {"running": "accent", "starting": "accent", "stopping": "accent", "paused": "warn", "finished": "good",
          "stopped": "faint", "failed": "bad", "lost": "bad"}  # fmt: skip


def words(summary: Summary) -> str:
    """What a list says of a run."""
    parts = [_title(summary), tr(STATES.get(summary.state, summary.state))]
    if summary.figure is not None:
        parts.append(f"{tr(figures.word(summary.metric))} {figures.metric(summary.metric, summary.figure)}")
    return " · ".join(parts)


def _title(summary: Summary) -> str:
    """When it began; before its first word that is what its folder is named by."""
    if summary.title != summary.folder.name:
        return summary.title
    try:
        began = datetime.strptime(summary.title[: len("2026-01-31 12-00-00")], "%Y-%m-%d %H-%M-%S")
    except ValueError:
        return summary.title
    return began.strftime("%H:%M:%S" if began.date() == datetime.now().date() else "%d %b %H:%M")


class RunButton(QAbstractButton):
    """One run: a dot in the colour of its state, its words, a ring when it is on show."""

    def __init__(self, summary: Summary):
        super().__init__()
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setObjectName(f"run-{summary.folder.name}")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFont(theme.mono_numbers(11))
        self.show_summary(summary)
        theme.changed.connect(self.update)

    def show_summary(self, summary: Summary) -> None:
        """Say it anew."""
        self.summary = summary
        self.setText(words(summary))
        self.setAccessibleName(tr("Run of {words}", words=words(summary)))
        self.setToolTip(str(summary.folder))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 30, 20)

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        ring = "accent" if self.isChecked() or self.hasFocus() else "line"
        painter.setPen(QPen(theme.color(ring), 1))
        painter.setBrush(theme.color("hover" if self.underMouse() else "raised"))
        painter.drawRoundedRect(box, 5, 5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(TOKENS.get(self.summary.state, "faint")))
        painter.drawEllipse(QRectF(9, self.height() / 2 - 3, 6, 6))
        painter.setPen(theme.color("text" if self.isChecked() else "secondary"))
        painter.setFont(self.font())
        beside = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(box.adjusted(20, 0, -6, 0), beside, self.text())


class RunBar(QWidget):
    """The newest runs as buttons, the rest in a menu; where the run on show is; Resume where it was lost."""

    chosen = Signal(object)
    """A folder: show that run."""
    resume_wanted = Signal()

    def __init__(self, run: Run):
        super().__init__()
        self.run = run
        self.runs: Path | None = None
        self.summaries: list[Summary] = []
        self.buttons: dict[Path, RunButton] = {}
        self.setObjectName("run-bar")
        self.setAccessibleName(tr("Runs"))
        self.setFixedHeight(30)
        self._make()
        self._pause = QTimer(self, singleShot=True, interval=150)
        self._pause.timeout.connect(self.refresh)
        for news in (run.state_changed, run.followed, run.loaded):
            news.connect(self._soon)
        run.epoch_ended.connect(self._show_progress)
        run.stepped.connect(self._say_where)
        run.state_changed.connect(self._say_where)
        run.loaded.connect(self._say_where)
        theme.changed.connect(self.update)

    def _make(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 12, 0)
        layout.setSpacing(8)
        self._title = QLabel(tr("Runs"))
        self._row = QHBoxLayout()
        self._row.setSpacing(6)
        self._none = QLabel(tr("Each run stands here with its best figure. Press Train for the first."))
        self._more = QToolButton()
        self._more.setObjectName("run-more")
        self._more.setAccessibleName(tr("Older runs"))
        self._more.setProperty("kind", "quiet")
        self._more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self)
        self._more.setMenu(self._menu)
        self._more.setFixedHeight(28)
        self._resume = QPushButton(tr("Resume"))
        self._resume.setObjectName("run-resume")
        self._resume.setAccessibleName(tr("Resume this run"))
        self._resume.setProperty("kind", "link")
        self._resume.clicked.connect(self.resume_wanted)
        self._where = ShortLabel("")
        self._where.setObjectName("run-where")
        self._where.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for widget in (self._title, self._none):
            layout.addWidget(widget)
        layout.addLayout(self._row)
        layout.addWidget(self._more)
        layout.addWidget(self._where, 1)
        layout.addWidget(self._resume)
        self._resume.hide()
        self._more.hide()
        for word, role in ((self._title, "label"), (self._none, "faint"), (self._where, "secondary")):
            word.setProperty("role", role)

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("line"), 1))
        painter.setBrush(theme.color("panel"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), CARD_RADIUS, CARD_RADIUS)

    # The list

    def set_runs(self, runs: Path | None) -> None:
        """The folder in which the project's runs lie."""
        self.runs = runs
        self.refresh()

    def _soon(self) -> None:
        if not self._pause.isActive():
            self._pause.start()

    def refresh(self) -> None:
        """Read the list anew: the run on show from the run itself, what has ended only once."""
        runs = self.run.folder.parent if self.run.folder is not None and self.runs is None else self.runs
        folders = self.run.find(runs) if runs is not None else []
        known = {summary.folder: summary for summary in self.summaries}
        self.summaries = [self._summary(folder, known.get(folder)) for folder in folders]
        shown = self.summaries[: self._room()]
        current = next((summary for summary in self.summaries if summary.folder == self.run.folder), None)
        if current is not None and current not in shown:
            shown = [*shown[:-1], current]
        self._show_buttons(shown)
        self._show_menu([summary for summary in self.summaries if summary not in shown])
        self._none.setVisible(not self.summaries)

    def _room(self) -> int:
        """How many buttons fit beside the words at the right."""
        return max(1, min(SHOWN, (self.width() - 330) // 215))

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        self._soon()

    def _summary(self, folder: Path, known: Summary | None) -> Summary:
        if folder == self.run.folder:
            return self._of_the_run_on_show(folder, known)
        if known is not None and known.state in ("finished", "stopped", "failed", "lost"):
            return known
        return run_folder.summarise(folder)

    def _of_the_run_on_show(self, folder: Path, known: Summary | None) -> Summary:
        """Without touching its lock, which a starting engine may be about to take."""
        info = self.run.info
        if self.run.is_loading and known is not None:
            return known
        if info is None or self.run.is_loading:
            return replace(known or Summary(folder, folder.name, ""), state=self.run.state)
        metric = run_folder.headline(info.metrics)
        best = self.run.history.best()
        figure = best.validation.get(metric, best.train.get(metric)) if best is not None else None
        title = known.title if known is not None and known.title != folder.name else run_folder.summarise_title(folder)
        state = "stopped" if self.run.state == "finished" and self.run.end.reason == "stopped" else self.run.state
        return Summary(folder, title, state, metric, figure)

    def _show_progress(self) -> None:
        """A better figure of the run on show; the list stays as it is."""
        button = self.buttons.get(self.run.folder)
        if button is not None and not self.run.is_loading:
            summary = self._of_the_run_on_show(self.run.folder, button.summary)
            if summary != button.summary:
                button.show_summary(summary)

    def _show_buttons(self, shown: list[Summary]) -> None:
        folders = [summary.folder for summary in shown]
        if folders != list(self.buttons):
            for button in self.buttons.values():
                self._row.removeWidget(button)
                button.deleteLater()
            self.buttons = {summary.folder: self._make_button(summary) for summary in shown}
        for summary in shown:
            button = self.buttons[summary.folder]
            if button.summary != summary:
                button.show_summary(summary)
            button.setChecked(summary.folder == self.run.folder)

    def _make_button(self, summary: Summary) -> RunButton:
        button = RunButton(summary)
        button.clicked.connect(lambda: self._choose(summary.folder))
        self._row.addWidget(button)
        return button

    def _choose(self, folder: Path) -> None:
        self.chosen.emit(folder)
        self.refresh()

    def _show_menu(self, older: list[Summary]) -> None:
        self._more.setVisible(bool(older))
        self._more.setText(tr("{count} older", count=len(older)))
        self._menu.clear()
        for summary in older:
            action = self._menu.addAction(words(summary))
            action.triggered.connect(lambda _=False, folder=summary.folder: self._choose(folder))

    # Where it is

    def say(self, sentence: str) -> None:
        """A sentence at the right end."""
        self._where.setText(sentence)
        self._where.setToolTip(sentence)

    def _say_where(self) -> None:
        run = self.run
        self._resume.setVisible(run.can_resume)
        if run.state in ("failed", "lost") and run.message:
            self.say(run.message)
        elif run.last_step is not None:
            rate = f"{run.last_step.samples_per_second:,.0f}"
            said = tr("step {step}", step=f"{run.last_step.step:,}")
            if run.is_training:
                said = tr("{step} now · {rate} samples/s", step=said, rate=rate)
            self.say(said)
        else:
            self.say("")
