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

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True):
        data = Tensor() if data is None else data
        self.array, self.device = data.array, data.device
        self._version_cell = data._cell()
        self.requires_grad = requires_grad

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"
