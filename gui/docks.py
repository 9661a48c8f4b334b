"""The three panels around the canvas: shown, hidden, unlocked, and where they stand remembered."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QByteArray, QObject, QSettings, QSize, Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

from gui.actions import Actions
from gui.i18n import tr
from gui.turns import Turns

PALETTE, SIDE, DASHBOARD = 208, 308, 248
LAYOUT_VERSION = 1
_LEFT, _RIGHT, _BOTTOM = (
    Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea, Qt.DockWidgetArea.BottomDockWidgetArea,
)  # fmt: skip


class Docks(QObject):
    """Palette, inspector and dashboard, each with the action that shows it; none while there is no work on show."""

    def __init__(
        self, window: QMainWindow, actions: Actions, palette: QWidget, inspector: QWidget, dashboard: QWidget
    ) -> None:
        super().__init__(window)
        self._window, self._actions = window, actions
        self._is_working = False
        self._restored: list[QSize] = []
        self._showing = Turns(self, seconds=0)
        window.setDockOptions(QMainWindow.DockOption.AllowTabbedDocks | QMainWindow.DockOption.AllowNestedDocks)
        window.setCorner(Qt.Corner.BottomLeftCorner, _LEFT)
        window.setCorner(Qt.Corner.BottomRightCorner, _BOTTOM)
        self.by_action = {
            "view.palette": self._dock(tr("Palette"), "dock-palette", palette, _LEFT),
            "view.inspector": self._dock(tr("Inspector"), "dock-inspector", inspector, _RIGHT),
            "view.dashboard": self._dock(tr("Dashboard"), "dock-dashboard", dashboard, _BOTTOM),
        }
        palette.setMinimumWidth(150)
        inspector.setMinimumWidth(292)
        dashboard.setMinimumHeight(120)
        for id, dock in self.by_action.items():
            actions[id].setChecked(True)
            actions[id].toggled.connect(lambda on, dock=dock: dock.setVisible(on and self._is_working))
        actions["view.unlock"].toggled.connect(self._unlock)
        actions.on("view.reset", self.reset)

    def _dock(self, title: str, name: str, panel: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self._window)
        dock.setObjectName(name)
        dock.setWidget(panel)
        dock.setTitleBarWidget(QWidget(dock))
        dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        self._window.addDockWidget(area, dock)
        return dock

    def show_work(self, is_working: bool) -> None:
        """Whether there is work that they belong to."""
        self._is_working = is_working
        wanted = [dock for id, dock in self.by_action.items() if is_working and self._actions[id].isChecked()]
        for dock in self.by_action.values():
            if dock not in wanted:
                dock.hide()
        self._showing.start(self._show(wanted)) if is_working else self._showing.stop()

    def _show(self, docks: list[QDockWidget]) -> Iterator[None]:
        """One after the other, so that no turn of the event loop lays all of them out and paints them."""
        for dock in docks:
            dock.show()
            self._take_restored_sizes()
            yield
        self._restored = []

    def _take_restored_sizes(self) -> None:
        """A window that was on the screen before its docks deals its room out anew when they are first shown."""
        shown = [(dock, size) for dock, size in zip(self.by_action.values(), self._restored) if dock.isVisible()]
        docks = [dock for dock, _ in shown]
        self._window.resizeDocks(docks, [size.width() for _, size in shown], Qt.Orientation.Horizontal)
        self._window.resizeDocks(docks, [size.height() for _, size in shown], Qt.Orientation.Vertical)

    def reset(self) -> None:
        """Everything where it was at first."""
        for (id, dock), place in zip(self.by_action.items(), (_LEFT, _RIGHT, _BOTTOM), strict=True):
            dock.setFloating(False)
            self._window.addDockWidget(place, dock)
            self._actions[id].setChecked(True)
        self.show_work(self._is_working)
        self._size()

    def _size(self) -> None:
        palette, side, dashboard = self.by_action.values()
        self._window.resizeDocks([palette, side], [PALETTE, SIDE], Qt.Orientation.Horizontal)
        self._window.resizeDocks([dashboard], [DASHBOARD], Qt.Orientation.Vertical)

    def _unlock(self, on: bool) -> None:
        """Give the panels title bars to drag them by, or take those away."""
        feature = QDockWidget.DockWidgetFeature
        for dock in self.by_action.values():
            old = dock.titleBarWidget()
            dock.setTitleBarWidget(None if on else QWidget(dock))
            if old is not None:
                old.deleteLater()
            dock.setFeatures(
                feature.DockWidgetMovable | feature.DockWidgetFloatable if on else feature.NoDockWidgetFeatures
            )

    def restore(self, store: QSettings) -> None:
        """Where they stood when they were saved."""
        state, sizes = store.value("window/state"), store.value("window/sizes")
        if isinstance(state, QByteArray) and self._window.restoreState(state, LAYOUT_VERSION):
            self._restored = sizes or []
        else:
            self._size()
        for id in self.by_action:
            self._actions[id].setChecked(store.value(f"window/{id}", True, type=bool))

    def save(self, store: QSettings) -> None:
        """Remember where they stand."""
        if self._is_working:
            store.setValue("window/state", self._window.saveState(LAYOUT_VERSION))
            store.setValue("window/sizes", [dock.size() for dock in self.by_action.values()])
        for id in self.by_action:
            store.setValue(f"window/{id}", self._actions[id].isChecked())
