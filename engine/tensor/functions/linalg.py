"""`engine.linalg`: norms, inverses, determinants and decompositions, of matrices and of batches of them.

All have gradients, but qr of matrices with more columns than rows and svd with full_matrices, which say so.
"""

from __future__ import annotations

import importlib
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.errors import OptionError, ShapeError, TypeMismatch
from engine.ops import linear_algebra as la
from engine.ops import reduction as red
from engine.ops.base import axes_of, times
from engine.ops.elementwise import require_float
from engine.tensor.creation import arange
from engine.tensor.functions.assembling import broadcast_shapes
from engine.tensor.functions.assembling import vander as _vander
from engine.tensor.functions.axes import diagonal as _diagonal
from engine.tensor.functions.axes import movedim
from engine.tensor.functions.products import cross as _cross
from engine.tensor.functions.products import matrix_power, multi_dot
from engine.tensor.operands import cast, meet
from engine.tensor.reductions import Dim, axes_meant
from engine.tensor.tape import apply

if TYPE_CHECKING:
    from engine.tensor.functions.factored import lstsq, lu, lu_factor, lu_solve, matrix_exp

__all__ = [
    "cholesky", "cond", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "lstsq", "lu", "lu_factor",
    "lu_solve", "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr",
    "slogdet", "solve", "solve_triangular", "svd", "svdvals", "vander", "vecdot", "vector_norm",
]  # fmt: skip


class QR(NamedTuple):
    """Q with orthonormal columns, R upper triangular."""

    Q: Any
    R: Any


class SVD(NamedTuple):
    """U, the singular values, Vᵀ."""

    U: Any
    S: Any
    Vh: Any


class EigH(NamedTuple):
    """Eigenvalues, ascending, and eigenvectors in columns."""

    eigenvalues: Any
    eigenvectors: Any


class SLogDet(NamedTuple):
    """The sign of a determinant, and the logarithm of its size."""

    sign: Any
    logabsdet: Any


