"""The right side: layer, data, training and problems under one row of titles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from gui import settings
from gui.i18n import tr
from gui.panels.controls import tabs
from gui.theme import SPACE

if TYPE_CHECKING:
    from gui.panels.data import DataPanel
    from gui.panels.inspector import Inspector
    from gui.panels.problems import ProblemsPanel
    from gui.panels.training import TrainingPanel

LAYER, DATA, TRAINING, PROBLEMS = range(4)


class SidePanel(QWidget):
    """One panel at a time; the last one is remembered."""

    def __init__(self, inspector: Inspector, data: DataPanel, training: TrainingPanel, problems: ProblemsPanel) -> None:
        super().__init__()
        self.setObjectName("side-panel")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        row = QHBoxLayout()
        row.setContentsMargins(SPACE[3], SPACE[0], 0, 0)
        titles = (tr("Layer"), tr("Data"), tr("Training"), tr("Problems"))
        self.tabs = tabs("side-tabs", tr("Settings"), titles)
        row.addWidget(self.tabs, 1)  # a title that becomes bold needs more room than it asked for
        column.addLayout(row)
        self.pages = QStackedWidget()
        for panel in (inspector, data, training, problems):
            self.pages.addWidget(panel)
        column.addWidget(self.pages, 1)
        self.tabs.currentChanged.connect(self.pages.setCurrentIndex)
        self.tabs.currentChanged.connect(settings.inspector_tab.set)
        problems.counted.connect(self._count)
        self._count(len(problems.problems))

    def show_panel(self, number: int) -> None:
        """Bring one to the front."""
        self.tabs.setCurrentIndex(number)

    def restore(self) -> None:
        """Bring the one to the front that was there last; problems come by themselves."""
        last = settings.inspector_tab.get()
        self.show_panel(last if last != PROBLEMS else LAYER)

    def _count(self, count: int) -> None:
        self.tabs.setTabText(PROBLEMS, tr("Problems {count}", count=count) if count else tr("Problems"))
