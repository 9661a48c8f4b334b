"""Inverses, determinants and decompositions of matrices and batches of them.

A decomposition gives its parts in one array, from which tensors are cut: so its gradient is one, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.errors import GradientError, ShapeError
from engine.ops.base import Op, Spec, times
from engine.ops.elementwise import require_float


def require_matrix(where: str, a: Any, square: bool = True) -> None:
    """A ShapeError where there is no matrix, or none that is square; a TypeMismatch where it holds no real numbers."""
    if a.ndim < 2 or (square and a.shape[-1] != a.shape[-2]):
        raise ShapeError(where, got=f"a tensor of {times(a.shape)} arrives",
                         expected="a square matrix (..., N, N)" if square else "a matrix (..., M, N)")  # fmt: skip
    require_float(where, a.dtype)


def _t(k, a):
    """The last two axes exchanged."""
    n = a.ndim
    return k.transpose(a, (*range(n - 2), n - 1, n - 2))


def _row(k, a):
    return k.expand_dims(a, (a.ndim - 1,))


def _diagonal_halved(k, a):
    """The lower triangle with half of its diagonal."""
    return k.sub(k.tril(a, 0), k.mul(k.sub(k.tril(a, 0), k.tril(a, -1)), 0.5))


def _gaps(k, values):
    """values (..., N) -> (..., N, N): value j - value i, infinite where it is 0: what is divided by it is 0"""
    return _or_infinite(k, k.sub(_row(k, values), k.expand_dims(values, (values.ndim,))))


def _or_infinite(k, x):
    return k.where(k.eq(x, 0), float("inf"), x)


class _Square(Op):
    checked = True
    where = ""

    def shape(self, a):
        require_matrix(self.where, a)
        return Spec(a.shape, a.dtype)

    def flops(self, a, *others):
        return 2 * a.size * a.shape[-1]


class Inverse(_Square):
    """A⁻¹.   a (..., N, N)"""

    where = "linalg.inv"
    saves = ("out",)

    def forward(self, k, a):
        return k.inv(a)

    def backward(self, k, grad, needs, out):
        turned = _t(k, out)
        return (k.neg(k.matmul(k.matmul(turned, grad), turned)),)


class Solve(_Square):
    """The X of which A X is B.   a (..., N, N), b (..., N, K) -> (..., N, K)"""

    where = "linalg.solve"
    saves = ("a", "out")

    def shape(self, a, b):
        require_matrix(self.where, a)
        if b.ndim != a.ndim or b.shape[:-1] != a.shape[:-1]:
            raise ShapeError(self.where, got=f"{times(a.shape)} is solved for {times(b.shape)}",
                             expected="as many rows")  # fmt: skip
        return Spec(b.shape, b.dtype)

    def forward(self, k, a, b):
        return k.solve(a, b)

    def backward(self, k, grad, needs, a, out):
        by_b = k.solve(_t(k, a), grad)
        return k.neg(k.matmul(by_b, _t(k, out))) if needs[0] else None, by_b if needs[1] else None


class Determinant(_Square):
    """|A|; its gradient is that of singular matrices, too.   a (..., N, N) -> (...)"""

    where = "linalg.det"
    saves = ("a",)

    def shape(self, a):
        return Spec(super().shape(a).shape[:-2], a.dtype)

    def forward(self, k, a):
        return k.det(a)

    def backward(self, k, grad, needs, a):
        return (k.mul(k.expand_dims(grad, (grad.ndim, grad.ndim + 1)), k.cofactors(a)),)


class DeterminantSign(_Square):
    """-1, 0 or 1, as the determinant is.   a (..., N, N) -> (...)"""

    where = "linalg.slogdet"
    differentiable = False

    def shape(self, a):
        return Spec(super().shape(a).shape[:-2], a.dtype)

    def forward(self, k, a):
        return k.slogdet(a)[0]


class LogDeterminant(_Square):
    """log of the size of the determinant.   a (..., N, N) -> (...)"""

    where = "linalg.slogdet"
    saves = ("a",)

    def shape(self, a):
        return Spec(super().shape(a).shape[:-2], a.dtype)

    def forward(self, k, a):
        return k.slogdet(a)[1]

    def backward(self, k, grad, needs, a):
        return (k.mul(k.expand_dims(grad, (grad.ndim, grad.ndim + 1)), _t(k, k.inv(a))),)


class Cholesky(_Square):
    """The lower triangular L of which L Lᵀ is A.   a (..., N, N), symmetric"""

    where = "linalg.cholesky"
    saves = ("out",)

    def forward(self, k, a):
        return k.cholesky(a)

    def backward(self, k, grad, needs, out):
        turned = _t(k, out)
        inner = _diagonal_halved(k, k.matmul(turned, grad))
        half = k.solve(turned, inner)  # L⁻ᵀ inner
        whole = _t(k, k.solve(turned, _t(k, half)))  # L⁻ᵀ inner L⁻¹
        return (k.mul(k.add(whole, _t(k, whole)), 0.5),)


@dataclass(eq=False)
class Eigh(_Square):
    """Eigenvalues, ascending, and eigenvectors of a symmetric matrix.   a (..., N, N) -> (..., N, 1 + N)"""

    uplo: str
    where = "linalg.eigh"
    saves = ("out",)

    def shape(self, a):
        super().shape(a)
        return Spec((*a.shape[:-1], a.shape[-1] + 1), a.dtype)

    def forward(self, k, a):
        return k.eigh(a, self.uplo)

    def backward(self, k, grad, needs, out):
        values, vectors = k.getitem(out, (..., 0)), k.getitem(out, (..., slice(1, None)))
        by_values, by_vectors = k.getitem(grad, (..., 0)), k.getitem(grad, (..., slice(1, None)))
        turned = _t(k, vectors)
        turning = k.div(k.matmul(turned, by_vectors), _gaps(k, values))
        inner = k.matmul(turning, turned)
        stretching = k.matmul(k.mul(vectors, _row(k, by_values)), turned)
        whole = k.add(k.matmul(vectors, inner), stretching)
        return (k.mul(k.add(whole, _t(k, whole)), 0.5),)  # of a symmetric matrix, whose halves change together


@dataclass(eq=False)
class QR(Op):
    """Q with orthonormal columns and R upper triangular, of which Q R is A.   a (..., M, N) -> Q above Rᵀ"""

    mode: str  # "reduced" or "complete"
    saves = ("out", "a.shape")
    checked = True

    def shape(self, a):
        require_matrix("linalg.qr", a, square=False)
        m, n = a.shape[-2:]
        return Spec((*a.shape[:-2], m + n, m if self.mode == "complete" else min(m, n)), a.dtype)

    def forward(self, k, a):
        return k.qr(a, self.mode)

    def backward(self, k, grad, needs, out, shape):
        m, n = shape[-2:]
        if m < n or (self.mode == "complete" and m > n):
            raise GradientError("linalg.qr", got=f"a gradient was asked for of a {m} x {n} matrix, mode {self.mode!r}",
                                expected='at least as many rows as columns, mode "reduced"')  # fmt: skip
        q, r = k.getitem(out, (..., slice(m), slice(None))), _t(k, k.getitem(out, (..., slice(m, None), slice(None))))
        by_q = k.getitem(grad, (..., slice(m), slice(None)))
        by_r = _t(k, k.getitem(grad, (..., slice(m, None), slice(None))))
        mixed = k.sub(k.matmul(r, _t(k, by_r)), k.matmul(_t(k, by_q), q))
        low = k.tril(mixed, -1)
        symmetric = k.add(k.tril(mixed, 0), _t(k, low))
        rhs = k.add(by_q, k.matmul(q, symmetric))
        return (_t(k, k.solve(r, _t(k, rhs))),)  # rhs R⁻ᵀ

    def flops(self, a):
        return 2 * a.size * min(a.shape[-2:])


class SVD(Op):
    """U, the singular values, V, of which U diag(S) Vᵀ is A.   a (..., M, N) -> (..., M + 1 + N, min(M, N))"""

    saves = ("out", "a.shape")
    checked = True

    def shape(self, a):
        require_matrix("linalg.svd", a, square=False)
        m, n = a.shape[-2:]
        return Spec((*a.shape[:-2], m + 1 + n, min(m, n)), a.dtype)

    def forward(self, k, a):
        return k.svd(a)

    def backward(self, k, grad, needs, out, shape):
        m = shape[-2]
        u, s, v = (k.getitem(out, (..., part, slice(None))) for part in (slice(m), m, slice(m + 1, None)))
        by_u, by_s, by_v = (k.getitem(grad, (..., part, slice(None))) for part in (slice(m), m, slice(m + 1, None)))
        ut, vt, row, column = _t(k, u), _t(k, v), _row(k, s), k.expand_dims(s, (s.ndim,))
        gaps = _gaps(k, k.square(s))

        def turning(basis_t, by_basis):
            inner = k.matmul(basis_t, by_basis)
            return k.div(k.sub(inner, _t(k, inner)), gaps)

        n = s.shape[-1]
        on_diagonal = k.eq(k.reshape(k.arange(n), (n, 1)), k.arange(n))
        stretching = k.where(on_diagonal, _row(k, by_s), k.mul(_row(k, by_s), 0))
        inner = k.add(k.add(k.mul(turning(ut, by_u), row), k.mul(column, turning(vt, by_v))), stretching)
        whole = k.matmul(k.matmul(u, inner), vt)
        aside_u, aside_v = k.div(by_u, _or_infinite(k, row)), k.div(by_v, _or_infinite(k, row))
        whole = k.add(whole, k.matmul(k.sub(aside_u, k.matmul(u, k.matmul(ut, aside_u))), vt))
        return (k.add(whole, k.matmul(u, _t(k, k.sub(aside_v, k.matmul(v, k.matmul(vt, aside_v)))))),)

    def flops(self, a):
        return 4 * a.size * min(a.shape[-2:])


@dataclass(eq=False)
class FullBasis(Op):
    """All of U ("u", M x M) or of Vᵀ ("vh", N x N), of which the decomposition fixes only a part: no gradient."""

    side: str
    checked = True

    def shape(self, a):
        require_matrix("linalg.svd", a, square=False)
        n = a.shape[-2 if self.side == "u" else -1]
        return Spec((*a.shape[:-2], n, n), a.dtype)

    def forward(self, k, a):
        return k.full_svd(a)[0 if self.side == "u" else 2]

    def backward(self, k, grad, needs):
        raise GradientError("linalg.svd", got="a gradient was asked for of the full bases",
                            expected="full_matrices=False")  # fmt: skip

    def flops(self, a):
        return 4 * a.size * min(a.shape[-2:])


class LU(_Square):
    """L below the diagonal, whose own is of ones, and U, of a matrix whose rows stand in order.   a (..., N, N)"""

    where = "linalg.lu_factor"
    saves = ("out",)

    def forward(self, k, a):
        return k.lu(a)[0]

    def backward(self, k, grad, needs, out):
        upper, below = k.triu(out, 0), k.tril(out, -1)
        on_diagonal = k.eq(k.reshape(k.arange(out.shape[-1]), (out.shape[-1], 1)), k.arange(out.shape[-1]))
        lower = k.where(on_diagonal, 1, below)
        by_lower = k.tril(k.matmul(_t(k, lower), k.tril(grad, -1)), -1)
        by_upper = k.triu(k.matmul(k.triu(grad, 0), _t(k, upper)), 0)
        inner = k.solve(_t(k, lower), k.add(by_lower, by_upper))
        return (_t(k, k.solve(upper, _t(k, inner))),)  # L⁻ᵀ (...) U⁻ᵀ


class Pivots(Op):
    """With which row, counted from 1, each row is exchanged on the way to LU.   a (..., M, N) -> (..., min(M, N))"""

    differentiable = False

    def shape(self, a):
        require_matrix("linalg.lu_factor", a, square=False)
        return Spec((*a.shape[:-2], min(a.shape[-2:])), "int32")

    def forward(self, k, a):
        return k.lu(a)[1]


@dataclass(eq=False)
class Exchanged(Op):
    """The rows in the order in which exchanges leave them.   pivots (..., K) -> (..., count)"""

    count: int
    differentiable = False

    def shape(self, pivots):
        return Spec((*pivots.shape[:-1], self.count), "int64")

    def forward(self, k, pivots):
        return k.exchanged(pivots, self.count)
