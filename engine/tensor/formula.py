"""Kernels as ops, each with its gradient beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.ops.base import Op
from engine.tensor.tape import apply


class Formula(Op):
    """A kernel as an op.

    Args:
        name: as errors say it.
        forward: (k, *arrays) -> the result.
        backward: (k, grad, needs, *saved) -> the gradient for each input.
        count: of inputs.
        kept: which of them are saved.
    """

    def __init__(self, name: str, forward: Any, backward: Any, count: int, kept: Iterable[int]) -> None:
        kept = tuple(kept)
        self._name, self.forward, self.backward = name, forward, backward
        self._inputs = tuple(f"input {i}" for i in range(count))
        self.saves = tuple(self._inputs[i] for i in kept)
        self._kept, self._guarded = tuple(i + 1 for i in kept), kept

    @property
    def name(self) -> str:
        return self._name

    def shape(self, *specs: Any) -> None:
        """Nothing: what does not fit was said when the op was run whose gradient this is."""


def linear(name: str, forward: Any, adjoint: Any, x: Any, *constants: Any) -> Any:
    """A kernel that is linear in x: forward(k, x, *constants), and adjoint(k, grad, *constants), its transpose."""

    def backward(k: Any, grad: Any, needs: tuple[bool, ...], *saved: Any) -> tuple[Any, ...]:
        return adjoint(k, grad, *saved), *[None] * len(saved)

    count = 1 + len(constants)
    return apply(Formula(name, forward, backward, count, range(1, count)), x, *constants)


def bilinear(name: str, forward: Any, by_a: Any, by_b: Any, a: Any, b: Any) -> Any:
    """A kernel that is linear in a and in b; each of the functions is called with (k, [grad,] a, b)."""

    def backward(k: Any, grad: Any, needs: tuple[bool, ...], a: Any, b: Any) -> tuple[Any, Any]:
        return by_a(k, grad, a, b) if needs[0] else None, by_b(k, grad, a, b) if needs[1] else None

    return apply(Formula(name, forward, backward, 2, (0, 1)), a, b)
