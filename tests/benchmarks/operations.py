"""`python -m tests.benchmarks.operations`: layers by themselves, as shares of the processor's peak.

python -m tests.benchmarks.operations                      every layer, beside PyTorch where it is installed
python -m tests.benchmarks.operations --only 3x3,linear    those whose names contain one of these
python -m tests.benchmarks.operations --threads 1          by the thread's own time: others on the machine matter less

GFLOP/s of the forward pass, the gradients of input and weight, and, of a convolution, both gradients in one kernel; the
best of many short runs, in turns with the loop that the peak is measured by. A layer at the speed of memory reads as
few GFLOP/s.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np

from engine.kernels.cpu import convolution, pool, products
from engine.kernels.cpu.program import Plan, Program, aligned
from engine.kernels.cpu.shapes import Conv
from tests.benchmarks import contenders
from tests.benchmarks.contenders import TORCH
from tests.benchmarks.peak import clock, peak_gflops

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

LINEAR = {  # samples, inputs, outputs
    "linear 64: 784-256": (64, 784, 256),
    "linear 128: 784-1024": (128, 784, 1024),
    "linear 128: 1024-1024": (128, 1024, 1024),
    "linear 64: 1568-128": (64, 1568, 128),
    "linear 1024: 128-384": (1024, 128, 384),
    "linear 1024: 256-128": (1024, 256, 128),
    "linear 1024: 128-5000": (1024, 128, 5000),
    "linear 1600: 64-512": (1600, 64, 512),
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
    for name, layer in {**LAYERS, **LINEAR}.items():
        if any(text in name for text in options.only):
            of_ours, of_torch = (ours, torchs) if isinstance(layer, Conv) else (ours_linear, torchs_linear)
            runs = of_ours(layer) + (of_torch(layer, options.threads) if with_torch else [])
            speeds, peak = measure([run for run in runs if run], options.threads)
            best = iter(speeds)
            flops = layer.flops if isinstance(layer, Conv) else 2 * prod(layer)
            rates = [run and flops * (1 + (i % len(PASSES) == 3)) / next(best) / 1e9 for i, run in enumerate(runs)]
            print(f"{name:28}" + "".join(f"{r:8.0f} {r / peak:5.0%}" if r else " " * 14 for r in rates), flush=True)
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


def ours_linear(sizes: tuple[int, int, int]) -> list[Callable[[], Any] | None]:
    """The same for a linear layer, whose gradients are two kernels."""
    samples, inputs, outputs = sizes
    rng = np.random.default_rng(0)
    shapes = dict.fromkeys(("x", "dx"), (samples, inputs)) | dict.fromkeys(("y", "dy"), (samples, outputs))
    shapes |= dict.fromkeys(("weight", "dweight"), (outputs, inputs))
    arrays = {name: aligned(shape) for name, shape in shapes.items()}
    for array in arrays.values():
        array[...] = rng.standard_normal(array.shape, np.float32)
    plans = (
        products.linear_forward(*sizes, bias=False),
        products.linear_input_gradient(*sizes),
        products.linear_weight_gradient(*sizes, bias=False),
    )
    return [*(partial(pool.run, program(plan, arrays)) for plan in plans), None]


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


def torchs_linear(sizes: tuple[int, int, int], threads: int) -> list[Callable[[], Any] | None]:
    """The same in PyTorch."""
    import torch

    torch.set_num_threads(threads)
    samples, inputs, outputs = sizes
    x, dy, weight = torch.randn(samples, inputs), torch.randn(samples, outputs), torch.randn(outputs, inputs)
    return [lambda: x @ weight.T, lambda: dy @ weight, lambda: dy.T @ x, None]


def measure(runs: list[Callable[[], Any]], threads: int) -> tuple[list[float], float]:
    """Seconds of each, and the peak: the best of all rounds."""
    best, peak, now = [float("inf")] * len(runs), 0.0, clock(threads)
    for run in runs:
        run()
    for _ in range(ROUNDS):
        peak = max(peak, peak_gflops(threads, bursts=1)[0])
        for number, run in enumerate(runs):
            end = now() + SECONDS
            while (began := now()) < end:
                run()
                best[number] = min(best[number], now() - began)
    return best, peak


if __name__ == "__main__":
    sys.exit(main())
