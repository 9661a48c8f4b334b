"""Pooling to a size that is given, and the way back from pooling."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from engine.describe import Hidden, Range, Start, layer
from engine.nn import functional as F
from engine.nn.module import Module
from engine.tensor import Tensor

Pixels = int | tuple[int, int]


class AdaptiveAvgPool(Module):
    """What adaptive average pools of every rank share."""

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool(AdaptiveAvgPool):
    """What adaptive max pools of every rank share."""

    def __init__(self, output_size, return_indices):
        super().__init__(output_size)
        self.return_indices = return_indices


@layer("Adaptive average pool", category="Pooling", axes=("channels", "height", "width"),
       synonyms=("global average pool", "gap", "adaptiveavgpool", "mean of image"))  # fmt: skip
class AdaptiveAvgPool2d(AdaptiveAvgPool):
    """Means over so many parts of the image, whatever its size; with 1 the mean of each whole channel.

    y[n, c, i, j] = mean of x[n, c] over rows ⌊i·H / H'⌋ to ⌈(i + 1)·H / H'⌉ and columns likewise

    Args:
        output_size: Height and width of the result; 1 is one value a channel.

    Shape:
        x: (N, C, H, W) or (C, H, W) -> (N, C, *output_size) or (C, *output_size)

    Example:
        >>> import engine
        >>> tuple(engine.nn.AdaptiveAvgPool2d(1)(engine.zeros(2, 8, 7, 5)).shape)
        (2, 8, 1, 1)
    """

    def __init__(self, output_size: Annotated[int | tuple[int | None, int | None] | None, Range(1, 4096), Start(1)]):
        super().__init__(output_size)

    def forward(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(x, self.output_size)


@layer("Adaptive average pool 1-D", category="Pooling", axes=("channels", "length"),
       synonyms=("global average pool", "adaptiveavgpool1d", "mean of sequence"))  # fmt: skip
class AdaptiveAvgPool1d(AdaptiveAvgPool):
    """Means over so many parts of the sequence, whatever its length; with 1 the mean of each whole channel.

    y[n, c, i] = mean of x[n, c] over places ⌊i·L / L'⌋ to ⌈(i + 1)·L / L'⌉

    Args:
        output_size: Length of the result; 1 is one value a channel.

    Shape:
        x: (N, C, L) or (C, L) -> (N, C, output_size) or (C, output_size)

    Example:
        >>> import engine
        >>> tuple(engine.nn.AdaptiveAvgPool1d(1)(engine.zeros(2, 8, 7)).shape)
        (2, 8, 1)
    """

    def __init__(self, output_size: Annotated[int, Range(1, 4096), Start(1)]):
        super().__init__(output_size)

    def forward(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(x, self.output_size)


@layer(
    "Adaptive max pool",
    category="Pooling",
    synonyms=("global max pool", "adaptivemaxpool2d", "max over image"),
    axes=("channels", "height", "width"),
)
class AdaptiveMaxPool2d(AdaptiveMaxPool):
    """Keeps the largest value of each of so many parts of an image, whatever its size.

    y[n, c, i] = max x[n, c, ⌊i·L / L'⌋ : ⌈(i + 1)·L / L'⌉], and likewise along the other axis

    Args:
        output_size: Height and width of the result; 1 keeps the largest value of all.
        return_indices: Whether the places of the maxima are returned, too.

    Shape:
        x: (N, C, H, W) or (C, H, W) -> (N, C, H', W') or (C, H', W')

    Example:
        >>> import engine
        >>> tuple(engine.nn.AdaptiveMaxPool2d(1)(engine.zeros(2, 8, 7, 5)).shape)
        (2, 8, 1, 1)
    """

    def __init__(
        self,
        output_size: Annotated[int | tuple[int | None, int | None] | None, Range(1, 4096), Start(1)],
        return_indices: Annotated[bool, Hidden()] = False,
    ):
        super().__init__(output_size, return_indices)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return F.adaptive_max_pool2d(x, self.output_size, self.return_indices)


@layer(
    "Adaptive max pool 1-D",
    category="Pooling",
    synonyms=("global max pool 1-D", "adaptivemaxpool1d", "max over time"),
    axes=("channels", "length"),
)
class AdaptiveMaxPool1d(AdaptiveMaxPool):
    """Keeps the largest value of each of so many parts of a sequence, whatever its size.

    y[n, c, i] = max x[n, c, ⌊i·L / L'⌋ : ⌈(i + 1)·L / L'⌉]

    Args:
        output_size: Length of the result; 1 keeps the largest value of all.
        return_indices: Whether the places of the maxima are returned, too.

    Shape:
        x: (N, C, L) or (C, L) -> (N, C, L') or (C, L')

    Example:
        >>> import engine
        >>> tuple(engine.nn.AdaptiveMaxPool1d(1)(engine.zeros(2, 8, 7)).shape)
        (2, 8, 1)
    """

    def __init__(
        self, output_size: Annotated[int, Range(1, 4096), Start(1)], return_indices: Annotated[bool, Hidden()] = False
    ):
        super().__init__(output_size, return_indices)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return F.adaptive_max_pool1d(x, self.output_size, self.return_indices)


class MaxUnpool(Module):
    """What unpooling of every rank shares."""

    _rank: ClassVar[int]

    def __init__(self, kernel_size, stride, padding):
        super().__init__()
        self.kernel_size = self._each(kernel_size)
        self.stride = self.kernel_size if stride is None else self._each(stride)
        self.padding = self._each(padding)

    def _each(self, value: Any) -> tuple[int, ...]:
        return value if isinstance(value, tuple) else (value,) * self._rank

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


@layer("Max unpool", category="Pooling", axes=("channels", "height", "width"),
       synonyms=("unpooling", "upsample", "decoder", "autoencoder", "segnet"))  # fmt: skip
class MaxUnpool2d(MaxUnpool):
    """The way back of MaxPool2d: each maximum at the place it came from, zeros elsewhere.

    y[indices] = x, 0 elsewhere (Zeiler and Fergus, 2014)

    Args:
        kernel_size: Size of the window.
        stride: Step of the window; None: as large as the window.
        padding: What was added at each border before pooling.

    Shape:
        x and indices: (N, C, H, W) or (C, H, W) -> (N, C, H', W') or (C, H', W')

    Raises:
        EngineError: an index or an output_size that does not suit the result.

    Example:
        >>> import engine
        >>> pool, back = engine.nn.MaxPool2d(2, return_indices=True), engine.nn.MaxUnpool2d(2)
        >>> tuple(back(*pool(engine.randn(1, 3, 8, 8))).shape)
        (1, 3, 8, 8)
    """

    _rank = 2

    def __init__(
        self,
        kernel_size: Annotated[Pixels, Range(1, 64), Start(2)],
        stride: Annotated[Pixels | None, Range(1, 64)] = None,
        padding: Annotated[Pixels, Range(0, 32)] = 0,
    ):
        super().__init__(kernel_size, stride, padding)

    def forward(self, x: Tensor, indices: Tensor, output_size: tuple[int, ...] | None = None) -> Tensor:
        return F.max_unpool2d(x, indices, self.kernel_size, self.stride, self.padding, output_size)


@layer("Max unpool 1-D", category="Pooling", axes=("channels", "length"),
       synonyms=("unpooling", "upsample", "decoder", "autoencoder", "signal"))  # fmt: skip
class MaxUnpool1d(MaxUnpool):
    """The way back of MaxPool1d: each maximum at the place it came from, zeros elsewhere.

    y[indices] = x, 0 elsewhere (Zeiler and Fergus, 2014)

    Args:
        kernel_size: Size of the window.
        stride: Step of the window; None: as large as the window.
        padding: What was added at each border before pooling.

    Shape:
        x and indices: (N, C, L) or (C, L) -> (N, C, L') or (C, L')

    Raises:
        EngineError: an index or an output_size that does not suit the result.

    Example:
        >>> import engine
        >>> pool, back = engine.nn.MaxPool1d(2, return_indices=True), engine.nn.MaxUnpool1d(2)
        >>> tuple(back(*pool(engine.randn(1, 3, 8))).shape)
        (1, 3, 8)
    """

    _rank = 1

    def __init__(
        self,
        kernel_size: Annotated[int | tuple[int], Range(1, 4096), Start(2)],
        stride: Annotated[int | tuple[int] | None, Range(1, 4096)] = None,
        padding: Annotated[int | tuple[int], Range(0, 2048)] = 0,
    ):
        super().__init__(kernel_size, stride, padding)

    def forward(self, x: Tensor, indices: Tensor, output_size: tuple[int, ...] | None = None) -> Tensor:
        return F.max_unpool1d(x, indices, self.kernel_size, self.stride, self.padding, output_size)
