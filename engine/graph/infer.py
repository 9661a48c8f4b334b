"""Shapes, costs and faults of a network, without data: what the canvas shows while one draws.

Every layer is tried once on shapes (engine.graph.trial) and remembered, so an edit costs only what it changes.
A fault sits on the node that causes it; what lies behind it waits and has no fault of its own.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace

from engine.errors import Fix
from engine.graph import catalogue
from engine.graph.judge import judge, matching_fixes
from engine.graph.network import Network, NodeResult, Problem, with_batch, without_batch
from engine.graph.spec import FieldSpec, Graph, Node
from engine.graph.trial import attempt, look_at, resolve
from engine.ops import Spec

__all__ = ["Inference", "NodeResult", "Problem", "fits", "format_count", "format_shape", "infer", "infer_steps"]


@dataclass(frozen=True)
class Inference:
    """What is known of a network. `order` is topological; the sums count what reaches a loss, where there is one."""

    nodes: dict[str, NodeResult]
    problems: tuple[Problem, ...]
    order: tuple[str, ...]
    parameter_count: int
    flops: int
    activation_bytes: int

    @property
    def ok(self) -> bool:
        """Whether it can be built and trained: nothing worse than warnings."""
        return all(problem.severity != "error" for problem in self.problems)


def infer(graph: Graph, fields: tuple[FieldSpec, ...]) -> Inference:
    """Everything that is known of a network before there are data; it never raises for what a person can draw.

    >>> from engine.graph.templates import chain
    >>> pixels = FieldSpec("image", "image", (1, 8, 8), "input")
    >>> infer(chain([("Input", {}), ("Flatten", {})]), (pixels,)).nodes["flatten1"].outputs["out"].shape
    (64,)
    """
    steps = infer_steps(graph, fields)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def infer_steps(graph: Graph, fields: tuple[FieldSpec, ...]) -> Generator[tuple[str, NodeResult], None, Inference]:
    """The same node by node, so that a window can do other things in between; the generator returns the Inference.

    What is yielded may still gain problems that show only from the whole network; the last node comes once more
    before each step of judging that.
    """
    network = Network(graph, fields)
    for id in network.order:
        result = network.results[id] = _infer_node(network, network.nodes[id])
        yield id, result
    last = network.order[-1] if network.order else ""
    if last:
        yield last, network.results[last]
    problems = list(judge(network))
    by_node: dict[str, list[Problem]] = {}
    for problem in problems:
        by_node.setdefault(problem.node, []).append(problem)
    for id, more in by_node.items():
        if id:
            network.results[id] = replace(network.results[id], problems=network.results[id].problems + tuple(more))
    if last:
        yield last, network.results[last]
    used = network.used()
    if used:
        network.results = {id: r if id in used else _lenient(r) for id, r in network.results.items()}
    counted = [network.results[id] for id in network.order if not used or id in used]
    return Inference(
        nodes={node.id: network.results[node.id] for node in graph.nodes},
        problems=(
            *by_node.get("", ()),
            *(problem for id in network.order for problem in network.results[id].problems),
        ),
        order=network.order,
        parameter_count=sum(result.parameter_count for result in counted),
        flops=sum(result.flops for result in counted),
        activation_bytes=sum(result.activation_bytes for result in counted),
    )


def fits(
    graph: Graph,
    fields: tuple[FieldSpec, ...],
    inference: Inference,
    source: str,
    source_port: str,
    target: str,
    target_port: str,
) -> str:
    """Why a wire may not go there, in a sentence; "" when it may."""
    network = _same_network(graph, fields)
    from_node, to_node = network.nodes[source], network.nodes[target]
    from_entry, to_entry = network.entry(from_node), network.entry(to_node)
    if source == target:
        return "A layer cannot feed itself."
    if from_entry is None or to_entry is None:
        return "One of the two is a layer that is not known."
    if source_port not in from_entry.outputs_of(from_node.params):
        return f"{network.name(from_node)} has no output {source_port!r}."
    if target_port not in to_entry.inputs:
        return f"{network.name(to_node)} has no input {target_port!r}."
    if target in network.upstream(source):
        return "This wire would close a circle."
    arriving = inference.nodes[source].outputs.get(source_port)
    if arriving is None or to_entry.kind == "loss":
        return ""
    specs = {**inference.nodes[target].inputs, target_port: arriving}
    inputs = [specs.get(port) for port in to_entry.inputs]
    if None in inputs:
        return ""
    trial = attempt(to_node.type, to_node.params, tuple(with_batch(spec) for spec in inputs if spec is not None))
    return f"{network.name(to_node)}: {trial.fault}." if trial.fault else ""


def _same_network(graph: Graph, fields: tuple[FieldSpec, ...]) -> Network:
    """The network of the question before, where it is the same: a drag asks for every port on the canvas."""
    global _asked_last
    if _asked_last is None or _asked_last.graph is not graph or _asked_last.fields is not fields:
        _asked_last = Network(graph, fields)
    return _asked_last


_asked_last: Network | None = None


def format_shape(spec: Spec | None) -> str:
    """A shape as ports and wires show it.

    >>> format_shape(Spec((32, 14, 14)))
    'N x 32 x 14 x 14'
    """
    return "?" if spec is None else " x ".join(["N", *map(str, spec.shape)])


def format_count(count: float) -> str:
    """A count with three or fewer digits and its unit.

    >>> format_count(160), format_count(4640), format_count(1_234_567)
    ('160', '4.6 k', '1.2 M')
    """
    for factor, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= factor * 0.99995:
            value = count / factor
            return f"{value:.0f} {unit}" if value >= 99.95 else f"{value:.1f} {unit}"
    return f"{count:.0f}"


def _infer_node(network: Network, node: Node) -> NodeResult:
    entry = network.entry(node)
    if entry is None:
        return NodeResult(params=dict(node.params), problems=(_unknown_layer(node),))
    inputs: dict[str, Spec | None] = {}
    waiting_for = ""
    for port in entry.inputs:
        wire = network.into[node.id].get(port)
        before = network.results.get(wire.source) if wire else None
        inputs[port] = before.outputs.get(wire.source_port) if wire and before else None
        if wire and inputs[port] is None and not waiting_for:
            waiting_for = (before.waiting_for if before else "") or wire.source
    strange = _strange_wire(network, node, entry)
    if strange is not None:
        return NodeResult(inputs, params=dict(node.params), problems=(strange,))
    if waiting_for:
        return NodeResult(inputs, params=dict(node.params), waiting_for=waiting_for)
    if entry.type == "Input":
        return _infer_input(network, node)
    if None in inputs.values():
        return NodeResult(inputs, params=dict(node.params))  # engine.graph.judge says what is open
    if entry.kind == "loss":
        params, fault, fixes = resolve(entry, node.params, ())
        return NodeResult(inputs, params=params, problems=_at(network, node, fault, fixes))
    trial = attempt(node.type, node.params, tuple(with_batch(spec) for spec in inputs.values() if spec is not None))
    if trial.pending:
        return NodeResult(inputs, params=trial.params, waiting_for=node.id)
    if trial.fault or trial.output is None:
        fixes = (*matching_fixes(network, node, inputs), *trial.fixes)
        return NodeResult(inputs, params=trial.params, problems=_at(network, node, trial.fault, fixes))
    count = 0 if node.shares else trial.parameter_count
    specs = map(without_batch, (trial.output, *trial.others))
    outputs = dict(zip(entry.outputs_of(trial.params), specs, strict=True))
    return NodeResult(inputs, outputs, trial.params, count, trial.flops, trial.activation_bytes)


def _infer_input(network: Network, node: Node) -> NodeResult:
    name = node.params.get("field", "")
    choices = [f for f in network.fields if f.role == "input"]
    found = [f for f in choices if f.name == name or not name]
    params = {"field": found[0].name if len(found) == 1 else name}
    if len(found) == 1 and node.params.keys() <= {"field"}:
        return NodeResult({}, {"out": Spec(found[0].shape, found[0].dtype)}, params)
    fixes = [Fix(f"Read {f.name}", "set_parameter", node.id, "field", f.name) for f in choices][:5]
    who = network.name(node)
    if not choices:
        message = f"{who}: the data have no field to read; choose data with at least one input."
        fixes = [Fix("Choose data", "choose_data")]
    elif node.params.keys() - {"field"}:
        extra = min(node.params.keys() - {"field"})
        message = f"{who}: it has no parameter {extra!r}."
        fixes = [Fix(f"Remove {extra}", "set_parameter", node.id, extra, None)]
    elif not isinstance(name, str) or name:
        message = f"{who}: the data have no input field {name!r}; there is {', '.join(f.name for f in choices[:5])}."
    else:
        message = f"{who}: the data have {len(choices)} input fields; say which one it reads."
    return NodeResult({}, params=params, problems=(Problem(node.id, message, fixes=tuple(fixes)),))


def _at(network: Network, node: Node, fault: str, fixes: Iterable[Fix]) -> tuple[Problem, ...]:
    """A layer's own fault as the problem of a node; a fix that names no node is for this one."""
    if not fault:
        return ()
    fixes = tuple(fix if fix.node else replace(fix, node=node.id) for fix in fixes)
    return (Problem(node.id, f"{network.name(node)}: {fault}.", fixes=fixes),)


