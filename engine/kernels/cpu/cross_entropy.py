"""Cross entropy of scores and classes, with its gradient in the same pass over the scores."""

from __future__ import annotations

from dataclasses import dataclass

import llvmlite.ir as ir

from engine.kernels.cpu import maths
from engine.kernels.cpu.elementwise import SMALL_LOOP
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.reduction import column_sums
from engine.kernels.cpu.rowwise import Vector, each, log_sum, sum_of, vectors
from engine.kernels.cpu.values import I64, Value

BANDS = 16  # of rows, whose sums by column are added at the end: as many whatever the number of threads


@dataclass(frozen=True)
class Spec:
    """Sizes and options.

    Args:
        rows, columns: samples and classes.
        gradient: whether dx is written.
        ignored: the target that counts for nothing; None where all count.
        weighted: whether classes have weights.
        smoothing: share of the target that is spread over all classes, from 0 to 1.
        sums: whether the gradient's sums by column are wanted.
    """

    rows: int
    columns: int
    gradient: bool = True
    ignored: int | None = None
    weighted: bool = False
    smoothing: float = 0.0
    sums: bool = False


def cross_entropy(rows: int, columns: int, with_gradient: bool = True, ignored: int | None = None,
                  weighted: bool = False, smoothing: float = 0.0, reduction: str = "", sums: bool = False
                  ) -> Plan:  # fmt: skip
    """losses = -Σ q log softmax(x), dx = (Σq · softmax(x) - q) · scale, q = (1 - s) w onehot(target) + s w / columns.

    Arrays: x (rows, columns), target (rows) int64 from 0 to columns - 1 or `ignored`, losses (rows); weight w (columns)
    if weighted; with the gradient scale (1) and dx, which may be x itself; with sums dbias (columns), dx summed over
    the rows; with a reduction loss (1) and total (1), Σ w[target] of what counts. The caller answers for the targets'
    range.

    Args:
        rows, columns: sizes.
        with_gradient: whether dx is written.
        ignored: the target that counts for nothing.
        weighted: whether classes have weights.
        smoothing: s.
        reduction: "mean" and "sum" set loss and scale, 1 / total or 1; "" leaves scale to the caller.
        sums: whether dbias is wanted.
    """
    spec = Spec(rows, columns, with_gradient, ignored, weighted, smoothing, with_gradient and sums)
    weights = ("weight",) if weighted else ()
    names = ("x", "target", "losses", *weights, *(("scale", "dx") if with_gradient else ()))
    small = rows * columns < SMALL_LOOP // 8
    steps, scratch = [], {}
    if reduction:
        share = Kernel(emit_share, (rows, ignored, weighted, reduction == "mean"), alone=True)
        steps.append(Step(share, ("target", "total", "scale", *weights)))
        if not with_gradient:
            scratch["scale"] = 1
    if spec.sums:
        bands = min(BANDS, rows)
        scratch["bands"] = bands * columns
        steps.append(Step(Kernel(emit, (spec,), small), (*names, "bands")))
        steps.append(Step(column_sums(bands, columns), ("bands", "dbias")))
    else:
        steps.append(Step(Kernel(emit, (spec,), small), names))
    if reduction:
        steps.append(Step(Kernel(emit_loss, (rows,), alone=True), ("losses", "scale", "loss")))
    return Plan(tuple(steps), scratch)


def emit(spec: Spec) -> ir.Module:
    """Bands of rows; a row stays in the cache from its first reading to its gradient."""
    code = new_kernel("cross_entropy")
    block, thread, threads = code.arguments
    names = ["x", "target", "losses", *(["weight"] if spec.weighted else []),
             *(["scale", "dx"] if spec.gradient else []), *(["bands"] if spec.sums else [])]  # fmt: skip
    at = {name: code.pointer(block, slot) for slot, name in enumerate(names)}
    if not spec.sums:
        with code.loop(*code.share(spec.rows, thread, threads)) as row:
            _row(code, spec, at, row)
        code.finish()
        return code.module
    bands = min(BANDS, spec.rows)
    with code.loop(*code.share(bands, thread, threads)) as band:
        at["sums"] = code.at(at["bands"], band * spec.columns)
        each(code, spec.columns, lambda load: code.float(0.0, code.lanes), at["sums"])
        with code.loop(*code.share(spec.rows, band, code.int(bands))) as row:
            _row(code, spec, at, row)
    code.finish()
    return code.module


