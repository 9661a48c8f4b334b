"""Schedules that fall along a cosine, once or again and again."""

from __future__ import annotations

import math
from typing import Annotated

from engine.describe import Range, Start, schedule
from engine.errors import OptionError
from engine.optim.lr_scheduler.scheduler import Epochs, LastEpoch, LRScheduler, Rate, along_a_cosine
from engine.optim.optimizer import Optimizer


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
        if self._is_initial:
            return self._rates()
        if self._step_count == 1 and self.last_epoch > 0:
            return self._get_closed_form_lr()
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            lift = (1 - math.cos(math.pi / self.T_max)) / 2
            return [
                rate + (base - self.eta_min) * lift for base, rate in zip(self.base_lrs, self._rates(), strict=True)
            ]
        now = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        before = 1 + math.cos(math.pi * (self.last_epoch - 1) / self.T_max)
        return [now / before * (rate - self.eta_min) + self.eta_min for rate in self._rates()]

    def _get_closed_form_lr(self) -> list[float]:
        return [along_a_cosine(base, self.eta_min, self.last_epoch / self.T_max) for base in self.base_lrs]


@schedule("Cosine with restarts", synonyms=("warm restarts", "sgdr", "cosine annealing"))
class CosineAnnealingWarmRestarts(LRScheduler):
    """Lowers the learning rate along half a cosine, then begins again at the top, after longer and longer times.

    lr = eta_min + (lr₀ - eta_min) · (1 + cos(π · T_cur / T_i)) / 2, with T_cur epochs since the last restart

    Loshchilov and Hutter, 2017.

    Args:
        optimizer: Whose learning rate is set.
        T_0: Epochs until the first restart.
        T_mult: What the time until the next restart is multiplied by at each.
        eta_min: The least learning rate.
        last_epoch: The number of the epoch to go on from; -1 begins anew.

    Raises:
        OptionError: a time that is no whole number from 1.

    Example:
        >>> import engine
        >>> optimizer = engine.optim.SGD([engine.nn.Parameter(engine.ones(1))], lr=1.0)
        >>> schedule = engine.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
        >>> for epoch in range(2):
        ...     optimizer.step()
        ...     schedule.step()
        >>> [round(rate, 3) for rate in schedule.get_last_lr()]
        [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: Annotated[Epochs, Start(10)],
        T_mult: Annotated[int, Range(1, 100)] = 1,
        eta_min: Rate = 0.0,
        last_epoch: LastEpoch = -1,
    ):
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(value, int) or value < 1:
                raise OptionError(
                    "CosineAnnealingWarmRestarts", got=f"{name}={value}", expected="a whole number from 1"
                )
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [along_a_cosine(base, self.eta_min, self.T_cur / self.T_i) for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go to the next epoch, or to that of this number, which may be a fraction: 2.5 in the middle of the third.

        Raises:
            OptionError: a negative epoch.
        """
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        elif epoch < 0:
            raise OptionError("CosineAnnealingWarmRestarts", got=f"epoch {epoch}", expected="0 or more")
        else:
            self._place(epoch)
        self.last_epoch = math.floor(epoch)
        self._set(self.get_lr())

    def _place(self, epoch: float) -> None:
        """Find the time since the last restart, and that until the next."""
        self.T_i, self.T_cur = self.T_0, epoch
        if epoch >= self.T_0 and self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        elif epoch >= self.T_0:
            restarts = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_i = self.T_0 * self.T_mult**restarts
            self.T_cur = epoch - self.T_0 * (self.T_mult**restarts - 1) / (self.T_mult - 1)
