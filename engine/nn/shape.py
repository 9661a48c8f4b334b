"""Layers that change how values are laid out, not what they are."""

from __future__ import annotations

import math
from typing import Annotated

from engine.describe import Range, Start, layer
from engine.errors import Fix, ShapeError
from engine.nn.module import Module
from engine.ops.base import times
from engine.tensor import Tensor


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
                got=f"{arriving} values of each sample arrive ({times(x.shape[1:])})",
                expected=f"{'a multiple of ' if -1 in self.shape else ''}{given} for shape {times(self.shape)}",
                fixes=(Fix("Make it Flatten", "replace", name="Flatten"),),
            )

    def extra_repr(self) -> str:
        return f"shape={self.shape}"
