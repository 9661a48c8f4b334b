"""Modules that hold others in order."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from operator import index
from typing import Any, Self, overload

from engine.nn.module import Module, _indented
from engine.tensor.tape import mode


class _Holder(Module):
    """Modules that others look at from outside; what all containers share."""

    def _members(self) -> dict[str, Module]:
        """The modules by name, for somebody who looks at them from outside."""
        if mode.recorder is not None:
            mode.recorder.entered(self)
        return self._modules


class _Row(_Holder):
    """Modules by number; what Sequential and ModuleList share."""

    def __len__(self) -> int:
        return len(self._members())

    def __iter__(self) -> Iterator[Module]:
        return iter(self._members().values())

    @overload
    def __getitem__(self, at: int) -> Module: ...
    @overload
    def __getitem__(self, at: slice) -> Self: ...
    def __getitem__(self, at):
        if isinstance(at, slice):
            return self._from(list(self._members().items())[at])
        return self._members()[self._name(at)]

    def __setitem__(self, at: int, module: Module) -> None:
        name = self._name(at)
        del self._modules[name]
        self._insert(list(self._modules.items()), (name, module), at % (len(self._modules) + 1))

    def __delitem__(self, at: int | slice) -> None:
        names = list(self._modules)
        for name in names[at] if isinstance(at, slice) else [self._name(at)]:
            del self._modules[name]
        self._renumber()

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, at: int, module: Module) -> None:
        """Put a module before position `at`."""
        if not -len(self) <= at <= len(self):
            raise IndexError(f"position {at} is outside the {len(self)} modules")
        self._insert(list(self._modules.items()), ("", module), at if at >= 0 else at + len(self))
        self._renumber()

    def pop(self, at: int = -1) -> Module:
        """Take a module out and return it."""
        module = self[at]
        del self[at]
        return module

    def _insert(self, items: list[tuple[str, Module]], item: tuple[str, Module], at: int) -> None:
        if not isinstance(item[1], Module):
            raise TypeError(f"{type(item[1]).__name__} is no Module")
        items.insert(at, item)
        self._modules.clear()
        self._modules.update(items)

    def _renumber(self) -> None:
        modules = list(self._modules.items())
        self._modules.clear()
        named = any(not name.isdigit() and name for name, _ in modules)
        self._modules.update((name if named and name else str(i), m) for i, (name, m) in enumerate(modules))

    def _name(self, at: int) -> str:
        position = index(at)
        if not -len(self) <= position < len(self):
            raise IndexError(f"position {position} is outside the {len(self)} modules")
        return list(self._modules)[position]

    def _from(self, items: list[tuple[str, Module]]) -> Self:
        raise NotImplementedError


class Sequential(_Row):
    """Layers one behind the other: each gets what the one before returns.

    y = layerₙ(… layer₂(layer₁(x)))

    Args:
        layers: modules in order, or one dict of modules by name.

    Shape:
        x: what the first layer takes -> what the last one returns

    Example:
        >>> import engine
        >>> from engine import nn
        >>> network = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
        >>> tuple(network(engine.zeros(4, 2)).shape)
        (4, 1)
    """

    def __init__(self, *layers: Any):
        super().__init__()
        if len(layers) == 1 and isinstance(layers[0], dict):
            named = layers[0].items()
        else:
            named = ((str(i), module) for i, module in enumerate(layers))
        for name, module in named:
            self.add_module(name, module)

    def forward(self, x: Any) -> Any:
        for module in self._modules.values():
            x = module(x)
        return x

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *_layers_of(other))

    def __iadd__(self, other: Sequential) -> Self:
        return self.extend(_layers_of(other))

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*(list(self) * _count(times)))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Self:
        return self.extend(list(self) * (_count(times) - 1))

    def _from(self, items: list[tuple[str, Module]]) -> Self:
        return type(self)(dict(items))


def _layers_of(other: Any) -> list[Module]:
    if not isinstance(other, Sequential):
        raise ValueError(f"a Sequential can be joined with another, not with {type(other).__name__}")
    return list(other)


def _count(times: Any) -> int:
    if not isinstance(times, int):
        raise TypeError(f"a Sequential can be repeated a whole number of times, not {type(times).__name__}")
    if times <= 0:
        raise ValueError(f"a Sequential can be repeated once or more, not {times} times")
    return times


class ModuleList(_Row):
    """A list of modules that are found as parts of the module that holds it; it computes nothing by itself.

    Args:
        modules: what it holds at first.

    Example:
        >>> from engine import nn
        >>> layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        >>> len(list(layers.parameters()))
        6
    """

    def __init__(self, modules: Iterable[Module] | None = None):
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __add__(self, modules: Iterable[Module]) -> Self:
        return type(self)([*self, *modules])

    def _from(self, items: list[tuple[str, Module]]) -> Self:
        return type(self)(module for _, module in items)

    def __repr__(self) -> str:
        runs: list[list] = []  # [first, last, text of one module], equal neighbours gathered
        for i, module in enumerate(self):
            text = repr(module)
            if runs and runs[-1][2] == text:
                runs[-1][1] = i
            else:
                runs.append([i, i, text])
        if not runs:
            return f"{self._get_name()}()"
        lines = [
            f"({first}): {_indented(text)}" if first == last
            else f"({first}-{last}): {last - first + 1} x {_indented(text)}"
            for first, last, text in runs
        ]  # fmt: skip
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(_Holder):
    """A dict of modules that are found as parts of the module that holds it; it computes nothing by itself.

    Args:
        modules: what it holds at first: a mapping, or pairs of a name and a module.

    Example:
        >>> from engine import nn
        >>> choices = nn.ModuleDict({"wide": nn.Linear(4, 8), "narrow": nn.Linear(4, 2)})
        >>> choices["wide"].out_features, [name for name, _ in choices.named_parameters()][0]
        (8, 'wide.weight')
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._members()[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._members())

    def __iter__(self) -> Iterator[str]:
        return iter(self._members())

    def __contains__(self, key: str) -> bool:
        return key in self._members()

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Take a module out and return it."""
        module = self[key]
        del self[key]
        return module

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._members().keys()

    def items(self) -> ItemsView[str, Module]:
        """Names and modules."""
        return self._members().items()

    def values(self) -> ValuesView[Module]:
        """The modules."""
        return self._members().values()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Put modules in, from a mapping or pairs; a name that is there already gets the new one."""
        for key, module in pairs_of("ModuleDict", modules):
            self[key] = module


def pairs_of(where: str, values: Any) -> list[tuple[str, Any]]:
    """Names and values of a mapping or of pairs.

    Raises:
        TypeError: it is neither.
        ValueError: one of the pairs has not two parts.
    """
    if hasattr(values, "items"):
        return list(values.items())
    if not isinstance(values, Iterable):
        raise TypeError(f"{where} takes a mapping or pairs of a name and a value, not {type(values).__name__}")
    pairs = list(values)
    for number, pair in enumerate(pairs):
        if not isinstance(pair, Iterable):
            raise TypeError(f"element {number} for {where} is {type(pair).__name__}, no pair of a name and a value")
        if len(pair) != 2:
            raise ValueError(f"element {number} for {where} has {len(pair)} parts instead of a name and a value")
    return [(name, value) for name, value in pairs]
