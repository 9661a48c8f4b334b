"""Convolutions of every rank beside PyTorch's, over their options and random shapes."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import assume, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import engine  # noqa: E402
from engine import nn  # noqa: E402
from tests.parity.comparing_layers import arguments, same_layer, same_results  # noqa: E402

F, OURS = torch.nn.functional, nn.functional
VOLUME = (2, 4, 5, 6, 4)

LAYERS = [
    (lambda nn: nn.Conv3d(4, 6, 3), VOLUME),
    (lambda nn: nn.Conv3d(4, 6, (2, 3, 1), (2, 1, 2), (1, 2, 0), (2, 1, 1), 2, False), VOLUME),
    (lambda nn: nn.Conv3d(4, 4, 3, padding="same", groups=4), VOLUME),
    (lambda nn: nn.Conv3d(4, 2, 3, padding="valid"), VOLUME[1:]),
    (lambda nn: nn.Conv3d(4, 2, 1), (1, 4, 1, 1, 1)),
    *[(lambda nn, mode=mode: nn.Conv3d(4, 2, 3, padding=(1, 2, 1), padding_mode=mode), VOLUME)
      for mode in ("reflect", "replicate", "circular")],
    *[(lambda nn, mode=mode: nn.Conv2d(4, 2, (3, 2), padding=(2, 1), padding_mode=mode, groups=2), (2, 4, 5, 6))
      for mode in ("reflect", "replicate", "circular")],
    *[(lambda nn, mode=mode: nn.Conv1d(4, 2, 4, padding="same", padding_mode=mode), (2, 4, 7))
      for mode in ("reflect", "replicate", "circular")],
    (lambda nn: nn.ConvTranspose3d(4, 6, 3), VOLUME),
    (lambda nn: nn.ConvTranspose3d(4, 6, 2, 2), VOLUME[1:]),
    (lambda nn: nn.ConvTranspose3d(4, 6, (2, 3, 1), (2, 1, 3), (1, 1, 0), (1, 0, 2), 2, False, (1, 2, 1)), VOLUME),
    (lambda nn: nn.ConvTranspose3d(4, 4, 3, 2, 1, 1, groups=4), (1, 4, 1, 2, 1)),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_a_convolution_agrees(make, shape, dtype):
    same_layer(make, shape, dtype=dtype, modes=("train",))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    rank=st.integers(1, 3), size=st.integers(1, 6), kernel=st.integers(1, 3), stride=st.integers(1, 3),
    padding=st.integers(0, 2), dilation=st.integers(1, 2), groups=st.integers(1, 2), extra=st.integers(0, 2),
)  # fmt: skip
def test_windows_of_any_size_over_shapes_of_any_size(rank, size, kernel, stride, padding, dilation, groups, extra):
    rng = np.random.default_rng(0)
    x, bias = rng.standard_normal((2, 2, *(size,) * rank)), rng.standard_normal(2)
    if size + 2 * padding >= dilation * (kernel - 1) + 1:
        weight = rng.standard_normal((2, 2 // groups, *(kernel,) * rank))
        options = (stride, padding, dilation, groups)
        same_results(lambda *i: getattr(F, f"conv{rank}d")(*i, *options),
                     lambda *i: getattr(OURS, f"conv{rank}d")(*i, *options), x, weight, bias)  # fmt: skip
    assume(extra < max(stride, dilation))
    assume((size - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1 > 0)
    weight = rng.standard_normal((2, 2 // groups, *(kernel,) * rank))
    options = (stride, padding, extra, groups, dilation)
    same_results(lambda *i: getattr(F, f"conv_transpose{rank}d")(*i, *options),
                 lambda *i: getattr(OURS, f"conv_transpose{rank}d")(*i, *options), x, weight, bias)  # fmt: skip


def test_a_transposed_convolution_of_volumes_takes_an_output_size():
    same_layer(lambda nn: nn.ConvTranspose3d(2, 3, 3, 2, 1), (1, 2, 2, 3, 2), output_size=[3, 6, 4], modes=("train",))


@pytest.mark.parametrize("name", ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d",
                                  "ConvTranspose3d"])  # fmt: skip
def test_a_layers_arguments_are_pytorchs(name):
    assert arguments(getattr(nn, name).__init__) == arguments(getattr(torch.nn, name).__init__)


@pytest.mark.parametrize(
    "fault",
    [
        lambda library, nn: nn.Conv3d(2, 2, 5)(library.ones(1, 2, 4, 6, 6)),
        lambda library, nn: nn.Conv3d(2, 2, 3)(library.ones(1, 3, 4, 6, 6)),
        lambda library, nn: nn.Conv3d(2, 2, 3)(library.ones(2, 4, 6)),
        lambda library, nn: nn.Conv3d(2, 2, 3, stride=2, padding="same"),
        lambda library, nn: nn.ConvTranspose3d(2, 2, 3, output_padding=1)(library.ones(1, 2, 4, 6, 6)),
    ],
)
def test_what_pytorch_refuses_is_refused(fault):
    with pytest.raises((RuntimeError, ValueError)):
        fault(torch, torch.nn)
    with pytest.raises(engine.errors.EngineError):
        fault(engine, nn)
