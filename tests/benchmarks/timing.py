"""Timing in turns: short rounds A B C, C B A, A B C ..., so that what disturbs the machine falls on everybody alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from statistics import median, quantiles
from typing import Any

from tests.benchmarks.contenders import Training

PAUSE = 0.005  # seconds in which the threads of the one before go to sleep


@dataclass(frozen=True)
class Effort:
    """How long is measured.

    Args:
        rounds: turns that everybody has.
        seconds: the length of a turn.
        sample: seconds of steps that are timed together: one step where it takes longer.
        least: samples in a turn, however long they take.
    """

    rounds: int = 12
    seconds: float = 0.15
    sample: float = 0.004
    least: int = 3


QUICK = Effort(rounds=2, seconds=0.03, sample=0.002, least=2)


@dataclass
class Times:
    """What was measured of one contender, in milliseconds."""

    first_ms: float  # its first step in this process, compiling included
    samples: list[float] = field(default_factory=list)  # milliseconds a step

    @property
    def ms(self) -> float:
        """The median.

        >>> Times(0.0, [1.0, 5.0, 2.0]).ms
        2.0
        """
        return median(self.samples)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a share of the median.

        >>> Times(0.0, [8.0, 9.0, 10.0, 11.0, 12.0]).spread
        0.15
        """
        low, _, high = quantiles(self.samples, n=4)
        return (high - low) / 2 / self.ms


class Runner:
    """A contender's training with its batch, its number of steps in a sample, and what was measured of it."""

    def __init__(self, training: Training, batch: Any, effort: Effort):
        self.training = training
        self.placed = training.place(batch)
        self.times = Times(self._run(1))
        self.steps = 1
        self.steps = max(1, ceil(1000 * effort.sample / min(self._run(1) for _ in range(4))))

    def _run(self, steps: int) -> float:
        """Milliseconds a step; the loss is read at the end, as a training that shows it would."""
        step, placed = self.training.step, self.placed
        began = time.perf_counter()
        for _ in range(steps):
            loss = step(*placed)
        loss.item()
        self.training.wait()
        return 1000 * (time.perf_counter() - began) / steps

    def turn(self, effort: Effort) -> None:
        """One round: a step that isn't counted, for the caches, then samples until the time is over."""
        gc.collect()
        time.sleep(PAUSE)
        self._run(1)
        end = time.perf_counter() + effort.seconds
        taken = 0
        while taken < effort.least or time.perf_counter() < end:
            self.times.samples.append(self._run(self.steps))
            taken += 1


def alternate(runners: list[Runner], effort: Effort, between: Callable[[], Any] = lambda: None) -> list[Any]:
    """All rounds; every other one in reverse order, so that nobody always follows the same one.

    What `between` gives after each of them is returned.
    """
    noted = []
    for number in range(effort.rounds):
        for runner in reversed(runners) if number % 2 else runners:
            runner.turn(effort)
        noted.append(between())
    return noted
