"""What the GPU's own kernels compute, held against the generic ones and against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.device import Device
from engine.kernels.generic import Kernels
from engine.random import Generator

GPU = Device("cuda:0")
HOST = Kernels(np)


def read(array):
    return GPU.to_numpy(array)


def test_philox_gives_the_numbers_of_its_paper():
    """The known answers of Random123 for counter 0 and key 0."""
    from engine.kernels.cuda.random import keys

    out = GPU.xp.empty(1, "uint64")
    keys(0, out)
    assert int(read(out)[0]) == (0x6627E8D5 << 32) | 0xE169C58D


@pytest.mark.parametrize("size", [1, 63, 64, 1000])
def test_a_gpu_drops_what_the_processor_drops(size):
    like = np.zeros(size, np.float32)
    expected = Device("cpu").kernels.bernoulli(Generator().manual_seed(4), like, 0.7)
    np.testing.assert_array_equal(
        read(GPU.kernels.bernoulli(Generator().manual_seed(4), GPU.asarray(like), 0.7)), expected
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_random_numbers_have_the_moments_of_their_distribution(dtype):
    generator = Generator().manual_seed(3)
    drawn = read(GPU.kernels.normal(generator, (200_000,), dtype)).astype(float)
    assert drawn.mean() == pytest.approx(0, abs=0.01)
    assert drawn.std() == pytest.approx(1, abs=0.01)
    assert (drawn**4).mean() == pytest.approx(3, abs=0.1)
    drawn = read(GPU.kernels.uniform(generator, (200_000,), dtype))
    assert drawn.dtype == dtype
    assert 0 <= drawn.min() < 0.001 < 0.999 < drawn.max() < 1
    assert np.histogram(drawn, 10)[0] == pytest.approx(20_000, rel=0.03)
    whole = read(GPU.kernels.integers(generator, -3, 4, (70_000,), "int64"))
    assert np.bincount(whole + 3) == pytest.approx(10_000, rel=0.05)
    assert sorted(read(GPU.kernels.permutation(generator, 1000, "int64"))) == list(range(1000))
    kept = read(GPU.kernels.bernoulli(generator, GPU.xp.empty(200_000, dtype), 0.8))
    assert set(np.unique(kept)) == {dtype(0), dtype(1 / 0.8)}
    assert (kept > 0).mean() == pytest.approx(0.8, abs=0.005)


def test_a_stream_of_random_numbers_can_be_taken_up_again():
    engine.manual_seed(5)
    state = engine.get_rng_state()
    first = engine.randn(20, device="cuda").cpu().numpy()
    assert not np.array_equal(first, engine.randn(20, device="cuda").cpu().numpy())
    engine.set_rng_state(state)
    assert np.array_equal(first, engine.randn(20, device="cuda").cpu().numpy())


@pytest.mark.parametrize("columns", [1, 2**28], ids=["a sample at a time", "all at once"])
@pytest.mark.parametrize(
    ("x", "weight", "stride", "padding", "dilation", "groups"),
    [((5, 3, 7, 6), (4, 3, 3, 2), (2, 1), ((1, 1), (0, 2)), (1, 1), 1),
     ((3, 4, 7, 7), (6, 2, 3, 3), (1, 2), ((2, 0), (2, 2)), (2, 3), 2),
     ((2, 3, 5, 5), (5, 3, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
     ((0, 3, 5, 5), (5, 3, 3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)],
)  # fmt: skip
def test_convolution_in_parts_is_the_convolution(x, weight, stride, padding, dilation, groups, columns, monkeypatch):
    from engine.kernels.cuda import convolution

    monkeypatch.setattr(convolution, "COLUMNS", columns)
    draw = np.random.default_rng(0)
    x, weight = draw.standard_normal(x), draw.standard_normal(weight)
    bias, options = draw.standard_normal(len(weight)), (stride, padding, dilation, groups)
    x_there, weight_there = GPU.asarray(x), GPU.asarray(weight)

    out = HOST.conv2d(x, weight, bias, *options)
    np.testing.assert_allclose(
        read(GPU.kernels.conv2d(x_there, weight_there, GPU.asarray(bias), *options)), out, atol=1e-12
    )
    grad = draw.standard_normal(out.shape)
    by_weight = GPU.kernels.conv2d_backward_weight(GPU.asarray(grad), x_there, weight.shape[2:], *options)
    expected = HOST.conv2d_backward_weight(grad, x, weight.shape[2:], *options)
    np.testing.assert_allclose(read(by_weight), expected, atol=1e-11)
    by_input = GPU.kernels.conv2d_backward_input(GPU.asarray(grad), weight_there, x.shape, *options)
    expected = HOST.conv2d_backward_input(grad, weight, x.shape, *options)
    np.testing.assert_allclose(read(by_input), expected, atol=1e-12)


@pytest.mark.counts
def test_constants_are_brought_over_once():
    from tests.gpu.strict_cupy import counts

    counts.reset()
    for _ in range(3):
        GPU.kernels.constant(np.arange(777))
    assert counts.uploads == 1


def test_an_index_outside_of_a_table_is_said_when_the_device_is_next_read():
    table = engine.randn(5, 2, device="cuda")
    engine.nn.functional.embedding(engine.tensor([0, 4], device="cuda"), table).sum().item()
    found = engine.nn.functional.embedding(engine.tensor([0, 7], device="cuda"), table)
    with pytest.raises(engine.errors.EngineError, match="index 7 was asked of a table of 5 rows"):
        found.sum().item()
    assert table.sum().item() == table.sum().item()  # said once


@pytest.mark.parametrize(
    "look",
    [
        lambda x, i: x.index_select(0, i),
        lambda x, i: x.gather(0, i.reshape(1, 2)),
        lambda x, i: x.scatter_add(0, i.reshape(1, 2), engine.ones(1, 2, device="cuda")),
        lambda x, i: engine.index_put(x, (i,), engine.ones(2, device="cuda"), accumulate=True),
    ],
)
def test_a_place_that_an_axis_does_not_have_is_said_when_the_device_is_next_read(look):
    x = engine.ones(5, 2, device="cuda")
    look(x, engine.tensor([0, 4], device="cuda")).sum().item()
    found = look(x, engine.tensor([0, 7], device="cuda"))
    with pytest.raises(engine.errors.RangeError, match="place 7 was asked of axis 0 of a tensor of 5 x 2"):
        found.sum().item()


def test_a_class_without_a_score_is_said_when_the_device_is_next_read():
    loss = engine.nn.functional.cross_entropy(engine.randn(2, 3, device="cuda"), engine.tensor([0, 3], device="cuda"))
    with pytest.raises(engine.errors.EngineError, match="class 3, and there are scores for 3 classes"):
        loss.item()
    counted = engine.nn.functional.cross_entropy(
        engine.randn(2, 3, device="cuda"), engine.tensor([0, -100], device="cuda")
    )
    assert np.isfinite(counted.item())


def test_a_length_beyond_the_frames_of_an_alignment_is_said_when_the_device_is_next_read():
    log_p, targets = engine.ones(3, 1, 2, device="cuda"), engine.tensor([[1]], device="cuda")
    lengths = [engine.tensor([n], device="cuda") for n in (4, 1)]
    loss = engine.nn.functional.ctc_loss(log_p, targets, *lengths)
    with pytest.raises(engine.errors.EngineError, match="CTCLoss: a length of the inputs is 4, expected 0 to 3"):
        loss.item()
