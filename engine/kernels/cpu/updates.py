"""Steps of the optimizers as formulas, over a flat arena of parameters or inside the kernel that makes the gradient.

What changes from step to step is read from arrays of one number each, so that a step can be replayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import llvmlite.ir as ir

from engine.kernels.cpu.elementwise import SMALL_LOOP, chain
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.expression import Expr, apply, evaluate, leaf
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.values import I64, Value

GRAIN = 1024  # elements that one thread takes together


@dataclass(frozen=True)
class Update:
    """What an optimizer does with one element.

    Args:
        outputs: names of the arrays that change, and their formulas over "grad", the arrays and the scalars.
        arrays: names of all arrays of the parameter's size but the gradient: those that change.
        scalars: names of the arrays of one number.
        rests: whether an element stays as it is where its gradient is 0.
    """

    outputs: tuple[tuple[str, Expr], ...]
    scalars: tuple[str, ...]
    rests: bool = False

    @property
    def arrays(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.outputs)


def sgd_rule(momentum: float = 0.0, dampening: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0,
             maximize: bool = False, is_first: bool = False) -> Update:  # fmt: skip
    """v = momentum · v + (1 - dampening) · g; param -= rate · v. Arrays: param, velocity; scalar: rate.

    Args:
        momentum, dampening, nesterov, weight_decay, maximize: as in PyTorch.
        is_first: the first step: v = g.
    """
    grad, outputs = _slope(weight_decay, maximize), {}
    if momentum:
        velocity = grad if is_first else apply("fma", leaf("velocity"), momentum, grad * (1 - dampening))
        outputs["velocity"] = velocity
        grad = grad + velocity * momentum if nesterov else velocity
    outputs["param"] = leaf("param") - grad * leaf("rate")
    return Update(tuple(outputs.items()), ("rate",), rests=not momentum and not weight_decay)


def adam_rule(beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.0,
              decoupled: bool = False, amsgrad: bool = False, maximize: bool = False) -> Update:  # fmt: skip
    """param -= rate · m / (√v / root + eps). Arrays: param, mean, square, largest (amsgrad).

    Args:
        beta1, beta2, eps, weight_decay, amsgrad, maximize: as in PyTorch.
        decoupled: AdamW: the parameter is multiplied by `shrink` = 1 - lr · weight_decay.

    The scalars are rate = lr / (1 - beta1ᵗ), root = √(1 - beta2ᵗ), and shrink.
    """
    grad = _slope(0.0 if decoupled else weight_decay, maximize)
    mean = apply("fma", grad - leaf("mean"), 1 - beta1, leaf("mean"))
    square = apply("fma", grad * (1 - beta2), grad, leaf("square") * beta2)
    outputs, scalars = {"mean": mean, "square": square}, ["rate", "root"]
    if amsgrad:
        square = apply("maximum", leaf("largest"), square)
        outputs["largest"] = square
    param: Expr = leaf("param")
    if decoupled and weight_decay:
        param = param * leaf("shrink")
        scalars.append("shrink")
    scaled, least = mean * (leaf("rate") * leaf("root")), leaf("root") * eps
    quick = 1e-12 <= eps <= 1.0  # no division by zero, whatever the parts are estimated from
    step = apply("ratio_to_root", scaled, square, least) if quick else scaled / (apply("sqrt", square) + least)
    outputs["param"] = param - step
    return Update(tuple(outputs.items()), tuple(scalars))


def rmsprop_rule(alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0, momentum: float = 0.0,
                 centered: bool = False, maximize: bool = False) -> Update:  # fmt: skip
    """param -= rate · g / (√s + eps). Arrays: param, square, mean (centered), velocity (momentum); scalar: rate."""
    grad = _slope(weight_decay, maximize)
    square = leaf("square") * alpha + grad * grad * (1 - alpha)
    outputs, spread = {"square": square}, square
    if centered:
        mean = leaf("mean") * alpha + grad * (1 - alpha)
        outputs["mean"], spread = mean, square - mean * mean
    step = grad / (apply("sqrt", spread) + eps)
    if momentum:
        step = leaf("velocity") * momentum + step
        outputs["velocity"] = step
    outputs["param"] = leaf("param") - step * leaf("rate")
    return Update(tuple(outputs.items()), ("rate",))


def update(size: int, rule: Update) -> Plan:
    """One step of an arena of `size` numbers. Arrays: grad, and those of the rule; its scalars."""
    shapes = {"grad": (size,)} | dict.fromkeys(rule.arrays, (size,)) | dict.fromkeys(rule.scalars, (1,))
    outputs = dict(rule.outputs)
    used = {name for formula in outputs.values() for name in formula.leaves()}
    return chain((size,), {name: shape for name, shape in shapes.items() if name in used}, outputs)


def sgd(size: int, *options: Any, **more: Any) -> Plan:
    """`update` with `sgd_rule`."""
    return update(size, sgd_rule(*options, **more))


def adam(size: int, *options: Any, **more: Any) -> Plan:
    """`update` with `adam_rule`."""
    return update(size, adam_rule(*options, **more))


def rmsprop(size: int, *options: Any, **more: Any) -> Plan:
    """`update` with `rmsprop_rule`."""
    return update(size, rmsprop_rule(*options, **more))


def together(sizes: tuple[int, ...], rule: Update) -> Plan:
    """One step of many parameters in one launch, the threads sharing all elements.

    Arrays: for parameter i "grad i" and NAME i for each array of the rule; the rule's scalars.

    Args:
        sizes: of the parameters, in elements.
        rule: what the optimizer does.
    """
    first, arguments = 0, []
    for i, size in enumerate(sizes):
        arguments += [first, size, f"grad {i}", *(f"{name} {i}" for name in rule.arrays)]
        first += ceil(size / GRAIN)
    kernel = Kernel(emit_together, (len(sizes), rule), alone=sum(sizes) < SMALL_LOOP)
    return Plan((Step(kernel, (*arguments, first, *rule.scalars)),))


def emit_together(count: int, rule: Update) -> ir.Module:
    """The argument block is the table: (first grain, elements, gradient, arrays) of each parameter."""
    code = new_kernel("updates")
    block, thread, threads = code.arguments
    width = 3 + len(rule.arrays)
    grains, last = code.number(block, count * width, I64), count * width + 1
    scalars = {n: code.splat(code.load(code.pointer(block, last + i)), code.lanes) for i, n in enumerate(rule.scalars)}
    start, stop = code.share(grains, thread, threads)
    with code.loop(0, count) as number:
        row = number * width
        begun, size = code.number(block, row, I64), code.number(block, row + 1, I64)
        low = code.maximum(start - begun, 0) * GRAIN
        high = code.minimum((stop - begun) * GRAIN, size)
        names = ("grad", *rule.arrays)
        step(code, rule, {n: code.pointer(block, row + (2 + i)) for i, n in enumerate(names)}, scalars, low, high)
    code.finish()
    return code.module


def step(code: Code, rule: Update, places: dict[str, Value], scalars: dict[str, Value], low: Value, high: Value
         ) -> None:  # fmt: skip
    """Write the step of elements low to high; without a place for "grad" the gradient is 0."""
    lanes = code.lanes
    read = {name for _, formula in rule.outputs for name in formula.leaves()}

    def vector(index: Value, mask: Value | None) -> None:
        values = {"grad": code.float(0.0, lanes), **scalars}
        for name in (n for n in places if n in read):
            at = code.at(places[name], index)
            values[name] = code.load(at, 0, lanes) if mask is None else code.load_masked(at, mask)
        known: dict[Expr, Value] = {}
        for name, result in [(name, evaluate(formula, values, known)) for name, formula in rule.outputs]:
            at = code.at(places[name], index)
            if mask is None:
                code.store(result, at)
            else:
                code.store_masked(result, at, mask)

    whole = low + code.maximum(high - low, 0) // lanes * lanes
    with code.loop(low, whole, lanes) as index:
        vector(index, None)
    with code.when(whole < high):
        vector(whole, code.first(lanes, high - whole))


def _slope(weight_decay: float, maximize: bool) -> Expr:
    grad = -leaf("grad") if maximize else leaf("grad")
    return grad + leaf("param") * weight_decay if weight_decay else grad
