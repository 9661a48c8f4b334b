"""The functions of matrices that stand beside `linalg` by older names."""

from __future__ import annotations

from typing import Any, NamedTuple

from engine.tensor.functions import linalg


class SVD(NamedTuple):
    """U, the singular values, V: not Vᵀ."""

    U: Any
    S: Any
    V: Any


def inverse(input: Any) -> Any:
    """A⁻¹: linalg.inv.

    >>> import engine
    >>> engine.inverse(engine.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return linalg.inv(input)


def det(input: Any) -> Any:
    """The determinant: linalg.det.

    >>> import engine
    >>> engine.det(engine.tensor([[2.0, 1.0], [4.0, 4.0]]))
    tensor(4.)
    """
    return linalg.det(input)


def slogdet(input: Any) -> linalg.SLogDet:
    """The sign of the determinant, and the logarithm of its size: linalg.slogdet.

    >>> import engine
    >>> engine.slogdet(engine.tensor([[0.0, 1.0], [1.0, 0.0]])).sign
    tensor(-1.)
    """
    return linalg.slogdet(input)


def logdet(input: Any) -> Any:
    """The logarithm of the determinant; no number where it is below 0.

    >>> import engine
    >>> engine.logdet(engine.eye(2))
    tensor(0.)
    """
    sign, size = linalg.slogdet(input)
    return size.masked_fill(sign < 0, float("nan"))


def cholesky(input: Any, upper: bool = False) -> Any:
    """The lower (or upper) triangular factor: linalg.cholesky.

    >>> import engine
    >>> engine.cholesky(engine.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    return linalg.cholesky(input, upper=upper)


def qr(input: Any, some: bool = True) -> linalg.QR:
    """Q and R, of which the product is A: linalg.qr, reduced or (some=False) complete.

    >>> import engine
    >>> engine.qr(engine.eye(2)).R.abs()
    tensor([[1., 0.],
            [0., 1.]])
    """
    return linalg.qr(input, "reduced" if some else "complete")


def svd(input: Any, some: bool = True, compute_uv: bool = True) -> SVD:
    """U, S and V, of which U diag(S) Vᵀ is A: linalg.svd with V itself.

    Args:
        some: U and V have min(M, N) columns; else they are square.
        compute_uv: False gives zeros for them.

    >>> import engine
    >>> engine.svd(engine.tensor([[0.0, 2.0], [3.0, 0.0]])).S
    tensor([3., 2.])
    """
    if not compute_uv:
        m, n = input.shape[-2:]
        return SVD(input.new_zeros(m, m), linalg.svdvals(input), input.new_zeros(n, n))
    u, s, vh = linalg.svd(input, full_matrices=not some)
    return SVD(u, s, vh.mT)


def pinverse(input: Any, rcond: float = 1e-15) -> Any:
    """The pseudo-inverse: linalg.pinv.

    Args:
        rcond: singular values of at most so many times the greatest count as 0.

    >>> import engine
    >>> engine.pinverse(engine.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    return linalg.pinv(input, rtol=rcond)


def lu_solve(b: Any, LU_data: Any, LU_pivots: Any) -> Any:
    """The X of which A X is b, by what `linalg.lu_factor` made of A: LU_data and LU_pivots.

    >>> import engine
    >>> factors = engine.linalg.lu_factor(engine.tensor([[1.0, 2.0], [4.0, 4.0]]))
    >>> engine.lu_solve(engine.tensor([[3.0], [8.0]]), *factors)
    tensor([[1.],
            [1.]])
    """
    return linalg.lu_solve(LU_data, LU_pivots, b)
