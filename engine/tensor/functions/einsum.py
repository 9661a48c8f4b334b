"""Einstein's sums: products over axes that are named by letters, two tensors at a time through `matmul`."""

from __future__ import annotations

from math import prod
from typing import Any

from engine.errors import ShapeError, TypeMismatch
from engine.ops.base import times
from engine.tensor.functions.axes import diagonal
from engine.tensor.tape import Core
from engine.wording import counted


def einsum(equation: Any, *operands: Any) -> Any:
    """The sum of products over all axes whose letter does not stand behind the arrow.

    Args:
        equation: a letter for each axis of each operand, "ij,jk->ik". Without an arrow the result has the letters that
            stand once, in order of the alphabet. "..." stands for axes that are stretched.
        operands: the tensors.

    >>> import engine
    >>> engine.einsum("ij,jk->ik", engine.ones(2, 3), engine.ones(3, 4)).shape
    (2, 4)
    """
    if isinstance(equation, Core):
        equation, operands = _from_lists((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], tuple | list):
        operands = tuple(operands[0])
    terms, output = _parsed(equation, operands)
    parts = [_once_each(x, axes) for x, axes in zip(operands, terms)]
    left, axes = parts[0]
    for i, (right, others) in enumerate(parts[1:], 1):
        needed = set(output).union(*(a for _, a in parts[i + 1 :]))
        left, axes = _contracted(left, axes, right, others, needed)
    gone = tuple(i for i, a in enumerate(axes) if a not in output)
    left = left.sum(gone) if gone else left
    axes = [a for a in axes if a in output]
    left = left.permute([axes.index(a) for a in output]) if axes != list(output) else left
    return left


def _parsed(equation: str, operands: tuple[Any, ...]) -> tuple[list[list[Any]], list[Any]]:
    """The axes of each operand and of the result: letters, and numbers, from the last, for what "..." stands for."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    texts = left.split(",")
    if len(texts) != len(operands):
        raise TypeMismatch(
            "einsum", got=f"{counted(len(texts), 'term')} and {counted(len(operands), 'tensor')}", expected="as many"
        )
    terms = [_axes(text, x) for text, x in zip(texts, operands)]
    stretched = sorted({a for term in terms for a in term if isinstance(a, int)})
    letters = [a for term in terms for a in term if isinstance(a, str)]
    if not arrow:
        return terms, [*stretched, *sorted(a for a in set(letters) if letters.count(a) == 1)]
    head, dots, tail = right.partition("...")
    output = [*head, *(stretched if dots else ()), *tail]
    if any(isinstance(a, str) and a not in letters for a in output) or len(set(output)) < len(output):
        raise TypeMismatch("einsum", got=f"the result is {right!r}", expected="letters of the terms, each once")
    return terms, output


def _axes(text: str, x: Any) -> list[Any]:
    head, dots, tail = text.partition("...")
    hidden = x.ndim - len(head) - len(tail)
    if hidden < 0 or (hidden and not dots) or not (head + tail + "a").isalpha():
        raise ShapeError("einsum", got=f"the term {text!r} for a tensor of {times(x.shape)}",
                         expected="a letter for each axis")  # fmt: skip
    return [*head, *range(-hidden, 0), *tail]


def _once_each(x: Any, axes: list[Any]) -> tuple[Any, list[Any]]:
    """A tensor of which no two axes have one letter: of two that have, the diagonal."""
    axes = list(axes)
    for a in [a for i, a in enumerate(axes) if a in axes[:i]]:
        first, second = [i for i, b in enumerate(axes) if b == a][:2]
        if x.shape[first] != x.shape[second]:
            raise ShapeError(
                "einsum", got=f"{a!r} is {x.shape[first]} and {x.shape[second]} long", expected="one length"
            )
        x = diagonal(x, 0, first, second)
        axes = [b for i, b in enumerate(axes) if i not in (first, second)] + [a]
    return x, axes


def _contracted(a: Any, a_axes: list[Any], b: Any, b_axes: list[Any], needed: set[Any]) -> tuple[Any, list[Any]]:
    """The product of two tensors, summed over the axes that are needed no more.

    As matrices: (both, only a's, summed) times (both, summed, only b's).
    """
    lengths = _lengths(a, a_axes, b, b_axes)
    a, a_axes = _without(a, a_axes, needed | set(b_axes))
    b, b_axes = _without(b, b_axes, needed | set(a_axes))
    # an axis of which one of the two has length 1 is not summed over by the product: it is only stretched
    shared = [x for x in a_axes if x in b_axes]
    both = [x for x in shared if x in needed]
    summed = [x for x in shared if x not in needed]
    only_a, only_b = [x for x in a_axes if x not in b_axes], [x for x in b_axes if x not in a_axes]
    left = _laid_out(a, a_axes, both, only_a, summed, lengths)
    right = _laid_out(b, b_axes, both, summed, only_b, lengths)
    out = left.matmul(right) if left.dtype == right.dtype else left.to(right.dtype).matmul(right)
    axes = [*both, *only_a, *only_b]
    return out.reshape([lengths[x] for x in axes]), axes


def _lengths(a: Any, a_axes: list[Any], b: Any, b_axes: list[Any]) -> dict[Any, int]:
    lengths: dict[Any, int] = {}
    for name, n in (*zip(a_axes, a.shape), *zip(b_axes, b.shape)):
        if lengths.get(name, 1) not in (1, n) and n != 1:
            raise ShapeError("einsum", got=f"{name!r} is {lengths[name]} and {n} long", expected="one length")
        lengths[name] = n if name not in lengths or lengths[name] == 1 else lengths[name]
    return lengths


def _without(x: Any, axes: list[Any], needed: set[Any]) -> tuple[Any, list[Any]]:
    gone = tuple(i for i, a in enumerate(axes) if a not in needed)
    return (x.sum(gone), [a for a in axes if a in needed]) if gone else (x, axes)


def _laid_out(x: Any, axes: list[Any], *groups: Any) -> Any:
    """x as (both, rows, columns), each a group of axes made one, stretched where its axis is 1 long."""
    *groups, lengths = groups
    order = [a for group in groups for a in group]
    x = x.permute([axes.index(a) for a in order]) if order != axes else x
    whole = [lengths[a] for a in order]
    x = x.expand(whole) if tuple(whole) != tuple(x.shape) else x
    return x.reshape([prod(lengths[a] for a in group) for group in groups])


def _from_lists(arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """einsum(a, [0, 1], b, [1, 2], [0, 2]) as an equation."""
    operands, lists = arguments[0 : len(arguments) // 2 * 2 : 2], arguments[1::2]
    output = arguments[-1] if len(arguments) % 2 else None

    def text(axes: Any) -> str:
        letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
        return "".join("..." if a is Ellipsis else letters[a] for a in axes)

    equation = ",".join(text(axes) for axes in lists)
    return equation if output is None else f"{equation}->{text(output)}", tuple(operands)
