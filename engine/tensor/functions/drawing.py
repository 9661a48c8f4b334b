"""Random numbers by distribution; all take a `generator`, and without one `manual_seed` seeds them."""

from __future__ import annotations

from math import log1p, pi
from typing import Any

from engine.errors import OptionError, ShapeError
from engine.ops.base import broadcast, times
from engine.ops.elementwise import require_float
from engine.random import Generator, default_generator
from engine.tensor.functions.ordering import searchsorted, topk
from engine.tensor.operands import cast
from engine.tensor.promotion import int64
from engine.tensor.random import bernoulli as _bernoulli
from engine.tensor.random import rand, randint, randn
from engine.tensor.tape import Core, wrap
from engine.wording import counted


def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None,
           dtype: Any = None, device: Any = None) -> Any:  # fmt: skip
    """Normal random numbers; mean and std are numbers, with a size, or tensors, which say the shape.

    Raises:
        OptionError: a deviation below 0.

    >>> import engine
    >>> engine.normal(0.0, 1.0, (2, 3)).shape, engine.normal(engine.tensor([5.0]), engine.tensor([0.0]))
    ((2, 3), tensor([5.]))
    """
    given = [x for x in (mean, std) if isinstance(x, Core)]
    if not isinstance(std, Core) and std < 0:
        raise OptionError("normal", got=f"the deviation is {std}", expected="0 or more")
    if not given:
        shape = (size,) if isinstance(size, int) else tuple(size)
        return randn(*shape, generator=generator, dtype=dtype, device=device) * std + mean
    like = given[0].detach()
    shape = broadcast("normal", *(x.shape for x in given))
    draw = randn(*shape, generator=generator, dtype=like.dtype, device=like.device)
    mean, std = (x.detach() if isinstance(x, Core) else x for x in (mean, std))
    return draw * std + mean


