"""From a drawn network to one that computes: a Module with the nodes as its children, and its losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from engine import nn
from engine.errors import GraphError, TypeMismatch
from engine.graph import catalogue, custom
from engine.graph.answers import answer
from engine.graph.catalogue import OF_TWO, PREDICTIONS, judged_with
from engine.graph.infer import Inference, infer
from engine.graph.judge_loss import has_target, target_field, target_shape
from engine.graph.network import Network
from engine.graph.sharing import owner
from engine.graph.spec import FieldSpec, Graph, Wire
from engine.graph.trial import first_value
from engine.tensor import Tensor

Prediction = Literal[
    "classes", "binary", "probability", "sign", "order", "value", "count", "distribution", "mask", "box"
]  # fmt: skip
LOSS_PARAMETERS = ("target", "loss_weight", "scale_target")
"""What a loss node says beyond the arguments of the loss itself."""
ORDER = FieldSpec("order", "category", (), "unused", "int64", classes=("out of order", "in order"))
"""What is predicted where no field says what is right: of every sample, that its inputs are in order."""


@dataclass(frozen=True)
class BoundLoss:
    """A loss with what it judges: the outputs of some nodes against the field `target`, counted `weight` times.

    `outputs` are those nodes, by its ports; `arguments` are all that it takes, "target" among them where it has one.
    `prediction` says how an output is to be read: softmax over "classes", sigmoid for "binary", "sign" and "mask",
    exp for "count" and "distribution", as it is for others.
    `target_shape` is that of one sample. `scales_target`: the network learns a value as `Preparation` scales it.
    """

    id: str
    type: str
    outputs: dict[str, str]
    arguments: tuple[str, ...]
    target: FieldSpec
    target_shape: tuple[int, ...]
    weight: float
    module: nn.Module
    prediction: Prediction
    scales_target: bool = False

    def __call__(self, output: Tensor | tuple[Tensor, ...], target: Tensor | None = None) -> Tensor:
        """The weighted loss of a batch; of several outputs all, the target as `shape_target` gives it."""
        outputs = iter(_each(output))
        value = self.module(*[target if name == "target" else next(outputs) for name in self.arguments])
        return value if self.weight == 1.0 else value * self.weight

    @property
    def output(self) -> str:
        """The node that its first output comes from."""
        return next(iter(self.outputs.values()))

    @property
    def has_target(self) -> bool:
        """Whether a field says what is right; else the order of the inputs does."""
        return "target" in self.arguments

    def answer(self, output: Tensor | tuple[Tensor, ...]) -> Tensor:
        """The one output that says what the network predicts, or what several say together."""
        return answer(self.type, self.module, _each(output))

    @property
    def takes_shares(self) -> bool:
        """Whether a sample may be of several classes, each by its share, as mixed images are."""
        if self.prediction == "classes":
            return isinstance(self.module, nn.CrossEntropyLoss)
        return self.prediction not in ("sign", "order")

    @property
    def boundary(self) -> float:
        """The output above which a sample is of the second of two classes."""
        return 0.5 if self.prediction == "probability" else 0.0

    def shape_target(self, values: np.ndarray) -> np.ndarray:
        """Target values as the loss takes them: (N,) int64 for classes, (N, ...) float32 otherwise; a sign is -1 or 1.

        Shape:
            values: (N,) for a category, (N, classes) for shares of its classes, (N, *shape) for other fields
        """
        if self.target.kind == "category" and values.ndim == 2:
            shares = values[:, 1:] if self.prediction in OF_TWO else values
            return np.ascontiguousarray(shares, np.float32)
        if self.prediction == "classes":
            return np.ascontiguousarray(values, np.int64).reshape(len(values))
        shaped = np.ascontiguousarray(values, np.float32).reshape(len(values), *self.target_shape)
        return 2 * shaped - 1 if self.prediction == "sign" else shaped


def _each(output: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return output if isinstance(output, tuple) else (output,)


class Source(NamedTuple):
    """One of the values that a node gives: the first, or a further one of those that it gives as a tuple."""

    node: str
    place: int = 0


Feed = Source | tuple[Source, ...]
"""What an argument of a layer's call is: one value, or several as a tuple."""


