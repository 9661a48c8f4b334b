"""Which figures a run gathers beside its loss: a switch for each that means something for the network."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from engine.graph.catalogue import Parameter
from engine.graph.purpose import target_of, task_of
from engine.graph.spec import Project
from engine.metrics import offers
from gui.i18n import tr
from gui.panels.controls import label
from gui.panels.form import ParameterForm
from gui.theme import SPACE


class MetricsForm(QWidget):
    """`edited(tuple of names)` when a person switched one; none of them where those are the usual."""

    edited = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("training-metrics")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE[0])
        column.addWidget(label(tr("Figures of merit"), "caps"))
        self._form = ParameterForm("training-metric")
        self._form.edited.connect(lambda name, value, gesture: self._switch(name, value))
        column.addWidget(self._form)
        self._known: tuple[str, ...] = ()
        self._usual: tuple[str, ...] = ()
        self._chosen: tuple[str, ...] = ()

    def show_project(self, project: Project) -> None:
        """Show what the project gathers, and what else it may."""
        task, target = task_of(project), target_of(project)
        classes = len(target.classes) if target is not None else 0
        self._known = offers.offered(task, classes)
        self._usual = offers.usual(task, classes)
        self._chosen = tuple(name for name in self._known if name in project.training.metrics) or self._usual
        self._form.set_parameters([_switch(name) for name in self._known])
        self._form.show_values([{name: name in self._chosen for name in self._known}])

    def _switch(self, name: str, value: bool) -> None:
        chosen = tuple(each for each in self._known if (value if each == name else each in self._chosen))
        self.edited.emit(() if chosen == self._usual else chosen)


def _switch(name: str) -> Parameter:
    return Parameter(name, "bool", False, False, offers.OFFERS[name].help)
