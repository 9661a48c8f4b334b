"""Arguments of functions at random: shapes and options drawn by hypothesis, which makes them small again, values by a
seed; and the comparison of one such call with PyTorch's.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, prod
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import note
from hypothesis import strategies as st

import engine
from engine.errors import EngineError
from tests.parity.comparing import agree, backward, is_tensor, parts

SIZES = (0, 1, 2, 3, 5)
FLOATS = ("float32", "float64")
WHOLE = ("int64", "int32", "uint8")
ANY = (*FLOATS, *WHOLE, "bool")
REFUSALS = (RuntimeError, IndexError, TypeError, ValueError)
NO_KERNEL = ("not implemented for", "expected scalar type", "not supported", "only supports", "does not support",
             "Unsupported input type", "Autograd not support", "operation's result requires dtype", "boolean tensor",
             "Bad in-place call")  # fmt: skip


@dataclass
class Given:
    """A tensor to be made with either library: a leaf, and how the argument is taken from it."""

    leaf: np.ndarray
    view: str
    tracked: bool

    def made(self, t: Any) -> Any:
        x = t.tensor(self.leaf)
        return x.requires_grad_() if self.tracked else x

    def seen(self, x: Any) -> Any:
        """The argument: the leaf, or one that does not lie in one piece."""
        if self.view == "turned":
            return x.permute(tuple(range(len(self.leaf.shape)))[::-1])
        return x[..., ::2] if self.view == "every other" else x


@dataclass
class Dtype:
    """A dtype by its name."""

    name: str


class Draw:
    """What one example is made of."""

    def __init__(self, data: st.DataObject, kinds: tuple[str, ...] = ANY) -> None:
        self._data = data
        self.dtype = self.pick(*kinds)
        self.numbers = np.random.default_rng(self.int(0, 999))

    def pick(self, *options: Any) -> Any:
        return options[self.int(0, len(options) - 1)]

    def int(self, low: int, high: int) -> int:
        return self._data.draw(st.integers(low, high))

    def maybe(self) -> bool:
        return self.pick(False, True)

    def shape(self, least: int = 0, most: int = 4, sizes: tuple[int, ...] = SIZES) -> tuple[int, ...]:
        return tuple(self.pick(*sizes) for _ in range(self.int(least, most)))

    def size(self) -> int:
        return self.pick(*SIZES)

    def partner(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape that goes with another one by stretching."""
        shape = shape[self.int(0, len(shape)) :]
        return tuple(1 if self.int(0, 3) == 0 else n for n in shape)

    def dim(self, axes: int) -> int:
        """An axis from either end, and now and then none that there is."""
        axes = max(axes, 1)
        return self.int(-axes - 1, axes) if self.int(0, 9) == 9 else self.int(-axes, axes - 1)

    def axes(self, axes: int) -> Any:
        """No axis, one, or several."""
        if axes == 0 or self.maybe():
            return self.pick(None, self.dim(axes), ())
        found = [a - axes * self.int(0, 1) for a in range(axes) if self.maybe()]
        return found if self.maybe() else tuple(found)

    def tensor(self, shape: Any = None, low: float = -3, high: float = 3, dtype: str | None = None,
               apart: bool = False, tracked: bool = True, plain: bool = False) -> Given:  # fmt: skip
        """A tensor of even numbers between two limits; `apart`, no two of which are equal."""
        shape = self.shape() if shape is None else tuple(shape)
        dtype = dtype or self.dtype
        low = max(low, 0) if dtype == "uint8" else low
        if apart:
            values = self.numbers.permutation(prod(shape)).reshape(shape)
            values = values if dtype == "uint8" else values - prod(shape) // 2
        elif dtype == "bool":
            values = self.numbers.integers(0, 2, shape) if high > 0 else np.zeros(shape)
        elif dtype.startswith("float"):
            values = self.numbers.uniform(low, high, shape)
        else:
            values = self.numbers.integers(ceil(low), max(floor(high), ceil(low)), shape, endpoint=True)
        return self.given(np.asarray(values).astype(dtype), tracked, plain)

    def given(self, values: np.ndarray, tracked: bool = True, plain: bool = False) -> Given:
        """These values, in one piece (`plain`) or not, with a gradient mostly."""
        tracked = tracked and values.dtype.kind == "f" and self.int(0, 4) < 4
        view = self.pick("", "", "turned", "every other") if values.ndim and not plain else ""
        if view == "turned":
            return Given(np.ascontiguousarray(values.transpose()), view, tracked)
        if view == "every other":
            wide = np.ones((*values.shape[:-1], 2 * values.shape[-1]), values.dtype)
            wide[..., ::2] = values
            return Given(wide, view, tracked)
        return Given(values, view, tracked)

    def index(self, count: int, shape: Any) -> Given:
        """Places of an axis of `count`."""
        shape = tuple(shape)
        return self.given(self.numbers.integers(0, count, shape) if count else np.zeros((*shape[:-1], 0), "int64"))

    def mask(self, shape: Any) -> Given:
        return self.tensor(shape, dtype="bool")

    def kind(self, *kinds: str) -> Dtype:
        return Dtype(self.pick(*kinds))


