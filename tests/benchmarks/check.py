"""`--check`: the same weights and batches for everybody, and how far the losses come apart."""

from __future__ import annotations

import numpy as np

from tests.benchmarks import contenders
from tests.benchmarks.contenders import GENERIC, JAX, OURS, OURS_EAGER, TORCH, State
from tests.benchmarks.workloads import Workload

BATCHES = 8  # taken in turns
FIRST = 2e-5  # the first loss is the same but for the order of sums
DRIFT = 0.05  # of the first loss: rounding grows from step to step
GROWTH = 3  # times what the last digit of each weight alone leads to, where that grows further


def drift(losses: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """How far the losses are apart at each step, as a share of the first loss.

    >>> drift(np.array([2.0, 1.1]), np.array([2.0, 1.0])).round(3).tolist()
    [0.0, 0.05]
    """
    return np.abs(losses - reference) / np.abs(reference[0])


def nudged(state: State) -> State:
    """The same weights with about half of them changed in their last digit: what float32 cannot tell apart.

    >>> (nudged({"w": np.ones(5, np.float32)})["w"] > 1).tolist()
    [True, True, False, True, False]
    """
    rng = np.random.default_rng(2)
    up = {name: rng.random(array.shape) < 0.5 for name, array in state.items()}
    return {
        name: np.where(up[name], np.nextafter(array, np.float32(np.inf)), array) if array.dtype == np.float32 else array
        for name, array in state.items()
    }


def check(chosen: list[Workload], steps: int, notes: list[str]) -> int:
    """Print the drift of everybody from the plain loop on NumPy in one thread; 1 where it is more than rounding.

    How far rounding alone leads is measured: the same loop from weights that differ in their last digit ("nudged").
    """
    print("workload".ljust(12) + "loss from, to".rjust(20) + "  drift from generic: at the first step, the most of all")
    failed = []
    for workload in chosen:
        state, batches = contenders.initial_state(workload), contenders.batches(workload, BATCHES)
        reference = contenders.losses(GENERIC, workload, state, batches, steps)
        natural = drift(contenders.losses(GENERIC, workload, nudged(state), batches, steps), reference).max()
        cells = [f"{reference[0]:9.5f} {reference[-1]:9.5f}".rjust(20), f"  nudged {natural:.1e}"]
        for contender in others():
            apart = drift(contenders.losses(contender, workload, state, batches, steps), reference)
            wrong = not (apart[0] < FIRST and apart.max() < max(DRIFT, GROWTH * natural))
            cells.append(f"  {contender} {apart[0]:.1e} {apart.max():.1e}{' FAILS' * wrong}")
            failed += [workload.name] * wrong
        print(workload.name.ljust(12) + "".join(cells), flush=True)
    print(*notes, sep="\n")
    return int(bool(failed))


def others() -> list[str]:
    """Who is held against it: compiled kernels, a captured step, PyTorch, JAX. torch.compile is PyTorch's business."""
    found = [contender for contender in (TORCH, JAX) if contenders.installed(contender)]
    return [OURS_EAGER, *([OURS] if contenders.captures() else []), *found]
