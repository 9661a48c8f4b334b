"""How near two vectors are."""

from __future__ import annotations

from engine.errors import ShapeError
from engine.ops.base import times
from engine.tensor import Tensor
from engine.tensor.functions.assembling import broadcast_tensors


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 · x2 / (max(|x1|, eps) max(|x2|, eps)) along an axis, which goes.

    Args:
        dim: the axis.
        eps: the least that a length counts as.

    >>> import engine
    >>> cosine_similarity(engine.tensor([[1.0, 0.0]]), engine.tensor([[0.0, 2.0]])).tolist()
    [0.0]
    """
    x1, x2 = broadcast_tensors(x1, x2)  # first, for a repeated value lengthens its vector
    return (_unit(x1, dim, eps) * _unit(x2, dim, eps)).sum(dim)


def _unit(x: Tensor, dim: int, eps: float) -> Tensor:
    # limited before the root, so that the gradient of a vector of zeros is one, too
    return x / (x * x).sum(dim, keepdim=True).clamp(min=eps * eps).sqrt()


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis.

    Args:
        p: of the norm.
        eps: added to the differences, so that the norm has a gradient at 0.
        keepdim: whether the axis stays, with length 1.

    Shape:
        (N, D) and (N, D), or one of them (D) -> (N), or (N, 1) with keepdim

    >>> import engine
    >>> pairwise_distance(engine.tensor([[3.0, 4.0]]), engine.zeros(1, 2), eps=0.0).tolist()
    [5.0]
    """
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y[o] = input1ᵀ weight[o] input2 + bias[o].

    Shape:
        input1 (..., I), input2 (..., J), weight (O, I, J), bias (O) -> (..., O)

    Raises:
        ShapeError: where the features are not I and J, or the axes before them differ.

    >>> import engine
    >>> bilinear(engine.ones(1, 2), engine.ones(1, 3), engine.ones(4, 2, 3))
    tensor([[6., 6., 6., 6.]])
    """
    features, shape = (input1.shape[-1], input2.shape[-1]), input1.shape[:-1]
    if features != tuple(weight.shape[1:]) or input2.shape[:-1] != shape:
        raise ShapeError("Bilinear", got=f"{times(input1.shape)} and {times(input2.shape)} arrive",
                         expected=f"{weight.shape[1]} and {weight.shape[2]} features, other axes equal")  # fmt: skip
    out, rows, columns = weight.shape
    by_first = input1.reshape(-1, rows) @ weight.permute(1, 0, 2).reshape(rows, out * columns)
    y = (by_first.reshape(-1, out, columns) @ input2.reshape(-1, columns, 1)).reshape(*shape, out)
    return y if bias is None else y + bias
