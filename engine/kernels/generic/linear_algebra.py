"""Inverses and decompositions of matrices and of batches of them, by the array module's LAPACK or cuSOLVER."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy

from engine.errors import EngineError


class LinearAlgebra:
    """a (..., N, N) or (..., M, N)"""

    xp: Any

    def inv(self, a: Any) -> Any:
        """A⁻¹"""
        return self._solved("linalg.inv", self.xp.linalg.inv, a)

    def solve(self, a: Any, b: Any) -> Any:
        """The X of which A X is B.   a (..., N, N), b (..., N, K) -> (..., N, K)"""
        return self._solved("linalg.solve", self.xp.linalg.solve, a, b)

    def _solved(self, where: str, solve: Any, *arrays: Any) -> Any:
        try:
            return solve(*arrays).astype(arrays[0].dtype, copy=False)
        except (numpy.linalg.LinAlgError, self.xp.linalg.LinAlgError):
            raise EngineError(where, got="the matrix is singular", expected="one that has an inverse",
                              mend="add a small number to its diagonal") from None  # fmt: skip

    def det(self, a: Any) -> Any:
        """The determinant."""
        return self.xp.asarray(self.xp.linalg.det(a))

    def slogdet(self, a: Any) -> tuple[Any, Any]:
        """The sign of the determinant, and the logarithm of its size."""
        sign, size = self.xp.linalg.slogdet(a)
        return self.xp.asarray(sign), self.xp.asarray(size)

    def cofactors(self, a: Any) -> Any:
        """d det A / d A, of singular matrices too: |U| |V| U diag(Π of the other singular values) Vᵀ."""
        if not a.size:
            return self.xp.zeros(a.shape, a.dtype)
        u, s, vh = self.xp.linalg.svd(a)
        n = s.shape[-1]
        rest = self.xp.where(self.xp.eye(n, dtype=bool), 1, s[..., None, :]).prod(axis=-1)  # (..., N)
        sign = self.xp.linalg.det(u) * self.xp.linalg.det(vh)
        return ((u * (rest * sign[..., None])[..., None, :]) @ vh).astype(a.dtype, copy=False)

    def cholesky(self, a: Any) -> Any:
        """The lower triangular L of which L Lᵀ is A."""
        try:
            return self.xp.linalg.cholesky(a)
        except (numpy.linalg.LinAlgError, self.xp.linalg.LinAlgError):
            raise EngineError("linalg.cholesky", got="the matrix is not positive definite",
                              expected="a symmetric one with eigenvalues above 0",
                              mend="add a small number to its diagonal") from None  # fmt: skip

    def eigh(self, a: Any, uplo: str) -> Any:
        """Eigenvalues, ascending, as the first column, the eigenvectors in the columns behind.   -> (..., N, 1 + N)"""
        values, vectors = self.xp.linalg.eigh(a, uplo)
        return self.xp.concatenate((values[..., None], vectors), axis=-1)

    def qr(self, a: Any, mode: str) -> Any:
        """Q above Rᵀ.   -> (..., M + N, K)"""
        q, r = self.xp.linalg.qr(a, mode)
        return self.xp.concatenate((q, r.swapaxes(-1, -2)), axis=-2)

    def svd(self, a: Any) -> Any:
        """U above a row of the singular values above V.   -> (..., M + 1 + N, K), K the lesser of M and N"""
        u, s, vh = self.xp.linalg.svd(a, full_matrices=False)
        return self.xp.concatenate((u, s[..., None, :], vh.swapaxes(-1, -2)), axis=-2)

    def full_svd(self, a: Any) -> tuple[Any, Any, Any]:
        """U (..., M, M), singular values (..., K), Vᵀ (..., N, N)"""
        return self.xp.linalg.svd(a)

    def lu(self, a: Any) -> tuple[Any, Any]:
        """L and U in one matrix, and the exchanges of rows, from 1: column by column, all matrices together."""
        m, n = a.shape[-2:]
        out = self.xp.array(a.reshape(prod(a.shape[:-2]), m, n))
        every, pivots = self.xp.arange(len(out)), self.xp.zeros((len(out), min(m, n)), "int32")
        for j in range(min(m, n)):
            pivot = j + self.xp.abs(out[:, j:, j]).argmax(axis=1)
            pivots[:, j] = pivot + 1
            row = out[every, pivot]
            out[every, pivot] = out[:, j]
            out[:, j] = row
            out[:, j + 1 :, j] /= self.xp.where(row[:, j] == 0, 1, row[:, j])[:, None]
            out[:, j + 1 :, j + 1 :] -= out[:, j + 1 :, j, None] * row[:, None, j + 1 :]
        return out.reshape(a.shape), pivots.reshape(*a.shape[:-2], min(m, n))

    def exchanged(self, pivots: Any, count: int) -> Any:
        """The rows in the order in which exchanges leave them.   (..., K) -> (..., count)"""
        steps = pivots.reshape(prod(pivots.shape[:-1]), pivots.shape[-1])
        every = self.xp.arange(len(steps))
        order = self.xp.array(self.xp.broadcast_to(self.xp.arange(count), (len(steps), count)))
        for j in range(steps.shape[-1]):
            other = steps[:, j] - 1
            row = order[every, other]
            order[every, other] = order[:, j]
            order[:, j] = row
        return order.reshape(*pivots.shape[:-1], count)
