"""Rules of the optimizers' steps, over the parameters' own memory."""

from __future__ import annotations

from typing import Any

from engine.kernels.cpu import updates
from engine.kernels.cpu.expression import leaf, substitute
from engine.kernels.update import Pace, Update
from engine.plan.lazy import SUM, Lazy
from engine.plan.lower import FLOAT, Lowering, rule
from engine.plan.places import Place, of_array
from engine.plan.trace import Call, Value

PLAIN = leaf(SUM)
STEPS = frozenset({"update_step", "muon_step"})


@rule("update_step")
def update_step(low: Lowering, call: Call) -> bool:
    params, grads, state, _, live = call.arguments
    pace = live.now
    if not _fit(params, grads, state) or not pace.is_even:
        return False
    scalars, places = pace.rule.scalars, {}
    if scalars:
        numbers = low.live(live, lambda pace: pace.rows[0], len(scalars))
        places = {name: Place(numbers.buffer, (1,), (1,), i) for i, name in enumerate(scalars)}
    _together(low, pace.rule, params, grads, dict(zip(pace.rule.state, state)), places)
    return True


def _together(low: Lowering, rule: Update, params: Any, grads: Any, state: dict[str, Any],
              scalars: dict[str, Place]) -> None:  # fmt: skip
    """One launch for all parameters but those whose gradient is still to be made: there the step follows at once."""
    state = {"param": params, **state}
    places, sizes = dict(scalars), []
    for i, (param, grad) in enumerate(zip(params, grads)):
        arrays = {name: _flat(low, state[name][i], param) for name in rule.arrays}
        found = low.env.get(grad)
        if isinstance(found, Lazy) and found.heavy and found.heavy.update and found.expr == PLAIN and low.is_last(grad):
            found.heavy.update(_apart(rule), {_own(name): place for name, place in (arrays | scalars).items()})
            continue
        number = len(sizes)
        places[f"grad {number}"] = _flat(low, grad, param)
        places |= {f"{name} {number}": place for name, place in arrays.items()}
        sizes.append(param.size)
    if sizes:
        low.emit(updates.together(tuple(sizes), rule), **places)


def _own(name: str) -> str:
    """A name of the optimizer's that is none of the kernel's that it follows: Adagrad remembers a "sum", too."""
    return f"own {name}"


def _apart(rule: Update) -> Update:
    """The rule by names of its own."""
    own = {name: leaf(_own(name)) for name in (*rule.arrays, *rule.scalars)}
    outputs = tuple((_own(name), substitute(formula, own)) for name, formula in rule.outputs)
    return Update(outputs, tuple(map(_own, rule.scalars)), rule.rests)


def _fit(params: tuple[Value, ...], grads: tuple[Value, ...], state: tuple[tuple[Value, ...], ...]) -> bool:
    """Whether all is float32, and what is remembered lies as its parameter does, without gaps."""
    for param, grad, *remembered in zip(params, grads, *state):
        order, held = of_array(param.array).order, [param, *remembered]
        if param.shape != grad.shape or any(value.dtype != FLOAT for value in (grad, *held)):
            return False
        if not all(of_array(value.array).is_dense(order) for value in held):
            return False
    return True


def _flat(low: Lowering, value: Value, like: Value) -> Place:
    """The elements one after the other, in the order of the parameter."""
    order = low.place(like).order
    return low.packed(value, order).transposed(order).reshaped((value.size,))


def structure(options: Any) -> Any:
    """The part of an optimizer's options that a plan is made for; the rest may be another at each replay."""
    return (options.rule, options.is_even) if isinstance(options, Pace) else None
