"""Layers that widen, and those that lay windows out, beside PyTorch's."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine import nn  # noqa: E402
from tests.parity.comparing_layers import arguments, same_layer  # noqa: E402

SHAPES = {1: (2, 3, 6), 2: (2, 3, 6, 5), 3: (1, 2, 4, 5, 3)}
WIDTHS = {1: [2, (1, 0), (-1, 2)], 2: [1, (2, 1, 0, 3), (-1, 1, 2, -2)], 3: [1, (1, 0, 2, 1, 0, 2)]}
KINDS = ("Zero", "Constant", "Reflection", "Replication", "Circular")
CASES = [(kind, rank, width) for kind in KINDS for rank in (1, 2, 3) for width in WIDTHS[rank]]


@pytest.mark.parametrize(("kind", "rank", "width"), CASES)
def test_padding_agrees(kind, rank, width):
    value = (0.5,) if kind == "Constant" else ()

    def make(nn):
        return getattr(nn, f"{kind}Pad{rank}d")(width, *value)

    same_layer(make, SHAPES[rank], modes=("train",))
    same_layer(make, SHAPES[rank][1:], dtype="float64", modes=("train",))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda nn: nn.Unfold(2), (2, 3, 4, 5)),
        (lambda nn: nn.Unfold((2, 3), dilation=(1, 2), padding=1, stride=(2, 1)), (2, 3, 4, 5)),
        (lambda nn: nn.Unfold(1), (3, 1, 1)),
        (lambda nn: nn.Fold((4, 5), 2), (2, 12, 12)),
        (lambda nn: nn.Fold((4, 5), (2, 3), (1, 2), 1, (2, 1)), (2, 18, 9)),
        (lambda nn: nn.Fold(4, 2, stride=2), (8, 4)),
    ],
)
def test_windows_as_columns_agree(make, shape, dtype):
    same_layer(make, shape, dtype=dtype, modes=("train",))


@pytest.mark.parametrize("name", [*[f"{kind}Pad{rank}d" for kind in KINDS for rank in (1, 2, 3)], "Unfold", "Fold"])
def test_a_layers_arguments_are_pytorchs(name):
    assert arguments(getattr(nn, name).__init__) == arguments(getattr(torch.nn, name).__init__)


@pytest.mark.parametrize(
    "fault",
    [
        lambda library, nn: nn.ReflectionPad2d(4)(library.ones(1, 1, 4, 4)),
        lambda library, nn: nn.CircularPad1d(5)(library.ones(1, 1, 4)),
        lambda library, nn: nn.ReplicationPad1d(1)(library.ones(1, 1, 4, 4)),
        lambda library, nn: nn.Unfold(5)(library.ones(1, 1, 4, 4)),
        lambda library, nn: nn.Fold(4, 2)(library.ones(1, 4, 4)),
    ],
)
def test_what_pytorch_refuses_is_refused(fault):
    with pytest.raises((RuntimeError, ValueError)):
        fault(torch, torch.nn)
    with pytest.raises(engine.errors.EngineError):
        fault(engine, nn)