def _row(code: Code, spec: Spec, at: dict[str, Value], row: Value) -> None:
    target = code.load(at["target"], row, kind=I64)
    x, losses = code.at(at["x"], row * spec.columns), code.at(at["losses"], row)
    dx = code.at(at["dx"], row * spec.columns) if spec.gradient else None
    if spec.ignored is None:
        _counted(code, spec, at, x, dx, target, losses)
        return
    with code.ir.if_else(target.equals(spec.ignored).ir) as (skipped, counted):
        with skipped:
            code.store(code.float(0.0), losses)
            if dx is not None:
                each(code, spec.columns, lambda load: code.float(0.0, code.lanes), dx)
        with counted:
            _counted(code, spec, at, x, dx, target, losses)


def _counted(code: Code, spec: Spec, at: dict[str, Value], x: Value, dx: Value | None, target: Value, losses: Value
             ) -> None:  # fmt: skip
    score, spread, sharp = code.load(x, target), spec.smoothing / spec.columns, 1 - spec.smoothing
    weight = code.load(at["weight"], target) if spec.weighted else code.float(1.0)
    mass, smooth = weight * sharp, None
    if spec.smoothing:  # before x may be written over
        share = (lambda load: load(at["weight"]) * spread) if spec.weighted else None
        over = lambda load: load(x) * share(load) if share else load(x) * spread  # noqa: E731
        smooth = code.total(sum_of(code, spec.columns, over))
        all_weights = code.total(sum_of(code, spec.columns, share)) if share else code.float(spec.smoothing)
        mass = mass + all_weights
    top, total = log_sum(code, x, spec.columns, dx)
    loss = mass * (maths.log(total) + top) - weight * sharp * score
    if not spec.smoothing:  # nothing cancels
        loss = weight * (maths.log(total) - (score - top))
    code.store(loss if smooth is None else loss - smooth, losses)
    if dx is not None:
        _gradient(code, spec, at, dx, target, mass / total, weight * sharp, spread)


def _gradient(code: Code, spec: Spec, at: dict[str, Value], dx: Value, target: Value, factor: Value, sharp: Value,
              spread: float) -> None:  # fmt: skip
    """dx holds e^(x - top)."""
    scale = code.load(at["scale"])
    factor = factor * scale

    def slope(load: Vector) -> None:
        value = load(dx) * factor
        if spread:
            value = value - (load(at["weight"]) * scale * spread if spec.weighted else scale * spread)
        load.store(value, dx)
        if spec.sums:
            load.store(load(at["sums"]) + value, at["sums"])

    vectors(code, spec.columns, slope)
    for place in (dx, at["sums"]) if spec.sums else (dx,):
        code.store(code.load(place, target) - sharp * scale, place, target)


def emit_share(rows: int, ignored: int | None, weighted: bool, mean: bool) -> ir.Module:
    """total = Σ w[target], and what each sample's loss counts."""
    code = new_kernel("cross_entropy_share")
    block = code.arguments[0]
    target, total, scale = (code.pointer(block, slot) for slot in range(3))
    weight = code.pointer(block, 3) if weighted else None
    amount = code.variable(code.float(float(rows)))
    if weighted or ignored is not None:
        amount.set(code.float(0.0))
        with code.loop(0, rows) as row:
            chosen = code.load(target, row, kind=I64)
            with code.when(chosen.differs(-1 << 62 if ignored is None else ignored)):
                amount.set(amount.get() + (code.load(weight, chosen) if weighted else code.float(1.0)))
    code.store(amount.get(), total)
    code.store(1.0 / amount.get() if mean else code.float(1.0), scale)
    code.finish()
    return code.module


def emit_loss(rows: int) -> ir.Module:
    """loss = Σ losses · scale, in the order of the rows."""
    code = new_kernel("loss")
    losses, scale, loss = (code.pointer(code.arguments[0], slot) for slot in range(3))
    total = code.total(sum_of(code, rows, lambda load: load(losses)))
    code.store(total * code.load(scale), loss)
    code.finish()
    return code.module
