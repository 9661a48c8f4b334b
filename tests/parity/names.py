"""PyTorch's names beside the engine's, and how their arguments differ: python -m tests.parity.names > table.md"""

from __future__ import annotations

import ast
import inspect
import re
import types
import warnings
from dataclasses import dataclass, field
from typing import Any

import torch

import engine
import engine.nn.functional
import engine.nn.init
import engine.optim.lr_scheduler

SPACES = {
    "torch": (torch, engine),
    "torch.Tensor": (torch.Tensor, engine.Tensor),
    "torch.linalg": (torch.linalg, engine.linalg),
    "torch.nn": (torch.nn, engine.nn),
    "torch.nn.functional": (torch.nn.functional, engine.nn.functional),
    "torch.nn.init": (torch.nn.init, engine.nn.init),
    "torch.optim": (torch.optim, engine.optim),
    "torch.optim.lr_scheduler": (torch.optim.lr_scheduler, engine.optim.lr_scheduler),
}
"""title -> PyTorch's, ours"""

LEFT_OUT = {
    "complex numbers": (
        r"complex|cfloat|cdouble|chalf|conj|imag|real|angle|polar|view_as_real|resolve|istft|stft|adjoint_"
    ),
    "quantised numbers": (
        r"quant|q_|^q(u?int|32)|int_repr|fake_|fbgemm|hist_observer|choose_qparams|bits\d|qscheme|dequant"
    ),
    "sparse and nested tensors": (
        r"sparse|nested|coalesce|indices$|^values$|crow|ccol|hspmm|smm|sspaddmm|to_dense|to_padded"
    ),
    "named axes": r"names|align_|refine|rename|has_names|unflatten_names",
    "half precision, and other dtypes": (
        r"half|float16|bfloat|float8|float4|float\d_e|^u?int[1-7]$|uint(16|32|64)|autocast"
    ),
    "storage and other devices": (
        r"storage|pin_|is_pinned|share_memory|xpu|mps|mtia|hpu|ipu|xla|vulkan|maia|mkldnn|cudnn|miopen|"
        r"data_ptr|dlpack|UntypedStorage|record_stream|is_(cpu|shared)|layout|memory_format|channel"
    ),
    "compilers, tracing and internals": (
        r"compile|script|trace_|jit|export|fork|wait$|library|dispatch|^sym_|Sym|cond$|vmap|Stream|Event|"
        r"Type$|typename|Future|Stub|Graph|pickle|segment_reduce|functional_|unsafe|_copy$|prepare_multi|"
        r"torch_function|constant_|fill_diagonal_impl|native_|batch_norm_|layer_norm_|overrides|profiler|"
        r"hook|is_inference|unify|parse|merge_|Argument|Any"
    ),
}  # fmt: skip
"""Why a family of PyTorch's names has no counterpart -> which names these are."""

UNUSED = {"out", "layout", "pin_memory", "memory_format", "non_blocking", "generator", "async", "sparse_grad", "self"}
"""Arguments that are not compared: where a result goes, and how memory is laid out."""


@dataclass
class Space:
    """One namespace: names that both have, with the differences of their arguments, and those only PyTorch has."""

    title: str
    both: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    differences: dict[str, str] = field(default_factory=dict)


def public(thing: Any) -> list[str]:
    """Names that a user calls or passes on: no modules, no typing, nothing that begins with an underscore."""
    found = []
    for name in dir(thing):
        if name.startswith("_") or (name[:1].isupper() and thing is torch.Tensor):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = inspect.getattr_static(thing, name) if inspect.isclass(thing) else getattr(thing, name)
        module = getattr(value, "__module__", None) or "torch"
        ours = isinstance(value, torch.dtype) or str(module).startswith("torch") or isinstance(value, staticmethod)
        if not isinstance(value, types.ModuleType) and ours and (callable(value) or not inspect.ismodule(thing)
                                                                 or isinstance(value, torch.dtype)):  # fmt: skip
            found.append(name)
    return found


