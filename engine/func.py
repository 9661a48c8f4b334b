"""PyTorch's `torch.func`: functions that differentiate functions, and modules called with other parameters.

Arguments and results may be tensors, or dicts, lists and tuples of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any

from engine.errors import GradientError, OptionError, TypeMismatch
from engine.nn.utils.stateless import functional_call
from engine.ops.base import times
from engine.tensor import stack, zeros_like
from engine.tensor.grad_mode import enable_grad, is_grad_enabled
from engine.tensor.tape import Core, Node, require_gradient_type
from engine.tensor.walk import grad as gradients_of

__all__ = ["functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "vjp"]

Argnums = int | tuple[int, ...]


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes the gradient of `func`, whose result is a single number.

    Args:
        func: of tensors, or of dicts, lists and tuples of them.
        argnums: by which of its arguments: a number, or a tuple of several.
        has_aux: whether it returns a pair, of which the second is handed on.

    >>> import engine
    >>> cube = lambda x: x**3
    >>> grad(cube)(engine.tensor(2.0)), grad(grad(cube))(engine.tensor(2.0))
    (tensor(12.), tensor(12.))
    """
    both = grad_and_value(func, argnums, has_aux)

    @wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def grad_and_value(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes a pair: the gradient of `func`, and what it returns.

    Args:
        func: of tensors, or of dicts, lists and tuples of them; returns a single number.
        argnums: by which of its arguments: a number, or a tuple of several.
        has_aux: whether it returns a pair, of which the second is handed on: ((gradient), (value, second)).

    >>> import engine
    >>> grad_and_value(lambda x: (x * x).sum())(engine.tensor([1.0, 2.0]))
    (tensor([2., 4.]), tensor(5.))
    """

    @wraps(func)
    def gradient_and_value(*args: Any, **kwargs: Any) -> Any:
        level = _Level("grad", func, args, kwargs, argnums, has_aux)
        output = level.outputs[0] if len(level.outputs) == 1 else None
        if output is None or output.dim():
            came = "several tensors" if output is None else f"a tensor of {times(tuple(output.shape))}"
            raise GradientError("grad", got=f"the function returns {came}", expected="a single number",
                                mend="reduce it with .sum() or .mean()")  # fmt: skip
        found = level.backward([None])
        value = level.plain(level.output)
        return level.shaped(found), (value, level.plain(level.aux)) if has_aux else value

    return gradient_and_value


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """func(*primals), and the function that computes v^T J, J its Jacobian: a pair.

    Args:
        func: of tensors, or of dicts, lists and tuples of them.
        primals: its arguments.
        has_aux: whether it returns a pair, of which the second comes third.

    >>> import engine
    >>> value, back = vjp(lambda x: x**2, engine.tensor([1.0, 2.0]))
    >>> value, back(engine.tensor([1.0, 10.0]))
    (tensor([1., 4.]), (tensor([ 2., 40.]),))
    """
    level = _Level("vjp", func, primals, {}, tuple(range(len(primals))), has_aux)

    def back(cotangents: Any) -> Any:
        return level.shaped(level.backward(_leaves(cotangents)))

    value = level.plain(level.output)
    return (value, back, level.plain(level.aux)) if has_aux else (value, back)


def jvp(func: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...], *, strict: bool = False,
        has_aux: bool = False) -> Any:  # fmt: skip
    """func(*primals) and J v, J its Jacobian: the derivative along v, as the gradient of a gradient.

    Args:
        func: of tensors, or of dicts, lists and tuples of them.
        primals: its arguments.
        tangents: v, as the arguments are.
        strict: whether a result on which no argument has a part is an error.
        has_aux: whether it returns a pair, of which the second comes third.

    >>> import engine
    >>> jvp(lambda x: x**2, (engine.tensor([1.0, 2.0]),), (engine.tensor([1.0, 10.0]),))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    level = _Level("jvp", func, primals, {}, tuple(range(len(primals))), has_aux)
    if strict and not all(y.requires_grad for y in level.outputs):
        raise GradientError("jvp", got="a result does not depend on the arguments", mend="leave strict away for zeros")
    with enable_grad():
        probes = [zeros_like(y).requires_grad_() for y in level.outputs]
        back = level.backward(probes, create_graph=True)  # linear in the probes; what it is at 0 says all
        pairs = [(g, v) for g, v in zip(back, _leaves(tuple(tangents)), strict=True) if g.requires_grad]
        along = gradients_of([g for g, _ in pairs], probes, [v for _, v in pairs], create_graph=level.again,
                             materialize_grads=True) if pairs else [zeros_like(y) for y in probes]  # fmt: skip
    found = level.plain(level.output), _filled(level.output, iter(along))
    return (*found, level.plain(level.aux)) if has_aux else found


def jacrev(func: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False,
           chunk_size: int | None = None) -> Callable[..., Any]:  # fmt: skip
    """The function that computes the Jacobian of `func`: the derivatives of each element of its result.

    For each tensor of the result there is, for each tensor of the argument, one of shape (*result, *argument).

    Args:
        func: of tensors, or of dicts, lists and tuples of them.
        argnums: by which of its arguments: a number, or a tuple of several.
        has_aux: whether it returns a pair, of which the second is handed on.
        chunk_size: here for PyTorch's sake: rows are computed one by one.

    >>> import engine
    >>> jacrev(lambda x: x**2)(engine.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        level = _Level("jacrev", func, args, kwargs, argnums, has_aux)
        found = _filled(level.output, (level.shaped(level.rows(number)) for number in range(len(level.outputs))))
        return (found, level.plain(level.aux)) if has_aux else found

    return jacobian


def jacfwd(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *,
           randomness: str = "error") -> Callable[..., Any]:  # fmt: skip
    """The function that computes the Jacobian of `func`: as `jacrev`, by whose way it goes.

    Args:
        func: of tensors, or of dicts, lists and tuples of them.
        argnums: by which of its arguments: a number, or a tuple of several.
        has_aux: whether it returns a pair, of which the second is handed on.
        randomness: here for PyTorch's sake: the function is called once, whatever it draws.

    >>> import engine
    >>> jacfwd(lambda x: x.sum())(engine.tensor([1.0, 2.0]))
    tensor([1., 1.])
    """
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes the second derivatives of `func`: the Jacobian of its Jacobian.

    Args:
        func: of tensors, or of dicts, lists and tuples of them.
        argnums: by which of its arguments: a number, or a tuple of several.

    >>> import engine
    >>> hessian(lambda x: (x**3).sum())(engine.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


class _Level:
    """A function called once with the tape on, by what it is to be differentiated, and whether that goes on outside.

    Inside a level the arguments are leaves of its own, unless they have a history, of which they are then the end.
    """

    def __init__(self, where: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
                 argnums: Argnums, has_aux: bool) -> None:  # fmt: skip
        numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        if not all(-len(args) <= number < len(args) for number in numbers):
            raise OptionError(where, got=f"argnums={argnums}", expected=f"numbers of the {len(args)} arguments")
        outside, inside = is_grad_enabled(), list(args)
        with enable_grad():
            for number in numbers:
                inside[number] = _mapped(_own, inside[number])
            result = func(*inside, **kwargs)
        if has_aux and not (isinstance(result, tuple) and len(result) == 2):
            raise TypeMismatch(where, got=f"the function returns {type(result).__name__}",
                               expected="a pair, as has_aux says")  # fmt: skip
        self.output, self.aux = result if has_aux else (result, None)
        self.tree = inside[argnums] if isinstance(argnums, int) else tuple(inside[number] for number in numbers)
        self.inputs, self.outputs = _leaves(self.tree), _leaves(self.output)
        strangers = [type(y).__name__ for y in self.outputs if not isinstance(y, Core)]
        if strangers:
            raise TypeMismatch(where, got=f"the function returns {strangers[0]}", expected="tensors")
        given = [x for number in numbers for x in _leaves(args[number])]
        self.again = outside and (any(x.requires_grad for x in given) or _leads_elsewhere(self.outputs, self.inputs))

    def backward(self, v: Sequence[Any], create_graph: bool | None = None) -> tuple[Any, ...]:
        """The gradients by the inputs; zeros where one has no part in the result."""
        known = [(y, g) for y, g in zip(self.outputs, v, strict=True) if y.requires_grad]
        if not known:
            return tuple(map(zeros_like, self.inputs))
        again = self.again if create_graph is None else create_graph
        for x in self.inputs:
            x.is_over = True  # what the gradients still say of it is nobody's concern any more
        return gradients_of([y for y, _ in known], self.inputs, [g for _, g in known], retain_graph=True,
                            create_graph=again, materialize_grads=True)  # fmt: skip

    def rows(self, number: int) -> list[Any]:
        """For each input the derivatives of each element of one result: (*result, *input)"""
        y, rows = self.outputs[number], []
        for place in range(y.numel()):
            probe = zeros_like(y).detach()
            probe.view(-1)[place] = 1.0
            rows.append(self.backward([probe if i == number else zeros_like(o) for i, o in enumerate(self.outputs)]))
        if not rows:
            return [x.new_zeros(*y.shape, *x.shape) for x in self.inputs]
        return [stack(column).reshape(*y.shape, *x.shape) for column, x in zip(zip(*rows), self.inputs)]

    def shaped(self, found: Sequence[Any]) -> Any:
        """What there is for each input, in the arguments' places."""
        return _filled(self.tree, iter(found))

    def plain(self, tree: Any) -> Any:
        """Results as they go out: without the history inside, unless it goes on outside."""
        return tree if self.again else _mapped(lambda x: x.detach() if isinstance(x, Core) else x, tree)


def _own(x: Any) -> Any:
    if not isinstance(x, Core):
        raise TypeMismatch("a function's gradient", got=f"{type(x).__name__} arrives as an argument of argnums",
                           expected="a tensor, or dicts, lists and tuples of them")  # fmt: skip
    require_gradient_type("a function's gradient", x.dtype)
    return x.view(x.shape) if x.requires_grad else x.detach().requires_grad_()


def _leads_elsewhere(outputs: list[Any], inputs: list[Any]) -> bool:
    """Whether something else than the inputs requires a gradient behind the outputs."""
    ends = {id(x) if x._node is None else x._node for x in inputs}
    left = [y if y._node is None else y._node for y in outputs if y.requires_grad]
    seen: set[Any] = set()
    while left:
        edge = left.pop()
        if edge is None or edge in seen or edge in ends or id(edge) in ends:
            continue
        if type(edge) is not Node:
            if not hasattr(edge, "is_over"):
                return True
            continue
        seen.add(edge)
        left.extend(edge.edges)
    return False


def _leaves(tree: Any) -> list[Any]:
    """The tensors of dicts, lists and tuples, in order."""
    if isinstance(tree, Mapping):
        tree = tree.values()
    elif not isinstance(tree, list | tuple):
        return [tree]
    return [leaf for part in tree for leaf in _leaves(part)]


def _mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    return _filled(tree, map(function, _leaves(tree)))


def _filled(tree: Any, leaves: Iterator[Any]) -> Any:
    """Other leaves in the same dicts, lists and tuples."""
    if isinstance(tree, Mapping):
        return type(tree)((key, _filled(part, leaves)) for key, part in tree.items())
    if not isinstance(tree, list | tuple):
        return next(leaves)
    parts = [_filled(part, leaves) for part in tree]
    return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
