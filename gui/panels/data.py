"""The data panel: which data, what is in them, and how they are dealt out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QProgressBar,
    QSlider,
    QVBoxLayout,
    QWidget,
)

import engine.data
from engine.data import Preview
from engine.errors import EngineError, Fix
from engine.graph.catalogue import Parameter
from engine.graph.spec import DataSpec
from gui import settings
from gui.background import Background
from gui.document.document import Document
from gui.document.selection import Selection
from gui.i18n import tr
from gui.panels import values
from gui.panels.augmentation import AugmentationForm
from gui.panels.controls import Scrolled, hairline, label, push
from gui.panels.editors import ChoiceBox, Gesture
from gui.panels.form import ParameterForm
from gui.panels.message import Message
from gui.panels.preview import PreviewView
from gui.panels.roles import TEXT, RolesView
from gui.panels.source import content_key, dropped, spec_for
from gui.panels.text_form import TextForm
from gui.reading import apart
from gui.reading.look import Look
from gui.theme import SPACE

_BATCH = Parameter("batch_size", "int", 32, 32, "Samples in one training step.", 1, 1_000_000)
_SHUFFLE = Parameter("shuffle", "bool", True, True, "Deal the training samples anew in every epoch.")
_SEED = Parameter("seed", "int", 0, 0, "The same seed gives the same split.", 0, 2**31 - 1)
_CONTENT = ("source", "reader", "options", "roles", "fields", "samples")
_MISSING = ("mean", "median", "mode", "constant", "drop", "refuse")
_SCALINGS = ("standard", "unit", "robust", "none")
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
        self._gesture = Gesture()
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
        self._build_split()
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

    def _build_split(self) -> None:
        self._split = QWidget()
        column = QVBoxLayout(self._split)
        column.setContentsMargins(0, SPACE[0], 0, 0)
        column.setSpacing(SPACE[1])
        column.addWidget(hairline())
        row = QHBoxLayout()
        row.addWidget(label(tr("Validation"), "label"))
        self._share = label("")
        self._share.setObjectName("data-share")
        self._share.setAlignment(Qt.AlignmentFlag.AlignRight)
        row.addWidget(self._share, 1)
        column.addLayout(row)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setObjectName("data-validation")
        self._slider.setAccessibleName(tr("Share of the samples kept for validation, in percent"))
        self._slider.setRange(0, 50)
        self._slider.valueChanged.connect(lambda percent: self._set("validation", percent / 100, self._gesture.now()))
        self._slider.sliderReleased.connect(self._gesture.end)
        column.addWidget(self._slider)
        self._form = ParameterForm("data-form")
        self._form.set_parameters([_BATCH, _SHUFFLE, _SEED])
        self._form.edited.connect(self._set)
        column.addWidget(self._form)
        self._scales = QWidget()
        row = QHBoxLayout(self._scales)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(label(tr("Scaling of inputs"), "label"))
        self._scaling = ChoiceBox(_SCALINGS, [tr("standard"), tr("0 to 1"), tr("robust"), tr("none")])
        self._scaling.setObjectName("data-scaling")
        self._scaling.setAccessibleName(tr("Scaling of inputs"))
        self._scaling.setFixedSize(140, 28)
        self._scaling.setToolTip(
            tr(
                "Standard: mean 0 and deviation 1 over the training part. 0 to 1: by its smallest and largest value. "
                "Robust: by its median and quartiles, which single large values leave alone."
            )
        )
        self._scaling.edited.connect(lambda value, gesture: self._set("scaling", value, gesture))
        row.addWidget(self._scaling, 0, Qt.AlignmentFlag.AlignRight)
        column.addWidget(self._scales)
        self._gaps = QWidget()
        row = QHBoxLayout(self._gaps)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(label(tr("Gaps in inputs"), "label"))
        self._missing = ChoiceBox(
            _MISSING, [tr("mean"), tr("median"), tr("commonest"), tr("constant"), tr("leave row out"), tr("refuse")]
        )
        self._missing.setObjectName("data-missing")
        self._missing.setAccessibleName(tr("What fills gaps in the inputs"))
        self._missing.setFixedSize(140, 28)
        self._missing.setToolTip(
            tr("What stands for a missing number: a figure of the training part, or a constant, 0 if nothing is said.")
        )
        self._missing.edited.connect(lambda value, gesture: self._set_option("missing", value))
        row.addWidget(self._missing, 0, Qt.AlignmentFlag.AlignRight)
        column.addWidget(self._gaps)
        self._texts = TextForm()
        self._texts.edited.connect(self._set_option)
        column.addWidget(self._texts)
        self._augment = AugmentationForm()
        self._augment.edited.connect(lambda choices, gesture: self._set("augment", choices, gesture))
        column.addWidget(self._augment)
        self._column.addWidget(self._split)

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
        self._split.setVisible(bool(data.source))
        self._slider.blockSignals(True)
        self._slider.setValue(round(data.validation * 100))
        self._slider.blockSignals(False)
        held = round(data.samples * data.validation)
        share = f"{data.validation:.0%}".replace("%", " %")
        figures = {"share": share, "held": values.count(held), "samples": values.count(data.samples)}
        self._share.setText(tr("{share}, {held} of {samples}", **figures) if data.samples else share)
        self._form.show_values([{"batch_size": data.batch_size, "shuffle": data.shuffle, "seed": data.seed}])
        self._scaling.show_value(data.scaling)
        inputs = [field.kind for field in data.fields if field.role == "input"]
        has_numbers = not inputs or any(kind != "text" for kind in inputs)
        self._scales.setVisible(has_numbers)
        self._gaps.setVisible(data.reader == "csv" and has_numbers)
        self._missing.show_value(data.options.get("missing", "mean"))
        self._texts.show_options(data.options, data.fields)
        has_images = any(field.kind == "image" and field.role == "input" for field in data.fields)
        self._augment.setVisible(has_images)
        if has_images:
            self._augment.show_choices(data.augment)
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
