"""Formulas over arrays of any layout as one loop, in the memory order of what they read."""

from __future__ import annotations

from math import prod

from engine.kernels.cpu.caller import Layout, Recipe
from engine.kernels.cpu.elementwise import SMALL_LOOP, Chain, Flat, emit, emit_flat
from engine.kernels.cpu.expression import Expr
from engine.kernels.cpu.program import Kernel, Step


def loop(formula: Expr, arguments: dict[str, Layout | None], into: int | None = None,
         shape: tuple[int, ...] | None = None, order: tuple[int, ...] | None = None) -> Recipe | None:  # fmt: skip
    """A recipe of formula over arguments, in order of their numbers, by name.

    Args:
        formula: over the names.
        arguments: layouts, stretched as in NumPy; None where one is absent.
        into: the number of the argument that is overwritten; a new array where it is None.
        shape, order: of the new array; where not given, what the arguments stretch to, lying as they lie.
    """
    layouts = {name: layout for name, layout in arguments.items() if layout is not None}
    given = list(layouts.values())
    if not all(layout.is_float for layout in given):
        return None
    if shape is None:
        shape = given[into].shape if into is not None else _together(given)
    if shape is None or any(_stretched(layout, shape) is None for layout in given):
        return None
    if order is None:
        order = given[into].order if into is not None else _order(given, shape)
    if order is None:
        return None
    recipe = Recipe(inputs={name: number for number, name in enumerate(arguments) if name in layouts})
    if into is None:
        recipe.give("result", shape, order)
    else:
        recipe.inputs["result"] = into
    used = [name for name in layouts if name in formula.leaves()]
    strides = {name: tuple(_stretched(layouts[name], shape)[axis] for axis in order) for name in used}
    recipe.steps.append(_step(tuple(shape[axis] for axis in order), strides, formula))
    return recipe


def _step(shape: tuple[int, ...], strides: dict[str, tuple[int, ...]], formula: Expr) -> Step:
    """One loop over axes that are joined where all arrays let them."""
    outputs = (("result", formula),)
    axes = Chain(shape, tuple(strides.items()), outputs).axes()
    size, alone = prod(shape), prod(shape) < SMALL_LOOP
    if len(axes) == 1 and all(step in (0, 1) for step in axes[0][2:]):
        spec = Flat(tuple((name, step == 0) for name, step in zip(strides, axes[0][2:])), outputs)
        return Step(Kernel(emit_flat, (spec,), alone), (*strides, "result", size))
    joined = tuple((name, tuple(axis[2 + i] for axis in axes)) for i, name in enumerate(strides))
    chain = Chain(tuple(axis[0] for axis in axes), joined, outputs)
    return Step(Kernel(emit, (chain,), alone), (*strides, "result"))


def _together(layouts: list[Layout]) -> tuple[int, ...] | None:
    """The shape that all stretch to; None where they do not go together."""
    shape: list[int] = []
    for place in range(-max(layout.ndim for layout in layouts), 0):
        sizes = {layout.shape[place] for layout in layouts if -place <= layout.ndim} - {1}
        if len(sizes) > 1:
            return None
        shape.append(next(iter(sizes), 1))
    return tuple(shape)


def _stretched(layout: Layout, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    ahead = len(shape) - layout.ndim
    if ahead < 0 or any(n not in (1, m) for n, m in zip(layout.shape, shape[ahead:])):
        return None
    return (*(0,) * ahead, *(0 if n == 1 else step for n, step in zip(layout.shape, layout.strides)))


def _order(layouts: list[Layout], shape: tuple[int, ...]) -> tuple[int, ...]:
    """How a result lies: as the first argument of its shape does that has no gaps."""
    whole = (layout.order for layout in layouts if layout.shape == shape)
    return next((order for order in whole if order is not None), tuple(range(len(shape))))
