"""The window: bar, canvas, panels and dashboard in their places, and the places remembered."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QDockWidget, QFrame, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from gui import settings
from gui.actions import Actions
from gui.canvas.view import CanvasView
from gui.command_palette import CommandPalette
from gui.document.document import Document
from gui.document.files import Files
from gui.document.selection import Selection
from gui.i18n import tr
from gui.panels.controls import hairline
from gui.panels.data import DataPanel
from gui.panels.inspector import Inspector
from gui.panels.palette import Palette
from gui.panels.problems import ProblemsPanel
from gui.panels.script import ScriptView
from gui.panels.training import TrainingPanel
from gui.plots.dashboard import Dashboard
from gui.projects import Projects
from gui.run.model import Run
from gui.shortcut_sheet import ShortcutSheet
from gui.side_panel import DATA, LAYER, PROBLEMS, TRAINING, SidePanel
from gui.start import StartPage
from gui.theme import theme
from gui.top_bar import TopBar
from gui.training_control import TrainingControl
from gui.workspace import Workspace

PALETTE, SIDE, DASHBOARD = 208, 308, 248
LAYOUT_VERSION = 1
LEAVE_AFTER = 6000
"""Milliseconds after which good news goes by itself."""


class Window(QMainWindow):
    """One project: the models, the views that share them, and the wires between."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("window")
        self.setMinimumSize(1024, 640)
        self.setAcceptDrops(True)
        self.document = Document(self)
        self.selection = Selection(self.document, self)
        self.files = Files(self.document, self)
        self.run = Run(self)
        self.actions_table = Actions(self)
        self._has_noted_edit = False
        self._build_views()
        self._build_places()
        self.projects = Projects(self.document, self.files, self.canvas, self.data, self)
        self.training_control = TrainingControl(self.document, self.files, self.run, self.actions_table, self.top_bar)
        self.commands = CommandPalette(self.top_bar.search, self.actions_table, self.document, self)
        self.sheet: ShortcutSheet | None = None
        self._connect_actions()
        self._connect_views()
        self._good_news = QTimer(self, singleShot=True, interval=LEAVE_AFTER)
        self._good_news.timeout.connect(self.workspace.message.dismiss)
        self._restore_layout()
        self.show_start()

    # Building

    def _build_views(self) -> None:
        shared = (self.document, self.selection, self.run)
        self.canvas = CanvasView(self.document, self.selection)
        self.script = ScriptView(self.document)
        self.workspace = Workspace(self.canvas, self.script)
        self.start_page = StartPage()
        self.palette_panel = Palette(*shared)
        self.inspector = Inspector(*shared)
        self.data = DataPanel(*shared)
        self.training = TrainingPanel(*shared)
        self.problems = ProblemsPanel(*shared)
        self.side = SidePanel(self.inspector, self.data, self.training, self.problems)
        self.top_bar = TopBar(self.actions_table, self.run)
        self.dashboard = Dashboard(self.document, self.run)

    def _build_places(self) -> None:
        top = QFrame()
        column = QVBoxLayout(top)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.top_bar)
        column.addWidget(hairline())
        self.setMenuWidget(top)
        self.middle = QStackedWidget()
        self.middle.addWidget(self.start_page)
        self.middle.addWidget(self.workspace)
        self.setCentralWidget(self.middle)
        self.setDockOptions(QMainWindow.DockOption.AllowTabbedDocks | QMainWindow.DockOption.AllowNestedDocks)
        self.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.BottomDockWidgetArea)
        area = Qt.DockWidgetArea
        self.docks = {
            "view.palette": self._dock(tr("Palette"), "dock-palette", self.palette_panel, area.LeftDockWidgetArea),
            "view.inspector": self._dock(tr("Inspector"), "dock-inspector", self.side, area.RightDockWidgetArea),
            "view.dashboard": self._dock(tr("Dashboard"), "dock-dashboard", self.dashboard, area.BottomDockWidgetArea),
        }
        self.palette_panel.setMinimumWidth(150)
        self.side.setMinimumWidth(292)
        self.dashboard.setMinimumHeight(120)

    def _dock(self, title: str, name: str, panel: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(name)
        dock.setWidget(panel)
        dock.setTitleBarWidget(QWidget(dock))
        dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        self.addDockWidget(area, dock)
        return dock

    # Wires

    def _connect_actions(self) -> None:
        on, actions = self.actions_table.on, self.actions_table
        on("file.new", self.projects.new)
        on("file.open", self.projects.ask_open)
        on("file.start", self.show_start)
        on("file.save", self.projects.save)
        on("file.save_as", self.projects.save_as)
        on("file.export_script", self.projects.export_script)
        on("file.quit", self.close)
        on("edit.undo", self.document.undo_stack.undo)
        on("edit.redo", self.document.undo_stack.redo)
        self.document.undo_stack.canUndoChanged.connect(actions["edit.undo"].setEnabled)
        self.document.undo_stack.canRedoChanged.connect(actions["edit.redo"].setEnabled)
        self.document.undo_stack.undoTextChanged.connect(lambda text: self._name_step("edit.undo", tr("Undo"), text))
        self.document.undo_stack.redoTextChanged.connect(lambda text: self._name_step("edit.redo", tr("Redo"), text))
        for id in ("edit.undo", "edit.redo"):
            actions[id].setEnabled(False)
        actions.give_to_canvas(self.canvas)
        for id, dock in self.docks.items():
            actions[id].setChecked(True)
            actions[id].toggled.connect(lambda on, dock=dock: dock.setVisible(on and self.is_working))
        actions["view.unlock"].toggled.connect(self._unlock)
        on("view.reset", self.reset_layout)
        for id, number in (("layer", LAYER), ("data", DATA), ("training", TRAINING), ("problems", PROBLEMS)):
            on(f"view.{id}", lambda number=number: self.show_panel(number))
        on("view.network", lambda: self._show_page(0))
        on("view.script", lambda: self._show_page(0 if self.workspace.tabs.currentIndex() == 1 else 1))
        for mode in ("system", "light", "dark", "contrast"):
            on(f"look.{mode}", lambda mode=mode: self._set_look(mode))
        on("help.commands", self.commands.open)
        on("help.shortcuts", self.toggle_shortcuts)
        on("help.about", lambda: self.say(_about(), "info"))

    def _connect_views(self) -> None:
        self.document.path_changed.connect(lambda path: self._show_name())
        self.document.dirty_changed.connect(lambda dirty: self._show_name())
        self.document.was_reset.connect(self._show_name)
        self.projects.shown.connect(self.show_work)
        self.projects.said.connect(self.say)
        self.files.saved.connect(lambda path: self.say(tr("Saved to {path}", path=path), "good"))
        self.files.first_saved.connect(self.run.adopt)
        queued = Qt.ConnectionType.QueuedConnection  # each takes a turn of the event loop of its own
        self.document.was_reset.connect(self._show_runs, queued)
        self.document.data_changed.connect(self._offer_first_network, queued)
        self.document.undo_stack.indexChanged.connect(self._note_edit)
        self.run.started.connect(self._forget_edit)
        self.files.saved.connect(lambda path: self.dashboard.set_runs(self.files.runs_folder()))
        self.dashboard.was_built.connect(self._warm_up)
        self.dashboard.train_wanted.connect(self.training_control.act)
        self.dashboard.serve_wanted.connect(self.training_control.serve)
        self.files.busy_changed.connect(lambda is_busy: self.start_page.set_moving(not is_busy))
        self.files.recents_changed.connect(self._show_recents, queued)
        self.training_control.said.connect(self.say)
        self.training_control.problems_wanted.connect(lambda: self.show_panel(PROBLEMS))
        self.training_control.data_wanted.connect(lambda: self.show_panel(DATA))
        self.document.data_wanted.connect(lambda: self.show_panel(DATA))
        for panel in (self.palette_panel, self.inspector, self.data, self.training, self.problems):
            panel.refused.connect(lambda error: self.say(str(error), "bad"))
        self.palette_panel.added.connect(lambda id: self.canvas.go_to(id, centre=False))
        self.problems.centred.connect(self.canvas.go_to)
        self.problems.counted.connect(self.workspace.show_problem_count)
        self.workspace.problems_wanted.connect(lambda: self.show_panel(PROBLEMS))
        self.canvas.edit_requested.connect(self._edit_layer)
        self.selection.changed.connect(lambda: self.selection.ids and self.side.show_panel(LAYER))
        self.top_bar.device_wanted.connect(lambda: self.show_panel(TRAINING))
        self.commands.layer_wanted.connect(self._add_layer)
        self.commands.node_wanted.connect(self._go_to)
        self.start_page.template_wanted.connect(self.projects.from_template)
        self.start_page.project_wanted.connect(self.projects.open)
        self.start_page.data_wanted.connect(self._from_data)
        self.start_page.data_asked.connect(self._ask_data)
        self.start_page.open_wanted.connect(self.projects.ask_open)
        self.start_page.new_wanted.connect(self.projects.new)
        self.start_page.back_wanted.connect(self._go_back)

    def _warm_up(self) -> None:
        """Draw once what the first project will show, while the start page waits: fonts and icons stay ready."""
        panels = [self.palette_panel, self.side, self.workspace, self.dashboard]
        for turn, panel in enumerate(panels):
            QTimer.singleShot(20 * turn, panel, lambda panel=panel: panel.isVisible() or panel.grab())

    # Start page and work

    @property
    def is_working(self) -> bool:
        """Whether a project is on the screen, not the start page."""
        return self.middle.currentWidget() is self.workspace

    def _show_recents(self) -> None:
        if not self.is_working:  # else the start page looks when it is shown again
            self.start_page.show_recents(self.files.recents)

    def show_start(self) -> None:
        """The start page, with what can be recovered."""
        self.start_page.show_recents(self.files.recents)
        self.start_page.show_open_project(self._shown_name() if self.document.nodes else "")
        self._offer_recovery()
        self.middle.setCurrentWidget(self.start_page)
        self.start_page.setFocus()
        self._show_docks()
        self._show_name()

    def show_work(self) -> None:
        """The project that is open."""
        was_working = self.is_working
        self.middle.setCurrentWidget(self.workspace)
        self.workspace.message.dismiss()
        self._show_docks()
        self._show_name()
        if not was_working:
            self.workspace.show_page(0)
        self.canvas.setFocus()

    def _go_back(self) -> None:
        """To the project that was left for the start page, as it was."""
        self.middle.setCurrentWidget(self.workspace)
        self._show_docks()
        self._show_name()
        self.canvas.setFocus()

    def _show_docks(self) -> None:
        wanted = [dock for id, dock in self.docks.items() if self.is_working and self.actions_table[id].isChecked()]
        for dock in self.docks.values():
            if dock not in wanted:
                dock.hide()
        self._show_in_turn(wanted)
        self.top_bar.show_work(self.is_working)
        for id in ("file.save", "file.save_as", "file.export_script", "train.start"):
            self.actions_table[id].setEnabled(self.is_working)

    def _show_in_turn(self, docks: list[QDockWidget]) -> None:
        """One after the other, so that no turn of the event loop lays all of them out and paints them."""
        if docks and self.is_working:
            docks[0].show()
            QTimer.singleShot(0, self, lambda: self._show_in_turn(docks[1:]))

    def _offer_recovery(self) -> None:
        found = self.files.recoverable()
        if not found:
            self.start_page.message.dismiss()
            return
        work = found[0]
        text = tr("“{name}” was not saved when Layerloom ended unexpectedly.", name=work.name or tr("Untitled"))
        self.start_page.message.say(text, "warn", (
            (tr("Recover"), lambda: self._recover(work)), (tr("Discard"), lambda: self._discard(work)),
        ))  # fmt: skip

    def _recover(self, work) -> None:
        self.files.recover(work)

    def _discard(self, work) -> None:
        self.files.discard(work)
        self._offer_recovery()

    def _offer_first_network(self) -> None:
        if self.is_working and not self.document.nodes and self.document.project.data.fields:
            self.say(tr("These data have no network yet."), "info",
                     ((tr("Lay out a first one"), self.projects.lay_out_first_network),))  # fmt: skip

    def _note_edit(self) -> None:
        """Say once in a run that it goes on with the network as it was."""
        if self.run.is_training and not self._has_noted_edit:
            self._has_noted_edit = True
            self.say(tr("This run goes on with the network as it was; train anew for the changes."), "info")

    def _forget_edit(self) -> None:
        self._has_noted_edit = False

    def _show_runs(self) -> None:
        """The runs of the project that was opened, the newest in view."""
        runs = self.files.runs_folder()
        self.dashboard.set_runs(runs)
        self.run.follow_newest(runs)

    def _from_data(self, path: Path) -> None:
        self.projects.from_data(path)
        self.show_panel(DATA)

    def _ask_data(self) -> None:
        path = self.data.ask_path()
        if path is not None:
            self._from_data(path)

    # What views ask for

    def show_panel(self, number: int) -> None:
        """Bring a panel of the right side to the front, also when that side is collapsed."""
        if self.is_working:
            self.actions_table["view.inspector"].setChecked(True)
            self.side.show_panel(number)

    def _show_page(self, number: int) -> None:
        if self.is_working:
            self.workspace.show_page(number)

    def _edit_layer(self, id: str) -> None:
        self.show_panel(LAYER)
        self.inspector.focus_first()

    def _add_layer(self, type: str) -> None:
        if not self.is_working:
            self.show_work()
        self.palette_panel.add(type)
        self.canvas.setFocus()

    def _go_to(self, id: str) -> None:
        if not self.is_working:
            self.show_work()
        self._show_page(0)
        self.canvas.go_to(id)

    def toggle_shortcuts(self) -> None:
        """Show the sheet of shortcuts, or take it away."""
        if self.sheet is None:
            self.sheet = ShortcutSheet(self)
        self.sheet.toggle()

    def say(self, text: str, kind: str = "info", fixes: tuple = ()) -> None:
        """Tell what happened, in the bar above the canvas; good news goes by itself."""
        bar = self.workspace.message if self.is_working else self.start_page.message
        bar.say(text, kind, fixes)
        self._good_news.stop()
        if kind == "good":
            self._good_news.start()

    def _shown_name(self) -> str:
        path = self.document.path
        return path.name if path is not None else self.document.project.name

    def _show_name(self) -> None:
        path, name, dirty = self.document.path, self._shown_name(), self.document.is_dirty
        self.top_bar.show_project(name if self.is_working else "", dirty and self.is_working, str(path or ""))
        self.setWindowTitle(f"{name}[*] – Layerloom" if self.is_working else "Layerloom")
        self.setWindowModified(dirty and self.is_working)

    def _name_step(self, id: str, word: str, text: str) -> None:
        action = self.actions_table[id]
        action.setText(f"{word} {text[:1].lower()}{text[1:]}" if text else word)
        action.setToolTip(
            f"{action.text()} ({action.shortcut().toString(action.shortcut().SequenceFormat.NativeText)})"
        )

    def _set_look(self, mode: str) -> None:
        settings.look.set(mode)
        theme.set_mode(mode)
        self._check_look()

    def _check_look(self) -> None:
        for mode in ("system", "light", "dark", "contrast"):
            self.actions_table[f"look.{mode}"].setChecked(theme.mode == mode)

    # Places

    def sizeHint(self) -> QSize:
        return QSize(1366, 768)

    def reset_layout(self) -> None:
        """Everything where it was at first."""
        area = Qt.DockWidgetArea
        places = (area.LeftDockWidgetArea, area.RightDockWidgetArea, area.BottomDockWidgetArea)
        for (id, dock), place in zip(self.docks.items(), places, strict=True):
            dock.setFloating(False)
            self.addDockWidget(place, dock)
            self.actions_table[id].setChecked(True)
        self._show_docks()
        self._size_docks()

    def _size_docks(self) -> None:
        palette, side, dashboard = self.docks.values()
        self.resizeDocks([palette, side], [PALETTE, SIDE], Qt.Orientation.Horizontal)
        self.resizeDocks([dashboard], [DASHBOARD], Qt.Orientation.Vertical)

    def _unlock(self, on: bool) -> None:
        """Give the panels title bars to drag them by, or take those away."""
        feature = QDockWidget.DockWidgetFeature
        for dock in self.docks.values():
            old = dock.titleBarWidget()
            dock.setTitleBarWidget(None if on else QWidget(dock))
            if old is not None:
                old.deleteLater()
            dock.setFeatures(
                feature.DockWidgetMovable | feature.DockWidgetFloatable if on else feature.NoDockWidgetFeatures
            )

    def _restore_layout(self) -> None:
        store = settings.store()
        geometry, state = store.value("window/geometry"), store.value("window/state")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            room = QGuiApplication.primaryScreen().availableGeometry()
            self.resize(self.sizeHint().boundedTo(room.size()))
        if not (isinstance(state, QByteArray) and self.restoreState(state, LAYOUT_VERSION)):
            self._size_docks()
        for id in self.docks:
            self.actions_table[id].setChecked(store.value(f"window/{id}", True, type=bool))
        self.side.show_panel(settings.inspector_tab.get() if settings.inspector_tab.get() != PROBLEMS else LAYER)
        self._check_look()

    def save_layout(self) -> None:
        """Remember where everything stands."""
        store = settings.store()
        store.setValue("window/geometry", self.saveGeometry())
        if self.is_working:
            store.setValue("window/state", self.saveState(LAYOUT_VERSION))
        for id in self.docks:
            store.setValue(f"window/{id}", self.actions_table[id].isChecked())
        store.sync()

    # Dropping a project on the window

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _dropped_project(event.mimeData()) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = _dropped_project(event.mimeData())
        if path is not None:
            event.acceptProposedAction()
            self.projects.open(path)

    # The end

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.projects.may_leave():
            event.ignore()
            return
        self.save_layout()
        self.close_down()
        event.accept()

    def close_down(self) -> None:
        """Let threads and timers end; a run goes on by itself."""
        self.files.close()
        own = (self.projects, self.training_control)
        for part in (self.start_page, self.data, self.training, self.script, *own, self.dashboard):
            part.close_down()
        self.run.close()


def _dropped_project(mime) -> Path | None:
    urls = [url for url in mime.urls() if url.isLocalFile()] if mime.hasUrls() else []
    paths = [Path(url.toLocalFile()) for url in urls]
    return paths[0] if len(paths) == 1 and paths[0].suffix == ".loom" else None


def _about() -> str:
    from importlib.metadata import version

    return tr("Layerloom {version}. Drag layers into a network, press Train and watch it learn.",
              version=version("layerloom"))  # fmt: skip
