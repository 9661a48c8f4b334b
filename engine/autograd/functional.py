"""Whole matrices of derivatives, and products with them: `engine.autograd.functional`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.errors import GradientError
from engine.ops.base import times
from engine.tensor import stack, zeros_like
from engine.tensor.grad_mode import enable_grad
from engine.tensor.tape import Core
from engine.tensor.walk import grad

Tensors = Any
"""A tensor or a tuple of them."""


def vjp(func: Callable[..., Tensors], inputs: Tensors, v: Tensors = None, create_graph: bool = False,
        strict: bool = False) -> Any:  # fmt: skip
    """func(*inputs) and the product v^T J, J the Jacobian: a gradient; v may be absent for a single number.

    >>> import engine
    >>> vjp(lambda x: x**2, engine.tensor([1.0, 2.0]), engine.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    outputs, leaves = _run(func, inputs, create_graph)
    found = _grad(outputs, leaves, v, create_graph, strict)
    return _plain(outputs, create_graph), _like(inputs, found)


def jvp(func: Callable[..., Tensors], inputs: Tensors, v: Tensors = None, create_graph: bool = False,
        strict: bool = False) -> Any:  # fmt: skip
    """func(*inputs) and the product J v, J the Jacobian: the derivative along v, as the gradient of a gradient.

    v may be absent for inputs of a single number.

    >>> import engine
    >>> jvp(lambda x: x**2, engine.tensor([1.0, 2.0]), engine.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    outputs, leaves = _run(func, inputs, create_graph)
    probes = [zeros_like(y).requires_grad_() for y in _tuple(outputs)]
    back = _grad(outputs, leaves, tuple(probes), True, strict)  # linear in the probes; what it is at 0 says all
    along = _grad(back, probes, v, create_graph, strict)
    return _plain(outputs, create_graph), _like(outputs, along)


def hvp(func: Callable[..., Any], inputs: Tensors, v: Tensors = None, create_graph: bool = False,
        strict: bool = False) -> Any:  # fmt: skip
    """func(*inputs), a single number, and the product H v, H the matrix of second derivatives, which is symmetric.

    v may be absent for inputs of a single number.

    >>> import engine
    >>> hvp(lambda x: (x**3).sum(), engine.tensor([1.0, 2.0]), engine.tensor([1.0, 10.0]))[1]
    tensor([  6., 120.])
    """
    output, leaves = _run(func, inputs, create_graph)
    first = _grad(_number("hvp", output), leaves, None, True, strict)
    second = _grad(first, leaves, v, create_graph, strict)
    return _plain(output, create_graph), _like(inputs, second)


vhp = hvp
"""v^T H, which is the same."""


def jacobian(func: Callable[..., Tensors], inputs: Tensors, create_graph: bool = False, strict: bool = False,
             vectorize: bool = False, strategy: str = "reverse-mode") -> Any:  # fmt: skip
    """The derivatives of each element of the result by each of the inputs.

    Args:
        func: of tensors; returns a tensor or a tuple of them.
        inputs: a tensor, or a tuple of as many as func takes.
        create_graph: whether the derivatives have gradients, too.
        strict: whether a derivative that is 0 because an input has no part is an error.
        vectorize, strategy: here for PyTorch's sake: it is computed row by row, backward.

    Returns:
        For one input and one result a tensor (*result, *input); where one of them is a tuple, a tuple of such, and
        where both are, for each result a tuple over the inputs.

    >>> import engine
    >>> jacobian(lambda x: x**2, engine.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    outputs, leaves = _run(func, inputs, create_graph)
    rows = tuple(_like(inputs, _matrix(y, leaves, create_graph, strict)) for y in _tuple(outputs))
    return _like(outputs, rows)


def hessian(func: Callable[..., Any], inputs: Tensors, create_graph: bool = False, strict: bool = False,
            vectorize: bool = False, outer_jacobian_strategy: str = "reverse-mode") -> Any:  # fmt: skip
    """The second derivatives of a function with a single number as its result.

    Args:
        func: of tensors.
        inputs: a tensor, or a tuple of as many as func takes.
        create_graph: whether the derivatives have gradients, too.
        strict: whether a derivative that is 0 because an input has no part is an error.
        vectorize, outer_jacobian_strategy: here for PyTorch's sake: it is computed row by row, backward.

    Returns:
        For one input a tensor (*input, *input); for a tuple, a tuple of tuples of such.

    >>> import engine
    >>> hessian(lambda x: (x**3).sum(), engine.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """

    def slope(*args: Any) -> Any:
        output = _number("hessian", func(*args))
        return _like(inputs, _grad(output, list(args), None, True, strict))

    return jacobian(slope, inputs, create_graph, strict)


def _tuple(tensors: Tensors) -> tuple[Any, ...]:
    return (tensors,) if isinstance(tensors, Core) else tuple(tensors)


def _like(model: Tensors, found: Any) -> Any:
    """A tuple, or its one member where the model is a single tensor."""
    return found[0] if isinstance(model, Core) else tuple(found)


def _plain(outputs: Tensors, create_graph: bool) -> Tensors:
    return outputs if create_graph else _like(outputs, [y.detach() for y in _tuple(outputs)])


def _run(func: Callable[..., Tensors], inputs: Tensors, create_graph: bool) -> tuple[Tensors, list[Any]]:
    """func(*inputs) on the tape, and the tensors that it is of: the inputs themselves only where they are to go on."""
    leaves = [
        x.view(x.shape) if create_graph and x.requires_grad else x.detach().requires_grad_() for x in _tuple(inputs)
    ]
    with enable_grad():
        return func(*leaves), leaves


def _grad(outputs: Tensors, leaves: list[Any], v: Tensors, create_graph: bool, strict: bool) -> Any:
    """Gradients; where an input, or all, have no part in the outputs, zeros or, if strict, an error."""
    given = [None] * len(_tuple(outputs)) if v is None else _tuple(v)
    known = [(y, g) for y, g in zip(_tuple(outputs), given) if y.requires_grad]
    if strict and len(known) < len(given):
        raise GradientError("strict=True", got="a result does not depend on the inputs", mend="leave strict away")
    if not known:
        return tuple(map(zeros_like, leaves))
    found = grad([y for y, _ in known], leaves, [g for _, g in known], create_graph=create_graph, retain_graph=True,
                 allow_unused=True)  # fmt: skip
    for number, g in enumerate(found):
        if strict and (g is None or (create_graph and not g.requires_grad)):
            what = "the results do" if g is None else "their derivative does"
            raise GradientError("strict=True", got=f"{what} not depend on input {number}", mend="leave strict away")
    return tuple(zeros_like(x) if g is None else g for g, x in zip(found, leaves))


def _matrix(y: Any, leaves: list[Any], create_graph: bool, strict: bool) -> list[Any]:
    """For each leaf the derivatives of each element of y: (*y, *leaf)"""
    rows = []
    for number in range(y.numel()):
        probe = zeros_like(y)
        with enable_grad():
            probe.view(-1)[number] = 1.0
        rows.append(_grad(y, leaves, probe, create_graph, strict))
    if not rows:
        return [x.new_zeros(*y.shape, *x.shape) for x in leaves]
    return [stack(column).reshape(*y.shape, *x.shape) for column, x in zip(zip(*rows), leaves)]


def _number(where: str, output: Any) -> Any:
    if output.numel() != 1:
        raise GradientError(where, got=f"the function returns {times(output.shape)}", expected="a single number")
    return output
