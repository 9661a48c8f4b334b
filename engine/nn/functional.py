"""Functions of networks by PyTorch's names; the layers of `engine.nn` hold parameters and call these."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import ShapeError, TypeMismatch
from engine.nn.attention_functional import scaled_dot_product_attention
from engine.nn.convolution_functional import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from engine.nn.losses_functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    mse_loss,
    nll_loss,
)
from engine.nn.padding_functional import fold, pad, unfold
from engine.nn.pooling_functional import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    interpolate,
    max_pool1d,
    max_pool2d,
)
from engine.ops import activation as act
from engine.ops import indexing, normalisation, products
from engine.ops.elementwise import require_float
from engine.random import Generator, default_generator
from engine.tensor import Tensor, apply
from engine.tensor.arithmetic import RELU, SIGMOID, TANH
from engine.tensor.functions.products import pdist

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "embedding",
    "fold",
    "gelu",
    "group_norm",
    "interpolate",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool1d",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pdist",
    "relu",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
    "unfold",
]

LINEAR = products.Linear()


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


def group_norm(input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None,
               eps: float = 1e-5) -> Tensor:  # fmt: skip
    """(x - mean) / sqrt(var + eps) * weight + bias over groups of channels of each sample (Wu and He, 2018).

    Shape:
        input (N, C, ...), weight and bias (C)
    """
    return apply(normalisation.GroupNorm(num_groups, eps), input, weight, bias)


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


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 · x2 / (max(|x1|, eps) max(|x2|, eps)) along an axis.

    >>> import engine
    >>> cosine_similarity(engine.tensor([[1.0, 0.0]]), engine.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    first, second = (x / x.norm(2, dim, True).clamp(min=eps) for x in (x1, x2))
    return (first * second).sum(dim)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """|x1 - x2 + eps|_p along the last axis."""
    return (x1 - x2 + eps).norm(float(p), -1, keepdim)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(|x|_p, eps) along an axis."""
    return input / input.norm(p, dim, True).clamp(min=eps)
