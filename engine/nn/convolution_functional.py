"""Convolutions and transposed convolutions; along one axis they are those of an image of height 1."""

from __future__ import annotations

from typing import Any

from engine.errors import Fix, ShapeError, TypeMismatch
from engine.ops.base import times
from engine.ops.convolution import Conv1d, Conv2d
from engine.ops.transposed import ConvTranspose1d, ConvTranspose2d
from engine.tensor import Tensor, apply
from engine.wording import counted

One = int | tuple[int]
Pair = int | tuple[int, int]


def numbers(where: str, name: str, value: Any, least: int, count: int = 2) -> tuple[int, ...]:
    """One number for all axes, or one for each; a TypeMismatch where it is neither or too small.

    >>> numbers("Conv2d", "stride", 3, 1)
    (3, 3)
    """
    each = tuple(value) if isinstance(value, tuple | list) else (value,)
    if len(each) == 1:
        each *= count
    if len(each) != count or not all(isinstance(n, int) and n >= least for n in each):
        more = " or a pair of them, each" if count == 2 else ","
        raise TypeMismatch(where, got=f"{name} is {value!r}", expected=f"a whole number{more} at least {least}")
    return each


def along(where: str, input: Tensor) -> tuple[Tensor, bool]:
    """A sequence as an image of height 1: (N, C, L) or (C, L) -> (N, C, 1, L), and whether there was no N."""
    if input.ndim not in (2, 3):
        raise ShapeError(where, got=f"a tensor of {times(input.shape)} arrives",
                         expected="sequences (N, channels, length)")  # fmt: skip
    return (input.unsqueeze(0) if input.ndim == 2 else input).unsqueeze(-2), input.ndim == 2


def back(output: Tensor, single: bool) -> Tensor:
    """(N, C, 1, L) -> (N, C, L) or (C, L)"""
    return output.squeeze((0, -2)) if single else output.squeeze(-2)


def _check_groups(where: str, channels: int, groups: int) -> None:
    if groups < 1 or channels % groups:
        raise ShapeError(
            where,
            got=f"{counted(channels, 'output channel')} in {counted(groups, 'group')}",
            expected="groups of equal size",
        )


def conv1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: One = 1, padding: One | str = 0,
           dilation: One = 1, groups: int = 1) -> Tensor:  # fmt: skip
    """Cross-correlation of sequences with kernels.

    Args:
        weight, bias: the kernels, and a summand for each output channel.
        stride: how far the window moves.
        padding: zeros around the sequence; "valid" is none, "same" as many as keep its length (stride 1).
        dilation: distance of the places under the window.
        groups: input and output channels fall into this many groups that do not see each other.

    Shape:
        input (N, C, L), weight (O, C / groups, K), bias (O) -> (N, O, OL),
        OL = floor((L + 2 padding - dilation (K - 1) - 1) / stride) + 1

    >>> import engine
    >>> conv1d(engine.ones(1, 1, 5), engine.ones(1, 1, 3)).tolist()
    [[[3.0, 3.0, 3.0]]]
    """
    image, single = along("Conv1d", input)
    stride, dilation = numbers("Conv1d", "stride", stride, 1, 1), numbers("Conv1d", "dilation", dilation, 1, 1)
    borders = borders_of("Conv1d", padding, weight.shape[2:], stride, dilation)
    _check_groups("Conv1d", weight.shape[0], groups)
    op = Conv1d((1, *stride), ((0, 0), *borders), (1, *dilation), groups)
    return back(apply(op, image, weight.unsqueeze(-2), bias), single)


def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Pair = 1, padding: Pair | str = 0,
           dilation: Pair = 1, groups: int = 1) -> Tensor:  # fmt: skip
    """Cross-correlation of images with kernels.

    Args:
        weight, bias: the kernels, and a summand for each output channel.
        stride: how far the window moves, down and across; one number stands for both.
        padding: pixels of zeros around the image; "valid" is none, "same" as many as keep its size (stride 1).
        dilation: distance of the pixels under the window.
        groups: input and output channels fall into this many groups that do not see each other.

    Shape:
        input (N, C, H, W), weight (O, C / groups, KH, KW), bias (O) -> (N, O, OH, OW),
        OH = floor((H + 2 padding - dilation (KH - 1) - 1) / stride) + 1

    Raises:
        ShapeError: where the channels differ or the window is larger than the padded image.

    >>> import engine
    >>> conv2d(engine.ones(1, 1, 5, 5), engine.ones(2, 1, 3, 3), padding="same").shape
    (1, 2, 5, 5)
    """
    stride, dilation = numbers("Conv2d", "stride", stride, 1), numbers("Conv2d", "dilation", dilation, 1)
    kernel = weight.shape[2:]
    single = input.ndim == 3
    _check_groups("Conv2d", weight.shape[0], groups)
    if single and input.shape[0] != weight.shape[1] * groups == 1:
        raise ShapeError("Conv2d", got=f"a tensor of {times(input.shape)} arrives",
                         expected="images (N, 1, height, width) or one image (1, height, width)",
                         mend="put the axis of channels in with .unsqueeze(1)")  # fmt: skip
    op = Conv2d(stride, borders_of("Conv2d", padding, kernel, stride, dilation), dilation, groups)
    out = apply(op, input.unsqueeze(0) if single else input, weight, bias)
    return out.squeeze(0) if single else out


