"""Who runs: Layerloom captured and eager, PyTorch eager and compiled, JAX jitted; each a step to call."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.benchmarks.workloads import Batch, Workload

OURS, OURS_EAGER, TORCH, COMPILED, JAX = "ours", "ours_eager", "torch_eager", "torch_compile", "jax"
GENERIC = "generic"  # the plain loop on NumPy alone, in one thread: what everybody's losses are held against
CONTENDERS = (OURS, OURS_EAGER, TORCH, COMPILED, JAX)
PACKAGES = {OURS: "engine", OURS_EAGER: "engine", GENERIC: "engine", TORCH: "torch", COMPILED: "torch", JAX: "jax"}
State = dict[str, np.ndarray]


@dataclass(frozen=True)
class Training:
    """One training: `step(*placed)` returns the loss, `place` makes its arguments of a batch, `wait` ends all work."""

    step: Callable[..., Any]
    place: Callable[[Batch], tuple[Any, ...]]
    wait: Callable[[], None]
    model: Any = None


def has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def installed(contender: str) -> bool:
    return has(PACKAGES[contender])


def use_threads(count: int) -> None:
    """The same number for everybody; to be called before NumPy, PyTorch or JAX are loaded.

    JAX and the thread pools of others ask how many processors the process may use, so that is limited, too.
    """
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = str(count)
    os.environ["NPROC"] = str(count)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def captures() -> bool:
    """Whether the engine captures a step already; until it does, `ours` is the plain loop."""
    return hasattr(importlib.import_module("engine"), "capture")


def initial_state(workload: Workload) -> State:
    """The weights that everybody starts from, drawn by the engine."""
    engine = importlib.import_module("engine")
    engine.manual_seed(0)
    return {key: tensor.numpy().copy() for key, tensor in workload.build(engine).state_dict().items()}


def start(contender: str, workload: Workload, state: State | None, dropout: bool = True) -> Training:
    """A training of the workload by the contender.

    Args:
        contender: one of CONTENDERS.
        workload: what is trained.
        state: the weights to start from; None: the contender's own random ones.
        dropout: False for runs whose losses are held against each other.
    """
    if contender == JAX:
        training = importlib.import_module("tests.benchmarks.jax_workloads").Training(
            workload.name, initial_state(workload) if state is None else state, dropout
        )
        return Training(training.step, training.place, training.wait)
    lib = importlib.import_module(PACKAGES[contender])
    training = eager(lib, workload, state, dropout)
    if contender == OURS and captures():
        return Training(lib.capture(training.step), training.place, training.wait, training.model)
    if contender == GENERIC:
        return Training(on_numpy(training.step), training.place, training.wait, training.model)
    if contender == COMPILED:
        lib._dynamo.reset()  # what was compiled for the workload before
        return Training(lib.compile(training.step), training.place, training.wait, training.model)
    return training


def eager(lib: Any, workload: Workload, state: State | None, dropout: bool) -> Training:
    """The plain loop of a script."""
    lib.manual_seed(0)
    model = workload.build(lib)
    if state is not None:
        model.load_state_dict({key: lib.from_numpy(array.copy()) for key, array in state.items()})
    if not dropout:
        stop_dropping(model)
    optimizer = workload.optimizer(lib, model.parameters())

    def step(*batch: Any) -> Any:
        optimizer.zero_grad()
        loss = workload.loss(lib, model, *batch)
        loss.backward()
        optimizer.step()
        return loss

    def place(batch: Batch) -> tuple[Any, ...]:
        return tuple(lib.from_numpy(array.copy()) for array in batch)

    return Training(step, place, wait=lambda: None, model=model)


def on_numpy(step: Callable[..., Any]) -> Callable[..., Any]:
    """The step with the generic kernels instead of the compiled ones, and none of NumPy's own threads."""
    generic = importlib.import_module("engine.kernels.generic").Kernels(np)
    cpu = importlib.import_module("engine").device("cpu")
    threads = importlib.import_module("engine.train.threads")

    def plain(*batch: Any) -> Any:
        compiled, before = cpu.kernels, threads.blas()
        cpu.kernels = generic
        threads.set_blas(1)
        try:
            return step(*batch)
        finally:
            cpu.kernels = compiled
            threads.set_blas(before)

    return plain


def stop_dropping(model: Any) -> None:
    """Set every dropout of the network to zero."""
    for module in model.modules():
        if type(module).__name__ == "Dropout":
            module.p = 0.0
        elif type(module).__name__ == "MultiheadAttention":
            module.dropout = 0.0


def losses(contender: str, workload: Workload, state: State, batches: list[Batch], steps: int) -> np.ndarray:
    """The loss of every step, the batches taken in turns, nothing dropped."""
    training = start(contender, workload, state, dropout=False)
    placed = [training.place(batch) for batch in batches]
    return np.array([training.step(*placed[i % len(placed)]).item() for i in range(steps)])


def batches(workload: Workload, count: int) -> list[Batch]:
    """The same batches for everybody."""
    rng = np.random.default_rng(1)
    return [workload.batch(rng) for _ in range(count)]
