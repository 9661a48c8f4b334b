"""The canvas: shows the network and turns mouse, keys and drops into gestures of the document."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QAction,
    QContextMenuEvent,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
)
from PySide6.QtWidgets import QMenu, QWidget

from engine.graph.spec import Wire
from gui.canvas import geometry, wording
from gui.canvas.commands import COMMANDS, MENUS, WITHOUT_KEY, text_of
from gui.canvas.minimap import Minimap
from gui.canvas.navigation import ALT, CTRL, SHIFT
from gui.canvas.overlays import EmptyNote, Hint, TitleEditor
from gui.canvas.pointing import LAYER_MIME, Pointing
from gui.canvas.popover import Popover
from gui.canvas.search import SearchPopup
from gui.document.document import Document
from gui.document.selection import Selection
from gui.i18n import tr
from gui.theme import SPACE

NUDGE = 10.0
ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class CanvasView(Pointing):
    """The network of a document, with a selection that other views share."""

    status_changed = Signal(str)

    def __init__(self, document: Document, selection: Selection, parent: QWidget | None = None):
        super().__init__(document, selection, parent)
        self.setObjectName("canvas")
        self.setAccessibleName(tr("Network"))
        self._status = ""
        self.search = SearchPopup(self)  # what lies over the canvas is the view's child: the viewport's would scroll
        self.search.closed.connect(self.setFocus)
        self.popover = Popover(self, self.apply_fix)
        self.hint = Hint(self)
        self.note = EmptyNote(self)
        self.minimap = Minimap(self)
        self._wants_minimap = True
        self.menu: QMenu | None = None
        self.actions_by_id: dict[str, QAction] = {}
        self._make_actions()
        document.was_reset.connect(self._start_anew)
        document.inference_changed.connect(self._show_inference)
        document.node_added.connect(self._show_note)
        document.node_removed.connect(self._show_note)
        document.wire_removed.connect(self._forget_wire)
        document.undo_stack.indexChanged.connect(self.cancel)  # what was begun may have lost its ground
        selection.changed.connect(self._show_selection)
        self.moved.connect(self._follow_popover)
        self._count()

    @property
    def foot(self) -> int:
        return 0 if self.minimap.isHidden() else self.height() - self.minimap.y() + SPACE[2]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.note.settle()

    # Actions

    def _make_actions(self) -> None:
        for command in COMMANDS.values():
            action = QAction(text_of(command), self)
            action.setObjectName(f"canvas_{command.id}")
            action.setShortcut(QKeySequence(command.shortcut))
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.triggered.connect(lambda _=False, name=command.method: getattr(self, name)())
            self.actions_by_id[command.id] = action
            if command.id not in WITHOUT_KEY:
                self.addAction(action)

    def use_actions(self, actions: Mapping[str, QAction]) -> None:
        """Show these in the context menus instead of the canvas's own, whose keys then rest; ids as in COMMANDS."""
        for id, action in actions.items():
            if id in self.actions_by_id:
                self.removeAction(self.actions_by_id[id])
                self.actions_by_id[id] = action

    def make_menu(self, kind: str) -> QMenu:
        """The context menu for "canvas", "node", "selection" or "wire"."""
        menu = QMenu(self)
        menu.setObjectName(f"{kind}Menu")
        for id in MENUS[kind]:
            if id:
                menu.addAction(self.actions_by_id[id])
            else:
                menu.addSeparator()
        menu.aboutToHide.connect(menu.deleteLater)
        return menu

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.modifiers() & CTRL or self.interaction is not None:
            return
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            kind, at = self._menu_by_keyboard()
        else:
            kind, at = self._menu_at(self.mapToScene(event.pos())), event.globalPos()
        self.popover.close_popover()
        self.menu = self.make_menu(kind)
        self.asked_at = self.viewport().mapFromGlobal(at)
        self.menu.aboutToHide.connect(lambda: QTimer.singleShot(0, self, self._forget_menu_place))
        self.menu.popup(at)

    def _forget_menu_place(self) -> None:
        self.asked_at = None

    def _menu_by_keyboard(self) -> tuple[str, QPoint]:
        current = self.selection.current
        if current is None:
            return "canvas", self.viewport().mapToGlobal(self.viewport().rect().center())
        at = self.mapFromScene(QPointF(*self.canvas.node_items[current].box.centre))
        return ("node" if len(self.selection) == 1 else "selection"), self.viewport().mapToGlobal(at)

    def _menu_at(self, point: QPointF) -> str:
        node = self.canvas.node_at(point)
        if node is not None:
            if node not in self.selection:
                self.selection.set([node])
            return "node" if len(self.selection) == 1 else "selection"
        wire = self.canvas.wire_at(point)
        if wire is not None:
            self.selection.clear()
            self.choose_wire(wire)
            return "wire"
        return "canvas"

    # What the document says

    def go_to(self, id: str, centre: bool = True) -> None:
        """Select a node and bring it on the screen."""
        self.canvas.finish()
        self.selection.set([id])
        item = self.canvas.node_items[id]
        if centre:
            self.look_at(*item.box.centre)
        else:
            self.ensureVisible(QRectF(item.x(), item.y(), item.width, item.height), 40, 40)
            self.moved.emit()
        self.show_problems(id)

    def toggle_minimap(self) -> None:
        """Show the minimap, or hide it."""
        self._wants_minimap = not self._wants_minimap
        self._show_note()

    @property
    def status(self) -> str:
        """Nodes, parameters and cost in a line."""
        return self._status

    def _show_note(self, *_: object) -> None:
        is_empty = not self.document.nodes
        self.note.setVisible(is_empty)
        self.minimap.setVisible(self._wants_minimap and not is_empty)

    def _count(self) -> None:
        inference = self.document.inference
        text = wording.summary(len(self.document.nodes), inference.parameter_count, inference.flops)
        self._show_note()
        if text != self._status:
            self._status = text
            self.status_changed.emit(text)

    def _start_anew(self) -> None:
        self.cancel()
        self.popover.close_popover()
        self.search.close_search()
        self.chosen_wire = self._hovered_wire = self._hovered_node = self._glowing = None
        self._needs_fit = True
        self._fit_once()
        self._count()

    def _show_inference(self, ids: set[str]) -> None:
        self._count()
        if self.popover.node in ids:
            self.show_problems(self.popover.node)
        if self.selection.current in ids:
            self._describe()

    def _show_selection(self) -> None:
        if self.selection.ids:
            self.choose_wire(None)
        if self.popover.node not in self.selection:
            self.popover.close_popover()
        self._describe()

    def _describe(self) -> None:
        """Tell a screen reader what is selected."""
        current = self.selection.current
        text = self.accessible_name(current) if current in self.document.nodes else ""
        if text == self.accessibleDescription():
            return
        self.setAccessibleDescription(text)
        if text and QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))

    def choose_wire(self, wire: Wire | None) -> None:
        """Mark a wire as the one that Del removes."""
        for old, state in ((self.chosen_wire, "normal"), (wire, "chosen")):
            if old in self.canvas.edge_items:
                self.canvas.edge_items[old].set_state(state)
        self.chosen_wire = wire

    def _forget_wire(self, wire: Wire) -> None:
        if wire == self.chosen_wire:
            self.chosen_wire = None

    def show_problems(self, id: str) -> None:
        """Tell what is wrong with a node, if anything is."""
        self.canvas.finish()
        problems = self.document.result(id).problems if id in self.document.nodes else ()
        if problems:
            self.popover.show_problems(id, problems, self._place_of(id))
        else:
            self.popover.close_popover()

    def cover(self, pixels: int) -> None:
        """So much of the canvas's foot has something over it: what is wrong with a node is told above that."""
        self.popover.covered = pixels
        self._follow_popover()

    def _follow_popover(self) -> None:
        if self.popover.isVisible() and self.popover.node in self.canvas.node_items:
            self.popover.follow(self._place_of(self.popover.node))

    def _place_of(self, id: str) -> QRect:
        box = self.canvas.node_items[id].box
        return QRect(self.mapFromScene(box.left, box.top), self.mapFromScene(box.right, box.bottom))

    def show_hint(self, text: str, point: QPointF, stays: bool = False) -> None:
        """A sentence beside a place of the scene; "" takes it away."""
        self.hint.tell(text, self.mapFromScene(point), stays)

    def edit_title(self, id: str) -> None:
        """Open a field upon the node's title."""
        self.canvas.finish()
        item = self.canvas.node_items[id]
        rect = QRect(
            self.mapFromScene(item.x(), item.y()), self.mapFromScene(item.box.right, item.y() + geometry.HEADER)
        )

        def rename(title: str) -> None:
            if id in self.document.nodes:  # it may have gone while the field was open
                self.attempt(self.document.rename, id, title)

        TitleEditor(self, rect, item.card.title, rename)

    # Keys

    def event(self, event: QEvent) -> bool:
        is_tab = event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Tab and not event.modifiers()
        if is_tab:  # Shift+Tab still leaves the canvas
            self.search_layer()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, held = Qt.Key(event.key()), event.modifiers()
        if key == Qt.Key.Key_Escape:
            self._escape()
        elif key in ARROWS and held & CTRL:
            dx, dy = ARROWS[key]
            self.nudge(dx * NUDGE, dy * NUDGE)
        elif key in ARROWS and not held & (ALT | SHIFT):
            self.walk(key)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.edit_parameters()
        elif key == Qt.Key.Key_Space:
            self._has_space = True
            self.viewport().setCursor(Qt.CursorShape.OpenHandCursor)
        else:
            event.ignore()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._has_space = False
            self.viewport().unsetCursor()
        super().keyReleaseEvent(event)

    def _escape(self) -> None:
        if self.interaction is not None:
            self.cancel()
        elif self.popover.isVisible():
            self.popover.close_popover()
        else:
            self.selection.clear()
            self.choose_wire(None)


__all__ = ["LAYER_MIME", "CanvasView"]
