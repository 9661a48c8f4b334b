"""The first look at data: thumbnails or the head of a table, notes, and how many samples each class has."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.data import Preview
from gui.i18n import counted, tr
from gui.panels import values
from gui.panels.controls import label
from gui.panels.pictures import ClassCounts, Thumbnails
from gui.plain_words import in_plain_words
from gui.theme import SPACE

WIDEST = 170
"""Pixels of a column: beside sentences there is room for what they are."""
LONG = 24
"""Letters of a text that may not be seen whole."""
SHOWN = 300
"""Letters of a text that a cell is given."""


class PreviewView(QWidget):
    """Shows a `Preview`; only the parts that it has."""

    def __init__(self) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(SPACE[1])
        self.summary = label("", "secondary", wrap=True)
        self.summary.setObjectName("data-summary")
        self._column.addWidget(self.summary)
        self.thumbnails = Thumbnails()
        self.thumbnails.setObjectName("data-thumbnails")
        self.thumbnails.setAccessibleName(tr("First samples"))
        self._column.addWidget(self.thumbnails)
        self.table = QTableWidget()
        self.table.setObjectName("data-table")
        self.table.setAccessibleName(tr("First rows"))
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(22)
        self.table.setFixedHeight(168)
        self.table.setWordWrap(False)
        self.table.horizontalHeader().setMaximumSectionSize(WIDEST)
        self.table.horizontalHeader().setTextElideMode(Qt.TextElideMode.ElideRight)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._column.addWidget(self.table)
        self.notes = label("", "secondary", wrap=True)
        self.notes.setObjectName("data-notes")
        self._column.addWidget(self.notes)
        self.counts_title = label(tr("Classes"), "caps")
        self._column.addWidget(self.counts_title)
        self.counts = ClassCounts()
        self.counts.setObjectName("data-classes")
        self._column.addWidget(self.counts)

    def show_preview(self, preview: Preview | None) -> None:
        """Show this; None where nothing is chosen."""
        shown = preview or Preview()
        rows = () if shown.thumbnails else shown.rows
        self.thumbnails.setVisible(bool(shown.thumbnails))
        self.thumbnails.show_pictures(shown.thumbnails, shown.captions)
        self.table.setVisible(bool(rows))
        if rows:
            self._fill_table(shown)
        counts = next(iter((shown.class_counts or {}).values()), {})
        self.counts.setVisible(bool(counts))
        self.counts_title.setVisible(bool(counts))
        self.counts.show_counts(counts)
        self.notes.setText("\n".join(shown.notes))
        self.notes.setVisible(bool(shown.notes))
        if preview is None:
            self.summary.setText(tr("Nothing is chosen yet. Take a bundled set, or open data of your own."))
        else:
            self.summary.setText(summary_of(preview))

    def _fill_table(self, preview: Preview) -> None:
        self.table.setColumnCount(len(preview.columns))
        self.table.setRowCount(len(preview.rows))
        self.table.setHorizontalHeaderLabels(list(preview.columns))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        numeric = [kind == "number" for kind in preview.kinds] or [False] * len(preview.columns)
        for r, row in enumerate(preview.rows):
            for c, text in enumerate(row[: len(preview.columns)]):
                item = QTableWidgetItem(" ".join(text[:SHOWN].split()))
                if len(text) > LONG:
                    item.setToolTip(in_plain_words(text))
                if numeric[c]:
                    item.setTextAlignment(right)
                self.table.setItem(r, c, item)
        self.table.resizeColumnsToContents()


def summary_of(preview: Preview) -> str:
    """ "1,797 samples: image 1 x 8 x 8; target label, 10 classes." """
    inputs = ", ".join(field_text(f) for f in preview.fields if f.role == "input")
    targets = ", ".join(field_text(f) for f in preview.fields if f.role == "target")
    text = counted(preview.samples, tr("sample"), tr("samples"))
    text = text if preview.is_whole else tr("about {samples}", samples=text)
    text += f": {inputs}" if inputs else ""
    return f"{text}; " + tr("target {targets}", targets=targets) + "." if targets else f"{text}."


def field_text(field) -> str:
    """ "image 1 x 8 x 8", "label, 10 classes"."""
    if field.kind == "category":
        return f"{field.name}, {counted(len(field.classes), tr('class'), tr('classes'))}"
    if field.kind == "number":
        return tr("{name}, a number", name=field.name)
    if field.kind == "text":
        length = counted(field.shape[0], tr("token"), tr("tokens"))
        return tr("{name}, texts of up to {length}, {count} different ones", name=field.name, length=length,
                  count=values.count(field.vocabulary))  # fmt: skip
    return f"{field.name} {' x '.join(map(str, field.shape))}"
