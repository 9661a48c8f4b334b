"""The canvas: shows the network and turns mouse, keys and drops into gestures of the document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from math import ceil, floor

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QAction,
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPainterPath,
    QPolygonF,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QGraphicsPathItem, QGraphicsView, QMenu, QWidget

from engine.graph import catalogue
from engine.graph.spec import Wire
from gui.canvas import geometry, interactions, wording
from gui.canvas.commands import COMMANDS, MENUS, WITHOUT_KEY, text_of
from gui.canvas.editing import Editing
from gui.canvas.interactions import ALT, CTRL, SHIFT, Interaction
from gui.canvas.minimap import Minimap
from gui.canvas.node_item import PLAIN_BELOW, NodeItem
from gui.canvas.overlays import EmptyNote, Hint, TitleEditor
from gui.canvas.popover import Popover
from gui.canvas.scene import CanvasScene, Port
from gui.canvas.search import SearchPopup
from gui.document import clipboard
from gui.document.document import Document
from gui.document.selection import Selection
from gui.i18n import tr
from gui.theme import theme

LAYER_MIME = "application/x-layerloom-layer"
SMALLEST, LARGEST = 0.1, 3.0
DRAG_FROM = 4
"""Pixels that the mouse must go before a press becomes a drag."""
NUDGE = 10.0
DOTS = 16
"""Points of the grid that are drawn in one go, to a side."""
MANY = 40
"""With more nodes than these on the screen, zooming draws them plainly until it rests."""
REST_MS = 140
ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


@cache
def _dots() -> QPolygonF:
    """A square piece of the grid."""
    steps = [step * geometry.GRID for step in range(DOTS)]
    return QPolygonF([QPointF(x, y) for x in steps for y in steps])


class CanvasView(Editing):
    """The network of a document, with a selection that other views share."""

    status_changed = Signal(str)
    moved = Signal()
    """Another part of the scene is on the screen, or another zoom."""

    def __init__(self, document: Document, selection: Selection, parent: QWidget | None = None):
        super().__init__(parent)
        self.document, self.selection = document, selection
        self.canvas = CanvasScene(document, selection, self)
        self.setScene(self.canvas)
        self.setObjectName("canvas")
        self.setAccessibleName(tr("Network"))
        self._set_up_view()
        self.interaction: Interaction | None = None
        self._begin: Callable[[], Interaction] | None = None
        self._click: Callable[[], None] | None = None
        self._pressed_at = QPoint()
        self._has_space = False
        self._glowing: Wire | None = None
        self._hovered_wire: Wire | None = None
        self._hovered_node: str | None = None
        self._ghost: QGraphicsPathItem | None = None
        self._status = ""
        self.search = SearchPopup(self)  # what lies over the canvas is the view's child: the viewport's would scroll
        self.search.closed.connect(self.setFocus)
        self.popover = Popover(self, self.apply_fix)
        self.hint = Hint(self)
        self.note = EmptyNote(self)
        self.minimap = Minimap(self)
        self.menu: QMenu | None = None
        self.actions_by_id: dict[str, QAction] = {}
        self._make_actions()
        self._rest = QTimer(self, interval=REST_MS, singleShot=True)
        self._rest.timeout.connect(self.canvas.refine)
        document.was_reset.connect(self._start_anew)
        document.inference_changed.connect(self._show_inference)
        document.node_added.connect(self._show_note)
        document.node_removed.connect(self._show_note)
        document.wire_removed.connect(self._forget_wire)
        selection.changed.connect(self._show_selection)
        theme.changed.connect(self.viewport().update)
        self._count()

    def _set_up_view(self) -> None:
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.SmartViewportUpdate)
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontSavePainterState)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self._needs_fit = True

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
        self.menu.popup(at)

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

    # What is on the screen

    @property
    def zoom(self) -> float:
        """Pixels on the screen for one of the scene."""
        return self.transform().m11()

    @property
    def port_reach(self) -> float:
        """How far from a port the mouse still means it: 12 pixels on the screen, or of the scene when near."""
        return geometry.TARGET / 2 / min(1.0, self.zoom)

    def visible_rect(self) -> QRectF:
        """The part of the scene on the screen."""
        return self.mapToScene(self.viewport().rect()).boundingRect()

    def zoom_at(self, place: QPoint, factor: float) -> None:
        """Zoom so that what is under `place` of the viewport stays there."""
        point = self.mapToScene(place)
        self._set_zoom(min(LARGEST, max(SMALLEST, self.zoom * factor)))
        self.pan_by(place - self.mapFromScene(point))

    def _set_zoom(self, zoom: float) -> None:
        self.resetTransform()
        self.scale(zoom, zoom)
        self.setRenderHint(QPainter.RenderHint.Antialiasing, zoom >= PLAIN_BELOW)
        shown = self.canvas.items(self.visible_rect(), Qt.ItemSelectionMode.IntersectsItemBoundingRect)
        nodes = [item.id for item in shown if isinstance(item, NodeItem)]
        if len(nodes) > MANY and zoom >= PLAIN_BELOW:
            self.canvas.coarsen(nodes)
            self._rest.start()

    def zoom_in(self) -> None:
        """Nearer."""
        self.zoom_at(self.viewport().rect().center(), 1.25)

    def zoom_out(self) -> None:
        """Farther."""
        self.zoom_at(self.viewport().rect().center(), 0.8)

    def zoom_reset(self) -> None:
        """One pixel for one."""
        self.zoom_at(self.viewport().rect().center(), 1 / self.zoom)

    def pan_by(self, delta: QPoint) -> None:
        """Shift the paper by pixels of the screen."""
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        across.setValue(across.value() - delta.x())
        down.setValue(down.value() - delta.y())
        self._follow_popover()
        self.moved.emit()

    def fit_all(self) -> None:
        """Show the whole network."""
        self.show_rect(self.canvas.bounds())

    def fit_selection(self) -> None:
        """Show the selected nodes, or all where none is."""
        self.canvas.finish()
        self.show_rect(self.canvas.bounds(self.selection.ids or None))

    def fit_all_later(self) -> None:
        """Show where the whole network will stand when its nodes have glided there."""
        sizes, rect = self.canvas.sizes(), QRectF()
        for node in self.document.nodes.values():
            rect = rect.united(QRectF(node.x, node.y, *sizes[node.id]))
        self.show_rect(rect)

    def show_rect(self, rect: QRectF) -> None:
        """Show a part of the scene, no nearer than one to one."""
        self._needs_fit = False
        room = self.viewport().rect().adjusted(40, 40, -40, -40)
        zoom = 1.0
        if not rect.isEmpty() and room.width() > 0 and room.height() > 0:
            zoom = min(1.0, room.width() / rect.width(), room.height() / rect.height())
        self._set_zoom(max(SMALLEST, zoom))
        self.centerOn(rect.center())
        self._follow_popover()
        self.moved.emit()

    def go_to(self, id: str, centre: bool = True) -> None:
        """Select a node and bring it on the screen."""
        self.canvas.finish()
        self.selection.set([id])
        item = self.canvas.node_items[id]
        if centre:
            self.centerOn(QPointF(*item.box.centre))
        else:
            self.ensureVisible(QRectF(item.x(), item.y(), item.width, item.height), 40, 40)
        self.moved.emit()
        self.show_problems(id)

    def toggle_minimap(self) -> None:
        """Show the minimap, or hide it."""
        self.minimap.setVisible(self.minimap.isHidden())

    def drawBackground(self, painter: QPainter, rect: QRectF) -> None:
        painter.fillRect(rect, theme.color("background"))
        if self.zoom < PLAIN_BELOW:
            return
        painter.setPen(theme.color("line"))
        side = DOTS * geometry.GRID
        for x in range(floor(rect.left() / side), ceil(rect.right() / side)):
            for y in range(floor(rect.top() / side), ceil(rect.bottom() / side)):
                painter.drawPoints(_dots().translated(x * side, y * side))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.note.settle()
        self._fit_once()
        self.moved.emit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.note.settle()
        self._fit_once()

    def _fit_once(self) -> None:
        if self._needs_fit and self.isVisible():
            self.fit_all_later() if self.canvas.is_populated else self._fit_when_populated()

    def _fit_when_populated(self) -> None:
        self.canvas.populated.connect(self._fit_once, Qt.ConnectionType.SingleShotConnection)

    # What the document says

    @property
    def status(self) -> str:
        """Nodes, parameters and cost in a line."""
        return self._status

    def _show_note(self, *_: object) -> None:
        self.note.setVisible(not self.document.nodes)

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

    def _follow_popover(self) -> None:
        if self.popover.isVisible() and self.popover.node in self.canvas.node_items:
            self.popover.follow(self._place_of(self.popover.node))

    def _place_of(self, id: str) -> QRect:
        box = self.canvas.node_items[id].box
        return QRect(self.mapFromScene(box.left, box.top), self.mapFromScene(box.right, box.bottom))

    def show_hint(self, text: str, point: QPointF, stays: bool = False) -> None:
        """A sentence beside a place of the scene; "" takes it away."""
        self.hint.tell(text, self.mapFromScene(point), stays)

    def glow(self, wire: Wire | None) -> Wire | None:
        """Let a wire glow that would take what is held over it; returns it."""
        if wire != self._glowing:
            for edge, state in ((self._glowing, "normal"), (wire, "glow")):
                if edge in self.canvas.edge_items:
                    self.canvas.edge_items[edge].set_state(state)
            self._glowing = wire
        return wire

    def wire_under(self, box: geometry.Box) -> Wire | None:
        """The wire that passes behind the middle of a box."""
        return self.canvas.wire_at(QPointF(*box.centre), reach=box.height / 2)

    def edit_title(self, id: str) -> None:
        """Open a field upon the node's title."""
        self.canvas.finish()
        item = self.canvas.node_items[id]
        rect = QRect(
            self.mapFromScene(item.x(), item.y()), self.mapFromScene(item.box.right, item.y() + geometry.HEADER)
        )
        TitleEditor(self, rect, item.card.title, lambda title: self.document.rename(id, title))

    # Mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place, point, held = event.position().toPoint(), self.mapToScene(event.position().toPoint()), event.modifiers()
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.cancel()
        self.search.close_search()
        self._pressed_at = place
        button = event.button()
        if button == Qt.MouseButton.MiddleButton or (button == Qt.MouseButton.LeftButton and self._has_space):
            self.interaction = interactions.Pan(self, place)
        elif button == Qt.MouseButton.RightButton and held & CTRL:
            self._begin = lambda: interactions.Knife(self, point)
        elif button == Qt.MouseButton.LeftButton:
            self._press(point, held)
        event.accept()

    def _press(self, point: QPointF, held: Qt.KeyboardModifier) -> None:
        badge = self.canvas.badge_at(point)
        port = self.canvas.port_at(point, self.port_reach)
        node = self.canvas.node_at(point)
        self.popover.close_popover()
        if badge is not None:
            self._click = lambda: self.show_problems(badge)
        elif port is not None and self.zoom >= 0.3:
            self._begin = lambda: self._drag_from(port, held)
            self._click = (lambda: self._press_node(port.node, point, SHIFT & ~SHIFT)) if node is None else None
            if node is not None:
                self._press_node(node, point, held, drags=False)
        elif node is not None:
            self._press_node(node, point, held)
        else:
            self._press_ground(point, held)

    def _drag_from(self, port: Port, held: Qt.KeyboardModifier) -> Interaction:
        taken = self.document.wire_into(port.node, port.name) if port.side == "in" else None
        if taken is not None:
            return interactions.DragWire(self, Port(taken.source, "out", taken.source_port), taken)
        if port.side == "out" and held & CTRL:
            return interactions.MoveWires(self, port)
        return interactions.DragWire(self, port)

    def _press_node(self, id: str, point: QPointF, held: Qt.KeyboardModifier, drags: bool = True) -> None:
        adds = bool(held & (SHIFT | CTRL))
        was_selected = id in self.selection
        if not was_selected:
            self.selection.add([id]) if adds else self.selection.set([id])

        def click() -> None:
            if was_selected:
                self.selection.toggle(id) if adds else self.selection.set([id])
            self.show_problems(id)

        self._click = click
        if drags:
            self._begin = lambda: interactions.MoveNodes(self, point, id)

    def _press_ground(self, point: QPointF, held: Qt.KeyboardModifier) -> None:
        before = self.selection.ids
        keep = before if held & (SHIFT | CTRL) else ()
        self.selection.set(keep)
        self.choose_wire(self.canvas.wire_at(point, 7 / min(1.0, self.zoom)))
        self._begin = lambda: interactions.BoxSelect(self, point, keep, before)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = event.position().toPoint()
        if self._begin is not None and (place - self._pressed_at).manhattanLength() >= DRAG_FROM:
            begin, self._begin, self._click = self._begin, None, None
            self._hover(None)
            self.canvas.finish()
            self.popover.close_popover()
            self.interaction = begin()
        if isinstance(self.interaction, interactions.Pan):
            self.interaction.move_to(place)
        elif self.interaction is not None:
            self.interaction.move(self.mapToScene(place), event.modifiers())
        elif not event.buttons():
            self._hover(self.mapToScene(place))
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        interaction, click = self.interaction, self._click
        self.interaction = self._begin = self._click = None
        if interaction is not None:
            interaction.release(self.mapToScene(event.position().toPoint()), event.modifiers())
        elif click is not None:
            click()
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        place = event.position().toPoint()
        point = self.mapToScene(place)
        node = self.canvas.node_at(point)
        self.cancel()
        if node is None:
            self.search_layer(place)
        elif point.y() - self.canvas.node_items[node].y() <= geometry.HEADER:
            self.edit_title(node)
        else:
            self.edit_requested.emit(node)
        event.accept()

    def _hover(self, point: QPointF | None) -> None:
        """Show what is under the mouse: the port that a drag would start from, the wire and its shape, the badge."""
        port = self.canvas.port_at(point, self.port_reach) if point is not None else None
        if self._hovered_node in self.canvas.node_items and (port is None or port.node != self._hovered_node):
            self.canvas.node_items[self._hovered_node].set_port_states({})
            self.hint.tell("", QPoint())
        self._hovered_node = port.node if port else None
        if port is not None:
            self.canvas.node_items[port.node].set_port_states({(port.side, port.name): "hover"})
            self.show_hint(self._port_text(port), self.canvas.port_centre(port))
        nothing_near = point is not None and port is None and self.canvas.node_at(point) is None
        wire = self.canvas.wire_at(point, 7 / min(1.0, self.zoom)) if nothing_near else None
        if wire != self._hovered_wire:
            for edge, state in ((self._hovered_wire, "normal"), (wire, "hover")):
                if edge in self.canvas.edge_items and edge != self.chosen_wire:
                    self.canvas.edge_items[edge].set_state(state)
            self._hovered_wire = wire
            self.canvas.shape_label.tell(self.canvas.edge_items.get(wire))
        badge = self.canvas.badge_at(point) if point is not None else None
        if badge is not None and self.popover.node != badge:
            self.show_problems(badge)

    def _port_text(self, port: Port) -> str:
        result = self.document.result(port.node)
        spec = (result.inputs if port.side == "in" else result.outputs).get(port.name)
        shape = wording.shape_text(spec.shape, batch=True) if spec is not None else tr("open")
        item = self.canvas.node_items[port.node]
        several = len(item.card.inputs if port.side == "in" else item.card.outputs) > 1
        return f"{port.name}: {shape}" if several else shape

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)
        super().leaveEvent(event)

    def cancel(self) -> None:
        """Drop the gesture under way."""
        interaction, self.interaction = self.interaction, None
        self._begin = self._click = None
        if interaction is not None:
            interaction.cancel()

    def wheelEvent(self, event: QWheelEvent) -> None:
        is_trackpad = event.phase() != Qt.ScrollPhase.NoScrollPhase and not event.pixelDelta().isNull()
        if is_trackpad and not event.modifiers() & CTRL:
            self.pan_by(event.pixelDelta())
        elif event.modifiers() & SHIFT:
            self.pan_by(QPoint(event.angleDelta().y() or event.angleDelta().x(), 0))
        else:
            self.zoom_at(event.position().toPoint(), 1.0015 ** event.angleDelta().y())
        event.accept()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.NativeGesture and isinstance(event, QNativeGestureEvent):
            if event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
                self.zoom_at(event.position().toPoint(), 1 + event.value())
                return True
        elif event.type() == QEvent.Type.Leave:
            self._hover(None)
        return super().viewportEvent(event)

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

    # Drops

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self._dragged_layer(event) is not None or event.mimeData().hasFormat(clipboard.MIME):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        entry = self._dragged_layer(event)
        point = self.mapToScene(event.position().toPoint())
        box = self._box_around(point)
        self._show_ghost(box)
        can_splice = entry is not None and entry.inputs and entry.outputs and not event.modifiers() & ALT
        self.glow(self.wire_under(box) if can_splice else None)
        event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._end_drag()

    def dropEvent(self, event: QDropEvent) -> None:
        entry, wire = self._dragged_layer(event), self._glowing
        point = self.mapToScene(event.position().toPoint())
        self._end_drag()
        if entry is not None:
            self.add_layer(entry.type, point, wire)
        elif event.mimeData().hasFormat(clipboard.MIME):
            content = event.mimeData().data(clipboard.MIME).data()
            self._select_new(self.attempt(self.document.paste, content, point.x(), point.y()))
        else:
            event.ignore()
            return
        event.acceptProposedAction()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def _dragged_layer(self, event: QDropEvent) -> catalogue.Entry | None:
        """The layer that a drag from the palette brings."""
        if not event.mimeData().hasFormat(LAYER_MIME):
            return None
        name = event.mimeData().data(LAYER_MIME).data().decode("utf-8", errors="replace")
        entry = catalogue.entries().get(name)
        return entry if entry is not None and entry.kind in ("layer", "loss") else None

    def _box_around(self, point: QPointF) -> geometry.Box:
        width, height = geometry.WIDTH, geometry.HEIGHT
        return geometry.Box(0, 0, width, height).moved(point.x() - width / 2, point.y() - height / 2)

    def _show_ghost(self, box: geometry.Box) -> None:
        if self._ghost is None:
            self._ghost = interactions.drawing(self, "accent", fill=0.12, dashed=True)
        path = QPainterPath()
        path.addRoundedRect(QRectF(box.left, box.top, box.width, box.height), 8, 8)
        self._ghost.setPath(path)

    def _end_drag(self) -> None:
        self.glow(None)
        if self._ghost is not None:
            self.canvas.removeItem(self._ghost)
            self._ghost = None
