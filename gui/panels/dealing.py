"""How data are dealt out: the share to validate with, batches, what is done to inputs, gaps, texts and images."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSlider, QVBoxLayout, QWidget

from engine.graph.catalogue import Parameter
from engine.graph.spec import DataSpec
from gui.i18n import tr
from gui.panels import values
from gui.panels.augmentation import AugmentationForm
from gui.panels.controls import hairline, label
from gui.panels.editors import ChoiceBox, Gesture
from gui.panels.form import ParameterForm
from gui.panels.text_form import TextForm
from gui.theme import SPACE

_BATCH = Parameter("batch_size", "int", 32, 32, "Samples in one training step.", 1, 1_000_000)
_SHUFFLE = Parameter("shuffle", "bool", True, True, "Deal the training samples anew in every epoch.")
_SEED = Parameter("seed", "int", 0, 0, "The same seed gives the same split.", 0, 2**31 - 1)
_MISSING = ("mean", "median", "mode", "constant", "drop", "refuse")
_SCALINGS = ("standard", "unit", "robust", "none")


class DealingForm(QWidget):
    """`edited(name, value, gesture)` of the data, `told(option, value)` of their reader, when a person changed it."""

    edited = Signal(str, object, int)
    told = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self._gesture = Gesture()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, SPACE[0], 0, 0)
        column.setSpacing(SPACE[1])
        column.addWidget(hairline())
        self._add_share(column)
        self._form = ParameterForm("data-form")
        self._form.set_parameters([_BATCH, _SHUFFLE, _SEED])
        self._form.edited.connect(self.edited)
        column.addWidget(self._form)
        self._add_scaling(column)
        self._add_gaps(column)
        self.texts = TextForm()
        self.texts.edited.connect(self.told)
        column.addWidget(self.texts)
        self.augment = AugmentationForm()
        self.augment.edited.connect(lambda choices, gesture: self.edited.emit("augment", choices, gesture))
        column.addWidget(self.augment)

    def _add_share(self, column: QVBoxLayout) -> None:
        row = QHBoxLayout()
        row.addWidget(label(tr("Validation"), "label"))
        self.share = label("")
        self.share.setObjectName("data-share")
        self.share.setAlignment(Qt.AlignmentFlag.AlignRight)
        row.addWidget(self.share, 1)
        column.addLayout(row)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setObjectName("data-validation")
        self._slider.setAccessibleName(tr("Share of the samples kept for validation, in percent"))
        self._slider.setRange(0, 50)
        self._slider.valueChanged.connect(
            lambda percent: self.edited.emit("validation", percent / 100, self._gesture.now())
        )
        self._slider.sliderReleased.connect(self._gesture.end)
        column.addWidget(self._slider)

    def _add_scaling(self, column: QVBoxLayout) -> None:
        self.scales = QWidget()
        row = QHBoxLayout(self.scales)
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
        self._scaling.edited.connect(lambda value, gesture: self.edited.emit("scaling", value, gesture))
        row.addWidget(self._scaling, 0, Qt.AlignmentFlag.AlignRight)
        column.addWidget(self.scales)

    def _add_gaps(self, column: QVBoxLayout) -> None:
        self.gaps = QWidget()
        row = QHBoxLayout(self.gaps)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(label(tr("Gaps in inputs"), "label"))
        self.missing = ChoiceBox(
            _MISSING, [tr("mean"), tr("median"), tr("commonest"), tr("constant"), tr("leave row out"), tr("refuse")]
        )
        self.missing.setObjectName("data-missing")
        self.missing.setAccessibleName(tr("What fills gaps in the inputs"))
        self.missing.setFixedSize(140, 28)
        self.missing.setToolTip(
            tr("What stands for a missing number: a figure of the training part, or a constant, 0 if nothing is said.")
        )
        self.missing.edited.connect(lambda value, gesture: self.told.emit("missing", value))
        row.addWidget(self.missing, 0, Qt.AlignmentFlag.AlignRight)
        column.addWidget(self.gaps)

    def show_data(self, data: DataSpec) -> None:
        """Show what stands there; only what means something for such data."""
        self.setVisible(bool(data.source))
        self._slider.blockSignals(True)
        self._slider.setValue(round(data.validation * 100))
        self._slider.blockSignals(False)
        held = round(data.samples * data.validation)
        share = f"{data.validation:.0%}".replace("%", " %")
        figures = {"share": share, "held": values.count(held), "samples": values.count(data.samples)}
        self.share.setText(tr("{share}, {held} of {samples}", **figures) if data.samples else share)
        self._form.show_values([{"batch_size": data.batch_size, "shuffle": data.shuffle, "seed": data.seed}])
        self._scaling.show_value(data.scaling)
        inputs = [field.kind for field in data.fields if field.role == "input"]
        has_numbers = not inputs or any(kind != "text" for kind in inputs)
        self.scales.setVisible(has_numbers)
        self.gaps.setVisible(data.reader == "csv" and has_numbers)
        self.missing.show_value(data.options.get("missing", "mean"))
        self.texts.show_options(data.options, data.fields)
        has_images = any(field.kind == "image" and field.role == "input" for field in data.fields)
        self.augment.setVisible(has_images)
        if has_images:
            self.augment.show_choices(data.augment)
