"""Matrices in triangles: LU and Cholesky factors and what is solved by them; least squares; e to a matrix.

All have gradients. Rows are exchanged as the values say, once; the gradient is that of the matrix with its rows in that
order, whose triangles are an op, and of what is solved beside them.
"""

from __future__ import annotations

from math import ceil, log2
from typing import Any, NamedTuple

from engine.errors import OptionError, ShapeError
from engine.ops import linear_algebra as la
from engine.ops.base import times
from engine.tensor.creation import eye, zeros
from engine.tensor.functions import linalg
from engine.tensor.shapes import cat
from engine.tensor.tape import apply
from engine.wording import counted

DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


class LU(NamedTuple):
    """L below the diagonal and U in one matrix, and with which row, counted from 1, each row was exchanged."""

    LU: Any
    pivots: Any


class PLU(NamedTuple):
    """P, L and U, of which the product is A."""

    P: Any
    L: Any
    U: Any


class LeastSquares(NamedTuple):
    """The solution, the sums of squares that are left, the rank, and the singular values."""

    solution: Any
    residuals: Any
    rank: Any
    singular_values: Any


def lu_factor(A: Any, *, pivot: bool = True) -> LU:
    """L and U of a matrix whose rows are exchanged so that no step divides by a smaller number than it must.

    Args:
        pivot: whether rows may be exchanged: always.

    Shape:
        A: (..., M, N) -> LU (..., M, N), pivots (..., min(M, N)) of int32

    >>> import engine
    >>> engine.linalg.lu_factor(engine.tensor([[1.0, 2.0], [4.0, 4.0]]))
    LU(LU=tensor([[4.0000, 4.0000],
            [0.2500, 1.0000]]), pivots=tensor([2, 2], dtype=int32))
    """
    if not pivot:
        raise OptionError("linalg.lu_factor", got="pivot is False", expected="True, without which it may divide by 0")
    la.require_matrix("linalg.lu_factor", A, square=False)
    m, n = A.shape[-2:]
    k = min(m, n)
    pivots = apply(la.Pivots(), A)
    ordered = A.take_along_dim(_order(pivots, m).unsqueeze(-1), -2)
    square = apply(la.LU(), ordered[..., :k, :k])
    if n > k:
        beside = linalg.solve_triangular(square, ordered[..., k:], upper=False, unitriangular=True)
        return LU(cat([square, beside], -1), pivots)
    if m > k:
        below = linalg.solve_triangular(square, ordered[..., k:, :], upper=True, left=False)
        return LU(cat([square, below], -2), pivots)
    return LU(square, pivots)


def _order(pivots: Any, count: int) -> Any:
    """The rows in the order in which exchanges leave them.   (..., K) -> (..., count)"""
    return apply(la.Exchanged(count), pivots)


def lu_unpack(LU_data: Any, LU_pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True) -> PLU:
    """P, L and U out of what `lu_factor` gives; what is not wanted is empty.

    Args:
        LU_data: L and U in one matrix.
        LU_pivots: the exchanges of rows.
        unpack_data: whether L and U are wanted.
        unpack_pivots: whether P is wanted.

    >>> import engine
    >>> engine.lu_unpack(*engine.linalg.lu_factor(engine.tensor([[1.0, 2.0], [4.0, 4.0]]))).L
    tensor([[1.0000, 0.0000],
            [0.2500, 1.0000]])
    """
    m, n = LU_data.shape[-2:]
    k = min(m, n)
    none = LU_data.new_empty(0)
    p, lower, upper = none, none, none
    if unpack_data:
        ones = eye(m, k, dtype=LU_data.dtype, device=LU_data.device)
        lower, upper = LU_data[..., :k].tril(-1) + ones, LU_data[..., :k, :].triu()
    if unpack_pivots:
        order = _order(LU_pivots, m)
        p = zeros(*order.shape, m, dtype=LU_data.dtype, device=LU_data.device).scatter(-2, order.unsqueeze(-2), 1.0)
    return PLU(p, lower, upper)


def lu(A: Any, *, pivot: bool = True) -> PLU:
    """P, L and U, of which the product is A: a permutation, a lower triangle with ones on its diagonal, an upper one.

    Args:
        pivot: whether rows may be exchanged: always.

    Shape:
        A: (..., M, N) -> (..., M, M), (..., M, K), (..., K, N), K the lesser of M and N

    >>> import engine
    >>> engine.linalg.lu(engine.tensor([[1.0, 2.0], [4.0, 4.0]])).U
    tensor([[4., 4.],
            [0., 1.]])
    """
    return lu_unpack(*lu_factor(A, pivot=pivot))


def lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False) -> Any:
    """The X of which A X is B, or (left=False) X A is B, by what `lu_factor` made of A.

    Args:
        LU, pivots: what `lu_factor` made of A.
        left: whether A stands on the left.
        adjoint: the same with Aᵀ for A.

    >>> import engine
    >>> factors = engine.linalg.lu_factor(engine.tensor([[1.0, 2.0], [4.0, 4.0]]))
    >>> engine.linalg.lu_solve(*factors, engine.tensor([[3.0], [8.0]]))
    tensor([[1.],
            [1.]])
    """
    if not left:
        return lu_solve(LU, pivots, B.mT, adjoint=not adjoint).mT
    la.require_matrix("linalg.lu_solve", LU)
    order = _order(pivots, LU.shape[-1]).unsqueeze(-1)
    if adjoint:
        x = linalg.solve_triangular(LU.mT, B, upper=False)
        x = linalg.solve_triangular(LU.mT, x, upper=True, unitriangular=True)
        return x.take_along_dim(order.argsort(-2), -2)
    x = linalg.solve_triangular(LU, B.take_along_dim(order, -2), upper=False, unitriangular=True)
    return linalg.solve_triangular(LU, x, upper=True)


def lstsq(A: Any, B: Any, rcond: float | None = None, *, driver: str | None = None) -> LeastSquares:
    """The X for which the squares of A X - B add up to least, the smallest of several.   A (..., M, N), B (..., M, K)

    Args:
        rcond: singular values of at most this share of the greatest count as 0.
        driver: PyTorch's name of a way to solve it, which here says only what is returned beside the solution.

    >>> import engine
    >>> engine.linalg.lstsq(engine.tensor([[1.0], [1.0], [1.0]]), engine.tensor([[1.0], [2.0], [6.0]])).solution.round()
    tensor([[3.]])
    """
    if driver not in (None, *DRIVERS):
        raise OptionError("linalg.lstsq", got=f"driver is {driver!r}", expected=f"None or one of {DRIVERS}")
    la.require_matrix("linalg.lstsq", A, square=False)
    vector = B.ndim == A.ndim - 1 and B.shape == A.shape[:-1]
    b = B.unsqueeze(-1) if vector else B
    m, n = A.shape[-2:]
    if b.ndim < 2 or b.shape[-2] != m:
        raise ShapeError(
            "linalg.lstsq", got=f"{times(A.shape)} is solved for {times(B.shape)}", expected=f"{counted(m, 'row')}"
        )
    x = linalg.pinv(A, rtol=rcond).matmul(b)
    none = A.new_empty(0)
    rest = (A.matmul(x) - b).square().sum(-2) if driver not in (None, "gelsy") and m > n else none
    rank = none.long() if driver == "gels" else linalg.matrix_rank(A, rtol=rcond)
    values = linalg.svdvals(A) if driver in ("gelsd", "gelss") else none
    return LeastSquares(x.squeeze(-1) if vector else x, rest, rank, values.detach())


def matrix_exp(A: Any) -> Any:
    """I + A + A² / 2 + A³ / 6 + ...: by the series of A / 2^s, which is squared s times.   (..., N, N)

    >>> import engine
    >>> engine.linalg.matrix_exp(engine.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    la.require_matrix("linalg.matrix_exp", A)
    size = float(A.detach().abs().sum(-2).max()) if A.numel() else 0.0
    halvings = max(0, ceil(log2(size))) if size > 0 else 0
    x, one = A / 2.0**halvings, eye(A.shape[-1], dtype=A.dtype, device=A.device)
    out = one + x / 19
    for i in range(18, 0, -1):
        out = one + (x / i).matmul(out)
    for _ in range(halvings):
        out = out.matmul(out)
    return out


def cholesky_solve(input: Any, input2: Any, upper: bool = False) -> Any:
    """The X of which L Lᵀ X is B, L being a Cholesky factor.   B (..., N, K), L (..., N, N)

    Args:
        input: B.
        input2: L, or U with `upper`.
        upper: whether it is U, of which Uᵀ U is meant.

    >>> import engine
    >>> engine.cholesky_solve(engine.tensor([[8.0]]), engine.tensor([[2.0]]))
    tensor([[2.]])
    """
    lower = input2.mT if upper else input2
    return linalg.solve_triangular(lower.mT, linalg.solve_triangular(lower, input, upper=False), upper=True)


def cholesky_inverse(input: Any, upper: bool = False) -> Any:
    """The inverse of L Lᵀ, L being a Cholesky factor; of Uᵀ U with `upper`.   (..., N, N)

    >>> import engine
    >>> engine.cholesky_inverse(engine.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    la.require_matrix("cholesky_inverse", input)
    return cholesky_solve(eye(input.shape[-1], dtype=input.dtype, device=input.device), input, upper)
