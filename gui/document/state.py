"""The project as it stands, with all that belongs to it; what changes in it is told by id."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Set
from functools import cache
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoStack

from engine.formats import trust
from engine.graph import catalogue, custom
from engine.graph.infer import Inference, NodeResult, fits
from engine.graph.spec import CodeFile, DataSpec, Graph, Node, Project, TrainingSpec, Wire
from gui.document.commands import Edit
from gui.document.inferring import Inferring
from gui.i18n import tr

UNKNOWN = NodeResult()
"""What `result` gives for a node that has not been inferred yet."""


class DocumentState(QObject):
    """One project with its undo stack, its inferred shapes, its trained weights and its file."""

    nodes_leaving = Signal(object)
    """The set of ids that are about to be told one by one as removed."""
    node_added = Signal(str)
    node_removed = Signal(str)
    node_changed = Signal(str)
    """Its parameters, type or title."""
    nodes_moved = Signal(object)
    """A list of ids."""
    wire_added = Signal(object)
    wire_removed = Signal(object)
    inference_changed = Signal(object)
    """The set of ids whose result changed."""
    data_changed = Signal()
    training_changed = Signal()
    was_reset = Signal()
    """Another project was loaded; everything is new."""
    weights_changed = Signal()
    dirty_changed = Signal(bool)
    path_changed = Signal(object)
    """A Path, or None while the project has no file."""
    layers_changed = Signal()
    """Other layers of one's own are known, or the same ones by other code."""
    code_wanted = Signal(str)
    """A fix asks the person to look at this file of layers."""
    data_wanted = Signal()
    """A fix asks the person to choose the data again."""

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self.undo_stack = QUndoStack(self)
        self._project = Project()
        self._nodes: dict[str, Node] = {}
        self._wires: frozenset[Wire] = frozenset()
        self._weights: bytes | None = None
        self._path: Path | None = None
        self._saved: tuple[Project, bytes | None] = (self._project, None)
        self._was_dirty = False
        self._own: tuple[CodeFile, ...] = ()
        self._known: tuple[CodeFile, ...] | None = None
        self._loads = self._changes = 0
        self._inferring = Inferring(self)
        self._inferring.changed.connect(self.inference_changed)

    # What is there

    @property
    def project(self) -> Project:
        """A frozen snapshot."""
        return self._project

    @property
    def loads(self) -> int:
        """How often another project was taken up: whoever waits for something sees whether it is still the same one."""
        return self._loads

    @property
    def changes(self) -> int:
        """How often the project was changed or another taken up, undone steps counted too."""
        return self._changes

    @property
    def graph(self) -> Graph:
        """The network of the project."""
        return self._project.graph

    @property
    def nodes(self) -> Mapping[str, Node]:
        """Every node by its id, in the order of their making."""
        return self._nodes

    @property
    def wires(self) -> Set[Wire]:
        """Every wire."""
        return self._wires

    @property
    def inference(self) -> Inference:
        """Shapes, counts and problems of the whole network; the newest that is complete."""
        return self._inferring.inference

    @property
    def is_inferring(self) -> bool:
        """Whether a large network's results still lag behind the last edit."""
        return self._inferring.is_running

    def finish_inference(self) -> None:
        """Bring the results up to date now, however long it takes."""
        self._inferring.finish()

    def entry(self, id: str) -> catalogue.Entry:
        """The catalogue's entry of a node; one that says so where the layer is unknown."""
        type = self._nodes[id].type
        return catalogue.entries().get(type) or _unknown_entry(type, any(type in f.types for f in catalogue.faults()))

    @property
    def layer_files(self) -> tuple[CodeFile, ...]:
        """The project's files of layers, and the user's own beside them."""
        return trust.library(self._project.code, self._own)

    def set_own_layers(self, files: tuple[CodeFile, ...]) -> None:
        """These are the user's own files of layers from now on."""
        self._own = files
        self._know()

    def infer_again(self) -> None:
        """What layers of one's own do is known better now."""
        self._infer()

    def is_off(self, id: str) -> bool:
        """Whether a node's layer is one of somebody's own that may not run here."""
        problems = self.result(id).problems
        return any(fix.action == "look_at_code" for problem in problems for fix in problem.fixes)

    def result(self, id: str) -> NodeResult:
        """What inference found for a node; empty until it has come to it."""
        return self.inference.nodes.get(id, UNKNOWN)

    def wires_of(self, id: str) -> list[Wire]:
        """The wires into and out of a node."""
        return [w for w in self._wires if id in (w.source, w.target)]

    def wire_into(self, id: str, port: str) -> Wire | None:
        """The one wire that enters a port."""
        return next((w for w in self._wires if (w.target, w.target_port) == (id, port)), None)

    def fits(self, source: str, source_port: str, target: str, target_port: str) -> str:
        """ "" when a wire may go there, else the reason in a sentence."""
        return fits(self.graph, self._project.data.fields, self.inference, source, source_port, target, target_port)

    # The whole

    def new(self, project: Project, weights: bytes | None = None, path: Path | None = None) -> None:
        """Take up another project; the undo stack starts anew."""
        self.undo_stack.clear()
        self._loads += 1
        self._changes += 1
        self._project, self._weights = project, weights
        self._nodes = {node.id: node for node in project.graph.nodes}
        self._wires = frozenset(project.graph.wires)
        self._saved = (project, weights)
        self._known = None
        self._know(quietly=True)
        self.set_path(path)
        self.was_reset.emit()
        self.layers_changed.emit()
        self._infer()
        self._tell_dirty()

    @property
    def weights(self) -> bytes | None:
        """The trained weights that are kept with the project, as safetensors."""
        return self._weights

    def set_weights(self, weights: bytes | None) -> None:
        """Keep these weights with the project from now on; not undoable."""
        if weights != self._weights:
            self._weights = weights
            self.weights_changed.emit()
            self._tell_dirty()

    @property
    def path(self) -> Path | None:
        """Its file, or None while it has none."""
        return self._path

    def set_path(self, path: Path | None) -> None:
        """It lies in this file from now on."""
        if path != self._path:
            self._path = path
            self.path_changed.emit(path)

    @property
    def is_dirty(self) -> bool:
        """Whether there is anything that its file does not hold."""
        return (self._project, self._weights) != self._saved

    def mark_saved(self, project: Project, weights: bytes | None) -> None:
        """Its file holds this now; edits made since are still to be saved."""
        self._saved = (project, weights)
        self._tell_dirty()

    def mark_unsaved(self) -> None:
        """No file holds this: a recovered project."""
        self._saved = (Project(name=""), None)
        self._tell_dirty()

    # Primitive edits

    def _push(
        self,
        text: str,
        graph: Graph | None = None,
        data: DataSpec | None = None,
        training: TrainingSpec | None = None,
        code: tuple[CodeFile, ...] | None = None,
        gesture: Hashable = None,
    ) -> None:
        new = {"graph": graph, "data": data, "training": training, "code": code}
        after = msgspec.structs.replace(self._project, **{k: v for k, v in new.items() if v is not None})
        after = trust.with_used_code(after)
        if after != self._project:
            self.undo_stack.push(Edit(text, self._show, self._project, after, gesture))

    def _show(self, project: Project) -> None:
        """Become this project and say by id what is different."""
        before, self._project = self._project, project
        self._changes += 1
        known = project.code == before.code or not self._know(quietly=True)
        if project.graph is not before.graph:
            self._show_graph(project.graph)
        if not known:
            self._tell_layers()
        if project.data != before.data:
            self.data_changed.emit()
        if project.training != before.training:
            self.training_changed.emit()
        if not known or project.data.fields != before.data.fields or _is_rewired(before.graph, project.graph):
            self._infer()
        self._tell_dirty()

    def _know(self, quietly: bool = False) -> bool:
        """Bring the catalogue up to date; whether it changed."""
        files = self.layer_files
        if files == self._known:
            return False
        self._known = files
        custom.know(files)
        if not quietly:
            self._tell_layers()
            self._infer()
        return True

    def _tell_layers(self) -> None:
        self.layers_changed.emit()
        for id, node in self._nodes.items():
            if node.type in catalogue.custom() or node.type not in catalogue.entries():
                self.node_changed.emit(id)

    def _show_graph(self, graph: Graph) -> None:
        old, new = self._nodes, {node.id: node for node in graph.nodes}
        old_wires, new_wires = self._wires, frozenset(graph.wires)
        self._nodes, self._wires = new, new_wires
        gone = old.keys() - new.keys()
        if gone:
            self.nodes_leaving.emit(gone)
        for wire in sorted(old_wires - new_wires):
            self.wire_removed.emit(wire)
        for id in gone:
            self.node_removed.emit(id)
        for id in new:
            if id not in old:
                self.node_added.emit(id)
        moved = []
        for id, node in new.items():
            was = old.get(id, node)
            if was is node:
                continue
            if (was.type, was.params, was.title, was.shares) != (node.type, node.params, node.title, node.shares):
                self.node_changed.emit(id)
            if (was.x, was.y) != (node.x, node.y):
                moved.append(id)
        if moved:
            self.nodes_moved.emit(moved)
        for wire in sorted(new_wires - old_wires):
            self.wire_added.emit(wire)

    def _infer(self) -> None:
        self._inferring.start(self.graph, self._project.data.fields)

    def _tell_dirty(self) -> None:
        dirty = self.is_dirty
        if dirty != self._was_dirty:
            self._was_dirty = dirty
            self.dirty_changed.emit(dirty)


@cache
def _unknown_entry(type: str, is_faulty: bool) -> catalogue.Entry:
    help = tr("Its file cannot be read as it is.") if is_faulty else tr("This version knows no such layer.")
    return catalogue.Entry(
        type, type, "layer", "Custom" if is_faulty else "Shape", (), help, "", "", (), ("x",), ("out",), object
    )


def _is_rewired(before: Graph, after: Graph) -> bool:
    """Whether anything but places changed."""
    if before.wires != after.wires or len(before.nodes) != len(after.nodes):
        return True
    return any(a is not b and msgspec.structs.replace(a, x=b.x, y=b.y) != b for a, b in zip(before.nodes, after.nodes))
