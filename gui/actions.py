"""The one table of actions: menus, top bar, context menus, shortcut sheet and command palette all read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from gui import icons
from gui.canvas.commands import COMMANDS
from gui.canvas.view import CanvasView
from gui.i18n import tr


@dataclass(frozen=True)
class Entry:
    """One thing that a person can do. A line in a menu follows where `after_line` is set."""

    id: str
    text: str
    shortcut: str = ""
    icon: str = ""
    group: str = ""
    checkable: bool = False
    after_line: bool = False
    words: str = ""
    """Other words by which the command palette finds it."""
    canvas: bool = False
    """The canvas's command of the same id does it, and its keys count while the keyboard is on the canvas."""


GROUPS = ("File", "Edit", "View", "Train", "Help")

TABLE = (
    Entry("file.new", "New project", "Ctrl+N", "file", "File", words="empty blank"),
    Entry("file.open", "Open project…", "Ctrl+O", "folder", "File", words="load"),
    Entry("file.start", "Start page", "Ctrl+Shift+H", "home", "File", words="templates examples recent home"),
    Entry("file.save", "Save", "Ctrl+S", "save", "File", after_line=True),
    Entry("file.save_as", "Save as…", "Ctrl+Shift+S", "", "File"),
    Entry("file.export_script", "Export Python script…", "", "export", "File", after_line=True, words="code"),
    Entry("file.quit", "Quit", "Ctrl+Q", "", "File", after_line=True, words="exit close"),
    Entry("edit.undo", "Undo", "Ctrl+Z", "undo", "Edit"),
    Entry("edit.redo", "Redo", "Ctrl+Shift+Z", "redo", "Edit"),
    Entry("canvas.add", "Add layer", "Shift+A", "plus", "Edit", after_line=True, words="search insert", canvas=True),
    Entry("layers.new", "New custom layer…", "", "code", "Edit", words="python module own class write"),
    Entry("layers.folder", "Folder of custom layers", "", "folder", "Edit", words="python own"),
    Entry("edit.cut", "Cut", "Ctrl+X", "cut", "Edit", after_line=True, canvas=True),
    Entry("edit.copy", "Copy", "Ctrl+C", "copy", "Edit", canvas=True),
    Entry("edit.paste", "Paste", "Ctrl+V", "paste", "Edit", canvas=True),
    Entry("edit.duplicate", "Duplicate", "Ctrl+D", "", "Edit", canvas=True),
    Entry(
        "edit.twin",
        "Duplicate with the same weights",
        "Ctrl+Shift+D",
        "",
        "Edit",
        words="share siamese twin tied",
        canvas=True,
    ),
    Entry("edit.delete", "Delete", "Del", "trash", "Edit", words="remove", canvas=True),
    Entry(
        "edit.delete_rejoin",
        "Delete and rejoin",
        "Backspace",
        "",
        "Edit",
        words="remove dissolve",
        canvas="delete_rejoin",
    ),
    Entry("canvas.rename", "Rename", "F2", "pencil", "Edit", words="title", canvas=True),
    Entry("canvas.connect", "Connect to", "C", "link", "Edit", words="wire", canvas=True),
    Entry("edit.select_all", "Select all", "Ctrl+A", "", "Edit", after_line=True, canvas=True),
    Entry("edit.invert", "Invert selection", "Ctrl+I", "", "Edit", canvas=True),
    Entry("canvas.upstream", "Select upstream", "L", "", "Edit", canvas=True),
    Entry("canvas.downstream", "Select downstream", "Shift+L", "", "Edit", canvas=True),
    Entry("edit.find", "Find layer on canvas", "Ctrl+F", "search", "Edit", words="search node", canvas=True),
    Entry("edit.arrange", "Arrange", "Ctrl+Shift+L", "arrange", "Edit", words="layout tidy clean up", canvas=True),
    Entry("view.palette", "Palette", "Ctrl+B", "sidebar", "View", True, words="sidebar layers"),
    Entry("view.inspector", "Inspector", "Ctrl+Alt+B", "inspector", "View", True, words="right panel"),
    Entry("view.dashboard", "Dashboard", "Ctrl+J", "dashboard", "View", True, words="plots bottom panel"),
    Entry("view.unlock", "Move panels", "", "", "View", True, words="dock layout"),
    Entry("view.reset", "Reset layout", "", "", "View", words="panels docks"),
    Entry("view.layer", "Layer settings", "Ctrl+1", "", "View", after_line=True, words="inspector"),
    Entry("view.data", "Data settings", "Ctrl+2", "", "View", words="dataset csv split"),
    Entry("view.training", "Training settings", "Ctrl+3", "", "View", words="loss optimizer epochs"),
    Entry("view.problems", "Problems", "Ctrl+4", "warning", "View", words="errors fix"),
    Entry("view.network", "Network", "", "arrange", "View", words="canvas graph"),
    Entry("view.script", "Python script", "Ctrl+E", "code", "View", words="code"),
    Entry("view.zoom_in", "Zoom in", "Ctrl++", "zoom-in", "View", after_line=True, canvas=True),
    Entry("view.zoom_out", "Zoom out", "Ctrl+-", "zoom-out", "View", canvas=True),
    Entry("canvas.zoom_reset", "Actual size", "Ctrl+0", "", "View", canvas=True),
    Entry("view.fit_selection", "Fit selection", ".", "", "View", canvas=True),
    Entry("view.fit", "Fit all", "Home", "fit", "View", canvas=True),
    Entry("view.minimap", "Minimap", "Alt+M", "", "View", words="overview", canvas=True),
    Entry("look.system", "Look: follow the system", "", "contrast", "View", True, after_line=True, words="theme"),
    Entry("look.light", "Look: light", "", "sun", "View", True, words="theme"),
    Entry("look.dark", "Look: dark", "", "moon", "View", True, words="theme"),
    Entry("look.contrast", "Look: high contrast", "", "contrast", "View", True, words="theme"),
    Entry("train.start", "Train", "F5", "play", "Train", words="run fit start"),
    Entry("train.pause", "Pause", "F6", "pause", "Train", words="halt"),
    Entry("train.step", "One step", "F10", "step", "Train"),
    Entry("train.stop", "Stop", "Shift+F5", "stop", "Train", words="end abort"),
    Entry("train.resume", "Resume the last run", "", "play", "Train", after_line=True, words="continue"),
    Entry("train.anew", "Train from the start", "", "refresh", "Train", words="restart again"),
    Entry("train.further", "Train on from the trained weights", "", "", "Train", words="fine tune prolong"),
    Entry("help.commands", "Find layer or command", "Ctrl+K", "search", "Help", words="palette"),
    Entry("help.shortcuts", "Keyboard shortcuts", "F1", "keyboard", "Help", words="keys help sheet"),
    Entry("help.about", "About Layerloom", "", "info", "Help", after_line=True, words="version"),
)

