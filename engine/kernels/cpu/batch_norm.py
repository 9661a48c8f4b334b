"""Batch normalisation over samples and pixels, in training and evaluation.

Moments are gathered piece by piece in two passes over each, and merged: T. Chan, G. Golub, R. LeVeque, "Updating
Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979. Normalising is then one multiply-add for each
number, and so is its gradient, so that both are done where their results are read.
"""

from __future__ import annotations

from math import ceil

import llvmlite.ir as ir

from engine.kernels.cpu.elementwise import chain
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.expression import Expr, apply, leaf
from engine.kernels.cpu.imagewise import over, rows_in_piece
from engine.kernels.cpu.operands import Epilogue, Source
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.reduction import column_sums
from engine.kernels.cpu.sweep import Plane, Sweep
from engine.kernels.cpu.values import Value

STATISTICS = ("mean", "rstd", "scale", "shift")


def statistics(rows: int, channels: int) -> Plan:
    """Mean and biased variance of each channel. Arrays: x (rows, channels), mean, var (channels)."""
    each = rows_in_piece(rows, channels)
    gather = over(1, rows, 1, channels, Source(), Epilogue(moments=True), stores=False, step=each)
    merged = Step(Kernel(emit_statistics, (rows, each, channels), alone=True), ("moments", "mean", "var"))
    return Plan((*gather.steps, merged), {"moments": ceil(rows / each) * 2 * channels})


def merge(rows: int, each: int, channels: int, eps: float = 1e-5, momentum: float = 0.1) -> Plan:
    """Statistics of the batch from the moments of its pieces: y = x · scale + shift is then its batch norm.

    Arrays: moments (pieces, 2, channels), weight, bias, "running mean", "running var"; results mean, rstd,
    scale = rstd · weight and shift = bias - mean · scale, all (channels).

    Args:
        rows: samples and pixels.
        each: of them in a piece; the last one may have less.
        channels: how many.
        eps: added to the variance.
        momentum: share of this batch in the running statistics.
    """
    names = ("moments", "weight", "bias", "running mean", "running var", *STATISTICS)
    return Plan((Step(Kernel(emit_merge, (rows, each, channels, eps, momentum), alone=True), names),))


def merge_gradient(rows: int, pieces: int, channels: int) -> Plan:
    """Gradients of weight and bias from sums over pieces. That of x is then dx = dy · scale + x · slope + offset.

    Arrays: sums (pieces, 2, channels) of dy · (x - mean) · rstd and of dy; mean, rstd, scale; results dweight, dbias,
    slope, offset, all (channels).
    """
    names = ("sums", "mean", "rstd", "scale", "dweight", "dbias", "slope", "offset")
    return Plan((Step(Kernel(emit_merge_gradient, (rows, pieces, channels), alone=True), names),))


def gradient(rows: int, channels: int) -> Plan:
    """dx, and "dweight dbias" (2, channels). Arrays: x, dy, mean, rstd, weight, dx, "dweight dbias"."""
    read = Source(("x", "dy"), ("mean", "rstd"), formula=leaf("dy"))
    each = rows_in_piece(rows, channels)
    sums = Epilogue(sums=(leaf("value") * normalised(), leaf("value")))
    gather = over(1, rows, 1, channels, read, sums, stores=False, step=each)
    pieces = ceil(rows / each)
    add = Step(column_sums(pieces, 2 * channels), ("sums", "dweight dbias"))
    centred = leaf("dy") - leaf("dbias") * (1 / rows) - normalised() * leaf("dweight") * (1 / rows)
    whole, vector = (rows, channels), (channels,)
    shapes = dict.fromkeys(read.whole, whole)
    shapes |= dict.fromkeys(("mean", "rstd", "weight", "dweight", "dbias"), vector)
    (last,) = chain(whole, shapes, {"dx": leaf("weight") * leaf("rstd") * centred}).steps
    halves = {"dweight": ("dweight dbias", 0), "dbias": ("dweight dbias", channels)}
    last = Step(last.kernel, tuple(halves.get(name, name) for name in last.arguments))
    return Plan((*gather.steps, add, last), {"sums": pieces * 2 * channels})


def normalised() -> Expr:
    """(x - mean) · rstd"""
    return (leaf("x") - leaf("mean")) * leaf("rstd")


