"""What all schedules share: the epoch they are at, and the rates that they set."""

from __future__ import annotations

import math
from collections.abc import Iterable
from types import FunctionType
from typing import Annotated, Any

from engine.describe import Hidden, Range
from engine.errors import OptionError, TypeMismatch
from engine.optim.optimizer import Optimizer
from engine.tensor import Tensor
from engine.tensor.tape import mode
from engine.wording import counted

LastEpoch = Annotated[int, Hidden()]
Rate = Annotated[float, Range(0.0, 10.0)]
Epochs = Annotated[int, Range(1, 1_000_000)]


class LRScheduler:
    """Sets the learning rate of every group after each epoch; a subclass says to what, in `get_lr`.

    Where it also has `_get_closed_form_lr`, the rates of any epoch are known without those before.

    Args:
        optimizer: whose learning rate is set.
        last_epoch: the number of the epoch to go on from; -1 begins anew.

    Example:
        >>> import engine
        >>> class Inverse(LRScheduler):
        ...     def get_lr(self):
        ...         return [rate / (1 + self.last_epoch) for rate in self.base_lrs]
        >>> optimizer = engine.optim.SGD([engine.nn.Parameter(engine.ones(1))], lr=1.0)
        >>> schedule = Inverse(optimizer)
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     schedule.step()
        >>> schedule.get_last_lr()
        [0.25]
    """

    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: LastEpoch = -1):
        self.optimizer = _checked(optimizer)
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", float(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param_groups[{number}] has no 'initial_lr' to go on from; load the optimizer's state first"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def get_lr(self) -> list[float]:
        """The learning rates of the epoch `last_epoch`, one for each group."""
        raise NotImplementedError

    def get_last_lr(self) -> list[float]:
        """The learning rates set last, one for each group."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch, or to that of this number; called after the optimizer's steps of this one."""
        if mode.recorder is not None:
            mode.recorder.fail("a schedule takes a step inside it")
        self._step_count += 1
        self._go_to(epoch)

    def _go_to(self, epoch: int | None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed = None if epoch is None else getattr(self, "_get_closed_form_lr", None)
        self._set(closed() if closed else self.get_lr())

    def _set(self, rates: Iterable[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        self._last_lr = self._rates()

    def _rates(self) -> list[float]:
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands, without the optimizer."""
        left = ("optimizer", "_is_initial")
        return {key: value for key, value in self.__dict__.items() if key not in left}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.__dict__.update(state_dict)


def _checked(optimizer: Any) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise TypeMismatch("a schedule", got=f"{type(optimizer).__name__} arrives", expected="an Optimizer",
                           mend="give it the optimizer whose rate it changes")  # fmt: skip
    return optimizer


def for_each_group(where: str, name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One value for each group, from one for all or from a list.

    Raises:
        OptionError: a list of another length.
    """
    groups = len(_checked(optimizer).param_groups)
    values = list(value) if isinstance(value, list | tuple) else [value] * groups
    if len(values) != groups:
        raise OptionError(
            where,
            got=f"{counted(len(values), 'value')} of {name}",
            expected=f"one for each of the {counted(groups, 'group')}",
        )
    return values


def along_a_cosine(start: float, end: float, gone: float) -> float:
    """Half a cosine from start to end, of which a share is gone: slowly, then fast, then slowly."""
    return end + (start - end) * (1 + math.cos(math.pi * gone)) / 2


def saved_functions(functions: list[Any]) -> list[dict[str, Any] | None]:
    """What is saved of functions: the attributes of callable objects, None for what was written as a function."""
    return [None if isinstance(each, FunctionType) else each.__dict__.copy() for each in functions]


def restore_functions(functions: list[Any], saved: list[dict[str, Any] | None]) -> None:
    """Give callable objects their attributes back."""
    for each, attributes in zip(functions, saved):
        if attributes is not None:
            each.__dict__.update(attributes)
