"""Distributions of classes and of yes and no."""

from __future__ import annotations

from functools import cached_property
from math import prod
from typing import Any

from engine.distributions.distribution import Distribution, shown, together
from engine.errors import OptionError
from engine.nn.functional import binary_cross_entropy_with_logits
from engine.tensor import Tensor, no_grad
from engine.tensor.creation import full_like
from engine.tensor.functions.drawing import multinomial
from engine.tensor.functions.inquiry import finfo
from engine.tensor.random import bernoulli


class _Chosen(Distribution):
    """What has either probabilities or their logits, and computes the other when it is asked for."""

    probs: Any
    logits: Any

    def _take(self, probs: Any, logits: Any) -> None:
        if (probs is None) == (logits is None):
            raise OptionError(type(self).__name__, got="both came" if probs is not None else "neither came",
                              expected="either probs or logits")  # fmt: skip

    def __repr__(self) -> str:
        given = {name: vars(self)[name] for name in ("probs", "logits") if name in vars(self)}
        return f"{type(self).__name__}({', '.join(f'{name}: {shown(value)}' for name, value in given.items())})"

    def _away_from_ends(self, probs: Tensor) -> Tensor:
        eps = float(finfo(probs.dtype).eps)
        return probs.clamp(eps, 1 - eps)


class Categorical(_Chosen):
    """One of several classes, each with its probability, which is on the last axis.

    Args:
        probs: (..., classes), 0 or more; they need not sum to 1.
        logits: their logarithms, instead, up to what is the same for all.
        validate_args: whether parameters and values are looked at; they are where it is absent.

    Raises:
        OptionError: both or neither came, a probability below 0, or a value that is no class.

    >>> import engine
    >>> policy = Categorical(logits=engine.tensor([0.0, 0.0]))
    >>> action = policy.sample()
    >>> policy.log_prob(action)
    tensor(-0.6931)
    """

    def __init__(self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None):
        self._take(probs, logits)
        given: Any = logits if probs is None else probs
        if given.ndim < 1:
            raise OptionError("Categorical", got="a single number comes", expected="one axis or more, classes last")
        super().__init__(given.shape[:-1], (), validate_args)
        self._num_events = given.shape[-1]
        if probs is None:
            self.logits = given - given.logsumexp(-1, keepdim=True)
            self._require(given == given, "a logit that is not a number", "real numbers")
        else:
            self._require(given >= 0, "a probability below 0", "0 or more")
            self.probs = given / given.sum(-1, keepdim=True)

    @cached_property
    def logits(self) -> Tensor:
        """The logarithms of the probabilities."""
        return self._away_from_ends(self.probs).log()

    @cached_property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self.logits.softmax(-1)

    @property
    def mean(self) -> Tensor:
        return full_like(self.probs[..., 0], float("nan"))

    @property
    def variance(self) -> Tensor:
        return full_like(self.probs[..., 0], float("nan"))

    @property
    def mode(self) -> Tensor:
        """The most probable class of each."""
        return self.probs.argmax(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            rows = self.probs.reshape(-1, self._num_events)
            return multinomial(rows, prod(sample_shape), True).t().reshape(self._extended(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._require((value >= 0) & (value < self._num_events), "a value that is no class",
                      f"0 to {self._num_events - 1}")  # fmt: skip
        places, logits = together(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, places[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        return -(self.logits.clamp(min=float(finfo(self.logits.dtype).min)) * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All classes: (classes, *batch_shape), or with ones in the place of the batch's lengths."""
        classes = self.probs.new_tensor(list(range(self._num_events))).long()
        classes = classes.view(-1, *(1,) * len(self._batch_shape))
        return classes.expand(-1, *self._batch_shape) if expand else classes


class Bernoulli(_Chosen):
    """1 with a probability, otherwise 0.

    Args:
        probs: from 0 to 1.
        logits: log(p / (1 - p)), instead.
        validate_args: whether parameters and values are looked at; they are where it is absent.

    Raises:
        OptionError: both or neither came, a probability outside, or a value that is neither 0 nor 1.

    >>> import engine
    >>> Bernoulli(engine.tensor([0.5, 0.75])).log_prob(engine.ones(2))
    tensor([-0.6931, -0.2877])
    """

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._take(probs, logits)
        (given,) = together(logits if probs is None else probs)
        super().__init__(given.shape, (), validate_args)
        if probs is None:
            self._require(given == given, "a logit that is not a number", "real numbers")
            self.logits = given
        else:
            self._require((given >= 0) & (given <= 1), "a probability below 0 or above 1", "0 to 1")
            self.probs = given

    @cached_property
    def logits(self) -> Tensor:
        """log(p / (1 - p))"""
        inside = self._away_from_ends(self.probs)
        return inside.log() - (-inside).log1p()

    @cached_property
    def probs(self) -> Tensor:
        """The probabilities of 1."""
        return self.logits.sigmoid()

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    @property
    def mode(self) -> Tensor:
        """The more probable of 0 and 1, not a number where both are as probable."""
        return (self.probs >= 0.5).to(self.probs.dtype).masked_fill(self.probs == 0.5, float("nan"))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return bernoulli(self.probs.expand(self._extended(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._require((value == 0) | (value == 1), "a value that is neither 0 nor 1", "one of them")
        logits, value = together(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value.to(logits.dtype), reduction="none")

    def entropy(self) -> Tensor:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
