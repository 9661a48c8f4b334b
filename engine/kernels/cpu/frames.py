"""Pieces of images with borders, small enough for the second-level cache, that a thread works on one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.kernels.cpu import pack
from engine.kernels.cpu.emit import Code
from engine.kernels.cpu.host import L2_FLOATS
from engine.kernels.cpu.operands import Source
from engine.kernels.cpu.shapes import Conv, span
from engine.kernels.cpu.sweep import Plane, Sweep
from engine.kernels.cpu.values import Value

ENOUGH_PIXELS = 256  # in a piece: less, and the weight is fetched too often


@dataclass(frozen=True)
class Pieces:
    """How a batch of images is cut: each into bands of equal height, or some images together.

    Args:
        images: in the batch.
        bands: of an image.
        together: images in a piece; 1 where there is more than one band.
    """

    images: int
    bands: int = 1
    together: int = 1

    @property
    def count(self) -> int:
        return self.images * self.bands // self.together

    def place(self, number: Value) -> tuple[Value, Value]:
        """(first image, band) of a piece."""
        return number // self.bands * self.together, number % self.bands


@dataclass(frozen=True)
class Frame:
    """Pieces of channels-last images with what surrounds them: zeros beyond the edges.

    Args:
        height, width, channels: of an image.
        top, left: rows and columns in front of the piece; negative leaves some of the image out.
        rows, columns: of an image's part in the frame.
        step: rows of the image from one band to the next.
        pieces: how the batch is cut.
        is_array: whether the images lie in memory, so that a frame without borders need not be copied.
    """

    height: int
    width: int
    channels: int
    top: int
    left: int
    rows: int
    columns: int
    step: int
    pieces: Pieces
    is_array: bool

    @property
    def is_plain(self) -> bool:
        """Whether pieces can be read where they are."""
        last = self.step * (self.pieces.bands - 1) + self.rows - self.top
        inside = self.top == 0 and self.left == 0 and self.columns <= self.width and last <= self.height
        return self.is_array and inside

    @property
    def size(self) -> int:
        """Floats of scratch memory."""
        return 0 if self.is_plain else self.pieces.together * self.image

    @property
    def pitch(self) -> int:
        """Distance between rows, in floats."""
        return (self.width if self.is_plain else self.columns) * self.channels

    @property
    def image(self) -> int:
        """Distance between images, in floats."""
        return (self.height if self.is_plain else self.rows) * self.pitch

    def enter(self, code: Code, source: Source, at: Mapping[str, Value], room: Value, number: Value) -> Value:
        """Where a piece can be read: in place, or computed into `room`, whose edges are zero already."""
        image, band = self.pieces.place(number)
        if self.is_plain:
            place = image * (self.height * self.width) + band * (self.step * self.width)
            return code.at(at[source.whole[0]], place * self.channels)
        with code.loop(0, self.pieces.together) as part:
            self._copy(code, source, at, code.at(room, part * self.image), image + part, band)
        return room

    def fresh(self, number: Value) -> tuple[Value, Value | int, int]:
        """(image, first row, rows) of what a piece needs and the one before it did not read; rows of all its images."""
        image, band = self.pieces.place(number)
        if self.pieces.bands == 1:
            return image, 0, self.pieces.together * self.height
        return image, band * self.step + max(0, self.rows - self.top - self.step), min(self.step, self.height)

    def _copy(
        self, code: Code, source: Source, at: Mapping[str, Value], room: Value, image: Value, band: Value
    ) -> None:
        skipped, margin = max(0, -self.left), max(0, self.left)
        taken = max(0, min(self.width - skipped, self.columns - margin))
        if not taken:  # nothing but border, which is zero
            return
        if self.pieces.bands == 1:
            begin, end = max(0, self.top), min(self.rows, self.height + self.top)
            first, rows = begin - self.top, end - begin
            if rows <= 0:
                return
        else:
            above = code.int(self.top) - band * self.step  # rows of the band in front of the image
            begin = code.minimum(code.maximum(above, 0), self.rows)
            end = code.maximum(code.minimum(above + self.height, self.rows), begin)
            first, rows = begin - above, end - begin
            self._clear_rows(code, room, 0, begin)
            self._clear_rows(code, room, end, self.rows)
        size = (self.height, self.width, self.channels)
        planes = source.planes(code, at, size, (image, first, skipped))
        row = self.columns * self.channels
        target = Plane(
            code.at(room, code.like(begin, code.int(0)) * row + margin * self.channels), 0, row, self.channels
        )
        Sweep(1, rows, taken, self.channels, planes).run(code, {"": (source.formula, target)})

    def _clear_rows(self, code: Code, room: Value, begin: Value | int, end: Value | int) -> None:
        row = self.columns * self.channels
        with code.loop(begin, end) as number:
            pack.clear(code, code.at(room, number * row), row)


def forward_frame(conv: Conv, pieces: Pieces, is_array: bool = True) -> Frame:
    """Bands of x."""
    (top, _), (left, _) = conv.padding
    band = conv.out_height // pieces.bands
    rows = (band - 1) * conv.stride[0] + conv.reach(0) + 1
    columns = (conv.out_width - 1) * conv.stride[1] + conv.reach(1) + 1
    return Frame(
        conv.height, conv.width, conv.channels, top, left, rows, columns, band * conv.stride[0], pieces, is_array
    )


def gradient_frame(conv: Conv, pieces: Pieces, is_array: bool = True, reaches: bool = True, owns: bool = True) -> Frame:
    """Bands of dy.

    Args:
        conv: sizes.
        pieces: how the batch is cut.
        is_array: see `Frame`.
        reaches: with all the places that the window can have around a pixel of x.
        owns: with all of the band itself.
    """
    band = (conv.out_height // pieces.bands, conv.out_width)
    around = [span(conv, axis, size) for axis, size in enumerate((conv.height // pieces.bands, conv.width))]
    spans = [
        *([around] if reaches and not conv.is_whole else []),
        *([[(0, size) for size in band]] if owns or conv.is_whole else []),
    ]
    first = [min(s[axis][0] for s in spans) for axis in (0, 1)]
    last = [max(s[axis][1] for s in spans) for axis in (0, 1)]
    return Frame(conv.out_height, conv.out_width, conv.outputs, -first[0], -first[1], last[0] - first[0],
                 last[1] - first[1], band[0], pieces, is_array)  # fmt: skip


def forward_pieces(conv: Conv) -> Pieces:
    """As large as the cache takes, but enough of them for several threads."""
    heights = [b for b in range(conv.out_height, 0, -1) if conv.out_height % b == 0]
    cuts = [Pieces(conv.images, conv.out_height // band) for band in heights]
    floats = lambda cut: _framed(forward_frame(conv, cut, False)) + conv.out_pixels // cut.bands * conv.outputs  # noqa: E731
    return _best(conv, cuts, floats, L2_FLOATS // 12)


def backward_pieces(conv: Conv) -> Pieces:
    """Pieces that serve both gradients: bands of dx and of dy that go together."""
    fits = conv.height == conv.out_height * conv.stride[0]
    cuts = [Pieces(conv.images, n) for n in range(1, conv.out_height + 1 if fits else 2) if conv.out_height % n == 0]

    def floats(cut: Pieces) -> int:
        frames = forward_frame(conv, cut, False), gradient_frame(conv, cut, False)
        return sum(map(_framed, frames)) + conv.height * conv.width * conv.channels // cut.bands

    return _best(conv, cuts, floats, L2_FLOATS // 8)


def _framed(frame: Frame) -> int:
    return frame.rows * frame.columns * frame.channels


def _best(conv: Conv, cuts: list[Pieces], floats, budget: int) -> Pieces:
    """The first cut that fits; small images some at a time."""
    best = next((cut for cut in cuts if floats(cut) <= budget and cut.count >= 4), cuts[-1])
    if best.bands > 1:
        return best
    most = min(-(-ENOUGH_PIXELS // conv.out_pixels), conv.images // 4, 4 * budget // max(1, floats(best)))
    return replace(best, together=max((g for g in range(1, most + 1) if conv.images % g == 0), default=1))
