"""Ways to draw the first values of parameters; each fills its tensor in place and returns it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from engine import random
from engine.errors import OptionError, ShapeError
from engine.random import Generator
from engine.tensor import Tensor

Mode = Literal["fan_in", "fan_out"]

GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2.0),
    "selu": 0.75,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """How much wider weights start so that an activation keeps the deviation of what flows through.

    Args:
        nonlinearity: the activation's name: "linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
        param: the negative slope of "leaky_relu"; 0.01 where none is given.

    Example:
        >>> from engine.nn import init
        >>> round(init.calculate_gain("relu"), 4)
        1.4142
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in GAINS:
        raise OptionError("calculate_gain", got=f"no gain is known for {nonlinearity!r}",
                          expected=f"one of {', '.join(GAINS)} or leaky_relu")  # fmt: skip
    return GAINS[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Values evenly between a and b."""
    return _fill(tensor, lambda g, shape, dtype: g.uniform(shape, dtype) * dtype.type(b - a) + dtype.type(a), generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normally distributed values."""
    return _fill(tensor, lambda g, shape, dtype: g.normal(shape, dtype) * dtype.type(std) + dtype.type(mean), generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normally distributed values, those outside a to b drawn again.

    Raises:
        OptionError: next to no values would fall within the bounds.
    """
    if _normal_share(mean, std, a, b) < 1e-3:
        raise OptionError("trunc_normal_", got=f"bounds {a} to {b} far from mean {mean} with deviation {std}",
                          expected="bounds that hold some of the values")  # fmt: skip

    def draw(g: Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        values = (g.normal(shape, dtype) * std + mean).astype(dtype)
        while (outside := (values < a) | (values > b)).any():
            values[outside] = g.normal((int(outside.sum()),), dtype) * std + mean
        return values

    return _fill(tensor, draw, generator)


def _normal_share(mean: float, std: float, a: float, b: float) -> float:
    """The share of a normal distribution that lies between a and b."""

    def below(x: float) -> float:
        return (1 + math.erf((x - mean) / std / math.sqrt(2))) / 2

    return below(b) - below(a)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One value everywhere."""
    return _fill(tensor, lambda g, shape, dtype: dtype.type(val))


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return constant_(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return constant_(tensor, 1)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix.

    Raises:
        ShapeError: a tensor that is no matrix.
    """
    if tensor.ndim != 2:
        raise ShapeError("eye_", got=f"{tensor.ndim} axes", expected="a matrix, 2 axes")
    return _fill(tensor, lambda g, shape, dtype: np.eye(*shape, dtype=dtype))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform in ±gain · √(6 / (fan_in + fan_out)); for sigmoid and tanh. Glorot and Bengio, 2010."""
    bound = gain * math.sqrt(6.0 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with deviation gain · √(2 / (fan_in + fan_out)); for sigmoid and tanh. Glorot and Bengio, 2010."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(_fans(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform in ±gain · √(3 / fan); for ReLU and its kin. He et al., 2015.

    Args:
        tensor: what is filled.
        a: the negative slope of the leaky ReLU that follows.
        mode: "fan_in" keeps the deviation going forward, "fan_out" going backward.
        nonlinearity: the activation that follows.
        generator: where the random numbers come from, instead of the default stream.
    """
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with deviation gain / √fan; for ReLU and its kin. Arguments as of `kaiming_uniform_`. He et al., 2015."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """A matrix with orthogonal rows (or columns, whichever are fewer), times gain. Saxe et al., 2013.

    Raises:
        ShapeError: a tensor with fewer than 2 axes.
    """
    if tensor.ndim < 2:
        raise ShapeError("orthogonal_", got=f"{tensor.ndim} axes", expected="2 or more")

    def draw(g: Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        rows, columns = shape[0], math.prod(shape[1:])
        q, r = np.linalg.qr(g.normal((max(rows, columns), min(rows, columns)), np.float64))
        q = q * np.sign(np.diag(r))
        return (gain * (q if rows >= columns else q.T)).reshape(shape).astype(dtype)

    return _fill(tensor, draw, generator) if tensor.numel() else tensor


def _fill(
    tensor: Tensor,
    draw: Callable[[Generator, tuple[int, ...], np.dtype], Any],
    generator: Generator | None = None,
) -> Tensor:
    """Put what `draw` makes into the tensor; a meta tensor has no values, and nothing is drawn for it."""
    if not tensor.device.is_meta:
        values = draw(generator or random.default_generator, tuple(tensor.shape), np.dtype(tensor.array.dtype))
        tensor.array[...] = tensor.device.asarray(values)
        tensor._changed()
    return tensor


def _fans(tensor: Tensor) -> tuple[int, int]:
    """Inputs and outputs of one unit: (O, I) -> I, O; (O, I, h, w) -> I · h · w, O · h · w."""
    if tensor.ndim < 2:
        raise ShapeError("fan_in and fan_out", got=f"a tensor with {tensor.ndim} axes", expected="2 or more")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _kaiming_std(tensor: Tensor, a: float, mode: Mode, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise OptionError("kaiming initialisation", got=f"mode={mode!r}", expected="'fan_in' or 'fan_out'")
    fan = _fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0
