"""Parameters that are computed from others each time they are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine.errors import OptionError
from engine.nn.containers import ModuleDict, ModuleList
from engine.nn.module import Module
from engine.nn.parameter import Parameter
from engine.tensor import Tensor, no_grad

_nesting = 0
_kept: dict[tuple[int, str], tuple[Module, Tensor]] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Within it each parametrized parameter is computed once, and then read again as it was.

    >>> import engine
    >>> linear = engine.nn.utils.parametrizations.weight_norm(engine.nn.Linear(2, 2))
    >>> linear.weight is linear.weight
    False
    >>> with cached():
    ...     linear.weight is linear.weight
    True
    """
    global _nesting
    _nesting += 1
    try:
        yield
    finally:
        _nesting -= 1
        if not _nesting:
            _kept.clear()


def _read(module: Module, name: str) -> Tensor:
    """A parametrized parameter, computed anew or as it is kept."""
    if not _nesting:
        return module.parametrizations[name]()
    key = (id(module), name)
    if key not in _kept:
        _kept[key] = module, module.parametrizations[name]()  # the module, so that no other comes to its id
    return _kept[key][1]


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied one behind the other to what is learned instead of it.

    What is learned is `original`, or `original0`, `original1` and so on where the last parametrization's
    `right_inverse` gives several tensors.
    """

    def __init__(self, modules: list[Module], original: Tensor):
        super().__init__(modules)
        with no_grad():
            for module in reversed(self):
                original = module.right_inverse(original) if hasattr(module, "right_inverse") else original
        self.is_tensor = isinstance(original, Tensor)
        self._names = ["original"] if self.is_tensor else [f"original{i}" for i in range(len(original))]
        for name, value in zip(self._names, [original] if self.is_tensor else original):
            self.register_parameter(name, Parameter(value.detach().clone()))

    def forward(self) -> Tensor:
        first, *others = self
        value = first(*(self._parameters[name] for name in self._names))
        for module in others:
            value = module(value)
        return value


def register_parametrization(module: Module, tensor_name: str, parametrization: Module, *,
                             unsafe: bool = False) -> Module:  # fmt: skip
    """Let a parameter be what a module makes of another one, which is learned instead.

    Args:
        module: whose parameter it is; its class becomes one of its own.
        tensor_name: the parameter's name.
        parametrization: the module; its `right_inverse`, where it has one, says what is learned at first.
        unsafe: accepted for PyTorch's sake: shapes are not checked here.

    Raises:
        OptionError: the module has no parameter of that name, or it is parametrized already.

    >>> import engine
    >>> class Positive(engine.nn.Module):
    ...     def forward(self, x):
    ...         return x.exp()
    >>> linear = register_parametrization(engine.nn.Linear(2, 2), "weight", Positive())
    >>> bool((linear.weight > 0).all()), [name for name, _ in linear.named_parameters()]
    (True, ['bias', 'parametrizations.weight.original'])
    """
    parameter = module._parameters.get(tensor_name)
    if parameter is None:
        more = " and has no parametrization yet" if is_parametrized(module, tensor_name) else ""
        raise OptionError("register_parametrization", got=f"{type(module).__name__} has no parameter {tensor_name!r}",
                          expected=f"one that is learned{more}")  # fmt: skip
    parametrized = ParametrizationList([parametrization], parameter)
    parametrized.requires_grad_(parameter.requires_grad)
    del module._parameters[tensor_name]
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
    module.parametrizations[tensor_name] = parametrized
    parametrized.train(module.training)
    _compute(module, list(module.parametrizations))
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether any parameter of a module, or that of a name, is computed from others."""
    found = module._modules.get("parametrizations")
    return found is not None and (tensor_name is None or tensor_name in found)


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make a parametrized parameter an ordinary one again.

    Args:
        leave_parametrized: whether it keeps the value that was computed, or becomes what was learned instead.

    Raises:
        OptionError: it is not parametrized, or what was learned is more than one tensor.
    """
    if not is_parametrized(module, tensor_name):
        raise OptionError("remove_parametrizations", got=f"{tensor_name!r} of {type(module).__name__}",
                          expected="a parameter with a parametrization")  # fmt: skip
    held: Any = module.parametrizations[tensor_name]
    if not leave_parametrized and not held.is_tensor:
        raise OptionError("remove_parametrizations", got="several tensors are learned instead of it",
                          mend="leave leave_parametrized as it is")  # fmt: skip
    with no_grad():
        value = (held() if leave_parametrized else held.original).detach().clone()
    learned = all(p.requires_grad for p in held.parameters(recurse=False))
    del module.parametrizations[tensor_name]
    _compute(module, list(module.parametrizations))
    if not len(module.parametrizations):
        del module.parametrizations
    module.register_parameter(tensor_name, Parameter(value, requires_grad=learned))
    return module


def type_before_parametrizations(module: Module) -> type[Module]:
    """The class that a module had before any of its parameters was computed from others.

    >>> import engine
    >>> layer = engine.nn.utils.parametrizations.weight_norm(engine.nn.Linear(2, 2))
    >>> type_before_parametrizations(layer)
    <class 'engine.nn.linear.Linear'>
    """
    return getattr(type(module), "_plain", type(module))


def _compute(module: Module, names: list[str]) -> None:
    """Give a module a class of its own, in which these attributes are computed; its plain one where there are none."""
    plain = type_before_parametrizations(module)
    computed = {name: property(lambda self, name=name: _read(self, name)) for name in names}
    own = type(f"Parametrized{plain.__name__}", (plain,), {"_plain": plain, **computed})
    module.__class__ = own if names else plain
