"""Activations by PyTorch's names; `inplace` writes the result over the input."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps

from engine.errors import OptionError, ShapeError, TypeMismatch
from engine.functions import where
from engine.ops import activation as act
from engine.ops.base import axis_of, times
from engine.ops.elementwise import require_float
from engine.tensor import Tensor, apply
from engine.tensor.elementwise import RELU, SIGMOID, TANH
from engine.tensor.random import rand_like
from engine.wording import arrivals, counted

SELU = act.ELU(1.6732632423543772, 1.0507009873554805, 1.0)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0)

    >>> import engine
    >>> relu(engine.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return input.relu_() if inplace else apply(RELU, input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where it is positive, negative_slope * x elsewhere.

    >>> import engine
    >>> leaky_relu(engine.tensor([-1.0, 2.0]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    out = apply(act.LeakyReLU(negative_slope), _floats("leaky_relu", input.clone() if inplace else input))
    return input.copy_(out) if inplace else out


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)

    >>> import engine
    >>> relu6(engine.tensor([-1.0, 2.0, 9.0]))
    tensor([0., 2., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where it is positive, weight * x elsewhere (He et al., 2015).

    Shape:
        input (N, C, ...), weight (C) or (1) -> as input

    Raises:
        ShapeError: where weight has neither one value nor one for each channel.

    >>> import engine
    >>> prelu(engine.tensor([-4.0, 2.0]), engine.tensor([0.25])).tolist()
    [-1.0, 2.0]
    """
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.numel() not in (1, channels):
        raise ShapeError("PReLU", got=arrivals(channels, "channel"), expected=f"{weight.numel()}, one for each slope")
    by_channel = weight.reshape(-1, *(1,) * (input.ndim - 2)) if input.ndim > 1 else weight.reshape(*(1,) * input.ndim)
    return where(input > 0, _floats("prelu", input), input * by_channel)


