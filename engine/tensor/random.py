"""New tensors of random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.device import resolve
from engine.errors import TypeMismatch
from engine.ops.base import Spec
from engine.random import Generator, default_generator
from engine.tensor.creation import Where, made_of, shape_of
from engine.tensor.promotion import get_default_dtype, int64
from engine.tensor.spellings import whole
from engine.tensor.tape import wrap


def _real(kind: str, size: Any, generator: Generator | None, dtype: Any, device: Where, requires_grad: bool) -> Any:
    """A tensor of real random numbers of that kind."""
    shape, dtype = shape_of(size), np.dtype(dtype or get_default_dtype())
    draw = lambda k: getattr(k, kind)(generator or default_generator, shape, dtype)  # noqa: E731
    return _drawn(draw, shape, dtype, device, requires_grad)


def _drawn(draw: Any, shape: tuple[int, ...], dtype: Any, device: Where, requires_grad: bool = False) -> Any:
    """A tensor of what `draw` makes with the kernels of the device."""
    place = resolve(device)
    array = Spec(shape, dtype) if place.is_meta else draw(place.kernels)
    return made_of(array, place, requires_grad)


@whole("size")
def randn(
    *size: Any, generator: Generator | None = None, dtype: Any = None, device: Where = None, requires_grad: bool = False
) -> Any:
    """Normal random numbers of mean 0 and variance 1.

    Args:
        size: the lengths of the axes, one by one or as a tuple.
        generator: the stream that they come from; without one, that of `manual_seed`.

    >>> import engine
    >>> generator = engine.manual_seed(0)
    >>> first = engine.randn(2, 3)
    >>> generator = engine.manual_seed(0)
    >>> first.shape, first.equal(engine.randn(2, 3))
    ((2, 3), True)
    """
    return _real("normal", size, generator, dtype, device, requires_grad)


@whole("size")
def rand(
    *size: Any, generator: Generator | None = None, dtype: Any = None, device: Where = None, requires_grad: bool = False
) -> Any:
    """Random numbers evenly between 0 and 1, without the 1.

    Args:
        size: the lengths of the axes, one by one or as a tuple.
        generator: the stream that they come from; without one, that of `manual_seed`.

    >>> import engine
    >>> values = engine.rand(100)
    >>> bool(((values >= 0) & (values < 1)).all())
    True
    """
    return _real("uniform", size, generator, dtype, device, requires_grad)


def randn_like(input: Any, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """Standard normal random numbers of the same shape, dtype and device.

    Args:
        input: the tensor whose shape, dtype and device are taken.

    >>> import engine
    >>> engine.randn_like(engine.tensor([[1.0, 2.0]])).shape
    (1, 2)
    """
    return randn(input.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def rand_like(input: Any, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """Random numbers evenly between 0 and 1 of the same shape, dtype and device.

    Args:
        input: the tensor whose shape, dtype and device are taken.

    >>> import engine
    >>> engine.rand_like(engine.tensor([[1.0, 2.0]])).shape
    (1, 2)
    """
    return rand(input.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def randint(low: int, high: Any = None, size: Any = None, *, generator: Generator | None = None, dtype: Any = None,
            device: Where = None) -> Any:  # fmt: skip
    """Random whole numbers from low (or 0) to high - 1, each as likely.

    Args:
        low, high: the bounds; of a single number the upper one: randint(10, (3,)) or randint(5, 10, (3,)).
        size: the shape.
        generator: the stream that they come from; without one, that of `manual_seed`.

    >>> import engine
    >>> values = engine.randint(5, 10, (100,))
    >>> bool(((values >= 5) & (values < 10)).all())
    True
    """
    if size is None:
        low, high, size = 0, low, high
    shape = shape_of((size,) if isinstance(size, int) else tuple(size))
    if high <= low:
        raise TypeMismatch("randint", got=f"from {low} to {high}", expected="a high above the low")
    dtype = np.dtype(dtype or int64)
    draw = lambda k: k.integers(generator or default_generator, low, high, shape, dtype)  # noqa: E731
    return _drawn(draw, shape, dtype, device)


def randperm(n: int, *, generator: Generator | None = None, dtype: Any = None, device: Where = None) -> Any:
    """The numbers 0 to n - 1, shuffled.

    Args:
        n: how many numbers.
        generator: the stream that decides on their order; without one, that of `manual_seed`.

    >>> import engine
    >>> sorted(engine.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    dtype = np.dtype(dtype or int64)
    return _drawn(lambda k: k.permutation(generator or default_generator, n, dtype), (n,), dtype, device)


def bernoulli(input: Any, *, generator: Generator | None = None) -> Any:
    """1 with the probability that stands in the input, otherwise 0.

    Args:
        input: probabilities from 0 to 1.
        generator: the stream that is drawn from; without one, that of `manual_seed`.

    >>> import engine
    >>> engine.bernoulli(engine.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    k = input.device.kernels
    draw = k.uniform(generator or default_generator, input.array.shape, np.dtype("float32"))
    return wrap(k.astype(k.lt(draw, input.array), input.dtype), input.device)
