"""A network as inference goes through it: nodes by id, wires by their ends, an order, and what is known so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.errors import Fix
from engine.graph import catalogue
from engine.graph.spec import FieldSpec, Graph, Node, Wire
from engine.graph.trial import BATCH
from engine.ops import Spec

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """A fault in one sentence, at a node or ("") the network as a whole, with the fixes that would mend it."""

    node: str
    message: str
    severity: Severity = "error"
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True)
class NodeResult:
    """What is known of one node. Specs are without the batch axis; flops and bytes are per sample, forward.

    `inputs` by port, None where nothing arrives; `params` are all of them, those read off the wire filled in;
    `waiting_for` is the node whose fault keeps this one from being known.
    """

    inputs: dict[str, Spec | None] = field(default_factory=dict)
    outputs: dict[str, Spec] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    parameter_count: int = 0
    flops: int = 0
    activation_bytes: int = 0
    problems: tuple[Problem, ...] = ()
    waiting_for: str = ""


class Network:
    """A graph with what one asks of it again and again, and the results found so far."""

    def __init__(self, graph: Graph, fields: tuple[FieldSpec, ...]):
        self.graph = graph
        self.fields = fields
        self.nodes = {node.id: node for node in graph.nodes}
        self.entries = catalogue.entries()
        self.results: dict[str, NodeResult] = {}
        self.into: dict[str, dict[str, Wire]] = {node.id: {} for node in graph.nodes}
        self.out_of: dict[str, list[Wire]] = {node.id: [] for node in graph.nodes}
        for wire in graph.wires:
            self.into[wire.target][wire.target_port] = wire
            self.out_of[wire.source].append(wire)
        self._upstream: dict[str, set[str]] = {}
        self.order, self.circular = self._sort()

    def entry(self, node: Node) -> catalogue.Entry | None:
        """The catalogue's entry of a node; None where its type is unknown."""
        return self.entries.get(node.type)

    def name(self, node: Node) -> str:
        """A node as sentences call it: Conv 2-D 'conv1'."""
        entry = self.entry(node)
        return f"{entry.title if entry else node.type} '{node.title or node.id}'"

    def losses(self) -> list[Node]:
        """The loss nodes, in the order of their making."""
        return [n for n in self.graph.nodes if (entry := self.entry(n)) is not None and entry.kind == "loss"]

    def used(self) -> set[str]:
        """The nodes that reach a loss, losses included."""
        return self._before(loss.id for loss in self.losses())

    def upstream(self, id: str) -> set[str]:
        """The node and all that lead to it; remembered."""
        if id not in self._upstream:
            self._upstream[id] = self._before([id])
        return self._upstream[id]

    def downstream(self, id: str) -> set[str]:
        """The node and all that its outputs lead to."""
        found, waiting = {id}, [id]
        while waiting:
            new = {wire.target for wire in self.out_of[waiting.pop()]} - found
            found |= new
            waiting.extend(new)
        return found

    def _before(self, ids: Iterable[str]) -> set[str]:
        found = set(ids)
        waiting = list(found)
        while waiting:
            new = {wire.source for wire in self.into[waiting.pop()].values()} - found
            found |= new
            waiting.extend(new)
        return found

    def _sort(self) -> tuple[tuple[str, ...], set[str]]:
        """Nodes by the flow of wires, earlier made first; those on a circle and behind it come last, as made."""
        missing = {id: len(wires) for id, wires in self.into.items()}
        ready = [node.id for node in reversed(self.graph.nodes) if not missing[node.id]]
        order: list[str] = []
        while ready:
            id = ready.pop()
            order.append(id)
            for wire in self.out_of[id]:
                missing[wire.target] -= 1
                if not missing[wire.target]:
                    ready.append(wire.target)
        done = set(order)
        behind = [node.id for node in self.graph.nodes if node.id not in done]
        return (*order, *behind), set(behind)


def with_batch(spec: Spec) -> Spec:
    """A sample's spec as that of a batch."""
    return Spec((BATCH, *spec.shape), spec.dtype)


def without_batch(spec: Spec) -> Spec:
    """A batch's spec as that of one sample."""
    return Spec(spec.shape[1:], spec.dtype)