def rrelu(input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False,
          inplace: bool = False) -> Tensor:  # fmt: skip
    """x where it is positive, a * x elsewhere: a random between lower and upper in training, else their middle.

    Xu et al., 2015.

    Args:
        lower, upper: bounds of the slope.
        training: whether the slopes are drawn, one for each element.

    Raises:
        OptionError: lower is above upper.

    >>> import engine
    >>> rrelu(engine.tensor([-8.0, 2.0]), 0.0, 0.5)
    tensor([-2.,  2.])
    """
    if inplace:
        return input.copy_(rrelu(input.clone(), lower, upper, training))
    if not -math.inf < lower <= upper < math.inf:
        raise OptionError("RReLU", got=f"lower={lower} and upper={upper}", expected="lower no larger than upper")
    slope = rand_like(_floats("rrelu", input)) * (upper - lower) + lower if training else (lower + upper) / 2
    return where(input > 0, input, input * slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, alpha * (exp(x) - 1) elsewhere (Clevert et al., 2016).

    >>> import engine
    >>> elu(engine.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    if inplace:
        return input.copy_(elu(input.clone(), alpha))
    return apply(act.ELU(alpha, 1.0, 1.0), _floats("elu", input))


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, alpha * (exp(x / alpha) - 1) elsewhere (Barron, 2017).

    Raises:
        OptionError: alpha is 0.

    >>> import engine
    >>> celu(engine.tensor([-1.0, 2.0]), alpha=2.0)
    tensor([-0.7869,  2.0000])
    """
    if inplace:
        return input.copy_(celu(input.clone(), alpha))
    if alpha == 0:
        raise OptionError("CELU", got="alpha is 0", expected="another number")
    return apply(act.ELU(alpha, 1.0, 1 / alpha), _floats("celu", input))


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """ELU scaled so that mean 0 and deviation 1 stay what they are (Klambauer et al., 2017).

    1.0507 x where x is positive, 1.0507 * 1.6733 * (exp(x) - 1) elsewhere

    >>> import engine
    >>> selu(engine.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """
    if inplace:
        return input.copy_(selu(input.clone()))
    return apply(SELU, _floats("selu", input))


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it is above the threshold, the value elsewhere.

    >>> import engine
    >>> threshold(engine.tensor([0.5, 2.0]), 1.0, 0.0)
    tensor([0., 2.])
    """
    out = where(input <= threshold, value, input.clone() if inplace else input)  # so that NaN stays
    return input.copy_(out) if inplace else out


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x F(x), F the distribution function of the standard normal (Hendrycks and Gimpel, 2016).

    Args:
        approximate: "none", or "tanh" for 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).

    >>> import engine
    >>> gelu(engine.tensor([-1.0, 1.0]))
    tensor([-0.1587,  0.8413])
    """
    if approximate not in ("none", "tanh"):
        raise TypeMismatch("GELU", got=f"approximate is {approximate!r}", expected='"none" or "tanh"')
    return apply(act.GELUTanh() if approximate == "tanh" else act.GELU(), _floats("gelu", input))


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x sigmoid(x), also called swish (Elfwing et al., 2017; Ramachandran et al., 2017).

    >>> import engine
    >>> silu(engine.tensor([-1.0, 1.0]))
    tensor([-0.2689,  0.7311])
    """
    out = apply(act.SiLU(), _floats("silu", input.clone() if inplace else input))
    return input.copy_(out) if inplace else out


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(log(1 + exp(x))) (Misra, 2019).

    >>> import engine
    >>> mish(engine.tensor([-1.0, 1.0]))
    tensor([-0.3034,  0.8651])
    """
    if inplace:
        return input.copy_(mish(input.clone()))
    return input * apply(act.Softplus(), _floats("mish", input)).tanh()


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x))

    >>> import engine
    >>> sigmoid(engine.tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """
    return apply(SIGMOID, _floats("sigmoid", input))


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)), without overflow.

    >>> import engine
    >>> logsigmoid(engine.tensor([0.0, -1000.0]))
    tensor([-6.9315e-01, -1.0000e+03])
    """
    return -apply(act.Softplus(), -_floats("logsigmoid", input))


def tanh(input: Tensor) -> Tensor:
    """(e^x - e^-x) / (e^x + e^-x)

    >>> import engine
    >>> tanh(engine.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return apply(TANH, _floats("tanh", input))


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)

    >>> import engine
    >>> tanhshrink(engine.tensor([0.0, 1.0]))
    tensor([0.0000, 0.2384])
    """
    return input - tanh(input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * x)) / beta, and x itself where beta * x is above the threshold.

    >>> import engine
    >>> softplus(engine.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """
    scaled = _floats("softplus", input) if beta == 1 else input * beta
    soft = apply(act.Softplus(), scaled)
    soft = soft if beta == 1 else soft / beta
    return where(scaled > threshold, input, soft)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)

    >>> import engine
    >>> softsign(engine.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """
    return input / (_floats("softsign", input).abs() + 1)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x between min_val and max_val; the gradient passes inside them, ends excluded.

    Raises:
        OptionError: where min_val is above max_val.

    >>> import engine
    >>> hardtanh(engine.tensor([-3.0, 0.5]))
    tensor([-1.0000,  0.5000])
    """
    if inplace:
        return input.copy_(hardtanh(input.clone(), min_val, max_val))
    if min_val > max_val:
        raise OptionError("Hardtanh", got=f"min_val is {min_val}", expected=f"no more than max_val, {max_val}")
    return apply(act.Hardtanh(min_val, max_val), input)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x + 3, 0), 6) / 6 (Courbariaux et al., 2015).

    >>> import engine
    >>> hardsigmoid(engine.tensor([-4.0, 0.0, 1.5]))
    tensor([0.0000, 0.5000, 0.7500])
    """
    if inplace:
        return input.copy_(hardsigmoid(input.clone()))
    return relu6(_floats("hardsigmoid", input) + 3) / 6


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x min(max(x + 3, 0), 6) / 6 (Howard et al., 2019).

    >>> import engine
    >>> hardswish(engine.tensor([-1.0, 3.0]))
    tensor([-0.3333,  3.0000])
    """
    if inplace:
        return input.copy_(hardswish(input.clone()))
    return apply(act.Hardswish(), _floats("hardswish", input))


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| is above lambd, 0 elsewhere.

    >>> import engine
    >>> hardshrink(engine.tensor([0.25, -2.0]))
    tensor([ 0., -2.])
    """
    return where(input.abs() <= lambd, 0.0, _floats("hardshrink", input))  # so that NaN stays


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x brought lambd nearer to 0, and 0 where it is nearer than that: sign(x) max(|x| - lambd, 0).

    Raises:
        OptionError: lambd is below 0.

    >>> import engine
    >>> softshrink(engine.tensor([0.25, -2.0]))
    tensor([ 0.0000, -1.5000])
    """
    if lambd < 0:
        raise OptionError("Softshrink", got=f"lambd is {lambd}", expected="0 or more")
    return _floats("softshrink", input) - input.clamp(-lambd, lambd)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along an axis, times the sigmoid of the second (Dauphin et al., 2017).

    Args:
        dim: the axis that is halved.

    Shape:
        (..., 2 D, ...) -> (..., D, ...)

    >>> import engine
    >>> glu(engine.tensor([2.0, 0.0])).tolist()
    [1.0]
    """
    length = input.shape[axis_of("GLU", dim, input.ndim)] if input.ndim else 1
    if length % 2:
        raise ShapeError(
            "GLU",
            got=f"axis {dim} of {times(input.shape)} has {counted(length, 'value')}",
            expected="an even number of them",
        )
    first, second = input.split(length // 2, dim) if length else (input, input)
    return first * sigmoid(second)


def _floats(where: str, input: Tensor) -> Tensor:
    require_float(where, input.array.dtype)
    return input


def _in_place(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`elu` -> `elu_`: the result is written over the input."""

    @wraps(function)
    def written(input: Tensor, *options: float, **named: float) -> Tensor:
        return function(input, *options, **named, inplace=True)

    written.__name__ = written.__qualname__ = f"{function.__name__}_"
    written.__doc__ = f"In place: {function.__doc__}"
    return written


relu_, leaky_relu_, rrelu_, elu_, celu_, selu_, threshold_, hardtanh_ = (
    _in_place(f) for f in (relu, leaky_relu, rrelu, elu, celu, selu, threshold, hardtanh)
)
