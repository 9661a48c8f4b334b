"""Steps of the optimizers, in place and without allocation: one call for all parameters of a group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from engine.kernels.formula import Expr, apply, leaf
from engine.kernels.update import Pace, Update

UFUNCS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative", "sqrt": "sqrt",
    "absolute": "absolute", "sign": "sign", "maximum": "maximum", "minimum": "minimum",
}  # fmt: skip
"""Operation of a formula -> function of the array module."""


class Updates:
    """Parameters, gradients and state come as lists of arrays, all in one order; gradients are only read.

    `room(i, n)` gives n arrays of the shape of parameter i to compute in.
    """

    xp: Any

    def live(self, make: Callable[[], Any]) -> Any:
        """What `make` returns now; where calls are recorded to be replayed, it is asked anew before each replay."""
        return make()

    def update_step(self, params, grads, state, room, pace: Pace) -> None:
        """A step by formulas: `state` holds a list of arrays for each name in `pace.rule.state`."""
        work = in_order(pace.rule)
        calls = [(getattr(self.xp, UFUNCS[name]) if name in UFUNCS else getattr(self, name), places)
                 for name, places in work.calls]  # fmt: skip
        for i, arrays in enumerate(zip(params, grads, *state)):
            known = [*arrays, *pace.rows[i], *work.constants, *room(i, work.registers)]
            for function, (*operands, target) in calls:
                function(*[known[place] for place in operands], out=known[target])

    def _copy(self, value, out) -> None:
        self.xp.copyto(out, value)

    def _choose(self, gate, positive, other, out) -> None:
        self.xp.copyto(out, self.xp.where(gate > 0, positive, other))

    def muon_step(self, params, grads, buffers, room, options: dict[str, Any]) -> None:
        """p = (1 - lr · weight_decay) · p - rate · O, O the buffer with its singular values brought near to 1.

        options: lr, weight_decay, momentum, nesterov, coefficients, eps, steps, and "rates", one for each parameter.
        """
        xp, momentum = self.xp, options["momentum"]
        for i, (param, grad, buffer) in enumerate(zip(params, grads, buffers)):
            (out,) = room(i, 1)
            xp.multiply(xp.subtract(grad, buffer, out=out), 1 - momentum, out=out)
            xp.add(buffer, out, out=buffer)
            step = buffer
            if options["nesterov"]:
                xp.multiply(xp.subtract(buffer, grad, out=out), momentum, out=out)
                step = xp.add(grad, out, out=out)
            step = self._orthogonal(step, options["coefficients"], options["steps"], options["eps"])
            xp.multiply(param, 1 - options["lr"] * options["weight_decay"], out=param)
            xp.subtract(param, xp.multiply(step, options["rates"][i], out=out), out=param)

    def _orthogonal(self, matrix, coefficients, steps: int, eps: float) -> Any:
        """Newton and Schulz's iteration: x = a x + (b x xᵀ + c (x xᵀ)²) x, from x with norm 1."""
        xp, (a, b, c) = self.xp, coefficients
        tall = matrix.shape[0] > matrix.shape[1]
        x = matrix.T if tall else matrix
        x = x / xp.maximum(xp.sqrt((x * x).sum()), eps)
        for _ in range(steps):
            gram = self.matmul(x, xp.ascontiguousarray(x.T))
            x = a * x + self.matmul(b * gram + c * self.matmul(gram, gram), x)
        return x.T if tall else x


@dataclass(frozen=True)
class Work:
    """Formulas as calls one after the other.

    Args:
        calls: (function, places of its operands and of its result). Places count through "param", "grad", the state,
            the scalars, the constants and the registers.
        constants: numbers.
        registers: how many arrays there are to compute in.
    """

    calls: tuple[tuple[str, tuple[int, ...]], ...]
    constants: tuple[float, ...]
    registers: int


@lru_cache(maxsize=256)
def in_order(rule: Update) -> Work:
    """The calls that an update takes: what occurs twice is computed once, a register is free after its last use.

    A new value goes straight into its array where nobody still needs the old one.

    >>> step = leaf("param") - leaf("grad") * leaf("rate")
    >>> in_order(Update((("param", step),), ("rate",)))
    Work(calls=(('mul', (1, 2, 3)), ('sub', (0, 3, 0))), constants=(), registers=1)
    """
    ordering = _Ordering({name: plain(formula) for name, formula in rule.outputs})
    named = ["param", "grad", *rule.state, *rule.scalars]
    constants = [*dict.fromkeys(o for _, operands, _ in ordering.calls for o in operands if type(o) is float)]
    places = {name: i for i, name in enumerate([*named, *constants, *ordering.registers])}
    calls = tuple((name, tuple(places[o] for o in (*operands, target))) for name, operands, target in ordering.calls)
    return Work(calls, tuple(constants), len(ordering.registers))


class _Ordering:
    """Formulas as `calls` (operation, operands, target), by names of arrays, scalars and `registers`."""

    def __init__(self, outputs: dict[str, Expr]) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], str]] = []
        self.registers: list[str] = []
        self.uses = Counter(outputs.values())
        self.places: dict[Expr, str] = {}
        self.free: list[str] = []
        seen: set[Expr] = set()
        for formula in outputs.values():
            self._count(formula, seen)
        late = []
        for name, formula in outputs.items():
            place = self._place(formula, name)
            if place != name:
                late.append(("_copy", (place,), name))
        self.calls += late

    def _count(self, node: Expr, seen: set[Expr]) -> None:
        if node in seen or node.op in ("leaf", "number"):
            return
        seen.add(node)
        for arg in node.args:
            self.uses[arg] += 1
            self._count(arg, seen)

    def _place(self, node: Expr, wanted: str = "") -> Any:
        """Where a value lies, computed now if it was not before; if it can be, in the array that is wanted."""
        if node.op in ("leaf", "number"):
            return node.args[0]
        if node not in self.places:
            operands = tuple([self._place(arg) for arg in node.args])
            for arg in node.args:
                self._used(arg)
            target = wanted if wanted and not self.uses[leaf(wanted)] else self._register()
            self.calls.append(("_choose" if node.op == "where_positive" else node.op, operands, target))
            self.places[node] = target
        return self.places[node]

    def _used(self, node: Expr) -> None:
        self.uses[node] -= 1
        if not self.uses[node] and self.places.get(node) in self.registers:
            self.free.append(self.places[node])

    def _register(self) -> str:
        if not self.free:
            self.registers.append(f"register {len(self.registers)}")
            return self.registers[-1]
        return self.free.pop()


def plain(formula: Expr) -> Expr:
    """The formula in nothing but what array modules have."""
    if formula.op in ("leaf", "number"):
        return formula
    args = [plain(arg) for arg in formula.args]
    if formula.op == "fma":
        a, b, c = args
        return a * b + c
    if formula.op == "ratio_to_root":
        x, square, least = args
        return x / (apply("sqrt", square) + least)
    return Expr(formula.op, tuple(args))
