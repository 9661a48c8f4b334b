"""Weights held at a length, or at a largest stretch, by PyTorch's names."""

from __future__ import annotations

from engine.errors import OptionError
from engine.nn.conv_transposed import TransposedConvolution
from engine.nn.module import Module
from engine.nn.normalisation_functional import normalize
from engine.nn.utils.orthogonal import orthogonal
from engine.nn.utils.parametrize import register_parametrization
from engine.tensor import Tensor, no_grad
from engine.tensor.random import randn

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    """weight = g · v / |v|, |v| for each place along an axis; -1 is the length of the whole."""

    def __init__(self, dim: int | None = 0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        return v * (g / self._length(v))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return self._length(weight), weight

    def _length(self, v: Tensor) -> Tensor:
        if self.dim == -1:
            return (v * v).sum().sqrt()
        others = tuple(axis for axis in range(v.ndim) if axis != self.dim)
        return (v * v).sum(others, keepdim=True).sqrt()


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn the length of a weight and its direction apart from each other (Salimans and Kingma, 2016).

    weight = g · v / |v|

    Args:
        module: whose weight it is.
        name: the weight's name.
        dim: the axis each place of which has a length of its own; None is one length for all.

    Returns:
        The module.

    >>> import engine
    >>> linear = weight_norm(engine.nn.Linear(3, 2))
    >>> sorted(linear.state_dict())
    ['bias', 'parametrizations.weight.original0', 'parametrizations.weight.original1']
    """
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


class _SpectralNorm(Module):
    """weight / σ, σ its largest singular value, found by power iteration: u and v are the singular vectors."""

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12):
        super().__init__()
        if n_power_iterations < 1 or not -weight.ndim <= dim < weight.ndim:
            raise OptionError("spectral_norm", got=f"n_power_iterations={n_power_iterations} and dim={dim}",
                              expected=f"1 or more, and an axis of the {weight.ndim}")  # fmt: skip
        self.dim = dim % weight.ndim
        self.eps = eps
        if weight.ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix, place = self._matrix(weight.detach()), {"dtype": weight.dtype, "device": weight.device}
            for vector, length in zip(("_u", "_v"), matrix.shape):
                self.register_buffer(vector, normalize(randn(length, **place), dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _matrix(self, weight: Tensor) -> Tensor:
        """(places along dim, all others)"""
        others = (axis for axis in range(weight.ndim) if axis != self.dim)
        return weight.permute(self.dim, *others).flatten(1)

    def _iterate(self, matrix: Tensor, times: int) -> None:
        with no_grad():
            for _ in range(times):
                self._u.copy_(normalize(matrix @ self._v, dim=0, eps=self.eps))
                self._v.copy_(normalize(self._u @ matrix, dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix.detach(), self.n_power_iterations)
        # copies: the vectors move on before backward, where a weight is read twice
        u, v = self._u.clone(), self._v.clone()
        return weight / (u * (matrix @ v)).sum()

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight


def spectral_norm(module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
                  dim: int | None = None) -> Module:  # fmt: skip
    """Divide a weight by its largest singular value, so that no input is stretched by more than 1.

    Miyato et al., 2018. The value is found by power iteration, one step more each time the weight is read in training.

    Args:
        module: whose weight it is, a discriminator's layer, say.
        name: the weight's name.
        n_power_iterations: steps each time.
        eps: the least length, against division by zero.
        dim: the axis of the outputs; None is 0, or 1 of a transposed convolution.

    Returns:
        The module.

    Raises:
        OptionError: no such weight or axis.

    >>> import engine
    >>> linear = spectral_norm(engine.nn.Linear(3, 2))
    >>> sorted(linear.state_dict())[1:]
    ['parametrizations.weight.0._u', 'parametrizations.weight.0._v', 'parametrizations.weight.original']
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise OptionError(
            "spectral_norm", got=f"{type(module).__name__} has no parameter {name!r}", expected="a weight"
        )
    if dim is None:
        dim = 1 if isinstance(module, TransposedConvolution) else 0
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
