"""Functions of networks by PyTorch's names; the layers of `engine.nn` hold parameters and call these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.errors import ShapeError, TypeMismatch
from engine.nn.losses_functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    mse_loss,
    nll_loss,
)
from engine.ops import activation as act
from engine.ops import indexing, layout, normalisation, pooling, products
from engine.ops.base import times
from engine.ops.convolution import Conv2d
from engine.ops.elementwise import require_float
from engine.random import Generator, default_generator
from engine.tensor import Tensor, apply
from engine.tensor.arithmetic import RELU, SIGMOID, TANH

__all__ = [
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "cross_entropy",
    "dropout",
    "embedding",
    "gelu",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]

LINEAR = products.Linear()
Pair = int | tuple[int, int]


def pair(where: str, name: str, value: Any, least: int) -> tuple[int, int]:
    """One number for both axes, or two; a TypeMismatch where it is neither or too small."""
    both = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(both) == 1:
        both *= 2
    if len(both) != 2 or not all(isinstance(n, int) and n >= least for n in both):
        raise TypeMismatch(where, got=f"{name} is {value!r}",
                           expected=f"a whole number or a pair of them, each at least {least}")  # fmt: skip
    return both


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x Wᵀ + b.

    Shape:
        input (..., I), weight (O, I), bias (O) -> (..., O)

    Raises:
        ShapeError: where the last axis of the input is not I.

    >>> import engine
    >>> linear(engine.ones(2, 3), engine.ones(4, 3)).shape
    (2, 4)
    """
    if input.array.dtype != weight.array.dtype:
        products.same_dtype("Linear", input, weight)
    return apply(LINEAR, input, weight, bias)


