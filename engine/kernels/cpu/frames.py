"""Sizes of convolutions, and the bands of images with borders that their threads work on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import gcd, prod

from engine.kernels.cpu import pack
from engine.kernels.cpu.emit import Code
from engine.kernels.cpu.host import L2_FLOATS
from engine.kernels.cpu.values import Value

Pair = tuple[int, int]


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
    def inner(self) -> int:
        """Channels of one group."""
        return self.channels // self.groups

    @property
    def weight_size(self) -> int:
        return prod(self.kernel) * self.inner * self.outputs

    @property
    def flops(self) -> int:
        return 2 * self.images * self.out_height * self.out_width * self.weight_size

    @property
    def is_depthwise(self) -> bool:
        return self.groups == self.channels == self.outputs > 1

    def reach(self, axis: int) -> int:
        """Distance between the first and the last tap."""
        return self.dilation[axis] * (self.kernel[axis] - 1)

    def _places(self, size: int, axis: int) -> int:
        return (size + sum(self.padding[axis]) - self.reach(axis) - 1) // self.stride[axis] + 1


@dataclass(frozen=True)
class Frame:
    """Bands of channels-last images with what surrounds them: zeros beyond the edges.

    Args:
        height, width, channels: of an image.
        top, left: rows and columns in front of the image; negative leaves some of it out.
        rows, columns: of a framed band.
        step: rows of the image from one band to the next.
        bands: of an image.
    """

    height: int
    width: int
    channels: int
    top: int
    left: int
    rows: int
    columns: int
    step: int
    bands: int

    @property
    def size(self) -> int:
        return self.rows * self.columns * self.channels

    @property
    def is_plain(self) -> bool:
        """Whether bands can be read where they are."""
        return self.top == 0 and self.left == 0 and self.columns <= self.width and self._last <= self.height

    @property
    def pitch(self) -> int:
        """Distance between rows, in floats."""
        return (self.width if self.is_plain else self.columns) * self.channels

    @property
    def _last(self) -> int:
        return self.step * (self.bands - 1) + self.rows - self.top

    def enter(self, code: Code, images: Value, room: Value, image: Value, band: Value) -> Value:
        """Where a band can be read: in place, or copied into `room`, whose edges are zero already."""
        row_size = self.width * self.channels
        first = code.at(images, image * (self.height * row_size))
        if self.is_plain:
            return code.at(first, band * (self.step * row_size))
        skipped = max(0, -self.left)
        taken = min(self.width - skipped, self.columns - max(0, self.left)) * self.channels
        with code.loop(0, self.rows) as row:
            source = band * self.step + row - self.top
            target = code.at(room, row * (self.columns * self.channels) + max(0, self.left) * self.channels)
            inside = (source >= 0) & (source < self.height)
            with code.ir.if_else(inside.ir) as (copies, clears):
                with copies:
                    pack.copy_row(code, code.at(first, source * row_size + skipped * self.channels), target, taken)
                with clears:
                    pack.clear(code, target, taken)
        return room


@cache
def forward_frame(conv: Conv) -> Frame:
    """Bands of x as high as the cache takes, all alike."""
    (top, _), (left, _) = conv.padding
    columns = (conv.out_width - 1) * conv.stride[1] + conv.reach(1) + 1

    def frame(band: int) -> Frame:
        rows = (band - 1) * conv.stride[0] + conv.reach(0) + 1
        return Frame(conv.height, conv.width, conv.channels, top, left, rows, columns,
                     band * conv.stride[0], conv.out_height // band)  # fmt: skip

    bands = [b for b in range(conv.out_height, 0, -1) if conv.out_height % b == 0]
    fitting = [b for b in bands if frame(b).size <= L2_FLOATS // 4 and conv.images * (conv.out_height // b) >= 4]
    return frame(fitting[0] if fitting else bands[-1])


def gradient_frame(conv: Conv) -> Frame:
    """Whole images of dy, with room for all the places that the window can have around a pixel of x."""
    first, count = zip(*(_span(conv, axis) for axis in (0, 1)))
    return Frame(conv.out_height, conv.out_width, conv.outputs, -first[0], -first[1], count[0], count[1], 0, 1)


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
    def of(conv: Conv, axis: int, first: int) -> Phase:
        """The phase of the pixel `first`."""
        size, stride = (conv.height, conv.width)[axis], conv.stride[axis]
        dilation, kernel, before = conv.dilation[axis], conv.kernel[axis], conv.padding[axis][0]
        count = (size - first + stride - 1) // stride
        seen = [t for t in range(kernel - 1, -1, -1) if (first + before - t * dilation) % stride == 0]
        step = stride // gcd(stride, dilation)
        source = (first + before - seen[0] * dilation) // stride if seen else 0
        tap = kernel - 1 - seen[0] if seen else 0
        return Phase(first, count, tap, len(seen), step, source, step * dilation // stride)


def _span(conv: Conv, axis: int) -> Pair:
    """(first place in y, number of places) that all phases of an axis need."""
    phases = [Phase.of(conv, axis, f) for f in range(min(conv.stride[axis], (conv.height, conv.width)[axis]))]
    seen = [p for p in phases if p.taps]
    first = min((p.source for p in seen), default=0)
    last = max((p.source + p.source_step * (p.taps - 1) + p.count - 1 for p in seen), default=0)
    return first, last - first + 1


class Share:
    """with Share(...) as (number, room): loop over this thread's share of `count` pieces, its room cleared before.

    At most `most` threads take part: there is room for no more.
    """

    def __init__(
        self, code: Code, count: int, thread: Value, threads: Value, most: int, room: Value, frame: Frame
    ) -> None:
        self.code = code
        self.guard = code.when(thread < most)
        self.arguments = count, thread, code.minimum(threads, most)
        self.room, self.frame = code.at(room, thread * frame.size), frame

    def __enter__(self) -> tuple[Value, Value]:
        self.guard.__enter__()
        start, stop = self.code.share(*self.arguments)
        if not self.frame.is_plain:
            with self.code.when(start < stop):
                pack.clear(self.code, self.room, self.frame.size)
        self.loop = self.code.loop(start, stop)
        return self.loop.__enter__(), self.room

    def __exit__(self, *problem: object) -> None:
        self.loop.__exit__(*problem)
        self.guard.__exit__(*problem)
