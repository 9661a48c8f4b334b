"""Schedules that go one way: steps, factors, lines and powers."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from engine.describe import Range, Start, schedule
from engine.errors import OptionError
from engine.optim.lr_scheduler.scheduler import (
    Epochs,
    LastEpoch,
    LRScheduler,
    for_each_group,
    restore_functions,
    saved_functions,
)
from engine.optim.optimizer import Optimizer

Factor = Annotated[float, Range(0.0, 1.0)]


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

    def _get_closed_form_lr(self) -> list[float]:
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


@schedule("Multi-step", synonyms=("milestones",))
class MultiStepLR(LRScheduler):
    """Lowers the learning rate by a factor at some epochs.

    lr = lr₀ · gamma^(milestones that have passed)

    Args:
        optimizer: Whose learning rate is set.
        milestones: The numbers of the epochs at which it falls.
        gamma: What the learning rate is multiplied by there.
        last_epoch: The number of the epoch to go on from; -1 begins anew.

    Example:
        >>> import engine
        >>> optimizer = engine.optim.SGD([engine.nn.Parameter(engine.ones(1))], lr=1.0)
        >>> schedule = engine.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[2, 3], gamma=0.5)
        >>> for epoch in range(3):
        ...     optimizer.step()
        ...     schedule.step()
        >>> [round(rate, 3) for rate in schedule.get_last_lr()]
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Annotated[Iterable[int] | tuple[int, ...], Range(1, 1_000_000), Start((10, 20))],
        gamma: Factor = 0.1,
        last_epoch: LastEpoch = -1,
    ):
        self.milestones = Counter([milestones] if isinstance(milestones, int) else milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        factor = self.gamma ** self.milestones[self.last_epoch]
        return [rate * factor for rate in self._rates()]

    def _get_closed_form_lr(self) -> list[float]:
        passed = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return [base * self.gamma**passed for base in self.base_lrs]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave, also where JSON has made text of the epochs' numbers."""
        super().load_state_dict(state_dict)
        self.milestones = Counter({int(epoch): times for epoch, times in state_dict["milestones"].items()})


@schedule("Low, then full", synonyms=("warm up", "warmup"))
class ConstantLR(LRScheduler):
    """Holds the learning rate at a share of itself for some epochs, then lets it be.

    lr = lr₀ · factor while epoch < total_iters, then lr₀

    Args:
        optimizer: Whose learning rate is set.
        factor: The share.
        total_iters: How many epochs it lasts.
        last_epoch: The number of the epoch to go on from; -1 begins anew.

    Raises:
        OptionError: a factor outside 0 to 1.

    Example:
        >>> import engine
        >>> optimizer = engine.optim.SGD([engine.nn.Parameter(engine.ones(1))], lr=1.0)
        >>> schedule = engine.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=4)
        >>> for epoch in range(3):
        ...     optimizer.step()
        ...     schedule.step()
        >>> [round(rate, 3) for rate in schedule.get_last_lr()]
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: Annotated[Factor, Start(0.3)] = 1.0 / 3,
        total_iters: Epochs = 5,
        last_epoch: LastEpoch = -1,
    ):
        if not 0 <= factor <= 1:
            raise OptionError("ConstantLR", got=f"factor={factor}", expected="0 to 1")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0:
            return [rate * self.factor for rate in self._rates()]
        if self.last_epoch != self.total_iters:
            return self._rates()
        return [rate * (1.0 / self.factor) for rate in self._rates()]

    def _get_closed_form_lr(self) -> list[float]:
        factor = self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)
        return [base * factor for base in self.base_lrs]


@schedule("Linear", synonyms=("warm up", "warmup", "ramp"))
class LinearLR(LRScheduler):
    """Changes the learning rate along a line for some epochs; from small to full it is a warm-up.

    lr = lr₀ · (start_factor + (end_factor - start_factor) · min(epoch, total_iters) / total_iters)

    Args:
        optimizer: Whose learning rate is set.
        start_factor: The share of the learning rate at the beginning.
        end_factor: The share at the end.
        total_iters: How many epochs it takes.
        last_epoch: The number of the epoch to go on from; -1 begins anew.

    Raises:
        OptionError: factors outside 0 to 1, or a start of 0.

    Example:
        >>> import engine
        >>> optimizer = engine.optim.SGD([engine.nn.Parameter(engine.ones(1))], lr=1.0)
        >>> schedule = engine.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=4)
        >>> for epoch in range(2):
        ...     optimizer.step()
        ...     schedule.step()
        >>> [round(rate, 3) for rate in schedule.get_last_lr()]
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: Annotated[float, Range(1e-6, 1.0), Start(0.1)] = 1.0 / 3,
        end_factor: Factor = 1.0,
        total_iters: Epochs = 5,
        last_epoch: LastEpoch = -1,
    ):
        if not 0 < start_factor <= 1:
            raise OptionError("LinearLR", got=f"start_factor={start_factor}", expected="over 0, 1 at the most")
        if not 0 <= end_factor <= 1:
            raise OptionError("LinearLR", got=f"end_factor={end_factor}", expected="0 to 1")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0:
            return [rate * self.start_factor for rate in self._rates()]
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._rates()
        rise = self.end_factor - self.start_factor
        factor = 1.0 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise)
        return [rate * factor for rate in self._rates()]

    def _get_closed_form_lr(self) -> list[float]:
        gone = min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * (self.start_factor + (self.end_factor - self.start_factor) * gone) for base in self.base_lrs]


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
        return self._rates() if self._is_initial else [rate * self.gamma for rate in self._rates()]

    def _get_closed_form_lr(self) -> list[float]:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