def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Pair = 1, padding: Pair | str = 0,
           dilation: Pair = 1, groups: int = 1) -> Tensor:  # fmt: skip
    """Cross-correlation of images with kernels.

    Args:
        padding: pixels of zeros around the image; "valid" is none, "same" as many as keep its size (stride 1).
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
    stride, dilation = pair("Conv2d", "stride", stride, 1), pair("Conv2d", "dilation", dilation, 1)
    kernel = weight.shape[2:]
    single = input.ndim == 3
    if groups < 1 or weight.shape[0] % groups:
        raise ShapeError("Conv2d", got=f"{weight.shape[0]} output channels in {groups} groups",
                         expected="groups of equal size")  # fmt: skip
    op = Conv2d(stride, _conv_padding(padding, kernel, stride, dilation), dilation, groups)
    out = apply(op, input.unsqueeze(0) if single else input, weight, bias)
    return out.squeeze(0) if single else out


def _conv_padding(padding: Any, kernel: tuple[int, ...], stride: tuple[int, int], dilation: tuple[int, int]) -> Any:
    """-> ((top, bottom), (left, right))"""
    if padding == "valid":
        return ((0, 0), (0, 0))
    if padding == "same":
        if stride != (1, 1):
            raise TypeMismatch("Conv2d", got=f'padding "same" with stride {stride}', expected="stride 1",
                               mend="give the padding as a number")  # fmt: skip
        total = [d * (k - 1) for k, d in zip(kernel, dilation)]
        return tuple((t // 2, t - t // 2) for t in total)
    if isinstance(padding, str):
        raise TypeMismatch("Conv2d", got=f"padding {padding!r}", expected='a number, "same" or "valid"')
    return tuple((p, p) for p in pair("Conv2d", "padding", padding, 0))


def max_pool2d(input: Tensor, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0, dilation: Pair = 1,
               ceil_mode: bool = False) -> Tensor:  # fmt: skip
    """The greatest value under each window; stride is the window's size where it is not given.

    Shape:
        (N, C, H, W) -> (N, C, OH, OW)

    >>> import engine
    >>> max_pool2d(engine.arange(16.0).reshape(1, 1, 4, 4), 2)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """
    kernel = pair("MaxPool2d", "kernel_size", kernel_size, 1)
    op = pooling.MaxPool2d(
        kernel, kernel if stride in (None, ()) else pair("MaxPool2d", "stride", stride, 1),
        pair("MaxPool2d", "padding", padding, 0), bool(ceil_mode), pair("MaxPool2d", "dilation", dilation, 1),
    )  # fmt: skip
    return _pooled(op, input)


def avg_pool2d(input: Tensor, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0,
               ceil_mode: bool = False, count_include_pad: bool = True,
               divisor_override: int | None = None) -> Tensor:  # fmt: skip
    """The mean under each window; stride is the window's size where it is not given.

    Shape:
        (N, C, H, W) -> (N, C, OH, OW)
    """
    kernel = pair("AvgPool2d", "kernel_size", kernel_size, 1)
    op = pooling.AvgPool2d(
        kernel, kernel if stride in (None, ()) else pair("AvgPool2d", "stride", stride, 1),
        pair("AvgPool2d", "padding", padding, 0), bool(ceil_mode), bool(count_include_pad), divisor_override,
    )  # fmt: skip
    return _pooled(op, input)


def _pooled(op: Any, input: Tensor) -> Tensor:
    if input.ndim == 3:
        return apply(op, input.unsqueeze(0)).squeeze(0)
    return apply(op, input)


def batch_norm(input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
               bias: Tensor | None = None, training: bool = False, momentum: float = 0.1,
               eps: float = 1e-5) -> Tensor:  # fmt: skip
    """(x - mean) / sqrt(var + eps) * weight + bias by channel (Ioffe and Szegedy, 2015).

    In training mean and var are the batch's, and running = (1 - momentum) running + momentum batch, in place.

    Shape:
        input (N, C, ...), the others (C)
    """
    if not training and running_mean is None:
        raise TypeMismatch("BatchNorm", got="there are no running statistics", expected="them in evaluation",
                           mend="call it with training=True")  # fmt: skip
    out = apply(normalisation.BatchNorm(training, momentum, eps), input, weight, bias, running_mean, running_var)
    if training and running_mean is not None and not input.is_meta:
        running_mean._changed()
        running_var._changed()
    return out


def layer_norm(input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None,
               bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:  # fmt: skip
    """(x - mean) / sqrt(var + eps) * weight + bias over the last axes of each sample (Ba et al., 2016).

    Shape:
        input (..., *normalized_shape), weight and bias normalized_shape
    """
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    return apply(normalisation.LayerNorm(shape, eps), input, weight, bias)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *,
            generator: Generator | None = None) -> Tensor:  # fmt: skip
    """Each element 0 with probability p, the others scaled by 1 / (1 - p), in training only (Srivastava et al., 2014).

    Raises:
        TypeMismatch: where p is not between 0 and 1.
    """
    if not 0 <= p <= 1:
        raise TypeMismatch("Dropout", got=f"p is {p}", expected="a probability from 0 to 1")
    if not training or p == 0:
        return input
    out = apply(act.Dropout(p, generator or default_generator), input)
    return input.copy_(out) if inplace else out


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Rows of a table; the row `padding_idx` gets no gradient.

    Shape:
        input (...) whole numbers, weight (V, D) -> (..., D)

    Raises:
        EngineError: for an index that is not in the table.
    """
    if padding_idx is not None and padding_idx < 0:
        padding_idx += weight.shape[0]
    return apply(indexing.Embedding(padding_idx), weight, input)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0)"""
    return input.relu_() if inplace else apply(RELU, input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where it is positive, negative_slope * x elsewhere."""
    out = apply(act.LeakyReLU(negative_slope), _floats("leaky_relu", input.clone() if inplace else input))
    return input.copy_(out) if inplace else out


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x F(x), F the distribution function of the standard normal (Hendrycks and Gimpel, 2016).

    Args:
        approximate: "none", or "tanh" for 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
    """
    if approximate not in ("none", "tanh"):
        raise TypeMismatch("GELU", got=f"approximate is {approximate!r}", expected='"none" or "tanh"')
    return apply(act.GELUTanh() if approximate == "tanh" else act.GELU(), _floats("gelu", input))


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x sigmoid(x)"""
    out = apply(act.SiLU(), _floats("silu", input.clone() if inplace else input))
    return input.copy_(out) if inplace else out


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x))"""
    return apply(SIGMOID, _floats("sigmoid", input))


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return apply(TANH, _floats("tanh", input))


def softplus(input: Tensor) -> Tensor:
    """log(1 + exp(x))"""
    return apply(act.Softplus(), _floats("softplus", input))


def _floats(where: str, input: Tensor) -> Tensor:
    require_float(where, input.array.dtype)
    return input


def softmax(input: Tensor, dim: int | None = None) -> Tensor:
    """exp(x) / sum of exp(x) along an axis; without `dim` along the first, or the second of 2 or 4 axes."""
    return input.softmax(_class_axis(input) if dim is None else dim)


def log_softmax(input: Tensor, dim: int | None = None) -> Tensor:
    """log of softmax."""
    return input.log_softmax(_class_axis(input) if dim is None else dim)


def _class_axis(input: Tensor) -> int:
    return 0 if input.ndim in (0, 1, 3) else 1


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the class, 0 elsewhere.

    Shape:
        (...) -> (..., num_classes)

    >>> import engine
    >>> one_hot(engine.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if tensor.dtype.kind not in "iu":
        raise TypeMismatch("one_hot", got=f"the classes are {tensor.dtype}", expected="whole numbers")
    if tensor.numel() and not tensor.is_meta:
        low, high = int(tensor.min()), int(tensor.max())
        if num_classes == -1:
            num_classes = high + 1
        if low < 0 or high >= num_classes:
            raise ShapeError("one_hot", got=f"class {low if low < 0 else high}", expected=f"0 to {num_classes - 1}")
    return apply(indexing.OneHot(num_classes), tensor)


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Widened by pad = (before, after) of the last axis, then of the one before it, and so on; negative numbers crop.

    >>> import engine
    >>> pad(engine.ones(2, 2), (1, 0)).shape
    (2, 3)
    """
    if mode != "constant":
        raise TypeMismatch("pad", got=f"mode {mode!r}", expected='"constant"')
    pad = tuple(pad)
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ShapeError("pad", got=f"{len(pad)} numbers for a tensor of {times(input.shape)}",
                         expected="a pair for each axis to widen")  # fmt: skip
    widths = [(0, 0)] * input.ndim
    for i in range(len(pad) // 2):
        widths[input.ndim - 1 - i] = (pad[2 * i], pad[2 * i + 1])
    cropped = input
    if any(n < 0 for n in pad):
        place = tuple(
            slice(max(-before, 0), size - max(-after, 0)) for size, (before, after) in zip(input.shape, widths)
        )
        cropped = input[place]
        widths = [(max(before, 0), max(after, 0)) for before, after in widths]
    return apply(layout.Pad(tuple(widths), value or 0), cropped)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(|x|_p, eps) along an axis."""
    return input / input.norm(p, dim, True).clamp(min=eps)