def _unknown_layer(node: Node) -> Problem:
    fault = next((fault for fault in catalogue.faults() if node.type in fault.types), None)
    if fault is not None:
        return Problem(node.id, f"{node.type} '{node.title or node.id}': {fault}", fixes=(look_at(fault.file),))
    near = catalogue.search(node.type)
    text = f"Layer '{node.id}': {node.type!r} is no layer that is known here"
    text += f"; the nearest is {near[0].title}." if near else "; it is kept as it is, but cannot be trained."
    fixes = [Fix(f"Make it {near[0].title}", "replace", node.id, near[0].type)] if near else []
    return Problem(node.id, text, fixes=(*fixes, Fix("Remove it", "remove", node.id)))


def _strange_wire(network: Network, node: Node, entry: catalogue.Entry) -> Problem | None:
    """A wire between ports that the layers do not have, as a file may hold, or from one that was switched off."""
    for port, wire in sorted(network.into[node.id].items()):
        fix = Fix("Cut that wire", "disconnect", node.id, port)
        if port not in entry.inputs:
            text = f"{network.name(node)}: a wire enters at {port!r}, which it does not have."
            return Problem(node.id, text, fixes=(fix,))
        source = network.nodes[wire.source]
        before = network.entry(source)
        if before is not None and wire.source_port not in before.outputs_of(source.params):
            text = f"{network.name(node)}: a wire comes from {wire.source_port!r} of {network.name(source)}"
            fixes = (fix,)
            if wire.source_port in before.outputs:  # it has it where it is told to
                again = f"Let '{source.id}' give its {wire.source_port}"
                fixes = (Fix(again, "set_parameter", source.id, before.switch, True), fix)
            return Problem(node.id, f"{text}, which has no such output.", fixes=fixes)
    return None


def _lenient(result: NodeResult) -> NodeResult:
    """A node that reaches no loss is left out of training, so its faults stop nobody."""
    return replace(result, problems=tuple(replace(problem, severity="warning") for problem in result.problems))
