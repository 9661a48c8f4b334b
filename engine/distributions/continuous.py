"""Distributions of real numbers."""

from __future__ import annotations

import math
from typing import Any

from engine.distributions.distribution import Distribution, shown, together
from engine.tensor import Tensor
from engine.tensor.random import rand, randn

LOG_ROOT_TWO_PI = math.log(math.sqrt(2 * math.pi))


class Normal(Distribution):
    """The normal distribution: exp(-(x - loc)² / (2 scale²)) / (scale √(2π))

    Args:
        loc: the mean.
        scale: the standard deviation, above 0.
        validate_args: whether parameters and values are looked at; they are where it is absent.

    Raises:
        OptionError: a scale that is not above 0, or a mean that is no number.

    >>> import engine
    >>> normal = Normal(0.0, engine.tensor([1.0, 2.0]))
    >>> normal.log_prob(engine.tensor(1.0))
    tensor([-1.4189, -1.7371])
    """

    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self.loc, self.scale = together(loc, scale)
        super().__init__(self.loc.shape, (), validate_args)
        self._require(self.loc == self.loc, "a loc that is not a number", "a real number")
        self._require(self.scale > 0, "a scale of 0 or below", "above 0")

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        """The most probable value of each."""
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return self.scale**2

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = randn(*self._extended(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + noise * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        self._require(value == value, "a value that is not a number", "a real number")
        return -((value - self.loc) ** 2) / (2 * self.scale**2) - self.scale.log() - LOG_ROOT_TWO_PI

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of no more than a value."""
        return 0.5 * (1 + ((value - self.loc) / (self.scale * math.sqrt(2))).erf())

    def icdf(self, value: Tensor) -> Tensor:
        """The value below which lies this share."""
        return self.loc + self.scale * (2 * value - 1).erfinv() * math.sqrt(2)

    def entropy(self) -> Tensor:
        return 0.5 + LOG_ROOT_TWO_PI + self.scale.log()

    def __repr__(self) -> str:
        return f"Normal(loc: {shown(self.loc)}, scale: {shown(self.scale)})"


class Uniform(Distribution):
    """Even between two bounds: 1 / (high - low)

    Args:
        low, high: the bounds; what is drawn is below the second, and no less than the first.
        validate_args: whether parameters and values are looked at; they are where it is absent.

    Raises:
        OptionError: the first bound is not the lower one, or a value lies outside.

    >>> import engine
    >>> Uniform(0.0, engine.tensor([1.0, 4.0])).log_prob(engine.tensor(0.5))
    tensor([ 0.0000, -1.3863])
    """

    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None):
        self.low, self.high = together(low, high)
        super().__init__(self.low.shape, (), validate_args)
        self._require(self.low < self.high, "low is not below high", "the lower bound first")

    @property
    def mean(self) -> Tensor:
        return (self.high + self.low) / 2

    @property
    def stddev(self) -> Tensor:
        return (self.high - self.low) / math.sqrt(12)

    @property
    def variance(self) -> Tensor:
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        share = rand(*self._extended(sample_shape), dtype=self.low.dtype, device=self.low.device)
        return self.low + share * (self.high - self.low)

    def log_prob(self, value: Tensor) -> Tensor:
        self._require((value >= self.low) & (value <= self.high), "a value outside", "one between the bounds")
        inside = (self.low <= value) & (self.high > value)
        return inside.to(self.low.dtype).log() - (self.high - self.low).log()

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of no more than a value."""
        return ((value - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        """The value below which lies this share."""
        return value * (self.high - self.low) + self.low

    def entropy(self) -> Tensor:
        return (self.high - self.low).log()

    def __repr__(self) -> str:
        return f"Uniform(low: {shown(self.low)}, high: {shown(self.high)})"
