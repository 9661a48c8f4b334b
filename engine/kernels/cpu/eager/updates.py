"""Steps of the optimizers: one launch over all parameters of a group, whose elements the threads share."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.kernels.cpu import updates
from engine.kernels.cpu.caller import Caller, Layout, Recipe
from engine.kernels.cpu.eager.compiled import cached
from engine.kernels.generic import Kernels
from engine.kernels.update import Pace, Update

LEAST = 2_048  # elements of all parameters together


class Updates:
    """See the generic kernels of these names."""

    def update_step(self, params: Any, grads: Any, state: Any, room: Any, pace: Pace) -> None:
        rule, rows = pace.rule, pace.rows
        if pace.is_even:
            if not _step(rule, rows[0], params, grads, state):
                Kernels.update_step(self, params, grads, state, room, pace)
            return
        for row in dict.fromkeys(rows):
            part = [i for i, each in enumerate(rows) if each == row]
            p, g, *s = ([arrays[i] for i in part] for arrays in (params, grads, *state))
            if not _step(rule, row, p, g, s):
                Kernels.update_step(self, p, g, s, lambda i, n, part=part: room(part[i], n), Pace(rule, [row] * len(p)))


def _step(rule: Update, row: tuple[float, ...], params: list[Any], grads: list[Any], state: list[list[Any]]) -> bool:
    """Do it, if it can be done here: float32 arrays without gaps, as many as are worth a launch."""
    if sum([param.size for param in params]) < LEAST:  # before a key is made, which takes longer than such a step
        return False
    everything = [array for arrays in (params, *state, grads) for array in arrays]
    if not all(type(array) is np.ndarray for array in everything):
        return False
    if not all(array.flags.writeable for array in params):  # NumPy says so; here the process would end
        return False
    kinds = tuple([array.shape for array in params] + [(array.strides, array.dtype) for array in everything])
    caller = cached(_calls, (rule, kinds), lambda: _bind(rule, everything, len(params)))
    if not caller:
        return False
    caller(*everything, np.array(row, np.float32))
    return True


def _bind(rule: Update, arrays: list[Any], count: int) -> Caller | bool:
    """Arguments: for each parameter the arrays of each name that is held, then the gradients, then the scalars."""
    held = ("param", *rule.state)
    layouts = [Layout.of(array) for array in arrays]
    orders = [layout.order for layout in layouts[:count]] * (len(held) + 1)
    sizes = tuple([layout.size for layout in layouts[:count]])
    lie = all(o is not None and layout.lies(o) for o, layout in zip(orders, layouts[: count * len(held)]))
    if 0 in sizes or not lie or not all(layout.is_float for layout in layouts):
        return False
    recipe = Recipe()
    for number, (layout, order) in enumerate(zip(layouts, orders)):
        name = (*held, "grad")[number // count]
        recipe.take(number, layout, f"{name} {number % count}", order)
    recipe.passed(len(layouts), "scalars")
    recipe.add(updates.together(sizes, rule))
    recipe.rename({name: ("scalars", i) for i, name in enumerate(rule.scalars)})
    recipe.finish = lambda: None
    return Caller(recipe)


_calls: dict[Any, Caller | bool] = {}
