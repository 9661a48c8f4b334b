"""Products of vectors, matrices and tensors, and distances: compositions of `matmul` and views."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from engine.errors import OptionError, ShapeError, TypeMismatch
from engine.ops import layout
from engine.ops.base import axes_of, axis_of, broadcast, times
from engine.tensor.creation import arange
from engine.tensor.functions.axes import diagonal, movedim
from engine.tensor.functions.making import triu_indices
from engine.tensor.operands import meet
from engine.tensor.shapes import stack
from engine.tensor.tape import apply
from engine.wording import counted


def _require(where: str, *pairs: tuple[Any, int]) -> None:
    for x, axes in pairs:
        if x.ndim != axes:
            raise ShapeError(where, got=f"a tensor of {times(x.shape)} arrives",
                             expected=("a row", "a matrix", "a batch of matrices")[axes - 1])  # fmt: skip


def dot(input: Any, tensor: Any) -> Any:
    """The inner product of two rows of one length: the sum of input * tensor.   (N), (N) -> ()

    >>> import engine
    >>> engine.dot(engine.tensor([1.0, 2.0]), engine.tensor([3.0, 4.0]))
    tensor(11.)
    """
    _require("dot", (input, 1), (tensor, 1))
    return input.matmul(tensor)


def mm(input: Any, mat2: Any) -> Any:
    """The product of two matrices, input @ mat2.   (M, K), (K, N) -> (M, N)

    >>> import engine
    >>> engine.mm(engine.ones(2, 3), engine.ones(3, 4)).shape
    (2, 4)
    """
    _require("mm", (input, 2), (mat2, 2))
    return input.matmul(mat2)


def bmm(input: Any, mat2: Any) -> Any:
    """The products of two batches of matrices, input @ mat2.   (B, M, K), (B, K, N) -> (B, M, N)

    >>> import engine
    >>> engine.bmm(engine.ones(5, 2, 3), engine.ones(5, 3, 4)).shape
    (5, 2, 4)
    """
    _require("bmm", (input, 3), (mat2, 3))
    if input.shape[0] != mat2.shape[0]:
        raise ShapeError("bmm", got=f"{input.shape[0]} and {mat2.shape[0]} matrices", expected="as many",
                         mend="for one matrix on all of a batch write a @ b")  # fmt: skip
    return input.matmul(mat2)


def mv(input: Any, vec: Any) -> Any:
    """The product of a matrix and a column, input @ vec.   (M, N), (N) -> (M)

    >>> import engine
    >>> engine.mv(engine.tensor([[1.0, 2.0], [3.0, 4.0]]), engine.ones(2))
    tensor([3., 7.])
    """
    _require("mv", (input, 2), (vec, 1))
    return input.matmul(vec)


def outer(input: Any, vec2: Any) -> Any:
    """Every product of an element of input and one of vec2.   (N), (M) -> (N, M)

    >>> import engine
    >>> engine.outer(engine.tensor([1.0, 2.0]), engine.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    _require("outer", (input, 1), (vec2, 1))
    return input.unsqueeze(1) * vec2


def inner(input: Any, other: Any) -> Any:
    """The inner products of input and other along their last axes.   (..., N), (*, N) -> (..., *)

    >>> import engine
    >>> engine.inner(engine.tensor([[1.0, 2.0], [3.0, 4.0]]), engine.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    if not input.ndim or not other.ndim:
        return input * other
    return tensordot(input, other, ([-1], [-1]))


def vdot(input: Any, other: Any) -> Any:
    """The inner product of two rows: the sum of input * other.   (N), (N) -> ()

    >>> import engine
    >>> engine.vdot(engine.tensor([1.0, 2.0]), engine.tensor([3.0, 4.0]))
    tensor(11.)
    """
    return dot(input, other)


def _added(input: Any, product: Any, beta: float, alpha: float) -> Any:
    product = product if alpha == 1 else product * alpha
    if beta == 0:  # what is no number in the input does not count
        return product
    return (input if beta == 1 else input * beta) + product


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * mat1 @ mat2

    (M, K), (K, N) -> (M, N); where beta is 0, what is no number in the input does not count.

    >>> import engine
    >>> engine.addmm(engine.ones(2, 2), engine.eye(2), engine.eye(2), beta=2)
    tensor([[3., 2.],
            [2., 3.]])
    """
    return _added(input, mm(mat1, mat2), beta, alpha)


def addmv(input: Any, mat: Any, vec: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * mat @ vec

    >>> import engine
    >>> engine.addmv(engine.ones(2), engine.eye(2), engine.ones(2), alpha=3)
    tensor([4., 4.])
    """
    return _added(input, mv(mat, vec), beta, alpha)


def addr(input: Any, vec1: Any, vec2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * outer(vec1, vec2)

    >>> import engine
    >>> engine.addr(engine.ones(2, 2), engine.tensor([1.0, 2.0]), engine.tensor([1.0, 0.0]))
    tensor([[2., 1.],
            [3., 1.]])
    """
    return _added(input, outer(vec1, vec2), beta, alpha)


def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * batch1 @ batch2

    >>> import engine
    >>> engine.baddbmm(engine.ones(1, 1, 1), engine.ones(4, 1, 3), engine.ones(4, 3, 1)).reshape(-1)
    tensor([4., 4., 4., 4.])
    """
    return _added(input, bmm(batch1, batch2), beta, alpha)


def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * the sum of batch1 @ batch2 over the batch

    >>> import engine
    >>> engine.addbmm(engine.zeros(1, 1), engine.ones(4, 1, 3), engine.ones(4, 3, 1))
    tensor([[12.]])
    """
    return _added(input, bmm(batch1, batch2).sum(0), beta, alpha)


def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """The sum of products over pairs of axes: the last of a with the first of b, or those that `dims` lists.

    Args:
        dims: how many axes, or the axes of a and those of b.

    >>> import engine
    >>> engine.tensordot(engine.ones(2, 3, 4), engine.ones(4, 3), ([2, 1], [0, 1]))
    tensor([12., 12.])
    """
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            raise OptionError(
                "tensordot", got=f"{counted(dims, 'axis')} of {a.ndim} and {b.ndim}", expected="no more than each has"
            )
        dims = tuple(range(a.ndim - dims, a.ndim)), tuple(range(dims))
    over_a, over_b = (tuple(x.tolist()) if hasattr(x, "tolist") else tuple(x) for x in dims)
    over_a, over_b = axes_of("tensordot", over_a, a.ndim), axes_of("tensordot", over_b, b.ndim)
    if [a.shape[i] for i in over_a] != [b.shape[i] for i in over_b]:
        raise ShapeError("tensordot", got=f"axes {over_a} of {times(a.shape)} and {over_b} of {times(b.shape)}",
                         expected="axes of equal lengths")  # fmt: skip
    kept_a, kept_b = ([i for i in range(x.ndim) if i not in over] for x, over in ((a, over_a), (b, over_b)))
    shape_a, shape_b = [a.shape[i] for i in kept_a], [b.shape[i] for i in kept_b]
    count = prod(a.shape[i] for i in over_a)
    left = a.permute((*kept_a, *over_a)).reshape(prod(shape_a), count)
    right = b.permute((*over_b, *kept_b)).reshape(count, prod(shape_b))
    return left.matmul(right).reshape((*shape_a, *shape_b))


def kron(input: Any, other: Any) -> Any:
    """Copies of other, each times an element of input, side by side.

    >>> import engine
    >>> engine.kron(engine.tensor([[1, 2]]), engine.tensor([[1], [3]]))
    tensor([[1, 2],
            [3, 6]])
    """
    n = max(input.ndim, other.ndim)
    a, b = (x.reshape((1,) * (n - x.ndim) + tuple(x.shape)) for x in (input, other))
    spread_a = a.reshape([size for m in a.shape for size in (m, 1)])
    spread_b = b.reshape([size for m in b.shape for size in (1, m)])
    return (spread_a * spread_b).reshape([p * q for p, q in zip(a.shape, b.shape)])


def trace(input: Any) -> Any:
    """The sum of the diagonal of a matrix.

    >>> import engine
    >>> engine.trace(engine.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5.)
    """
    _require("trace", (input, 2))
    return diagonal(input).sum()


def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Matrices with the last axis on their diagonals, 0 elsewhere; the new axes stand at dim1 and dim2.

    Args:
        offset: which diagonal; 1 is the one above.

    >>> import engine
    >>> engine.diag_embed(engine.tensor([1, 2]), offset=1)
    tensor([[0, 1, 0],
            [0, 0, 2],
            [0, 0, 0]])
    """
    if not input.ndim:
        raise ShapeError("diag_embed", got="a tensor with no axes arrives", expected="at least one axis")
    a, b = axis_of("diag_embed", dim1, input.ndim + 1), axis_of("diag_embed", dim2, input.ndim + 1)
    if a == b:
        raise ShapeError("diag_embed", got=f"dim1 and dim2 are {dim1} and {dim2}", expected="two different axes")
    return movedim(apply(layout.DiagonalEmbed(offset), input), (-2, -1), (a, b))


def diag(input: Any, diagonal: int = 0) -> Any:
    """The diagonal of a matrix, or a matrix with a row on its diagonal.   (M, N) -> (min(M, N)), (N) -> (N, N)

    Args:
        diagonal: which one; 1 is the one above.

    >>> import engine
    >>> engine.diag(engine.tensor([[1, 2], [3, 4]])), engine.diag(engine.tensor([1, 2])).tolist()
    (tensor([1, 4]), [[1, 0], [0, 2]])
    """
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    _require("diag", (input, 2))
    return input.diagonal(diagonal).clone()


def diagflat(input: Any, offset: int = 0) -> Any:
    """A matrix with all elements on its diagonal.

    Args:
        offset: which diagonal; 1 is the one above.

    >>> import engine
    >>> engine.diagflat(engine.tensor([[1], [2]])).tolist()
    [[1, 0], [0, 2]]
    """
    return diag_embed(input.reshape(-1), offset)


def cdist(x1: Any, x2: Any, p: float = 2.0,
          compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Any:  # fmt: skip
    """The p-norm of the difference of every row of x1 and every row of x2.   (..., P, M), (..., R, M) -> (..., P, R)

    The gradient at a distance of 0 is 0.

    Args:
        p: 0 or more.
        compute_mode: PyTorch's; here differences are always taken one by one, which is exact.

    >>> import engine
    >>> engine.cdist(engine.tensor([[0.0, 0.0]]), engine.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ShapeError("cdist", got=f"{times(x1.shape)} and {times(x2.shape)}", expected="as many columns")
    if not (p >= 0):
        raise OptionError("cdist", got=f"p is {p}", expected="0 or more")
    away = x1.unsqueeze(-2) - x2.unsqueeze(-3)
    if not x1.shape[-1]:
        return away.sum(-1)
    return away.norm(float(p), -1)


def cross(input: Any, other: Any, dim: int | None = None) -> Any:
    """The vector product: (a2 b3 - a3 b2, a3 b1 - a1 b3, a1 b2 - a2 b1), of input a and other b.

    Args:
        dim: the axis, of length 3; the first one of that length where absent.

    >>> import engine
    >>> engine.cross(engine.tensor([1.0, 0.0, 0.0]), engine.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    shape = broadcast("cross", input.shape, other.shape)
    if dim is None:
        dim = next((i for i, n in enumerate(shape) if n == 3), -1)
    axis = axis_of("cross", dim, len(shape))
    if not shape or shape[axis] != 3:
        raise ShapeError("cross", got=f"an axis of {shape[axis] if shape else 1}", expected="one of length 3")
    (a1, a2, a3), (b1, b2, b3) = (x.expand(shape).unbind(axis) for x in meet(input, other))
    return stack([a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1], axis)


def matrix_power(input: Any, n: int) -> Any:
    """A matrix multiplied with itself n times; of its inverse for an n below 0.

    >>> import engine
    >>> engine.matrix_power(engine.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise ShapeError("matrix_power", got=f"a tensor of {times(input.shape)} arrives", expected="square matrices")
    if n < 0:
        return matrix_power(input.inverse(), -n)
    size = arange(input.shape[-1], device=input.device)
    out, square = (size.unsqueeze(1) == size).to(input.dtype).expand(input.shape), input
    while n:
        out = out.matmul(square) if n & 1 else out
        n >>= 1
        square = square.matmul(square) if n else square
    return out.clone() if out._base is not None else out


def multi_dot(tensors: Sequence[Any]) -> Any:
    """The product of several matrices in the cheapest order; the first and the last one may be rows.

    Args:
        tensors: matrices, of which each has as many rows as the one before it has columns.

    >>> import engine
    >>> engine.linalg.multi_dot([engine.ones(2, 3), engine.ones(3, 4), engine.ones(4)])
    tensor([12., 12.])
    """
    parts = list(tensors)
    if len(parts) < 2:
        raise TypeMismatch("multi_dot", got=f"{counted(len(parts), 'matrix')}", expected="at least two")
    row, column = parts[0].ndim == 1, parts[-1].ndim == 1
    parts[0] = parts[0].unsqueeze(0) if row else parts[0]
    parts[-1] = parts[-1].unsqueeze(1) if column else parts[-1]
    sizes = [parts[0].shape[0], *(x.shape[1] for x in parts)]
    best: dict[tuple[int, int], tuple[float, int]] = {(i, i): (0, i) for i in range(len(parts))}
    for length in range(1, len(parts)):
        for i in range(len(parts) - length):
            j = i + length
            best[i, j] = min((best[i, m][0] + best[m + 1, j][0] + sizes[i] * sizes[m + 1] * sizes[j + 1], m)
                             for m in range(i, j))  # fmt: skip

    def product(i: int, j: int) -> Any:
        return parts[i] if i == j else product(i, best[i, j][1]).matmul(product(best[i, j][1] + 1, j))

    out = product(0, len(parts) - 1)
    out = out.squeeze(-1) if column else out
    return out.squeeze(0) if row else out


def chain_matmul(*matrices: Any) -> Any:
    """The product of several matrices in the cheapest order: `linalg.multi_dot`.

    >>> import engine
    >>> engine.chain_matmul(engine.ones(1, 2), engine.ones(2, 3), engine.ones(3, 1))
    tensor([[6.]])
    """
    return multi_dot(matrices)


def pdist(input: Any, p: float = 2.0) -> Any:
    """The p-norm of the difference of every two rows.   (N, M) -> (N (N - 1) / 2)

    >>> import engine
    >>> engine.pdist(engine.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    _require("pdist", (input, 2))
    if p < 0:
        raise OptionError("pdist", got=f"p is {p}", expected="0 or more")
    n = input.shape[0]
    first, second = triu_indices(n, n, 1, device=input.device)
    return (input[first] - input[second]).norm(float(p), 1)
