"""Ways to draw the first values of parameters; each fills its tensor in place and returns it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import random
from engine.errors import OptionError, ShapeError, TypeMismatch
from engine.nn.fans import Mode, calculate_gain, kaiming_std, xavier_std
from engine.random import Generator
from engine.tensor import Tensor
from engine.tensor.tape import mode
from engine.wording import counted

__all__ = [
    "calculate_gain", "constant_", "dirac_", "eye_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_",
    "orthogonal_", "sparse_", "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_",
]  # fmt: skip


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Values evenly between a and b.

    Args:
        tensor: what is filled.
        a, b: the bounds, the first no larger.
        generator: where the random numbers come from, instead of the default stream.

    Example:
        >>> import engine
        >>> values = uniform_(engine.empty(3, 5), 1.0, 2.0)
        >>> bool(((values >= 1) & (values < 2)).all())
        True
    """
    if a > b:
        raise OptionError("uniform_", got=f"bounds {a} to {b}", expected="the first no larger than the second")
    return _drawn(
        "uniform_",
        tensor,
        lambda g, shape, dtype: g.uniform(shape, dtype) * dtype.type(b - a) + dtype.type(a),
        generator,
    )


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normally distributed values.

    Args:
        tensor: what is filled.
        mean, std: mean and deviation, 0 or more.
        generator: where the random numbers come from, instead of the default stream.

    Example:
        >>> import engine
        >>> normal_(engine.empty(3, 5), std=0.0).sum().item()
        0.0
    """
    if std < 0:
        raise OptionError("normal_", got=f"a deviation of {std:g}", expected="0 or more")
    return _drawn(
        "normal_",
        tensor,
        lambda g, shape, dtype: g.normal(shape, dtype) * dtype.type(std) + dtype.type(mean),
        generator,
    )


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normally distributed values, those outside a to b drawn again.

    Where the bounds lie far out, values are drawn evenly between them and kept by their density.

    Args:
        tensor: what is filled.
        mean, std: of the distribution before it is cut off.
        a, b: the bounds.
        generator: where the random numbers come from, instead of the default stream.

    Raises:
        OptionError: no number lies between the bounds.

    Example:
        >>> import engine
        >>> values = trunc_normal_(engine.empty(100), std=2.0, a=-1.0, b=1.0)
        >>> values.abs().max().item() <= 1
        True
    """
    if not a < b:
        raise OptionError("trunc_normal_", got=f"bounds {a} to {b}", expected="the first under the second")
    nearest = max(a, min(mean, b))

    def around(g: Generator, count: int) -> np.ndarray:
        values = g.normal((count,), np.float64) * std + mean
        return values[(values >= a) & (values <= b)]

    def evenly(g: Generator, count: int) -> np.ndarray:
        values = g.uniform((count,), np.float64) * (b - a) + a
        density = np.exp((((nearest - mean) / std) ** 2 - ((values - mean) / std) ** 2) / 2)
        return values[g.uniform((count,), np.float64) < density]

    def draw(g: Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        some = around if _normal_share(mean, std, a, b) > 0.3 else evenly
        values, size = np.empty(0), math.prod(shape)
        while values.size < size:
            values = np.concatenate([values, some(g, max(size - values.size, 64))])
        return values[:size].reshape(shape).astype(dtype).clip(*np.array((a, b), dtype))

    return _drawn("trunc_normal_", tensor, draw, generator)


def _normal_share(mean: float, std: float, a: float, b: float) -> float:
    """The share of a normal distribution that lies between a and b."""
    spread = std * math.sqrt(2)
    return (math.erf((b - mean) / spread) - math.erf((a - mean) / spread)) / 2


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One value everywhere.

    Args:
        tensor: what is filled.
        val: the value.

    Example:
        >>> import engine
        >>> constant_(engine.empty(2), 0.5)
        tensor([0.5000, 0.5000])
    """
    return _fill(tensor, lambda g, shape, dtype: dtype.type(val))


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros everywhere, as biases begin.

    Args:
        tensor: what is filled.

    Example:
        >>> import engine
        >>> zeros_(engine.empty(2))
        tensor([0., 0.])
    """
    return constant_(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """Ones everywhere, as the scales of norms begin.

    Args:
        tensor: what is filled.

    Example:
        >>> import engine
        >>> ones_(engine.empty(2))
        tensor([1., 1.])
    """
    return constant_(tensor, 1)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix: what comes in goes out, as far as both sides reach.

    Args:
        tensor: (rows, columns).

    Raises:
        ShapeError: a tensor that is no matrix.

    Example:
        >>> import engine
        >>> eye_(engine.empty(2, 3)).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    if tensor.ndim != 2:
        raise ShapeError("eye_", got=f"{counted(tensor.ndim, 'axis')}", expected="a matrix, 2 axes")
    return _fill(tensor, lambda g, shape, dtype: np.eye(*shape, dtype=dtype))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Kernels of a convolution that hand each channel on as it is, as many as there are on both sides.

    Args:
        tensor: (O, I / groups, ...) with 1 to 3 axes of the kernel.
        groups: as of the convolution.

    Raises:
        ShapeError: a tensor that is no kernel.
        OptionError: outputs that cannot be shared among the groups.

    Example:
        >>> import engine
        >>> dirac_(engine.empty(1, 1, 3)).tolist()
        [[[0.0, 1.0, 0.0]]]
    """
    if tensor.ndim not in (3, 4, 5):
        raise ShapeError(
            "dirac_", got=f"{counted(tensor.ndim, 'axis')}", expected="3, 4 or 5: outputs, inputs, and the kernel's"
        )
    outputs, inputs, *field = tensor.shape
    if outputs % groups:
        raise OptionError(
            "dirac_",
            got=f"{counted(outputs, 'output')} in {counted(groups, 'group')}",
            expected="as many in each group",
        )

    def draw(g: Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        values = np.zeros(shape, dtype)
        for begin in range(0, outputs, max(outputs // groups, 1)):
            for i in range(min(outputs // groups, inputs)):
                values[(begin + i, i, *(size // 2 for size in field))] = 1
        return values

    return _fill(tensor, draw)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """A matrix of normally distributed values, in each column the same number of zeros. Martens, 2010.

    Args:
        tensor: (rows, columns).
        sparsity: the share of zeros in each column.
        std: deviation of the others.
        generator: where the random numbers come from, instead of the default stream.

    Raises:
        ShapeError: a tensor that is no matrix.

    Example:
        >>> import engine
        >>> (sparse_(engine.empty(10, 3), sparsity=0.25) == 0).sum(dim=0).tolist()
        [3, 3, 3]
    """
    if tensor.ndim != 2:
        raise ShapeError("sparse_", got=f"{counted(tensor.ndim, 'axis')}", expected="a matrix, 2 axes")

    def draw(g: Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        values = g.normal(shape, dtype) * dtype.type(std)
        order = g.uniform(shape, np.float64).argsort(axis=0)
        values[order < math.ceil(sparsity * shape[0])] = 0
        return values

    return _drawn("sparse_", tensor, draw, generator)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform in ±gain · √(6 / (fan_in + fan_out)); for sigmoid and tanh. Glorot and Bengio, 2010.

    Args:
        tensor: (outputs, inputs, ...); further axes are those of a kernel.
        gain: the factor of the activation that follows, see `calculate_gain`.
        generator: where the random numbers come from, instead of the default stream.

    Raises:
        ShapeError: a tensor with fewer than 2 axes.

    Example:
        >>> import engine
        >>> xavier_uniform_(engine.empty(2, 4)).abs().max().item() <= 1
        True
    """
    bound = gain * math.sqrt(3.0) * xavier_std(tensor)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with deviation gain · √(2 / (fan_in + fan_out)); for sigmoid and tanh. Glorot and Bengio, 2010.

    Args:
        tensor: (outputs, inputs, ...); further axes are those of a kernel.
        gain: the factor of the activation that follows, see `calculate_gain`.
        generator: where the random numbers come from, instead of the default stream.

    Raises:
        ShapeError: a tensor with fewer than 2 axes.

    Example:
        >>> import engine
        >>> xavier_normal_(engine.empty(2, 4), gain=0.0).tolist()
        [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """
    return normal_(tensor, 0.0, gain * xavier_std(tensor), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform in ±gain · √(3 / fan), gain that of the activation; for ReLU and its kin. He et al., 2015.

    Args:
        tensor: (outputs, inputs, ...); further axes are those of a kernel.
        a: the negative slope of the leaky ReLU that follows.
        mode: "fan_in" keeps the deviation going forward, "fan_out" going backward.
        nonlinearity: the activation that follows.
        generator: where the random numbers come from, instead of the default stream.

    Raises:
        ShapeError: a tensor with fewer than 2 axes.
        OptionError: another mode, or an activation that no gain is known for.

    Example:
        >>> import engine
        >>> weight = kaiming_uniform_(engine.empty(2, 6), nonlinearity="relu")
        >>> weight.abs().max().item() <= 1  # √2 · √(3 / 6)
        True
    """
    if not tensor.numel():
        return tensor
    bound = math.sqrt(3.0) * kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with deviation gain / √fan, gain that of the activation; for ReLU and its kin. He et al., 2015.

    Args:
        tensor: (outputs, inputs, ...); further axes are those of a kernel.
        a: the negative slope of the leaky ReLU that follows.
        mode: "fan_in" keeps the deviation going forward, "fan_out" going backward.
        nonlinearity: the activation that follows.
        generator: where the random numbers come from, instead of the default stream.

    Raises:
        ShapeError: a tensor with fewer than 2 axes.
        OptionError: another mode, or an activation that no gain is known for.

    Example:
        >>> import engine
        >>> weight = kaiming_normal_(engine.empty(1000, 50), nonlinearity="relu")
        >>> round(weight.std().item(), 2)  # √2 / √50
        0.2
    """
    return normal_(tensor, 0.0, kaiming_std(tensor, a, mode, nonlinearity), generator) if tensor.numel() else tensor


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """A matrix with orthogonal rows (or columns, whichever are fewer), times gain. Saxe et al., 2013.

    Args:
        tensor: (outputs, inputs, ...), of which the axes from the second on count as one.
        gain: the length of the rows, or columns.
        generator: where the random numbers come from, instead of the default stream.

    Raises:
        ShapeError: a tensor with fewer than 2 axes.

    Example:
        >>> import engine
        >>> weight = orthogonal_(engine.empty(2, 3))
        >>> (weight @ weight.T).round(decimals=3).abs().tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    if tensor.ndim < 2:
        raise ShapeError("orthogonal_", got=f"{counted(tensor.ndim, 'axis')}", expected="2 or more")

    def draw(g: Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        rows, columns = shape[0], math.prod(shape[1:])
        q, r = np.linalg.qr(g.normal((max(rows, columns), min(rows, columns)), np.float64))
        q = q * np.sign(np.diag(r))
        return (gain * (q if rows >= columns else q.T)).reshape(shape).astype(dtype)

    return _drawn("orthogonal_", tensor, draw, generator) if tensor.numel() else tensor


def _drawn(where: str, tensor: Tensor, draw: Callable[..., Any], generator: Generator | None) -> Tensor:
    """Random numbers of which whole ones would keep nothing."""
    if tensor.dtype.kind != "f":
        raise TypeMismatch(where, got=f"a tensor of {tensor.dtype}", expected="real numbers")
    return _fill(tensor, draw, generator)


def _fill(
    tensor: Tensor,
    draw: Callable[[Generator, tuple[int, ...], np.dtype], Any],
    generator: Generator | None = None,
) -> Tensor:
    """Put what `draw` makes into the tensor; a meta tensor has no values, and nothing is drawn for it."""
    if mode.recorder is not None:
        mode.recorder.fail("weights are drawn inside it")
    if not tensor.device.is_meta:
        values = draw(generator or random.default_generator, tuple(tensor.shape), np.dtype(tensor.array.dtype))
        tensor.array[...] = tensor.device.asarray(values)
        tensor._changed()
    return tensor
