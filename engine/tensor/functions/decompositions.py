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
    """A⁻¹: linalg.inv."""
    return linalg.inv(input)


def det(input: Any) -> Any:
    """The determinant: linalg.det."""
    return linalg.det(input)


def slogdet(input: Any) -> linalg.SLogDet:
    """The sign of the determinant, and the logarithm of its size: linalg.slogdet."""
    return linalg.slogdet(input)


def logdet(input: Any) -> Any:
    """The logarithm of the determinant; no number where it is below 0."""
    sign, size = linalg.slogdet(input)
    return size.masked_fill(sign < 0, float("nan"))


def cholesky(input: Any, upper: bool = False) -> Any:
    """The lower (or upper) triangular factor: linalg.cholesky."""
    return linalg.cholesky(input, upper=upper)


def qr(input: Any, some: bool = True) -> linalg.QR:
    """Q and R, of which the product is A: linalg.qr, reduced or (some=False) complete."""
    return linalg.qr(input, "reduced" if some else "complete")


def svd(input: Any, some: bool = True, compute_uv: bool = True) -> SVD:
    """U, S and V, of which U diag(S) Vᵀ is A: linalg.svd with V itself."""
    if not compute_uv:
        m, n = input.shape[-2:]
        return SVD(input.new_zeros(m, m), linalg.svdvals(input), input.new_zeros(n, n))
    u, s, vh = linalg.svd(input, full_matrices=not some)
    return SVD(u, s, vh.mT)


def pinverse(input: Any, rcond: float = 1e-15) -> Any:
    """The pseudo-inverse: linalg.pinv."""
    return linalg.pinv(input, rtol=rcond)
