"""Functions of tensors by PyTorch's names: `exp(x)` beside `x.exp()`."""

from __future__ import annotations

from functools import wraps
from typing import Any

from engine.ops.arithmetic import Where
from engine.tensor import Tensor, apply
from engine.tensor.arithmetic import full_like, meet, number
from engine.tensor.inplace import same_values as equal
from engine.tensor.shapes import cat, stack
from engine.tensor.tape import Core
from engine.tensor.walk import grad

METHODS = (
    "abs", "add", "all", "amax", "amin", "any", "argmax", "argmin", "broadcast_to", "bmm", "ceil", "chunk", "clamp",
    "clip", "clone", "cos", "cumsum", "div", "dot", "eq", "erf", "exp", "expm1", "flatten", "floor", "gather", "ge",
    "gt", "index_select", "isfinite", "isinf", "isnan", "le", "log", "log1p", "log_softmax", "logical_and",
    "logical_not", "logical_or", "logical_xor", "logsumexp", "lt", "masked_select", "matmul", "max", "maximum", "mean",
    "min", "minimum", "mm", "mul", "narrow", "ne", "neg", "norm", "numel", "permute", "pow", "prod", "reciprocal",
    "relu", "reshape", "round", "rsqrt", "sigmoid", "sign", "sin", "softmax", "split", "sqrt", "square", "squeeze",
    "std", "sub", "sum", "swapaxes", "t", "tanh", "transpose", "tril", "triu", "unbind", "unsqueeze", "var",
)  # fmt: skip
"""The methods of Tensor that are functions, too: engine.exp is Tensor.exp."""

__all__ = ["METHODS", "allclose", "cat", "equal", "function_of", "grad", "is_tensor", "stack", "where"]


def function_of(name: str) -> Any:
    """A method as a function, whose first argument may also be named: exp(x) and exp(input=x)."""
    method = getattr(Tensor, name)

    @wraps(method)
    def function(*args: Any, **named: Any) -> Any:
        if "input" in named and not args:
            args = (named.pop("input"),)
        return method(*args, **named)

    return function


def where(condition: Any, input: Any, other: Any) -> Any:
    """input where the condition holds, other elsewhere; either may be a number."""
    if not isinstance(input, Core):
        like = other if isinstance(other, Core) else full_like(condition.long(), number(other))
        input = full_like(like, number(input))
    if not isinstance(other, Core):
        other = full_like(input, number(other))
    return apply(Where(), condition, *meet(input, other))


def is_tensor(value: Any) -> bool:
    """Whether it is a tensor."""
    return isinstance(value, Tensor)


def allclose(input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    """Whether |input - other| <= atol + rtol |other| everywhere."""
    return bool(((input - other).abs() <= other.abs() * rtol + atol).all().item())
