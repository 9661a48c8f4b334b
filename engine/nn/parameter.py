"""A tensor that a module learns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, Self

from engine.errors import EngineError
from engine.tensor import Tensor, wrap
from engine.tensor.creation import empty


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


class Buffer(Tensor):
    """A tensor that moves with a module and is not learned: assigned to an attribute it joins `buffers()`.

    Args:
        data: the values; shared with the tensor given, not copied.
        persistent: whether it is part of the module's state.

    Example:
        >>> import engine
        >>> layer = engine.nn.Identity()
        >>> layer.seen = engine.nn.Buffer(engine.zeros(2))
        >>> list(layer.state_dict())
        ['seen']
    """

    persistent = True

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True):
        data = Tensor() if data is None else data
        self.array, self.device = data.array, data.device
        self._version_cell = data._cell()
        self.persistent = persistent


class _Uninitialized(Tensor):
    """A tensor whose shape is not known yet; it has a dtype and a device, which may change."""

    _becomes: type[Tensor]

    def materialize(self, shape: tuple[int, ...]) -> None:
        """Be a tensor of this shape from now on, with any values."""
        self.array = empty(*shape, dtype=self.dtype, device=self.device).array
        self.__class__ = self._becomes

    def changed(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same on another device or with another dtype."""
        empty_one = change(wrap(self.array, self.device))
        return type(self)(device=empty_one.device, dtype=empty_one.dtype)

    @property
    def shape(self) -> NoReturn:
        raise EngineError("a parameter of a lazy layer", got="it has no shape yet",
                          mend="call the network once with an input, which says it")  # fmt: skip

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter whose shape the first input says.

    Args:
        requires_grad: whether it is learned.
        device, dtype: where it will lie, and its dtype.

    Example:
        >>> from engine import nn
        >>> nn.LazyLinear(2).weight
        <UninitializedParameter>
    """

    _becomes = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None):
        super().__init__(empty(0, device=device, dtype=dtype), requires_grad)


class UninitializedBuffer(_Uninitialized, Buffer):
    """A buffer whose shape the first input says.

    Args:
        requires_grad: False, as buffers are not learned.
        device, dtype: where it will lie, and its dtype.
        persistent: whether it is part of the module's state.

    Example:
        >>> from engine import nn
        >>> nn.LazyBatchNorm1d().running_mean
        <UninitializedBuffer>
    """

    _becomes = Buffer

    def __init__(self, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True):
        super().__init__(empty(0, device=device, dtype=dtype), persistent=persistent)


def is_lazy(param: Any) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(param, _Uninitialized)
