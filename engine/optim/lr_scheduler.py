"""Schedules: how the learning rate changes from epoch to epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

from engine.describe import Choice, Hidden, Range, Start, schedule
from engine.errors import OptionError
from engine.optim.optimizer import Optimizer
from engine.tensor.tape import mode

LastEpoch = Annotated[int, Hidden()]
Rate = Annotated[float, Range(0.0, 10.0)]


class LRScheduler:
    """Sets the learning rate of every group after each epoch; a subclass says to what, in `get_lr`.

    Args:
        optimizer: whose learning rate is set.
        last_epoch: the number of the epoch to go on from; -1 begins anew.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: LastEpoch = -1):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param_groups[{number}] has no 'initial_lr' to go on from; load the optimizer's state first"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._step_count = 0
        self.step()

    def get_lr(self) -> list[float]:
        """The learning rates of the epoch `last_epoch`, one for each group."""
        raise NotImplementedError

    def get_last_lr(self) -> list[float]:
        """The learning rates set last, one for each group."""
        return self._last_lr

    def step(self) -> None:
        """Go to the next epoch; called after the optimizer's steps of this one."""
        if mode.recorder is not None:
            mode.recorder.fail("a schedule takes a step inside it")
        self._step_count += 1
        self.last_epoch += 1
        rates = self.get_lr()
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = self._rates()

    def _rates(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands, without the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.__dict__.update(state_dict)


@schedule("Step", synonyms=("step decay", "staircase"))
class StepLR(LRScheduler):
    """Lowers the learning rate by a factor every few epochs.

    lr = lr₀ · gamma^⌊epoch / step_size⌋

    Args:
        optimizer: Whose learning rate is set.
        step_size: Epochs between two steps.
        gamma: What the learning rate is multiplied by at a step.
        last_epoch: The number of the epoch to go on from; -1 begins anew.

    Example:
        >>> import engine
        >>> optimizer = engine.optim.SGD([engine.nn.Parameter(engine.ones(1))], lr=1.0)
        >>> schedule = engine.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
        >>> for epoch in range(2):
        ...     optimizer.step()
        ...     schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        step_size: Annotated[int, Range(1, 100_000), Start(10)],
        gamma: Annotated[float, Range(0.0, 1.0)] = 0.1,
        last_epoch: LastEpoch = -1,
    ):
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return self._rates()
        return [rate * self.gamma for rate in self._rates()]


@schedule("Exponential", synonyms=("exponential decay",))
class ExponentialLR(LRScheduler):
    """Lowers the learning rate by a factor after every epoch.

    lr = lr₀ · gammaᵉᵖᵒᶜʰ

    Args:
        optimizer: Whose learning rate is set.
        gamma: What the learning rate is multiplied by after each epoch.
        last_epoch: The number of the epoch to go on from; -1 begins anew.

    Example:
        >>> import engine
        >>> optimizer = engine.optim.SGD([engine.nn.Parameter(engine.ones(1))], lr=1.0)
        >>> schedule = engine.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        gamma: Annotated[float, Range(0.0, 1.0), Start(0.95)],
        last_epoch: LastEpoch = -1,
    ):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return self._rates() if self.last_epoch == 0 else [rate * self.gamma for rate in self._rates()]


@schedule("Cosine", synonyms=("cosine annealing", "sgdr"))
class CosineAnnealingLR(LRScheduler):
    """Lowers the learning rate along half a cosine: slowly, then fast, then slowly to its least value.

    lr = eta_min + (lr₀ - eta_min) · (1 + cos(π · epoch / T_max)) / 2

    Loshchilov and Hutter, 2017.

    Args:
        optimizer: Whose learning rate is set.
        T_max: Epochs until the least value; usually all of the training. After it the rate rises again.
        eta_min: The least learning rate.
        last_epoch: The number of the epoch to go on from; -1 begins anew.

    Example:
        >>> import engine
        >>> optimizer = engine.optim.SGD([engine.nn.Parameter(engine.ones(1))], lr=1.0)
        >>> schedule = engine.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
        >>> optimizer.step()
        >>> schedule.step()
        >>> [round(rate, 3) for rate in schedule.get_last_lr()]
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: Annotated[int, Range(1, 1_000_000), Start(20)],
        eta_min: Rate = 0.0,
        last_epoch: LastEpoch = -1,
    ):
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0:
            return self._rates()
        if self._step_count == 1:
            return [self._closed(base) for base in self.base_lrs]
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            lift = (1 - math.cos(math.pi / self.T_max)) / 2
            return [
                rate + (base - self.eta_min) * lift for base, rate in zip(self.base_lrs, self._rates(), strict=True)
            ]
        now = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        before = 1 + math.cos(math.pi * (self.last_epoch - 1) / self.T_max)
        return [now / before * (rate - self.eta_min) + self.eta_min for rate in self._rates()]

    def _closed(self, base: float) -> float:
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(self.last_epoch * math.pi / self.T_max)) / 2


class LambdaLR(LRScheduler):
    """Multiplies the first learning rate by what a function of the epoch returns; for scripts.

    lr = lr₀ · lr_lambda(epoch)

    Args:
        optimizer: Whose learning rate is set.
        lr_lambda: From the epoch's number to a factor; or a list of such, one for each group.
        last_epoch: The number of the epoch to go on from; -1 begins anew.

    Example:
        >>> import engine
        >>> optimizer = engine.optim.SGD([engine.nn.Parameter(engine.ones(1))], lr=1.0)
        >>> schedule = engine.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: LastEpoch = -1,
    ):
        groups = len(optimizer.param_groups)
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, list | tuple) else [lr_lambda] * groups
        if len(self.lr_lambdas) != groups:
            raise ValueError(f"LambdaLR got {len(self.lr_lambdas)} functions for {groups} parameter groups")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [base * factor(self.last_epoch) for base, factor in zip(self.base_lrs, self.lr_lambdas, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands, without the optimizer and the functions."""
        return {key: value for key, value in super().state_dict().items() if key != "lr_lambdas"}


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
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        if factor >= 1.0:
            raise OptionError("ReduceLROnPlateau", got=f"factor={factor}", expected="a number under 1")
        if mode not in ("min", "max"):
            raise OptionError("ReduceLROnPlateau", got=f"mode={mode!r}", expected="'min' or 'max'")
        if threshold_mode not in ("rel", "abs"):
            raise OptionError("ReduceLROnPlateau", got=f"threshold_mode={threshold_mode!r}", expected="'rel' or 'abs'")
        groups = len(optimizer.param_groups)
        self.min_lrs = list(min_lr) if isinstance(min_lr, list | tuple) else [min_lr] * groups
        if len(self.min_lrs) != groups:
            raise OptionError("ReduceLROnPlateau", got=f"{len(self.min_lrs)} values of min_lr",
                              expected=f"one for each of the {groups} groups")  # fmt: skip
        self.optimizer = optimizer
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = 0
        self.num_bad_epochs = 0
        self.last_epoch = 0
        self._last_lr = self._rates()

    def step(self, metrics: Any) -> None:
        """Go to the next epoch, knowing the figure that is watched."""
        current = float(metrics)
        self.last_epoch += 1
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
        for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            rate = max(group["lr"] * self.factor, least)
            if group["lr"] - rate > self.eps:
                group["lr"] = rate

    def _is_better(self, current: float) -> bool:
        sign = 1.0 if self.mode == "max" else -1.0
        if self.threshold_mode == "abs":
            return current > self.best + self.threshold if sign > 0 else current < self.best - self.threshold
        return (
            current > self.best * (1.0 + self.threshold) if sign > 0 else current < self.best * (1.0 - self.threshold)
        )
