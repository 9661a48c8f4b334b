"""From the calls of a trace to kernels bound to places: what stays a formula, what is stored, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from engine.kernels.cpu.elementwise import SMALL_LOOP, Chain
from engine.kernels.cpu.elementwise import emit as emit_chain
from engine.kernels.cpu.expression import Expr, leaf, number
from engine.kernels.cpu.program import Kernel, Plan
from engine.plan.lazy import SUM, Heavy, Lazy, Scattered, combined, of_place, renamed
from engine.plan.places import Buffer, Place, dense, of_array
from engine.plan.trace import OUTSIDE, Call, Live, Trace, Value, leaves, mapped

FLOAT, BYTE = np.dtype(np.float32), np.dtype(np.uint8)
Order = tuple[int, ...] | None
Rule = Callable[["Lowering", Call], bool]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """This function lowers calls of these kernels; it says False where it cannot lower this one."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


@dataclass
class Native:
    """A compiled kernel with the places of its arguments; numbers stand for themselves."""

    kernel: Kernel
    arguments: tuple[Any, ...]

    def touches(self) -> Iterable[Place]:
        return (a for a in self.arguments if isinstance(a, Place))


@dataclass
class Host:
    """A kernel of the eager set, called from Python; what it returns is copied to `results`."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    results: Any

    def touches(self) -> Iterable[Place]:
        everything = (self.arguments, tuple(self.named.values()), self.results)
        return (a for a in leaves(everything) if isinstance(a, Place))


class Lowering:
    """Goes through a trace and gathers `items`, to be run in this order.

    A value is in `env` as a Place once it is in memory, and as a Lazy or Scattered before.

    Args:
        trace: what one step did.
        kernels: the eager kernel set, for what has no rule.
        kept: the Values that are wanted in the end.
        left: those among them that are left as gradients: each in memory that is nobody else's.
    """

    def __init__(self, trace: Trace, kernels: Any, kept: list[Value], left: Collection[int] = ()) -> None:
        self.trace, self.kernels, self.kept, self.left = trace, kernels, kept, left
        self.items: list[Native | Host] = []
        self.before: list[Host] = []  # counting with whole numbers, which may come first
        self.env: dict[Value, Place | Lazy | Scattered] = {}
        self.makers: dict[Value, Call] = {}
        self.notes: dict[Any, Any] = {}  # what the rule of a way there tells that of the way back
        self.draws: list[tuple[Any, Buffer]] = []  # generators, and where a number of theirs goes before each replay
        self.lives: list[tuple[Live, Callable[[Any], Any], Buffer]] = []
        read = [gradient.value for gradient in trace.read]
        self.inputs = [Buffer(v.size, v.dtype, "input") for v in (*trace.inputs, *read)]
        for value, buffer in zip((*trace.inputs, *read), self.inputs):
            self.env[value] = Place(buffer, value.shape, value.strides) if value.strides else dense(buffer, value.shape)
        self.uses: Counter[Value] = Counter()
        self.readers: dict[Value, list[Call]] = {}
        self.done: set[int] = set()  # ids of calls that an earlier one has taken along

    def run(self) -> list[Place]:
        """Lower every call; the places of the kept Values."""
        calls = wanted(self.trace.calls, self.kept)
        self.uses.update(v for call in calls for v in call.reads())
        self.uses.update(self.kept)
        for call in calls:
            for value in call.reads():
                self.readers.setdefault(value, []).append(call)
            self.makers.update(dict.fromkeys(call.makes(), call))
        for call in calls:
            if id(call) in self.done:
                continue
            self.settle(call.writes())
            if not (call.kernel in RULES and RULES[call.kernel](self, call)):
                self._on_host(call)
            self.finish(call)
        return [self._own(self.place(value), number in self.left) for number, value in enumerate(self.kept)]

    def _own(self, place: Place, is_left: bool) -> Place:
        """A place that outlives the call: a part of an argument is copied, and a gradient that lies with another."""
        if place.buffer.kind == "input" or (is_left and place.buffer.kind != "scratch"):
            copy = self.new(place.shape, None, place.dtype)
            self.items.append(Host(np.array, (place,), {}, copy))
            place = copy
        if is_left:
            place.buffer.kind = "output"
        return place

    def finish(self, call: Call) -> None:
        """A call has been lowered, by itself or along with another."""
        self.done.add(id(call))
        self.uses.subtract(call.reads())

    def is_only_for(self, value: Value, calls: list[Call]) -> bool:
        """Whether nobody but these calls still needs the value."""
        return self.uses[value] <= sum(c.reads().count(value) for c in calls)

    # values

    def place(self, value: Value) -> Place:
        """Where a value lies, stored now if it was not before."""
        found = self.env.get(value)
        if found is None:
            found = self.env[value] = of_array(value.array)
        if isinstance(found, Lazy | Scattered):
            found = self.env[value] = self.stored(found)
        return found

    def packed(self, value: Value, order: Order = None) -> Place:
        """The same with its elements one after the other in this order of the axes; copied where they are not."""
        found, order = self.env.get(value), order or tuple(range(value.ndim))
        if isinstance(found, Scattered) or (isinstance(found, Lazy) and not found.heavy and not found.pooled):
            self.env[value] = self.stored(found, order)
        return self.dense_place(self.place(value), order)

    def dense_place(self, place: Place, order: Order = None) -> Place:
        order = order or tuple(range(place.ndim))
        return place if place.is_dense(order) else self.stored(of_place(place), order)

    def lazy(self, value: Value) -> Lazy:
        """A value as a formula: what it is made of, where nobody else needs it or that is cheap."""
        found = self.env.get(value)
        if isinstance(found, Lazy) and (found.is_cheap or self.is_last(value)):
            return found
        return of_place(self.place(value))

    def is_last(self, value: Value) -> bool:
        """Whether only the present call still needs the value."""
        return self.uses[value] <= 1

    def light(self, lazy: Lazy) -> Lazy:
        """The formula of nothing but places."""
        return of_place(self.stored(lazy)) if lazy.heavy or lazy.pooled else lazy

    def combine(self, op: str | Callable[..., Expr], shape: tuple[int, ...], *args: Any) -> Lazy:
        """An operation on Values, Lazys and numbers. At most one heavy kernel stays open: the last."""
        ready = [self.lazy(a) if isinstance(a, Value) else a for a in args]
        heavy = [a for a in ready if isinstance(a, Lazy) and a.heavy]
        for one in heavy:
            if one is not heavy[-1] or one.heavy.shape != shape:
                closed = self.light(one)
                ready = [closed if a is one else a for a in ready]
        ready = [self.light(a) if isinstance(a, Lazy) and a.pooled and a.shape != shape else a for a in ready]
        return combined(op, shape, *ready)

    def new(self, shape: tuple[int, ...], order: Order = None, dtype: Any = FLOAT) -> Place:
        """Memory for a value."""
        return dense(Buffer(prod(shape), np.dtype(dtype)), shape, order)

    # emission

    def emit(self, plan: Plan, **places: Any) -> None:
        """The steps of a plan with these places (or numbers), by the names of its arrays."""
        places |= {name: dense(Buffer(size, FLOAT), (size,)) for name, size in plan.scratch.items()}

        def chosen(argument: Any) -> Any:
            if isinstance(argument, tuple):
                place = places[argument[0]]
                return replace(place, offset=place.offset + argument[1])
            return places[argument] if isinstance(argument, str) else argument

        for step in plan.steps:
            self.items.append(Native(step.kernel, tuple(chosen(a) for a in step.arguments)))

    def stored(self, lazy: Lazy | Scattered, order: Order = None, into: Place | None = None) -> Place:
        """Compute a formula into memory: new memory laid out as its largest operand, if not said."""
        if isinstance(lazy, Scattered):
            return self._gathered(lazy, into or self.new(lazy.shape, order))
        if lazy.heavy:
            place = lazy.heavy.emit(lazy, None) if into is None and order is None else None
            if place is not None:
                return place
            whole = lazy.heavy.emit(Lazy(lazy.heavy.shape, leaf(SUM)), None)
            name, sum_place = next(iter(of_place(whole).places.items()))
            lazy = Lazy(lazy.shape, renamed(lazy.expr, {SUM: name}), {**lazy.places, name: sum_place})
        if lazy.pooled:
            lazy = of_place(next(iter(lazy.pooled.values())).store(self, lazy))
        order = order or order_of(lazy)
        out = into or self.new(lazy.shape, order)
        self.chain(lazy.shape, order, lazy.places, [(out, lazy.expr)])
        return out

    def _gathered(self, scattered: Scattered, whole: Place) -> Place:
        """Zeros where no part lies, and the parts."""
        if sum(prod(lazy.shape) for _, lazy in scattered.parts) < whole.size:
            self.chain(whole.shape, whole.order, {}, [(whole, number(0.0))])
        for view, lazy in scattered.parts:
            place, light = view(whole), self.light(lazy)
            self.stored(Lazy(place.shape, light.expr, light.places), place.order, place)
        return whole

    def chain(self, shape: tuple[int, ...], order: tuple[int, ...], places: dict[str, Place],
              outputs: list[tuple[Place, Expr]]) -> None:  # fmt: skip
        """One loop over the elements, the last axis of `order` the innermost."""
        used = list(dict.fromkeys(name for _, expr in outputs for name in expr.leaves()))
        names = {name: f"x{i}" for i, name in enumerate(used)}
        reads = [places[name].broadcast(shape).transposed(order) for name in used]
        spec = Chain(
            tuple(shape[a] for a in order),
            tuple((names[name], read.strides) for name, read in zip(used, reads)),
            tuple((f"y{i}", renamed(expr, names)) for i, (_, expr) in enumerate(outputs)),
            tuple(out.transposed(order).strides for out, _ in outputs),
            tuple(names[name] for name in used if places[name].dtype == BYTE),
        )
        kernel = Kernel(emit_chain, (spec,), alone=spec.size < SMALL_LOOP)
        self.items.append(Native(kernel, (*reads, *(out for out, _ in outputs))))

    def live(self, live: Live, make: Callable[[Any], Any], count: int, dtype: Any = FLOAT) -> Place:
        """A place whose `count` elements are `make(options)`, filled before each replay."""
        buffer = Buffer(count, np.dtype(dtype), "fixed")
        self.lives.append((live, make, buffer))
        return dense(buffer, (count,))

    def drawn(self, generator: Any) -> Place:
        """(seed, 0), the seed another number of the generator at each replay."""
        buffer = Buffer(2, np.dtype(np.int64), "fixed")
        self.draws.append((generator, buffer))
        return dense(buffer, (2,))

    def _on_host(self, call: Call) -> None:
        """Call the kernel of the eager set; options that are live stay live."""
        ready = lambda a: self.place(a) if isinstance(a, Value) else a  # noqa: E731

        def result(value: Any) -> Any:
            if not isinstance(value, Value) or value.kind != "result":  # what was there before is written already
                return None
            self.env[value] = self.new(value.shape, None, value.dtype)
            return self.env[value]

        arguments = mapped(call.arguments, ready)
        named = {key: mapped(argument, ready) for key, argument in call.named.items()}
        results = None if call.results is None else mapped(call.results, result)
        item = Host(getattr(self.kernels, call.kernel), arguments, named, results)
        (self.before if self._only_counts(item) else self.items).append(item)

    def _only_counts(self, item: Host) -> bool:
        """Whether a call only counts with whole numbers that lie outside, or that such calls have made."""
        made = {
            place.buffer for earlier in self.before for place in leaves(earlier.results) if isinstance(place, Place)
        }
        own = {place.buffer for place in leaves(item.results) if isinstance(place, Place)}
        seen = [place.buffer for place in item.touches()]
        return bool(seen) and all(b.dtype.kind == "i" and (b.kind == "state" or b in made | own) for b in seen)

    def settle(self, written: list[Value]) -> None:
        """Store every formula that reads what is about to be overwritten."""
        arrays = [value.array for value in written if value.kind == "state"]
        buffers = {self.place(value).buffer for value in written if value.kind == "gradient"}
        if not arrays and not buffers:
            return
        for value, found in list(self.env.items()):
            if not isinstance(found, Lazy | Scattered) or self.uses[value] <= 0:
                continue
            if found.reads & buffers or _reads_any(found, arrays):
                self.place(value)


def reads_memory_of(lazy: Lazy, target: Place) -> bool:
    """Whether a formula reads what lies in the memory of a place, as another place sees it too."""
    buffer = target.buffer
    return buffer in lazy.reads or (buffer.kind == "state" and _reads_any(lazy, [buffer.array]))


def wanted(calls: list[Call], kept: list[Value]) -> list[Call]:
    """The calls that have a part in what is kept or written, and those that may refuse an index."""
    needed, result = set(kept), []
    for call in reversed(calls):
        if call.may_refuse or any(v.kind in OUTSIDE for v in call.writes()) or needed.intersection(call.makes()):
            needed.update(call.reads())
            result.append(call)
    return result[::-1]


def _reads_any(lazy: Lazy | Scattered, arrays: list[np.ndarray]) -> bool:
    state = [buffer.array for buffer in lazy.reads if buffer.kind == "state"]
    return any(np.may_share_memory(a, b) for a in state for b in arrays)


def order_of(lazy: Lazy) -> tuple[int, ...]:
    """The layout of the largest operand that has all axes; C order where there is none."""
    whole = [
        p
        for p in lazy.places.values()
        if p.shape == lazy.shape and all(s or n == 1 for s, n in zip(p.strides, p.shape))
    ]
    return max(whole, key=lambda p: p.size).order if whole else tuple(range(len(lazy.shape)))


__all__ = ["RULES", "Buffer", "Heavy", "Host", "Lowering", "Native", "rule", "wanted"]