def shape_of(x: Given) -> list[int]:
    """The shape of an argument."""
    shape = list(x.leaf.shape)
    if x.view == "turned":
        return shape[::-1]
    return [*shape[:-1], shape[-1] // 2] if x.view == "every other" else shape


def call(*args: Any, **named: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of one example."""
    return args, named


def _filled(value: Any, fill: Callable[[Any], Any]) -> Any:
    """Arguments in which each tensor and each dtype has been put in."""
    if isinstance(value, Given | Dtype):
        return fill(value)
    if isinstance(value, tuple | list):
        return type(value)(_filled(part, fill) for part in value)
    return {name: _filled(part, fill) for name, part in value.items()} if isinstance(value, dict) else value


def _run(t: Any, how: Callable[..., Any], in_place: bool, args: Any, named: Any) -> tuple[list[Any], list[Any]]:
    """(the parts of the result, the leaves) with one of the two libraries."""
    leaves: list[Any] = []
    first: list[Any] = []

    def fill(value: Any) -> Any:
        if isinstance(value, Dtype):
            return getattr(t, value.name)
        leaves.append(value.made(t))
        leaf = leaves[-1].clone() if in_place and not first else leaves[-1]
        first.append(leaf)
        return value.seen(leaf)

    found = how(t, *_filled(args, fill), **_filled(named, fill))
    return parts(found) + ([first[0]] if in_place else []), leaves


def compare(how: Callable[..., Any], given: Any, tolerance: dict[str, float], in_place: bool = False,
            gradients: bool = True) -> None:  # fmt: skip
    """how(engine, ...) beside how(torch, ...): values, dtypes, shapes, gradients; what is refused there is here, too.

    Where PyTorch refuses because it has no kernel for a dtype, the engine may compute, or refuse, in a sentence.
    """
    args, named = given
    if "float32" in repr(given):
        tolerance = {**tolerance, "float64": tolerance["float32"]}
    note(f"{'in place, ' if in_place else ''}{args}, {named}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs, their_leaves = _run(torch, how, in_place, args, named)
        except REFUSALS as refusal:
            if any(words in str(refusal) for words in NO_KERNEL):
                try:
                    _run(engine, how, in_place, args, named)
                except EngineError:
                    return
                return
            with pytest.raises(EngineError):
                _run(engine, how, in_place, args, named)
            return
        ours, our_leaves = _run(engine, how, in_place, args, named)
        assert len(ours) == len(theirs)
        for i, (a, b) in enumerate(zip(ours, theirs)):
            if isinstance(b, torch.dtype):
                a, b = str(a), str(b).removeprefix("torch.")
            if not is_tensor(b):
                assert a == b or (a != a and b != b), f"result {i}: {a} for {b}"
                continue
            agree(a.detach(), b.detach(), f"result {i}", tolerance.get(str(a.dtype), 1e-5))
        if not gradients:
            return
        try:
            theirs = backward(torch, theirs, their_leaves)
        except RuntimeError:  # PyTorch has no gradient there, or lost a value that it needs
            return
        for i, (a, b) in enumerate(zip(backward(engine, ours, our_leaves), theirs)):
            if a is None or b is None:  # no gradient is as good as one of zeros
                one = a if b is None else b
                assert one is None or not one.numel() or float(one.abs().sum()) == 0, f"gradient of tensor {i}: {one}"
            else:
                agree(a, b, f"gradient of tensor {i}", 5 * tolerance[str(a.dtype)], least=1)