def vector_norm(x: Any, ord: float = 2, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """(Σ |x|^ord)^(1 / ord), of all elements or along axes.

    Args:
        ord: inf and -inf are the greatest and the smallest |x|, 0 is how many are other than 0.
        dim: an axis, several, or None for all.

    >>> import engine
    >>> engine.linalg.vector_norm(engine.tensor([3.0, -4.0])), engine.linalg.vector_norm(engine.tensor([3.0, -4.0]), 1)
    (tensor(5.), tensor(7.))
    """
    x = x if dtype is None else cast(x, dtype)
    require_float("linalg.vector_norm", x.dtype)
    return apply(red.Norm(axes_meant("linalg.vector_norm", x, dim), keepdim, float(ord)), x)


def matrix_norm(A: Any, ord: Any = "fro", dim: tuple[int, int] = (-2, -1), keepdim: bool = False, *,
                dtype: Any = None) -> Any:  # fmt: skip
    """A norm of matrices.

    Args:
        ord: "fro" (root of the sum of squares), "nuc" (sum of the singular values), 2 and -2 (the greatest and the
            smallest of them), 1 and -1 (of the column sums of |A|), inf and -inf (of its row sums).
        dim: the axes of rows and columns.

    >>> import engine
    >>> A = engine.tensor([[3.0, 0.0], [0.0, 4.0]])
    >>> engine.linalg.matrix_norm(A), engine.linalg.matrix_norm(A, "nuc")
    (tensor(5.), tensor(7.))
    """
    A = A if dtype is None else cast(A, dtype)
    la.require_matrix("linalg.matrix_norm", A, square=False)
    rows, columns = axes_of("matrix_norm", tuple(dim), A.ndim)
    if ord == "fro":
        return vector_norm(A, 2, (rows, columns), keepdim)
    if ord not in ("nuc", 1, -1, 2, -2, inf, -inf):
        raise OptionError("matrix_norm", got=f"ord is {ord!r}", expected='"fro", "nuc", 1, -1, 2, -2, inf or -inf')
    x = movedim(A, (rows, columns), (-2, -1))
    if ord == "nuc" or abs(ord) == 2:
        values = svdvals(x)
    else:
        values = x.abs().sum(-2 if abs(ord) == 1 else -1)
    out = values.sum(-1) if ord == "nuc" else values.amax(-1) if ord > 0 else values.amin(-1)
    if not keepdim:
        return out
    return out.reshape([1 if i in (rows, columns) else n for i, n in enumerate(A.shape)])


def norm(A: Any, ord: Any = None, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The norm of vectors, or, where `dim` names two axes or ord is one of matrices, of matrices.

    Args:
        ord: as of `vector_norm`, or of `matrix_norm`; None is the root of the sum of squares.
        dim: an axis of vectors, two axes of matrices, or None for all elements.

    >>> import engine
    >>> engine.linalg.norm(engine.tensor([3.0, 4.0])), engine.linalg.norm(engine.tensor([[1.0, -2.0], [3.0, 4.0]]), 1)
    (tensor(5.), tensor(6.))
    """
    if dim is None and ord is not None and A.ndim not in (1, 2):
        raise ShapeError("linalg.norm", got=f"a tensor of {times(A.shape)}", expected="1 or 2 axes, or dim")
    matrices = (dim is not None and not isinstance(dim, int) and len(dim) == 2) or (dim is None and A.ndim == 2)
    if ord is not None and matrices:
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    if isinstance(ord, str):
        raise OptionError("linalg.norm", got=f"ord is {ord!r} for vectors", expected="a number")
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


def inv(A: Any) -> Any:
    """A⁻¹.   (..., N, N)

    Raises:
        EngineError: where a matrix is singular.

    >>> import engine
    >>> engine.linalg.inv(engine.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return apply(la.Inverse(), A)


def solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """The X of which A X is B, or (left=False) X A is B.   A (..., N, N), B (..., N, K) or (..., N)

    Args:
        left: on which side of X A stands.

    Raises:
        EngineError: where a matrix is singular.

    >>> import engine
    >>> engine.linalg.solve(engine.tensor([[2.0, 0.0], [0.0, 4.0]]), engine.tensor([1.0, 1.0]))
    tensor([0.5000, 0.2500])
    """
    la.require_matrix("linalg.solve", A)
    if A.dtype != B.dtype:
        raise TypeMismatch("linalg.solve", got=f"{A.dtype} and {B.dtype}", expected="one dtype")
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    if not left:
        A, B = A.mT, B if vector else B.mT
    B = B.unsqueeze(-1) if vector else B
    if B.ndim < 2 or A.shape[-1] != B.shape[-2]:
        raise ShapeError("linalg.solve", got=f"{times(A.shape)} is solved for {times(B.shape)}",
                         expected="as many rows")  # fmt: skip
    batch = broadcast_shapes(A.shape[:-2], B.shape[:-2])
    out = apply(la.Solve(), A.expand((*batch, *A.shape[-2:])), B.expand((*batch, *B.shape[-2:])))
    out = out.squeeze(-1) if vector else out
    return out if left or vector else out.mT


def solve_triangular(A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    """The X of which A X is B, of A only the upper (or lower) triangle being looked at.

    Args:
        A, B: as of `solve`, but B holds matrices.
        upper: which triangle.
        left: on which side of X A stands.
        unitriangular: whether the diagonal of A is taken to be ones.

    >>> import engine
    >>> A = engine.tensor([[2.0, 0.0], [1.0, 4.0]])
    >>> engine.linalg.solve_triangular(A, engine.tensor([[2.0], [9.0]]), upper=False).reshape(-1)
    tensor([1., 2.])
    """
    la.require_matrix("linalg.solve_triangular", A)
    la.require_matrix("linalg.solve_triangular", B, square=False)
    B = B.expand((*broadcast_shapes(A.shape[:-2], B.shape[:-2]), *B.shape[-2:]))  # no batch of vectors
    triangle = A.triu(1 if unitriangular else 0) if upper else A.tril(-1 if unitriangular else 0)
    if unitriangular:
        place = arange(A.shape[-1], device=A.device)
        triangle = triangle + (place.unsqueeze(1) == place).to(A.dtype)
    return solve(triangle, B, left=left)


def det(A: Any) -> Any:
    """The determinant.   (..., N, N) -> (...)

    >>> import engine
    >>> engine.linalg.det(engine.tensor([[2.0, 1.0], [4.0, 4.0]]))
    tensor(4.)
    """
    return apply(la.Determinant(), A)


def slogdet(A: Any) -> SLogDet:
    """The sign of the determinant, and the logarithm of its size.   (..., N, N) -> (...), (...)

    >>> import engine
    >>> engine.linalg.slogdet(engine.tensor([[0.0, 1.0], [1.0, 0.0]])).sign
    tensor(-1.)
    """
    return SLogDet(apply(la.DeterminantSign(), A), apply(la.LogDeterminant(), A))


def cholesky(A: Any, *, upper: bool = False) -> Any:
    """The lower triangular L of which L Lᵀ is A, or (upper) Lᵀ.   (..., N, N), symmetric and positive definite

    Raises:
        EngineError: where a matrix is not positive definite.

    >>> import engine
    >>> engine.linalg.cholesky(engine.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    out = apply(la.Cholesky(), A)
    return out.mT if upper else out


def qr(A: Any, mode: str = "reduced") -> QR:
    """Q with orthonormal columns and R upper triangular, of which Q R is A.   (..., M, N)

    Args:
        mode: "reduced", "complete" (Q is square), or "r" (Q is empty).

    >>> import engine
    >>> q, r = engine.linalg.qr(engine.tensor([[3.0, 1.0], [4.0, 2.0]]))
    >>> (q @ r).allclose(engine.tensor([[3.0, 1.0], [4.0, 2.0]]), atol=1e-5)
    True
    """
    if mode not in ("reduced", "complete", "r"):
        raise OptionError("linalg.qr", got=f"mode is {mode!r}", expected='"reduced", "complete" or "r"')
    out = apply(la.QR("complete" if mode == "complete" else "reduced"), A)
    m = A.shape[-2]
    q, r = out[..., :m, :], out[..., m:, :].mT
    return QR(A.new_zeros(0) if mode == "r" else q, r)


def svd(A: Any, full_matrices: bool = True) -> SVD:
    """U, the singular values, descending, and Vᵀ, of which U diag(S) Vᵀ is A.   (..., M, N)

    Args:
        full_matrices: U and Vᵀ are square, of which there is no gradient.

    >>> import engine
    >>> A = engine.tensor([[0.0, 2.0], [3.0, 0.0], [0.0, 0.0]])
    >>> u, s, vh = engine.linalg.svd(A, full_matrices=False)
    >>> s, (u * s @ vh).allclose(A, atol=1e-5)
    (tensor([3., 2.]), True)
    """
    if full_matrices:
        return SVD(apply(la.FullBasis("u"), A), svdvals(A), apply(la.FullBasis("vh"), A))
    out, m = apply(la.SVD(), A), A.shape[-2]
    return SVD(out[..., :m, :], out[..., m, :], out[..., m + 1 :, :].mT)


def svdvals(A: Any) -> Any:
    """The singular values, descending.   (..., M, N) -> (..., min(M, N))

    >>> import engine
    >>> engine.linalg.svdvals(engine.tensor([[0.0, 2.0], [3.0, 0.0]]))
    tensor([3., 2.])
    """
    return apply(la.SVD(), A)[..., A.shape[-2], :]


def eigh(A: Any, UPLO: str = "L") -> EigH:
    """Eigenvalues, ascending, and eigenvectors of symmetric matrices: A V = V diag(eigenvalues).   (..., N, N)

    Args:
        UPLO: which triangle is looked at, "L" or "U".

    >>> import engine
    >>> engine.linalg.eigh(engine.tensor([[2.0, 1.0], [1.0, 2.0]])).eigenvalues.round(decimals=4)
    tensor([1., 3.])
    """
    if UPLO.upper() not in ("L", "U"):
        raise OptionError("linalg.eigh", got=f"UPLO is {UPLO!r}", expected='"L" or "U"')
    out = apply(la.Eigh(UPLO.upper()), A)
    return EigH(out[..., 0], out[..., 1:])


def eigvalsh(A: Any, UPLO: str = "L") -> Any:
    """The eigenvalues of symmetric matrices, ascending.   (..., N, N) -> (..., N)

    Args:
        UPLO: which triangle is looked at, "L" or "U".

    >>> import engine
    >>> engine.linalg.eigvalsh(engine.tensor([[2.0, 1.0], [1.0, 2.0]])).round(decimals=4)
    tensor([1., 3.])
    """
    return eigh(A, UPLO).eigenvalues


def pinv(A: Any, *, atol: float | None = None, rtol: float | None = None, hermitian: bool = False) -> Any:
    """The pseudo-inverse V diag(1 / S) Uᵀ, of A = U diag(S) Vᵀ.   (..., M, N) -> (..., N, M)

    Args:
        atol, rtol: singular values of at most atol, or rtol times the greatest, count as 0.
        hermitian: accepted for scripts.

    >>> import engine
    >>> engine.linalg.pinv(engine.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    u, s, vh = svd(A, full_matrices=False)
    inverse = 1 / s.masked_fill(~_counts(A, s, atol, rtol), inf)
    return (vh.mT * inverse.unsqueeze(-2)).matmul(u.mT)


def _counts(A: Any, s: Any, atol: float | None, rtol: float | None) -> Any:
    """Which singular values are more than rounding."""
    if rtol is None and atol is None:
        rtol = max(A.shape[-2:]) * (1.1920928955078125e-07 if A.dtype.itemsize == 4 else 2.220446049250313e-16)
    return (s > s[..., :1] * (rtol or 0)) & (s > (atol or 0))


def matrix_rank(A: Any, *, atol: float | None = None, rtol: float | None = None, hermitian: bool = False) -> Any:
    """How many singular values are more than atol and than rtol times the greatest.   (..., M, N) -> (...)

    Args:
        hermitian: accepted for scripts.

    >>> import engine
    >>> engine.linalg.matrix_rank(engine.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    s = svdvals(A.detach())
    return _counts(A, s, atol, rtol).sum(-1)


def cond(A: Any, p: Any = None) -> Any:
    """|A| |A⁻¹|: how much a solution is off where A is off a little.   (..., N, N) -> (...)

    Args:
        p: which norm, as of `matrix_norm`; None is 2, for which the matrices need not be square.

    >>> import engine
    >>> engine.linalg.cond(engine.tensor([[10.0, 0.0], [0.0, 1.0]]))
    tensor(10.)
    """
    if p is None or p in (2, -2):
        s = svdvals(A)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return matrix_norm(A, p) * matrix_norm(inv(A), p)


def cross(input: Any, other: Any, *, dim: int = -1) -> Any:
    """The vector product: (a2 b3 - a3 b2, a3 b1 - a1 b3, a1 b2 - a2 b1), of input a and other b.

    Args:
        dim: the axis, of length 3.

    >>> import engine
    >>> engine.linalg.cross(engine.tensor([1.0, 0.0, 0.0]), engine.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    return _cross(input, other, dim)


def vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    """The inner product along an axis: the sum of x * y.

    Args:
        dim: the axis.

    >>> import engine
    >>> engine.linalg.vecdot(engine.tensor([[1.0, 2.0], [3.0, 4.0]]), engine.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    a, b = meet(x, y)
    return (a * b).sum(dim)


def matmul(input: Any, other: Any) -> Any:
    """The matrix product of input and other: `Tensor.matmul`.

    >>> import engine
    >>> engine.linalg.matmul(engine.ones(2, 3), engine.ones(3, 4)).shape
    (2, 4)
    """
    return input.matmul(other)


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The diagonal of two axes as a last axis, in the same memory.

    Args:
        offset: which diagonal; 1 is the one above.
        dim1, dim2: the axes.

    >>> import engine
    >>> engine.linalg.diagonal(engine.tensor([[1, 2], [3, 4]]), offset=1)
    tensor([2])
    """
    return _diagonal(A, offset, dim1, dim2)


def vander(x: Any, *, N: int | None = None) -> Any:
    """Powers of a row in columns, the lowest first: x_i^j.   (..., M) -> (..., M, N)

    Args:
        N: how many; as many as there are elements where absent.

    >>> import engine
    >>> engine.linalg.vander(engine.tensor([2, 3]), N=3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    return _vander(x, N, increasing=True)


def __getattr__(name: str) -> Any:
    if name in ("lstsq", "lu", "lu_factor", "lu_solve", "matrix_exp"):  # what is built on this file
        return getattr(importlib.import_module("engine.tensor.functions.factored"), name)
    more = "; its results are complex numbers, which are not there: eigh takes symmetric matrices"
    raise AttributeError(f"module 'linalg' has no attribute {name!r}{more if name in ('eig', 'eigvals') else ''}")
