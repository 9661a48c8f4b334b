"""What comes before and after a convolution, done in its kernel, against NumPy and the generic kernels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

from engine.kernels.aligned import aligned
from engine.kernels.cpu import convolution, pool
from engine.kernels.cpu.expression import apply, leaf
from engine.kernels.cpu.host import host
from engine.kernels.cpu.operands import Epilogue, Source
from engine.kernels.cpu.shapes import Conv
from engine.kernels.generic.convolution import Convolution
from tests.engine.compiled import aligned_numbers as numbers
from tests.engine.compiled import few, first

oracle = Convolution()
oracle.xp = np
SAME = ((1, 1), (1, 1))
RELU = apply("relu", leaf("x") * leaf("scale") + leaf("shift") + leaf("rest"))  # batch norm, a residual, ReLU
SLOPE = leaf("g") * leaf("factor") + leaf("pre") * leaf("slope") + leaf("offset")  # batch norm's gradient
FORMULAS = {
    "x": Source(("x", "rest"), ("scale", "shift"), formula=RELU),
    "dy": Source(("g", "pre"), ("factor", "slope", "offset"), formula=SLOPE),
}


def close(got, want, terms=1):
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * max(1.0, terms**0.5))


def last(array):
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1))


class Layer:
    """Arrays for a convolution, and what its passes give in NumPy."""

    def __init__(self, conv):
        self.conv = conv
        x, y = (conv.images, conv.height, conv.width, conv.channels), (conv.images, conv.out_height, conv.out_width)
        inner, outer = (conv.channels,), (conv.outputs,)
        shapes = {"x": x, "rest": x, "scale": inner, "shift": inner, "residual": (*y, conv.outputs)}
        shapes |= {"g": (*y, conv.outputs), "pre": (*y, conv.outputs), "factor": outer, "slope": outer, "offset": outer}
        shapes |= {"weight": (*conv.kernel, conv.inner, conv.outputs), "bias": outer, "below": x, "mean": inner}
        self.arrays = {name: numbers(*shape, seed=seed) for seed, (name, shape) in enumerate(shapes.items())}
        a = self.arrays
        self.x = np.maximum(a["x"] * a["scale"] + a["shift"] + a["rest"], 0)
        self.dy = a["g"] * a["factor"] + a["pre"] * a["slope"] + a["offset"]
        self.natural = np.ascontiguousarray(a["weight"].transpose(3, 2, 0, 1))  # (O, C / groups, KH, KW)
        self.options = conv.stride, conv.padding, conv.dilation, conv.groups

    def run(self, plan, **shapes):
        results = {name: aligned(shape) for name, shape in shapes.items()}
        plan(**{**self.arrays, **results})
        return results

    def forward(self, x):
        return last(oracle.conv2d(first(x), self.natural, None, *self.options))

    def dx(self, dy):
        x = self.arrays["x"]
        return last(oracle.conv2d_backward_input(first(dy), self.natural, first(x).shape, *self.options))

    def dweight(self, x, dy):
        found = oracle.conv2d_backward_weight(first(dy), first(x), self.conv.kernel, *self.options)
        return found.transpose(2, 3, 1, 0)


pair = lambda low, high: st.tuples(st.integers(low, high), st.integers(low, high))  # noqa: E731


@st.composite
def convs(draw):
    """Any window; groups and a window for each channel too."""
    kind, channels = draw(st.sampled_from(["dense", "groups", "depthwise"])), draw(st.integers(1, 40))
    groups = {"dense": 1, "groups": 2, "depthwise": channels}[kind]
    channels = channels * 2 if kind == "groups" else channels
    outputs = channels if kind == "depthwise" else draw(st.integers(1, 40)) * groups
    conv = Conv(draw(st.integers(1, 9)), *draw(pair(1, 20)), channels, outputs, draw(pair(1, 4)), draw(pair(1, 3)),
                (draw(pair(0, 3)), draw(pair(0, 3))), draw(pair(1, 2)), groups)  # fmt: skip
    sizes = zip((conv.height, conv.width), conv.padding)
    assume(all(size + sum(padding) > conv.reach(axis) for axis, (size, padding) in enumerate(sizes)))
    return conv


real = [
    Conv(8, 8, 8, 32, 48, padding=SAME),
    Conv(1, 64, 64, 32, 16, padding=SAME),
    Conv(2, 96, 64, 16, 20, stride=(2, 2), padding=SAME),
    Conv(6, 8, 8, 16, 32, (1, 1)),
    Conv(2, 64, 64, 48, 48, padding=SAME, groups=48),
    Conv(4, 8, 8, 16, 32, (4, 4), (2, 2), SAME),
    Conv(3, 28, 28, 1, 16, padding=SAME),
    Conv(4, 20, 18, 1, 16, (4, 4), (2, 2), SAME),
    Conv(2, 12, 9, 3, 40, padding=SAME),
    Conv(2, 20, 20, 16, 1, (1, 1)),
    Conv(2, 20, 40, 24, 1, padding=SAME),
    Conv(8, 4, 4, 32, 48, (4, 4)),
    Conv(2, 12, 1, 3, 4, (1, 1), (1, 3), ((0, 0), (3, 0)), groups=1),
    Conv(2, 12, 2, 5, 4, (3, 1), (1, 4), ((1, 1), (2, 0))),
]


def check_forward(conv, threads):
    pool.set_num_threads(threads)
    layer = Layer(conv)
    pieces, want = convolution.gathered(conv, "y").count, layer.forward(layer.x)
    out = (conv.images, conv.out_height, conv.out_width, conv.outputs)
    plan = convolution.forward(conv, activation="relu", residual=True, source=FORMULAS["x"], statistics=True)
    got = layer.run(plan, y=out, moments=(pieces, 2, conv.outputs))
    want = np.maximum(want + layer.arrays["residual"] + layer.arrays["bias"], 0)
    close(got["y"], want, conv.weight_size / conv.outputs)
    parts = got["y"].astype("d").reshape(pieces, -1, conv.outputs)
    close(got["moments"][:, 0], parts.mean(1), parts.var())
    close(got["moments"][:, 1], ((parts - parts.mean(1, keepdims=True)) ** 2).sum(1), parts.shape[1])


@few
@given(conv=convs(), threads=st.integers(1, 3))
def test_a_formula_is_convolved_and_the_moments_of_the_result_are_gathered(conv, threads):
    check_forward(conv, threads)


@pytest.mark.parametrize("conv", real, ids=repr)
def test_so_in_layers_of_real_networks(conv):
    check_forward(conv, 2)


GATE = apply("where_positive", leaf("below"), leaf("sum") + leaf("rest"), 0.0)
NORMAL = leaf("value") * (leaf("below") - leaf("mean"))
BELOW = Epilogue(("below", "rest"), ("mean",), formula=GATE, sums=(leaf("value"), NORMAL), moments=True)


def check_backward(conv, threads, needs_dx=True):
    pool.set_num_threads(threads)
    layer, pieces = Layer(conv), convolution.gathered(conv, "dx").count
    a = layer.arrays
    plan = convolution.backward(conv, FORMULAS["x"], FORMULAS["dy"], needs_dx, epilogue=BELOW)
    got = layer.run(
        plan,
        dx=a["x"].shape,
        dweight=a["weight"].shape,
        dbias=(conv.outputs,),
        sums=(pieces, 2, conv.channels),
        moments=(pieces, 2, conv.channels),
    )
    pixels = layer.dy[..., 0].size
    close(got["dweight"], layer.dweight(layer.x, layer.dy), pixels)
    close(got["dbias"], layer.dy.astype("d").sum((0, 1, 2)), pixels)
    if not needs_dx:
        return
    want = np.where(a["below"] > 0, layer.dx(layer.dy) + a["rest"], 0)
    close(got["dx"], want, conv.weight_size / conv.inner)
    parts = got["dx"].astype("d").reshape(pieces, -1, conv.channels)
    close(got["sums"][:, 0], parts.sum(1), parts.shape[1])
    normal = (a["below"] - a["mean"]).reshape(parts.shape)
    close(got["sums"][:, 1], (parts * normal).sum(1), parts.shape[1])
    close(got["moments"][:, 0], parts.mean(1), parts.var())


@few
@given(conv=convs(), threads=st.integers(1, 3), needs_dx=st.booleans())
def test_both_gradients_of_formulas_in_one_kernel(conv, threads, needs_dx):
    check_backward(conv, threads, needs_dx)


@pytest.mark.parametrize("conv", real, ids=repr)
def test_both_gradients_in_layers_of_real_networks(conv):
    check_backward(conv, 2)


@pytest.mark.parametrize("conv", real, ids=repr)
def test_transposed_layers_of_real_networks(conv):
    check_transposed(conv, 2)


@few
@given(conv=convs(), threads=st.integers(1, 3))
def test_a_transposed_convolution_and_its_gradients(conv, threads):
    check_transposed(conv, threads)


def check_transposed(conv, threads):
    """Forwards it is the input gradient: it reads what is laid out as y, and its result is laid out as x."""
    pool.set_num_threads(threads)
    layer = Layer(conv)
    a, pieces = layer.arrays, convolution.gathered(conv, "dx").count
    forward = convolution.input_gradient(conv, source=FORMULAS["dy"], epilogue=Epilogue(moments=True))
    got = layer.run(forward, dx=a["x"].shape, moments=(pieces, 2, conv.channels))
    want = layer.dx(layer.dy)
    close(got["dx"], want, conv.weight_size / conv.inner)
    parts = got["dx"].astype("d").reshape(pieces, -1, conv.channels)
    close(got["moments"][:, 0], parts.mean(1), parts.var())

    gate = Epilogue(
        ("residual",), formula=apply("where_positive", leaf("residual"), leaf("sum"), 0.0), sums=(leaf("value"),)
    )
    plan = convolution.transposed_backward(conv, FORMULAS["x"], FORMULAS["dy"], epilogue=gate)
    got = layer.run(plan, y=a["g"].shape, dweight=a["weight"].shape, sums=(pieces, 1, conv.outputs))
    want = np.where(a["residual"] > 0, layer.forward(layer.x), 0)
    close(got["y"], want, conv.weight_size / conv.outputs)
    close(got["dweight"], layer.dweight(layer.x, layer.dy), layer.dy[..., 0].size)
    close(got["sums"][:, 0].astype("d").sum(0), want.astype("d").sum((0, 1, 2)), want[..., 0].size)


@pytest.mark.parametrize(
    "conv",
    [Conv(4, 8, 12, 16, 24, padding=SAME), Conv(2, 6, 6, 5, 7, (1, 1)), Conv(1, 64, 64, 32, 32, padding=SAME)],
    ids=repr,
)
@pytest.mark.parametrize("window", [(2, 2), (1, 3)])
def test_gradients_of_a_pool_above_are_read_where_they_belong(conv, window):
    layer, rng = Layer(conv), np.random.default_rng(0)
    if conv.out_width % window[1]:
        pytest.skip("windows that do not divide the image are another kernel's")
    small = (conv.images, conv.out_height // window[0], conv.out_width // window[1], conv.outputs)
    chosen = rng.integers(0, window[0] * window[1], small, np.uint8)
    values, average = numbers(*small), numbers(conv.images, conv.outputs, seed=1)
    places = chosen[:, :, None, :, None] == np.arange(window[0] * window[1]).reshape(1, 1, window[0], 1, window[1], 1)
    dy = (places * values[:, :, None, :, None]).reshape(layer.dy.shape) + average[:, None, None, :]
    source = Source(
        (), image=("average",), pooled=(("values", "chosen"),), window=window, formula=leaf("values") + leaf("average")
    )
    layer.arrays |= {"values": values, "chosen": chosen, "average": average}
    got = layer.run(
        convolution.backward(conv, FORMULAS["x"], source),
        dx=layer.x.shape,
        dweight=layer.arrays["weight"].shape,
        dbias=(conv.outputs,),
    )
    close(got["dx"], layer.dx(dy), conv.weight_size / conv.inner)
    close(got["dweight"], layer.dweight(layer.x, dy), dy[..., 0].size)


@pytest.mark.parametrize("conv", real[:3], ids=repr)
def test_what_is_gathered_does_not_depend_on_the_number_of_threads(conv):
    layer, seen = Layer(conv), set()
    for threads in (1, 2, 3):
        pool.set_num_threads(threads)
        pieces, a = convolution.gathered(conv, "dx").count, layer.arrays
        plan = convolution.input_gradient(conv, source=FORMULAS["dy"], epilogue=BELOW)
        got = layer.run(plan, dx=a["x"].shape, sums=(pieces, 2, conv.channels), moments=(pieces, 2, conv.channels))
        seen.add(b"".join(array.tobytes() for array in got.values()))
    assert len(seen) == 1


@pytest.mark.parametrize("isa", ["avx2", "plain"])
def test_lesser_processors_convolve_too(isa):
    if not host().triple.startswith("x86_64"):
        pytest.skip("the choice exists on x86-64 only")
    program = "from tests.engine.test_cpu_fusion import *; [check_backward(real[number], 2) for number in (0, 4, 7, 8)]"
    environment = {**os.environ, "LAYERLOOM_ISA": isa}
    computed = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], env=environment, timeout=120
    )
    assert computed.returncode == 0
