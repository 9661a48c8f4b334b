"""The bar at the top: project, undo, one search, device, pause, step, Train, how far it is."""

from __future__ import annotations

import os

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QIcon
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenuBar,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from gui import icons
from gui.actions import GROUPS, Actions
from gui.i18n import counted, tr
from gui.panels.controls import label
from gui.panels.values import duration
from gui.run.model import Run
from gui.theme import SPACE, theme

HEIGHT = 48


class TopBar(QWidget):
    """`device_wanted` when the device is clicked; everything else is an action of the table."""

    device_wanted = Signal()

    def __init__(self, actions: Actions, run: Run) -> None:
        super().__init__()
        self.setObjectName("top-bar")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(HEIGHT)
        self._actions, self._run = actions, run
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE[3], 0, SPACE[3], 0)
        row.setSpacing(SPACE[1])
        row.addWidget(label("Layerloom", "title"))
        self.menu_bar = self._build_menus()
        row.addWidget(self.menu_bar, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addSpacing(SPACE[0])
        self.name = label("", "label")
        self.name.setObjectName("project-name")
        row.addWidget(self.name)
        row.addSpacing(SPACE[0])
        self.steps = [self._tool(actions[id]) for id in ("edit.undo", "edit.redo")]
        for button in self.steps:
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self._build_search(), 3)
        row.addStretch(1)
        row.addWidget(self._build_training())

    def _build_menus(self) -> QMenuBar:
        bar = QMenuBar()
        bar.setObjectName("menu-bar")
        bar.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        for group in GROUPS:
            menu = bar.addMenu(tr(group))
            menu.setObjectName(f"menu-{group.lower()}")
            self._actions.fill(menu, group)
        return bar

    def _build_search(self) -> QLineEdit:
        self.search = QLineEdit()
        self.search.setObjectName("search")
        self.search.setAccessibleName(tr("Add a layer, run a command"))
        self.search.setPlaceholderText(tr("Add a layer, run a command …"))
        self.search.setMinimumWidth(150)
        self.search.setMaximumWidth(330)
        self.search.setFixedHeight(30)
        self.search.setTextMargins(22, 0, 40, 0)
        self._lens, self._keys = QLabel(), label("Ctrl K", "faint")
        inside = QHBoxLayout(self.search)
        inside.setContentsMargins(10, 0, 12, 0)
        inside.addWidget(self._lens)
        inside.addStretch(1)
        inside.addWidget(self._keys)
        for part in (self._lens, self._keys):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        theme.changed.connect(self._draw_lens)
        self._draw_lens()
        self.search.textChanged.connect(lambda text: self._keys.setVisible(not text))
        return self.search

    def _draw_lens(self) -> None:
        self._lens.setPixmap(icons.pixmap("search", 16, "secondary"))

    def _build_training(self) -> QWidget:
        self.training = QWidget()
        self.training.setObjectName("top-bar-training")
        row = QHBoxLayout(self.training)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE[1])
        self.device = QPushButton()
        self.device.setObjectName("device")
        self.device.setAccessibleName(tr("Device"))
        self.device.setToolTip(tr("Where it trains; click to change"))
        self.device.clicked.connect(lambda: self.device_wanted.emit())
        row.addWidget(self.device)
        self._pause = self._tool(self._actions["train.pause"])
        row.addWidget(self._pause)
        row.addWidget(self._tool(self._actions["train.step"]))
        self.train = QPushButton(tr("Train"))
        self.train.setObjectName("train")
        self.train.setProperty("kind", "accent")
        self.train.setMinimumWidth(92)
        self.train.setFixedHeight(30)
        self.train.setIconSize(QSize(20, 14))
        row.addWidget(self.train)
        row.addWidget(self._build_progress())
        return self.training

    def _build_progress(self) -> QWidget:
        self.progress = QWidget()
        self.progress.setFixedWidth(128)
        column = QVBoxLayout(self.progress)
        column.setContentsMargins(SPACE[0], 0, 0, 0)
        column.setSpacing(3)
        line = QHBoxLayout()
        line.setSpacing(4)
        self.epoch, self.left = label("", "secondary"), label("", "secondary")
        self.epoch.setObjectName("epoch")
        self.left.setObjectName("time-left")
        for part in (self.epoch, self.left):
            part.setFont(theme.mono_numbers(11))
        line.addWidget(self.epoch)
        line.addStretch(1)
        line.addWidget(self.left)
        self.bar = QProgressBar()
        self.bar.setObjectName("progress")
        self.bar.setAccessibleName(tr("Progress of training"))
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        column.addStretch(1)
        column.addLayout(line)
        column.addWidget(self.bar)
        column.addStretch(1)
        return self.progress

    def _tool(self, action: QAction) -> QToolButton:
        button = QToolButton()
        button.setDefaultAction(action)
        button.setObjectName(f"top-{action.objectName().removeprefix('action-')}")
        button.setAccessibleName(action.text())
        button.setIconSize(QSize(16, 16))
        button.setFixedSize(28, 28)
        return button

    def show_work(self, is_working: bool) -> None:
        """Whether a project is on the screen that can be trained."""
        for part in (*self.steps, self.training, self.name):
            part.setVisible(is_working)

    def show_project(self, name: str, is_dirty: bool, where: str) -> None:
        """The project's name, with a dot while there is something to save."""
        shown = self.name.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, 150)
        self.name.setText(f"{shown} •" if is_dirty else shown)
        self.name.setToolTip(where)
        self.name.setAccessibleName(tr("{name}, not saved", name=name) if is_dirty else name)

    def show_device(self, device: str) -> None:
        """The device that the next run takes."""
        cores = os.cpu_count() or 1
        self.device.setText(
            f"CPU {counted(cores, tr('core'), tr('cores'))}" if device == "cpu" else f"GPU {device[-1]}"
        )

    def show_train(self, text: str, icon: str, tooltip: str) -> None:
        """What the one button does next."""
        if self.train.text() != text:
            self.train.setText(text)
            self.train.setAccessibleName(text)
        self.train.setIcon(icons.icon(icon, "on_accent") if icon else QIcon())
        self.train.setToolTip(tooltip)

    def show_progress(self) -> None:
        """How far the run is."""
        info, step = self._run.info, self._run.last_step
        self.progress.setVisible(info is not None and not info.serving)
        if info is None or info.serving:
            return
        fraction = step.progress if step is not None else 0.0
        epoch = min(info.epochs, (step.epoch if step is not None else info.epoch))
        self.epoch.setText(tr("epoch {epoch} / {epochs}", epoch=epoch, epochs=info.epochs))
        going = self._run.state in ("running", "paused", "stopping")
        left = tr("{time} left", time=duration(step.seconds_left)) if step is not None and going else ""
        self.left.setText(left)
        needed = self.epoch.sizeHint().width() + self.left.sizeHint().width() + SPACE[0] + SPACE[1]
        self.progress.setFixedWidth(max(self.progress.minimumWidth(), needed))  # it grows, and does not go to and fro
        self.bar.setValue(round(fraction * 1000))
