"""The items by id: the scene mirrors the document and changes nothing in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from typing import NamedTuple

from PySide6.QtCore import QEasingCurve, QObject, QPointF, QRectF, Qt, QTimer, QVariantAnimation, Signal
from PySide6.QtWidgets import QGraphicsItem, QGraphicsScene

from engine.graph.spec import Wire
from gui.canvas import geometry, wording
from gui.canvas.edge_item import EdgeItem, ShapeLabel
from gui.canvas.node_item import Card, NodeItem
from gui.document.document import Document
from gui.document.selection import Selection
from gui.theme import theme

AT_ONCE = 60
"""So many items are made or redrawn within an edit; more of them in slices, with the event loop going on."""
SLICE = 0.003
BREATH_MS = 60
"""A large network begins to come after so long: the window shows first where it will stand."""
ANIMATED = 100
"""Networks of up to so many nodes glide when they are laid out."""
EXTENT = 100_000.0


class Port(NamedTuple):
    """One end of a wire: `side` is "in" or "out"."""

    node: str
    side: str
    name: str


class CanvasScene(QGraphicsScene):
    """Nodes and wires as items; finds what lies under a point."""

    populated = Signal()
    """Everything that the document holds has its item."""

    def __init__(self, document: Document, selection: Selection, parent: QObject | None = None):
        super().__init__(parent)
        self.document, self.selection = document, selection
        self.node_items: dict[str, NodeItem] = {}
        self.edge_items: dict[Wire, EdgeItem] = {}
        self.animate_moves = False
        self._is_far = False
        self._made_now = 0
        self._beside: dict[str, set[Wire]] = {}
        self._chosen: set[str] = set()
        self._waiting: dict[object, Callable[[], None]] = {}
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._work)
        self._animation: QVariantAnimation | None = None
        self.setSceneRect(-EXTENT, -EXTENT, 2 * EXTENT, 2 * EXTENT)
        document.node_added.connect(lambda id: self._soon(id, lambda: self._add_node(id)))
        document.node_removed.connect(self._remove_node)
        document.node_changed.connect(self._refresh)
        document.nodes_moved.connect(self._follow)
        document.wire_added.connect(lambda wire: self._soon(wire, lambda: self._add_wire(wire)))
        document.wire_removed.connect(self._remove_wire)
        document.inference_changed.connect(self._refresh_many)
        document.data_changed.connect(lambda: self._refresh_many(document.nodes))
        document.was_reset.connect(self.rebuild)
        selection.changed.connect(self._show_selection)
        theme.changed.connect(self._recolour)
        self.rebuild()

    # Mirroring

    def rebuild(self) -> None:
        """Make all items anew."""
        self._waiting.clear()
        self.finish_animation()
        self.clear()
        self.node_items, self.edge_items, self._beside, self._chosen = {}, {}, {}, set()
        self.shape_label = ShapeLabel()
        self.addItem(self.shape_label)
        for id in self.document.nodes:
            self._waiting[id] = lambda id=id: self._add_node(id)
        for wire in sorted(self.document.wires):
            self._waiting[wire] = lambda wire=wire: self._add_wire(wire)
        self._begin(BREATH_MS)

    @property
    def is_populated(self) -> bool:
        """Whether no item waits to be made or redrawn."""
        return not self._waiting

    def finish(self) -> None:
        """Make every item that still waits, now."""
        self.finish_animation()
        while self._waiting:
            self._work()

    def _soon(self, key: object, work: Callable[[], None]) -> None:
        """Do it now, or in a slice where the edit under way has brought many already."""
        self._made_now += 1
        if self._made_now == 1:
            QTimer.singleShot(0, self, self._count_anew)
        if self._made_now <= AT_ONCE and not self._waiting:
            work()
        else:
            self._waiting[key] = work
            self._timer.start(0)

    def _count_anew(self) -> None:
        self._made_now = 0

    def _begin(self, after: int = 0) -> None:
        if len(self._waiting) <= AT_ONCE:
            while self._waiting:
                self._work()
            self.populated.emit()
        else:
            self._timer.start(after)

    def _work(self) -> None:
        self._timer.setInterval(0)
        end = perf_counter() + SLICE
        while self._waiting and perf_counter() < end:
            key = next(iter(self._waiting))
            self._waiting.pop(key)()
        if not self._waiting and self._timer.isActive():
            self._timer.stop()
            self.populated.emit()

    def set_far(self, far: bool) -> None:
        """Whether nodes are seen from so far away that they are plain boxes."""
        if far != self._is_far:
            self._is_far = far
            for item in self.node_items.values():
                item.set_far(far)

    def coarsen(self, ids: Iterable[str]) -> None:
        """Draw these nodes plainly, until `refine`."""
        for id in ids:
            self.node_items[id].set_coarse(True)

    def refine(self) -> None:
        """Draw in full again, a few nodes at a time."""
        for id, item in self.node_items.items():
            if item.is_coarse:
                self._waiting.setdefault(("fine", id), lambda item=item: item.set_coarse(False))
        if self._waiting:
            self._timer.start(0)

    def _add_node(self, id: str) -> None:
        node = self.document.nodes.get(id)
        if node is None or id in self.node_items:
            return
        item = NodeItem(id, self._card(id))
        item.setPos(node.x, node.y)
        item.set_far(self._is_far)
        if id in self.selection:
            item.choose(True)
            self._chosen.add(id)
        self.node_items[id] = item
        self.addItem(item)

    def _remove_node(self, id: str) -> None:
        self._waiting.pop(id, None)
        item = self.node_items.pop(id, None)
        if item is not None:
            self.removeItem(item)

    def _add_wire(self, wire: Wire) -> None:
        if wire not in self.document.wires or wire in self.edge_items:
            return
        item = EdgeItem(wire)
        self.edge_items[wire] = item
        for end in (wire.source, wire.target):
            self._add_node(end)
            self._beside.setdefault(end, set()).add(wire)
        item.label = self._wire_label(wire)
        self._run(item)
        self.addItem(item)

    def _remove_wire(self, wire: Wire) -> None:
        self._waiting.pop(wire, None)
        item = self.edge_items.pop(wire, None)
        if item is not None:
            self.removeItem(item)
            for end in (wire.source, wire.target):
                self._beside[end].discard(wire)

    def _refresh(self, id: str) -> None:
        item = self.node_items.get(id)
        if item is None or id not in self.document.nodes:
            return
        is_reshaped = item.show_card(self._card(id))
        for wire in self._beside.get(id, ()):
            if wire.source == id:
                self.edge_items[wire].label = self._wire_label(wire)
            if is_reshaped:
                self._run(self.edge_items[wire])

    def _refresh_many(self, ids: Iterable[str]) -> None:
        for id in ids:
            self._waiting.setdefault(id, lambda id=id: self._refresh(id))
        self._begin()

    def _follow(self, ids: list[str]) -> None:
        places = {id: (self.document.nodes[id].x, self.document.nodes[id].y) for id in ids}
        duration = theme.duration(160)
        if self.animate_moves and duration and len(ids) <= ANIMATED:
            self._glide(places, duration)
        else:
            self.finish_animation()
            self.place(places)

    def _glide(self, places: Mapping[str, tuple[float, float]], duration: int) -> None:
        self.finish_animation()
        starts = {id: (self.node_items[id].x(), self.node_items[id].y()) for id in places}

        def show(share: float) -> None:
            self.place(
                {
                    id: (starts[id][0] + share * (x - starts[id][0]), starts[id][1] + share * (y - starts[id][1]))
                    for id, (x, y) in places.items()
                    if id in self.node_items
                }
            )

        self._animation = QVariantAnimation(self, startValue=0.0, endValue=1.0, duration=duration)
        self._animation.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._animation.valueChanged.connect(show)
        self._animation.start()

    def finish_animation(self) -> None:
        """Put the nodes that glide where they go."""
        if self._animation is not None:
            self._animation.setCurrentTime(self._animation.duration())
            self._animation.stop()
            self._animation.deleteLater()
            self._animation = None

    def place(self, places: Mapping[str, tuple[float, float]]) -> None:
        """Draw nodes at other places, with their wires; the document is not touched."""
        wires: set[Wire] = set()
        for id, (x, y) in places.items():
            item = self.node_items.get(id)
            if item is not None:
                item.setPos(x, y)
                wires |= self._beside.get(id, set())
        for wire in wires:
            self._run(self.edge_items[wire])

    def _run(self, item: EdgeItem) -> None:
        wire = item.wire
        start = self.node_items[wire.source].port_centre("out", wire.source_port)
        end = self.node_items[wire.target].port_centre("in", wire.target_port)
        item.run(start, end)

    def _show_selection(self) -> None:
        chosen = set(self.selection.ids)
        for id in chosen ^ self._chosen:
            if id in self.node_items:
                self.node_items[id].choose(id in chosen)
        self._chosen = chosen

    def _recolour(self) -> None:
        for node in self.node_items.values():
            node.update()
        for edge in self.edge_items.values():
            edge.recolour()
            edge.update()

    # What is shown

    def _card(self, id: str) -> Card:
        document = self.document
        node, entry, result = document.nodes[id], document.entry(id), document.result(id)
        first = next(iter(result.outputs.values()), None)  # of further ones the wires tell
        severities = {problem.severity for problem in result.problems}
        return Card(
            title=node.title or entry.title,
            category=entry.category,
            line=wording.parameters_line(node, entry, result, document.project.data),
            shape=wording.shape_text(first.shape) if first is not None else "",
            count=wording.weights_text(node, result),
            inputs=entry.inputs,
            outputs=entry.outputs_of(node.params),
            severity="error" if "error" in severities else "warning" if severities else "",
            accessible_name=wording.accessible_name(node, entry, result),
            is_off=document.is_off(id),
        )

    def _wire_label(self, wire: Wire) -> str:
        spec = self.document.result(wire.source).outputs.get(wire.source_port)
        return wording.shape_text(spec.shape, batch=True) if spec is not None else ""

    # What lies where

    def _near(self, point: QPointF, reach: float) -> list[QGraphicsItem]:
        """The items whose bounds touch a square around a point, the uppermost first."""
        area = QRectF(point.x() - reach, point.y() - reach, 2 * reach, 2 * reach)
        return self.items(area, Qt.ItemSelectionMode.IntersectsItemBoundingRect)

    def node_at(self, point: QPointF) -> str | None:
        """The node whose body is there, the uppermost one."""
        x, y = point.x(), point.y()
        found = [
            item
            for item in self._near(point, 1)
            if isinstance(item, NodeItem)
            and item.box.left <= x <= item.box.right
            and item.box.top <= y <= item.box.bottom
        ]
        return found[0].id if found else None

    def badge_at(self, point: QPointF) -> str | None:
        """The node whose badge is there."""
        for item in self._near(point, 1):
            if isinstance(item, NodeItem) and item.card.severity and item.badge_rect.contains(item.mapFromScene(point)):
                return item.id
        return None

    def port_at(self, point: QPointF, reach: float = geometry.TARGET / 2) -> Port | None:
        """The nearest port within reach."""
        best, nearest = reach, None
        for item in self._near(point, reach):
            if not isinstance(item, NodeItem):
                continue
            for side, name, centre in item.ports():
                away = item.mapToScene(centre) - point
                if (length := (away.x() ** 2 + away.y() ** 2) ** 0.5) <= best:
                    best, nearest = length, Port(item.id, side, name)
        return nearest

    def wire_at(self, point: QPointF, reach: float = 7.0) -> Wire | None:
        """The nearest wire within reach."""
        best, nearest = reach, None
        for item in self._near(point, reach):
            if isinstance(item, EdgeItem) and item.isVisible():
                away = geometry.distance((point.x(), point.y()), item.line)
                if away <= best:
                    best, nearest = away, item.wire
        return nearest

    def wires_cut_by(self, line: list[geometry.Point]) -> list[Wire]:
        """The wires that a line of points crosses."""
        return [wire for wire, item in self.edge_items.items() if geometry.crosses(line, item.line)]

    def port_centre(self, port: Port) -> QPointF:
        """The centre of a port."""
        return QPointF(*self.node_items[port.node].port_centre(port.side, port.name))

    def bounds(self, ids: Iterable[str] | None = None) -> QRectF:
        """What the given nodes cover, or all of them; empty when there are none."""
        rect = QRectF()
        for item in self.node_items.values() if ids is None else [self.node_items[id] for id in ids]:
            box = item.box
            rect = rect.united(QRectF(box.left, box.top, box.width, box.height))
        return rect

    def sizes(self) -> dict[str, tuple[float, float]]:
        """Width and height of every node as drawn."""
        return {id: (item.width, item.height) for id, item in self.node_items.items()}
