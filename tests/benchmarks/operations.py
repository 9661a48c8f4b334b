"""`python -m tests.benchmarks.operations`: layers by themselves, as shares of the processor's peak.

python -m tests.benchmarks.operations                      every layer, beside PyTorch where it is installed
python -m tests.benchmarks.operations --only 3x3,linear    those whose names contain one of these
python -m tests.benchmarks.operations --threads 1          by the thread's own time: others on the machine matter less

GFLOP/s of the forward pass, the gradients of input and weight, and, of a convolution, both gradients in one kernel; as
shares of the loop that the peak is measured by, which runs before and after them: of several rounds the median one.
"of 60%" says that memory does not allow more: reading once what the pass reads and writing once what it writes, and no
arithmetic, takes so long on these very arrays, measured in the same rounds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from itertools import cycle
from math import prod
from typing import Any

import numpy as np

from engine.kernels.aligned import aligned
from engine.kernels.cpu import convolution, pool, products
from engine.kernels.cpu.program import Plan, Program
from engine.kernels.cpu.shapes import Conv
from tests.benchmarks import contenders, traffic
from tests.benchmarks.contenders import TORCH
from tests.benchmarks.peak import clock, peak_gflops

ROUNDS = 7
SECONDS = 0.02  # of one operation in a round
PASSES = {  # what each reads and writes
    "forward": (("x", "weight"), ("y",)),
    "dx": (("dy", "weight"), ("dx",)),
    "dweight": (("x", "dy"), ("dweight",)),
    "both": (("x", "dy", "weight"), ("dx", "dweight")),
}
Linear = tuple[int, int, int]
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
    print(f"{'GFLOP/s (share of the peak)':28}" + "".join(f"{name:>21}" for name in PASSES)
          + ("".join(f"{'torch ' + name:>14}" for name in PASSES) if with_torch else ""))  # fmt: skip
    for name, layer in {**LAYERS, **LINEAR}.items():
        if any(text in name for text in options.only):
            print(f"{name:28}" + line(layer, options.threads, with_torch), flush=True)
    return 0


def line(layer: Conv | Linear, threads: int, with_torch: bool) -> str:
    """What is found out about a layer."""
    is_conv = isinstance(layer, Conv)
    flops = layer.flops if is_conv else 2 * prod(layer)
    works = [flops, flops, flops, 2 * flops][: len(PASSES) if is_conv else 3]
    arrays = arrays_of(layer)
    plans = (conv_plans if is_conv else linear_plans)(layer)
    runs = [partial(pool.run, program(plan, arrays)) for plan in plans]
    alone = [partial(pool.run, traffic.program(*([arrays[n] for n in names] for names in PASSES[p]))) for p in PASSES]
    theirs = (torchs if is_conv else torchs_linear)(layer, threads) if with_torch else []
    found = measure([*runs, *alone[: len(runs)], *theirs], threads)
    rates = [work / seconds / 1e9 for work, (seconds, _) in zip(cycle(works), found)]
    shares = [rate / peak for rate, (_, peak) in zip(rates, found)]
    count, cells = len(works), []
    for rate, share, floor in zip(rates[:count], shares, shares[count:]):
        cells.append(f"{rate:8.0f} {share:5.0%}" + (f" of {floor:3.0%}" if floor < 1 else " " * 7))
    cells += [" " * 21] * (len(PASSES) - count)
    cells += [f"{rate:8.0f} {share:5.0%}" for rate, share in zip(rates[2 * count :], shares[2 * count :])]
    return "".join(cells)


def arrays_of(layer: Conv | Linear) -> dict[str, np.ndarray]:
    """Random numbers."""
    if isinstance(layer, Conv):
        x = (layer.images, layer.height, layer.width, layer.channels)
        y = (layer.images, layer.out_height, layer.out_width, layer.outputs)
        weight = (*layer.kernel, layer.inner, layer.outputs)
    else:
        samples, inputs, outputs = layer
        x, y, weight = (samples, inputs), (samples, outputs), (outputs, inputs)
    rng = np.random.default_rng(0)
    arrays = {}
    for name, shape in {"x": x, "dx": x, "y": y, "dy": y, "weight": weight, "dweight": weight}.items():
        arrays[name] = aligned(shape)
        arrays[name][...] = rng.standard_normal(shape, np.float32)
    return arrays


def conv_plans(conv: Conv) -> list[Plan]:
    return [
        convolution.forward(conv, bias=False),
        convolution.input_gradient(conv),
        convolution.weight_gradient(conv, bias=False),
        convolution.backward(conv, bias=False),
    ]


def linear_plans(sizes: Linear) -> list[Plan]:
    """Its gradients are two kernels."""
    return [
        products.linear_forward(*sizes, bias=False),
        products.linear_input_gradient(*sizes),
        products.linear_weight_gradient(*sizes, bias=False),
    ]


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


def torchs_linear(sizes: Linear, threads: int) -> list[Callable[[], Any]]:
    """The same in PyTorch."""
    import torch

    torch.set_num_threads(threads)
    samples, inputs, outputs = sizes
    x, dy, weight = torch.randn(samples, inputs), torch.randn(samples, outputs), torch.randn(outputs, inputs)
    return [lambda: x @ weight.T, lambda: dy @ weight, lambda: dy.T @ x]


def measure(runs: list[Callable[[], Any]], threads: int) -> list[tuple[float, float]]:
    """(seconds, the peak meanwhile) of each, from the round in which the peak's loop would have got through the median
    of operations: others on the machine make both slower.
    """
    now, rounds = clock(threads), [[] for _ in runs]
    for run in runs:
        run()
    before = peak_gflops(threads, bursts=1)[0]
    for _ in range(ROUNDS):
        for run, found in zip(runs, rounds):
            best, end = float("inf"), now() + SECONDS
            while (began := now()) < end:
                run()
                best = min(best, now() - began)
            after = peak_gflops(threads, bursts=1)[0]
            found.append((best, (before + after) / 2))
            before = after
    return [sorted(found, key=prod)[len(found) // 2] for found in rounds]


if __name__ == "__main__":
    sys.exit(main())
