"""A self-test of the GPU for `doctor`: each part computes there and on the processor, and is held against it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import engine
from engine import nn

HERE, THERE = "cpu", "cuda"


def products(device: str) -> Any:
    """A product of matrices (cuBLAS)."""
    a = engine.arange(12.0).reshape(3, 4).to(device)
    return a @ a.T


def convolution(device: str) -> Any:
    """A convolution and its gradients (kernels of our own, compiled by NVRTC)."""
    x = engine.arange(2 * 3 * 6 * 6.0).reshape(2, 3, 6, 6).sin().to(device).requires_grad_()
    weight = engine.arange(4 * 3 * 9.0).reshape(4, 3, 3, 3).cos().to(device)
    nn.functional.conv2d(x, weight, stride=2, padding=1).square().sum().backward()
    return x.grad


def indexing(device: str) -> Any:
    """Rows of a table and their gradient (sums by index)."""
    table = engine.ones(5, 2).to(device).requires_grad_()
    nn.functional.embedding(engine.tensor([1, 1, 4]).to(device), table).sum().backward()
    return table.grad


def random_numbers(device: str) -> Any:
    """The share of a dropout that stays."""
    state = engine.get_rng_state()
    kept = nn.functional.dropout(engine.ones(100_000).to(device), 0.5)
    engine.set_rng_state(state)
    return (kept.mean() * 10).round()


def training(device: str) -> Any:
    """Ten steps of a small network with Adam."""
    x = engine.arange(64.0).reshape(16, 4).sin().to(device)
    weight = nn.Parameter((engine.arange(12.0).reshape(3, 4) / 12).to(device))
    optimizer = engine.optim.Adam([weight], lr=0.01)
    for _ in range(10):
        optimizer.zero_grad()
        nn.functional.cross_entropy(x @ weight.T, (engine.arange(16) % 3).to(device)).backward()
        optimizer.step()
    return weight.detach()


def mixed_precision(device: str) -> Any:
    """A product in float16."""
    a = (engine.arange(12.0).reshape(3, 4) / 8).to(device)
    with engine.autocast(device):
        return (a @ a.T).float()


def pinned_memory(device: str) -> Any:
    """A copy from pinned memory."""
    x = engine.arange(1000.0)
    return (x.pin_memory() if device == THERE else x).to(device)


PARTS: tuple[Callable[[str], Any], ...] = (
    products, convolution, indexing, random_numbers, training, mixed_precision, pinned_memory,
)  # fmt: skip


def tested() -> list[dict[str, str]]:
    """Each part by name, with what went wrong, if anything did."""
    return [{"part": part.__name__.replace("_", " "), "error": _fault(part)} for part in PARTS]


def _fault(part: Callable[[str], Any]) -> str:
    try:
        expected, found = part(HERE).numpy(), part(THERE).cpu().numpy()
    except Exception as error:  # the doctor reports what it finds, whatever it is
        return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    if found.shape != expected.shape:
        return f"gives {found.shape} where the processor gives {expected.shape}"
    if np.allclose(found, expected, rtol=1e-3, atol=1e-3):
        return ""
    return f"gives numbers that are up to {float(np.abs(found - expected).max()):.3g} from the processor's"
