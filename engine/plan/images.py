"""What rules of images share: how values lie there, and formulas as kernels on images read and store them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.kernels import cpu
from engine.kernels.cpu.expression import Expr, leaf
from engine.plan.lazy import SUM, Gather, Lazy, renamed
from engine.plan.lower import FLOAT, Lowering
from engine.plan.places import Place
from engine.plan.trace import Value

LAST = (0, 2, 3, 1)
"""(N, C, H, W) as it lies in memory: N, H, W, C."""
TAPS = (2, 3, 1, 0)
"""(O, C / groups, KH, KW) as it lies in memory: KH, KW, C / groups, O."""


def by_pixel(place: Place) -> Place:
    """(N, C, H, W) with channels last -> (N H W, C)"""
    return place.transposed(LAST).reshaped((place.size // place.shape[1], place.shape[1]))


@dataclass
class Operands:
    """The places of a formula on images, sorted by how they lie, under names that begin with a prefix.

    Args:
        prefix: of the names, so that those of two formulas of one kernel differ.
        shape: (N, C, H, W).
    """

    prefix: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        self.whole: list[str] = []
        self.channel: list[str] = []
        self.image: list[str] = []
        self.places: dict[str, Place] = {}
        self.names: dict[str, str] = {}

    def take(self, places: Mapping[str, Place]) -> bool:
        """Sort in these places; False where one lies in none of the ways."""
        for name, place in places.items():
            if name in self.names:
                continue
            known = f"{self.prefix}{len(self.names)}"
            _, c, _, _ = self.shape
            if place.dtype != FLOAT:
                return False
            seen = place.broadcast(self.shape)
            if seen.is_dense(LAST):
                kind = self.whole
            elif _steps(seen, 0, 1, 0, 0):
                kind = self.channel
            elif _steps(seen, c, 1, 0, 0):
                kind = self.image
            else:
                return False
            kind.append(known)
            self.names[name], self.places[known] = known, seen
        return True

    def formula(self, expr: Expr) -> Expr:
        return renamed(expr, self.names)


def _steps(place: Place, *strides: int) -> bool:
    """Whether these are the distances along each axis; they mean nothing where its length is 1."""
    return all(n == 1 or step == wanted for n, step, wanted in zip(place.shape, place.strides, strides))


def as_source(lazy: Lazy, prefix: str) -> tuple[cpu.operands.Source, dict[str, Place]] | None:
    """A formula as a kernel on images reads it; None where an operand lies in none of the ways that it knows."""
    if lazy.heavy or len({p.window for p in lazy.pooled.values()}) > 1:
        return None
    operands = Operands(prefix, lazy.shape)
    if not operands.take(lazy.places) or not (operands.whole or lazy.pooled):
        return None
    pairs, window = [], (2, 2)
    for i, (name, pooled) in enumerate(lazy.pooled.items()):
        pair = f"{prefix}pooled {i}", f"{prefix}chosen {i}"
        operands.names[name], window = pair[0], pooled.window
        operands.places |= dict(zip(pair, (pooled.numbers, pooled.chosen)))
        pairs.append(pair)
    formula = operands.formula(lazy.expr)
    sorted_names = tuple(operands.whole), tuple(operands.channel), tuple(operands.image)
    return cpu.operands.Source(*sorted_names, tuple(pairs), window, formula), operands.places


def source(
    low: Lowering, value: Value, prefix: str, owned: bool = False
) -> tuple[cpu.operands.Source, dict[str, Place]]:
    """A value as a kernel on images reads it: a formula where that serves, else stored with channels last.

    Args:
        low: what is being lowered.
        value: (N, C, H, W).
        prefix: of the names of its arrays.
        owned: whether only the present kernel needs the value, which then need not be stored.
    """
    found = low.env.get(value)
    if isinstance(found, Lazy) and not found.heavy and (owned or found.is_cheap):
        ready = as_source(found, prefix)
        if ready is not None:
            return ready
    return cpu.operands.array(f"{prefix}0"), {f"{prefix}0": low.packed(value, LAST)}


def epilogue(lazy: Lazy, gather: Gather | None, prefix: str) -> tuple[cpu.operands.Epilogue, dict[str, Place]] | None:
    """What a kernel on images does with its result; None where an operand does not lie in a way that it knows."""
    operands = Operands(prefix, lazy.shape)
    if lazy.pooled or not operands.take(lazy.places) or (gather and not operands.take(gather.places)):
        return None
    sums: tuple[Any, ...] = tuple(operands.formula(expr) for expr in gather.sums) if gather else ()
    ending = cpu.operands.Epilogue(tuple(operands.whole), tuple(operands.channel), tuple(operands.image),
                      operands.formula(lazy.expr), sums, bool(gather and gather.moments))  # fmt: skip
    return ending, operands.places


def unpooled(low: Lowering, lazy: Lazy) -> Place:
    """A formula with pooled operands, stored."""
    ready = as_source(lazy, "x")
    if ready is None:  # one after the other: first what is pooled by itself
        places = dict(lazy.places)
        for name, one in lazy.pooled.items():
            places[name] = unpooled(low, Lazy(lazy.shape, leaf(name), {}, None, {name: one}))
        return low.stored(Lazy(lazy.shape, lazy.expr, places, lazy.heavy))
    reads, places = ready
    (n, c, h, w), out = lazy.shape, low.new(lazy.shape, LAST)
    low.emit(cpu.imagewise.over(n, h, w, c, reads), **places, out=out)
    return out


PLAIN = leaf(SUM)
