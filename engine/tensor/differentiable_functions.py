"""Kernels of the gradients of `engine.tensor.functions` on tensors: slopes, scans, scattering, matrices, windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.ops import elementary as el
from engine.ops import elementwise as ew
from engine.ops import layout, scans, scattering
from engine.ops import linear_algebra as la
from engine.tensor.formula import linear
from engine.tensor.tape import apply, wrap

Shape = tuple[int, ...]


def _op(op: Callable[..., Any], tensors: int = 1) -> Callable[..., Any]:
    """A kernel whose first arguments are the tensors of an op and whose others are its options."""
    return lambda self, *given: apply(op(*given[tensors:]), *given[:tensors])


class FunctionKernels:
    """The part of `DifferentiableKernels` that belongs to functions."""

    device: Any
    where: Any

    cosh, sinh = _op(lambda: el.Elementary("cosh")), _op(lambda: el.Elementary("sinh"))
    i0, i0e = _op(lambda: el.Elementary("i0")), _op(lambda: el.Elementary("i0e"))
    i1, i1e = _op(lambda: el.Elementary("i1")), _op(lambda: el.Elementary("i1e"))
    lgamma, erfcx = _op(lambda: el.Elementary("lgamma")), _op(lambda: el.Elementary("erfcx"))
    exp2, floor, trunc = _op(lambda: el.ElementaryByResult("exp2")), _op(ew.Floor), _op(el.Trunc)
    polygamma, cumprod, logcumsumexp = _op(el.Polygamma), _op(scans.CumProd), _op(scans.LogCumSumExp)
    scatter_add, scatter_prod = _op(scattering.ScatterAdd, 3), _op(scattering.ScatterProd, 3)
    solve, inv = _op(la.Solve, 2), _op(la.Inverse)
    diagonal, unfold = _op(layout.Diagonal), _op(layout.Unfold)

    def copysign(self, size: float, x: Any) -> Any:
        """A number with the sign of x, which does not change with it."""
        return wrap(self.device.kernels.copysign(size, x.array), self.device)

    def logical_and(self, a: Any, b: Any) -> Any:
        return a.logical_and(b)

    def cumprod_backward(self, grad: Any, x: Any, out: Any, axis: int) -> Any:
        """grad times the products so far without each element, out of products alone, so that zeros do no harm."""
        rows, grad = x.transpose(axis, -1), grad.transpose(axis, -1)  # (..., N)
        n = rows.shape[-1]
        itself = wrap(self.device.kernels.arange(n), self.device)
        others = self.where(itself.unsqueeze(1) == itself, 1, rows.unsqueeze(-2))  # (..., without i, N)
        return (grad.unsqueeze(-2) * self.cumprod(others, -1)).triu().sum(-1).transpose(axis, -1)

    def logcumsumexp_backward(self, grad: Any, x: Any, out: Any, axis: int) -> Any:
        """exp(x) Σ grad exp(-out) over all from here on, both off the greatest of a row."""
        top = out.detach().amax(axis, True)
        turn = (slice(None),) * (axis % x.ndim) + (slice(None, None, -1),)
        return (x - top).exp() * (grad * (top - out).exp())[turn].cumsum(axis)[turn]

    def scatter_fill(self, x: Any, index: Any, value: float, axis: int) -> Any:
        return apply(scattering.ScatterFill(axis, value), x, index)

    def put_diagonal(self, values: Any, shape: Shape, offset: int, axis1: int, axis2: int) -> Any:
        return linear(
            "put_diagonal",
            lambda k, values: k.put_diagonal(values, shape, offset, axis1, axis2),
            lambda k, up: k.diagonal(up, offset, axis1, axis2),
            values,
        )

    def fold(self, x: Any, shape: Shape, *window: Any) -> Any:
        return apply(layout.Fold(*window, tuple(shape[2:])), x)

    def cofactors(self, a: Any) -> Any:
        """|A| A⁻ᵀ: of matrices that have an inverse."""
        return apply(la.Determinant(), a).unsqueeze(-1).unsqueeze(-1) * self.inv(a).mT