def multinomial(input: Any, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Any:
    """Places drawn with the probabilities, or weights, that stand in each row.

    Args:
        num_samples: how many are drawn from each row.
        replacement: whether a place can be drawn again.

    Shape:
        (N) -> (num_samples), (M, N) -> (M, num_samples)

    Raises:
        OptionError: for weights below 0, none above 0, or fewer of these than draws without replacement.

    >>> import engine
    >>> engine.multinomial(engine.tensor([0.0, 1.0]), 3, replacement=True)
    tensor([1, 1, 1])
    """
    require_float("multinomial", input.dtype)
    if input.ndim not in (1, 2):
        raise ShapeError("multinomial", got=f"weights of {times(input.shape)}", expected="a row, or a matrix of rows")
    weights = input.detach()
    if num_samples < 1 or (not replacement and num_samples > weights.shape[-1]):
        raise OptionError("multinomial", got=f"{counted(num_samples, 'draw')} from {weights.shape[-1]}",
                          expected="at least 1, and without replacement no more than there are")  # fmt: skip
    if not weights.is_cuda and not bool(((weights >= 0) & weights.isfinite()).all() & (weights.sum(-1) > 0).all()):
        raise OptionError("multinomial", got="a weight is below 0 or no number, or all of a row are 0",
                          expected="finite weights of 0 or more, one above 0")  # fmt: skip
    stream = {"generator": generator, "dtype": weights.dtype, "device": weights.device}
    if replacement:
        so_far = weights.cumsum(-1)
        draw = rand(*weights.shape[:-1], num_samples, **stream) * so_far[..., -1:]
        return searchsorted(so_far, draw, right=True).clamp(max=weights.shape[-1] - 1)
    # the first of so many clocks to ring, each with its own rate (Efraimidis and Spirakis, 2006)
    return topk(weights / _exponential(weights.shape, **stream), num_samples, -1).indices


def _exponential(shape: Any, **stream: Any) -> Any:
    return -(1 - rand(*shape, **stream)).log()


def poisson(input: Any, generator: Generator | None = None) -> Any:
    """Poisson random numbers with the rates that stand in the input, drawn on the host.

    >>> import engine
    >>> engine.poisson(engine.zeros(2))
    tensor([0., 0.])
    """
    require_float("poisson", input.dtype)
    input._require_values("poisson")
    rates = input.device.to_numpy(input.array)
    if (rates < 0).any():
        raise OptionError("poisson", got="a rate is below 0", expected="0 or more")
    drawn = (generator or default_generator).numpy.poisson(rates)
    return wrap(input.device.asarray(drawn, input.dtype), input.device)


def _overwritten(x: Any, where: str, values: Any) -> Any:
    return x._overwrite(where, cast(values, x.dtype).array)


def exponential_(self: Any, lambd: float = 1, *, generator: Generator | None = None) -> Any:
    """Draw every element from the exponential distribution of this rate: -log(1 - u) / lambd.

    >>> import engine
    >>> bool((engine.empty(100).exponential_() >= 0).all())
    True
    """
    if not lambd > 0:
        raise OptionError("exponential_", got=f"lambd is {lambd}", expected="above 0")
    require_float("exponential_", self.dtype)
    stream = {"generator": generator, "dtype": self.dtype, "device": self.device}
    return _overwritten(self, "exponential_", _exponential(self.shape, **stream) / lambd)


def bernoulli(input: Any, p: float | None = None, *, generator: Generator | None = None) -> Any:
    """1 with the probability that stands in the input, or with probability p, otherwise 0.

    >>> import engine
    >>> engine.tensor([0.0, 1.0]).bernoulli()
    tensor([0., 1.])
    """
    return _bernoulli(input if p is None else input.new_full(input.shape, p), generator=generator)


def bernoulli_(self: Any, p: Any = 0.5, *, generator: Generator | None = None) -> Any:
    """Draw every element: 1 with probability p, otherwise 0.

    >>> import engine
    >>> engine.empty(2).bernoulli_(1.0)
    tensor([1., 1.])
    """
    p = p.detach() if isinstance(p, Core) else rand(0).new_full((), float(p)).to(self.device)
    return _overwritten(self, "bernoulli_", _bernoulli(p.expand(self.shape), generator=generator))


def geometric_(self: Any, p: float, *, generator: Generator | None = None) -> Any:
    """Draw every element: how many throws until the first success, which has probability p.

    >>> import engine
    >>> bool((engine.empty(100).geometric_(0.5) >= 1).all())
    True
    """
    if not 0 < p < 1:
        raise OptionError("geometric_", got=f"p is {p}", expected="between 0 and 1")
    throws = (_exponential(self.shape, generator=generator, device=self.device) / -log1p(-p)).ceil().clamp(min=1)
    return _overwritten(self, "geometric_", throws)


def log_normal_(self: Any, mean: float = 1, std: float = 2, *, generator: Generator | None = None) -> Any:
    """Draw every element: e to the power of a normal number with this mean and deviation std.

    >>> import engine
    >>> engine.empty(2).log_normal_(0, 0)
    tensor([1., 1.])
    """
    draw = randn(*self.shape, generator=generator, dtype=self.dtype, device=self.device)
    return _overwritten(self, "log_normal_", (draw * std + mean).exp())


def cauchy_(self: Any, median: float = 0, sigma: float = 1, *, generator: Generator | None = None) -> Any:
    """Draw every element from the Cauchy distribution: median + sigma tan(pi (u - 1/2)).

    >>> import engine
    >>> engine.empty(2).cauchy_(3, 0)
    tensor([3., 3.])
    """
    draw = rand(*self.shape, generator=generator, dtype=self.dtype, device=self.device)
    angle = (draw - 0.5) * pi
    return _overwritten(self, "cauchy_", angle.sin() / angle.cos() * sigma + median)


def random_(self: Any, from_: int = 0, to: int | None = None, *, generator: Generator | None = None) -> Any:
    """Draw every element: whole numbers from `from_` to `to` - 1, of all that the dtype has exactly without `to`.

    Called with one number, random_(to).

    >>> import engine
    >>> bool((engine.zeros(100).random_(5) < 5).all())
    True
    """
    if to is None:
        greatest = 2**24 + 1 if self.dtype.itemsize == 4 and self.dtype.kind == "f" else 2**53 + 1
        if self.dtype.kind in "iub":
            greatest = 2 if self.dtype.kind == "b" else int(2 ** (8 * self.dtype.itemsize - (self.dtype.kind == "i")))
        from_, to = 0, from_ if from_ else min(greatest, 2**63 - 1)
    draw = randint(from_, to, tuple(self.shape), generator=generator, device=self.device, dtype=int64)
    return _overwritten(self, "random_", draw)
