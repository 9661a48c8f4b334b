"""Layers that widen sequences, images and volumes with one value."""

from __future__ import annotations

from typing import Annotated, ClassVar

from engine.describe import Range, Start, layer
from engine.errors import ShapeError, TypeMismatch
from engine.nn import functional as F
from engine.nn.module import Module
from engine.ops.base import times
from engine.tensor import Tensor

Ends = Annotated[int | tuple[int, int], Range(-4096, 4096), Start(1)]
Borders = Annotated[int | tuple[int, int, int, int], Range(-4096, 4096), Start(1)]
Faces = Annotated[int | tuple[int, int, int, int, int, int], Range(-4096, 4096), Start(1)]
Value = Annotated[float, Range(-1e6, 1e6), Start(0.0)]


class Padding(Module):
    """What all of them share: pairs (before, after) of the last axis, of the one before it, and so on."""

    _rank: ClassVar[int]
    _mode: ClassVar[str] = "constant"
    value: float | None = None

    def __init__(self, padding):
        super().__init__()
        self.padding = (padding,) * (2 * self._rank) if isinstance(padding, int) else tuple(padding)
        if len(self.padding) != 2 * self._rank:
            raise TypeMismatch(type(self).__name__, got=f"padding={padding!r}",
                               expected=f"a number or {2 * self._rank} of them")  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        fitting = x.ndim >= self._rank if self._mode == "constant" else x.ndim in (self._rank + 1, self._rank + 2)
        if not fitting:
            raise ShapeError(type(self).__name__, got=f"a tensor of {times(x.shape)} arrives",
                             expected=f"{self._rank + 1} or {self._rank + 2} axes")  # fmt: skip
        return F.pad(x, self.padding, self._mode, self.value)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class EndsPadding(Padding):
    """Padding of sequences."""

    _rank = 1

    def __init__(self, padding: Ends):
        super().__init__(padding)


class BordersPadding(Padding):
    """Padding of images."""

    _rank = 2

    def __init__(self, padding: Borders):
        super().__init__(padding)


class FacesPadding(Padding):
    """Padding of volumes."""

    _rank = 3

    def __init__(self, padding: Faces):
        super().__init__(padding)


class _ConstantPad(Padding):
    def __init__(self, padding, value):
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


@layer("Zero pad 1-D", category="Shape", axes=("channels", "length"),
       synonyms=("zeropad1d", "padding", "border", "zeros"))  # fmt: skip
class ZeroPad1d(EndsPadding):
    """Widens a sequence with zeros.

    L' = L + before + after, for each axis

    Args:
        padding: How many values are added at all ends, or (left, right) apart; negative ones crop.

    Shape:
        x: (N, C, L) or (C, L) -> the same, with its last axis longer

    Raises:
        TypeMismatch: another count of numbers.

    Example:
        >>> import engine
        >>> tuple(engine.nn.ZeroPad1d(1)(engine.zeros(2, 3, 8)).shape)
        (2, 3, 10)
    """


@layer("Zero pad", category="Shape", axes=("channels", "height", "width"),
       synonyms=("zeropad2d", "padding", "border", "zeros"))  # fmt: skip
class ZeroPad2d(BordersPadding):
    """Widens an image with zeros.

    L' = L + before + after, for each axis

    Args:
        padding: How many values are added at all borders, or (left, right, top, bottom) apart; negative ones crop.

    Shape:
        x: (N, C, H, W) or (C, H, W) -> the same, with its last 2 axes longer

    Raises:
        TypeMismatch: another count of numbers.

    Example:
        >>> import engine
        >>> tuple(engine.nn.ZeroPad2d(1)(engine.zeros(2, 3, 8, 8)).shape)
        (2, 3, 10, 10)
    """


@layer("Zero pad 3-D", category="Shape", axes=("channels", "depth", "height", "width"),
       synonyms=("zeropad3d", "padding", "border", "zeros", "volume"))  # fmt: skip
class ZeroPad3d(FacesPadding):
    """Widens a volume with zeros.

    L' = L + before + after, for each axis

    Args:
        padding: How many values are added at all faces, or (left, right, top, bottom, front, back); negative ones crop.

    Shape:
        x: (N, C, D, H, W) or (C, D, H, W) -> the same, with its last 3 axes longer

    Raises:
        TypeMismatch: another count of numbers.

    Example:
        >>> import engine
        >>> tuple(engine.nn.ZeroPad3d(1)(engine.zeros(2, 3, 4, 4, 4)).shape)
        (2, 3, 6, 6, 6)
    """


@layer("Constant pad 1-D", category="Shape", axes=("channels", "length"),
       synonyms=("constantpad1d", "padding", "border", "constant"))  # fmt: skip
class ConstantPad1d(_ConstantPad):
    """Widens a sequence with one value.

    L' = L + before + after, for each axis

    Args:
        padding: How many values are added at all ends, or (left, right) apart; negative ones crop.
        value: The value.

    Shape:
        x: (N, C, L) or (C, L) -> the same, with its last axis longer

    Raises:
        TypeMismatch: another count of numbers.

    Example:
        >>> import engine
        >>> tuple(engine.nn.ConstantPad1d(1, 0.5)(engine.zeros(2, 3, 8)).shape)
        (2, 3, 10)
    """

    _rank = 1

    def __init__(self, padding: Ends, value: Value):
        super().__init__(padding, value)


@layer("Constant pad", category="Shape", axes=("channels", "height", "width"),
       synonyms=("constantpad2d", "padding", "border", "constant"))  # fmt: skip
class ConstantPad2d(_ConstantPad):
    """Widens an image with one value.

    L' = L + before + after, for each axis

    Args:
        padding: How many values are added at all borders, or (left, right, top, bottom) apart; negative ones crop.
        value: The value.

    Shape:
        x: (N, C, H, W) or (C, H, W) -> the same, with its last 2 axes longer

    Raises:
        TypeMismatch: another count of numbers.

    Example:
        >>> import engine
        >>> tuple(engine.nn.ConstantPad2d(1, 0.5)(engine.zeros(2, 3, 8, 8)).shape)
        (2, 3, 10, 10)
    """

    _rank = 2

    def __init__(self, padding: Borders, value: Value):
        super().__init__(padding, value)


@layer("Constant pad 3-D", category="Shape", axes=("channels", "depth", "height", "width"),
       synonyms=("constantpad3d", "padding", "border", "value", "volume"))  # fmt: skip
class ConstantPad3d(_ConstantPad):
    """Widens a volume with one value.

    L' = L + before + after, for each axis

    Args:
        padding: How many values are added at all faces, or (left, right, top, bottom, front, back); negative ones crop.
        value: The value.

    Shape:
        x: (N, C, D, H, W) or (C, D, H, W) -> the same, with its last 3 axes longer

    Raises:
        TypeMismatch: another count of numbers.

    Example:
        >>> import engine
        >>> tuple(engine.nn.ConstantPad3d(1, 0.5)(engine.zeros(2, 3, 4, 4, 4)).shape)
        (2, 3, 6, 6, 6)
    """

    _rank = 3

    def __init__(self, padding: Faces, value: Value):
        super().__init__(padding, value)
