"""Convolutions of volumes, which are those of their slices: what lies along the depth is laid beside the channels."""

from __future__ import annotations

from typing import Any

from engine.errors import ShapeError
from engine.nn.convolution_functional import borders_of, conv2d, conv_transpose2d, numbers
from engine.nn.padding_functional import pad
from engine.ops.base import times
from engine.tensor import Tensor
from engine.tensor.shapes import stack

Triple = int | tuple[int, int, int]


def conv3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Triple = 1, padding: Triple | str = 0,
           dilation: Triple = 1, groups: int = 1) -> Tensor:  # fmt: skip
    """Cross-correlation of volumes with kernels; arguments as of `conv2d`.

    Args:
        weight, bias: the kernels, and a summand for each output channel.
        stride, dilation: how far the window moves, and the distance of the voxels under it.
        padding: voxels of zeros around the volume; "valid" is none, "same" as many as keep its size (stride 1).
        groups: input and output channels fall into this many groups that do not see each other.

    Shape:
        input (N, C, D, H, W), weight (O, C / groups, KD, KH, KW), bias (O) -> (N, O, OD, OH, OW)

    Raises:
        ShapeError: where the channels differ or the window is larger than the padded volume.

    >>> import engine
    >>> conv3d(engine.ones(1, 1, 4, 5, 5), engine.ones(2, 1, 3, 3, 3)).shape
    (1, 2, 2, 3, 3)
    """
    volume, single = _volumes("Conv3d", input, weight)
    taps = weight.shape[2]
    stride, dilation = numbers("Conv3d", "stride", stride, 1, 3), numbers("Conv3d", "dilation", dilation, 1, 3)
    (front, end), *others = borders_of("Conv3d", padding, weight.shape[2:], stride, dilation)
    volume = pad(volume, [n for border in reversed([(front, end), *others]) for n in border])
    reach = (taps - 1) * dilation[0] + 1
    if volume.shape[2] < reach:
        raise ShapeError("Conv3d", got=f"a window {reach} deep does not fit into a volume {volume.shape[2]} deep",
                         expected="a window no larger than the volume with its padding")  # fmt: skip
    depth = (volume.shape[2] - reach) // stride[0] + 1
    starts = (t * dilation[0] for t in range(taps))
    seen = stack([volume[:, :, t : t + stride[0] * (depth - 1) + 1 : stride[0]] for t in starts], 3)
    n, c, _, _, h, w = seen.shape  # (N, C, OD, KD, H, W)
    slices = seen.permute(0, 2, 1, 3, 4, 5).reshape(n * depth, c * taps, h, w)
    flat = weight.reshape(weight.shape[0], weight.shape[1] * taps, *weight.shape[3:])
    out = conv2d(slices, flat, bias, stride[1:], 0, dilation[1:], groups)  # (N OD, O, OH, OW)
    out = out.reshape(n, depth, *out.shape[1:]).transpose(1, 2)
    return out.squeeze(0) if single else out


def conv_transpose3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Triple = 1,
                     padding: Triple = 0, output_padding: Triple = 0, groups: int = 1,
                     dilation: Triple = 1) -> Tensor:  # fmt: skip
    """The way back of a convolution of volumes; arguments as of `conv_transpose2d`.

    Args:
        weight, bias: the kernels, and a summand for each output channel.
        stride, dilation: distance of the copies, and of the voxels of a copy.
        padding: voxels cut off at each border of the result.
        output_padding: voxels more at the end of the result; less than stride or dilation.
        groups: input and output channels fall into this many groups that do not see each other.

    Shape:
        input (N, C, D, H, W), weight (C, O / groups, KD, KH, KW), bias (O) -> (N, O, OD, OH, OW)

    >>> import engine
    >>> conv_transpose3d(engine.ones(1, 1, 2, 2, 2), engine.ones(1, 3, 2, 2, 2), stride=2).shape
    (1, 3, 4, 4, 4)
    """
    where = "ConvTranspose3d"
    volume, single = _volumes(where, input, weight)
    n, c, depth, h, w = volume.shape
    taps = weight.shape[2]
    stride, dilation = numbers(where, "stride", stride, 1, 3), numbers(where, "dilation", dilation, 1, 3)
    cut, extra = numbers(where, "padding", padding, 0, 3), numbers(where, "output_padding", output_padding, 0, 3)
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation)):
        raise ShapeError(where, got=f"output_padding {extra}", expected="less than stride or dilation")
    slices = volume.transpose(1, 2).reshape(n * depth, c, h, w)
    flat = weight.reshape(c, weight.shape[1] * taps, *weight.shape[3:])
    found = conv_transpose2d(slices, flat, None, stride[1:], cut[1:], extra[1:], groups, dilation[1:])
    found = found.reshape(n, depth, weight.shape[1] * groups, taps, *found.shape[2:])  # (N, D, O, KD, OH, OW)
    parts = (_at_depth(found[:, :, :, t].transpose(1, 2), t * dilation[0], taps, stride[0], dilation[0])
             for t in range(taps))  # fmt: skip
    out = sum(parts, start=next(parts))
    out = pad(out, (0, 0, 0, 0, -cut[0], extra[0] - cut[0]))
    out = out if bias is None else out + bias.reshape(-1, 1, 1, 1)
    return out.squeeze(0) if single else out


def _at_depth(x: Tensor, begin: int, taps: int, stride: int, dilation: int) -> Tensor:
    """Slices (N, O, D, H, W) laid out `stride` apart from a place on, in as much depth as all taps need."""
    n, o, depth, h, w = x.shape
    apart = pad(x.unsqueeze(3), (0, 0, 0, 0, 0, stride - 1)).reshape(n, o, depth * stride, h, w)
    return pad(apart, (0, 0, 0, 0, begin, dilation * (taps - 1) - begin - stride + 1))


def _volumes(where: str, input: Tensor, weight: Any) -> tuple[Tensor, bool]:
    """(N, C, D, H, W), and whether there was no N."""
    if input.ndim not in (4, 5) or weight.ndim != 5:
        raise ShapeError(where, got=f"a tensor of {times(input.shape)} arrives",
                         expected="volumes (N, channels, depth, height, width)")  # fmt: skip
    return (input.unsqueeze(0), True) if input.ndim == 4 else (input, False)
