"""Schedules made of schedules."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Annotated, Any

from engine.describe import Members, Range, Start, schedule
from engine.errors import OptionError
from engine.optim.lr_scheduler.plateau import ReduceLROnPlateau
from engine.optim.lr_scheduler.scheduler import LastEpoch, LRScheduler
from engine.optim.optimizer import Optimizer
from engine.wording import counted

_NOT_JOINED = ("ReduceLROnPlateau", "OneCycleLR", "SequentialLR", "ChainedScheduler")
"""What a form does not offer inside: what watches a figure, what ends and warms up by itself, and joints of joints."""
_NOT_CHAINED = (*_NOT_JOINED, "CosineAnnealingWarmRestarts", "CyclicLR", "SWALR")
"""Those, and what sets the rate whatever it was, so that what was chained before it would be lost."""


class _Joined(LRScheduler):
    """Several schedules of one optimizer, saved together."""

    def _join(self, optimizer: Optimizer | None, schedulers: Sequence[LRScheduler]) -> None:
        name = type(self).__name__
        if not schedulers:
            raise OptionError(name, got="no schedule", expected="one or more")
        self.optimizer = optimizer or schedulers[0].optimizer
        for number, each in enumerate(schedulers):
            if not hasattr(each, "optimizer"):
                raise TypeError(f"{name}: number {number} is {type(each).__name__}, which is no schedule")
            if isinstance(each, ReduceLROnPlateau):
                raise OptionError(name, got=f"number {number}, ReduceLROnPlateau, is given a figure at each step",
                                  expected="schedules that go by the epoch", mend="step it beside")  # fmt: skip
            if each.optimizer is not self.optimizer:
                raise OptionError(name, got=f"number {number} is of another optimizer", expected="all of one")
        self._schedulers = schedulers

    def state_dict(self) -> dict[str, Any]:
        """Where each schedule stands, without the optimizer."""
        return super().state_dict() | {"_schedulers": [each.state_dict() for each in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave, with schedules of the same kinds."""
        for each, saved in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            each.load_state_dict(saved)
        super().load_state_dict({**state_dict, "_schedulers": self._schedulers})


@schedule("Several at once", synonyms=("chained", "combined", "multiplied"))
class ChainedScheduler(_Joined):
    """Lets several schedules change the learning rate at each epoch, each what the one before makes of it.

    lr = sₙ(… s₂(s₁(lr))), s what a schedule makes of the rate at an epoch

    Args:
        schedulers: What is chained; of one optimizer.
        optimizer: Whose learning rate is set; the schedules' own, if not said.

    Raises:
        OptionError: no schedule, schedules of several optimizers, or one that watches a figure.

    Example:
        >>> from engine import nn, ones, optim
        >>> optimizer = optim.SGD([nn.Parameter(ones(1))], lr=1.0)
        >>> warm_up = optim.lr_scheduler.ConstantLR(optimizer, factor=0.1, total_iters=2)
        >>> decay = optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
        >>> schedule = optim.lr_scheduler.ChainedScheduler([warm_up, decay])
        >>> schedule.step()
        >>> [round(rate, 3) for rate in schedule.get_last_lr()]
        [0.09]
    """

    def __init__(
        self,
        schedulers: Annotated[Sequence[LRScheduler], Members(_NOT_CHAINED)],
        optimizer: Optimizer | None = None,
    ):
        self._join(optimizer, schedulers)
        self._last_lr = self._rates()

    def step(self) -> None:
        """Go to the next epoch."""
        for each in self._schedulers:
            each.step()
        self._last_lr = self._rates()


@schedule("One after the other", synonyms=("sequential", "warm up", "warmup", "milestones"))
class SequentialLR(_Joined):
    """Lets one schedule follow the other at given epochs: a warm-up, and what comes after it.

    lr(epoch) = lrₖ(epoch - milestoneₖ), k the last schedule whose milestone was reached

    Args:
        optimizer: Whose learning rate is set.
        schedulers: What follows each other.
        milestones: The numbers of the epochs at which the next one begins, one fewer than there are schedules.
        last_epoch: The number of the epoch to go on from; -1 begins anew.

    Raises:
        OptionError: another number of milestones, schedules of several optimizers, or one that watches a figure.

    Example:
        >>> from engine import nn, ones, optim
        >>> optimizer = optim.SGD([nn.Parameter(ones(1))], lr=1.0)
        >>> warm_up = optim.lr_scheduler.ConstantLR(optimizer, factor=0.1, total_iters=2)
        >>> decay = optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
        >>> schedule = optim.lr_scheduler.SequentialLR(optimizer, [warm_up, decay], milestones=[2])
        >>> for epoch in range(3):
        ...     schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Annotated[list[LRScheduler], Members(_NOT_JOINED)],
        milestones: Annotated[list[int], Range(1, 1_000_000), Start((5,))],
        last_epoch: LastEpoch = -1,
    ):
        self._join(optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise OptionError(
                "SequentialLR",
                got=f"{counted(len(milestones), 'milestone')} for {counted(len(schedulers), 'schedule')}",
                expected=f"{len(schedulers) - 1}",
            )
        self._milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        self._set([group["initial_lr"] for group in optimizer.param_groups])
        self._undo(self)  # each has made its first step when it was made; only one of them is to have
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def _undo(self, scheduler: LRScheduler) -> None:
        for each in getattr(scheduler, "_schedulers", ()):
            self._undo(each)
        if not hasattr(scheduler, "_schedulers"):
            scheduler.last_epoch -= 1

    def step(self) -> None:
        """Go to the next epoch."""
        self.last_epoch += 1
        number = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[number]
        if number > 0 and self._milestones[number - 1] == self.last_epoch:
            scheduler._go_to(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()
