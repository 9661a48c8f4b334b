"""A tensor that a module learns."""

from __future__ import annotations

from engine.tensor import Tensor


class Parameter(Tensor):
    """A tensor that is learned: assigned to a module's attribute it joins `parameters()`.

    Args:
        data: the values; shared with the tensor given, not copied.
        requires_grad: whether it is learned.

    Example:
        >>> import engine
        >>> engine.nn.Parameter(engine.zeros(3)).requires_grad
        True
    """
