"""Layer normalisation of rows, and by the root of the mean square alone, with gradients in one pass.

J. Ba et al., "Layer Normalization", 2016; B. Zhang, R. Sennrich, "Root Mean Square Layer Normalization", 2019.
"""

from __future__ import annotations

from dataclasses import dataclass

import llvmlite.ir as ir

from engine.kernels.cpu import maths
from engine.kernels.cpu.elementwise import SMALL_LOOP
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.reduction import column_sums
from engine.kernels.cpu.rowwise import Vector, by_rows, each, sum_of, vectors
from engine.kernels.cpu.values import Value

BANDS = 32  # of rows, whose sums by column are added at the end: as many whatever the number of threads


@dataclass(frozen=True)
class Norm:
    """Sizes and options.

    Args:
        rows, columns: sizes.
        eps: what is added to the variance.
        affine: whether there are weight and bias; "weight" for the weight alone.
        centered: whether the mean is taken away first.
        residual: whether the gradient is added to another one.
    """

    rows: int
    columns: int
    eps: float
    affine: bool | str
    centered: bool
    residual: bool = False

    @property
    def vectors(self) -> tuple[str, ...]:
        return ("weight",) if self.affine == "weight" else ("weight", "bias") if self.affine else ()

    @property
    def sums(self) -> str:
        """The array of what is summed over the rows."""
        return " ".join(f"d{name}" for name in self.vectors)

    @property
    def is_small(self) -> bool:
        return self.rows * self.columns < SMALL_LOOP // 8


def layer_norm(rows: int, columns: int, eps: float = 1e-5, affine: bool | str = True, centered: bool = True) -> Plan:
    """y = (x - mean) / √(var + eps) · weight + bias. Arrays: x, y, mean (rows), rstd (rows), weight, bias (columns).

    Args:
        rows, columns: sizes.
        eps: what is added to the variance.
        affine: whether there are weight and bias; "weight" for the weight alone.
        centered: False: y = x / √(mean(x²) + eps) · weight, and there is no array mean.
    """
    spec = Norm(rows, columns, eps, affine, centered)
    names = ("x", "y", *(("mean",) if centered else ()), "rstd", *spec.vectors)
    return Plan((Step(Kernel(emit, (spec,), spec.is_small), names),))


def layer_norm_gradient(rows: int, columns: int, affine: bool | str = True, centered: bool = True,
                        residual: bool = False) -> Plan:  # fmt: skip
    """dx, and "dweight dbias" (2, columns). Arrays: x, dy, mean, rstd, dx, weight, "dweight dbias"; residual.

    Args:
        rows, columns, affine, centered: as in `layer_norm`; with affine "weight" the sums are "dweight" (columns).
        residual: dx gets this array, of its shape, added; it may be dx itself.
    """
    spec = Norm(rows, columns, 0.0, affine, centered, residual)
    names = ["x", "dy", *(["mean"] if centered else []), "rstd", "dx", *(["residual"] if residual else [])]
    if not affine:
        return Plan((Step(Kernel(emit_gradient, (spec,), spec.is_small), tuple(names)),))
    bands, size = min(BANDS, rows), len(spec.vectors) * columns
    first = Step(Kernel(emit_gradient, (spec,), spec.is_small), (*names, "weight", "bands"))
    return Plan((first, Step(column_sums(bands, size), ("bands", spec.sums))), {"bands": bands * size})


def emit(spec: Norm) -> ir.Module:
    """A row is read three times from the first-level cache: mean, spread, result."""
    columns = spec.columns

    def row(code: Code, x: Value, y: Value, *rest: Value) -> None:
        center = None
        if spec.centered:
            mean, *rest = rest
            center = code.total(sum_of(code, columns, lambda load: load(x))) * (1 / columns)
            code.store(center, mean)
        rstd, *weights = rest
        distance = (lambda load: load(x, center) - center) if spec.centered else (lambda load: load(x))
        spread = code.total(sum_of(code, columns, lambda load: _squared(distance(load))))
        scale = 1.0 / maths.sqrt(spread * (1 / columns) + spec.eps)
        code.store(scale, rstd)

        def result(load: Vector) -> Value:
            value = distance(load) * scale
            if len(weights) == 2:
                return code.fma(value, load(weights[0]), load(weights[1]))
            return value * load(weights[0]) if weights else value

        each(code, columns, result, y)

    pitches = (columns, columns, *((1,) if spec.centered else ()), 1, *(0 for _ in spec.vectors))
    return by_rows("layer_norm", spec.rows, pitches, row)


def emit_gradient(spec: Norm) -> ir.Module:
    """dx = rstd (g - mean(g) - x̂ mean(g x̂)) with g = dy · weight; bands of rows sum what the weights get."""
    code = new_kernel("layer_norm_gradient")
    block, thread, threads = code.arguments
    names = ["x", "dy", *(["mean"] if spec.centered else []), "rstd", "dx", *(["residual"] if spec.residual else []),
             *(["weight", "bands"] if spec.affine else [])]  # fmt: skip
    at = {name: code.pointer(block, slot) for slot, name in enumerate(names)}
    bands = min(BANDS, spec.rows)
    with code.loop(*code.share(bands, thread, threads)) as band:
        if spec.affine:
            size = len(spec.vectors) * spec.columns
            at["sums"] = code.at(at["bands"], band * size)
            each(code, size, lambda load: code.float(0.0, code.lanes), at["sums"])
        with code.loop(*code.share(spec.rows, band, code.int(bands))) as row:
            _row_gradient(code, spec, at, row)
    code.finish()
    return code.module


def _row_gradient(code: Code, spec: Norm, at: dict[str, Value], row: Value) -> None:
    columns = spec.columns
    x, dy, dx = (code.at(at[name], row * columns) for name in ("x", "dy", "dx"))
    scale = code.load(at["rstd"], row)
    center = code.load(at["mean"], row) if spec.centered else None
    slope = lambda load: load(dy) * load(at["weight"]) if spec.affine else load(dy)  # noqa: E731
    normal = lambda load: (load(x, center) - center if spec.centered else load(x)) * scale  # noqa: E731
    second = code.total(sum_of(code, columns, lambda load: slope(load) * normal(load))) * (1 / columns)
    first = code.total(sum_of(code, columns, slope)) * (1 / columns) if spec.centered else None

    def finish(load: Vector) -> None:
        value, g = normal(load), slope(load)
        result = (g - first - value * second if spec.centered else g - value * second) * scale
        if spec.residual:
            result = result + load(code.at(at["residual"], row * columns))
        if spec.affine:
            parts = {"weight": load(dy) * value, "bias": load(dy)}
            for i, name in enumerate(spec.vectors):
                place = code.at(at["sums"], i * columns)
                load.store(load(place) + parts[name], place)
        load.store(result, dx)

    vectors(code, columns, finish)


def _squared(x: Value) -> Value:
    return x * x
