"""How wide first values spread, by how many inputs and outputs a unit has and what its activation keeps."""

from __future__ import annotations

import math
from typing import Literal

from engine.errors import OptionError, ShapeError
from engine.ops.base import times
from engine.tensor import Tensor
from engine.wording import counted

Mode = Literal["fan_in", "fan_out"]

GAINS = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d"), 1.0),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid"), 1.0),
    "tanh": 5 / 3,
    "relu": math.sqrt(2.0),
    "selu": 0.75,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """How much wider weights start so that an activation keeps the deviation of what flows through.

    Args:
        nonlinearity: the activation's name: "linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
        param: the negative slope of "leaky_relu"; 0.01 where none is given.

    Raises:
        OptionError: an activation that no gain is known for, or a slope that is no number.

    Example:
        >>> from engine.nn import init
        >>> round(init.calculate_gain("relu"), 4)
        1.4142
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, int | float):
            raise OptionError("calculate_gain", got=f"a slope of {slope!r}", expected="a number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in GAINS:
        raise OptionError("calculate_gain", got=f"no gain is known for {nonlinearity!r}",
                          expected=f"one of {', '.join(GAINS)} or leaky_relu")  # fmt: skip
    return GAINS[nonlinearity]


def fans(tensor: Tensor) -> tuple[int, int]:
    """Inputs and outputs of one unit: (O, I) -> I, O; (O, I, h, w) -> I · h · w, O · h · w."""
    if tensor.ndim < 2:
        raise ShapeError(
            "fan_in and fan_out", got=f"a tensor with {counted(tensor.ndim, 'axis')}", expected="2 or more"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def xavier_std(tensor: Tensor) -> float:
    """sqrt(2 / (fan_in + fan_out))"""
    units = sum(fans(tensor))
    if not units:
        raise ShapeError("xavier initialisation", got=f"a tensor of {times(tensor.shape)}", expected="a unit at least")
    return math.sqrt(2.0 / units)


def kaiming_std(tensor: Tensor, a: float, mode: Mode, nonlinearity: str) -> float:
    """gain / sqrt(fan)"""
    if mode.lower() not in ("fan_in", "fan_out"):
        raise OptionError("kaiming initialisation", got=f"mode={mode!r}", expected="'fan_in' or 'fan_out'")
    fan = fans(tensor)[mode.lower() == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0
