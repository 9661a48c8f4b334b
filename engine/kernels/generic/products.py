"""Matrix products, all through the BLAS of the array module."""

from __future__ import annotations

from math import prod
from typing import Any

from engine.kernels.generic.reduction import total


def rows(x: Any) -> Any:
    """All axes but the last one made one, also where there are no elements."""
    return x if x.ndim == 2 else x.reshape(prod(x.shape[:-1]), x.shape[-1])


class Products:
    """Products of matrices and their batches."""

    xp: Any

    def linear(self, x: Any, weight: Any, bias: Any = None) -> Any:
        """x (..., I), weight (O, I), bias (O) -> (..., O)"""
        if x.ndim > 2:  # one product of two matrices is faster than a batch of small ones
            out = (rows(x) @ weight.T).reshape(*x.shape[:-1], weight.shape[0])
        else:
            out = x @ weight.T
        if bias is not None:
            out += bias
        return out

    def linear_backward_weight(self, grad: Any, x: Any) -> Any:
        """grad (..., O), x (..., I) -> (O, I)"""
        if grad.ndim == 1:
            return grad[:, None] * x
        return rows(grad).T @ rows(x)

    def linear_backward_bias(self, grad: Any) -> Any:
        """grad (..., O) -> (O)"""
        return total(rows(grad), 0)

    def linear_backward_input(self, grad: Any, weight: Any) -> Any:
        """grad (..., O), weight (O, I) -> (..., I)"""
        return self.matmul(grad, weight)

    def matmul(self, a: Any, b: Any) -> Any:
        """a (..., M, K), b (..., K, N) -> (..., M, N); b a plain matrix is one product over all rows of a."""
        if a.ndim > 2 and b.ndim == 2:
            return (rows(a) @ b).reshape(*a.shape[:-1], b.shape[-1])
        return a @ b

    def matmul_backward_left(self, grad: Any, b: Any, shape: tuple[int, ...]) -> Any:
        """-> gradient of a, of this shape"""
        return self.sum_to(self.matmul(grad, b.swapaxes(-1, -2)), shape)

    def matmul_backward_right(self, grad: Any, a: Any, shape: tuple[int, ...]) -> Any:
        """-> gradient of b, of this shape"""
        if len(shape) == 2:
            return rows(a).T @ rows(grad)
        return self.sum_to(a.swapaxes(-1, -2) @ grad, shape)
