"""Convolutions in all passes against the generic kernels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

from engine.kernels.aligned import aligned
from engine.kernels.cpu import compile, convolution, pool
from engine.kernels.cpu.eager import CpuKernels
from engine.kernels.cpu.shapes import Conv
from engine.kernels.generic import Kernels
from engine.kernels.generic.convolution import Convolution
from tests.engine.compiled import aligned_numbers as numbers
from tests.engine.compiled import few, first

oracle = Convolution()
oracle.xp = np
SAME = ((1, 1), (1, 1))


def close(got, want, terms):
    np.testing.assert_allclose(got, want, rtol=5e-5, atol=5e-6 * max(1.0, terms**0.5))


def check(conv, gated=False, residual=False, activation=""):
    x, weight = (
        numbers(conv.images, conv.height, conv.width, conv.channels),
        numbers(*conv.kernel, conv.inner, conv.outputs, seed=1),
    )
    bias, dy = (
        numbers(conv.outputs, seed=2),
        numbers(conv.images, conv.out_height, conv.out_width, conv.outputs, seed=3),
    )
    rest, options = numbers(*dy.shape, seed=4), (conv.stride, conv.padding, conv.dilation, conv.groups)
    y, dx, dweight, dbias = aligned(dy.shape), aligned(x.shape), aligned(weight.shape), aligned(conv.outputs)
    natural = np.ascontiguousarray(weight.transpose(3, 2, 0, 1))  # (O, C / groups, KH, KW)

    convolution.forward(conv, True, activation, residual)(x=x, weight=weight, bias=bias, y=y, residual=rest)
    want = oracle.conv2d(first(x), natural, bias, *options).transpose(0, 2, 3, 1) + (rest if residual else 0)
    close(y, np.maximum(want, 0) if activation == "relu" else want, weight[..., 0].size)

    convolution.input_gradient(conv, gated)(dy=dy, weight=weight, dx=dx, x=x)
    want = oracle.conv2d_backward_input(first(dy), natural, first(x).shape, *options).transpose(0, 2, 3, 1)
    close(dx, want * (x > 0) if gated else want, weight.size // conv.inner)

    convolution.weight_gradient(conv)(x=x, dy=dy, dweight=dweight, dbias=dbias)
    want = oracle.conv2d_backward_weight(first(dy), first(x), conv.kernel, *options)
    close(dweight, want.transpose(2, 3, 1, 0), dy[..., 0].size)
    close(dbias, dy.astype("d").sum((0, 1, 2)), dy[..., 0].size)


pair = lambda low, high: st.tuples(st.integers(low, high), st.integers(low, high))  # noqa: E731


@few
@given(
    images=st.integers(1, 5),
    size=pair(1, 12),
    channels=st.integers(1, 20),
    outputs=st.integers(1, 35),
    kernel=pair(1, 4),
    stride=pair(1, 3),
    vertical=pair(0, 3),
    horizontal=pair(0, 3),
    dilation=pair(1, 2),
    threads=st.integers(1, 3),
    fused=st.booleans(),
)
def test_any_window_stride_padding_and_dilation(
    images, size, channels, outputs, kernel, stride, vertical, horizontal, dilation, threads, fused
):
    conv = Conv(images, *size, channels, outputs, kernel, stride, (vertical, horizontal), dilation)
    assume(all(s + sum(p) > conv.reach(axis) for axis, (s, p) in enumerate(zip(size, conv.padding))))
    pool.set_num_threads(threads)
    check(conv, gated=fused, residual=fused, activation="relu" if fused else "")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "conv",
    [
        Conv(3, 8, 8, 4, 6, (3, 3), (2, 2), SAME, groups=2),
        Conv(2, 7, 5, 6, 9, (3, 1), (1, 1), ((1, 1), (0, 0)), groups=3),
        Conv(2, 9, 9, 20, 20, padding=SAME, groups=20),
        Conv(2, 9, 8, 5, 5, stride=(2, 2), padding=SAME, groups=5),
        Conv(3, 10, 11, 33, 33, (5, 3), (2, 1), ((2, 2), (1, 0)), (2, 1), groups=33),
        Conv(2, 6, 6, 3, 6, padding=SAME, groups=3),
        Conv(2, 12, 14, 20, 20, (13, 9), (2, 1), ((6, 6), (4, 3)), groups=20),
        Conv(1, 15, 14, 5, 5, (11, 13), (1, 1), ((7, 5), (8, 6)), (1, 2), groups=5),
    ],
    ids=repr,
)
def test_groups_and_one_window_for_each_channel(conv, threads):
    pool.set_num_threads(threads)
    check(conv, gated=True, residual=True, activation="relu")


@pytest.mark.parametrize("plan", [convolution.forward, convolution.input_gradient, convolution.weight_gradient])
def test_a_window_that_is_taller_makes_no_more_code(plan):
    def instructions(height):
        steps = plan(Conv(1, 40, 40, 16, 16, (height, 15), padding=((height // 2,) * 2, (7, 7)), groups=16)).steps
        return sum(str(step.kernel.emit(*step.kernel.parameters)).count("\n") for step in steps)

    assert instructions(31) <= 1.1 * instructions(15)


@pytest.mark.parametrize(
    "conv",
    [
        Conv(4, 14, 14, 16, 32, padding=SAME),
        Conv(2, 28, 28, 1, 16, padding=SAME),
        Conv(2, 32, 32, 3, 32, padding=SAME),
        Conv(2, 7, 7, 64, 48, padding=SAME),
        Conv(4, 8, 8, 32, 64, (1, 1)),
        Conv(2, 8, 8, 16, 32, (1, 1), (2, 2)),
        Conv(1, 64, 64, 16, 16, padding=SAME),
        Conv(2, 1, 50, 8, 8, (1, 5), (1, 1), ((0, 0), (2, 2))),
    ],
    ids=repr,
)
def test_layers_of_real_networks(conv):
    check(conv)


def test_a_plan_made_for_two_threads_is_right_with_one_and_with_three():
    conv = Conv(6, 9, 9, 16, 20, padding=SAME)
    x, dy, results = numbers(6, 9, 9, 16), numbers(6, 9, 9, 20, seed=1), []
    pool.set_num_threads(2)
    plan = convolution.weight_gradient(conv, bias=False)
    for threads in (1, 2, 3):
        pool.set_num_threads(threads)
        results.append(aligned((3, 3, 16, 20)))
        plan(x=x, dy=dy, dweight=results[-1])
    close(results[0], results[1], 500)
    assert np.array_equal(results[1], results[2])


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_are_the_same_bits_every_time(threads):
    pool.set_num_threads(threads)
    conv = Conv(5, 12, 12, 16, 24, padding=SAME)
    x, dy, seen = numbers(5, 12, 12, 16), numbers(5, 12, 12, 24, seed=1), set()
    plan = convolution.weight_gradient(conv)
    for _ in range(5):
        dweight, dbias = aligned((3, 3, 16, 24)), aligned(24)
        plan(x=x, dy=dy, dweight=dweight, dbias=dbias)
        seen.add(dweight.tobytes() + dbias.tobytes())
    assert len(seen) == 1


def test_patches_far_apart_are_written_out_once():
    """For each of 64 kinds of pixels they were 10 MB of code, which took the compiler minutes and all memory."""
    conv = Conv(2, 32, 32, 3, 64, (8, 8), (8, 8))
    (step,) = convolution.input_gradient(conv).steps
    assert len(str(step.kernel.emit(*step.kernel.parameters))) < 10**6
    check(Conv(2, 12, 16, 3, 16, (4, 4), (4, 4)))


def test_strides_with_too_many_kinds_of_pixels_are_left_to_numpy():
    grad, weight = numbers(1, 12, 2, 2), numbers(12, 2, 40, 40, seed=1)
    options = (1, 2, 64, 64), (20, 20), ((0, 0), (0, 0)), (1, 1), 1
    before = dict(compile.statistics)
    result = CpuKernels(np).conv2d_backward_input(grad, weight, *options)
    assert compile.statistics == before
    assert np.array_equal(result, Kernels(np).conv2d_backward_input(grad, weight, *options))
