"""What an optimizer does with one element, as formulas: the one writing that every way of computing it shares."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from engine.kernels.formula import Expr, apply, leaf


@dataclass(frozen=True)
class Update:
    """The new values of a parameter's element and of what is remembered of it.

    Args:
        outputs: names of the arrays that change, "param" among them, and their formulas over "grad", the arrays as
            they were, and the scalars.
        scalars: names of numbers that may be others at each step. No operation is on these alone: that is done before.
        rests: whether an element stays as it is where its gradient is 0.
    """

    outputs: tuple[tuple[str, Expr], ...]
    scalars: tuple[str, ...]
    rests: bool = False

    @cached_property
    def arrays(self) -> tuple[str, ...]:
        """Names of all arrays of the parameter's size but the gradient."""
        return tuple(name for name, _ in self.outputs)

    @cached_property
    def state(self) -> tuple[str, ...]:
        """Names of the arrays that are remembered from step to step."""
        return tuple(name for name in self.arrays if name != "param")

    @cached_property
    def _hash(self) -> int:
        return hash((self.outputs, self.scalars, self.rests))

    def __hash__(self) -> int:  # of large trees, asked for at every step
        return self._hash


@dataclass(frozen=True)
class Pace:
    """What a step goes by: the formulas, and for each parameter its scalars in the order that the formulas name."""

    rule: Update
    rows: list[tuple[float, ...]]

    @property
    def is_even(self) -> bool:
        """Whether all parameters have the same scalars."""
        return self.rows.count(self.rows[0]) == len(self.rows)


def slope(weight_decay: float, maximize: bool) -> Expr:
    """±gradient + weight_decay · p

    >>> slope(0.0, False)
    Expr(op='leaf', args=('grad',))
    """
    grad = -leaf("grad") if maximize else leaf("grad")
    return grad + leaf("param") * weight_decay if weight_decay else grad


def average(name: str, value: Expr, share: float | Expr) -> Expr:
    """The array `name` gone this share of the way to the value."""
    return apply("fma", value - leaf(name), share, leaf(name))


def average_of_squares(name: str, value: Expr, kept: float) -> Expr:
    """kept · the array + (1 - kept) · value²"""
    return apply("fma", value * (1 - kept), value, leaf(name) * kept)


def over_root(x: Expr, square: Expr, least: Expr, eps: float) -> Expr:
    """x / (√square + least), where `least` is a share of `eps`: estimated from below where that cannot divide by 0."""
    if 1e-12 <= eps <= 1.0:
        return apply("ratio_to_root", x, square, least)
    return x / (apply("sqrt", square) + least)
