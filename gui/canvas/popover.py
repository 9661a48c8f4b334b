"""What is wrong with a node, in a sentence, and a fix to click."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from engine.errors import Fix
from engine.graph.infer import Problem
from gui.fix_button import FixButton
from gui.theme import CARD_RADIUS, theme

WIDTH = 280
GAP = 12


class Popover(QFrame):
    """Stands under its node, or above where there is no room; `covered` pixels at the foot have something over them."""

    def __init__(self, parent: QWidget, apply: Callable[[Fix], None]):
        super().__init__(parent)
        self.setObjectName("problemPopover")
        self._apply = apply
        self._problems: tuple[Problem, ...] = ()
        self.node: str | None = None
        self.covered = 0
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(14, 12, 14, 12)
        self._box.setSpacing(8)
        theme.changed.connect(self._restyle)
        self.hide()

    def show_problems(self, node: str, problems: Sequence[Problem], anchor: QRect) -> None:
        """Tell the problems of a node whose rectangle in the parent is `anchor`."""
        if (node, tuple(problems)) != (self.node, self._problems):
            self.node, self._problems = node, tuple(problems)
            self._fill()
        self._restyle()
        self.follow(anchor)
        self.show()
        self.raise_()

    def close_popover(self) -> None:
        """Go away."""
        self.node, self._problems = None, ()
        self._give_focus_back()
        self.hide()

    def follow(self, anchor: QRect) -> None:
        """The node stands there now."""
        self._box.activate()
        self.setFixedWidth(WIDTH)
        edge = self.contentsMargins()
        inside = self._box.heightForWidth(WIDTH - edge.left() - edge.right())
        height = inside + edge.top() + edge.bottom()
        self.resize(WIDTH, height)
        room = self.parentWidget().rect().adjusted(0, 0, 0, -self.covered)
        x = max(8, min(anchor.center().x() - WIDTH // 2, room.width() - WIDTH - 8))
        below = anchor.bottom() + GAP
        y = below if below + height <= room.height() - 8 else max(8, anchor.top() - GAP - height)
        self.move(x, y)

    def _give_focus_back(self) -> None:
        """To the canvas: a button that goes while it has the focus would hand it to whatever comes next."""
        focused = self.focusWidget()
        if focused is not None and focused.hasFocus():
            self.parentWidget().setFocus(Qt.FocusReason.OtherFocusReason)

    def _fill(self) -> None:
        self._give_focus_back()
        while self._box.count():
            item = self._box.takeAt(0).widget()
            item.hide()
            item.deleteLater()
        for number, problem in enumerate(self._problems):
            sentence = QLabel(problem.message, self, objectName=f"problem{number}")
            sentence.setTextFormat(Qt.TextFormat.PlainText)
            sentence.setWordWrap(True)
            self._box.addWidget(sentence)
            for place, fix in enumerate(problem.fixes):
                button = FixButton(fix.label, f"fix{number}_{place}", "accent" if place == 0 else "quiet", self)
                button.clicked.connect(lambda _=False, fix=fix: self._apply(fix))
                self._box.addWidget(button, alignment=Qt.AlignmentFlag.AlignLeft)
        for child in self.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
            child.setVisible(self._box.indexOf(child) >= 0)  # a layout leaves out what is not shown yet
        self.setAccessibleName(" ".join(problem.message for problem in self._problems))

    def _restyle(self) -> None:
        is_error = any(problem.severity == "error" for problem in self._problems)
        edge = theme.color("bad" if is_error else "warn").name()
        ground = theme.color("raised").name()
        self.setStyleSheet(
            f"#problemPopover {{ background: {ground}; border: 1px solid {edge}; border-radius: {CARD_RADIUS}px; }}"
        )
