"""What the mouse does: begins gestures, clicks, hovers, drops."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent, QMouseEvent, QPainterPath
from PySide6.QtWidgets import QGraphicsPathItem, QWidget

from engine.graph import catalogue
from engine.graph.spec import Wire
from gui.canvas import geometry, interactions, wording
from gui.canvas.editing import Editing
from gui.canvas.interactions import Interaction
from gui.canvas.navigation import ALT, CTRL, SHIFT
from gui.canvas.scene import Port
from gui.document import clipboard
from gui.document.document import Document
from gui.document.selection import Selection
from gui.i18n import tr

LAYER_MIME = "application/x-layerloom-layer"
DRAG_FROM = 4
"""Pixels that the mouse must go before a press becomes a drag."""
RIM, RIM_STEP = 20, 12
"""Something dragged this near to the rim pans the canvas, by so many pixels each time."""
PORTS_FROM = 0.3
"""From this zoom on wires can be drawn: farther away a press means the node."""


class Pointing(Editing):
    """Turns presses, moves and drops into interactions and gestures; `popover`, `hint` come from CanvasView."""

    def __init__(self, document: Document, selection: Selection, parent: QWidget | None = None):
        super().__init__(document, selection, parent)
        self.interaction: Interaction | None = None
        self._begin: Callable[[], Interaction] | None = None
        self._click: Callable[[], None] | None = None
        self._pressed_at = QPoint()
        self._has_space = False
        self._glowing: Wire | None = None
        self._hovered_wire: Wire | None = None
        self._hovered_node: str | None = None
        self._ghost: QGraphicsPathItem | None = None
        self._at_edge = QPoint(), Qt.KeyboardModifier.NoModifier
        self._edge = QTimer(self, interval=16)
        self._edge.timeout.connect(self._pan_at_edge)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place, point, held = event.position().toPoint(), self.mapToScene(event.position().toPoint()), event.modifiers()
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.cancel()
        self.stop_gliding()
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
        elif port is not None and self.zoom >= PORTS_FROM:
            self._begin = lambda: self._drag_from(port, held)
            self._click = lambda: self._click_node(port.node, held, was_selected=port.node in self.selection)
        elif node is not None:
            self._press_node(node, point, held)
        else:
            self._press_ground(point, held)

    def _drag_from(self, port: Port, held: Qt.KeyboardModifier) -> Interaction:
        taken = self.document.wire_into(port.node, port.name) if port.side == "in" else None
        if taken is not None:
            return interactions.DragWire(self, Port(taken.source, "out", taken.source_port), taken)
        leaving = [w for w in self.document.wires_of(port.node) if w.source == port.node]
        if port.side == "out" and held & CTRL and leaving:
            return interactions.MoveWires(self, port)
        return interactions.DragWire(self, port)

    def _press_node(self, id: str, point: QPointF, held: Qt.KeyboardModifier) -> None:
        """Selected at once, so that it can be dragged; taken out of the selection only by a click."""
        was_selected = id in self.selection
        if not was_selected:
            self.selection.add([id]) if held & (SHIFT | CTRL) else self.selection.set([id])
        self._begin = lambda: interactions.MoveNodes(self, point, id)
        self._click = lambda: self._click_node(id, held, was_selected)

    def _click_node(self, id: str, held: Qt.KeyboardModifier, was_selected: bool) -> None:
        if not held & (SHIFT | CTRL):
            self.selection.set([id])
        elif was_selected:
            self.selection.toggle(id)
        else:
            self.selection.add([id])
        self.show_problems(id)

    def _press_ground(self, point: QPointF, held: Qt.KeyboardModifier) -> None:
        before = self.selection.ids
        keep = before if held & (SHIFT | CTRL) else ()
        self.selection.set(keep)
        self.choose_wire(self.canvas.wire_at(point, self.wire_reach))
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
            self._at_edge = place, event.modifiers()
            if self._edge_step(place).isNull():
                self._edge.stop()
            elif not self._edge.isActive():
                self._edge.start()
        elif not event.buttons():
            self._hover(self.mapToScene(place))
        event.accept()

    def _edge_step(self, place: QPoint) -> QPoint:
        """How far to shift the paper each time while something is dragged to the rim."""
        inner = self.viewport().rect().adjusted(RIM, RIM, -RIM, -RIM)
        across = (place.x() < inner.left()) - (place.x() > inner.right())
        down = (place.y() < inner.top()) - (place.y() > inner.bottom())
        return QPoint(across, down) * RIM_STEP

    def _pan_at_edge(self) -> None:
        if self.interaction is None:
            self._edge.stop()
            return
        place, held = self._at_edge
        self.pan_by(self._edge_step(place))
        self.interaction.move(self.mapToScene(place), held)

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
        wire = self.canvas.wire_at(point, self.wire_reach) if node is None else None
        if wire is not None:
            self.choose_wire(wire)
            self.insert_on_chosen_wire()
        elif node is None:
            self.search_layer(place)
        elif point.y() - self.canvas.node_items[node].y() <= geometry.HEADER:
            self.edit_title(node)
        else:
            self.edit_requested.emit(node)
        event.accept()

    def cancel(self, *_: object) -> None:
        """Drop the gesture under way."""
        interaction, self.interaction = self.interaction, None
        self._begin = self._click = None
        if interaction is not None:
            interaction.cancel()

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
        wire = self.canvas.wire_at(point, self.wire_reach) if nothing_near else None
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

    def viewportEvent(self, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.Leave:
            self._hover(None)
        elif kind == QEvent.Type.NativeGesture and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            self.zoom_at(event.position().toPoint(), 1 + event.value())
            return True
        return super().viewportEvent(event)

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
