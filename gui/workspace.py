"""The middle of the window: tabs for canvas and script, what happened in a quiet bar, a line of figures below."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from gui import icons
from gui.canvas import minimap
from gui.canvas.view import CanvasView
from gui.i18n import counted, tr
from gui.panels.controls import label, tabs
from gui.panels.message import Message
from gui.panels.script import ScriptView
from gui.theme import SPACE


class Workspace(QWidget):
    """Canvas and script of one document. `problems_wanted` when the count of problems is clicked."""

    problems_wanted = Signal()

    def __init__(self, canvas: CanvasView, script: ScriptView) -> None:
        super().__init__()
        self.setObjectName("workspace")
        self.setProperty("role", "ground")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.canvas, self.script = canvas, script
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.tabs = tabs("workspace-tabs", tr("Network or script"), (tr("Network"), tr("Script")))
        row = QHBoxLayout()
        row.setContentsMargins(SPACE[3], SPACE[0], SPACE[3], 0)
        row.addWidget(self.tabs)
        row.addStretch(1)
        column.addLayout(row)
        self.trust = Message("trust")
        around = QHBoxLayout()
        around.setContentsMargins(SPACE[3], SPACE[0], SPACE[3], 0)
        around.addWidget(self.trust)
        column.addLayout(around)
        self.pages = QStackedWidget()
        self.pages.addWidget(canvas)
        self.pages.addWidget(script)
        self.tabs.currentChanged.connect(self.pages.setCurrentIndex)
        self.message = Message("message")
        self.message.setProperty("floats", True)
        above = QGridLayout()  # what happened is said at the foot of the canvas, which stays where it is
        above.setSpacing(0)
        above.addWidget(self.pages, 0, 0, 1, 2)
        above.addWidget(self.message, 0, 0, Qt.AlignmentFlag.AlignBottom)
        above.setColumnStretch(0, 1)
        above.setColumnMinimumWidth(1, minimap.SIZE[0] + SPACE[2])
        self.message.installEventFilter(self)
        column.addLayout(above, 1)
        column.addLayout(self._build_status())

    def _build_status(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(SPACE[3], 2, SPACE[2], SPACE[0])
        self.status = label("", "secondary")
        self.status.setObjectName("status")
        self.status.setText(self.canvas.status)
        self.canvas.status_changed.connect(self.status.setText)
        self._problems = QPushButton()
        self._problems.setObjectName("problem-count")
        self._problems.setProperty("kind", "quiet")
        self._problems.setIcon(icons.icon("warning", "warn"))
        self._problems.clicked.connect(lambda: self.problems_wanted.emit())
        row.addWidget(self.status, 1)
        row.addWidget(self._problems)
        self.show_problem_count(0)
        return row

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Show, QEvent.Type.Hide, QEvent.Type.Resize):  # all else ends above it
            covered = 0 if self.message.isHidden() else self.message.height()
            self.script.setContentsMargins(0, 0, 0, covered)
            self.canvas.cover(covered)
        return False

    def show_problem_count(self, count: int) -> None:
        """How much is wrong with the network; nothing where nothing is."""
        self._problems.setText(counted(count, tr("problem"), tr("problems")))
        self._problems.setAccessibleName(self._problems.text())
        self._problems.setVisible(count > 0)

    def show_page(self, number: int) -> None:
        """0: the network, 1: the script."""
        self.tabs.setCurrentIndex(number)
        if number == 0:
            self.canvas.setFocus()
