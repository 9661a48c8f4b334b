"""What menus, shortcuts and the command palette can ask of the canvas: one public method for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, Signal
from PySide6.QtGui import QCursor, QGuiApplication

from engine.describe import CATEGORIES
from engine.errors import EngineError, Fix
from engine.graph import catalogue
from engine.graph.catalogue import Entry
from engine.graph.spec import Wire
from gui.canvas import fitting, geometry, wording
from gui.canvas.navigation import LEGIBLE, Navigation
from gui.canvas.scene import Port
from gui.canvas.search import Found
from gui.document import clipboard
from gui.i18n import tr

NEAREST = 24
"""So many nodes are offered to connect to by keyboard, the nearest."""


class Editing(Navigation):
    """The canvas as seen by its actions. `search` and `show_hint` come from CanvasView."""

    refused = Signal(str)
    """A gesture could not be done, and why."""
    edit_requested = Signal(str)
    """Enter or a double click on a node: show its parameters."""

    chosen_wire: Wire | None = None
    asked_at: QPoint | None = None
    """Where the context menu stands whose action is running."""

    def attempt(self, gesture: Callable[..., Any], *arguments: Any) -> Any:
        """Do a gesture of the document; where it cannot be done, say why beside the cursor."""
        try:
            return gesture(*arguments)
        except EngineError as error:
            self.refused.emit(str(error))
            self.show_hint(str(error), self.cursor_point(), stays=True)
            return None

    def undo(self) -> None:
        """Take the last step back."""
        self.document.undo_stack.undo()

    def redo(self) -> None:
        """Do it again."""
        self.document.undo_stack.redo()

    # Selecting

    def select_all(self) -> None:
        """Every node."""
        self.selection.set(self.document.nodes)

    def invert_selection(self) -> None:
        """Those that are not selected instead of those that are."""
        self.selection.set(id for id in self.document.nodes if id not in self.selection)

    def select_upstream(self) -> None:
        """What feeds the selected nodes, besides."""
        self._select_along("target", "source")

    def select_downstream(self) -> None:
        """What the selected nodes feed, besides."""
        self._select_along("source", "target")

    def _select_along(self, here: str, there: str) -> None:
        found = list(self.selection.ids)
        for id in found:
            found += [
                getattr(w, there) for w in self.document.wires_of(id) if getattr(w, here) == id
                and getattr(w, there) not in found
            ]  # fmt: skip
        self.selection.set(found)

    # Adding

    def search_layer(self, at: QPoint | None = None) -> None:
        """Open the search for a layer to add: behind the selected node where its output is open, else at the cursor."""
        end = self._open_end() if at is None and self.asked_at is None else None
        if end is not None:
            prompt = tr("Add a layer behind {layer}", layer=self._name(end))
            place = self.mapFromScene(QPointF(*self._place_behind(end)))
            self.search.ask(place, prompt, find_layers, lambda type: self._add_behind(end, type))
            return
        at = self.cursor_place() if at is None else at
        point = self.mapToScene(at)
        self.search.ask(at, tr("Add a layer"), find_layers, lambda type: self._add_beside(type, point))

    def _open_end(self) -> str | None:
        """The node selected last, where its output goes nowhere yet."""
        current = self.selection.current
        if current is None or not self.document.entry(current).outputs:
            return None
        return None if any(wire.source == current for wire in self.document.wires_of(current)) else current

    def _place_behind(self, id: str) -> geometry.Point:
        self.canvas.finish()
        box = self.canvas.node_items[id].box
        return self._free_place(box.right + geometry.GAP, box.top)

    def _free_place(
        self, x: float, y: float, width: float = geometry.WIDTH, height: float = geometry.HEIGHT
    ) -> geometry.Point:
        self.canvas.finish()
        others = [item.box for item in self.canvas.node_items.values()]
        return geometry.free_place(geometry.Box(x, y, x + width, y + height), others)

    def _add_behind(self, end: str, type: str) -> None:
        """A new layer to the right of a node and wired to it; one without an input just there."""
        if end not in self.document.nodes:  # it may have gone while the search was open
            return
        wired = {"connect_from": (end, self.document.entry(end).outputs[0])} if catalogue.entry(type).inputs else {}
        self._show_new([self.attempt(lambda: self.document.add_node(type, *self._place_behind(end), **wired))])

    def _add_beside(self, type: str, point: QPointF) -> None:
        """A new layer with its middle at a place of the scene, or near it where others stand."""
        place = self._free_place(point.x() - geometry.WIDTH / 2, point.y() - geometry.HEIGHT / 2)
        self._show_new([self.attempt(self.document.add_node, type, *place)])

    def _show_new(self, ids: Sequence[str | None] | None) -> None:
        """Select what was added and bring it on the screen."""
        self._select_new(ids)
        if ids and None not in ids:
            self.reveal(ids)

    def search_layer_for(self, port: Port, point: QPointF) -> None:
        """The same for the loose end of a wire: only what fits there, and it comes wired."""
        arriving = self.document.result(port.node).outputs.get(port.name)

        def fits(entry: Entry) -> bool:
            return fitting.takes(entry, arriving) if port.side == "out" else bool(entry.outputs)

        def add(type: str) -> None:
            end = {"connect_from" if port.side == "out" else "connect_to": (port.node, port.name)}
            x, y = point.x(), point.y() - geometry.PORT_Y
            place = (x, y) if port.side == "out" else (x - geometry.WIDTH, y)
            id = self.attempt(lambda: self.document.add_node(type, *place, **end))
            self._select_new([id])

        self.search.ask(
            self.mapFromScene(point), tr("Add a layer that fits"), lambda text: find_layers(text, fits), add
        )

    def add_layer(self, type: str, point: QPointF, wire: Wire | None = None) -> str | None:
        """Put a layer with its middle at a place of the scene, in the midst of `wire` where one is given."""
        x, y = point.x() - geometry.WIDTH / 2, point.y() - geometry.HEIGHT / 2
        if wire is None:
            id = self.attempt(self.document.add_node, type, x, y)
        else:
            id = self.attempt(self.document.insert_on_wire, type, wire, x, y)
        self._select_new([id])
        return id

    def _select_new(self, ids: Sequence[str | None] | None) -> None:
        if ids and None not in ids:
            self.selection.set(ids)

    # Removing

    def delete(self) -> None:
        """Remove what is selected: nodes with their wires, or the wire."""
        self._delete(rejoin=False)

    def delete_and_rejoin(self) -> None:
        """Remove the selected nodes and join the ends of the chain."""
        self._delete(rejoin=True)

    def _delete(self, rejoin: bool) -> None:
        if self.selection.ids:
            self.document.delete(self.selection.ids, rejoin=rejoin)
        elif self.chosen_wire is not None:
            self.document.disconnect([self.chosen_wire])

    def disconnect_wire(self) -> None:
        """Remove the wire that was clicked."""
        if self.chosen_wire is not None:
            self.document.disconnect([self.chosen_wire])

    def insert_on_chosen_wire(self) -> None:
        """Open the search for a layer to put into the wire that was clicked."""
        wire = self.chosen_wire
        if wire is None:
            return
        x, y = geometry.middle(self.canvas.edge_items[wire].line)
        arriving = self.document.result(wire.source).outputs.get(wire.source_port)

        def fits(entry: Entry) -> bool:
            return bool(entry.outputs) and fitting.takes(entry, arriving)

        self.search.ask(
            self.mapFromScene(QPointF(x, y)), tr("Insert a layer"), lambda text: find_layers(text, fits),
            lambda type: self.add_layer(type, QPointF(x, y), wire),
        )  # fmt: skip

    # Copying

    def copy(self) -> None:
        """The selected nodes to the clipboard."""
        if self.selection.ids:
            data = QMimeData()
            data.setData(clipboard.MIME, self.document.copy(self.selection.ids))
            QGuiApplication.clipboard().setMimeData(data)

    def cut(self) -> None:
        """The selected nodes to the clipboard, and away."""
        self.copy()
        if self.selection.ids:
            self.document.delete(self.selection.ids)

    def paste(self) -> None:
        """Nodes from the clipboard, at the cursor."""
        data = QGuiApplication.clipboard().mimeData()
        if not data.hasFormat(clipboard.MIME):
            self.show_hint(tr("The clipboard holds no layers."), self.cursor_point(), stays=True)
            return
        self._show_new(self.attempt(self._paste_at, data.data(clipboard.MIME).data(), self.cursor_point()))

    def _paste_at(self, content: bytes, point: QPointF) -> list[str]:
        """With the upper left corner there, or near it where others stand."""
        nodes = clipboard.read(content).nodes
        width = max((node.x for node in nodes), default=0) - min((node.x for node in nodes), default=0)
        height = max((node.y for node in nodes), default=0) - min((node.y for node in nodes), default=0)
        place = self._free_place(
            round(point.x()), round(point.y()), width + geometry.WIDTH, height + geometry.HEIGHT
        )  # fmt: skip
        return self.document.paste(content, *place)

    def duplicate(self) -> None:
        """The selected nodes once more, beside themselves."""
        if self.selection.ids:
            self._select_new(self.document.duplicate(self.selection.ids))

    def duplicate_sharing(self) -> None:
        """The selected nodes once more, beside themselves, using the same weights."""
        if self.selection.ids:
            self._select_new(self.document.duplicate(self.selection.ids, sharing=True))

    # Changing

    def arrange(self) -> None:
        """Lay the network out, in rows no longer than the canvas can show legibly."""
        self.canvas.finish()
        self.canvas.animate_moves = True
        self.document.arrange(self.canvas.sizes(), max(640.0, self._room().width()) / LEGIBLE)
        self.canvas.animate_moves = False
        self.fit_all_later()

    def rename(self) -> None:
        """Type another title for the node selected last."""
        if self.selection.current:
            self.edit_title(self.selection.current)

    def edit_parameters(self) -> None:
        """Ask for the form of the node selected last."""
        if self.selection.current:
            self.edit_requested.emit(self.selection.current)

    def nudge(self, dx: float, dy: float) -> None:
        """Move the selected nodes a little."""
        nodes = self.document.nodes
        self.document.move({id: (nodes[id].x + dx, nodes[id].y + dy) for id in self.selection.ids})

    def apply_fix(self, fix: Fix) -> None:
        """Do what a problem's button says."""
        self.attempt(self.document.apply_fix, fix)

    def connect_by_keyboard(self) -> None:
        """List the inputs that the selected node's output may go to; Enter wires."""
        source = self.selection.current
        if source is None or not self.document.entry(source).outputs:
            return
        output = self.document.entry(source).outputs[0]
        targets = [
            Found((id, port), self._name(id), port if len(self.document.entry(id).inputs) > 1 else id,
                  self.document.entry(id).category)
            for id in self._nearest_first(source) for port in self.document.entry(id).inputs
            if not self.document.fits(source, output, id, port)
        ]  # fmt: skip
        at = self.mapFromScene(QPointF(*self.canvas.node_items[source].box.centre))
        self.search.ask(
            at, tr("Connect {layer} to", layer=self._name(source)), lambda text: matching(targets, text),
            lambda key: self.attempt(self.document.connect, source, output, *key),
        )  # fmt: skip

    def find(self) -> None:
        """Search the nodes of the network and go to one."""
        nodes = [Found(id, self._name(id), id, self.document.entry(id).category) for id in self.document.nodes]
        place = QPoint(self.viewport().width() // 2 - 140, 24)
        self.search.ask(place, tr("Find a layer of the network"), lambda text: matching(nodes, text), self.go_to)

    def _name(self, id: str) -> str:
        return self.document.nodes[id].title or self.document.entry(id).title

    def _nearest_first(self, id: str) -> list[str]:
        here = self.document.nodes[id]
        others = [n for n in self.document.nodes.values() if n.id != id]
        return [n.id for n in sorted(others, key=lambda n: abs(n.x - here.x) + abs(n.y - here.y))][:NEAREST]

    # Walking

    def walk(self, key: Qt.Key) -> None:
        """Go along the wires with the arrows; where none leads that way, to the nearest node there."""
        self.canvas.finish()
        items, current = self.canvas.node_items, self.selection.current
        if not items:
            return
        if current is None:
            first = min(items.values(), key=lambda item: (item.y(), item.x()))
            self.go_to(first.id, centre=False)
            return
        wires = sorted(self.document.wires_of(current))
        along: list[str] = []
        if key == Qt.Key.Key_Right:
            along = [w.target for w in wires if w.source == current]
        elif key == Qt.Key.Key_Left:
            along = [w.source for w in wires if w.target == current]
        following = along[0] if along else self._nearest_towards(current, key)
        if following:
            self.go_to(following, centre=False)

    def _nearest_towards(self, id: str, key: Qt.Key) -> str | None:
        x, y = self.canvas.node_items[id].box.centre
        dx, dy = {
            Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1)
        }[key]  # fmt: skip
        best, nearest = float("inf"), None
        for other, item in self.canvas.node_items.items():
            ox, oy = item.box.centre
            ahead = (ox - x) * dx + (oy - y) * dy
            aside = abs((ox - x) * dy) + abs((oy - y) * dx)
            if other != id and ahead > 1 and aside <= 2 * ahead and ahead + 2 * aside < best:
                best, nearest = ahead + 2 * aside, other
        return nearest

    def accessible_name(self, id: str) -> str:
        """What a screen reader says of a node: type, shape, error."""
        document = self.document
        return wording.accessible_name(document.nodes[id], document.entry(id), document.result(id))

    def cursor_place(self) -> QPoint:
        """The cursor in the viewport, or where the context menu was asked for; else the middle."""
        if self.asked_at is not None:
            return self.asked_at
        at = self.viewport().mapFromGlobal(QCursor.pos())
        return at if self.viewport().rect().contains(at) else self.viewport().rect().center()

    def cursor_point(self) -> QPointF:
        """The same in the scene."""
        return self.mapToScene(self.cursor_place())


def find_layers(text: str, fits: Callable[[Entry], bool] = lambda entry: True) -> list[Found]:
    """The layers of the catalogue that a text finds, best first; without a text by family, as the palette has them."""
    found = [entry for entry in catalogue.search(text) if fits(entry)]
    if not text.strip():
        found.sort(key=lambda entry: CATEGORIES.index(entry.category))
    return [Found(entry.type, entry.title, entry.category, entry.category) for entry in found]


def matching(lines: Sequence[Found], text: str) -> list[Found]:
    """The lines that hold every word."""
    words = text.casefold().split()
    return [line for line in lines if all(word in f"{line.title} {line.detail}".casefold() for word in words)]
