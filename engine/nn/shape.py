"""Layers that change how values are laid out, not what they are."""

from __future__ import annotations

import math
from typing import Annotated

from engine.describe import Range, Start, layer
from engine.errors import Fix, ShapeError, TypeMismatch
from engine.nn.module import Module
from engine.ops.base import axis_of, times
from engine.tensor import Tensor
from engine.wording import counted


@layer("Flatten", category="Shape", synonyms=("reshape", "vector", "unroll", "image to vector"))
class Flatten(Module):
    """Lays several axes out as one: an image becomes one long row of numbers.

    (N, C, H, W) -> (N, C · H · W)

    Args:
        start_dim: First axis of those that become one, counted with the batch axis as 0.
        end_dim: Last axis of those that become one; -1 is the last of all.

    Shape:
        x: (N, ...) -> (N, product of the rest)

    Example:
        >>> import engine
        >>> tuple(engine.nn.Flatten()(engine.zeros(2, 3, 4, 4)).shape)
        (2, 48)
    """

    def __init__(self, start_dim: Annotated[int, Range(-8, 8)] = 1, end_dim: Annotated[int, Range(-8, 8)] = -1):
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


@layer("Identity", category="Shape", synonyms=("pass through", "skip", "nothing", "bypass"))
class Identity(Module):
    """Passes its input on unchanged; a place to branch from or to fill later.

    y = x

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.Identity()(engine.ones(2)).tolist()
        [1.0, 1.0]
    """

    def __init__(self):
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x


@layer("Reshape", category="Shape", synonyms=("view", "unflatten", "vector to image"))
class Reshape(Module):
    """Lays the values of each sample out in another shape, in the same order.

    (N, ...) -> (N, *shape)

    Args:
        shape: Lengths of the axes of one sample, without the batch axis; one may be -1 and is then worked out.

    Shape:
        x: (N, ...) -> (N, *shape)

    Raises:
        ShapeError: a sample has more or fewer values than the shape.

    Example:
        >>> import engine
        >>> tuple(engine.nn.Reshape((1, 8, 8))(engine.zeros(2, 64)).shape)
        (2, 1, 8, 8)
    """

    def __init__(self, shape: Annotated[int | tuple[int, ...], Range(-1, 1_000_000), Start((-1,))]):
        super().__init__()
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)

    def forward(self, x: Tensor) -> Tensor:
        self._check(x)
        return x.reshape(x.shape[0], *self.shape)

    def _check(self, x: Tensor) -> None:
        """The values of one sample fill the shape."""
        arriving, given = math.prod(x.shape[1:]), math.prod(n for n in self.shape if n != -1)
        if self.shape.count(-1) > 1:
            raise ShapeError("Reshape", got=f"shape={self.shape} leaves several axes open", expected="one -1 at most")
        if arriving % given if -1 in self.shape and given else arriving != given:
            raise ShapeError(
                "Reshape",
                got=f"a sample of {counted(arriving, 'value')} arrives ({times(x.shape[1:])})",
                expected=f"{'a multiple of ' if -1 in self.shape else ''}{given} for shape {times(self.shape)}",
                fixes=(Fix("Make it Flatten", "replace", name="Flatten"),),
            )

    def extra_repr(self) -> str:
        return f"shape={self.shape}"


