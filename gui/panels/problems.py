"""What is wrong with the network, in sentences, each with the fixes that a click can do."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from engine.errors import EngineError, Fix
from gui import icons
from gui.document.document import Document
from gui.document.selection import Selection
from gui.fix_button import FixButton
from gui.i18n import tr
from gui.panels.controls import Scrolled, clear, label
from gui.theme import SPACE


class ProblemRow(QFrame):
    """One problem: its sentence, and a button for each fix. `chosen(node)` on click or Enter."""

    chosen = Signal(str)

    def __init__(self, problem, on_fix: Callable[[Fix], object], object_name: str, title: str = "") -> None:
        super().__init__()
        self.setObjectName(object_name)
        self.setProperty("role", "card")
        self.setAccessibleName(f"{title}: {problem.message}" if title else problem.message)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.node = problem.node
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE[1], SPACE[1], SPACE[1], SPACE[1])
        column.setSpacing(6)
        head = QHBoxLayout()
        head.setSpacing(SPACE[1])
        mark = QLabel()
        is_error = problem.severity == "error"
        mark.setPixmap(icons.pixmap("error" if is_error else "warning", 14, "bad" if is_error else "warn"))
        head.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        text = label(problem.message, wrap=True)
        text.setObjectName(f"{object_name}-text")
        head.addWidget(text, 1)
        column.addLayout(head)
        for number, fix in enumerate(problem.fixes):
            button = FixButton(fix.label, f"{object_name}-fix-{number}", "accent" if number == 0 else "")
            button.clicked.connect(lambda _=False, fix=fix: on_fix(fix))
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.chosen.emit(self.node)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.chosen.emit(self.node)
        else:
            super().keyPressEvent(event)


class ProblemsPanel(QWidget):
    """All problems of the network; `counted(n)` when they changed, `refused(EngineError)` for a fix that failed."""

    counted = Signal(int)
    refused = Signal(object)
    centred = Signal(str)

    def __init__(self, document: Document, selection: Selection, run: QObject | None = None) -> None:
        super().__init__()
        self.setObjectName("problems")
        self.setAccessibleName(tr("Problems"))
        self._document, self._selection = document, selection
        self._shown: tuple = ()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        scrolled = Scrolled("problems-list")
        outer.addWidget(scrolled)
        self._empty = label(self._all_well(), "secondary", wrap=True)
        scrolled.column.addWidget(self._empty)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(SPACE[1])
        scrolled.column.addLayout(self._rows)
        scrolled.column.addStretch(1)
        document.inference_changed.connect(lambda ids: self._show())
        document.was_reset.connect(self._show)
        self._show()

    @property
    def problems(self) -> tuple:
        """Those that are shown."""
        return self._shown

    def _show(self) -> None:
        problems = tuple(self._document.inference.problems) if self._document.nodes else ()
        if problems == self._shown:
            self._empty.setText(self._all_well())
            return
        self._shown = problems
        clear(self._rows)
        self._empty.setVisible(not problems)
        self._empty.setText(self._all_well())
        for number, problem in enumerate(problems[:100]):
            row = ProblemRow(problem, self.apply, f"problem-{number}")
            row.chosen.connect(self._centre)
            self._rows.addWidget(row)
        self.counted.emit(len(problems))

    def _all_well(self) -> str:
        if not self._document.nodes:
            return tr("What does not fit is told here, with a click that mends it.")
        return tr("The network is complete: every layer fits the one before it.")

    def _centre(self, node: str) -> None:
        if node in self._document.nodes:
            self._selection.set([node])
            self.centred.emit(node)

    def apply(self, fix: Fix) -> None:
        """Do what a fix says."""
        try:
            self._document.apply_fix(fix)
        except EngineError as error:
            self.refused.emit(error)
