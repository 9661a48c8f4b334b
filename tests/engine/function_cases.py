"""The cases of the ops behind `engine.tensor.functions`, for test_ops_gradients."""

from __future__ import annotations

import numpy as np

from engine.ops import elementary as el
from engine.ops import elementwise as ew
from engine.ops import layout, scans, scattering
from engine.ops import linear_algebra as la
from engine.ops import reduction as red
from engine.ops.base import Spec

ELSEWHERE = {la.Cholesky, la.Eigh, la.FullBasis}
"""Ops of symmetric matrices only, or without a gradient: see test_linear_algebra."""


def add(case, random, apart, pairs):
    """Hand all cases to `case`."""
    elementary(case, random, pairs)
    along_axes(case, random, apart)
    indices(case, random, apart)
    matrices(case, random)


def elementary(case, random, pairs):
    for kind in ("remainder", "fmod"):
        case(el.Modulo(kind), random(3, 4), random(4, low=0.3, high=2.0), label=kind)
    for kind in el.BY_INPUT:
        low, high = {"acosh": (1.2, 3), "asin": (-0.9, 0.9), "acos": (-0.9, 0.9), "atanh": (-0.9, 0.9)}.get(
            kind, (0.3, 2)
        )
        case(el.Elementary(kind), random(3, 4, low=low, high=high), label=kind)
    for kind in el.BY_RESULT:
        case(el.ElementaryByResult(kind), random(3, 4, low=-0.9, high=0.9), label=kind)
    for order in (0, 1, 2):
        case(el.Polygamma(order), random(3, 4, low=0.3, high=2.0), label=str(order))
    case(el.Polygamma(0), random(6, low=-2.9, high=-2.1), label="below-0")
    case(el.Elementary("lgamma"), random(6, low=-2.9, high=-2.1), label="lgamma-below-0")
    case(el.Elementary("erfc"), random(20, low=-3, high=5), label="erfc-wide")
    case(el.Trunc(), random(3, 4))
    case(ew.Deviation(), np.array([0.5, 2.0]))
    case(el.Whole("bitwise_not"), np.arange(4))
    for kind in ("bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "gcd", "lcm"):
        case(el.WholePair(kind), np.arange(12).reshape(3, 4), np.arange(4), label=kind)
    for a, b in pairs:
        for op in (el.ATan2(), el.Hypot(), el.LogAdd("logaddexp"), el.LogAdd("logaddexp2"), el.CopySign()):
            case(
                op, random(*a), random(*b) + np.where(random(*b) > 0, 3, -3), label=f"{op.name}{a}{b}".replace(" ", "")
            )


def along_axes(case, random, apart):
    for order in (0.0, 0.5, 1.0, 2.0, 3.0, -1.0, np.inf, -np.inf):
        case(red.Norm(None, False, order), apart(2, 3, 4), label=str(order))
        case(red.Norm((1,), True, order), apart(2, 3, 4), label=f"{order}-axis")
    for axis in (0, -1):
        case(scans.CumProd(axis), random(2, 3, 4))
        case(
            scans.CumProd(axis),
            np.array([[1.0, 0.0, 2.0, 3.0], [0.5, 0.0, 0.0, 1.5], [0.0, 2.0, 1.0, 0.0]]),
            label="zeros",
        )
        case(scans.LogCumSumExp(axis), random(2, 3, 4))
        case(scans.CumArg("cummax", axis), apart(3, 4))
        case(scans.CumArg("cummin", axis), apart(3, 4))
        case(scans.ArgSort(axis, axis == 0), apart(3, 4))
    case(scans.SearchSorted(False), np.arange(4), np.array([[0, 3], [9, 2]]))
    case(scans.SearchSorted(True), np.arange(8).reshape(2, 4), np.array([[0, 3], [9, 5]]), label="rows")
    case(scans.IsIn(), np.arange(6).reshape(2, 3), np.array([1, 4]))


def indices(case, random, apart):
    index = np.array([[0, 2, 1, 0], [0, 2, 0, 0], [1, 2, 1, 0]])
    case(scattering.Scatter(0), random(3, 4), np.array([[0, 2, 1, 0], [2, 0, 0, 1]]), random(3, 5))
    case(scattering.ScatterFill(1, 2.5), random(3, 4), index)
    for values in (random(3, 4), random(4, 5)):
        case(scattering.ScatterAdd(0), random(3, 4), index, values)
        case(scattering.ScatterProd(0), random(3, 4), index, values)
        for kind in ("amax", "amin"):
            for include in (True, False):
                case(scattering.ScatterExtreme(0, kind, include), apart(3, 4), index, values + apart(*values.shape))
    case(scattering.PutAdd((np.array([0, 2, 0]), slice(1, 3))), random(3, 4), random(2))
    case(layout.Diagonal(1, 0, 2), random(3, 2, 4))
    case(layout.Diagonal(-1, 1, 0), random(3, 4))
    case(layout.DiagonalEmbed(1), random(2, 3))
    case(layout.DiagonalEmbed(-2), random(3))
    for window in (((2, 2), (1, 2), ((0, 0), (1, 1)), (1, 1)), ((3, 2), (2, 1), ((1, 1), (0, 0)), (1, 2))):
        case(layout.Unfold(*window), random(2, 3, 5, 4))
        places = np.zeros((2, 3, 5, 4))
        case(layout.Fold(*window, (5, 4)), random(*layout.Unfold(*window).shape(Spec(places.shape)).shape))


def matrices(case, random):
    square = random(3, 3)
    square = square @ square.T + 2 * np.eye(3)
    for op in (la.Inverse(), la.Determinant(), la.LogDeterminant(), la.DeterminantSign()):
        case(op, square)
        case(op, np.stack([square, -np.roll(square, 1, 0)]), label=f"{op.name}-batch")
    case(la.Solve(), square, random(3, 2))
    case(la.Solve(), np.stack([square, square.T + 1]), random(2, 3, 2), label="batch")
    case(la.SVD(), random(3, 2))
    case(la.SVD(), random(2, 2, 3))
    case(la.LU(), square + 9 * np.eye(3))
    case(la.LU(), random(2, 3, 3) + 9 * np.eye(3), label="batch")
    case(la.Pivots(), random(2, 4, 3))
    case(la.Exchanged(4), np.array([[3, 2, 3], [2, 2, 4]], "int32"))
    case(la.QR("reduced"), random(4, 3))
    case(la.QR("reduced"), random(2, 3, 3))
