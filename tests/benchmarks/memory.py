"""What is measured in processes of its own: peak memory, memory of an import, time to the first step."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
STEPS = 30  # of a training whose memory is measured
IMPORTS = {  # PyTorch's own import brings its layers and optimizers along
    "engine": ("engine",),
    "engine, nn, optim": ("engine", "engine.nn", "engine.optim"),
    "torch": ("torch",),
    "jax": ("jax",),
}


def peak_mb() -> float:
    """The most memory that this process has held, in MB.

    Linux is asked for the mark of the program itself: the other one, ru_maxrss, begins with the size of the parent.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e6 if sys.platform == "darwin" else most * 1024 / 1e6


def import_mb(*packages: str) -> float:
    """What importing them adds to the memory of a bare interpreter, in MB."""
    return _ask("import", *packages)["mb"]


def training(
    contender: str, workload: str, threads: int, steps: int = STEPS, cache: Path | None = None
) -> dict[str, float]:
    """A whole training process: first_step_s, from its start, and peak_mb."""
    return _ask("train", contender, workload, str(threads), str(steps), cache=cache)


def first_steps(contender: str, workload: str, threads: int, steps: int) -> dict[str, float]:
    """Cold with an empty cache of compiled code, then warm; peak_mb is that of the warm process."""
    with tempfile.TemporaryDirectory(prefix="layerloom-bench-") as folder:
        cold = training(contender, workload, threads, 1, Path(folder))
        warm = training(contender, workload, threads, steps, Path(folder))
    return {**warm, "first_step_cold_s": cold["first_step_s"]}


def _ask(*arguments: str, cache: Path | None = None) -> dict[str, Any]:
    """Run this module with the arguments in a new process; what it prints is JSON."""
    environment = dict(os.environ)
    if cache is not None:
        environment["LAYERLOOM_CACHE"] = str(cache)
    command = [sys.executable, "-m", "tests.benchmarks.memory", str(time.time()), *arguments]
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {answer.returncode}: {answer.stderr.strip()[-2000:]}")
    return json.loads(answer.stdout.splitlines()[-1])


def _import(*packages: str) -> dict[str, float]:
    before = peak_mb()
    for package in packages:
        importlib.import_module(package)
    return {"mb": peak_mb() - before}


def _train(began: float, contender: str, name: str, threads: str, steps: str) -> dict[str, float]:
    from tests.benchmarks.contenders import PACKAGES, TORCH, batches, start, use_threads
    from tests.benchmarks.workloads import WORKLOADS

    use_threads(int(threads))
    if contender == TORCH:
        importlib.import_module(PACKAGES[contender]).set_num_threads(int(threads))
    workload = WORKLOADS[name]
    trained = start(contender, workload, state=None)
    placed = trained.place(batches(workload, 1)[0])
    loss = trained.step(*placed).item()
    trained.wait()
    first = time.time() - began
    for _ in range(int(steps) - 1):
        loss = trained.step(*placed).item()
    if loss != loss:
        raise ArithmeticError(f"{contender} lost its way on {name}: the loss is no number")
    return {"first_step_s": first, "peak_mb": peak_mb()}


if __name__ == "__main__":
    began, task, *arguments = sys.argv[1:]
    print(json.dumps(_import(*arguments) if task == "import" else _train(float(began), *arguments)))
