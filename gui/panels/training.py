"""The training panel: loss, optimizer, schedule, epochs, device, seed, when to stop."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from engine.device import diagnose
from engine.errors import EngineError
from engine.graph import catalogue
from engine.graph.catalogue import Parameter
from engine.graph.spec import Choice, EarlyStopping
from gui import icons
from gui.background import Background
from gui.document.document import Document
from gui.document.selection import Selection
from gui.i18n import tr
from gui.panels.controls import Scrolled, hairline, label
from gui.panels.editors import ChoiceBox, Gesture
from gui.panels.form import ParameterForm
from gui.panels.metrics_form import MetricsForm
from gui.panels.schedule_form import ScheduleForm, another
from gui.theme import SPACE
from gui.turns import in_own_turn

_LIVE = ("running", "paused")

_EPOCHS = Parameter("epochs", "int", 20, 20, "How often every training sample is seen.", 1, 1_000_000)
_SEED = Parameter("seed", "int", 0, 0, "The same seed gives the same run.", 0, 2**31 - 1)
_STOP = Parameter("stop_early", "bool", False, False, "Stop when the validation figure gets no better.")
_PATIENCE = Parameter("patience", "int", 10, 10, "Epochs to wait for a better figure.", 1, 100_000)
_DELTA = Parameter("min_delta", "float", 0.0, 0.0, "By how much it must be better.", 0.0)
_CLIP = Parameter("clip_norm", "float", None, None, "Gradients longer than this are shortened to it; empty: never.",
                  1e-9, None, True, optional=True)  # fmt: skip
_RATE = Parameter("learning_rate_now", "float", 0.001, 0.001, "Takes effect from the next step on.", 0.0, None, True)


class TrainingPanel(QWidget):
    """How the network is trained; while it trains, the learning rate can be changed. `refused(EngineError)`."""

    refused = Signal(object)

    def __init__(self, document: Document, selection: Selection, run: QObject) -> None:
        super().__init__()
        self.setObjectName("training")
        self.setAccessibleName(tr("Training"))
        self._document, self._run = document, run
        self._gesture = Gesture()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        scrolled = Scrolled("training-scroll")
        outer.addWidget(scrolled)
        self._column = scrolled.column
        self._build_live()
        self._build_choices()
        self._build_settings()
        self._column.addStretch(1)
        document.training_changed.connect(self._show)
        document.was_reset.connect(in_own_turn(self, self._show))
        show_loss = in_own_turn(self, self._show_loss)
        for signal in (document.node_changed, document.node_added, document.node_removed, document.data_changed):
            signal.connect(show_loss)
        run.state_changed.connect(self._show_live)
        run.stepped.connect(self._show_rate)
        self._show()
        self._show_live(run.state)
        self._devices = Background(self)
        self._devices.done.connect(self._offer_devices)
        self._devices.start(lambda progress: diagnose())

    def _build_live(self) -> None:
        self._live = QWidget()
        self._live.setObjectName("training-live")
        column = QVBoxLayout(self._live)
        column.setContentsMargins(0, 0, 0, SPACE[1])
        column.setSpacing(SPACE[1])
        column.addWidget(label(tr("This run"), "caps"))
        self._rate = ParameterForm("training-now")
        self._rate.set_parameters([_RATE])
        self._rate.edited.connect(lambda name, value, gesture: self._run.set_learning_rate(value))
        column.addWidget(self._rate)
        column.addWidget(label(tr("The settings below count from the next Train on."), "secondary", wrap=True))
        column.addWidget(hairline())
        self._column.addWidget(self._live)

    def _build_choices(self) -> None:
        self._loss, self._loss_form = self._section(tr("Loss"), "loss", "loss")
        self._loss.edited.connect(lambda type, gesture: self._try(lambda: self._document.set_loss(type)))
        self._loss_form.edited.connect(self._edit_loss)
        self._loss_note = label("", "secondary", wrap=True)
        self._loss_note.setObjectName("training-loss-note")
        self._column.addWidget(self._loss_note)
        self._optimizer, self._optimizer_form = self._section(tr("Optimizer"), "optimizer", "optimizer")
        self._optimizer.edited.connect(lambda type, gesture: self._choose_optimizer(type))
        self._optimizer_form.edited.connect(self._edit_optimizer)
        self._column.addSpacing(SPACE[0])
        self._column.addWidget(label(tr("Learning-rate schedule"), "caps"))
        self._schedule = ScheduleForm()
        self._schedule.edited.connect(lambda choice, gesture: self._set("schedule", choice, gesture))
        self._column.addWidget(self._schedule)

    def _section(self, title: str, kind: str, name: str) -> tuple[ChoiceBox, ParameterForm]:
        if self._column.count() > 1:
            self._column.addSpacing(SPACE[0])
        self._column.addWidget(label(title, "caps"))
        entries = list(catalogue.entries(kind).values())
        values, texts = [e.type for e in entries], [e.title for e in entries]
        box = ChoiceBox(values, texts)
        box.setObjectName(f"training-{name}")
        box.setAccessibleName(title)
        for row, value in enumerate(values):
            box.setItemData(row, catalogue.entry(value).summary, Qt.ItemDataRole.ToolTipRole)
        form = ParameterForm(f"training-{name}-form")
        self._column.addWidget(box)
        self._column.addWidget(form)
        return box, form

    def _build_settings(self) -> None:
        self._column.addSpacing(SPACE[0])
        self._column.addWidget(hairline())
        self._length = ParameterForm("training-length")
        self._length.set_parameters([_EPOCHS, _SEED])
        self._length.edited.connect(lambda name, value, gesture: self._set(name, value, gesture))
        self._column.addWidget(self._length)
        self._column.addWidget(label(tr("Device"), "caps"))
        self._device = ChoiceBox(["cpu"], [tr("Processor")])
        self._device.setObjectName("training-device")
        self._device.setAccessibleName(tr("Device"))
        self._device.edited.connect(lambda value, gesture: self._set("device", value, gesture))
        self._column.addWidget(self._device)
        self._device_note = label("", "secondary", wrap=True)
        self._device_note.setObjectName("training-device-note")
        self._column.addWidget(self._device_note)
        self._column.addSpacing(SPACE[0])
        self._metrics = MetricsForm()
        self._metrics.edited.connect(lambda names: self._set("metrics", names, None))
        self._column.addWidget(self._metrics)
        self._column.addWidget(label(tr("Safety"), "caps"))
        self._safety = ParameterForm("training-safety")
        self._safety.edited.connect(self._edit_safety)
        self._column.addWidget(self._safety)

    # What stands there

    def _show(self) -> None:
        training = self._document.project.training
        self._show_loss()
        self._optimizer.show_value(training.optimizer.type)
        known = catalogue.entries("optimizer").get(training.optimizer.type)  # a file may name what nobody knows
        self._optimizer_form.set_parameters(known.parameters if known else ())
        self._optimizer_form.show_values([training.optimizer.params])
        self._optimizer_form.setVisible(known is not None and bool(known.parameters))
        self._schedule.show_choice(training.schedule)
        self._length.show_values([{"epochs": training.epochs, "seed": training.seed}])
        self._device.show_value(training.device)
        stopping = training.early_stopping
        self._safety.set_parameters([_STOP, _PATIENCE, _DELTA, _CLIP] if stopping else [_STOP, _CLIP])
        shown = {"stop_early": stopping is not None, "clip_norm": training.clip_norm}
        if stopping:
            shown |= {"patience": stopping.patience, "min_delta": stopping.min_delta}
        self._safety.show_values([shown])

    def _loss_node(self) -> str | None:
        losses = [id for id in self._document.nodes if self._document.entry(id).kind == "loss"]
        return losses[-1] if losses else None

    def _show_loss(self) -> None:
        self._metrics.show_project(self._document.project)
        node = self._loss_node()
        self._loss_form.setVisible(node is not None)
        self._loss_note.setVisible(node is None)
        if node is None:
            self._loss.setCurrentIndex(-1)
            self._loss.setPlaceholderText(tr("none yet"))
            self._loss_note.setText(tr("Choose a loss: it is put behind the last layer and says what training lowers."))
            return
        entry = self._document.entry(node)
        self._loss.show_value(entry.type)
        self._loss_form.set_parameters(entry.parameters, self._document.project.data.fields)
        self._loss_form.show_values([self._document.nodes[node].params])

    def _show_live(self, state: str) -> None:
        self._live.setVisible(state in _LIVE)
        self._show_rate()

    def _show_rate(self) -> None:
        editor = self._rate.editors["learning_rate_now"]
        if self.isVisible() and not self._live.isHidden() and self._run.last_step is not None and not editor.hasFocus():
            self._rate.show_values([{"learning_rate_now": self._run.last_step.learning_rate}])

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show_rate()  # a run that rests says nothing by itself

    def _offer_devices(self, found: list) -> None:
        texts = [d.name if d.device == "cpu" else f"{d.name} ({d.device})" for d in found]
        self._device.offer([d.device for d in found], texts)
        notes = []
        for row, device in enumerate(found):
            if not device.usable:
                item = self._device.model().item(row)
                item.setEnabled(False)
                item.setToolTip(device.reason)
                notes.append(tr("{name}: {reason}; {mend}.", name=device.name, reason=device.reason, mend=device.mend))
            self._device.setItemIcon(row, icons.icon("device"))
        self._device.setIconSize(QSize(14, 14))
        self._device_note.setText("\n".join(notes))
        self._device_note.setVisible(bool(notes))
        self._device.show_value(self._document.project.training.device)

    # What a person does

    def _try(self, edit) -> None:
        try:
            edit()
        except EngineError as error:
            self.refused.emit(error)
            self._show()

    def _set(self, name: str, value: Any, gesture: int | None) -> None:
        self._try(lambda: self._document.set_training(name, value, gesture))

    def _choose_optimizer(self, type: str) -> None:
        self._set("optimizer", another(self._document.project.training.optimizer, type), None)

    def _edit_optimizer(self, parameter: str, value: Any, gesture: int) -> None:
        choice = self._document.project.training.optimizer
        self._set("optimizer", Choice(choice.type, {**choice.params, parameter: value}), gesture)

    def _edit_loss(self, name: str, value: Any, gesture: int) -> None:
        node = self._loss_node()
        if node is not None:
            self._try(lambda: self._document.set_parameter([node], name, value, gesture))

    def _edit_safety(self, name: str, value: Any, gesture: int) -> None:
        training = self._document.project.training
        if name == "clip_norm":
            self._set("clip_norm", float(value) if value is not None else None, gesture)
        elif name == "stop_early":
            self._set("early_stopping", EarlyStopping() if value else None, gesture)
        elif training.early_stopping is not None:
            fields = {"patience": training.early_stopping.patience, "min_delta": training.early_stopping.min_delta}
            self._set("early_stopping", EarlyStopping(**{**fields, name: value}), gesture)

    def close_down(self) -> None:
        """The window goes away."""
        self._devices.wait()
