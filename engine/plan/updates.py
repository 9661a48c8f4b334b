"""Rules of the optimizers' steps, over the parameters' own memory."""

from __future__ import annotations

from math import sqrt
from typing import Any

from engine.kernels.cpu import updates
from engine.kernels.cpu.expression import leaf
from engine.plan.lazy import SUM, Lazy
from engine.plan.lower import FLOAT, Lowering, rule
from engine.plan.places import Place, of_array
from engine.plan.trace import Call, Value

PLAIN = leaf(SUM)
STEPS = frozenset({"sgd_step", "adam_step", "rmsprop_step"})
CHANGING = frozenset({"lr", "steps"})
"""Options that may be others at each replay; the rest is part of the plan."""


@rule("sgd_step")
def sgd_step(low: Lowering, call: Call) -> bool:
    params, grads, velocities, _, live = call.arguments
    options = live.now
    if not _fit(params, grads) or options["is_first"] is not None:
        return False
    rule = updates.sgd_rule(options["momentum"], options["dampening"], options["nesterov"], options["weight_decay"],
                            options["maximize"])  # fmt: skip
    numbers = {"rate": low.live(live, lambda o: [o["lr"]], 1)}
    _together(low, rule, params, grads, {"velocity": velocities}, numbers)
    return True


@rule("adam_step")
def adam_step(low: Lowering, call: Call) -> bool:
    params, grads, means, squares, largests, _, live = call.arguments
    options = live.now
    if not _fit(params, grads) or len(set(options["steps"])) > 1:
        return False
    rule = updates.adam_rule(options["beta1"], options["beta2"], options["eps"], options["weight_decay"],
                             options["decoupled"], largests is not None, options["maximize"])  # fmt: skip
    numbers = low.live(live, _adam_numbers, 3)
    places = {name: Place(numbers.buffer, (1,), (1,), i) for i, name in enumerate(("rate", "root", "shrink"))}
    _together(low, rule, params, grads, {"mean": means, "square": squares, "largest": largests}, places)
    return True


@rule("rmsprop_step")
def rmsprop_step(low: Lowering, call: Call) -> bool:
    params, grads, squares, means, velocities, _, live = call.arguments
    options = live.now
    if not _fit(params, grads):
        return False
    rule = updates.rmsprop_rule(options["alpha"], options["eps"], options["weight_decay"], options["momentum"],
                                means is not None, options["maximize"])  # fmt: skip
    numbers = {"rate": low.live(live, lambda o: [o["lr"]], 1)}
    _together(low, rule, params, grads, {"square": squares, "mean": means, "velocity": velocities}, numbers)
    return True


def _together(low: Lowering, rule: updates.Update, params: Any, grads: Any, state: dict[str, Any],
              numbers: dict[str, Place]) -> None:  # fmt: skip
    """One launch for all parameters but those whose gradient is still to be made: there the step follows at once."""
    state, scalars = {"param": params, **state}, {name: numbers[name] for name in rule.scalars}
    places, sizes = dict(scalars), []
    for i, (param, grad) in enumerate(zip(params, grads)):
        arrays = {name: _flat(low, state[name][i], param) for name in rule.arrays}
        found = low.env.get(grad)
        if isinstance(found, Lazy) and found.heavy and found.heavy.update and found.expr == PLAIN and low.is_last(grad):
            found.heavy.update(rule, arrays | scalars)
            continue
        number = len(sizes)
        places[f"grad {number}"] = _flat(low, grad, param)
        places |= {f"{name} {number}": place for name, place in arrays.items()}
        sizes.append(param.size)
    if sizes:
        low.emit(updates.together(tuple(sizes), rule), **places)


def _adam_numbers(options: dict[str, Any]) -> list[float]:
    step = options["steps"][0]
    rate = options["lr"] / (1 - options["beta1"] ** step)
    return [rate, sqrt(1 - options["beta2"] ** step), 1 - options["lr"] * options["weight_decay"]]


def _fit(params: tuple[Value, ...], grads: tuple[Value, ...]) -> bool:
    dense = all(place.is_dense(place.order) for place in (of_array(p.array) for p in params))
    return dense and all(p.dtype == FLOAT and p.shape == g.shape for p, g in zip(params, grads))


def _flat(low: Lowering, value: Value, like: Value) -> Place:
    """The elements one after the other, in the order of the parameter."""
    order = low.place(like).order
    return low.packed(value, order).transposed(order).reshaped((value.size,))


def structure(options: Any) -> Any:
    """The part of an optimizer's options that a plan is made for."""
    return {k: v for k, v in options.items() if k not in CHANGING} if isinstance(options, dict) else None
