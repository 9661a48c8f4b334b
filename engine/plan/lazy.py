"""Values that are not in memory yet: a formula over places, and perhaps over the result of a kernel still to be run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.kernels.cpu.expression import Expr, apply, leaf, substitute
from engine.kernels.update import Update
from engine.plan.places import Buffer, Place

SUM = "sum"
"""The leaf that stands for the result of the kernel still to be run."""
COSTLY = frozenset(
    {"exp", "log", "log1p", "tanh", "sigmoid", "softplus", "erf", "gelu", "gelu_slope", "expm1_negative"}
)


@dataclass(eq=False)
class Gather:
    """What a kernel is to sum up, by channel, of what it stores.

    Args:
        moments: mean and sum of squared deviations; else `sums`.
        sums: formulas over "value", what is stored, and the names of places.
        places: by name.

    After the kernel `out` (parts, 2 or sums, channels) is where they are, of so many `parts` of equal size.
    """

    moments: bool = False
    sums: tuple[Expr, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    out: Place | None = None
    parts: int = 0


@dataclass(eq=False)
class Heavy:
    """A kernel still to be run, whose store can take a formula along.

    Args:
        emit: (lazy, gather) -> its place; None where these do not fit into the store. Without a formula and with no
            gather it is always emitted.
        reads: the buffers that it reads.
        shape: of its result.
        gathers: whether it can gather.
        update: (rule, places of its arrays) lets an optimizer's step follow at once and stores nothing else; None where
            that cannot be.
    """

    emit: Callable[[Lazy, Gather | None], Place | None]
    reads: tuple[Buffer, ...]
    shape: tuple[int, ...]
    gathers: bool = False
    update: Callable[[Update, Mapping[str, Place]], None] | None = None


@dataclass(frozen=True)
class Pooled:
    """Numbers that go back to where the largest of their windows were; zeros elsewhere.

    Args:
        numbers: (N, C, OH, OW), channels last.
        chosen: like these, uint8: the place in the window, counted by rows.
        window: (height, width); windows lie side by side.
        store: (lowering, lazy) -> the place of a formula with such numbers in it.
    """

    numbers: Place
    chosen: Place
    window: tuple[int, int]
    store: Callable[[Any, Lazy], Place]


@dataclass(eq=False)
class Lazy:
    """A formula over elements: what it is of, and of which shape it is.

    Args:
        shape: of the result; the places stretch to it.
        expr: over the names of the places and of the pooled, and over "sum" where there is a heavy kernel in it.
        places: by name.
        heavy: the kernel behind "sum".
        pooled: by name.
    """

    shape: tuple[int, ...]
    expr: Expr
    places: Mapping[str, Place] = field(default_factory=dict)
    heavy: Heavy | None = None
    pooled: Mapping[str, Pooled] = field(default_factory=dict)

    @property
    def reads(self) -> set[Buffer]:
        pooled = {buffer for p in self.pooled.values() for buffer in (p.numbers.buffer, p.chosen.buffer)}
        return {p.buffer for p in self.places.values()} | pooled | set(self.heavy.reads if self.heavy else ())

    @property
    def is_cheap(self) -> bool:
        """Whether computing it again costs no more than reading it."""
        size = 1
        for n in self.shape:
            size *= n
        whole = sum(place.size == size > 1 for place in self.places.values()) + len(self.pooled)
        return self.heavy is None and whole <= 1 and not _operations(self.expr) & COSTLY

    def viewed(self, shape: tuple[int, ...], view: Callable[[Place], Place]) -> Lazy:
        """The same seen in another way: `view` is applied to the stretched places."""
        return self.over(shape, {name: view(place.broadcast(self.shape)) for name, place in self.places.items()})

    def over(self, shape: tuple[int, ...], places: Mapping[str, Place]) -> Lazy:
        """The same formula over other places, given by the old names; each has a name of its own."""
        names = {name: name_of(place) for name, place in places.items()}
        return Lazy(shape, renamed(self.expr, names), {names[name]: place for name, place in places.items()})


@dataclass(eq=False)
class Scattered:
    """Zeros, but for some parts.

    Args:
        shape: of it all.
        parts: (view, formula): what the view sees of the whole is the formula. No two overlap.
    """

    shape: tuple[int, ...]
    parts: tuple[tuple[Callable[[Place], Place], Lazy], ...]

    @property
    def reads(self) -> set[Buffer]:
        return {buffer for _, lazy in self.parts for buffer in lazy.reads}


def name_of(place: Place) -> str:
    """A name that no other place has."""
    return f"{place.buffer.number}.{place.offset}.{place.shape}.{place.strides}"


def of_place(place: Place, shape: tuple[int, ...] | None = None) -> Lazy:
    """The formula that is just what lies there."""
    name = name_of(place)
    return Lazy(place.shape if shape is None else shape, leaf(name), {name: place})


def combined(op: str | Callable[..., Expr], shape: tuple[int, ...], *args: Any) -> Lazy:
    """An operation on Lazys and numbers; at most one of them has a heavy kernel in it."""
    lazies = [a for a in args if isinstance(a, Lazy)]
    exprs = [a.expr if isinstance(a, Lazy) else a for a in args]
    expr = apply(op, *exprs) if isinstance(op, str) else op(*exprs)
    places = {name: place for lazy in lazies for name, place in lazy.places.items()}
    heavy = next((lazy.heavy for lazy in lazies if lazy.heavy), None)
    pooled = {name: one for lazy in lazies for name, one in lazy.pooled.items()}
    return Lazy(shape, expr, places, heavy, pooled)


def _operations(expr: Expr) -> set[str]:
    if expr.op in ("leaf", "number"):
        return set()
    return {expr.op}.union(*(_operations(arg) for arg in expr.args))


def renamed(expr: Expr, names: Mapping[str, str]) -> Expr:
    """The same formula over other names."""
    return substitute(expr, {name: leaf(new) for name, new in names.items()})
