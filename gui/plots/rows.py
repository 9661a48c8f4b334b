"""Cards in rows: as many beside each other as fit, each row filled to its end."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import QScrollArea, QWidget

GAP = 12
LOWEST, HIGHEST = 180, 300
"""Pixels of height of a row."""
SHARES = {"loss": 380, "metric": 250, "confusion": 220, "scatter": 220, "line": 220, "boundary": 220, "try": 290,
          "weights": 380, "learning-rate": 250, "gradient-norm": 250}  # fmt: skip
"""Pixels of width that a card wants; a row is stretched in these proportions."""


def in_rows(names: list[str], width: int, shares: dict[str, int] = SHARES) -> list[list[str]]:
    """Deal the cards out to rows in their order.

    >>> in_rows(["loss", "metric", "confusion", "try"], 1134)
    [['loss', 'metric', 'confusion', 'try']]
    >>> in_rows(["loss", "metric", "confusion"], 700)
    [['loss', 'metric'], ['confusion']]
    """
    rows: list[list[str]] = []
    used = 0
    for name in names:
        wants = int(shares[name] * 0.9)
        if rows and used + GAP + wants <= width:
            rows[-1].append(name)
            used += GAP + wants
        else:
            rows.append([name])
            used = wants
    return rows


class CardRows(QScrollArea):
    """Lays cards out in rows; scrolls when there are more rows than fit."""

    def __init__(self):
        super().__init__()
        self.setObjectName("dashboard-cards")
        self.setFrameShape(self.Shape.NoFrame)
        self.setWidgetResizable(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)  # its room is the margin's
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._ground = QWidget()
        self._ground.setProperty("role", "scrolled")
        self.setWidget(self._ground)
        self._cards: dict[str, QWidget] = {}
        self._order: list[str] = []
        self._shares = SHARES

    def add(self, name: str, card: QWidget) -> None:
        """A card that may be shown."""
        card.setParent(self._ground)
        card.hide()
        self._cards[name] = card

    def arrange(self, order: list[str], wider: dict[str, int]) -> None:
        """Show these cards, in this order; `wider` names those that want more width than most."""
        self._shares = SHARES | wider
        self._order = [name for name in order if name in self._cards]
        for name, card in self._cards.items():
            card.setVisible(name in self._order)
        self._place()

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        room = self.viewport().rect()
        rows = in_rows(self._order, room.width(), self._shares)
        fitting = max(1, min(len(rows), (room.height() + GAP) // (LOWEST + GAP)))
        height = min(HIGHEST, max(LOWEST, (room.height() - GAP * (fitting - 1)) // fitting))
        for index, row in enumerate(rows):
            self._place_row(row, index * (height + GAP), height, room.width())
        self._ground.resize(room.width(), max(1, len(rows) * (height + GAP) - GAP))

    def _place_row(self, row: list[str], top: int, height: int, width: int) -> None:
        free = width - GAP * (len(row) - 1)
        whole = sum(self._shares[name] for name in row)
        left = 0
        for index, name in enumerate(row):
            last = index == len(row) - 1
            share = width - left if last else round(free * self._shares[name] / whole)
            self._cards[name].setGeometry(QRect(left, top, share, height))
            left += share + GAP
