"""Schedules that go up and down again: cycles, of momentum too."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

from engine.describe import Choice, Hidden, Range, Start, schedule
from engine.errors import OptionError
from engine.optim.lr_scheduler.scheduler import (
    Epochs,
    LastEpoch,
    LRScheduler,
    along_a_cosine,
    for_each_group,
    restore_functions,
    saved_functions,
)
from engine.optim.optimizer import Optimizer

Momentum = Annotated[float, Range(0.0, 0.999)]


class MomentumCycle:
    """Sets the momentum of each group, or β₁ where the optimizer has betas.

    Args:
        optimizer: whose momentum is set.
        where: the schedule's name, for errors.

    Raises:
        OptionError: the optimizer has neither.
    """

    def __init__(self, optimizer: Optimizer, where: str):
        self.uses_beta1 = "betas" in optimizer.defaults
        if "momentum" not in optimizer.defaults and not self.uses_beta1:
            raise OptionError(where, got=f"{type(optimizer).__name__} has no momentum to cycle",
                              expected="momentum or betas", mend="set cycle_momentum to False")  # fmt: skip

    def begin(self, optimizer: Optimizer, least: list[float], most: list[float]) -> None:
        """Start at the most."""
        for group, low, high in zip(optimizer.param_groups, least, most, strict=True):
            self.set(group, high)
            group["max_momentum"], group["base_momentum"] = high, low

    def set(self, group: dict[str, Any], value: float) -> None:
        if self.uses_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


SCALES: dict[str, tuple[str, Callable[[float, float], float]]] = {
    "triangular": ("cycle", lambda gamma, x: 1.0),
    "triangular2": ("cycle", lambda gamma, x: 1 / 2.0 ** (x - 1)),
    "exp_range": ("iterations", lambda gamma, x: gamma**x),
}
"""Mode -> what is counted, and from gamma and that to the height of a cycle."""


@schedule("Cyclic", synonyms=("triangular", "cyclical"))
class CyclicLR(LRScheduler):
    """Lets the learning rate go up and down between two bounds, and the momentum the other way.

    lr = base_lr + (max_lr - base_lr) · height · scale, height going from 0 to 1 and back along lines

    Smith, 2017.

    Args:
        optimizer: Whose learning rate is set.
        base_lr: The least learning rate, where each cycle begins.
        max_lr: The largest.
        step_size_up: Epochs going up (calls of `step`, in a script).
        step_size_down: Epochs going down; none: as many as up.
        mode: "triangular" goes to the top each time, "triangular2" half as far each time, "exp_range" by
            gamma^epoch.
        gamma: For "exp_range".
        scale_fn: A function for the height in place of a mode.
        scale_mode: Whether `scale_fn` counts cycles ("cycle") or steps ("iterations").
        cycle_momentum: Whether momentum, or β₁, goes down while the learning rate goes up.
        base_momentum: The least momentum.
        max_momentum: The largest.
        last_epoch: The number of the epoch to go on from; -1 begins anew.

    Raises:
        OptionError: a mode that does not exist, or no momentum to cycle.

    Example:
        >>> import engine
        >>> optimizer = engine.optim.SGD([engine.nn.Parameter(engine.ones(1))], lr=1.0)
        >>> schedule = engine.optim.lr_scheduler.CyclicLR(optimizer, 0.1, 0.5, step_size_up=4, cycle_momentum=False)
        >>> for epoch in range(2):
        ...     optimizer.step()
        ...     schedule.step()
        >>> [round(rate, 3) for rate in schedule.get_last_lr()]
        [0.3]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Annotated[float | list[float], Range(0.0, 10.0), Start(0.001)],
        max_lr: Annotated[float | list[float], Range(0.0, 10.0), Start(0.01)],
        step_size_up: Annotated[Epochs, Start(5)] = 2000,
        step_size_down: Annotated[int | None, Range(1, 1_000_000)] = None,
        mode: Annotated[Literal["triangular", "triangular2", "exp_range"], Choice(tuple(SCALES))] = "triangular",
        gamma: Annotated[float, Range(0.0, 1.0)] = 1.0,
        scale_fn: Annotated[Callable[[float], float] | None, Hidden()] = None,
        scale_mode: Annotated[Literal["cycle", "iterations"], Hidden()] = "cycle",
        cycle_momentum: Annotated[bool, Start(False)] = True,
        base_momentum: Momentum = 0.8,
        max_momentum: Momentum = 0.9,
        last_epoch: LastEpoch = -1,
    ):
        base_lrs = for_each_group("CyclicLR", "base_lr", optimizer, base_lr)
        self.max_lrs = for_each_group("CyclicLR", "max_lr", optimizer, max_lr)
        self.optimizer = optimizer
        if last_epoch == -1:
            self._set(base_lrs)
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up) + float(down)
        self.step_ratio = float(step_size_up) / self.total_size
        if mode not in SCALES and scale_fn is None:
            raise OptionError("CyclicLR", got=f"mode={mode!r}", expected=f"one of {', '.join(SCALES)}, or a scale_fn")
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else SCALES[mode][0]
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            cycle = MomentumCycle(optimizer, "CyclicLR")
            self.use_beta1 = cycle.uses_beta1
            self.base_momentums = for_each_group("CyclicLR", "base_momentum", optimizer, base_momentum)
            self.max_momentums = for_each_group("CyclicLR", "max_momentum", optimizer, max_momentum)
            if last_epoch == -1:
                cycle.begin(optimizer, self.base_momentums, self.max_momentums)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """How high the cycle or step of this number goes."""
        return self._scale_fn_custom(x) if self._scale_fn_custom is not None else SCALES[self.mode][1](self.gamma, x)

    def get_lr(self) -> list[float]:
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            momenta = MomentumCycle(self.optimizer, "CyclicLR")
            for group, low, high in zip(
                self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True
            ):
                momenta.set(group, high - (high - low) * height * scale)
        return [low + (high - low) * height * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands, without the optimizer; of a `scale_fn` that is an object, its attributes."""
        functions = [] if self._scale_fn_custom is None else [self._scale_fn_custom]
        return super().state_dict() | {"_scale_fn_custom": next(iter(saved_functions(functions)), None)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave, with the same function."""
        restore_functions([self._scale_fn_custom], [state_dict["_scale_fn_custom"]])
        super().load_state_dict({**state_dict, "_scale_fn_custom": self._scale_fn_custom})


@schedule("One cycle", synonyms=("1cycle", "super-convergence", "warm up"))
class OneCycleLR(LRScheduler):
    """Raises the learning rate to its largest, then lowers it far below where it began; momentum goes the other way.

    lr from max_lr / div_factor up to max_lr in pct_start of all steps, then down to max_lr / div_factor /
    final_div_factor

    Smith and Topin, 2019.

    Args:
        optimizer: Whose learning rate is set.
        max_lr: The largest learning rate.
        total_steps: Epochs of the whole cycle, as many as the training has (calls of `step`, in a script).
        epochs: With steps_per_epoch, another way to say total_steps.
        steps_per_epoch: See `epochs`.
        pct_start: The share of the steps in which it goes up.
        anneal_strategy: Along half a cosine ("cos") or a line ("linear").
        cycle_momentum: Whether momentum, or β₁, goes down while the learning rate goes up.
        base_momentum: The least momentum.
        max_momentum: The largest.
        div_factor: How many times smaller than max_lr the first learning rate is.
        final_div_factor: How many times smaller than the first the last learning rate is.
        three_phase: Come down to the first learning rate in as many steps as went up, and only then further.
        last_epoch: The number of the epoch to go on from; -1 begins anew.

    Raises:
        OptionError: no number of steps, a share outside 0 to 1, no momentum to cycle, or a step after the last.

    Example:
        >>> import engine
        >>> optimizer = engine.optim.SGD([engine.nn.Parameter(engine.ones(1))], lr=1.0)
        >>> lr_scheduler = engine.optim.lr_scheduler
        >>> schedule = lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=12, pct_start=0.5, cycle_momentum=False)
        >>> for epoch in range(5):
        ...     optimizer.step()
        ...     schedule.step()
        >>> [round(rate, 3) for rate in schedule.get_last_lr()]
        [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Annotated[float | list[float], Range(0.0, 10.0), Start(0.01)],
        total_steps: Annotated[int | None, Range(1, 1_000_000), Start(20)] = None,
        epochs: Annotated[int | None, Hidden()] = None,
        steps_per_epoch: Annotated[int | None, Hidden()] = None,
        pct_start: Annotated[float, Range(0.0, 1.0)] = 0.3,
        anneal_strategy: Annotated[Literal["cos", "linear"], Choice(("cos", "linear"))] = "cos",
        cycle_momentum: Annotated[bool, Start(False)] = True,
        base_momentum: Annotated[float | list[float], Range(0.0, 0.999)] = 0.85,
        max_momentum: Annotated[float | list[float], Range(0.0, 0.999)] = 0.95,
        div_factor: Annotated[float, Range(1.0, 1e6)] = 25.0,
        final_div_factor: Annotated[float, Range(1.0, 1e9)] = 10000.0,
        three_phase: bool = False,
        last_epoch: LastEpoch = -1,
    ):
        max_lrs = for_each_group("OneCycleLR", "max_lr", optimizer, max_lr)
        self.total_steps = _total_steps(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise OptionError("OneCycleLR", got=f"pct_start={pct_start}", expected="a share, 0.0 to 1.0")
        if anneal_strategy not in ("cos", "linear"):
            raise OptionError("OneCycleLR", got=f"anneal_strategy={anneal_strategy!r}", expected="'cos' or 'linear'")
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        if last_epoch == -1:
            for group, most in zip(optimizer.param_groups, max_lrs, strict=True):
                group["initial_lr"] = most / div_factor
                group["max_lr"] = most
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            cycle = MomentumCycle(optimizer, "OneCycleLR")
            self.use_beta1 = cycle.uses_beta1
            least = for_each_group("OneCycleLR", "base_momentum", optimizer, base_momentum)
            most = for_each_group("OneCycleLR", "max_momentum", optimizer, max_momentum)
            if last_epoch == -1:
                cycle.begin(optimizer, least, most)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch > self.total_steps:
            raise OptionError("OneCycleLR", got=f"step {self.last_epoch}",
                              expected=f"{self.total_steps} at the most", mend="raise total_steps")  # fmt: skip
        begun, phases = 0.0, self._schedule_phases
        for phase in phases:
            if self.last_epoch <= phase["end_step"] or phase is phases[-1]:
                break
            begun = phase["end_step"]
        gone = (self.last_epoch - begun) / (phase["end_step"] - begun)
        if self.cycle_momentum:
            cycle = MomentumCycle(self.optimizer, "OneCycleLR")
            for group in self.optimizer.param_groups:
                cycle.set(group, self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], gone))
        groups = self.optimizer.param_groups
        return [self._between(group[phase["start_lr"]], group[phase["end_lr"]], gone) for group in groups]

    def _between(self, start: float, end: float, gone: float) -> float:
        if self._anneal_func_type == "cos":
            return along_a_cosine(start, end, gone)
        return (end - start) * gone + start


def _total_steps(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    given = {"total_steps": total_steps} if total_steps is not None else {
        "epochs": epochs, "steps_per_epoch": steps_per_epoch}  # fmt: skip
    if None in given.values():
        raise OptionError("OneCycleLR", got="neither total_steps nor epochs and steps_per_epoch",
                          expected="how many steps there will be")  # fmt: skip
    for name, value in given.items():
        if not isinstance(value, int) or value <= 0:
            raise OptionError("OneCycleLR", got=f"{name}={value}", expected="a whole number from 1")
    return math.prod(given.values())


def _phases(steps: int, share: float, three: bool) -> list[dict[str, Any]]:
    """Where each phase ends, and between which of a group's options it goes."""

    def phase(end: float, rates: tuple[str, str], momenta: tuple[str, str]) -> dict[str, Any]:
        return {"end_step": end, "start_lr": rates[0], "end_lr": rates[1],
                "start_momentum": momenta[0], "end_momentum": momenta[1]}  # fmt: skip

    up = phase(float(share * steps) - 1, ("initial_lr", "max_lr"), ("max_momentum", "base_momentum"))
    if not three:
        return [up, phase(steps - 1, ("max_lr", "min_lr"), ("base_momentum", "max_momentum"))]
    down = phase(float(2 * share * steps) - 2, ("max_lr", "initial_lr"), ("base_momentum", "max_momentum"))
    return [up, down, phase(steps - 1, ("initial_lr", "min_lr"), ("max_momentum", "max_momentum"))]
