"""Images in another size, and seen through grids, beside PyTorch's: functions that no layer has all options of."""

from __future__ import annotations

import os

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import engine  # noqa: E402
from engine import nn  # noqa: E402
from tests.parity.comparing_layers import arguments, same_results  # noqa: E402

F, OURS = torch.nn.functional, nn.functional
few = settings(max_examples=int(os.environ.get("LAYERLOOM_EXAMPLES", "40")), deadline=None, derandomize=True,
               database=None, suppress_health_check=list(HealthCheck))  # fmt: skip
TOLERANCE = {"float32": 2e-5, "float64": 1e-10}
DTYPES = st.sampled_from(list(TOLERANCE))
MODES = st.sampled_from(["bilinear", "nearest", "bicubic"])
PADDINGS = st.sampled_from(["zeros", "border", "reflection"])


def values(seed, shape, dtype):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@few
@given(data=st.data(), dtype=DTYPES, mode=MODES, padding=PADDINGS, align=st.booleans(), rank=st.integers(2, 3))
def test_sampling_through_a_grid_agrees(data, dtype, mode, padding, align, rank):
    mode = mode if rank == 2 else "bilinear" if mode == "bicubic" else mode
    sizes = data.draw(st.tuples(st.integers(0, 2), st.integers(1, 2), *[st.integers(1, 4)] * rank))
    out = data.draw(st.tuples(*[st.integers(1, 3)] * rank))
    x, grid = values(0, sizes, dtype), values(1, (sizes[0], *out, rank), dtype) * np.asarray(1.5, dtype)

    def call(functional):
        return lambda x, grid: functional.grid_sample(x, grid, mode, padding, align)

    same_results(call(F), call(OURS), x, grid, tolerance=TOLERANCE[dtype])


@pytest.mark.filterwarnings("ignore:Since version 1.3.0, affine_grid behavior has changed for unit-size grids")
@few
@given(dtype=DTYPES, align=st.booleans(), rank=st.integers(2, 3), samples=st.integers(1, 3), data=st.data())
def test_affine_grids_agree(dtype, align, rank, samples, data):
    size = (samples, 2, *data.draw(st.tuples(*[st.integers(1, 5)] * rank)))
    theta = values(0, (samples, rank, rank + 1), dtype)
    same_results(lambda t: F.affine_grid(t, size, align), lambda t: OURS.affine_grid(t, size, align), theta,
                 tolerance=TOLERANCE[dtype])  # fmt: skip


@few
@given(dtype=DTYPES, mode=st.sampled_from(["bilinear", "bicubic"]), align=st.booleans(), data=st.data(),
       scaled=st.booleans())  # fmt: skip
def test_smaller_images_without_aliases_agree(dtype, mode, align, data, scaled):
    height, width = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 9)))
    shape = (1, 2, height * 2, width)  # PyTorch's gradient goes by the factor, its result by the rounded sizes
    options = {"scale_factor": (0.5, 2.0)} if scaled else {"size": data.draw(st.tuples(*[st.integers(1, 9)] * 2))}
    options |= {"mode": mode, "align_corners": align, "antialias": True}
    same_results(lambda x: F.interpolate(x, **options), lambda x: OURS.interpolate(x, **options),
                 values(0, shape, dtype), tolerance=TOLERANCE[dtype])  # fmt: skip


@pytest.mark.parametrize("name", ["affine_grid", "grid_sample", "max_pool3d_with_indices", "avg_pool3d", "lp_pool3d",
                                  "adaptive_avg_pool3d", "max_unpool3d"])  # fmt: skip
def test_a_functions_arguments_are_pytorchs(name):
    try:
        theirs = arguments(getattr(F, name))
    except ValueError:  # built in
        pytest.skip("PyTorch does not say")
    assert arguments(getattr(OURS, name)) == theirs


@pytest.mark.parametrize(
    "fault",
    [
        lambda F, zeros: F.grid_sample(zeros(1, 1, 3, 3), zeros(2, 2, 2, 2)),
        lambda F, zeros: F.grid_sample(zeros(1, 1, 3, 3), zeros(1, 2, 2, 3)),
        lambda F, zeros: F.grid_sample(zeros(1, 1, 3), zeros(1, 2, 1)),
        lambda F, zeros: F.grid_sample(zeros(1, 1, 3, 3, 3), zeros(1, 2, 2, 2, 3), "bicubic"),
        lambda F, zeros: F.grid_sample(zeros(1, 1, 3, 3), zeros(1, 2, 2, 2), "linear"),
        lambda F, zeros: F.grid_sample(zeros(1, 1, 3, 3), zeros(1, 2, 2, 2), "nearest", "mirror"),
        lambda F, zeros: F.grid_sample(zeros(1, 1, 3, 3), zeros(1, 2, 2, 2).double()),
        lambda F, zeros: F.affine_grid(zeros(1, 2, 2), (1, 1, 2, 2)),
        lambda F, zeros: F.affine_grid(zeros(1, 2, 3), (1, 1, 2, 0)),
        lambda F, zeros: F.affine_grid(zeros(1, 2, 3).long(), (1, 1, 2, 2)),
        lambda F, zeros: F.interpolate(zeros(1, 1, 3), 2, antialias=True),
        lambda F, zeros: F.interpolate(zeros(1, 1, 3, 3, 3), 2, mode="bilinear"),
        lambda F, zeros: F.fractional_max_pool2d(zeros(1, 1, 3, 3), 2),
        lambda F, zeros: F.fractional_max_pool2d(zeros(1, 1, 3, 3), 2, 3),
    ],
)
@pytest.mark.filterwarnings("ignore:Default grid_sample", "ignore:Default upsampling")
def test_what_pytorch_refuses_is_refused(fault):
    with pytest.raises((ValueError, RuntimeError, NotImplementedError)):
        fault(F, torch.zeros)
    with pytest.raises(engine.errors.EngineError):
        fault(OURS, engine.zeros)


@pytest.mark.parametrize(
    ("name", "shape"), [("FractionalMaxPool2d", (2, 3, 9, 8)), ("FractionalMaxPool3d", (2, 9, 8, 7))]
)
def test_fractional_pools_draw_where_their_windows_begin(name, shape):
    engine.manual_seed(0)
    x = engine.randn(*shape)
    pool = getattr(nn, name)(2, output_ratio=0.5, return_indices=True)
    first, second = pool(x), pool(x)
    assert first[0].shape == tuple(getattr(torch.nn, name)(2, output_ratio=0.5)(torch.zeros(shape)).shape)
    assert (first[1] != second[1]).any()
    assert (first[0] <= x.max()).all()
