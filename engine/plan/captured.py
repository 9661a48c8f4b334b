"""A step that is recorded, planned, and from then on replayed."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.device import Device
from engine.errors import CaptureWarning
from engine.kernels.cpu.forks import open_in_children
from engine.kernels.cpu.pool import num_threads
from engine.kernels.generic import Kernels
from engine.kernels.threads import are_deterministic_algorithms_enabled
from engine.nn.members import changes
from engine.plan.arguments import Own, kind_of, shared
from engine.plan.planned import Kept, Outcome, Planned
from engine.plan.recorder import recording
from engine.tensor import Tensor
from engine.tensor.anomaly import watch
from engine.tensor.promotion import get_default_dtype
from engine.tensor.tape import mode

_running = open_in_children(threading.RLock())
CPU = Device("cpu")
MOST_PLANS = 4
"""For one kind of arguments: in training and in evaluation, for instance."""
MOST_KINDS = 32
"""Of arguments: the plans for those that came longest ago are forgotten."""


@dataclass
class Kind:
    """The plans for one kind of arguments.

    Args:
        last: the number of the call in which such arguments came last.
        plans: the latest first.
        in_vain: how many plans were made or refused since one was replayed.
        refused: how often modules had been changed when the step could not be planned, if it could not.
    """

    last: int
    plans: list[Planned] = field(default_factory=list)
    in_vain: int = 0
    refused: int | None = None

    @property
    def is_refused(self) -> bool:
        """Whether planning need not be tried: it failed, and no module is another since, or it failed too often."""
        return self.refused is not None and (self.refused == changes() or self.in_vain > MOST_PLANS)


class Captured:
    """A step with its plans, a few for each kind of arguments."""

    def __init__(self, step: Callable[..., Any], check: bool = False) -> None:
        self.step, self.check = step, check
        self._kinds: dict[Any, Kind] = {}
        self._calls = 0
        self._in_vain = 0  # how many plans were made since one was replayed, whatever the arguments
        self._said: set[str] = set()

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        tensors: list[Tensor] = []
        kinds = kind_of(arguments, tensors), kind_of(dict(sorted(named.items())), tensors) if named else None
        if mode.recorder is not None or watch.on or not _are_on_cpu(tensors):
            return self.step(*arguments, **named)
        threads = num_threads(), are_deterministic_algorithms_enabled()
        key = kinds, shared(tensors), mode.grad, mode.autocast, threads, get_default_dtype()
        with _running:
            try:
                kind = self._kinds.get(key)
            except TypeError:
                self._warn("an argument is neither a tensor nor something that can be told apart from others", 3)
                return self.step(*arguments, **named)
            self._calls += 1
            if kind is None:
                kind = self._new_kind(key)
            kind.last = self._calls
            planned = next((plan for plan in kind.plans if plan.holds(tensors)), None)
            if planned is not None and not self.check:
                kind.in_vain = self._in_vain = 0
                return planned.replay(tensors)
            if kind.is_refused or self._in_vain >= MOST_KINDS:
                return self.step(*arguments, **named)
            return self._record(kind, Own(arguments, named, tensors), tensors, planned)

    def _new_kind(self, key: Any) -> Kind:
        """Room for plans; where there are too many, those go that were used longest ago."""
        if len(self._kinds) == MOST_KINDS:
            self._warn(f"more than {MOST_KINDS} kinds of arguments have come; pass numbers that change as tensors, and "
                       "bring batches to a few shapes", 4)  # fmt: skip
            del self._kinds[min(self._kinds, key=lambda known: self._kinds[known].last)]
        kind = self._kinds[key] = Kind(self._calls)
        return kind

    def _record(self, kind: Kind, own: Own, tensors: list[Tensor], planned: Planned | None) -> Any:
        """Run the step as it is written, once; then take that back and replay it, so that every step is a replay."""
        kernels = CPU.kernels if self.check else Kernels(np)  # the generic ones need no compiling
        with recording(CPU, kernels, [tensor.array for tensor in own.tensors]) as recorder:
            own.require_plain(recorder.fail)
            result = self.step(*own.arguments, **own.named)
        kept = Kept(recorder, result, own.tensors)
        recorder.require_apart()
        own.require_unchanged(recorder.fail, recorder.written(), recorder.trace.gradients)
        if kind.in_vain >= MOST_PLANS:
            recorder.fail("something that it uses is another at each call")
        if recorder.trace.fault:
            own.hand_back()
            kind.refused = changes()
            kind.in_vain += 1
            self._warn(recorder.trace.fault, 4)
            return result
        expected = Outcome.of(recorder, kept) if self.check else None
        del result
        recorder.roll_back()
        if planned is None:
            planned = Planned(recorder, kept, CPU.kernels)
            self._keep(kind, planned)
        result = planned.again(recorder.trace, tensors)
        if expected:
            expected.require(planned.values())
        return result

    def _keep(self, kind: Kind, planned: Planned) -> None:
        """Add a plan, and forget those of tensors and modules that were replaced."""
        for known in self._kinds.values():
            known.plans = [plan for plan in known.plans if not plan.is_gone()]
        kind.plans = [planned, *kind.plans[: MOST_PLANS - 1]]
        kind.in_vain += 1
        self._in_vain += 1

    def _warn(self, reason: str, level: int) -> None:
        """Say it once; `level` is that of the caller's line, as `warnings.warn` counts."""
        if reason not in self._said:
            self._said.add(reason)
            warnings.warn(f"the step runs as it is written, without a plan: {reason}", CaptureWarning, stacklevel=level)


def _are_on_cpu(tensors: list[Tensor]) -> bool:
    return all(tensor.device is CPU for tensor in tensors)
