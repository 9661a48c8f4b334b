"""What a node says of itself, in few words."""

from __future__ import annotations

from typing import Any

from engine.graph.catalogue import MISSING, Entry, Parameter
from engine.graph.infer import NodeResult, format_count
from engine.graph.spec import DataSpec, Node
from gui.i18n import counted, tr

_SHORT = {
    "kernel_size": "kernel",
    "out_features": "out",
    "out_channels": "filters",
    "num_embeddings": "words",
    "embedding_dim": "dim",
    "normalized_shape": "shape",
    "hidden_size": "units",
    "num_heads": "heads",
    "nhead": "heads",
    "num_layers": "layers",
    "num_encoder_layers": "encoders",
    "num_decoder_layers": "decoders",
    "num_groups": "groups",
    "negative_slope": "slope",
}


def value_text(value: Any) -> str:
    """`(3, 3)` as "3 x 3", a switch as on or off."""
    if isinstance(value, bool):
        return tr("on") if value else tr("off")
    if isinstance(value, list | tuple):
        return " x ".join(value_text(v) for v in value)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def shape_text(shape: tuple[int, ...], batch: bool = False) -> str:
    """ "1 x 8 x 8", with the batch axis as N in front where it is wanted; a single number is "1"."""
    text = " x ".join(map(str, shape))
    if batch:
        return f"N x {text}" if text else "N"
    return text or "1"


def flops_text(flops: float) -> str:
    """Floating-point operations with their unit: "0.6 MFLOP"."""
    for size, unit in ((1e9, "GFLOP"), (1e5, "MFLOP"), (1e3, "kFLOP")):
        if flops >= size:
            scale = 1e6 if unit == "MFLOP" else size
            return f"{flops / scale:.1f} {unit}"
    return f"{flops:.0f} FLOP"


def weights_text(node: Node, result: NodeResult) -> str:
    """How many weights it has, "4.6 k", or whose it uses, "= fc1"."""
    if node.shares:
        return f"= {node.shares}"
    return format_count(result.parameter_count) if result.parameter_count else ""


def parameters_line(node: Node, entry: Entry, result: NodeResult, data: DataSpec) -> str:
    """The one or two parameters that matter: "16 filters 3 x 3", "p 0.25", "target: label"."""
    values = {p.name: p.start for p in entry.parameters if p.start is not MISSING}
    values |= {k: v for k, v in result.params.items() if v is not None} | node.params
    names = {p.name for p in entry.parameters}  # the result may still be that of the type before
    values = {k: v for k, v in values.items() if k in names}
    if entry.kind == "loss" and "target" in names:
        targets = [f.name for f in data.fields if f.role == "target"]
        only = targets[0] if len(targets) == 1 else tr("none yet")
        return tr("target: {field}", field=values.get("target") or only)
    if entry.type == "Input":
        return _samples(values.get("field", ""), data)
    if "out_channels" in values and "kernel_size" in values:
        kernel = _parameter_text(entry.parameter("kernel_size"), values["kernel_size"])
        return f"{values['out_channels']} {tr('filter') if values['out_channels'] == 1 else tr('filters')} {kernel}"
    return " ".join(_parameter_text(p, values[p.name]) for p in _main(entry, node)[:2] if p.name in values)


def _main(entry: Entry, node: Node) -> list[Parameter]:
    """Those without a default, then those that the person has changed; else the number of a Dropout or Leaky ReLU."""
    own = [p for p in entry.parameters if p.inferred is None and p.name != entry.switch]
    required = [p for p in own if p.default is MISSING]
    changed = [p for p in own if p.name in node.params and p not in required]
    telling = [p for p in own if p.kind == "float"] if entry.category in ("Regularisation", "Activation") else []
    return required + changed or telling[:1]


def _parameter_text(parameter: Parameter, value: Any) -> str:
    if parameter.kind == "pair" and parameter.name == "kernel_size":
        return _pair(value)
    name = _SHORT.get(parameter.name, parameter.name.replace("_", " "))
    return f"{name} {value_text(value)}"


def _pair(value: Any) -> str:
    return value_text(value if isinstance(value, list | tuple) else (value, value))


def _samples(field: str, data: DataSpec) -> str:
    inputs = [f for f in data.fields if f.name == field or (not field and f.role == "input")]
    if not inputs:
        return field or tr("no data yet")
    if not data.samples:
        return inputs[0].name
    row, sample = (tr("row"), tr("rows")), (tr("sample"), tr("samples"))
    kinds = {"image": (tr("image"), tr("images")), "vector": row, "number": row}
    return counted(data.samples, *kinds.get(inputs[0].kind, sample))


def accessible_name(node: Node, entry: Entry, result: NodeResult) -> str:
    """What a screen reader says: name, type, shape, error."""
    parts = [f"{node.title}, {entry.title}" if node.title else entry.title]
    shapes = [shape_text(spec.shape, batch=True) for spec in result.outputs.values()]
    parts.append(tr("output {shape}", shape=", ".join(shapes)) if shapes else "")
    parts.append(tr("the weights of {layer}", layer=node.shares) if node.shares else "")
    parts += [f"{tr('error') if p.severity == 'error' else tr('warning')}: {p.message}" for p in result.problems]
    return ", ".join(part for part in parts if part)


def summary(count: int, parameters: int, flops: float) -> str:
    """The status line: "10 nodes · 9,898 parameters · 0.6 MFLOP / sample"."""
    nodes, figures = counted(count, tr("node"), tr("nodes")), counted(parameters, tr("parameter"), tr("parameters"))
    return f"{nodes}   {figures}   {flops_text(flops)} / {tr('sample')}"
