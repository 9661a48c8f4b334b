"""What a kernel on images reads and what it does with its results, as formulas over named arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from engine.kernels.cpu.ahead import Stream
from engine.kernels.cpu.emit import Code
from engine.kernels.cpu.expression import Expr, leaf
from engine.kernels.cpu.sweep import Plane, Unpooled, contiguous
from engine.kernels.cpu.values import I8, Value

Pair = tuple[int, int]
X, SUM = leaf("x"), leaf("sum")


@dataclass(frozen=True)
class Source:
    """Images that need not exist: a formula over arrays, computed where they are read.

    Args:
        whole: names of arrays (N, H, W, C), as the images.
        channel: names of vectors (C).
        image: names of arrays (N, C): a number for all pixels of an image.
        pooled: (name, name of the chosen places) of arrays (N, H / height, W / width, C), the places as uint8: the
            formula sees the first name's number at the chosen place of each window, and 0 elsewhere.
        window: (height, width) of the pooled arrays' windows, which divide H and W.
        formula: over these names.

    >>> relu = Source(("y",), ("scale", "shift"), formula=leaf("y") * leaf("scale") + leaf("shift"))
    >>> relu.names
    ('y', 'scale', 'shift')
    """

    whole: tuple[str, ...] = ("x",)
    channel: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    pooled: tuple[tuple[str, str], ...] = ()
    window: Pair = (2, 2)
    formula: Expr = X

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.whole, *self.channel, *self.image, *(name for pair in self.pooled for name in pair))

    @property
    def is_array(self) -> bool:
        """Whether it is one array, so that it can be read where it lies."""
        return len(self.whole) == 1 and self.formula == leaf(self.whole[0])

    def streams(self, code: Code, at: Mapping[str, Value], size: tuple[int, int, int], image: Value, row: Value | int,
                rows: int) -> dict[str, Stream]:  # fmt: skip
        """What lies in memory for `rows` rows of images (H, W, C)."""
        height, width, channels = size
        start = (image * height + row) * (width * channels)
        whole = {name: Stream(code.at(at[name], start), rows * width * channels) for name in self.whole}
        share = prod(self.window)
        for name, _ in self.pooled:
            whole[name] = Stream(code.at(at[name], start // share), rows * width * channels // share)
        return whole

    def planes(self, code: Code, at: Mapping[str, Value], size: tuple[int, int, int], first: tuple) -> dict[str, Plane]:
        """Where the operands lie.

        Args:
            code: the function that is written.
            at: pointers to the arrays.
            size: (H, W, C).
            first: (image, row, pixel) that the planes begin with.
        """
        height, width, channels = size
        image, row, pixel = first
        planes = _planes(code, at, self, size, image, (row * width + pixel) * channels)
        for name, chosen in self.pooled:
            if height % self.window[0] or width % self.window[1]:
                raise ValueError(f"windows of {self.window} do not divide an image of {height} x {width}")
            rows, pixels = height // self.window[0], width // self.window[1]
            start = image * (rows * pixels * channels)
            lies = contiguous(code.at(at[name], start), rows, pixels, channels)
            planes[name] = Unpooled(
                lies.pointer, *lies.strides, code.at(at[chosen], start, I8), self.window, (row, pixel)
            )
        return planes


@dataclass(frozen=True)
class Epilogue:
    """What is stored of a result, and what is gathered of it while it is in the cache.

    Args:
        whole: names of arrays that lie as the result.
        channel: names of vectors (channels).
        image: names of arrays (images, channels).
        formula: what is stored, over "sum" (the result) and these names.
        sums: formulas over "value" (what is stored) and the names, summed over each piece of the result for each
            channel, into the array "sums" (pieces, formulas, channels).
        moments: gather mean and sum of squared deviations of what is stored, for each channel, into the array "moments"
            (pieces, 2, channels).
    """

    whole: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    formula: Expr = SUM
    sums: tuple[Expr, ...] = ()
    moments: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.whole, *self.channel, *self.image)

    @property
    def gathers(self) -> bool:
        return bool(self.sums) or self.moments

    @property
    def is_simple(self) -> bool:
        """Whether it is done number by number, as a tile is stored."""
        return not self.gathers and not self.image

    def planes(self, code: Code, at: Mapping[str, Value], size: tuple[int, int, int], image: Value, start: Value
               ) -> dict[str, Plane]:  # fmt: skip
        """Where the operands lie, for a piece of the result that begins `start` floats into the image."""
        return _planes(code, at, self, size, image, start)


def array(name: str) -> Source:
    """An array read as it is."""
    return Source((name,), formula=leaf(name))


def _planes(code: Code, at: Mapping[str, Value], names: Source | Epilogue, size: tuple[int, int, int], image: Value,
            start: Value | int) -> dict[str, Plane]:  # fmt: skip
    height, width, channels = size
    place = image * (height * width * channels) + start
    planes = {name: contiguous(code.at(at[name], place), height, width, channels) for name in names.whole}
    planes |= {name: Plane(at[name]) for name in names.channel}
    return planes | {name: Plane(code.at(at[name], image * channels), channels) for name in names.image}
