"""`python -m tests.benchmarks`: a training step of Layerloom beside PyTorch's and JAX's, in one run.

python -m tests.benchmarks                          everything, with a table at the end
python -m tests.benchmarks --only lenet,lstm        some workloads
python -m tests.benchmarks --no-compile             without torch.compile, whose first steps take long
python -m tests.benchmarks --quick                  a look: few repetitions, numbers that mean little
python -m tests.benchmarks --json FILE              the numbers
python -m tests.benchmarks --check [--steps 200]    no timing: holds everybody's losses against each other
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks import contenders, memory, report
from tests.benchmarks.check import check
from tests.benchmarks.contenders import COMPILED, CONTENDERS, JAX, OURS, TORCH
from tests.benchmarks.peak import peak_gflops
from tests.benchmarks.report import Measured
from tests.benchmarks.timing import QUICK, Effort, Runner, alternate
from tests.benchmarks.workloads import WORKLOADS, Workload


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    contenders.use_threads(options.threads)
    if contenders.installed(TORCH):
        importlib.import_module("torch").set_num_threads(options.threads)
    notes = [
        f"{contenders.PACKAGES[c]} is not installed: left out" for c in (TORCH, JAX) if not contenders.installed(c)
    ]
    if not contenders.captures():
        notes.append("the engine captures no steps yet: ours is the plain loop, as ours_eager")
    chosen, missing = choose(options.only)
    notes += [f"{name} left out: engine.nn has no {', '.join(layers)} yet" for name, layers in missing.items()]
    if options.check:
        return check(chosen, options.steps, notes)
    return benchmark(chosen, missing, options, notes)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME,NAME", type=names, default=list(WORKLOADS), help=", ".join(WORKLOADS))
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the numbers there")
    parser.add_argument("--quick", action="store_true", help="few repetitions")
    parser.add_argument("--threads", type=int, default=2, help="of everybody (2)")
    parser.add_argument("--check", action="store_true", help="compare losses instead of times")
    parser.add_argument("--steps", type=int, default=200, help="of --check (200)")
    return parser.parse_args(arguments)


def names(text: str) -> list[str]:
    found = text.split(",")
    if unknown := set(found) - set(WORKLOADS):
        raise argparse.ArgumentTypeError(f"no workload {', '.join(sorted(unknown))}; there are {', '.join(WORKLOADS)}")
    return found


def choose(only: list[str]) -> tuple[list[Workload], dict[str, list[str]]]:
    """The workloads that can run, and the layers that others miss."""
    engine = importlib.import_module("engine")
    missing = {name: layers for name in only if (layers := WORKLOADS[name].missing(engine))}
    return [WORKLOADS[name] for name in only if name not in missing], missing


def benchmark(chosen: list[Workload], missing: dict, options: argparse.Namespace, notes: list[str]) -> int:
    """Measure one workload after the other; each has its line and its place in the JSON as soon as it is done."""
    running = [c for c in CONTENDERS if contenders.installed(c) and not (c == COMPILED and options.no_compile)]
    imports = {label: memory.import_mb(*packages) for label, packages in memory.IMPORTS.items()
               if contenders.has(packages[0])}  # fmt: skip
    measured, peaks = [], [peak_gflops(options.threads)]
    result = together(measured, peaks, imports, missing, notes, options)
    print(report.heading(), flush=True)
    for workload in chosen:
        measured.append(measure(workload, running, options, notes))
        peaks.append(peak_gflops(options.threads))
        result = together(measured, peaks, imports, missing, notes, options)
        if workload.name in result["workloads"]:
            print(report.line(workload.name, result["workloads"][workload.name]), flush=True)
        if options.json:
            report.write(options.json, result)
    print(report.closing(result))
    return int(len(result["workloads"]) < len(chosen))


def together(
    measured: list[Measured],
    peaks: list[tuple[float, str]],
    imports: dict[str, float],
    missing: dict[str, list[str]],
    notes: list[str],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """All numbers so far; the peak is the best that was measured between the workloads.

    Beside it stands the median of what was measured in the rounds: on a machine that is shared cores are not always
    as fast as at their best, and times are medians.
    """
    peak, peak_by = max(peaks)
    rows = {m.workload.name: report.row(m, peak) for m in measured if OURS in m.times}
    return {
        "workloads": rows,
        **report.summary(rows),
        "machine": report.machine(options.threads),
        "peak_gflops": peak,
        "peak_median_gflops": median([burst for m in measured for burst in m.peaks] or [peak]),
        "peak_by": peak_by,
        "import_mb": imports,
        "captured": contenders.captures(),
        "missing": missing,
        "notes": notes,
        "quick": options.quick,
    }


def measure(workload: Workload, running: list[str], options: argparse.Namespace, notes: list[str]) -> Measured:
    """Processes of their own first, then everybody in turns in this one; who fails is noted and left out."""
    measured = Measured(workload)
    effort, steps = (QUICK, 3) if options.quick else (Effort(), memory.STEPS)
    for contender, ask in ((OURS, memory.first_steps), (TORCH, memory.training)):
        if contender in running:
            with noted(contender, workload, notes):
                measured.apart[contender] = ask(contender, workload.name, options.threads, steps)
    state, (batch,) = contenders.initial_state(workload), contenders.batches(workload, 1)
    runners = {}
    for contender in running:
        with noted(contender, workload, notes):
            runners[contender] = Runner(contenders.start(contender, workload, state), batch, effort)
    burst = lambda: peak_gflops(options.threads, bursts=1)[0]  # noqa: E731
    measured.peaks = alternate(list(runners.values()), effort, burst)
    measured.times = {contender: runner.times for contender, runner in runners.items()}
    return measured


@contextmanager
def noted(contender: str, workload: Workload, notes: list[str]) -> Iterator[None]:
    """What goes wrong inside is said in the report, and the others go on; a row without Layerloom fails the run."""
    try:
        yield
    except Exception as error:
        message = (str(error).strip().splitlines() or [""])[-1]
        notes.append(f"{contender} failed on {workload.name}: {type(error).__name__}: {message}")


if __name__ == "__main__":
    sys.exit(main())
