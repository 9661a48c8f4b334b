"""Weights held orthogonal, by PyTorch's names."""

from __future__ import annotations

from typing import Any

from engine.errors import OptionError, ShapeError
from engine.nn.module import Module
from engine.nn.utils.parametrize import register_parametrization
from engine.ops.base import times
from engine.tensor import Tensor, cat, no_grad
from engine.tensor.creation import eye
from engine.tensor.functions import linalg
from engine.tensor.random import randn

MAPS = ("matrix_exp", "cayley", "householder")


class _Orthogonal(Module):
    """base · map(X): the map makes an orthogonal matrix of any, and the unit matrix of what is learned at first."""

    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str):
        super().__init__()
        self.size, self.orthogonal_map = tuple(weight.shape), orthogonal_map
        self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        is_wide = x.shape[-2] < x.shape[-1]
        q = self.base @ self._map(x.mT if is_wide else x)
        return q.mT if is_wide else q

    def _map(self, x: Tensor) -> Tensor:
        """(..., n, k) -> (..., n, k) of orthogonal columns, n >= k"""
        n, k = x.shape[-2:]
        if self.orthogonal_map == "householder":
            return _reflected(x.tril(-1)) * x.diagonal(0, -2, -1).detach().int().unsqueeze(-2)
        x = x.tril()
        if n != k:
            x = cat([x, x.new_zeros(*x.shape[:-1], n - k)], dim=-1)
        skew = x - x.mT
        if self.orthogonal_map == "matrix_exp":
            return linalg.matrix_exp(skew)[..., :k]
        unit = eye(n, dtype=x.dtype, device=x.device)
        return linalg.solve(unit - 0.5 * skew, unit + 0.5 * skew)[..., :k]

    def right_inverse(self, weight: Tensor) -> Tensor:
        if tuple(weight.shape) != self.size:
            raise ShapeError("orthogonal", got=f"a weight of {times(tuple(weight.shape))}", expected=times(self.size))
        with no_grad():
            q = weight.detach()
            q = q.mT if q.shape[-2] < q.shape[-1] else q
            n, k = q.shape[-2:]
            if n != k:
                q = cat([q, randn(*q.shape[:-1], n - k, dtype=q.dtype, device=q.device)], dim=-1)
            self.base = q.clone() if n == k and _is_orthogonal(q) else _made_orthogonal(q)
            first = weight.new_zeros(*weight.shape)
            first.diagonal(0, -2, -1).fill_(-1.0)
            return first


def _reflected(a: Tensor) -> Tensor:
    """The product of the reflections I - τ v vᵀ at the columns v = e + a, its first columns."""
    n, k = a.shape[-2:]
    tau = 2.0 / (1.0 + (a * a).sum(-2))
    unit = eye(n, k, dtype=a.dtype, device=a.device)
    q = unit.expand(a.shape)
    for i in reversed(range(k)):
        v = (a[..., i] + unit[:, i]).unsqueeze(-1)
        q = q - tau[..., i, None, None] * (v @ (v.mT @ q))
    return q


def _is_orthogonal(q: Tensor) -> bool:
    n, k = q.shape[-2:]
    least = 10 * n * {2: 1e-3, 4: 1.2e-7, 8: 2.3e-16}[q.dtype.itemsize]
    return bool(((q.mT @ q - eye(k, dtype=q.dtype, device=q.device)).abs() < least).all())


def _made_orthogonal(a: Tensor) -> Tensor:
    """The nearest by columns: Q of A = Q R with a positive diagonal of R."""
    q, r = linalg.qr(a)
    return q * r.diagonal(0, -2, -1).sgn().unsqueeze(-2)


def orthogonal(module: Module, name: str = "weight", orthogonal_map: str | None = None, *,
               use_trivialization: bool = True) -> Module:  # fmt: skip
    """Hold a matrix orthogonal: Qᵀ Q = I, or Q Qᵀ = I where it is wider than high (Lezcano-Casado, 2019).

    Args:
        module: whose weight it is.
        name: the weight's name.
        orthogonal_map: "matrix_exp", "cayley" or "householder"; the first for a square matrix, the last for others.
        use_trivialization: True; the weight as it is, made orthogonal, is where learning begins.

    Raises:
        OptionError: no such weight or map, or another option.
        ShapeError: the weight is no matrix.

    >>> import engine
    >>> layer = orthogonal(engine.nn.Linear(3, 3))
    >>> engine.allclose(layer.weight.T @ layer.weight, engine.eye(3), atol=1e-5)
    True
    """
    weight: Any = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise OptionError("orthogonal", got=f"{type(module).__name__} has no parameter {name!r}", expected="a weight")
    if weight.ndim < 2:
        raise ShapeError("orthogonal", got=f"{name!r} is {times(tuple(weight.shape))}", expected="a matrix, or several")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.shape[-2] == weight.shape[-1] else "householder"
    if orthogonal_map not in MAPS:
        raise OptionError("orthogonal", got=f"orthogonal_map={orthogonal_map!r}", expected=f"one of {', '.join(MAPS)}")
    if not use_trivialization:
        raise OptionError("orthogonal", got="use_trivialization=False", expected="True",
                          mend="leave it away: learning begins at the weight as it is")  # fmt: skip
    return register_parametrization(module, name, _Orthogonal(weight, orthogonal_map), unsafe=True)
