"""Lists and dicts of parameters that are found as parts of the module that holds them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, KeysView, Mapping
from operator import index
from typing import Any, Self

from engine.nn.containers import pairs_of
from engine.nn.module import Module
from engine.nn.parameter import Parameter
from engine.tensor import Tensor
from engine.wording import counted


class ParameterList(Module):
    """A list of parameters; tensors that are put in become parameters, other values stay what they are.

    Args:
        values: what it holds at first.

    Example:
        >>> import engine
        >>> weights = engine.nn.ParameterList([engine.ones(2), engine.zeros(3)])
        >>> [name for name, _ in weights.named_parameters()], len(weights)
        (['0', '1'], 2)
    """

    def __init__(self, values: Iterable[Any] | None = None):
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return type(self)(self[i] for i in range(*at.indices(len(self))))
        return getattr(self, self._name(at))

    def __setitem__(self, at: int, value: Any) -> None:
        setattr(self, self._name(at), _learned(value))

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def append(self, value: Any) -> Self:
        """Add a value at the end."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add values at the end."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(f"ParameterList.extend takes a list of values, not {type(values).__name__}")
        for value in list(values):
            self.append(value)
        return self

    def _name(self, at: int) -> str:
        position = index(at)
        if not -len(self) <= position < len(self):
            raise IndexError(f"position {position} is outside the {counted(len(self), 'value')}")
        return str(position % len(self))

    def extra_repr(self) -> str:
        return "\n".join(_line(str(i), value) for i, value in enumerate(self))

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        raise RuntimeError("a ParameterList computes nothing: use its parameters in a module's forward")


class ParameterDict(Module):
    """A dict of parameters; tensors that are put in become parameters, other values stay what they are.

    Args:
        parameters: what it holds at first: a mapping, or pairs of a name and a value.

    Example:
        >>> import engine
        >>> weights = engine.nn.ParameterDict({"left": engine.ones(2), "right": engine.zeros(3)})
        >>> [name for name, _ in weights.named_parameters()], "left" in weights
        (['left', 'right'], True)
    """

    def __init__(self, parameters: Any = None):
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        return getattr(self, _text(key))

    def __setitem__(self, key: str, value: Any) -> None:
        setattr(self, _text(key), _learned(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def __or__(self, other: Any) -> ParameterDict:
        joined = self.copy()
        joined.update(other)
        return joined

    def __ror__(self, other: Any) -> ParameterDict:
        joined = other.copy()
        joined.update(self)
        return joined

    def __ior__(self, other: Any) -> Self:
        self.update(other)
        return self

    def copy(self) -> ParameterDict:
        """Another dict of the same parameters."""
        return ParameterDict(OrderedDict(self.items()))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """What is there under a name; where there is nothing, `default` is put there first."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Take everything out."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key: str) -> Any:
        """Take a value out and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Take the last name and value out and return them."""
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """What is there under a name, or `default`."""
        return self[key] if key in self else default  # noqa: SIM401 (this is that method)

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new dict of these names, with the same value under each."""
        return ParameterDict((key, default) for key in keys)

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._keys.keys()

    def items(self) -> Iterator[tuple[str, Any]]:
        """Names and values."""
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Iterator[Any]:
        """The values."""
        return (self[key] for key in self._keys)

    def update(self, parameters: Any) -> None:
        """Put values in, from a mapping or pairs; a plain dict in the order of its names, as PyTorch does."""
        pairs = pairs_of("ParameterDict", parameters)
        plain = isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict)
        for key, value in sorted(pairs, key=lambda pair: pair[0]) if plain else pairs:
            self[key] = value

    def extra_repr(self) -> str:
        return "\n".join(_line(key, value) for key, value in self.items())

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        raise RuntimeError("a ParameterDict computes nothing: use its parameters in a module's forward")


def _learned(value: Any) -> Any:
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _text(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the names of a ParameterDict are text, not {type(key).__name__}")
    return key


def _line(name: str, value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"  ({name}): Object of type: {type(value).__name__}"
    size, kind = "x".join(map(str, value.shape)), "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"  ({name}): {kind} containing: [{value.dtype} of size {size}]"