def arguments(thing: Any, name: str) -> dict[str, Any] | None:
    """Name -> default of each argument, None where neither the object nor its docstring says; ... without a default."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):  # the docstrings of Tensor's methods name arguments otherwise than they are
        return None if "of 'torch._C.TensorBase'" in repr(thing) else _documented(thing, name)
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    if any(p.kind in kinds for p in signature.parameters.values()) and not inspect.isclass(thing):
        return None
    return {p.name: (... if p.default is p.empty else p.default) for p in signature.parameters.values()
            if p.kind not in kinds and p.name not in UNUSED}  # fmt: skip


def _documented(thing: Any, name: str) -> dict[str, Any] | None:
    """The arguments by the first line of the docstring: addmm(input, mat1, mat2, *, beta=1, alpha=1) -> Tensor."""
    first = re.search(rf"\b{re.escape(name)}(\(.*?\))\s*(->.*)?$", (thing.__doc__ or "").strip(), re.MULTILINE)
    if first is None or "\n" in (thing.__doc__ or "").strip()[: first.start()].strip():
        return None
    try:
        found = ast.parse(f"def f{first.group(1)}: pass").body[0].args
        ordered = [*found.posonlyargs, *found.args]
        missing = [...] * (len(ordered) - len(found.defaults))
        defaults = [*missing, *map(ast.literal_eval, found.defaults)]
        by_name = [... if d is None else ast.literal_eval(d) for d in found.kw_defaults]
    except (SyntaxError, ValueError):
        return None
    pairs = zip((*ordered, *found.kwonlyargs), (*defaults, *by_name))
    return {a.arg: d for a, d in pairs if a.arg not in UNUSED} if found.vararg is None else None


def difference(theirs: Any, ours: Any, name: str) -> str:
    """How the arguments differ, in words; "" where they do not, or where it cannot be seen."""
    a, b = arguments(theirs, name), arguments(ours, name)
    if a is None or b is None:
        return ""
    skip = {"input", "device", "dtype", "requires_grad"}
    words = [f"no {n}" for n in a if n not in b and n not in skip]
    for n in a.keys() & b.keys() - skip:
        if (a[n] is ...) != (b[n] is ...) and b[n] is not ...:
            continue
        if a[n] is not ... and repr(a[n]) != repr(b[n]) and a[n] != b[n] and not callable(a[n]):
            words.append(f"{n}={b[n] if b[n] is not ... else '(needed)'!r} for {a[n]!r}")
    kept = [n for n in a if n in b and n not in skip]
    if kept != [n for n in b if n in kept]:
        words.append("another order")
    return ", ".join(words)


def compared() -> list[Space]:
    """All namespaces."""
    found = []
    for title, (theirs, ours) in SPACES.items():
        space = Space(title)
        for name in public(theirs):
            if not hasattr(ours, name):
                space.missing.append(name)
                continue
            space.both.append(name)
            words = difference(getattr(theirs, name), getattr(ours, name), name)
            if words:
                space.differences[name] = words
        found.append(space)
    return found


def reason(name: str) -> str:
    """Why a name is left out; "" where nothing but time stands against it."""
    return next((why for why, pattern in LEFT_OUT.items() if re.search(pattern, name)), "")


def markdown(spaces: list[Space]) -> str:
    """The table."""
    lines = [
        "# Beside PyTorch",
        "",
        f"PyTorch {torch.__version__.partition('+')[0]}, by `python -m tests.parity.names`.",
    ]
    lines += ["", "| | there | of PyTorch's names |", "| --- | --- | --- |"]
    lines += [f"| {s.title} | {len(s.both)} | {len(s.both) + len(s.missing)} |" for s in spaces]
    for s in spaces:
        lines += ["", f"## {s.title}", "", "There: " + ", ".join(f"`{n}`" for n in s.both) + "."]
        groups: dict[str, list[str]] = {}
        for name in s.missing:
            groups.setdefault(reason(name), []).append(name)
        for why in sorted(groups):
            lines += ["", f"Not there{f' ({why})' if why else ''}: " + ", ".join(f"`{n}`" for n in groups[why]) + "."]
        if s.differences:
            lines += ["", "| arguments that differ | ours |", "| --- | --- |"]
            lines += [f"| `{n}` | {words} |" for n, words in s.differences.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown(compared()))
