"""The project being edited: the only place that changes it.

A view calls a gesture; the Document checks it, pushes one named step on the undo stack and says by id what changed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import msgspec

from engine.errors import Fix, GraphError, ProjectError
from engine.graph import catalogue, edit
from engine.graph import sharing as sharing_of
from engine.graph.spec import CodeFile, DataSpec, Graph, Node, TrainingSpec, Wire
from gui.document import clipboard, placing
from gui.document.state import DocumentState
from gui.i18n import tr


class Document(DocumentState):
    """One project, and every gesture that changes it, each one named step of its undo stack."""

    # Gestures

    def add_node(
        self,
        type: str,
        x: float,
        y: float,
        params: dict[str, Any] | None = None,
        connect_from: tuple[str, str] | None = None,
        connect_to: tuple[str, str] | None = None,
    ) -> str:
        """Add a node, wired to the given output and input where they are given; its id."""
        entry = catalogue.entry(type)
        graph, id = self._with_new(self.graph, entry, x, y, params)
        if connect_from:
            graph = edit.connect(graph, Wire(connect_from[0], id, connect_from[1], self._first(entry, "inputs")))
        if connect_to:
            graph = edit.connect(graph, Wire(id, connect_to[0], self._first(entry, "outputs"), connect_to[1]))
        self._push(tr("Add {layer}", layer=entry.title), graph=graph)
        return id

    def connect(self, source: str, source_port: str, target: str, target_port: str) -> None:
        """Draw a wire; one that already enters the port gives way.

        Raises:
            GraphError: the wire would close a circle, or an end is not there.
        """
        self._push(tr("Connect"), graph=edit.connect(self.graph, Wire(source, target, source_port, target_port)))

    def disconnect(self, wires: Iterable[Wire]) -> None:
        """Take wires away."""
        self._push(tr("Disconnect"), graph=edit.disconnect(self.graph, list(wires)))

    def rewire(self, old: Iterable[Wire], new: Iterable[Wire]) -> None:
        """Move the ends of wires: the old go, the new come, in one step."""
        graph = edit.disconnect(self.graph, list(old))
        for wire in new:
            graph = edit.connect(graph, wire)
        self._push(tr("Move wire"), graph=graph)

    def move(self, positions: Mapping[str, tuple[float, float]]) -> None:
        """Put nodes elsewhere."""
        text = (
            tr("Move {layer}", layer=self._title(next(iter(positions)))) if len(positions) == 1 else tr("Move layers")
        )
        self._push(text, graph=placing.moved(self.graph, positions))

    def delete(self, ids: Iterable[str], rejoin: bool = False) -> None:
        """Remove nodes with their wires; `rejoin` leads what came in on to where it went out."""
        ids = list(ids)
        text = tr("Delete {layer}", layer=self._title(ids[0])) if len(ids) == 1 else tr("Delete layers")
        self._push(text, graph=edit.remove(self.graph, ids, rejoin=rejoin))

    def splice(self, id: str, wire: Wire, position: tuple[float, float] | None = None) -> None:
        """Put a node that stands free into a wire; what comes behind makes room."""
        graph = self.graph
        if position is not None:
            graph = placing.moved(graph, {id: position})
        graph = self._into_wire(graph, id, wire)
        self._push(tr("Insert {layer} on wire", layer=self._title(id)), graph=graph)

    def insert_on_wire(self, type: str, wire: Wire, x: float, y: float) -> str:
        """Add a node in the midst of a wire; its id."""
        entry = catalogue.entry(type)
        graph, id = self._with_new(self.graph, entry, x, y, None)
        self._push(tr("Insert {layer} on wire", layer=entry.title), graph=self._into_wire(graph, id, wire))
        return id

    def set_parameter(self, ids: Iterable[str], name: str, value: Any, gesture: Hashable = None) -> None:
        """Give nodes a parameter's value; edits under one `gesture` merge into one step.

        Raises:
            GraphError: the value is none that the parameter takes.
        """
        ids = tuple(ids)
        graph = self.graph
        if isinstance(value, str):
            _check_text(value, name.replace("_", " "))
        for id in ids:
            graph = edit.set_parameter(graph, id, name, value)
        text = tr("Set {parameter}", parameter=name.replace("_", " "))
        self._push(text, graph=graph, gesture=None if gesture is None else (ids, name, gesture))

    def rename(self, id: str, title: str) -> None:
        """Give a node a title of its own; empty: the layer's name again.

        Raises:
            ProjectError: it holds what no file can: half of a character.
        """
        _check_text(title, tr("The title"))
        title = " ".join(title.split())[:64]
        node = msgspec.structs.replace(self._nodes[id], title="" if title == self.entry(id).title else title)
        self._push(tr("Rename {layer}", layer=self._title(id)), graph=placing.with_nodes(self.graph, {id: node}))

    def replace(self, id: str, type: str) -> None:
        """Make a node a layer of another type, keeping the parameters and wires that both have."""
        text = tr("Make {layer} a {other}", layer=self._title(id), other=catalogue.entry(type).title)
        self._push(text, graph=edit.replace(self.graph, id, type))

    def arrange(self, sizes: Mapping[str, tuple[float, float]] | None = None, width: float = 800.0) -> None:
        """Lay the whole network out; `sizes` are those of the nodes as drawn, `width` the row to fill."""
        self._push(tr("Arrange"), graph=placing.arranged(self.graph, sizes or {}, width))

    def copy(self, ids: Iterable[str]) -> bytes:
        """Nodes and the wires among them, for the clipboard."""
        return clipboard.copy(self.graph, list(ids))

    def paste(self, content: bytes, x: float, y: float) -> list[str]:
        """Put nodes from the clipboard at (x, y), never exactly upon others; their new ids.

        Raises:
            ProjectError: what the clipboard holds is not ours.
        """
        graph, ids = clipboard.paste(self.graph, clipboard.read(content), x, y)
        self._push(tr("Paste"), graph=graph)
        return ids

    def lay_out(self, graph: Graph) -> None:
        """Put a whole first network on the empty canvas."""
        self._push(tr("Lay out a first network"), graph=graph)

    def duplicate(self, ids: Iterable[str], sharing: bool = False) -> list[str]:
        """Nodes once more, a step beside themselves; their new ids. `sharing`: they use the weights of the others."""
        clip = clipboard.read(self.copy(ids))
        left, top = min(n.x for n in clip.nodes), min(n.y for n in clip.nodes)
        shared = [node.id for node in clip.nodes if self._has_weights(node)] if sharing else []
        graph, new = clipboard.paste(self.graph, clip, left + clipboard.STEP, top + clipboard.STEP, shared)
        self._push(tr("Duplicate with the same weights") if sharing else tr("Duplicate"), graph=graph)
        return new

    def _has_weights(self, node: Node) -> bool:
        result = self.result(node.id)
        unknown = not result.outputs and self.entry(node.id).kind == "layer"
        return bool(result.parameter_count or node.shares) or unknown

    def own_weights(self, id: str) -> None:
        """Let a node have weights of its own again."""
        self._push(tr("Own weights for {layer}", layer=self._title(id)), graph=sharing_of.own(self.graph, id))

    def set_data(self, data: DataSpec, gesture: Hashable = None) -> None:
        """Other data, another split, other roles."""
        data = _checked(data, tr("the data settings"))
        self._push(tr("Change data"), data=data, gesture=None if gesture is None else ("data", gesture))

    def set_training(self, name: str, value: Any, gesture: Hashable = None) -> None:
        """Change one of the training settings.

        Raises:
            ProjectError: there is no such setting, or it does not take that value.
        """
        if name not in TrainingSpec.__struct_fields__:
            raise ProjectError(tr("the training settings"), got=f"there is no {name!r}")
        training = _checked(
            msgspec.structs.replace(self._project.training, **{name: value}), tr("the training settings")
        )
        text = tr("Set {parameter}", parameter=name.replace("_", " "))
        self._push(text, training=training, gesture=None if gesture is None else ("training", name, gesture))

    def set_loss(self, type: str) -> None:
        """Judge the network by this loss: the loss node becomes it, or one comes behind the open output."""
        losses = [id for id in self._nodes if self.entry(id).kind == "loss"]
        if losses:
            graph = edit.replace(self.graph, losses[-1], type)
        else:
            graph = edit.apply_fix(self.graph, Fix("", "add_loss", name=type))
        self._push(tr("Set loss to {loss}", loss=catalogue.entry(type).title), graph=graph)

    def take_code(self, file: CodeFile) -> None:
        """The project carries this file of layers from now on; successive versions of one file are one step."""
        others = [other for other in self._project.code if other.name.lower() != file.name.lower()]
        code = tuple(sorted([*others, file], key=lambda file: file.name))
        self._push(tr("Change {file}", file=file.name), code=code, gesture=("code", file.name))

    def apply_fix(self, fix: Fix) -> None:
        """Do what a fix says, as one step."""
        if fix.action == "choose_data":
            self.data_wanted.emit()
        elif fix.action == "look_at_code":
            self.code_wanted.emit(fix.name)
        elif fix.action == "set_training":
            self.set_training(fix.name, fix.value)
        elif fix.action == "set_data":
            self.set_data(msgspec.structs.replace(self._project.data, **{fix.name: fix.value}))
        else:
            self._push(fix.label, graph=edit.apply_fix(self.graph, fix))

    def _with_new(
        self, graph: Graph, entry: catalogue.Entry, x: float, y: float, params: dict[str, Any] | None
    ) -> tuple[Graph, str]:
        params = entry.starts() if params is None else params
        id = edit.unique_id(graph, entry.type)
        graph = edit.add(graph, Node(id, entry.type, {}, float(x), float(y)))
        for name, value in params.items():
            graph = edit.set_parameter(graph, id, name, value)
        return graph, id

    def _into_wire(self, graph: Graph, id: str, wire: Wire) -> Graph:
        node = graph.node(id)
        entry = catalogue.entry(node.type)
        graph = edit.disconnect(graph, [wire])
        graph = edit.connect(graph, Wire(wire.source, id, wire.source_port, self._first(entry, "inputs")))
        graph = edit.connect(graph, Wire(id, wire.target, self._first(entry, "outputs"), wire.target_port))
        return placing.make_room(graph, id, wire)

    def _first(self, entry: catalogue.Entry, side: str) -> str:
        ports = getattr(entry, side)
        if not ports:
            raise GraphError(entry.title, got=f"it has no {side[:-1]} to wire")
        return ports[0]

    def _title(self, id: str) -> str:
        return self._nodes[id].title or self.entry(id).title


def _check_text(text: str, where: str) -> None:
    """Half of a surrogate pair, as a broken paste leaves it, is no text that a file could hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ProjectError(where, got=tr("it holds half of a character"), mend=tr("write it anew")) from None


def _checked(settings: Any, where: str) -> Any:
    """The same settings, each value held against its type and range.

    Raises:
        ProjectError: a value that its setting does not take.
    """
    try:
        return msgspec.convert(msgspec.to_builtins(settings), type(settings))
    except msgspec.ValidationError as error:
        raise ProjectError(where, got=str(error).replace("`", "'")) from None
