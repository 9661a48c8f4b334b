"""One class per gesture of the mouse: begun on press, ended on release, dropped by Esc without a trace.

An interaction moves items only; on release it calls the one gesture of the document that the person meant.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from msgspec.structs import replace
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsPathItem

from engine.graph.spec import Wire
from gui.canvas import fitting, geometry
from gui.canvas.edge_item import painter_path
from gui.canvas.navigation import ALT, SHIFT
from gui.canvas.scene import Port
from gui.i18n import tr
from gui.theme import theme

if TYPE_CHECKING:
    from gui.canvas.view import CanvasView

SLICE = 0.005
"""Seconds in one go for holding ports against a wire while it is dragged."""


class Interaction:
    """A gesture under way; points are in the scene."""

    def __init__(self, view: CanvasView):
        self.view, self.scene, self.document = view, view.canvas, view.document

    def move(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        """The mouse is there now."""

    def release(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        """The button was let go: do it."""

    def cancel(self) -> None:
        """Leave everything as it was."""


class Pan(Interaction):
    """Middle-drag or Space-drag: the paper under the hand."""

    def __init__(self, view: CanvasView, at: QPoint):
        super().__init__(view)
        self._last = at
        view.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)

    def move_to(self, at: QPoint) -> None:
        """The mouse is at this place of the viewport."""
        self.view.pan_by(at - self._last)
        self._last = at

    def release(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        self.cancel()

    def cancel(self) -> None:
        self.view.viewport().unsetCursor()


class BoxSelect(Interaction):
    """Drag on empty space: whatever the box touches; with Shift or Ctrl besides what is selected."""

    def __init__(self, view: CanvasView, start: QPointF, keep: tuple[str, ...], before: tuple[str, ...]):
        super().__init__(view)
        self._start, self._keep, self._before = start, keep, before
        self._frame = drawing(view, "accent", fill=0.12)
        view.selection.set(keep)

    def move(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        rect = QRectF(self._start, point).normalized()
        path = QPainterPath()
        path.addRect(rect)
        self._frame.setPath(path)
        inside = [
            id
            for id, item in self.scene.node_items.items()
            if rect.intersects(QRectF(item.x(), item.y(), item.width, item.height))
        ]
        self.view.selection.set((*self._keep, *inside))

    def release(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        self.scene.removeItem(self._frame)

    def cancel(self) -> None:
        self.scene.removeItem(self._frame)
        self.view.selection.set(self._before)


class MoveNodes(Interaction):
    """Drag nodes: they snap to their neighbours, Shift to the grid; one held over a wire is spliced into it."""

    def __init__(self, view: CanvasView, start: QPointF, grabbed: str):
        super().__init__(view)
        self._start, self._grabbed = start, grabbed
        self._starts = {id: (item.x(), item.y()) for id in view.selection.ids for item in [self.scene.node_items[id]]}
        shown = view.visible_rect()
        self._others = [
            item.box
            for id, item in self.scene.node_items.items()
            if id not in self._starts and shown.intersects(QRectF(item.x(), item.y(), item.width, item.height))
        ]
        self._guides = drawing(view, "accent")
        self._wire: Wire | None = None
        self._places = dict(self._starts)
        self._can_splice = len(self._starts) == 1 and fitting.can_splice(self.document, grabbed)

    def move(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        dx, dy = point.x() - self._start.x(), point.y() - self._start.y()
        x, y = self._starts[self._grabbed]
        item = self.scene.node_items[self._grabbed]
        box = geometry.Box(x + dx, y + dy, x + dx + item.width, y + dy + item.height)
        if modifiers & SHIFT:
            snap = geometry.snap_to_grid(box)
        else:
            snap = geometry.snap(box, self._others, geometry.SNAP / self.view.zoom)
        self._places = {id: (sx + dx + snap.dx, sy + dy + snap.dy) for id, (sx, sy) in self._starts.items()}
        self.scene.place(self._places)
        self._show_guides(snap)
        wire = None
        if self._can_splice and not modifiers & ALT:
            wire = self.view.wire_under(box.moved(snap.dx, snap.dy))
        self._wire = self.view.glow(wire)

    def _show_guides(self, snap: geometry.Snap) -> None:
        shown, path = self.view.visible_rect(), QPainterPath()
        for axis, at in snap.guides:
            path.moveTo(*((at, shown.top()) if axis == "x" else (shown.left(), at)))
            path.lineTo(*((at, shown.bottom()) if axis == "x" else (shown.right(), at)))
        if path != self._guides.path():
            self._guides.setPath(path)

    def release(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        self.scene.removeItem(self._guides)
        self.view.glow(None)
        if self._wire is not None:
            self.view.attempt(self.document.splice, self._grabbed, self._wire, self._places[self._grabbed])
        elif self._places != self._starts:
            self.document.move(self._places)

    def cancel(self) -> None:
        self.scene.removeItem(self._guides)
        self.view.glow(None)
        self.scene.place(self._starts)


class DragWire(Interaction):
    """Drag from a port: fitting ports light up, the others dim and say why.

    `taken` is the wire pulled off an input; it is gone unless it lands again.
    """

    def __init__(self, view: CanvasView, origin: Port, taken: Wire | None = None):
        super().__init__(view)
        self.origin, self._taken = origin, taken
        self._curve = drawing(view, "accent")
        self._reasons: dict[Port, str] = {}
        self._waiting = [port for port in _ports(view) if port.side != origin.side and port.node != origin.node]
        start = self.scene.port_centre(origin)
        self._waiting.sort(key=lambda port: -_distance(self.scene.port_centre(port), start))
        self._hovered: Port | None = None
        if taken is not None:
            self.scene.edge_items[taken].set_state("hidden")
        self._timer = QTimer(view, interval=0)
        self._timer.timeout.connect(self._judge)
        self._judge()
        self._timer.start()

    def move(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        port = self.scene.port_at(point, self.view.port_reach)
        self._hovered = port if port is not None and port.side != self.origin.side else None
        end = point if self._hovered is None else self.scene.port_centre(self._hovered)
        start = self.scene.port_centre(self.origin)
        ends = (start, end) if self.origin.side == "out" else (end, start)
        self._curve.setPath(painter_path(geometry.wire_curves(ends[0].toTuple(), ends[1].toTuple())))
        reason = "" if self._hovered is None else self._reason(self._hovered)
        self.view.show_hint(reason, point)
        self._show()

    def release(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        port = self.scene.port_at(point, self.view.port_reach)
        if port is None or port.side == self.origin.side:
            node = self.scene.node_at(point)
            if node is not None:
                self._release_on_body(node, point)
                return
            self._clear()
            self._release_on_nothing(point)
            return
        self._clear()
        self._connect(port)

    def cancel(self) -> None:
        self._clear()

    def _release_on_body(self, node: str, point: QPointF) -> None:
        port = self._free_port(node)
        self._clear()
        if port is not None:
            self._connect(port)
        elif node != self.origin.node:
            self.view.show_hint(self._why_not(node), point, stays=True)

    def _release_on_nothing(self, point: QPointF) -> None:
        if self._taken is not None:
            self.document.disconnect([self._taken])
        else:
            self.view.search_layer_for(self.origin, point)

    def _connect(self, port: Port) -> None:
        output, target = (self.origin, port) if self.origin.side == "out" else (port, self.origin)
        wire = Wire(output.node, target.node, output.name, target.name)
        if wire == self._taken:
            return
        if self._taken is not None:
            self.view.attempt(self.document.rewire, [self._taken], [wire])
        else:
            self.view.attempt(self.document.connect, output.node, output.name, target.node, target.name)

    def _reason(self, port: Port) -> str:
        if port not in self._reasons:
            if port.node == self.origin.node:
                self._reasons[port] = tr("A layer cannot feed itself.")
            else:
                output, target = (self.origin, port) if self.origin.side == "out" else (port, self.origin)
                self._reasons[port] = self.document.fits(output.node, output.name, target.node, target.name)
        return self._reasons[port]

    def _free_port(self, node: str) -> Port | None:
        """The first port that fits and has no wire; a port with a wire where there is no other."""
        ports = [p for p in _ports_of(self.view, node) if p.side != self.origin.side and not self._reason(p)]
        is_free = {p: p.side == "out" or self.document.wire_into(p.node, p.name) in (None, self._taken) for p in ports}
        return next((p for p in ports if is_free[p]), ports[0] if ports else None)

    def _why_not(self, node: str) -> str:
        ports = [p for p in _ports_of(self.view, node) if p.side != self.origin.side]
        return next((self._reason(p) for p in ports if self._reason(p)), tr("It has no port for this end of a wire."))

    def _judge(self) -> None:
        end = perf_counter() + SLICE
        while self._waiting and perf_counter() < end:
            self._reason(self._waiting.pop())
        self._show()
        if not self._waiting:
            self._timer.stop()

    def _show(self) -> None:
        states: dict[str, dict] = {}
        for port, reason in self._reasons.items():
            state = "unfit" if reason else "hover" if port == self._hovered else "fits"
            states.setdefault(port.node, {})[port.side, port.name] = state
        for id, node_states in states.items():
            if id in self.scene.node_items:
                self.scene.node_items[id].set_port_states(node_states)

    def _clear(self) -> None:
        self._timer.stop()
        self._timer.deleteLater()
        self.scene.removeItem(self._curve)
        self.view.show_hint("", QPointF())
        for id in {port.node for port in self._reasons}:
            if id in self.scene.node_items:
                self.scene.node_items[id].set_port_states({})
        _show_plainly(self, [self._taken] if self._taken else [])


class MoveWires(Interaction):
    """Ctrl-drag at an output: all its wires go over to another output."""

    def __init__(self, view: CanvasView, origin: Port):
        super().__init__(view)
        self.origin = origin
        self._wires = [w for w in self.document.wires if (w.source, w.source_port) == (origin.node, origin.name)]
        self._curves = drawing(view, "accent")
        for wire in self._wires:
            self.scene.edge_items[wire].set_state("hidden")

    def move(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        path = QPainterPath()
        for wire in self._wires:
            end = self.scene.port_centre(Port(wire.target, "in", wire.target_port))
            path.addPath(painter_path(geometry.wire_curves(point.toTuple(), end.toTuple())))
        self._curves.setPath(path)

    def release(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        self.cancel()
        port = self.scene.port_at(point, self.view.port_reach)
        if port is None or port.side == "in":
            node = self.scene.node_at(point)
            outputs = [p for p in _ports_of(self.view, node) if p.side == "out"] if node else []
            port = outputs[0] if outputs else None
        if port is None or port == self.origin:
            return
        new = [replace(wire, source=port.node, source_port=port.name) for wire in self._wires]
        self.view.attempt(self.document.rewire, self._wires, new)

    def cancel(self) -> None:
        self.scene.removeItem(self._curves)
        _show_plainly(self, self._wires)


class Knife(Interaction):
    """Ctrl+right-drag: cuts the wires that it crosses."""

    def __init__(self, view: CanvasView, start: QPointF):
        super().__init__(view)
        self._line = [start.toTuple()]
        self._trace = drawing(view, "bad", dashed=True)
        self._cut: list[Wire] = []

    def move(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        self._line.append(point.toTuple())
        path = QPainterPath(QPointF(*self._line[0]))
        for x, y in self._line[1:]:
            path.lineTo(x, y)
        self._trace.setPath(path)
        for wire in self.scene.wires_cut_by(self._line[-2:]):
            if wire not in self._cut:
                self._cut.append(wire)
                self.scene.edge_items[wire].set_state("cut")

    def release(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        self.move(point, modifiers)
        self.cancel()
        if self._cut:
            self.document.disconnect(self._cut)

    def cancel(self) -> None:
        self.scene.removeItem(self._trace)
        _show_plainly(self, self._cut)


def _show_plainly(interaction: Interaction, wires: list[Wire]) -> None:
    """Wires look as ever again, those that are still there."""
    for wire in wires:
        if wire in interaction.scene.edge_items:
            interaction.scene.edge_items[wire].set_state("normal")


def drawing(view: CanvasView, token: str, fill: float = 0.0, dashed: bool = False) -> QGraphicsPathItem:
    """A line over everything, gone with the gesture."""
    item = QGraphicsPathItem()
    pen = QPen(theme.color(token), 2 if not fill else 1)
    pen.setCosmetic(True)
    if dashed:
        pen.setStyle(Qt.PenStyle.DashLine)
    item.setPen(pen)
    if fill:
        colour = QColor(theme.color(token))
        colour.setAlphaF(fill)
        item.setBrush(colour)
    item.setZValue(9)
    item.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
    view.canvas.addItem(item)
    return item


def _ports_of(view: CanvasView, id: str) -> list[Port]:
    return [Port(id, side, name) for side, name, _ in view.canvas.node_items[id].ports()]


def _ports(view: CanvasView) -> list[Port]:
    """The ports on the screen."""
    shown = view.visible_rect()
    return [
        port
        for id, item in view.canvas.node_items.items()
        if shown.intersects(item.mapRectToScene(item.boundingRect()))
        for port in _ports_of(view, id)
    ]


def _distance(one: QPointF, other: QPointF) -> float:
    return (one - other).manhattanLength()
