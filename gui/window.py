"""The window: a first picture at once, then what stands in it; the start page or the work on show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSize, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QMainWindow, QStackedWidget

from gui import settings
from gui.first_picture import FirstPicture
from gui.i18n import tr
from gui.side_panel import DATA, LAYER
from gui.theme import theme
from gui.turns import Turns, leave_undone

if TYPE_CHECKING:
    from gui.actions import Actions
    from gui.canvas.view import CanvasView
    from gui.command_palette import CommandPalette
    from gui.custom_layers import CustomLayers
    from gui.docks import Docks
    from gui.document.document import Document
    from gui.document.files import Files
    from gui.document.layers import Layers
    from gui.document.selection import Selection
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
    from gui.side_panel import SidePanel
    from gui.start import StartPage
    from gui.top_bar import TopBar
    from gui.training_control import TrainingControl
    from gui.workspace import Workspace

LEAVE_AFTER = 6000
"""Milliseconds after which good news goes by itself."""


class Window(QMainWindow):
    """One project. It can be shown at once; `furnish` makes all that stands in it."""

    document: Document
    selection: Selection
    files: Files
    layers: Layers
    custom_layers: CustomLayers
    run: Run
    actions_table: Actions
    canvas: CanvasView
    script: ScriptView
    workspace: Workspace
    start_page: StartPage
    palette_panel: Palette
    inspector: Inspector
    data: DataPanel
    training: TrainingPanel
    problems: ProblemsPanel
    side: SidePanel
    top_bar: TopBar
    dashboard: Dashboard
    middle: QStackedWidget
    docks: Docks
    projects: Projects
    training_control: TrainingControl
    commands: CommandPalette

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("window")
        self.setWindowTitle("Layerloom")
        self.setMinimumSize(1024, 640)
        self.setAcceptDrops(True)
        self.setCentralWidget(FirstPicture())
        self._has_noted_edit = False
        self._offers_network = False
        self._warming_up = Turns(self, seconds=0)
        self.sheet: ShortcutSheet | None = None
        geometry = settings.store().value("window/geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            room = QGuiApplication.primaryScreen().availableGeometry()
            self.resize(self.sizeHint().boundedTo(room.size()))

    def furnish(self) -> None:
        """Make everything in it, and show the start page."""
        from gui.contents import furnish  # half a second: the first picture stands meanwhile

        furnish(self)
        self._good_news = QTimer(self, singleShot=True, interval=LEAVE_AFTER)
        self._good_news.timeout.connect(self.workspace.message.dismiss)
        self.docks.restore(settings.store())
        self.side.restore()
        self._check_look()
        self.show_start()

    # Start page and work

    def warm_up(self) -> None:
        """Draw once what the first project will show, while the start page waits: fonts and icons stay ready."""
        panels = (self.palette_panel, self.side, self.workspace, self.dashboard)
        self._warming_up.start(panel.isVisible() or panel.grab() for panel in panels)

    @property
    def is_working(self) -> bool:
        """Whether a project is on the screen, not the start page."""
        return self.middle.currentWidget() is self.workspace

    def show_recents(self) -> None:
        """Bring the start page up to date, where it is on show."""
        if not self.is_working:  # else the start page looks when it is shown again
            self.start_page.show_recents(self.files.recents)

    def show_start(self) -> None:
        """The start page, with what can be recovered."""
        self.start_page.show_recents(self.files.recents)
        self.start_page.show_open_project(self._shown_name() if self.document.nodes else "")
        self._offer_recovery()
        self.middle.setCurrentWidget(self.start_page)
        self.start_page.setFocus()
        self._show_panels()
        self.show_name()

    def show_work(self) -> None:
        """The project that is open."""
        was_working = self.is_working
        self.middle.setCurrentWidget(self.workspace)
        self.workspace.message.dismiss()
        self._show_panels()
        self.show_name()
        if not was_working:
            self.workspace.show_page(0)
        self.canvas.setFocus()

    def go_back(self) -> None:
        """To the project that was left for the start page, as it was."""
        self.middle.setCurrentWidget(self.workspace)
        self._show_panels()
        self.show_name()
        self.canvas.setFocus()

    def _show_panels(self) -> None:
        self.docks.show_work(self.is_working)
        self.top_bar.show_work(self.is_working)
        for id in ("file.save", "file.save_as", "file.export_script", "train.start"):
            self.actions_table[id].setEnabled(self.is_working)

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

    def offer_first_network(self) -> None:
        """Data came to an empty canvas: offer to lay out a network."""
        if self.is_working and not self.document.nodes and self.document.project.data.fields:
            self.say(tr("These data have no network yet."), "info",
                     ((tr("Lay out a first one"), self.projects.lay_out_first_network),))  # fmt: skip
            self._offers_network = True

    def withdraw_offer(self) -> None:
        """There is a network now: none has to be offered."""
        if self._offers_network:
            self._offers_network = False
            self.workspace.message.dismiss()

    def note_edit(self) -> None:
        """Say once in a run that it goes on with the network as it was."""
        if self.run.is_training and not self._has_noted_edit:
            self._has_noted_edit = True
            self.say(tr("This run goes on with the network as it was; train anew for the changes."), "info")

    def forget_edit(self) -> None:
        """A new run takes the network as it is now."""
        self._has_noted_edit = False

    def show_runs(self) -> None:
        """The runs of the project that was opened, the newest in view."""
        runs = self.files.runs_folder()
        self.dashboard.set_runs(runs)
        self.run.follow_newest(runs)

    def from_data(self, path: Path) -> None:
        """Begin a project around one's own data."""
        self.projects.from_data(path)
        self.show_panel(DATA)

    def ask_data(self) -> None:
        """Let the person choose the data to begin with."""
        path = self.data.ask_path()
        if path is not None:
            self.from_data(path)

    # What views ask for

    def show_panel(self, number: int) -> None:
        """Bring a panel of the right side to the front, also when that side is collapsed."""
        if self.is_working:
            self.actions_table["view.inspector"].setChecked(True)
            self.side.show_panel(number)

    def show_page(self, number: int) -> None:
        """Bring the network (0) or the script (1) to the front."""
        if self.is_working:
            self.workspace.show_page(number)

    def edit_layer(self, id: str) -> None:
        """Put the keyboard into the form of the layer that is selected."""
        self.show_panel(LAYER)
        self.inspector.focus_first()

    def add_layer(self, type: str) -> None:
        """Add a layer by the name of its type."""
        if not self.is_working:
            self.show_work()
        self.palette_panel.add(type)
        self.canvas.setFocus()

    def go_to(self, id: str) -> None:
        """Show a layer on the canvas."""
        if not self.is_working:
            self.show_work()
        self.show_page(0)
        self.canvas.go_to(id)

    def toggle_shortcuts(self) -> None:
        """Show the sheet of shortcuts, or take it away."""
        if self.sheet is None:
            from gui.shortcut_sheet import ShortcutSheet

            self.sheet = ShortcutSheet(self)
        self.sheet.toggle()

    def say(self, text: str, kind: str = "info", fixes: tuple = ()) -> None:
        """Tell what happened, in the bar above the canvas; good news goes by itself."""
        bar = self.workspace.message if self.is_working else self.start_page.message
        bar.say(text, kind, fixes)
        self._offers_network = False
        self._good_news.stop()
        if kind == "good":
            self._good_news.start()

    def _shown_name(self) -> str:
        path = self.document.path
        return path.name if path is not None else self.document.project.name

    def show_name(self) -> None:
        """Bring the project's name up to date, and whether it is saved."""
        path, name, dirty = self.document.path, self._shown_name(), self.document.is_dirty
        self.top_bar.show_project(name if self.is_working else "", dirty and self.is_working, str(path or ""))
        self.setWindowTitle(f"{name}[*] – Layerloom" if self.is_working else "Layerloom")
        self.setWindowModified(dirty and self.is_working)

    def set_look(self, mode: str) -> None:
        """Put on another look, and remember it."""
        settings.look.set(mode)
        theme.set_mode(mode)
        self._check_look()

    def _check_look(self) -> None:
        for mode in ("system", "light", "dark", "contrast"):
            self.actions_table[f"look.{mode}"].setChecked(theme.mode == mode)

    # Places

    def sizeHint(self) -> QSize:
        return QSize(1366, 768)

    def save_layout(self) -> None:
        """Remember where everything stands."""
        store = settings.store()
        store.setValue("window/geometry", self.saveGeometry())
        self.docks.save(store)
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
        leave_undone(self)
        self.files.close()
        own = (self.projects, self.training_control, self.warming, self.custom_layers)
        for part in (self.start_page, self.data, self.training, self.script, *own, self.dashboard):
            part.close_down()
        self.run.close()


def _dropped_project(mime) -> Path | None:
    urls = [url for url in mime.urls() if url.isLocalFile()] if mime.hasUrls() else []
    paths = [Path(url.toLocalFile()) for url in urls]
    return paths[0] if len(paths) == 1 and paths[0].suffix == ".loom" else None
