"""What all distributions share: shapes, drawing without a gradient, what is refused."""

from __future__ import annotations

from typing import Any

from engine.errors import MissingMethod, OptionError
from engine.functions import is_tensor
from engine.tensor import Size, Tensor, no_grad
from engine.tensor.creation import as_tensor
from engine.tensor.functions.assembling import broadcast_tensors


class Distribution:
    """A distribution for each place of a batch.

    A subclass has `rsample` or `sample`, and `log_prob`.

    Args:
        batch_shape: the shape of the batch: one distribution for each place.
        event_shape: the shape of what is drawn from each.
        validate_args: whether parameters and values are looked at; they are where it is absent.

    >>> import engine
    >>> normal = engine.distributions.Normal(engine.zeros(3), 1.0)
    >>> tuple(normal.batch_shape), tuple(normal.sample((2,)).shape)
    ((3,), (2, 3))
    """

    has_rsample = False

    def __init__(self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None):
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        self._validate_args = validate_args is None or validate_args

    @property
    def batch_shape(self) -> Size:
        """The shape of the batch."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of what is drawn from each."""
        return self._event_shape

    @property
    def mean(self) -> Tensor:
        """The mean of each."""
        raise self._has_none("mean")

    @property
    def variance(self) -> Tensor:
        """The variance of each."""
        raise self._has_none("variance")

    @property
    def stddev(self) -> Tensor:
        """The standard deviation of each."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Values that are drawn, through which no gradient goes: (*sample_shape, *batch_shape, *event_shape)"""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Values that are drawn so that the parameters have a gradient by them (Kingma and Welling, 2014)."""
        raise self._has_none("rsample")

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of its density, of values."""
        raise self._has_none("log_prob")

    def entropy(self) -> Tensor:
        """The entropy of each, in nats."""
        raise self._has_none("entropy")

    def perplexity(self) -> Tensor:
        """e to the power of the entropy."""
        return self.entropy().exp()

    def _extended(self, sample_shape: Any) -> tuple[int, ...]:
        return (*sample_shape, *self._batch_shape, *self._event_shape)

    def _require(self, fits: Tensor, got: str, expected: str) -> None:
        """An OptionError where parameters or values are looked at and some do not fit."""
        if self._validate_args and not bool(fits.all()):
            raise OptionError(type(self).__name__, got=got, expected=expected)

    def _has_none(self, name: str) -> MissingMethod:
        return MissingMethod(type(self).__name__, got=f"it has no {name}")


class Independent(Distribution):
    """A distribution of whole vectors: the last axes of a batch are one event, whose parts are independent.

    Args:
        base_distribution: what each part is drawn from.
        reinterpreted_batch_ndims: how many of the last axes are one event.
        validate_args: whether values are looked at.

    >>> import engine
    >>> from engine.distributions import Normal
    >>> Independent(Normal(engine.zeros(2, 3), 1.0), 1).log_prob(engine.zeros(2, 3))
    tensor([-2.7568, -2.7568])
    """

    def __init__(self, base_distribution: Distribution, reinterpreted_batch_ndims: int,
                 validate_args: bool | None = None):  # fmt: skip
        whole = (*base_distribution.batch_shape, *base_distribution.event_shape)
        axes = len(base_distribution.event_shape) + reinterpreted_batch_ndims
        if reinterpreted_batch_ndims > len(base_distribution.batch_shape):
            raise OptionError("Independent", got=f"reinterpreted_batch_ndims={reinterpreted_batch_ndims}",
                              expected=f"no more than the {len(base_distribution.batch_shape)} axes of the batch",
                              )  # fmt: skip
        super().__init__(whole[: len(whole) - axes], whole[len(whole) - axes :], validate_args)
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, reinterpreted_batch_ndims
        self.has_rsample = base_distribution.has_rsample

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        """The most probable value of each."""
        return self.base_dist.mode  # type: ignore[attr-defined]

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.summed(self.base_dist.log_prob(value))

    def entropy(self) -> Tensor:
        return self.summed(self.base_dist.entropy())

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"

    def summed(self, parts: Tensor) -> Tensor:
        """The sum over the axes that are one event."""
        n = self.reinterpreted_batch_ndims
        return parts.sum(tuple(range(-n, 0))) if n else parts


def together(*values: Any) -> list[Tensor]:
    """Numbers and tensors as tensors of one shape."""
    model = next((value for value in values if is_tensor(value)), None)
    place = {} if model is None else {"dtype": model.dtype, "device": model.device}
    return list(
        broadcast_tensors(*(value if is_tensor(value) else as_tensor(float(value), **place) for value in values))
    )


def shown(x: Tensor) -> str:
    """One number as it is, of several their shape."""
    return str(x.item()) if x.numel() == 1 else f"Size({list(x.shape)})"
