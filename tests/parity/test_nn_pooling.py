"""Pooling, unpooling and resampling beside PyTorch's, over their options and random shapes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import assume, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import engine  # noqa: E402
from engine import nn  # noqa: E402
from engine.kernels.cpu.eager import CpuKernels  # noqa: E402
from engine.kernels.generic import Kernels  # noqa: E402
from tests.parity.comparing_layers import arguments, same_layer, same_results  # noqa: E402

F, OURS = torch.nn.functional, nn.functional
PRECISIONS = pytest.mark.parametrize("dtype", ["float32", "float64"])
IMAGE, SEQUENCE = (2, 3, 7, 6), (2, 3, 9)

LAYERS = [
    (lambda nn: nn.MaxPool2d(2, return_indices=True), IMAGE),
    (lambda nn: nn.MaxPool2d(3, 2, 1, 2, True, True), IMAGE),
    (lambda nn: nn.MaxPool2d((3, 2), (1, 2), (1, 0), return_indices=True), IMAGE[1:]),
    (lambda nn: nn.MaxPool1d(3, 2, 1, return_indices=True, ceil_mode=True), SEQUENCE),
    (lambda nn: nn.MaxPool1d(2, return_indices=True), SEQUENCE[1:]),
    (lambda nn: nn.AdaptiveMaxPool2d(1), IMAGE),
    (lambda nn: nn.AdaptiveMaxPool2d((3, None)), IMAGE),
    (lambda nn: nn.AdaptiveMaxPool2d((4, 5), return_indices=True), IMAGE),
    (lambda nn: nn.AdaptiveMaxPool2d((9, 2)), IMAGE[1:]),
    (lambda nn: nn.AdaptiveMaxPool1d(4, return_indices=True), SEQUENCE),
    (lambda nn: nn.AdaptiveMaxPool1d(1), SEQUENCE[1:]),
    (lambda nn: nn.AdaptiveAvgPool2d((None, 4)), IMAGE),
    (lambda nn: nn.MaxPool2d(1), (0, 2, 3, 3)),
    (lambda nn: nn.AvgPool2d(3, 2, 1, True, False, 7), IMAGE),
    (lambda nn: nn.AvgPool2d((3, 1), count_include_pad=False, padding=(1, 0)), (1, 1, 4, 1)),
    (lambda nn: nn.UpsamplingNearest2d(scale_factor=2), IMAGE),
    (lambda nn: nn.UpsamplingNearest2d((3, 11)), IMAGE),
    (lambda nn: nn.UpsamplingBilinear2d(scale_factor=(1.5, 2)), IMAGE),
    (lambda nn: nn.UpsamplingBilinear2d(5), IMAGE),
    (lambda nn: nn.Upsample(scale_factor=2, mode="bicubic"), IMAGE),
    (lambda nn: nn.Upsample(scale_factor=1.5, mode="area"), SEQUENCE),
]
POWERS = [
    (lambda nn: nn.LPPool2d(2, 2), IMAGE),
    (lambda nn: nn.LPPool2d(3.0, (3, 2), (2, 1), ceil_mode=True), IMAGE),
    (lambda nn: nn.LPPool2d(float("inf"), 2), IMAGE[1:]),
    (lambda nn: nn.LPPool2d(1.5, 2), IMAGE),
    (lambda nn: nn.LPPool1d(2, 3, 2), SEQUENCE),
    (lambda nn: nn.LPPool1d(1, 4, ceil_mode=True), SEQUENCE[1:]),
    (lambda nn: nn.LPPool1d(-float("inf"), 3), SEQUENCE),
]


@PRECISIONS
@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_a_layer_agrees(make, shape, dtype):
    same_layer(make, shape, dtype=dtype, modes=("train",))


@PRECISIONS
@pytest.mark.parametrize(("make", "shape"), POWERS)
def test_a_power_pool_agrees_on_positive_values(make, shape, dtype):
    values = np.random.default_rng(0).random(shape).astype(dtype) + np.asarray(0.1, dtype)
    same_layer(make, values, dtype=dtype, modes=("train",))


SIZES = [{"size": (3, 11)}, {"size": 7}, {"scale_factor": 2.0}, {"scale_factor": (1.7, 0.6)},
         {"scale_factor": 1.3, "recompute_scale_factor": True}, {"size": (1, 1)}]  # fmt: skip
IMAGE_MODES = [("nearest", None), ("nearest-exact", None), ("area", None), ("bilinear", False), ("bilinear", True),
               ("bicubic", False), ("bicubic", True)]  # fmt: skip


@PRECISIONS
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("mode", "aligned"), IMAGE_MODES)
def test_an_image_in_another_size_agrees(mode, aligned, size, dtype):
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 6)).astype(dtype)
    options = {**size, "mode": mode, "align_corners": aligned}
    # positions are computed in the dtype of the image there, in float64 here
    same_results(lambda x: F.interpolate(x, **options), lambda x: OURS.interpolate(x, **options), x,
                 tolerance=2e-5 if dtype == "float32" else 1e-6 if "nearest" in mode else None)  # fmt: skip


@PRECISIONS
@pytest.mark.parametrize("size", [{"size": 4}, {"scale_factor": 1.7}, {"scale_factor": 3}, {"size": 1}], ids=str)
@pytest.mark.parametrize(("mode", "aligned"), [("nearest", None), ("nearest-exact", None), ("area", None),
                                               ("linear", False), ("linear", True)])  # fmt: skip
def test_a_sequence_in_another_size_agrees(mode, aligned, size, dtype):
    x = np.random.default_rng(0).standard_normal((2, 3, 7)).astype(dtype)
    options = {**size, "mode": mode, "align_corners": aligned}
    same_results(lambda x: F.interpolate(x, **options), lambda x: OURS.interpolate(x, **options), x)


@pytest.mark.parametrize("rank", [1, 2])
def test_unpooling_puts_the_maxima_back(rank):
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 6)[: rank + 2])
    for options, size in (((2,), None), ((3, 3), None), ((2, 2, 0), (8, 6)[:rank]), ((2, 2, 1), None)):

        def call(functional, options=options, size=size):
            pool, back = getattr(functional, f"max_pool{rank}d"), getattr(functional, f"max_unpool{rank}d")

            def run(x):
                values, indices = pool(x, *options, return_indices=True)
                return back(values, indices, *options, output_size=size)

            return run

        same_results(call(F), call(OURS), x)
        same_results(call(F), call(OURS), x[0])
    layers = [getattr(library.nn, f"MaxUnpool{rank}d")(3, 2, 1) for library in (torch, engine)]
    assert repr(layers[0]) == repr(layers[1])


@pytest.mark.parametrize("name", ["max_pool2d_with_indices", "adaptive_max_pool2d_with_indices"])
def test_names_with_indices_give_both(name):
    x = np.random.default_rng(0).standard_normal(IMAGE)
    same_results(lambda x: getattr(F, name)(x, 2), lambda x: getattr(OURS, name)(x, 2), x)


def test_what_is_no_number_wins_and_of_equal_values_the_first():
    values = np.zeros((1, 1, 4, 4), "float32")
    values[0, 0, 1, 1], values[0, 0, 2, 3] = np.nan, -np.inf
    values[0, 0, 2:, :2] = -np.inf
    same_results(lambda x: F.max_pool2d(x, 2, return_indices=True),
                 lambda x: OURS.max_pool2d(x, 2, return_indices=True), values)  # fmt: skip
    same_results(lambda x: F.max_pool2d(x, 3, 1, 1, return_indices=True),
                 lambda x: OURS.max_pool2d(x, 3, 1, 1, return_indices=True), values)  # fmt: skip
    same_results(lambda x: F.adaptive_max_pool2d(x, 3, return_indices=True),
                 lambda x: OURS.adaptive_max_pool2d(x, 3, return_indices=True), values)  # fmt: skip


WINDOWS = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2), st.booleans())


@settings(max_examples=60, deadline=None, derandomize=True)
@given(shape=st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(1, 9), st.integers(1, 9)), window=WINDOWS)
def test_windows_of_any_size_over_images_of_any_size(shape, window):
    kernel, stride, padding, dilation, ceil = window
    assume(padding <= kernel // 2)
    assume(min(shape[2:]) + 2 * padding >= dilation * (kernel - 1) + 1)
    assume(padding == 0 or min(shape[2:]) > dilation)  # else a window may lie in the padding alone
    x = np.random.default_rng(0).standard_normal(shape)
    for pool in (
        lambda F, x: F.max_pool2d(x, kernel, stride, padding, dilation, ceil, return_indices=True),
        lambda F, x: F.max_pool2d(x, kernel, stride, padding, dilation, ceil),
        lambda F, x: F.avg_pool2d(x, kernel, stride, padding, ceil, False) if dilation == 1 else x,
        lambda F, x: F.max_pool1d(x[0], kernel, stride, padding, dilation, ceil, return_indices=True),
        lambda F, x: F.adaptive_max_pool2d(x, (kernel, stride), return_indices=True),
        lambda F, x: F.adaptive_avg_pool2d(x, (kernel, stride)),
    ):
        same_results(lambda x, pool=pool: pool(F, x), lambda x, pool=pool: pool(OURS, x), x)


@pytest.mark.parametrize("name", ["MaxPool1d", "MaxPool2d", "AvgPool1d", "AvgPool2d", "LPPool1d", "LPPool2d",
                                  "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveAvgPool2d", "MaxUnpool1d",
                                  "MaxUnpool2d", "Upsample", "UpsamplingNearest2d",
                                  "UpsamplingBilinear2d"])  # fmt: skip
def test_a_layers_arguments_are_pytorchs(name):
    assert arguments(getattr(nn, name).__init__) == arguments(getattr(torch.nn, name).__init__)


@pytest.mark.parametrize("name", ["interpolate", "lp_pool1d", "lp_pool2d", "max_unpool1d", "max_unpool2d",
                                  "max_pool2d_with_indices", "adaptive_max_pool2d_with_indices"])  # fmt: skip
def test_a_functions_arguments_are_pytorchs(name):
    assert arguments(getattr(OURS, name)) == arguments(getattr(F, name))


@pytest.mark.parametrize(
    "fault",
    [
        lambda library, nn: nn.MaxPool2d(2, padding=2)(library.ones(1, 1, 4, 4)),
        lambda library, nn: nn.AdaptiveMaxPool2d(2)(library.ones(1, 1, 4, 4, 4)),
        lambda library, nn: nn.MaxUnpool2d(2)(library.ones(1, 1, 2, 2), library.zeros(1, 1, 2, 1).long()),
        lambda library, nn: nn.MaxUnpool2d(2)(library.ones(1, 1, 1, 1), library.zeros(1, 1, 1, 1).long() + 9),
        lambda library, nn: nn.MaxUnpool2d(2)(library.ones(1, 1, 1, 1), library.zeros(1, 1, 1, 1).long(), (7, 7)),
        lambda library, nn: nn.Upsample(scale_factor=2, mode="bicubic")(library.ones(1, 1, 4)),
        lambda library, nn: nn.Upsample(scale_factor=2, mode="area", align_corners=True)(library.ones(1, 1, 4)),
    ],
)
def test_what_pytorch_refuses_is_refused(fault):
    with pytest.raises((ValueError, RuntimeError, NotImplementedError)):
        fault(torch, torch.nn)
    with pytest.raises(engine.errors.EngineError):
        fault(engine, nn)


@pytest.mark.parametrize("options", [*itertools.product((False, True), (False, True), (None, 3))], ids=str)
def test_options_of_average_pooling_do_not_depend_on_each_other(options):
    values = np.random.default_rng(0).standard_normal((1, 2, 6, 5))
    same_results(lambda x: F.avg_pool2d(x, 3, 2, 1, *options), lambda x: OURS.avg_pool2d(x, 3, 2, 1, *options), values)


WINDOWS = {
    "max_pool1d": ((2, 3, 13), (3, 2, 1)),
    "max_pool2d": ((2, 3, 13, 12), (3, 2, 1)),
    "max_pool2d apart": ((2, 3, 12, 12), (2,)),
    "max_pool2d dilated": ((2, 3, 13, 12), (3, 2, 1, 2)),
    "max_pool2d over the end": ((2, 3, 12, 13), (3, 2, 1, 1, True)),
    "max_pool2d of many": ((8, 16, 12, 12), (3, 2, 1)),
    "max_pool3d": ((2, 3, 6, 5, 6), (3, 2, 1)),
    "adaptive_max_pool1d": ((2, 3, 12), (5,)),
    "adaptive_max_pool2d": ((2, 3, 12, 11), ((5, 4),)),
    "adaptive_max_pool3d": ((2, 3, 7, 7, 7), (3,)),
}


@pytest.mark.parametrize("kernels", [CpuKernels, Kernels])
@pytest.mark.parametrize("name", WINDOWS)
def test_of_values_that_are_none_the_last_is_the_greatest_and_of_infinite_ones_the_first(name, kernels, monkeypatch):
    monkeypatch.setattr(engine.device("cpu"), "kernels", kernels(np))
    shape, options = WINDOWS[name]
    rng = np.random.default_rng(0)
    values = rng.integers(-3, 3, shape).astype(np.float32)
    values[rng.random(shape) < 0.15], values[rng.random(shape) < 0.05] = np.nan, np.inf
    values[0] = -np.inf
    for x in (values, np.full(shape, np.nan, np.float32)):
        found = []
        for t, f in ((torch, F), (engine, OURS)):
            pool = getattr(f, name.split()[0])
            leaf = t.tensor(x, requires_grad=True)
            plain = pool(leaf, *options)
            plain.backward(t.arange(float(plain.numel())).reshape(plain.shape))
            found.append((plain.detach(), leaf.grad, *pool(leaf.detach(), *options, return_indices=True)))
        for theirs, ours in zip(*found):
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)


def test_a_second_derivative_of_a_greatest_value_picks_and_does_not_multiply():
    kernels, x = Kernels(np), np.array([[[[np.inf, 1.0], [np.nan, -np.inf]]]])
    where, geometry = np.ones((1, 1, 1, 1), np.uint8), ((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1))
    assert kernels.max_pool2d_pick(x, where, *geometry).tolist() == [[[[1.0]]]]
    back = kernels.max_pool2d_backward(np.full((1, 1, 1, 1), np.inf), where, (1, 1, 2, 2), *geometry)
    assert back.tolist() == [[[[0.0, np.inf], [0.0, 0.0]]]]