@schedule("Polynomial", synonyms=("polynomial decay", "poly"))
class PolynomialLR(LRScheduler):
    """Lowers the learning rate to 0 along a power of the epochs that are left.

    lr = lr₀ · (1 - min(epoch, total_iters) / total_iters)^power

    Args:
        optimizer: Whose learning rate is set.
        total_iters: Epochs until it is 0.
        power: 1 is a line; larger ones fall faster at first.
        last_epoch: The number of the epoch to go on from; -1 begins anew.

    Example:
        >>> import engine
        >>> optimizer = engine.optim.SGD([engine.nn.Parameter(engine.ones(1))], lr=1.0)
        >>> schedule = engine.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=4)
        >>> for epoch in range(2):
        ...     optimizer.step()
        ...     schedule.step()
        >>> [round(rate, 3) for rate in schedule.get_last_lr()]
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: Annotated[Epochs, Start(20)] = 5,
        power: Annotated[float, Range(0.0, 10.0)] = 1.0,
        last_epoch: LastEpoch = -1,
    ):
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._rates()
        left, before = (1.0 - epoch / self.total_iters for epoch in (self.last_epoch, self.last_epoch - 1))
        return [rate * (left / before) ** self.power for rate in self._rates()]

    def _get_closed_form_lr(self) -> list[float]:
        left = 1.0 - min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * left**self.power for base in self.base_lrs]


class _ByFunctions(LRScheduler):
    """A function of the epoch for each group."""

    lr_lambdas: list[Callable[[int], float]]

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands, without the optimizer; of functions that are objects, their attributes."""
        return super().state_dict() | {"lr_lambdas": saved_functions(self.lr_lambdas)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave, with the same functions."""
        restore_functions(self.lr_lambdas, state_dict["lr_lambdas"])
        super().load_state_dict({**state_dict, "lr_lambdas": self.lr_lambdas})


class LambdaLR(_ByFunctions):
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
        self.lr_lambdas = for_each_group("LambdaLR", "lr_lambda", optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [base * factor(self.last_epoch) for base, factor in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class MultiplicativeLR(_ByFunctions):
    """Multiplies the learning rate after each epoch by what a function of the epoch returns; for scripts.

    lr = lr · lr_lambda(epoch)

    Args:
        optimizer: Whose learning rate is set.
        lr_lambda: From the epoch's number to a factor; or a list of such, one for each group.
        last_epoch: The number of the epoch to go on from; -1 begins anew.

    Example:
        >>> import engine
        >>> optimizer = engine.optim.SGD([engine.nn.Parameter(engine.ones(1))], lr=1.0)
        >>> schedule = engine.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.5)
        >>> for epoch in range(2):
        ...     optimizer.step()
        ...     schedule.step()
        >>> [round(rate, 3) for rate in schedule.get_last_lr()]
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: LastEpoch = -1,
    ):
        self.lr_lambdas = for_each_group("MultiplicativeLR", "lr_lambda", optimizer, lr_lambda)
        for each in self.lr_lambdas:
            if not callable(each):
                raise TypeError(f"lr_lambda is a function of the epoch, not {type(each).__name__}")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self._is_initial:
            return self._rates()
        return [rate * factor(self.last_epoch) for rate, factor in zip(self._rates(), self.lr_lambdas, strict=True)]
