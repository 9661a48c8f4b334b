"""A module called with other tensors in the place of its parameters and buffers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from engine.errors import EngineError, OptionError
from engine.nn.members import Members


def functional_call(module: Any, parameter_and_buffer_dicts: Any, args: Any = None,
                    kwargs: dict[str, Any] | None = None, *, tie_weights: bool = True,
                    strict: bool = False) -> Any:  # fmt: skip
    """module(*args, **kwargs) with other tensors in the place of its parameters and buffers.

    Args:
        module: it is as it was afterwards.
        parameter_and_buffer_dicts: the tensors by dotted name, as one dict or a list of several; what the module
            assigns to them meanwhile is put into the one dict.
        args: the input, or a tuple of inputs.
        kwargs: inputs by name.
        tie_weights: whether a parameter that stands under several names is replaced under all of them.
        strict: whether every parameter and buffer has to be given.

    Raises:
        EngineError: several tensors for one that is tied; with strict a name that the module has not, or one that is
            not given.

    >>> import engine
    >>> net = engine.nn.Linear(2, 1)
    >>> functional_call(net, {"weight": engine.ones(1, 2), "bias": engine.zeros(1)}, engine.tensor([3.0, 4.0]))
    tensor([7.])
    """
    several = not isinstance(parameter_and_buffer_dicts, Mapping)
    given = _joined(parameter_and_buffer_dicts) if several else parameter_and_buffer_dicts
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _put_in_place(module, given, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def _joined(dicts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = [name for each in dicts for name in each]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OptionError("functional_call", got=f"{', '.join(map(repr, twice))} stands in several of the dicts",
                          expected="each name in one")  # fmt: skip
    return {name: value for each in dicts for name, value in each.items()}


@contextmanager
def _put_in_place(module: Members, given: Mapping[str, Any], tie_weights: bool, strict: bool) -> Iterator[None]:
    """Other tensors in a module's tables, for a while."""
    places = {(f"{path}.{name}" if path else name): (table, name)
              for path, inner in module.named_modules(remove_duplicate=False)
              for table in (inner._parameters, inner._buffers) for name in table}  # fmt: skip
    unknown = [name for name in given if name not in places]
    missing = [name for name, (table, key) in places.items() if name not in given and table[key] is not None]
    if strict and (unknown or missing):
        kind, found = ("unexpected", unknown) if unknown else ("missing", missing)
        raise EngineError("functional_call", got=f"{kind} {', '.join(map(repr, found))}",
                          expected="names as named_parameters() and named_buffers() give them")  # fmt: skip
    values = {name: value for name, value in given.items() if name in places}
    if tie_weights:
        values |= _tied(places, values)
    before = {name: places[name][0][places[name][1]] for name in values}
    try:
        for name, value in values.items():
            table, key = places[name]
            table[key] = value
        yield
    finally:
        for name, value in before.items():
            table, key = places[name]
            if name in given and isinstance(given, dict):
                given[name] = table[key]
            table[key] = value


def _tied(places: dict[str, tuple[Any, str]], given: Mapping[str, Any]) -> dict[str, Any]:
    """The other names of what is replaced -> the same tensor."""
    names: dict[int, list[str]] = {}
    for name, (table, key) in places.items():
        names.setdefault(id(table[key]), []).append(name)
    found: dict[str, Any] = {}
    for name, value in given.items():
        table, key = places[name]
        for other in names[id(table[key])] if table[key] is not None else ():
            if given.get(other, value) is not value:
                raise OptionError("functional_call", got=f"two tensors come for {name!r} and {other!r}, which are tied",
                                  expected="one", mend="pass tie_weights=False")  # fmt: skip
            found[other] = value
    return found
