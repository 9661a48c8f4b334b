"""Images made wider, and cut into windows."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import OptionError, ShapeError, TypeMismatch
from engine.ops import layout
from engine.ops.base import times
from engine.tensor import Tensor, apply, cat
from engine.tensor.functions.axes import flip
from engine.wording import counted

MODES = ("constant", "reflect", "replicate", "circular")


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Widened by pad = (before, after) of the last axis, then of the one before it, and so on; negative numbers crop.

    Args:
        mode: what is put there: "constant", one value (0 without `value`); "reflect", what lies inside as in a mirror
            that stands on the last element; "replicate", the last element again; "circular", what lies at the other
            end. All but the first leave two axes (samples, channels) or one (channels) as they are.
        value: what is put there in mode "constant".

    >>> import engine
    >>> pad(engine.ones(2, 2), (1, 0)).shape
    (2, 3)
    >>> pad(engine.tensor([[1.0, 2.0, 3.0]]), (2, 1), "reflect")
    tensor([[3., 2., 1., 2., 3., 2.]])
    """
    if mode not in MODES:
        raise TypeMismatch("pad", got=f"mode {mode!r}", expected=f"one of {MODES}")
    pad = tuple(pad)
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ShapeError("pad", got=f"{counted(len(pad), 'number')} for a tensor of {times(input.shape)}",
                         expected="a pair for each axis to widen")  # fmt: skip
    widths = [(0, 0)] * input.ndim
    for i in range(len(pad) // 2):
        widths[input.ndim - 1 - i] = (pad[2 * i], pad[2 * i + 1])
    if mode != "constant":
        return _continued(input, pad, widths, mode, value)
    if any(n + before + after < 0 for n, (before, after) in zip(input.shape, widths)):
        raise ShapeError("pad", got=f"{pad} would take more than there is of {times(input.shape)}",
                         expected="axes of at least 0")  # fmt: skip
    if any(n < 0 for n in pad):
        input = _cropped(input, widths)
        widths = [(max(before, 0), max(after, 0)) for before, after in widths]
    return apply(layout.Pad(tuple(widths), value or 0), input)


def _cropped(x: Tensor, widths: list[tuple[int, int]]) -> Tensor:
    place = tuple(slice(max(-before, 0), n - max(-after, 0)) for n, (before, after) in zip(x.shape, widths))
    return x[place]


def _continued(
    x: Tensor, pad: tuple[int, ...], widths: list[tuple[int, int]], mode: str, value: float | None
) -> Tensor:
    """Widened by what is there, one axis after the other."""
    if value not in (None, 0):
        raise OptionError("pad", got=f"a value for mode {mode!r}", expected="none")
    if len(pad) not in (2, 4, 6) or x.ndim - len(pad) // 2 not in (1, 2):
        raise ShapeError("pad", got=f"{counted(len(pad), 'number')} for a tensor of {times(x.shape)} in mode {mode!r}",
                         expected="a pair for each axis behind the channels")  # fmt: skip
    for axis, (before, after) in enumerate(widths):
        n = x.shape[axis]
        most = {"reflect": n - 1, "circular": n}.get(mode)
        if most is not None and (before or after) and max(before, after) > most:
            raise ShapeError("pad", got=f"an axis of {n} is widened by {max(before, after)} in mode {mode!r}",
                             expected=f"at most {most}")  # fmt: skip
        if n + before + after < 1 <= n:
            raise ShapeError("pad", got=f"nothing would be left of an axis of {n}", expected="at least one element")
    if mode == "circular":  # what is cropped off does not come back at the other end
        x, widths = _cropped(x, widths), [(max(before, 0), max(after, 0)) for before, after in widths]
    for axis, (before, after) in enumerate(widths):
        if before > 0 or after > 0:
            x = _wider(x, axis, max(before, 0), max(after, 0), mode)
    return x if mode == "circular" else _cropped(x, widths)


def _wider(x: Tensor, axis: int, before: int, after: int, mode: str) -> Tensor:
    n = x.shape[axis]
    if mode == "replicate":
        shape = list(x.shape)
        first, last = x.narrow(axis, 0, 1), x.narrow(axis, n - 1, 1)
        ends = [end.expand([m if i != axis else k for i, m in enumerate(shape)])
                for end, k in ((first, before), (last, after))]  # fmt: skip
        return cat([ends[0], x, ends[1]], axis)
    if mode == "reflect":
        return cat([flip(x.narrow(axis, 1, before), axis), x, flip(x.narrow(axis, n - 1 - after, after), axis)], axis)
    return cat([x.narrow(axis, n - before, before), x, x.narrow(axis, 0, after)], axis)


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _windows(
    kernel_size: int | Sequence[int], dilation: int | Sequence[int], padding: int | Sequence[int],
    stride: int | Sequence[int],
) -> tuple[tuple[int, int], tuple[int, int], tuple[tuple[int, int], tuple[int, int]], tuple[int, int]]:  # fmt: skip
    top, left = _pair(padding)
    return _pair(kernel_size), _pair(stride), ((top, top), (left, left)), _pair(dilation)


def unfold(input: Tensor, kernel_size: int | Sequence[int], dilation: int | Sequence[int] = 1,
           padding: int | Sequence[int] = 0, stride: int | Sequence[int] = 1) -> Tensor:  # fmt: skip
    """What lies under a window at each of its places in an image.

    Args:
        kernel_size: height and width of the window; one number stands for both, here and below.
        dilation: distance of the pixels under it.
        padding: pixels of zeros around the image.
        stride: how far it moves.

    Shape:
        input (N, C, H, W) or (C, H, W) -> (N, C KH KW, places) or (C KH KW, places)

    >>> import engine
    >>> unfold(engine.ones(1, 3, 4, 4), 2).shape
    (1, 12, 9)
    """
    op = layout.Unfold(*_windows(kernel_size, dilation, padding, stride))
    return apply(op, input) if input.ndim != 3 else apply(op, input.unsqueeze(0)).squeeze(0)


def fold(input: Tensor, output_size: int | Sequence[int], kernel_size: int | Sequence[int],
         dilation: int | Sequence[int] = 1, padding: int | Sequence[int] = 0,
         stride: int | Sequence[int] = 1) -> Tensor:  # fmt: skip
    """Windows added up where they lie in an image: what sends the gradient of `unfold` back.

    Args:
        output_size: height and width of the image.
        kernel_size, dilation, padding, stride: as of `unfold`.

    Shape:
        input (N, C KH KW, places) or (C KH KW, places) -> (N, C, *output_size) or (C, *output_size)

    >>> import engine
    >>> fold(engine.ones(1, 12, 9), 4, 2).shape
    (1, 3, 4, 4)
    """
    op = layout.Fold(*_windows(kernel_size, dilation, padding, stride), _pair(output_size))
    return apply(op, input) if input.ndim != 2 else apply(op, input.unsqueeze(0)).squeeze(0)
