"""Activations of straight pieces."""

from __future__ import annotations

from typing import Annotated

from engine.describe import Hidden, Range, Start, layer
from engine.errors import OptionError
from engine.nn import functional as F
from engine.nn.module import Module
from engine.tensor import Tensor

InPlace = Annotated[bool, Hidden()]
Older = Annotated[float | None, Hidden()]


@layer("Hard tanh", category="Activation", synonyms=("clip", "clamp", "limit", "nonlinearity"))
class Hardtanh(Module):
    """Cuts values off below and above.

    y = min(max(x, min_val), max_val)

    Args:
        min_val: The smallest result.
        max_val: The largest result.
        inplace: Write the result over the input.
        min_value, max_value: What PyTorch once called the two; they go before.

    Shape:
        x: any -> the same

    Raises:
        OptionError: a min_val that is not under max_val.

    Example:
        >>> import engine
        >>> engine.nn.Hardtanh()(engine.tensor([-3.0, 0.5])).tolist()
        [-1.0, 0.5]
    """

    def __init__(
        self,
        min_val: Annotated[float, Range(-100.0, 100.0)] = -1.0,
        max_val: Annotated[float, Range(-100.0, 100.0)] = 1.0,
        inplace: InPlace = False,
        min_value: Older = None,
        max_value: Older = None,
    ):
        super().__init__()
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        self.inplace = inplace
        if self.min_val >= self.max_val:
            raise OptionError("Hardtanh", got=f"min_val is {self.min_val}", expected=f"less than {self.max_val}")

    def forward(self, x: Tensor) -> Tensor:
        return F.hardtanh(x, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


@layer("Hard sigmoid", category="Activation", synonyms=("hardsigmoid", "fast sigmoid", "nonlinearity"))
class Hardsigmoid(Module):
    """A sigmoid of three straight pieces, quicker to compute.

    y = min(max(x + 3, 0), 6) / 6

    Courbariaux, Bengio and David, 2015.

    Args:
        inplace: Write the result over the input.

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.Hardsigmoid()(engine.tensor([-3.0, 0.0])).tolist()
        [0.0, 0.5]
    """

    def __init__(self, inplace: InPlace = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return F.hardsigmoid(x, self.inplace)


@layer("Hard swish", category="Activation", synonyms=("hardswish", "mobilenet", "nonlinearity"))
class Hardswish(Module):
    """A SiLU of simple pieces, quicker to compute.

    y = x · min(max(x + 3, 0), 6) / 6

    Howard et al., 2019.

    Args:
        inplace: Write the result over the input.

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.Hardswish()(engine.tensor([0.0, 6.0])).tolist()
        [0.0, 6.0]
    """

    def __init__(self, inplace: InPlace = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return F.hardswish(x, self.inplace)


@layer("Hard shrink", category="Activation", synonyms=("hardshrink", "sparse", "threshold"))
class Hardshrink(Module):
    """Sets values near 0 to 0 and lets the others through.

    y = x where |x| > lambd, else 0

    Args:
        lambd: How far from 0 a value has to be to stay.

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.Hardshrink()(engine.tensor([-0.25, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __init__(self, lambd: Annotated[float, Range(0.0, 100.0)] = 0.5):
        super().__init__()
        self.lambd = lambd

    def forward(self, x: Tensor) -> Tensor:
        return F.hardshrink(x, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


@layer("Soft shrink", category="Activation", synonyms=("softshrink", "soft threshold", "sparse", "denoise"))
class Softshrink(Module):
    """Brings every value nearer to 0 by a fixed amount, and those that are nearer than that to 0.

    y = x - lambd where x > lambd, x + lambd where x < -lambd, else 0

    Args:
        lambd: The amount.

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.Softshrink()(engine.tensor([-0.25, 2.0])).tolist()
        [0.0, 1.5]
    """

    def __init__(self, lambd: Annotated[float, Range(0.0, 100.0)] = 0.5):
        super().__init__()
        self.lambd = lambd

    def forward(self, x: Tensor) -> Tensor:
        return F.softshrink(x, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


@layer("Threshold", category="Activation", synonyms=("cut off", "step", "nonlinearity"))
class Threshold(Module):
    """Lets values above a threshold through and sets the others to a fixed value.

    y = x where x > threshold, else value

    Args:
        threshold: What values have to be above.
        value: What the others become.
        inplace: Write the result over the input.

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.Threshold(1.0, -5.0)(engine.tensor([0.0, 2.0])).tolist()
        [-5.0, 2.0]
    """

    def __init__(
        self,
        threshold: Annotated[float, Range(-1000.0, 1000.0), Start(0.0)],
        value: Annotated[float, Range(-1000.0, 1000.0), Start(0.0)],
        inplace: InPlace = False,
    ):
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return F.threshold(x, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")
