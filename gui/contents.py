"""What stands in the window: the models of one project, the views that share them, and the wires between.

Loaded after the window's first picture, since it takes half a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QStackedWidget, QVBoxLayout

from gui.actions import Actions
from gui.canvas.view import CanvasView
from gui.command_palette import CommandPalette
from gui.custom_layers import CustomLayers
from gui.docks import Docks
from gui.document.document import Document
from gui.document.files import Files
from gui.document.layers import Layers
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
from gui.side_panel import DATA, LAYER, PROBLEMS, TRAINING, SidePanel
from gui.start import StartPage
from gui.top_bar import TopBar
from gui.training_control import TrainingControl
from gui.turns import in_own_turn
from gui.warming import Warming
from gui.workspace import Workspace

if TYPE_CHECKING:
    from gui.window import Window


def furnish(window: Window) -> None:
    """Make everything, put it in its place and connect it."""
    _make_models(window)
    _make_views(window)
    _place_views(window)
    window.projects = Projects(window.document, window.files, window.canvas, window.data, window)
    window.training_control = TrainingControl(
        window.document, window.files, window.run, window.actions_table, window.top_bar
    )
    window.custom_layers = CustomLayers(window.document, window.layers, window.workspace.trust, window)
    window.warming = Warming(window.document, window.run, window)
    window.commands = CommandPalette(window.top_bar.search, window.actions_table, window.document, window)
    _connect_actions(window)
    _connect_document(window)
    _connect_views(window)


def _make_models(window: Window) -> None:
    window.document = Document(window)
    window.selection = Selection(window.document, window)
    window.files = Files(window.document, window)
    window.layers = Layers(window.document, window)
    window.run = Run(window)
    window.actions_table = Actions(window)


def _make_views(window: Window) -> None:
    shared = (window.document, window.selection, window.run)
    window.canvas = CanvasView(window.document, window.selection)
    window.script = ScriptView(window.document)
    window.workspace = Workspace(window.canvas, window.script)
    window.start_page = StartPage()
    window.palette_panel = Palette(*shared)
    window.inspector = Inspector(*shared)
    window.data = DataPanel(*shared)
    window.training = TrainingPanel(*shared)
    window.problems = ProblemsPanel(*shared)
    window.side = SidePanel(window.inspector, window.data, window.training, window.problems)
    window.top_bar = TopBar(window.actions_table, window.run)
    window.dashboard = Dashboard(window.document, window.run)


def _place_views(window: Window) -> None:
    top = QFrame()
    column = QVBoxLayout(top)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(window.top_bar)
    column.addWidget(hairline())
    window.setMenuWidget(top)
    window.middle = QStackedWidget()
    window.middle.addWidget(window.start_page)
    window.middle.addWidget(window.workspace)
    window.setCentralWidget(window.middle)
    window.docks = Docks(window, window.actions_table, window.palette_panel, window.side, window.dashboard)


def _connect_actions(window: Window) -> None:
    on, actions = window.actions_table.on, window.actions_table
    on("file.new", window.projects.new)
    on("file.open", window.projects.ask_open)
    on("file.start", window.show_start)
    on("file.save", window.projects.save)
    on("file.save_as", window.projects.save_as)
    on("file.export_script", window.projects.export_script)
    on("file.quit", window.close)
    on("layers.new", window.custom_layers.make)
    on("layers.folder", window.custom_layers.open_folder)
    on("edit.undo", window.document.undo_stack.undo)
    on("edit.redo", window.document.undo_stack.redo)
    window.document.undo_stack.canUndoChanged.connect(actions["edit.undo"].setEnabled)
    window.document.undo_stack.canRedoChanged.connect(actions["edit.redo"].setEnabled)
    window.document.undo_stack.undoTextChanged.connect(lambda text: _name_step(actions["edit.undo"], tr("Undo"), text))
    window.document.undo_stack.redoTextChanged.connect(lambda text: _name_step(actions["edit.redo"], tr("Redo"), text))
    for id in ("edit.undo", "edit.redo"):
        actions[id].setEnabled(False)
    actions.give_to_canvas(window.canvas)
    for id, number in (("layer", LAYER), ("data", DATA), ("training", TRAINING), ("problems", PROBLEMS)):
        on(f"view.{id}", lambda number=number: window.show_panel(number))
    on("view.network", lambda: window.show_page(0))
    on("view.script", lambda: window.show_page(0 if window.workspace.tabs.currentIndex() == 1 else 1))
    for mode in ("system", "light", "dark", "contrast"):
        on(f"look.{mode}", lambda mode=mode: window.set_look(mode))
    on("help.commands", window.commands.open)
    on("help.shortcuts", window.toggle_shortcuts)
    on("help.about", lambda: window.say(_about(), "info"))


def _connect_document(window: Window) -> None:
    window.document.path_changed.connect(lambda path: window.show_name())
    window.document.dirty_changed.connect(lambda dirty: window.show_name())
    window.document.was_reset.connect(window.show_name)
    window.projects.shown.connect(window.show_work)
    window.projects.said.connect(window.say)
    window.files.saved.connect(lambda path: window.say(tr("Saved to {path}", path=path), "good"))
    window.files.first_saved.connect(window.run.adopt)
    window.document.was_reset.connect(in_own_turn(window, window.show_runs))
    window.document.data_changed.connect(in_own_turn(window, window.offer_first_network))
    window.document.node_added.connect(window.withdraw_offer)
    window.document.undo_stack.indexChanged.connect(window.note_edit)
    window.run.started.connect(window.forget_edit)
    window.files.saved.connect(lambda path: window.dashboard.set_runs(window.files.runs_folder()))
    window.dashboard.was_built.connect(window.warm_up)
    window.dashboard.train_wanted.connect(window.training_control.act)
    window.dashboard.serve_wanted.connect(window.training_control.serve)
    window.files.busy_changed.connect(lambda is_busy: window.start_page.set_moving(not is_busy))
    window.files.recents_changed.connect(in_own_turn(window, window.show_recents))


def _connect_views(window: Window) -> None:
    window.training_control.said.connect(window.say)
    window.custom_layers.said.connect(window.say)
    window.inspector.code_wanted.connect(window.custom_layers.edit)
    window.palette_panel.code_wanted.connect(window.custom_layers.edit)
    window.training_control.problems_wanted.connect(lambda: window.show_panel(PROBLEMS))
    window.training_control.data_wanted.connect(lambda: window.show_panel(DATA))
    window.document.data_wanted.connect(lambda: window.show_panel(DATA))
    for panel in (window.palette_panel, window.inspector, window.data, window.training, window.problems):
        panel.refused.connect(lambda error: window.say(str(error), "bad"))
    window.palette_panel.added.connect(lambda id: window.canvas.go_to(id, centre=False))
    window.problems.centred.connect(window.canvas.go_to)
    window.problems.counted.connect(window.workspace.show_problem_count)
    window.workspace.problems_wanted.connect(lambda: window.show_panel(PROBLEMS))
    window.canvas.edit_requested.connect(window.edit_layer)
    window.selection.changed.connect(lambda: window.selection.ids and window.side.show_panel(LAYER))
    window.top_bar.device_wanted.connect(lambda: window.show_panel(TRAINING))
    window.commands.layer_wanted.connect(window.add_layer)
    window.commands.node_wanted.connect(window.go_to)
    window.start_page.template_wanted.connect(window.projects.from_template)
    window.start_page.project_wanted.connect(window.projects.open)
    window.start_page.data_wanted.connect(window.from_data)
    window.start_page.data_asked.connect(window.ask_data)
    window.start_page.open_wanted.connect(window.projects.ask_open)
    window.start_page.new_wanted.connect(window.projects.new)
    window.start_page.back_wanted.connect(window.go_back)


def _name_step(action: QAction, word: str, text: str) -> None:
    """Say on an action what it would take back or do again."""
    action.setText(f"{word} {text[:1].lower()}{text[1:]}" if text else word)
    action.setToolTip(f"{action.text()} ({action.shortcut().toString(action.shortcut().SequenceFormat.NativeText)})")


def _about() -> str:
    from importlib.metadata import version

    return tr("Layerloom {version}. Drag layers into a network, press Train and watch it learn.",
              version=version("layerloom"))  # fmt: skip
