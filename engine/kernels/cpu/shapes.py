"""Sizes of convolutions, and which taps see which pixels."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, prod

Pair = tuple[int, int]
FEW = 4  # channels
MANY_PHASES = 64  # each is written out in the input gradient: more would take the compiler too long


@dataclass(frozen=True)
class Conv:
    """Sizes of a convolution.

    Args:
        images, height, width, channels: of x.
        outputs: channels of y.
        kernel, stride, dilation: (vertical, horizontal).
        padding: ((top, bottom), (left, right)).
        groups: channels and outputs are split into so many, each with its own weight.
    """

    images: int
    height: int
    width: int
    channels: int
    outputs: int
    kernel: Pair = (3, 3)
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    groups: int = 1

    @property
    def out_height(self) -> int:
        return self._places(self.height, 0)

    @property
    def out_width(self) -> int:
        return self._places(self.width, 1)

    @property
    def out_pixels(self) -> int:
        """Of an image."""
        return self.out_height * self.out_width

    @property
    def inner(self) -> int:
        """Channels of one group."""
        return self.channels // self.groups

    @property
    def weight_size(self) -> int:
        return prod(self.kernel) * self.inner * self.outputs

    @property
    def flops(self) -> int:
        return 2 * self.images * self.out_pixels * self.weight_size

    @property
    def is_depthwise(self) -> bool:
        return self.groups == self.channels == self.outputs > 1

    @property
    def is_whole(self) -> bool:
        """Whether the window covers the image, once: a product of matrices."""
        kernel = (self.height, self.width)
        return (
            self.kernel == kernel and self.padding == ((0, 0), (0, 0)) and self.dilation == (1, 1) and self.groups == 1
        )

    @property
    def has_few_inputs(self) -> bool:
        """So few that a vector of them would be mostly empty, while one of the outputs is not."""
        return self.groups == 1 and self.inner <= FEW and self.outputs >= 2 * FEW and not self.is_whole

    @property
    def has_one_output(self) -> bool:
        """With enough inputs that vectors run along them."""
        return self.groups == 1 and self.outputs == 1 and self.inner >= 2 * FEW

    @property
    def has_many_phases(self) -> bool:
        """Whether the pixels of x fall into so many kinds that their gradient is better not compiled."""
        return not self.is_whole and prod(map(min, self.stride, (self.height, self.width))) > MANY_PHASES

    @property
    def skips_pixels(self) -> bool:
        """Whether the window never sees some of them."""
        return any(self.stride[axis] > self.reach(axis) + 1 for axis in (0, 1))

    def reach(self, axis: int) -> int:
        """Distance between the first and the last tap."""
        return self.dilation[axis] * (self.kernel[axis] - 1)

    def _places(self, size: int, axis: int) -> int:
        return (size + sum(self.padding[axis]) - self.reach(axis) - 1) // self.stride[axis] + 1


@dataclass(frozen=True)
class Phase:
    """Pixels first, first + stride, ... of one axis of x, and the taps through which y sees them.

    Args:
        first, count: of the pixels.
        tap, taps, tap_step: first tap counted from the last one back, how many, and from one to the next.
        source: place in y of the first pixel's first tap; the next pixel's is one further.
        source_step: how far the place moves from tap to tap.
    """

    first: int
    count: int
    tap: int
    taps: int
    tap_step: int
    source: int
    source_step: int

    @staticmethod
    def of(conv: Conv, axis: int, first: int, size: int) -> Phase:
        """The phase of the pixel `first` among the first `size` of the axis."""
        stride, before = conv.stride[axis], conv.padding[axis][0]
        dilation, kernel = conv.dilation[axis], conv.kernel[axis]
        count = (size - first + stride - 1) // stride
        seen = [t for t in range(kernel - 1, -1, -1) if (first + before - t * dilation) % stride == 0]
        step = stride // gcd(stride, dilation)
        source = (first + before - seen[0] * dilation) // stride if seen else 0
        tap = kernel - 1 - seen[0] if seen else 0
        return Phase(first, count, tap, len(seen), step, source, step * dilation // stride)

    @staticmethod
    def all(conv: Conv, axis: int, size: int) -> list[Phase]:
        """The phases that the first `size` pixels of an axis fall into."""
        return [Phase.of(conv, axis, first, size) for first in range(min(conv.stride[axis], size))]


def span(conv: Conv, axis: int, size: int) -> Pair:
    """(first place in y, place behind the last) that sees any of the first `size` pixels of an axis."""
    seen = [phase for phase in Phase.all(conv, axis, size) if phase.taps]
    first = min((p.source for p in seen), default=0)
    last = max((p.source + p.source_step * (p.taps - 1) + p.count - 1 for p in seen), default=0)
    return first, last + 1
