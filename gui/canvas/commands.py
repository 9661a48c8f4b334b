"""The canvas's own actions: what they are called, which keys they have and which method they call."""

from __future__ import annotations

from dataclasses import dataclass

from gui.i18n import tr


@dataclass(frozen=True)
class Command:
    """One action of the canvas; `method` is that of CanvasView, `id` that of the window's table where it has it too."""

    id: str
    text: str
    shortcut: str
    method: str


COMMANDS = {
    command.id: command
    for command in (
        Command("edit.undo", "Undo", "Ctrl+Z", "undo"),
        Command("edit.redo", "Redo", "Ctrl+Shift+Z", "redo"),
        Command("canvas.add", "Add layer", "Shift+A", "search_layer"),
        Command("edit.cut", "Cut", "Ctrl+X", "cut"),
        Command("edit.copy", "Copy", "Ctrl+C", "copy"),
        Command("edit.paste", "Paste", "Ctrl+V", "paste"),
        Command("edit.duplicate", "Duplicate", "Ctrl+D", "duplicate"),
        Command("edit.twin", "Duplicate with the same weights", "Ctrl+Shift+D", "duplicate_sharing"),
        Command("edit.delete", "Delete", "Del", "delete"),
        Command("edit.delete_rejoin", "Delete and rejoin", "Backspace", "delete_and_rejoin"),
        Command("canvas.rename", "Rename", "F2", "rename"),
        Command("canvas.edit", "Edit parameters", "Return", "edit_parameters"),
        Command("canvas.connect", "Connect to", "C", "connect_by_keyboard"),
        Command("edit.select_all", "Select all", "Ctrl+A", "select_all"),
        Command("edit.invert", "Invert selection", "Ctrl+I", "invert_selection"),
        Command("canvas.upstream", "Select upstream", "L", "select_upstream"),
        Command("canvas.downstream", "Select downstream", "Shift+L", "select_downstream"),
        Command("edit.arrange", "Arrange", "Ctrl+Shift+L", "arrange"),
        Command("edit.find", "Find layer", "Ctrl+F", "find"),
        Command("view.fit", "Fit all", "Home", "fit_all"),
        Command("view.fit_selection", "Fit selection", ".", "fit_selection"),
        Command("view.zoom_in", "Zoom in", "Ctrl++", "zoom_in"),
        Command("view.zoom_out", "Zoom out", "Ctrl+-", "zoom_out"),
        Command("canvas.zoom_reset", "Actual size", "Ctrl+0", "zoom_reset"),
        Command("view.minimap", "Minimap", "Alt+M", "toggle_minimap"),
        Command("canvas.disconnect", "Remove wire", "Del", "disconnect_wire"),
        Command("canvas.insert", "Insert layer", "", "insert_on_chosen_wire"),
    )
}

MENUS = {
    "canvas": (
        "canvas.add", "edit.paste", "", "edit.select_all", "edit.arrange", "", "view.fit", "edit.find", "view.minimap",
    ),
    "node": (
        "canvas.edit", "canvas.rename", "canvas.connect", "", "edit.cut", "edit.copy", "edit.duplicate", "edit.twin",
        "", "canvas.upstream", "canvas.downstream", "", "edit.delete_rejoin", "edit.delete",
    ),
    "selection": (
        "edit.cut", "edit.copy", "edit.duplicate", "edit.twin", "", "view.fit_selection", "edit.invert", "",
        "edit.delete_rejoin", "edit.delete",
    ),
    "wire": ("canvas.insert", "", "canvas.disconnect"),
}  # fmt: skip
"""The context menus, by what lies under the cursor; "" is a line between."""

WITHOUT_KEY = frozenset({"canvas.disconnect", "canvas.edit"})
"""Their keys are shown in menus; the keyboard reaches them through `delete` and Enter."""


def text_of(command: Command) -> str:
    """Its name as shown."""
    return tr(command.text)
