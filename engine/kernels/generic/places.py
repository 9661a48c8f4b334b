"""What an index may be, and errors about one that leads nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from engine.errors import RangeError, times


def is_basic(index: Any) -> bool:
    """Whether an index has only numbers, slices, None and Ellipsis, and so names each place at most once."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(p is None or p is Ellipsis or (isinstance(p, int | slice) and not isinstance(p, bool)) for p in parts)


def no_place(shape: tuple[int, ...], index: Any, why: str) -> RangeError:
    """The error about an index of which NumPy says `why` it leads nowhere."""
    parts = index if isinstance(index, tuple) else (index,)
    of = f"of a tensor of {times(shape)}"
    strange = [p for p in parts if not (is_basic(p) or isinstance(p, bool) or hasattr(p, "dtype"))]
    if strange:
        mend = "// divides whole numbers without a rest" if isinstance(strange[0], float) else ""
        return RangeError("index", got=f"the {type(strange[0]).__name__} {strange[0]!r} stands in an index",
                          expected="whole numbers, slices, None, or tensors of whole numbers or truth values",
                          mend=mend)  # fmt: skip
    if found := re.match(r"index (-?\d+) is out of bounds for axis (\d+) with size (\d+)", why):
        place, axis, size = map(int, found.groups())
        return outside("index", place, shape, axis, -size)
    if why.startswith("too many indices"):
        count = sum(p is not None and p is not Ellipsis for p in parts)
        if not shape:
            return RangeError("index", got="a single number has no places", mend="call .item() for its value")
        return RangeError("index", got=f"{count} places were asked {of}", expected=f"at most {len(shape)}",
                          mend="separate indices of one axis by brackets, as in x[[0, 2]]")  # fmt: skip
    masks = [p for p in parts if hasattr(p, "dtype") and p.dtype.kind == "b"]
    if why.startswith("boolean index") and len(masks) == 1:
        return RangeError("index", got=f"a mask of {times(masks[0].shape)} was laid on a tensor of {times(shape)}",
                          expected="as many places as its axes have")  # fmt: skip
    return RangeError("index", got=f"{why} (the tensor is {times(shape)})")


def outside(where: str, place: int, shape: tuple[int, ...], axis: int, low: int = 0) -> RangeError:
    """The error about a place that an axis does not have, where places are counted from `low` on."""
    size = shape[axis]
    return RangeError(where, got=f"place {place} was asked of axis {axis} of a tensor of {times(shape)}",
                      expected=f"{low} to {size - 1}" if size else "none, as it is empty")  # fmt: skip


def indexes(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel (self, array or shape, index, ...) that says in a sentence where an index leads nowhere."""

    @wraps(kernel)
    def call(self: Any, x: Any, index: Any, *values: Any) -> Any:
        try:
            return kernel(self, x, index, *values)
        except RangeError:
            raise
        except IndexError as error:
            raise no_place(getattr(x, "shape", x), index, str(error).rstrip(".")) from None

    return call