GESTURES = (
    ("Wheel", "Zoom at the pointer"),
    ("Middle-drag or Space-drag", "Move the canvas"),
    ("Drag on empty canvas", "Select with a box"),
    ("Shift-click", "Add to the selection"),
    ("Double-click canvas or Tab", "Search a layer at the pointer"),
    ("Drag from a port", "Draw a wire"),
    ("Ctrl-drag at an output", "Move all wires of an output"),
    ("Drop a layer on a wire", "Insert a layer"),
    ("Ctrl+right-drag", "Cut wires"),
    ("Double-click a title", "Rename the layer"),
    ("Arrow keys", "Walk along the wires"),
    ("Drag a parameter's name", "Change a number"),
)
"""What the mouse does on the canvas, for the shortcut sheet."""


class Actions(QObject):
    """A QAction for each entry of the table, by id: `actions["edit.undo"]`."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._actions = {entry.id: self._make(entry, window) for entry in TABLE}

    def _make(self, entry: Entry, window: QWidget) -> QAction:
        action = QAction(tr(entry.text), window)
        action.setObjectName(f"action-{entry.id}")
        action.setCheckable(entry.checkable)
        if entry.shortcut:
            action.setShortcut(QKeySequence(entry.shortcut))
            context = Qt.ShortcutContext
            action.setShortcutContext(context.WidgetWithChildrenShortcut if entry.canvas else context.WindowShortcut)
            shown = QKeySequence(entry.shortcut).toString(QKeySequence.SequenceFormat.NativeText)
            action.setToolTip(f"{tr(entry.text)} ({shown})")
        if entry.icon:
            action.setIcon(icons.icon(entry.icon))
        action.setIconVisibleInMenu(False)
        if not entry.canvas:
            window.addAction(action)
        return action

    def __getitem__(self, id: str) -> QAction:
        return self._actions[id]

    def __iter__(self) -> Iterator[QAction]:
        return iter(self._actions.values())

    def on(self, id: str, slot: Callable[[], object]) -> None:
        """Call `slot` when the action is triggered."""
        self._actions[id].triggered.connect(lambda checked=False: slot())

    def give_to_canvas(self, canvas: CanvasView) -> None:
        """The canvas does what its entries say, and shows these actions in its context menus."""
        shared = {"edit.undo": self["edit.undo"], "edit.redo": self["edit.redo"]}
        for entry in TABLE:
            if entry.canvas:
                action = shared[entry.id] = self._actions[entry.id]
                self.on(entry.id, getattr(canvas, COMMANDS[entry.id].method))
                canvas.addAction(action)
        canvas.use_actions(shared)

    def fill(self, menu: QMenu, group: str) -> QMenu:
        """Put the actions of one group into a menu, in the table's order."""
        for entry in TABLE:
            if entry.group == group:
                if entry.after_line:
                    menu.addSeparator()
                menu.addAction(self._actions[entry.id])
        return menu

    def search(self, text: str) -> list[tuple[Entry, QAction]]:
        """Enabled actions whose text, group or other words hold every word, those that begin with it first."""
        words = text.casefold().split()
        found = []
        for order, entry in enumerate(TABLE):
            action = self._actions[entry.id]
            name = tr(entry.text).casefold()
            haystack = f"{name} {entry.group} {entry.words}".casefold()
            if action.isEnabled() and all(word in haystack for word in words):
                found.append((not name.startswith(" ".join(words)), order, entry, action))
        return [(entry, action) for _, _, entry, action in sorted(found, key=lambda f: f[:2])]


def shortcut_text(entry: Entry) -> str:
    """The keys as this system writes them."""
    return QKeySequence(entry.shortcut).toString(QKeySequence.SequenceFormat.NativeText)
