"""Kernels that move values about, without computing."""

from __future__ import annotations

from typing import Any

from engine.kernels.generic.places import indexes


class Layout:
    """Copying, reshaping, axes, joining, filling."""

    xp: Any

    def copy(self, x: Any) -> Any:
        """The same values in memory of their own, in the order of x."""
        return self.xp.array(x)

    def contiguous(self, x: Any) -> Any:
        """The same values in memory of their own, one behind the other."""
        return self.xp.array(x, order="C")

    def as_array(self, x: Any) -> Any:
        """x itself; a number, as some array functions return it, becomes an array with no axes."""
        return self.xp.asarray(x)

    def constant(self, values: Any, dtype: Any = None) -> Any:
        """What the host computed of shapes alone, as an array that is only read."""
        return self.xp.asarray(values, dtype)

    def assign(self, target: Any, value: Any) -> None:
        """Write values, stretched where they are fewer, into an array."""
        target[...] = value

    @indexes
    def assign_at(self, target: Any, index: Any, value: Any) -> None:
        """Write values into the part of an array that an index names."""
        target[index] = value

    def reshape(self, x: Any, shape: tuple[int, ...]) -> Any:
        return x.reshape(shape)

    def transpose(self, x: Any, axes: tuple[int, ...]) -> Any:
        return x.transpose(axes)

    def expand_dims(self, x: Any, axes: tuple[int, ...]) -> Any:
        return self.xp.expand_dims(x, axes)

    def broadcast_to(self, x: Any, shape: tuple[int, ...]) -> Any:
        return self.xp.broadcast_to(x, shape)

    def spread(self, x: Any, shape: tuple[int, ...]) -> Any:
        """The same stretched, in memory of its own."""
        out = self.xp.empty(shape, x.dtype)
        out[...] = x
        return out

    def concatenate(self, arrays: tuple[Any, ...], axis: int) -> Any:
        return self.xp.concatenate(arrays, axis)

    def tile(self, x: Any, repeats: tuple[int, ...]) -> Any:
        return self.xp.tile(x, repeats)

    def pad(self, x: Any, widths: tuple[tuple[int, int], ...], value: float) -> Any:
        """Widen each axis by (before, after)."""
        shape = tuple(n + before + after for n, (before, after) in zip(x.shape, widths))
        out = self.xp.full(shape, value, x.dtype)
        out[tuple(slice(before, before + n) for n, (before, _) in zip(x.shape, widths))] = x
        return out

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return self.xp.empty(shape, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return self.xp.zeros(shape, dtype)

    def full(self, shape: tuple[int, ...], value: float, dtype: Any) -> Any:
        out = self.xp.empty(shape, dtype)
        out[...] = value
        return out

    def arange(self, count: int) -> Any:
        return self.xp.arange(count)

    def tril(self, x: Any, diagonal: int) -> Any:
        return self.xp.tril(x, diagonal)

    def triu(self, x: Any, diagonal: int) -> Any:
        return self.xp.triu(x, diagonal)

    def diagonal(self, x: Any, offset: int, axis1: int, axis2: int) -> Any:
        """The diagonal of two axes as a last axis, in the memory of x."""
        out = x.diagonal(offset, axis1, axis2)
        if getattr(x.flags, "writeable", False):
            out.flags.writeable = True  # NumPy hands its diagonals out to be read only
        return out

    def put_diagonal(self, values: Any, shape: tuple[int, ...], offset: int, axis1: int, axis2: int) -> Any:
        """-> zeros of this shape with values on the diagonal of two axes."""
        out = self.xp.zeros(shape, values.dtype)
        self.diagonal(out, offset, axis1, axis2)[...] = values
        return out
