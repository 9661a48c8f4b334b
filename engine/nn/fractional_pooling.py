"""Pooling over windows that begin at random places, by a factor that is no whole number. Graham, 2015."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from engine.describe import Hidden, Range, Start, layer
from engine.errors import OptionError
from engine.nn import functional as F
from engine.nn.module import Module
from engine.tensor import Tensor

Pair = int | tuple[int, int]
Triple = int | tuple[int, int, int]


class FractionalMaxPool(Module):
    """What the two share: windows of a given size, so many that the given size or share of the input comes out."""

    _rank: ClassVar[int]

    def __init__(self, kernel_size, output_size, output_ratio, return_indices, samples):
        super().__init__()
        self.kernel_size = self._each(kernel_size)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", samples)
        self.output_size = None if output_size is None else self._each(output_size)
        self.output_ratio = None if output_ratio is None else self._each(output_ratio)
        where = type(self).__name__
        if (output_size is None) == (output_ratio is None):
            raise OptionError(where, got=f"output_size is {output_size} and output_ratio is {output_ratio}",
                              expected="one of the two")  # fmt: skip
        if self.output_ratio is not None and not all(0 < share < 1 for share in self.output_ratio):
            raise OptionError(where, got=f"output_ratio is {output_ratio}", expected="shares between 0 and 1")

    def _each(self, value: Any) -> tuple:
        return tuple(value) if isinstance(value, tuple | list) else (value,) * self._rank


@layer("Fractional max pool", category="Pooling", axes=("channels", "height", "width"),
       synonyms=("fractionalmaxpool2d", "random windows", "downsample"))  # fmt: skip
class FractionalMaxPool2d(FractionalMaxPool):
    """Keeps the largest value of each of so many windows of an image, which begin at random places.

    y[n, c, i, j] = max of x[n, c] under the window at row i and column j of those drawn (Graham, 2014)

    Args:
        kernel_size: Height and width of the window in pixels.
        output_size: Height and width of the result; none: output_ratio says it.
        output_ratio: Which share of the image's they are; none: output_size says it.
        return_indices: Whether the places of the maxima are returned, too.
        _random_samples: Where the windows begin, (N, C, 2) numbers from 0 to 1, instead of random ones.

    Shape:
        x: (N, C, H, W) or (C, H, W) -> (N, C, H', W') or (C, H', W')

    Raises:
        OptionError: neither or both of output_size and output_ratio.

    Example:
        >>> import engine
        >>> tuple(engine.nn.FractionalMaxPool2d(2, output_ratio=0.7)(engine.zeros(1, 8, 20, 10)).shape)
        (1, 8, 14, 7)
    """

    _rank = 2

    def __init__(
        self,
        kernel_size: Annotated[Pair, Range(1, 64), Start(2)],
        output_size: Annotated[Pair | None, Range(1, 65_536)] = None,
        output_ratio: Annotated[float | tuple[float, float] | None, Range(0.01, 0.99), Start(0.7)] = None,
        return_indices: Annotated[bool, Hidden()] = False,
        _random_samples: Annotated[Tensor | None, Hidden()] = None,
    ):
        super().__init__(kernel_size, output_size, output_ratio, return_indices, _random_samples)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return F.fractional_max_pool2d(x, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
                                       _random_samples=self._random_samples)  # fmt: skip


@layer("Fractional max pool 3-D", category="Pooling", axes=("channels", "depth", "height", "width"),
       synonyms=("fractionalmaxpool3d", "random windows", "volume"))  # fmt: skip
class FractionalMaxPool3d(FractionalMaxPool):
    """Keeps the largest value of each of so many windows of a volume, which begin at random places.

    y[n, c, i, j, k] = max of x[n, c] under the window at (i, j, k) of those drawn (Graham, 2014)

    Args:
        kernel_size: Depth, height and width of the window.
        output_size: Depth, height and width of the result; none: output_ratio says it.
        output_ratio: Which share of the volume's they are; none: output_size says it.
        return_indices: Whether the places of the maxima are returned, too.
        _random_samples: Where the windows begin, (N, C, 3) numbers from 0 to 1, instead of random ones.

    Shape:
        x: (N, C, D, H, W) or (C, D, H, W) -> (N, C, D', H', W') or without N

    Raises:
        OptionError: neither or both of output_size and output_ratio.

    Example:
        >>> import engine
        >>> tuple(engine.nn.FractionalMaxPool3d(2, output_size=3)(engine.zeros(1, 8, 5, 7, 7)).shape)
        (1, 8, 3, 3, 3)
    """

    _rank = 3

    def __init__(
        self,
        kernel_size: Annotated[Triple, Range(1, 64), Start(2)],
        output_size: Annotated[Triple | None, Range(1, 65_536)] = None,
        output_ratio: Annotated[float | tuple[float, float, float] | None, Range(0.01, 0.99), Start(0.7)] = None,
        return_indices: Annotated[bool, Hidden()] = False,
        _random_samples: Annotated[Tensor | None, Hidden()] = None,
    ):
        super().__init__(kernel_size, output_size, output_ratio, return_indices, _random_samples)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return F.fractional_max_pool3d(x, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
                                       _random_samples=self._random_samples)  # fmt: skip
