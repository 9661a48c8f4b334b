"""Steps of the optimizers: one launch over all parameters of a group, whose elements the threads share."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from engine.kernels.cpu import updates
from engine.kernels.cpu.caller import Caller, Layout, Recipe
from engine.kernels.cpu.eager.compiled import cached
from engine.kernels.cpu.updates import Update
from engine.kernels.generic import Kernels

LEAST = 2_048  # elements of all parameters together
SCALARS = ("rate", "root", "shrink")


class Updates:
    """See the generic kernels of these names."""

    def sgd_step(self, params: Any, grads: Any, velocities: Any, room: Any, options: dict[str, Any]) -> None:
        rule = ("momentum", "dampening", "nesterov", "weight_decay", "maximize")
        first = any(options["is_first"] or ())
        rule = _chosen(options, rule)
        if first or not _step(updates.sgd_rule, rule, options["lr"], params, grads, velocity=velocities):
            Kernels.sgd_step(self, params, grads, velocities, room, options)

    def adam_step(self, params: Any, grads: Any, means: Any, squares: Any, largests: Any, room: Any,
                  options: dict[str, Any]) -> None:  # fmt: skip
        lr, steps = options["lr"], options["steps"]
        rule = _chosen(options, ("beta1", "beta2", "eps", "weight_decay", "decoupled", "maximize"))
        rule += (("amsgrad", largests is not None),)
        lists = params, grads, means, squares, largests
        for step in dict.fromkeys(steps):
            part = [i for i, each in enumerate(steps) if each == step]
            p, g, m, s, most = lists if len(part) == len(steps) else (_part(arrays, part) for arrays in lists)
            rate, root = lr / (1 - options["beta1"] ** step), sqrt(1 - options["beta2"] ** step)
            shrink = 1 - lr * options["weight_decay"]
            state = {"mean": m, "square": s, "largest": most}
            if not _step(updates.adam_rule, rule, rate, p, g, root=root, shrink=shrink, **state):
                some = {**options, "steps": [step] * len(part)}
                Kernels.adam_step(self, p, g, m, s, most, lambda i, part=part: room(part[i]), some)

    def rmsprop_step(self, params: Any, grads: Any, squares: Any, means: Any, velocities: Any, room: Any,
                     options: dict[str, Any]) -> None:  # fmt: skip
        rule = _chosen(options, ("alpha", "eps", "weight_decay", "momentum", "maximize"))
        rule += (("centered", means is not None),)
        state = {"square": squares, "mean": means, "velocity": velocities}
        if not _step(updates.rmsprop_rule, rule, options["lr"], params, grads, **state):
            Kernels.rmsprop_step(self, params, grads, squares, means, velocities, room, options)


def _chosen(options: dict[str, Any], names: tuple[str, ...]) -> tuple[tuple[str, Any], ...]:
    return tuple([(name, options[name]) for name in names])


def _part(arrays: list[Any] | None, numbers: list[int]) -> list[Any] | None:
    return None if arrays is None else [arrays[i] for i in numbers]


def _step(make: Any, rule: Any, rate: float, params: list[Any], grads: list[Any], root: float = 0.0,
          shrink: float = 0.0, **state: Any) -> bool:  # fmt: skip
    """Do it, if it can be done here: float32 arrays without gaps, as many as are worth a launch."""
    held = {"param": params, **{name: arrays for name, arrays in state.items() if arrays is not None}}
    everything = [array for arrays in (*held.values(), grads) for array in arrays]
    if not all(type(array) is np.ndarray for array in everything):
        return False
    kinds = tuple([(p.shape, p.strides, p.dtype.num, g.strides, g.dtype.num) for p, g in zip(params, grads)])
    key = make, rule, kinds, tuple(held)
    caller = cached(_calls, key, lambda: _bind(make, rule, everything, tuple(held), len(params)))
    if not caller:
        return False
    caller(*everything, np.array((rate, root, shrink), np.float32))
    return True


def _bind(make: Any, rule: Any, arrays: list[Any], held: tuple[str, ...], count: int) -> Caller | bool:
    """Arguments: for each parameter the arrays of each name that is held, then the gradients, then the scalars."""
    layouts = [Layout.of(array) for array in arrays]
    orders = [layout.order for layout in layouts[:count]] * (len(held) + 1)
    sizes = tuple([layout.size for layout in layouts[:count]])
    lie = all(o is not None and layout.lies(o) for o, layout in zip(orders, layouts[: count * len(held)]))
    if sum(sizes) < LEAST or 0 in sizes or not lie or not all(layout.is_float for layout in layouts):
        return False
    recipe = Recipe()
    for number, (layout, order) in enumerate(zip(layouts, orders)):
        name = (*held, "grad")[number // count]
        recipe.take(number, layout, f"{name} {number % count}", order)
    recipe.passed(len(layouts), "scalars")
    update: Update = make(**dict(rule))
    recipe.add(updates.together(sizes, update))
    recipe.rename({name: ("scalars", SCALARS.index(name)) for name in update.scalars})
    recipe.finish = lambda: None
    return Caller(recipe)


_calls: dict[Any, Caller | bool] = {}
