"""The inspector: what the selected layers are, their parameters to edit, their shapes and costs."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QStackedLayout, QVBoxLayout, QWidget

from engine.errors import EngineError, Fix
from engine.graph.sharing import group
from engine.wording import format_size
from gui.document.document import Document
from gui.document.selection import Selection
from gui.i18n import tr
from gui.panels import values
from gui.panels.controls import Scrolled, clear, hairline, label, push
from gui.panels.form import ParameterForm, label_of, visible_parameters
from gui.panels.problems import ProblemRow
from gui.plain_words import in_plain_words
from gui.theme import SPACE, theme

TITLE_AIR = 14
"""Pixels around the text of a title, and between it and what stands beside it."""


class Inspector(QWidget):
    """The panel of the selection; `refused(EngineError)` where an edit could not be done."""

    refused = Signal(object)
    code_wanted = Signal(str)
    """The file of a custom layer is to be opened."""

    def __init__(self, document: Document, selection: Selection, run: QObject | None = None) -> None:
        super().__init__()
        self.setObjectName("inspector")
        self.setAccessibleName(tr("Layer"))
        self._document, self._selection = document, selection
        pages = QStackedLayout(self)
        self._pages = pages
        self._layer = _LayerPage(document, selection, self.refused)
        self._layer.code.clicked.connect(lambda: self.code_wanted.emit(self._layer.code.property("file")))
        self._network = _NetworkPage(document)
        pages.addWidget(self._network)
        pages.addWidget(self._layer)
        selection.changed.connect(self._show)
        document.was_reset.connect(self._show)
        document.node_changed.connect(self._show_node)
        document.node_added.connect(lambda id: self._network.show_totals())
        document.node_removed.connect(lambda id: self._network.show_totals())
        document.inference_changed.connect(self._show_results)
        document.data_changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        if self._selection.ids:
            self._layer.show_selection()
            self._pages.setCurrentWidget(self._layer)
        else:
            self._network.show_totals()
            self._pages.setCurrentWidget(self._network)

    def _show_node(self, id: str) -> None:
        if id in self._selection.ids:
            self._layer.show_selection()

    def _show_results(self, ids: Iterable[str]) -> None:
        if not self._selection.ids:
            self._network.show_totals()
        elif not ids or set(ids) & set(self._selection.ids):
            self._layer.show_selection()
        else:
            self._layer.show_facts()

    @property
    def form(self) -> ParameterForm:
        """The form of the selected layers."""
        return self._layer.form

    def focus_first(self) -> None:
        """Put the keyboard on the first parameter."""
        for editor in self._layer.form.editors.values():
            editor.setFocus(Qt.FocusReason.ShortcutFocusReason)
            return


class _LayerPage(Scrolled):
    def __init__(self, document: Document, selection: Selection, refused: Signal) -> None:
        super().__init__("inspector-layer")
        self._document, self._selection, self._refused = document, selection, refused
        self._build_heading()
        self._problems = QVBoxLayout()
        self._problems.setSpacing(SPACE[1])
        self.column.addLayout(self._problems)
        self.column.addSpacing(SPACE[0])
        self.form = ParameterForm("inspector-form")
        self.form.edited.connect(self._edit)
        self.column.addWidget(self.form)
        self.column.addSpacing(SPACE[0])
        self._line = hairline()
        self.column.addWidget(self._line)
        self._facts = Facts("inspector-facts")
        self.column.addWidget(self._facts)
        self._about = _About()
        self.column.addWidget(self._about)
        self.column.addStretch(1)

    def _build_heading(self) -> None:
        row = QHBoxLayout()
        self._title = QLineEdit()
        self._title.setObjectName("inspector-title")
        self._title.setAccessibleName(tr("Title of the layer"))
        self._title.setProperty("role", "title")
        self._title.editingFinished.connect(self._rename)
        self._id = label("", "faint")
        self._id.setObjectName("inspector-id")
        row.addWidget(self._title, 1)
        row.addWidget(self._id)
        self.column.addLayout(row)
        self._summary = label("", "secondary", wrap=True)
        self._summary.setObjectName("inspector-summary")
        self.column.addWidget(self._summary)
        self._shared = label("", "secondary", wrap=True)
        self._shared.setObjectName("inspector-shared")
        self.column.addWidget(self._shared)
        self._own = push(tr("Give it weights of its own"), "inspector-own-weights", self._own_weights)
        self.column.addWidget(self._own, 0, Qt.AlignmentFlag.AlignLeft)
        self.code = push("", "inspector-code", lambda: None, icon="code")
        self.column.addWidget(self.code, 0, Qt.AlignmentFlag.AlignLeft)

    def show_selection(self) -> None:
        """Everything about the selected nodes."""
        ids = [id for id in self._selection.ids if id in self._document.nodes]
        if not ids:
            return
        entries = {self._document.nodes[id].type: self._document.entry(id) for id in ids}
        single = ids[0] if len(ids) == 1 else None
        entry = next(iter(entries.values())) if len(entries) == 1 else None
        self._title.setReadOnly(single is None)
        if single:
            self._set_title(self._document.nodes[single].title or entry.title)
        elif entry:
            self._set_title(tr("{count} x {layer}", count=len(ids), layer=entry.title))
        else:
            self._set_title(tr("{count} layers", count=len(ids)))
        self._fit_id(single or "")
        if entry:
            self._summary.setText(entry.summary)
        else:
            self._summary.setText(tr("They are of {count} kinds. Select layers of one kind to edit them together.",
                                     count=len(entries)))  # fmt: skip
        self._show_problems(single)
        self._show_sharing(single)
        self.form.setVisible(entry is not None and bool(entry.parameters))
        self._line.setVisible(self.form.isVisibleTo(self))
        if entry:
            self.form.set_parameters(visible_parameters(entry), self._document.project.data.fields)
            given = [self._document.nodes[id].params for id in ids]
            self.form.show_values(given, self._document.result(single).params if single else None)
        self._about.setVisible(entry is not None)
        if entry:
            self._about.show_entry(entry)
        self.code.setVisible(entry is not None and entry.code is not None)
        if entry is not None and entry.code is not None:
            self.code.setProperty("file", entry.code.name)
            self.code.setText(tr("{file}, line {line}", file=entry.code.name, line=entry.line))
            self.code.setToolTip(tr("Open it in your editor"))
        self.show_facts()

    def _show_sharing(self, single: str | None) -> None:
        others = [id for id in group(self._document.graph, single) if id != single] if single else []
        names = ", ".join(others)
        self._shared.setText(tr("It has the same weights as {layers}, and the same settings.", layers=names))
        self._shared.setVisible(bool(others))
        self._own.setVisible(bool(others))

    def _own_weights(self) -> None:
        self._document.own_weights(self._selection.ids[0])

    def show_facts(self) -> None:
        """Shapes and costs of the selected nodes."""
        ids = [id for id in self._selection.ids if id in self._document.nodes]
        results = [self._document.result(id) for id in ids]
        whole = self._document.inference
        rows = []
        if len(ids) == 1:
            rows += [(_port(tr("In"), port, results[0].inputs), shape_text(spec))
                     for port, spec in results[0].inputs.items()]  # fmt: skip
            rows += [(_port(tr("Out"), port, results[0].outputs), shape_text(spec))
                     for port, spec in results[0].outputs.items()]  # fmt: skip
        parameters, cost = sum(r.parameter_count for r in results), sum(r.flops for r in results)
        rows.append((tr("Parameters"), values.count(parameters)))
        rows.append((tr("Cost per sample"), values.flops(cost)))
        if whole.flops:
            rows.append((tr("Share of the network"), f"{cost / whole.flops:.0%}".replace("%", " %")))
        rows.append((tr("Memory per sample"), format_size(sum(r.activation_bytes for r in results))))
        self._facts.show_rows(rows)

    def _show_problems(self, single: str | None) -> None:
        clear(self._problems)
        problems = self._document.result(single).problems if single else ()
        for number, problem in enumerate(problems):
            self._problems.addWidget(ProblemRow(problem, self._fix, f"inspector-problem-{number}"))

    def _set_title(self, text: str) -> None:
        if not self._title.hasFocus():
            self._title.setText(text)
            self._title.setCursorPosition(0)

    def _fit_id(self, id: str) -> None:
        """The name in the script beside the title: what has no room there loses its middle."""
        title = self._title.fontMetrics().horizontalAdvance(self._title.text()) + TITLE_AIR
        margins = self.column.contentsMargins()
        room = self.viewport().width() - margins.left() - margins.right() - title
        self._id.setText(self._id.fontMetrics().elidedText(id, Qt.TextElideMode.ElideMiddle, max(0, room)))
        self._id.setToolTip(in_plain_words(id) if self._id.text() != id else "")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        ids = self._selection.ids
        self._fit_id(ids[0] if len(ids) == 1 else "")

    def _rename(self) -> None:
        if len(self._selection.ids) != 1:
            return
        id = self._selection.ids[0]
        shown = self._document.nodes[id].title or self._document.entry(id).title
        if self._title.text().strip() == shown:
            return
        try:
            self._document.rename(id, self._title.text())
        except EngineError as error:
            self._refused.emit(error)
            self.show_selection()

    def _edit(self, name: str, value: object, gesture: int) -> None:
        try:
            self._document.set_parameter(self._selection.ids, name, value, gesture)
        except EngineError as error:
            self._refused.emit(error)
            self.show_selection()

    def _fix(self, fix: Fix) -> None:
        try:
            self._document.apply_fix(fix)
        except EngineError as error:
            self._refused.emit(error)


class Facts(QWidget):
    """Rows of a name and a figure."""

    def __init__(self, object_name: str) -> None:
        super().__init__()
        self.setObjectName(object_name)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, SPACE[0], 0, SPACE[0])
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self._rows: list = []

    def show_rows(self, rows: list[tuple[str, str]]) -> None:
        """Show these rows, reusing those that stand."""
        while len(self._rows) < len(rows):
            name, figure = label("", "label"), label("")
            figure.setAlignment(Qt.AlignmentFlag.AlignRight)
            figure.setFont(theme.mono_numbers())
            figure.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._grid.addWidget(name, len(self._rows), 0)
            self._grid.addWidget(figure, len(self._rows), 1)
            self._rows.append((name, figure))
        for number, (name, figure) in enumerate(self._rows):
            name.setVisible(number < len(rows))
            figure.setVisible(number < len(rows))
            if number < len(rows):
                name.setText(rows[number][0])
                figure.setText(rows[number][1])
                figure.setAccessibleName(f"{rows[number][0]}: {rows[number][1]}")


class _About(QWidget):
    """Formula, shapes and the help of each parameter, read off the layer's docstring."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("inspector-about")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, SPACE[1], 0, 0)
        column.setSpacing(SPACE[1])
        column.addWidget(label(tr("How it works"), "caps"))
        self._formula = label("", wrap=True)
        self._formula.setObjectName("inspector-formula")
        self._shape = label("", "secondary", wrap=True)
        self._help = label("", "secondary", wrap=True)
        for part in (self._formula, self._shape, self._help):
            part.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(part)

    def show_entry(self, entry) -> None:
        """The texts of an entry."""
        self._formula.setText(plain(entry.formula))
        self._formula.setVisible(bool(entry.formula))
        self._shape.setText(plain(entry.shape))
        self._shape.setVisible(bool(entry.shape))
        helps = [f"{label_of(p)}: {plain(p.help)}" for p in entry.parameters if p.help]
        self._help.setText("\n\n".join(helps))
        self._help.setVisible(bool(helps))
        self.setVisible(bool(entry.formula or entry.shape or helps))


