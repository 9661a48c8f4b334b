"""A schedule that watches how training goes."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from engine.describe import Choice, Range, schedule
from engine.errors import OptionError
from engine.optim.lr_scheduler.scheduler import LRScheduler, for_each_group
from engine.optim.optimizer import Optimizer


@schedule("Reduce on plateau", synonyms=("plateau", "adaptive", "when it stops improving"))
class ReduceLROnPlateau(LRScheduler):
    """Lowers the learning rate when the watched figure has stopped improving.

    lr = max(lr · factor, min_lr) after more than `patience` epochs without a better figure

    Args:
        optimizer: Whose learning rate is set.
        mode: Whether a smaller ("min", a loss) or a larger ("max", an accuracy) figure is better.
        factor: What the learning rate is multiplied by; under 1.
        patience: Epochs without improvement that are waited for.
        threshold: How much better counts as better.
        threshold_mode: Whether the threshold is a share of the best figure ("rel") or a difference ("abs").
        cooldown: Epochs after a reduction in which none counts as bad.
        min_lr: The least learning rate.
        eps: A reduction by less than this is left out.

    Raises:
        OptionError: a factor of 1 or more.

    Example:
        >>> import engine
        >>> optimizer = engine.optim.SGD([engine.nn.Parameter(engine.ones(1))], lr=1.0)
        >>> schedule = engine.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
        >>> for loss in (1.0, 1.0):
        ...     schedule.step(loss)
        >>> schedule.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Annotated[Literal["min", "max"], Choice(("min", "max"))] = "min",
        factor: Annotated[float, Range(0.0, 0.999)] = 0.1,
        patience: Annotated[int, Range(0, 100_000)] = 10,
        threshold: Annotated[float, Range(0.0, 1.0)] = 1e-4,
        threshold_mode: Annotated[Literal["rel", "abs"], Choice(("rel", "abs"))] = "rel",
        cooldown: Annotated[int, Range(0, 100_000)] = 0,
        min_lr: Annotated[float | list[float], Range(0.0, 10.0)] = 0,
        eps: Annotated[float, Range(0.0, 1.0)] = 1e-8,
    ):
        if factor >= 1.0:
            raise OptionError("ReduceLROnPlateau", got=f"factor={factor}", expected="a number under 1")
        if mode not in ("min", "max"):
            raise OptionError("ReduceLROnPlateau", got=f"mode={mode!r}", expected="'min' or 'max'")
        if threshold_mode not in ("rel", "abs"):
            raise OptionError("ReduceLROnPlateau", got=f"threshold_mode={threshold_mode!r}", expected="'rel' or 'abs'")
        self.min_lrs = for_each_group("ReduceLROnPlateau", "min_lr", optimizer, min_lr)
        self.default_min_lr = None if isinstance(min_lr, list | tuple) else min_lr
        self.optimizer = optimizer
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0
        self.last_epoch = 0
        self._last_lr = self._rates()

    def step(self, metrics: Any, epoch: int | None = None) -> None:
        """Go to the next epoch, or to that of this number, knowing the figure that is watched."""
        current = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = self._rates()

    @property
    def in_cooldown(self) -> bool:
        """Whether a reduction was so recent that no epoch counts as bad."""
        return self.cooldown_counter > 0

    def _reduce(self) -> None:
        rates = self._rates()
        lower = [max(rate * self.factor, least) for rate, least in zip(rates, self.min_lrs, strict=True)]
        self._set(new if old - new > self.eps else old for old, new in zip(rates, lower))

    def _is_better(self, current: float) -> bool:
        sign = 1.0 if self.mode == "max" else -1.0
        if self.threshold_mode == "abs":
            return current > self.best + self.threshold if sign > 0 else current < self.best - self.threshold
        return (
            current > self.best * (1.0 + self.threshold) if sign > 0 else current < self.best * (1.0 - self.threshold)
        )
