"""Functions of tensors by PyTorch's names: `exp(x)` beside `x.exp()`."""

from __future__ import annotations

from functools import wraps
from typing import Any

from engine.errors import GradientError
from engine.ops.arithmetic import Where
from engine.tensor import Tensor, apply, seed
from engine.tensor.arithmetic import full_like, meet, number
from engine.tensor.inplace import same_values as equal
from engine.tensor.shapes import cat, stack
from engine.tensor.tape import Core, backward, wrap

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


def grad(outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool = False,
         allow_unused: bool = False) -> tuple[Any, ...]:  # fmt: skip
    """The gradients of outputs by inputs, touching no `.grad`: `engine.autograd.grad`.

    >>> import engine
    >>> x = engine.tensor(3.0, requires_grad=True)
    >>> grad(x * x, x)
    (tensor(6.),)
    """
    outputs = [outputs] if isinstance(outputs, Core) else list(outputs)
    inputs = [inputs] if isinstance(inputs, Core) else list(inputs)
    given = [grad_outputs] if isinstance(grad_outputs, Core) else list(grad_outputs or [None] * len(outputs))
    for x in inputs:
        x._catch_up()
    keys = [id(x) if x._node is None else (id(x), x._node) for x in inputs]
    found: dict[Any, Any] = dict.fromkeys(keys)
    backward([(y, seed(y, g)) for y, g in zip(outputs, given)], retain_graph, found)
    if not allow_unused and any(found[key] is None for key in keys):
        raise GradientError("grad()", got="an input has no part in the outputs", mend="pass allow_unused=True")
    return tuple(
        None if found[key] is None else wrap(x.device.kernels.copy(found[key]), x.device)
        for key, x in zip(keys, inputs)
    )