class Unflatten(Module):
    """Lays one axis out as several: the reverse of Flatten.

    (..., A · B, ...) -> (..., A, B, ...)

    Args:
        dim: The axis, counted with the batch axis as 0.
        unflattened_size: The lengths of the axes that it becomes; one may be -1 and is then worked out.

    Shape:
        x: (N, ..., product of unflattened_size, ...) -> (N, ..., *unflattened_size, ...)

    Raises:
        ShapeError: an axis of another length.

    Example:
        >>> import engine
        >>> tuple(engine.nn.Unflatten(1, (3, 4))(engine.zeros(2, 12)).shape)
        (2, 3, 4)
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...] | list[int]):
        super().__init__()
        if not isinstance(unflattened_size, tuple | list) or not all(isinstance(n, int) for n in unflattened_size):
            raise TypeMismatch("Unflatten", got=f"unflattened_size is {unflattened_size!r}",
                               expected="a tuple of whole numbers")  # fmt: skip
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


@layer("Permute", category="Shape", synonyms=("transpose", "swap axes", "channels last", "reorder"))
class Permute(Module):
    """Puts the axes of each sample in another order.

    y[n, i, j] = x[n, j, i], for dims = (2, 1)

    Args:
        dims: The axes in their new order, counted with the batch axis as 0, which stays first and is left out.

    Shape:
        x: (N, A, B, ...) -> (N, B, A, ...) for dims (2, 1, ...)

    Raises:
        ShapeError: dims that do not name each axis but the batch's once.

    Example:
        >>> import engine
        >>> tuple(engine.nn.Permute((2, 1))(engine.zeros(5, 3, 4)).shape)
        (5, 4, 3)
    """

    def __init__(self, dims: Annotated[int | tuple[int, ...], Range(-8, 8), Start((2, 1))]):
        super().__init__()
        self.dims = (dims,) if isinstance(dims, int) else tuple(dims)

    def forward(self, x: Tensor) -> Tensor:
        if sorted(dim % max(x.ndim, 1) for dim in self.dims) != list(range(1, x.ndim)):
            order = tuple(range(x.ndim - 1, 0, -1))
            fix = Fix(f"Set dims to {order}", "set_parameter", name="dims", value=list(order))
            raise ShapeError("Permute", got=f"dims={self.dims} for {times(x.shape)}",
                             expected=f"each of the axes 1 to {x.ndim - 1} once", fixes=(fix,))  # fmt: skip
        return x.permute(0, *self.dims)

    def extra_repr(self) -> str:
        return f"dims={self.dims}"


@layer("Select", category="Shape", synonyms=("index", "pick", "class token", "one step", "column"))
class Select(Module):
    """Takes one place along an axis, such as the first step of a sequence, and lets the others go.

    y = x[:, index], for dim 1

    Args:
        dim: The axis, counted with the batch axis as 0; it goes.
        index: The place along it, from 0 on; -1 is the last.

    Shape:
        x: (N, A, ...) -> (N, ...) for dim 1

    Raises:
        ShapeError: a place that the axis has not.

    Example:
        >>> import engine
        >>> engine.nn.Select(dim=1, index=-1)(engine.tensor([[1.0, 2.0, 3.0]])).tolist()
        [3.0]
    """

    def __init__(self, dim: Annotated[int, Range(-8, 8)] = 1, index: Annotated[int, Range(-1_000_000, 1_000_000)] = 0):
        super().__init__()
        self.dim = dim
        self.index = index

    def forward(self, x: Tensor) -> Tensor:
        return x.select(self.dim, self.index)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, index={self.index}"


@layer("Split", category="Shape", synonyms=("chunk", "slice", "part", "half", "divide channels"))
class Split(Module):
    """Cuts an axis into equal parts and gives one of them; several of these, side by side, give all.

    y = x[:, part · size : (part + 1) · size], size = length / parts, for dim 1

    Args:
        parts: How many parts.
        part: Which of them goes on, from 0 on.
        dim: The axis that is cut, counted with the batch axis as 0.

    Shape:
        x: (N, A, ...) -> (N, A / parts, ...) for dim 1

    Raises:
        ShapeError: an axis that cannot be cut into so many equal parts, or a part that there is not.

    Example:
        >>> import engine
        >>> engine.nn.Split(parts=2, part=1)(engine.tensor([[1.0, 2.0, 3.0, 4.0]])).tolist()
        [[3.0, 4.0]]
    """

    def __init__(
        self,
        parts: Annotated[int, Range(1, 65_536)] = 2,
        part: Annotated[int, Range(0, 65_535)] = 0,
        dim: Annotated[int, Range(-8, 8)] = 1,
    ):
        super().__init__()
        if not 0 <= part < parts:
            fix = Fix(f"Set part to {parts - 1}", "set_parameter", name="part", value=parts - 1)
            raise ShapeError("Split", got=f"part={part} of {parts}", expected=f"0 to {parts - 1}", fixes=(fix,))
        self.parts = parts
        self.part = part
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[axis_of("Split", self.dim, x.ndim)]
        if length % self.parts:
            parts = math.gcd(length, self.parts)
            fix = Fix(f"Set parts to {parts}", "set_parameter", name="parts", value=parts)
            raise ShapeError("Split", got=f"an axis of {length} in {self.parts} parts", expected="parts of equal size",
                             fixes=(fix,))  # fmt: skip
        size = length // self.parts
        return x.narrow(self.dim, self.part * size, size)

    def extra_repr(self) -> str:
        return f"parts={self.parts}, part={self.part}, dim={self.dim}"