def emit_merge(rows: int, each: int, channels: int, eps: float, momentum: float) -> ir.Module:
    """Thread 0 does it: mean of the means, then deviations inside pieces and of the pieces."""
    code, at = _begin("batch_norm_merge", ("moments", "weight", "bias", "running mean", "running var", *STATISTICS))
    vectors = _merge_moments(code, at["moments"], rows, each, channels, {**at, "spread": at["rstd"]})
    kept = lambda name, new: leaf(name) * (1 - momentum) + new  # noqa: E731
    results = {
        "running mean": kept("running mean", leaf("mean") * momentum),
        "running var": kept("running var", leaf("spread") * (momentum / max(rows - 1, 1))),
        "rstd": 1.0 / apply("sqrt", leaf("spread") * (1 / rows) + eps),
        "scale": leaf("rstd") * leaf("weight"),
        "shift": leaf("bias") - leaf("mean") * leaf("scale"),
    }
    _each(code, channels, vectors, results)
    code.finish()
    return code.module


def emit_statistics(rows: int, each: int, channels: int) -> ir.Module:
    """Thread 0 does it."""
    code, at = _begin("batch_norm_statistics", ("moments", "mean", "var"))
    vectors = _merge_moments(code, at["moments"], rows, each, channels, {"mean": at["mean"], "spread": at["var"]})
    _each(code, channels, vectors, {"spread": leaf("spread") * (1 / rows)})
    code.finish()
    return code.module


def _merge_moments(code: Code, moments: Value, rows: int, each: int, channels: int, at: dict[str, Value]
                   ) -> dict[str, Plane]:  # fmt: skip
    """Mean and sum of squared deviations ("spread") of all pieces, into places of `at`; the places as planes."""
    pieces, gap = ceil(rows / each), each * ceil(rows / each) - rows  # what the last piece lacks
    means, spreads = (Plane(code.at(moments, start), pixel=2 * channels) for start in (0, channels))
    end = Plane(code.at(moments, (pieces - 1) * 2 * channels))
    _sums(code, pieces, channels, {"part": means}, [(leaf("part"), at["mean"], each / rows)])
    vectors = {name: Plane(pointer) for name, pointer in at.items()} | {"end": end}
    if gap:
        _each(code, channels, vectors, {"mean": leaf("mean") - leaf("end") * (gap / rows)})
    distance = leaf("part") - leaf("mean")
    around = leaf("inside") + distance * distance * float(each)
    planes = {"part": means, "inside": spreads, "mean": vectors["mean"]}
    _sums(code, pieces, channels, planes, [(around, at["spread"], 1.0)])
    if gap:
        distance = leaf("end") - leaf("mean")
        _each(code, channels, vectors, {"spread": leaf("spread") - distance * distance * float(gap)})
    return vectors


def emit_merge_gradient(rows: int, pieces: int, channels: int) -> ir.Module:
    """Thread 0 does it."""
    names = ("sums", "mean", "rstd", "scale", "dweight", "dbias", "slope", "offset")
    code, at = _begin("batch_norm_merge_gradient", names)
    parts = {n: Plane(code.at(at["sums"], i * channels), pixel=2 * channels) for i, n in enumerate(("weight", "bias"))}
    _sums(code, pieces, channels, parts, [(leaf(name), at["d" + name], 1.0) for name in parts])
    results = {
        "slope": leaf("scale") * leaf("rstd") * leaf("dweight") * (-1 / rows),
        "offset": leaf("scale") * leaf("dbias") * (-1 / rows) - leaf("mean") * leaf("slope"),
    }
    _each(code, channels, {name: Plane(pointer) for name, pointer in at.items()}, results)
    code.finish()
    return code.module


def _begin(name: str, arrays: tuple[str, ...]) -> tuple[Code, dict[str, Value]]:
    code = new_kernel(name)
    return code, {array: code.pointer(code.arguments[0], slot) for slot, array in enumerate(arrays)}


def _sums(code: Code, pieces: int, channels: int, planes: dict[str, Plane], sums: list) -> None:
    """Sums over pieces, for each channel."""
    Sweep(1, 1, pieces, channels, planes).run(code, {}, sums)


def _each(code: Code, channels: int, vectors: dict[str, Plane], results: dict[str, Expr]) -> None:
    """Formulas over vectors of channels, one after the other, into the vectors of their names."""
    Sweep(1, 1, 1, channels, vectors).run(code, {name: (expr, vectors[name]) for name, expr in results.items()})
