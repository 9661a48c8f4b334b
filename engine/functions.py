"""Functions of tensors by PyTorch's names: `exp(x)` beside `x.exp()`."""

from __future__ import annotations

from functools import wraps
from typing import Any

from engine.ops.arithmetic import Where
from engine.tensor import Tensor, apply, shapes
from engine.tensor import functions as table
from engine.tensor.inplace import same_values as equal
from engine.tensor.inplace import written
from engine.tensor.operands import full_like, meet, number
from engine.tensor.strangers import raise_stranger
from engine.tensor.tape import Core
from engine.tensor.walk import grad

METHODS = (
    "abs", "add", "all", "amax", "amin", "any", "argmax", "argmin", "broadcast_to", "ceil", "chunk", "clamp",
    "clip", "clone", "cos", "cumsum", "detach", "div", "eq", "erf", "exp", "expm1", "flatten", "floor", "gather",
    "ge", "gt", "index_select", "is_floating_point", "isfinite", "isinf", "isnan", "le", "log", "log1p",
    "log_softmax", "logical_and", "logical_not", "logical_or", "logical_xor", "logsumexp", "lt", "masked_fill",
    "masked_select", "matmul", "max", "maximum", "mean", "min", "minimum", "mul", "narrow", "ne", "neg", "norm",
    "numel", "permute", "pow", "prod", "reciprocal", "relu", "reshape", "round", "rsqrt", "select", "sigmoid",
    "sign", "sin", "softmax", "split", "sqrt", "square", "squeeze", "std", "sub", "sum", "swapaxes", "t", "tanh",
    "transpose", "tril", "triu", "unbind", "unflatten", "unsqueeze", "var",
)  # fmt: skip
"""The methods of Tensor that are functions, too: engine.exp is Tensor.exp."""

_ALIASES = {
    **table.FUNCTION_ALIASES,
    **table.ALIASES,
    **{f"{new}_": f"{old}_" for new, old in table.ALIASES.items()},
}

__all__ = ["METHODS", "by_name", "cat", "equal", "function_of", "grad", "is_tensor", "names", "stack", "where"]


def names() -> set[str]:
    """Every function that is a method, too, or stands in the table of families."""
    twins = (f"{name}_" for name in table.FUNCTIONS_IN_PLACE.split())
    found = {*METHODS, *twins, *table.names(), *table.FUNCTION_ALIASES}
    return found | {new for new in _ALIASES if _ALIASES[new] in found}


def by_name(name: str) -> Any:
    """One of these functions."""
    name = _ALIASES.get(name, name)
    value = table.function(name) if name in table.names() else function_of(name)
    return value if isinstance(value, type) or name.endswith("_") else into(value)


def into(function: Any) -> Any:
    """Let a function write what it computes into a tensor, or a tuple of them, that is given as `out`.

    >>> import engine
    >>> total = engine.zeros(2)
    >>> _ = engine.add(engine.ones(2), 1, out=total)
    >>> total
    tensor([2., 2.])
    """

    @wraps(function)
    def call(*args: Any, out: Any = None, **named: Any) -> Any:
        result = function(*args, **named)
        return result if out is None else written(function.__name__, out, result)

    return call


def function_of(name: str) -> Any:
    """A method as a function, whose first argument may also be named: exp(x) and exp(input=x)."""
    method = getattr(Tensor, name)

    @wraps(method)
    def function(*args: Any, **named: Any) -> Any:
        if "input" in named and not args:
            args = (named.pop("input"),)
        try:
            return method(*args, **named)
        except AttributeError:
            raise_stranger(name, args[:1], Core)
            raise

    return function


cat, stack = into(shapes.cat), into(shapes.stack)


@into
def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """input where the condition holds, other elsewhere; either may be a number. Alone, the places where it holds.

    Args:
        condition: where to take which; all three are stretched to a common shape.
        input, other: tensors or numbers.

    >>> import engine
    >>> x = engine.tensor([-1.0, 2.0])
    >>> engine.where(x > 0, x, 0.0)
    tensor([0., 2.])
    >>> engine.where(x > 0)
    (tensor([1]),)
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if not isinstance(input, Core):
        like = other if isinstance(other, Core) else full_like(condition.long(), number(other))
        input = full_like(like, number(input))
    if not isinstance(other, Core):
        other = full_like(input, number(other))
    return apply(Where(), condition, *meet(input, other))


def is_tensor(obj: Any) -> bool:
    """Whether it is a tensor.

    Args:
        obj: anything.

    >>> import engine
    >>> engine.is_tensor(engine.Tensor([1.0])), engine.is_tensor([1.0])
    (True, False)
    """
    return isinstance(obj, Tensor)
