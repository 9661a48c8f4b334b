"""The data panel: which data, what is in them, and how they are dealt out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

import engine.data
from engine.data import Preview
from engine.errors import EngineError, Fix
from engine.graph.spec import DataSpec
from gui import settings
from gui.background import Background
from gui.document.document import Document
from gui.document.selection import Selection
from gui.i18n import tr
from gui.panels.controls import Scrolled, label, push
from gui.panels.dealing import DealingForm
from gui.panels.editors import ChoiceBox
from gui.panels.message import Message
from gui.panels.preview import PreviewView
from gui.panels.roles import TEXT, RolesView
from gui.panels.source import content_key, dropped, spec_for
from gui.reading import apart
from gui.reading.look import Look
from gui.theme import SPACE

_CONTENT = ("source", "reader", "options", "roles", "fields", "samples")
_USUAL = {"missing": "mean", "tokens": "words", "lower": True, "side": "right"}
"""Options that need not be said."""


class DataPanel(QWidget):
    """Choose data, look at them, deal them out. `refused(EngineError)` where an edit could not be done."""

    refused = Signal(object)

    def __init__(self, document: Document, selection: Selection, run: QObject | None = None) -> None:
        super().__init__()
        self.setObjectName("data")
        self.setAccessibleName(tr("Data"))
        self.setAcceptDrops(True)
        self._document = document
        self._previewed: tuple | None = None
        self._reading: tuple | None = None
        self._wanted = DataSpec()
        self._shown: Preview | None = None  # of the project's own data
        self._work = Background(self)
        self._work.progressed.connect(lambda fraction: self._progress.setValue(round(fraction * 100)))
        self._work.done.connect(self._take)
        self._work.failed.connect(self._fail)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        scrolled = Scrolled("data-scroll")
        outer.addWidget(scrolled)
        self._column = scrolled.column
        self._build_source()
        self._preview = PreviewView()
        self._column.addWidget(self._preview)
        self.dealing = DealingForm()
        self.dealing.edited.connect(self._set)
        self.dealing.told.connect(self._set_option)
        self._column.addWidget(self.dealing)
        self.roles = RolesView()
        self.roles.chosen.connect(self._set_role)
        self._column.addWidget(self.roles)
        self._column.addStretch(1)
        document.data_changed.connect(self._show)
        document.was_reset.connect(self._start_anew)
        self._show()

    def _build_source(self) -> None:
        self._column.addWidget(label(tr("Data"), "caps"))
        self._bundled = engine.data.bundled()
        self._source = ChoiceBox([""], [""])
        self._source.setObjectName("data-source")
        self._source.setAccessibleName(tr("Data set"))
        self._source.edited.connect(lambda source, gesture: self._choose_bundled(source))
        self._column.addWidget(self._source)
        row = QHBoxLayout()
        row.setSpacing(SPACE[1])
        row.addWidget(push(tr("Open file"), "data-open-file", self.ask_for_file, icon="table"))
        row.addWidget(push(tr("Open folder"), "data-open-folder", self.ask_for_folder, icon="folder"))
        self._column.addLayout(row)
        self._column.addWidget(
            label(tr("or drop a CSV, TSV, NPZ or a folder of images or texts here"), "faint", wrap=True)
        )
        self._busy = QWidget()
        busy = QHBoxLayout(self._busy)
        busy.setContentsMargins(0, 0, 0, 0)
        self._progress = QProgressBar()
        self._progress.setObjectName("data-progress")
        self._progress.setAccessibleName(tr("Reading the data"))
        self._progress.setTextVisible(False)
        busy.addWidget(self._progress, 1)
        busy.addWidget(push(tr("Cancel"), "data-cancel", self.cancel, "quiet"))
        self._busy.hide()
        self._column.addWidget(self._busy)
        self.message = Message("data-message")
        self._column.addWidget(self.message)

    # What stands there

    def _start_anew(self) -> None:
        """Another project: what was read belongs to the one before."""
        self._work.cancel()
        self._busy.hide()
        self.message.hide()
        self._previewed = self._reading = self._shown = None
        self._show_preview(None)
        self._show()

    def _show(self) -> None:
        data = self._document.project.data
        self._offer_sources(data)
        self.dealing.show_data(data)
        key = content_key(data, self._base)
        if not data.source:
            self._previewed = self._shown = None
            self._show_preview(None)
        elif key != self._previewed and key != self._reading:
            self._begin(data)

    def _offer_sources(self, data: DataSpec) -> None:
        sources = [f"bundled:{name}" for name in self._bundled]
        titles = [tr(found.title) for found in self._bundled.values()]
        if data.source and data.source not in sources:
            sources.insert(0, data.source)
            titles.insert(0, os.path.basename(data.source.rstrip("/\\")))
        self._source.offer(sources, titles)
        self._source.show_value(data.source or tr("choose a data set"))

    @property
    def _base(self) -> Path | None:
        return self._document.path.parent if self._document.path is not None else None

    # Choosing

    def _choose_bundled(self, source: str) -> None:
        before = self._document.project.data
        if source == before.source:
            return
        if source.startswith("bundled:"):
            spec = msgspec.structs.replace(
                before, source=source, reader="bundled", options={}, roles={}, fields=(), samples=0
            )
            self._begin(spec)

    def ask_path(self) -> Path | None:
        """Let the person choose a file of data; None where they think better of it."""
        path, _ = QFileDialog.getOpenFileName(
            self, tr("Open data"), settings.data_folder.get(), tr("Data (*.csv *.tsv *.txt *.csv.gz *.npz);;All (*)")
        )
        return Path(path) if path else None

    def ask_for_file(self) -> None:
        """Let the person choose a file, and take it."""
        path = self.ask_path()
        if path is not None:
            self.choose(path)

    def ask_for_folder(self) -> None:
        """Let the person choose a folder of class folders."""
        path = QFileDialog.getExistingDirectory(
            self, tr("Open a folder of images or text files"), settings.data_folder.get()
        )
        if path:
            self.choose(Path(path))

    def choose(self, path: Path) -> None:
        """Take a file or folder; reading goes on in the background."""
        settings.data_folder.set(str(path.parent))
        try:
            self._begin(spec_for(path, self._document.project.data, self._base))
        except EngineError as error:
            self._say(error, self._document.project.data)

    def cancel(self) -> None:
        """Stop reading; what stood before stays."""
        self._work.cancel()
        self._reading = None
        self._busy.hide()
        self._show_what_is_used(read_it=False)

    def _begin(self, spec: DataSpec, keeps_message: bool = False) -> None:
        base = self._base
        self._wanted = spec
        self._reading = content_key(spec, base)
        self.message.setVisible(keeps_message)
        self._progress.setValue(0)
        self._busy.show()
        self._work.start(lambda progress: apart.read("look", spec, base, progress))

    def _take(self, look: Look) -> None:
        described, preview = look.described, look.preview
        self._busy.hide()
        if described is None:
            self._fail(preview.problem, preview)
            return
        self._previewed = self._reading = content_key(described, self._base)
        self._shown = preview
        self._show_preview(preview)
        now = self._document.project.data
        content = {name: getattr(described, name) for name in _CONTENT}
        if described.source != now.source:
            content["batch_size"] = engine.data.fitting_batch(now, described.samples)
        if msgspec.structs.replace(now, **content) != now:
            self._document.set_data(msgspec.structs.replace(now, **content))
        self._reading = None
        if preview.problem is not None:
            self._say(preview.problem, described)

    def _fail(self, error: EngineError, preview: Preview | None = None) -> None:
        """What was wanted cannot be had: the panel says why and shows what the project really uses."""
        self._busy.hide()
        self._reading = None
        key = content_key(self._wanted, self._base)
        if key == content_key(self._document.project.data, self._base):
            self._previewed, self._shown = key, preview or Preview(samples=self._document.project.data.samples)
        self._say(error, self._wanted)
        self._show_what_is_used()

    def _show_what_is_used(self, read_it: bool = True) -> None:
        """The data set, the preview and the roles of the project as it is."""
        data = self._document.project.data
        self._offer_sources(data)
        self.roles.forget()
        if not data.source:
            self._show_preview(None)
        elif content_key(data, self._base) == self._previewed:
            self._show_preview(self._shown)
        elif read_it:
            self._begin(data, keeps_message=True)

    def _say(self, error: EngineError, about: DataSpec) -> None:
        """The sentence, and a button for each mend of the data that it is about."""
        fixes = tuple((fix.label, lambda fix=fix: self._mend(fix, about)) for fix in error.fixes)
        self.message.say(str(error), "bad", fixes)

    def _mend(self, fix: Fix, about: DataSpec) -> None:
        if fix.action == "choose_data":
            self.ask_for_folder() if about.reader in ("images", "texts") else self.ask_for_file()
            return
        if fix.action == "set_data" and fix.name in _CONTENT:
            self._begin(msgspec.structs.replace(about, **{fix.name: fix.value, "fields": (), "samples": 0}))
            return
        try:
            self._document.apply_fix(fix)
        except EngineError as error:
            self.refused.emit(error)

    # The preview

    def _show_preview(self, preview: Preview | None) -> None:
        self._preview.show_preview(preview)
        shown = preview or Preview()
        self._show_roles(shown)

    def _show_roles(self, shown: Preview) -> None:
        has_roles = bool(shown.roles and shown.rows) and not shown.thumbnails
        columns = zip(shown.columns, shown.roles, shown.kinds, strict=True) if has_roles else ()
        self.roles.show_columns(tuple(columns))

    def _set_role(self, column: str, role: str) -> None:
        """Change one column's role; another target gives its place up."""
        data, shown = self._document.project.data, self._shown or Preview()
        roles: dict[str, Any] = dict(zip(shown.columns, shown.roles, strict=True))
        kinds = dict(data.options.get("kinds", {}))
        if role == TEXT:
            kinds[column] = "text"
        elif role == "input" and dict(zip(shown.columns, shown.kinds, strict=True)).get(column) == "text":
            kinds[column] = "category"
        if role == "target":
            roles = {name: "input" if was == "target" else was for name, was in roles.items()}
        roles[column] = "input" if role == TEXT else role
        options = {**data.options, "kinds": kinds} if kinds else data.options
        self._begin(msgspec.structs.replace(data, roles=roles, options=options, fields=()))

    def _set_option(self, name: str, value: Any) -> None:
        """Tell the reader something else; the data are read anew, for rows, columns and their size may change."""
        data = self._document.project.data
        forgotten = {"missing": ("missing", "missing_value"), "tokens": ("tokens", "vocabulary", "length")}
        options = {key: given for key, given in data.options.items() if key not in forgotten.get(name, (name,))}
        if value != _USUAL.get(name):
            options[name] = value
        self._begin(msgspec.structs.replace(data, options=options, fields=()))

    def _set(self, name: str, value: Any, gesture: int) -> None:
        data = msgspec.structs.replace(self._document.project.data, **{name: value})
        try:
            self._document.set_data(data, gesture)
        except EngineError as error:
            self.refused.emit(error)
            self._show()

    # Dropping

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped(event.mimeData()) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = dropped(event.mimeData())
        if path is not None:
            event.acceptProposedAction()
            self.choose(path)

    def close_down(self) -> None:
        """The window goes away."""
        self._work.wait()