class GraphModule(nn.Module):
    """A network as it was drawn: every node is a child under its id, called in the order of the wires.

    Called with a dict of fields, or with a tensor where the network has one Input; gives the output that the loss
    judges, all of them as a tuple where it judges several, or a dict of these by loss where there are several losses.

    Args:
        layers: the layers by node id.
        inputs: for each Input node the field it reads.
        wires: for each other node, in topological order, what feeds it, by the arguments of its call.
        outputs: for each loss what it judges.
        shared: for each node that uses another's layer that node.

    Shape:
        fields: {name: (N, *shape)} -> (N, ...)
    """

    def __init__(
        self,
        layers: Mapping[str, nn.Module],
        inputs: Mapping[str, str],
        wires: Mapping[str, Sequence[Feed]],
        outputs: Mapping[str, Sequence[Source]],
        shared: Mapping[str, str] | None = None,
    ):
        super().__init__()
        for id, layer in layers.items():
            self.add_module(id, layer)
        self._inputs, self._wires, self._outputs = dict(inputs), dict(wires), dict(outputs)
        self._shared = dict(shared or {})

    @property
    def input_fields(self) -> tuple[str, ...]:
        """The fields it reads, in the order of its Input nodes."""
        return tuple(dict.fromkeys(self._inputs.values()))

    def forward(self, fields: Tensor | Mapping[str, Tensor]) -> Tensor | tuple[Tensor, ...] | dict[str, Any]:
        given = self._given(fields)
        judged = {loss: tuple(_taken(given, source) for source in each) for loss, each in self._outputs.items()}
        judged = {loss: each if len(each) > 1 else each[0] for loss, each in judged.items()}
        return judged if len(judged) > 1 else next(iter(judged.values()))

    def values(self, fields: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What every node gives first, by id.

        Raises:
            TypeMismatch: a field is missing.
        """
        return {id: first_value(given) for id, given in self._given(fields).items()}

    def _given(self, fields: Tensor | Mapping[str, Tensor]) -> dict[str, Any]:
        if not isinstance(fields, Mapping):
            if len(self.input_fields) != 1:
                raise TypeMismatch("network", got="one tensor was given", expected=f"a dict of {self._names()}")
            fields = {self.input_fields[0]: fields}
        missing = [name for name in self.input_fields if name not in fields]
        if missing:
            raise TypeMismatch("network", got=f"field {missing[0]!r} is missing", expected=self._names())
        given: dict[str, Any] = {id: getattr(self, id)(fields[name]) for id, name in self._inputs.items()}
        for id, feeds in self._wires.items():
            layer = getattr(self, self._shared.get(id, id))
            given[id] = layer(*[_taken(given, feed) for feed in feeds])
        return given

    def _names(self) -> str:
        return ", ".join(self.input_fields)


def _taken(given: Mapping[str, Any], feed: Feed) -> Any:
    if not isinstance(feed, Source):
        return tuple(_taken(given, each) for each in feed)
    value = given[feed.node]
    return value[feed.place] if isinstance(value, tuple) else value


def build(graph: Graph, fields: tuple[FieldSpec, ...]) -> GraphModule:
    """The network as a Module; parts that reach no loss are left out.

    Parameters are drawn node by node in topological order from the default generator.

    Raises:
        GraphError: the network has a fault; the first is told, with its fixes.
    """
    inference = check(graph, fields)
    network = Network(graph, fields)
    used = [id for id in inference.order if id in network.used()]
    layers, inputs, wires, outputs, shared = {}, {}, {}, {}, {}
    for id in used:
        node, params = network.nodes[id], inference.nodes[id].params
        entry = catalogue.entry(node.type)
        sources = [_source(network, network.into[id][port]) for port in entry.inputs]
        if entry.kind == "loss":
            outputs[id] = sources
            continue
        if node.shares:
            shared[id] = node.shares
        if owner(node) not in layers:
            layers[owner(node)] = custom.make(entry, params)
        if sources:
            wires[id] = entry.packed(sources)
        else:
            inputs[id] = params["field"]
    return GraphModule(layers, inputs, wires, {loss.id: outputs[loss.id] for loss in network.losses()}, shared)


def _source(network: Network, wire: Wire) -> Source:
    ports = catalogue.entry(network.nodes[wire.source].type).outputs
    return Source(wire.source, ports.index(wire.source_port))


def losses(graph: Graph, fields: tuple[FieldSpec, ...]) -> tuple[BoundLoss, ...]:
    """The losses of a network, in the order of their making.

    Raises:
        GraphError: the network has a fault; the first is told, with its fixes.
    """
    inference = check(graph, fields)
    network = Network(graph, fields)
    return tuple(_bind(network, inference, loss.id) for loss in network.losses())


def check(graph: Graph, fields: tuple[FieldSpec, ...]) -> Inference:
    """What is inferred of a network that can be built.

    Raises:
        GraphError: it cannot; the first fault is told, with its fixes.
    """
    inference = infer(graph, fields)
    for problem in inference.problems:
        if problem.severity == "error":
            mend = problem.fixes[0].label if problem.fixes else ""
            mend = mend[:1].lower() + mend[1:]
            raise GraphError("", got=problem.message.rstrip("."), mend=mend, fixes=problem.fixes)
    pending = [id for id, result in inference.nodes.items() if result.waiting_for == id]
    if pending:
        raise GraphError(f"layer {pending[0]!r}", got="it is still being tried", mend="wait a moment")
    return inference


def _bind(network: Network, inference: Inference, id: str) -> BoundLoss:
    node, result = network.nodes[id], inference.nodes[id]
    entry, params = catalogue.entry(node.type), dict(result.params)
    target = target_field(network.fields, node) if has_target(node.type) else ORDER
    assert target is not None  # check() has refused a loss without one
    module = entry.cls(**{name: value for name, value in params.items() if name not in LOSS_PARAMETERS})
    return BoundLoss(
        id, node.type, {port: network.into[id][port].source for port in entry.inputs}, judged_with(entry.cls), target,
        target_shape(node.type, target, result.inputs), float(params["loss_weight"]), module,
        PREDICTIONS.get(node.type, "value"), bool(params.get("scale_target")),
    )  # fmt: skip
