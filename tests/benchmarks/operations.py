"""`python -m tests.benchmarks.operations`: convolutions by themselves, as shares of the processor's peak.

python -m tests.benchmarks.operations                      every layer, beside PyTorch where it is installed
python -m tests.benchmarks.operations --only 3x3,1x1       those whose names contain one of these
python -m tests.benchmarks.operations --threads 1

GFLOP/s of the forward pass, the gradients of input and weight, and both gradients in one kernel; the best of many short
runs, in turns with the loop that the peak is measured by. A layer at the speed of memory reads as few GFLOP/s.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from engine.kernels.cpu import convolution, pool
from engine.kernels.cpu.program import Plan, Program, aligned
from engine.kernels.cpu.shapes import Conv
from tests.benchmarks import contenders
from tests.benchmarks.contenders import TORCH
from tests.benchmarks.peak import peak_gflops

ROUNDS = 6
SECONDS = 0.02  # of one operation in a round
PASSES = ("forward", "dx", "dweight", "both")
ONE, TWO = ((1, 1), (1, 1)), (2, 2)

LAYERS = {
    "3x3 32-32 at 32": Conv(32, 32, 32, 32, 32, padding=ONE),
    "3x3 32-64 at 16": Conv(32, 16, 16, 32, 64, padding=ONE),
    "3x3 64-64 at 16": Conv(32, 16, 16, 64, 64, padding=ONE),
    "3x3 64-128 at 8": Conv(32, 8, 8, 64, 128, padding=ONE),
    "3x3 128-128 at 8": Conv(32, 8, 8, 128, 128, padding=ONE),
    "3x3 32-64 at 32, stride 2": Conv(32, 32, 32, 32, 64, stride=TWO, padding=ONE),
    "1x1 64-128 at 16": Conv(32, 16, 16, 64, 128, (1, 1)),
    "1x1 128-256 at 8": Conv(32, 8, 8, 128, 256, (1, 1)),
    "1x1 32-64 at 16, stride 2": Conv(32, 16, 16, 32, 64, (1, 1), TWO),
    "4x4 64-32 at 16, stride 2": Conv(64, 16, 16, 32, 64, (4, 4), TWO, ONE),
    "3x3 16-16 at 32": Conv(32, 32, 32, 16, 16, padding=ONE),
    "3x3 16-16 at 64": Conv(8, 64, 64, 16, 16, padding=ONE),
    "3x3 16-32 at 14": Conv(64, 14, 14, 16, 32, padding=ONE),
    "3x3 3-32 at 32": Conv(32, 32, 32, 3, 32, padding=ONE),
    "3x3 1-16 at 28": Conv(64, 28, 28, 1, 16, padding=ONE),
    "3x3 each of 32 at 32": Conv(32, 32, 32, 32, 32, padding=ONE, groups=32),
    "3x3 each of 128 at 16": Conv(32, 16, 16, 128, 128, padding=ONE, groups=128),
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.operations", description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="TEXT,TEXT", type=lambda text: text.split(","), default=[""])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    pool.set_num_threads(options.threads)
    with_torch = contenders.installed(TORCH)
    print(f"{'GFLOP/s (share of the peak)':28}" + "".join(f"{name:>14}" for name in PASSES)
          + ("".join(f"{'torch ' + name:>14}" for name in PASSES) if with_torch else ""))  # fmt: skip
    for name, conv in LAYERS.items():
        if any(text in name for text in options.only):
            runs = ours(conv) + (torchs(conv, options.threads) if with_torch else [])
            speeds, peak = measure(runs, options.threads)
            works = [conv.flops * (1 + (number % len(PASSES) == 3)) for number in range(len(runs))]
            rates = [work / seconds / 1e9 for work, seconds in zip(works, speeds)]
            print(f"{name:28}" + "".join(f"{rate:8.0f} {rate / peak:5.0%}" for rate in rates), flush=True)
    return 0


def ours(conv: Conv) -> list[Callable[[], Any]]:
    """The passes of a layer, on arrays of random numbers."""
    rng = np.random.default_rng(0)
    shapes = {
        "x": (conv.images, conv.height, conv.width, conv.channels),
        "dx": (conv.images, conv.height, conv.width, conv.channels),
    }
    shapes |= dict.fromkeys(("y", "dy"), (conv.images, conv.out_height, conv.out_width, conv.outputs))
    shapes |= dict.fromkeys(("weight", "dweight"), (*conv.kernel, conv.inner, conv.outputs))
    arrays = {name: aligned(shape) for name, shape in shapes.items()}
    for array in arrays.values():
        array[...] = rng.standard_normal(array.shape, np.float32)
    plans = (
        convolution.forward(conv, bias=False),
        convolution.input_gradient(conv),
        convolution.weight_gradient(conv, bias=False),
        convolution.backward(conv, bias=False),
    )
    return [partial(pool.run, program(plan, arrays)) for plan in plans]


def program(plan: Plan, arrays: dict[str, np.ndarray]) -> Program:
    return Program(plan.entries({**arrays, **plan.room()}))


def torchs(conv: Conv, threads: int) -> list[Callable[[], Any]]:
    """The same in PyTorch."""
    import torch

    torch.set_num_threads(threads)
    x = torch.randn(conv.images, conv.channels, conv.height, conv.width)
    weight = torch.randn(conv.outputs, conv.inner, *conv.kernel)
    (top, _), (left, _) = conv.padding
    options = (list(conv.stride), [top, left], list(conv.dilation), False, [0, 0], conv.groups)
    y = torch.ops.aten.convolution(x, weight, None, *options)
    backward = lambda *mask: torch.ops.aten.convolution_backward(y, x, weight, None, *options, [*mask, False])  # noqa: E731
    return [
        lambda: torch.ops.aten.convolution(x, weight, None, *options),
        lambda: backward(True, False),
        lambda: backward(False, True),
        lambda: backward(True, True),
    ]


def measure(runs: list[Callable[[], Any]], threads: int) -> tuple[list[float], float]:
    """Seconds of each, and the peak: the best of all rounds."""
    best, peak = [float("inf")] * len(runs), 0.0
    for run in runs:
        run()
    for _ in range(ROUNDS):
        peak = max(peak, peak_gflops(threads, bursts=1)[0])
        for number, run in enumerate(runs):
            end = time.perf_counter() + SECONDS
            while (began := time.perf_counter()) < end:
                run()
                best[number] = min(best[number], time.perf_counter() - began)
    return best, peak


if __name__ == "__main__":
    sys.exit(main())