class _NetworkPage(Scrolled):
    """What stands here while nothing is selected: the whole network in figures."""

    def __init__(self, document: Document) -> None:
        super().__init__("inspector-network")
        self._document = document
        self.column.addWidget(label(tr("Network"), "title"))
        self._hint = label("", "secondary", wrap=True)
        self._hint.setObjectName("inspector-hint")
        self.column.addWidget(self._hint)
        self.column.addSpacing(SPACE[0])
        self.column.addWidget(hairline())
        self._facts = Facts("network-facts")
        self.column.addWidget(self._facts)
        self.column.addStretch(1)

    def show_totals(self) -> None:
        """Counts of the whole network."""
        whole = self._document.inference
        empty = not self._document.nodes
        self._hint.setText(
            tr("Drag a layer from the left, or double-click the canvas and type its name.")
            if empty
            else tr("Select a layer to see and change its parameters.")
        )
        self._facts.setVisible(not empty)
        self._facts.show_rows([
            (tr("Layers"), values.count(len(self._document.nodes))),
            (tr("Parameters"), values.count(whole.parameter_count)),
            (tr("Cost per sample"), values.flops(whole.flops)),
            (tr("Memory per sample"), format_size(whole.activation_bytes)),
        ])  # fmt: skip


def plain(text: str) -> str:
    """A docstring's paragraph as one running text, without code marks."""
    paragraphs = [" ".join(line.strip() for line in block.splitlines()) for block in text.split("\n\n")]
    return "\n".join(paragraphs).replace("`", "")


def shape_text(spec) -> str:
    """(32, 8, 8) -> "N x 32 x 8 x 8"; an open port is a dash."""
    return " x ".join(map(str, ("N", *spec.shape))) if spec is not None else "–"


def _port(word: str, port: str, ports) -> str:
    return f"{word} {port}" if len(ports) > 1 and port != "out" else word