def borders_of(
    where: str, padding: Any, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> Any:
    """(before, after) of each axis: ((top, bottom), (left, right)), or ((left, right),) along one axis."""
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding == "same":
        if set(stride) != {1}:
            raise TypeMismatch(where, got=f'padding "same" with stride {stride}', expected="stride 1",
                               mend="give the padding as a number")  # fmt: skip
        total = [d * (k - 1) for k, d in zip(kernel, dilation)]
        return tuple((t // 2, t - t // 2) for t in total)
    if isinstance(padding, str):
        raise TypeMismatch(where, got=f"padding {padding!r}", expected='a number, "same" or "valid"')
    return tuple((p, p) for p in numbers(where, "padding", padding, 0, len(kernel)))


def conv_transpose2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Pair = 1, padding: Pair = 0,
                     output_padding: Pair = 0, groups: int = 1, dilation: Pair = 1) -> Tensor:  # fmt: skip
    """The way back of a convolution: each value puts a weighted copy of the kernel into a larger image.

    Args:
        weight, bias: the kernels, and a summand for each output channel.
        stride: distance of the copies, down and across; one number stands for both.
        padding: pixels cut off at each border of the result.
        output_padding: pixels more at the end of the result; less than stride or dilation.
        groups: input and output channels fall into this many groups that do not see each other.
        dilation: distance of the pixels of a copy.

    Shape:
        input (N, C, H, W), weight (C, O / groups, KH, KW), bias (O) -> (N, O, OH, OW),
        OH = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1

    >>> import engine
    >>> conv_transpose2d(engine.ones(1, 1, 4, 4), engine.ones(1, 2, 2, 2), stride=2).shape
    (1, 2, 8, 8)
    """
    op = ConvTranspose2d(*_transposed("ConvTranspose2d", stride, padding, output_padding, groups, dilation, 2))
    if input.ndim == 3:
        return apply(op, input.unsqueeze(0), weight, bias).squeeze(0)
    return apply(op, input, weight, bias)


def conv_transpose1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: One = 1, padding: One = 0,
                     output_padding: One = 0, groups: int = 1, dilation: One = 1) -> Tensor:  # fmt: skip
    """The way back of a convolution of sequences: each value puts a weighted copy of the kernel into a longer one.

    Args:
        weight, bias: the kernels, and a summand for each output channel.
        stride: distance of the copies.
        padding: places cut off at both ends of the result.
        output_padding: places more at the end of the result; less than stride or dilation.
        groups: input and output channels fall into this many groups that do not see each other.
        dilation: distance of the places of a copy.

    Shape:
        input (N, C, L), weight (C, O / groups, K), bias (O) -> (N, O, OL),
        OL = (L - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1

    >>> import engine
    >>> conv_transpose1d(engine.tensor([[1.0, 2.0]]), engine.ones(1, 1, 2), stride=2)
    tensor([[1., 1., 2., 2.]])
    """
    image, single = along("ConvTranspose1d", input)
    options = _transposed("ConvTranspose1d", stride, padding, output_padding, groups, dilation, 1)
    return back(apply(ConvTranspose1d(*options), image, weight.unsqueeze(-2), bias), single)


def _transposed(where: str, stride: Any, padding: Any, extra: Any, groups: int, dilation: Any, count: int) -> Any:
    """The options of the op; along one axis, those of the other are neutral."""
    stride, dilation = numbers(where, "stride", stride, 1, count), numbers(where, "dilation", dilation, 1, count)
    padding, extra = numbers(where, "padding", padding, 0, count), numbers(where, "output_padding", extra, 0, count)
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation)):
        raise ShapeError(where, got=f"output_padding {extra[0] if count == 1 else extra}",
                         expected="less than stride or dilation",
                         fixes=(Fix("Set output_padding to 0", "set_parameter", name="output_padding", value=0),),
                         )  # fmt: skip
    if groups < 1:
        raise ShapeError(where, got=f"{groups} groups", expected="at least one")
    ahead = ((), ()) if count == 2 else ((1,), (0,))
    return (*ahead[0], *stride), (*ahead[1], *padding), (*ahead[1], *extra), groups, (*ahead[0], *dilation)
