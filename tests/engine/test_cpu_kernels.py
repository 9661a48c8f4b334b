"""The kernel set of the processor beside its generic twin: every kernel that it has, on random shapes and layouts."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

import engine
from engine.kernels.cpu import pool
from engine.kernels.cpu.eager import CpuKernels
from engine.kernels.cpu.eager.elementwise import BACKWARD, BINARY, UNARY
from engine.kernels.generic import Kernels
from engine.kernels.update import Pace
from engine.optim.adam import adam_rule
from engine.optim.rprop import rprop_rule
from engine.optim.sgd import sgd_rule
from engine.random import Generator

few = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
fast, oracle = CpuKernels(np), Kernels(np)


class Draw:
    """Random arrays of a drawn shape, each in a drawn memory order, some of them parts of larger ones."""

    def __init__(self, data):
        self.data, self.rng = data, np.random.default_rng(data.draw(st.integers(0, 99)))

    def one_of(self, *values):
        return self.data.draw(st.sampled_from(values))

    def size(self, low, high):
        return self.data.draw(st.integers(low, high))

    def array(self, *shape):
        how = self.one_of("C", "C", "last", "reversed", "part")
        order = list(range(len(shape)))
        if how == "last" and len(shape) > 2:
            order = [0, *order[2:], 1]
        if how == "reversed":
            order = order[::-1]
        lengths = [shape[axis] * (2 if how == "part" else 1) for axis in order]
        values = np.asarray(self.rng.standard_normal(lengths), np.float32)
        if how == "part":
            values = values[tuple(slice(0, None, 2) for _ in lengths)]
        return np.asarray(values.transpose(np.argsort(order)))

    def targets(self, classes, *shape):
        return self.rng.integers(0, classes, shape)


drawn = st.builds(Draw, st.data())


def agree(name, *arguments, tolerance=1e-4):
    got, expected = getattr(fast, name)(*arguments), getattr(oracle, name)(*arguments)
    pairs = zip(got, expected, strict=True) if isinstance(expected, tuple) else [(got, expected)]
    for one, two in pairs:
        same(name, one, two, tolerance)


def same(name, one, two, tolerance=1e-4):
    if two is None:
        assert one is None, name
        return
    one, two = np.asarray(one), np.asarray(two)
    assert (one.shape, one.dtype) == (two.shape, two.dtype), name
    scale = float(np.abs(two).max()) if two.size else 0.0
    np.testing.assert_allclose(one, two, rtol=tolerance, atol=tolerance * scale + 1e-6, err_msg=name)


@pytest.mark.parametrize("name", [*UNARY, "leaky_relu"])
@few
@given(draw=drawn)
def test_functions_of_one_array(name, draw):
    x = draw.array(draw.size(1, 9), draw.size(1, 40), draw.size(100, 200))
    if name in ("log", "sqrt"):
        x = np.abs(x) + np.float32(0.1)
    agree(name, x, *([0.1] if name == "leaky_relu" else []))


def test_an_option_of_minus_zero_is_another_than_zero():
    x = np.full(5000, -1, np.float32)
    assert np.signbit(fast.leaky_relu(x, 0.0)).all()
    assert not np.signbit(fast.leaky_relu(x, -0.0)).any()


@pytest.mark.parametrize("name", [*BACKWARD, "leaky_relu_backward", "bce_with_logits"])
@few
@given(draw=drawn)
def test_gradients_of_functions_of_one_array(name, draw):
    shape = draw.size(1, 9), draw.size(1, 40), draw.size(100, 200)
    more = {"leaky_relu_backward": [0.1], "bce_with_logits": [None]}.get(name, [])
    agree(name, draw.array(*shape), draw.array(*shape), *more)


@pytest.mark.parametrize("name", BINARY)
@few
@given(draw=drawn)
def test_arithmetic_stretches_as_numpy_does(name, draw):
    shape = draw.size(1, 9), draw.size(1, 40), draw.size(400, 500)
    a = draw.array(*shape)
    b = draw.one_of(
        lambda: draw.array(*shape), lambda: draw.array(*shape[1:]), lambda: draw.array(shape[0], 1, shape[2]),
        lambda: draw.array(shape[1], 1), lambda: 3, lambda: 0.5, lambda: np.float32(2), lambda: np.float64(2),
        lambda: draw.array(*shape).astype(np.float64), lambda: np.ones(shape, np.int64),
    )()  # fmt: skip
    agree(name, a, b)
    if np.result_type(a, b) == np.float32:
        target, expected = a.copy(order="K"), a.copy()
        assert getattr(fast, name)(target, b, out=target) is target
        same(name, target, getattr(oracle, name)(expected, b, out=expected))


@few
@given(draw=drawn)
def test_products(draw):
    m, k, n = (draw.size(1, 70) for _ in range(3))
    batch = tuple(draw.size(1, 4) for _ in range(draw.size(0, 2)))
    bias = draw.one_of(None, draw.array(n))
    agree("linear", draw.array(*batch, m, k), draw.array(n, k), bias)
    agree("linear_backward_weight", draw.array(*batch, m, n), draw.array(*batch, m, k))
    agree("linear_backward_bias", draw.array(*batch, m, n))
    agree("linear_backward_input", draw.array(*batch, m, n), draw.array(n, k))
    agree("matmul", draw.array(*batch, m, k), draw.one_of(draw.array(*batch, k, n), draw.array(k, n)))
    agree("matmul_backward_left", draw.array(*batch, m, n), draw.array(*batch, k, n), (*batch, m, k))
    agree("matmul_backward_right", draw.array(*batch, m, n), draw.array(*batch, m, k), (*batch, k, n))


@few
@given(draw=drawn)
def test_convolution_in_all_passes(draw):
    groups = draw.one_of(1, 1, 2, 6)
    n, c, o = draw.size(1, 3), 6 * draw.size(1, 3), 6 * draw.size(1, 3)
    size, kernel = (draw.size(5, 12), draw.size(5, 12)), (draw.size(1, 3), draw.size(1, 3))
    stride, dilation = (draw.size(1, 2), draw.size(1, 2)), (draw.size(1, 2), draw.size(1, 2))
    padding = ((draw.size(0, 2), draw.size(0, 2)), (draw.size(0, 2), draw.size(0, 2)))
    geometry = stride, padding, dilation, groups
    x, weight = draw.array(n, c, *size), draw.array(o, c // groups, *kernel)
    agree("conv2d", x, weight, draw.one_of(None, draw.array(o)), *geometry)
    grad = draw.array(*oracle.conv2d(x, weight, None, *geometry).shape)
    agree("conv2d_backward_weight", grad, x, kernel, *geometry)
    agree("conv2d_backward_bias", grad)
    agree("conv2d_backward_input", grad, weight, x.shape, *geometry)
    larger = (n, c, size[0] + draw.size(0, 3), size[1] + draw.size(0, 3))  # as a transposed convolution may ask for
    agree("conv2d_backward_input", grad, weight, larger, *geometry)


@few
@given(draw=drawn)
def test_pooling(draw):
    n, c, h, w = draw.size(1, 3), draw.size(1, 40), draw.size(5, 12), draw.size(5, 12)
    kernel, stride = (draw.size(1, 3), draw.size(1, 3)), (draw.size(1, 3), draw.size(1, 3))
    pad, dilation = min(draw.size(0, 1), min(kernel) // 2), draw.one_of((1, 1), (2, 1))
    more = draw.size(0, 1)  # as where the last window hangs over the edge
    widths = ((pad, pad + more), (pad, pad))
    spans = [s + sum(p) - d * (k - 1) - 1 for s, p, d, k in zip((h, w), widths, dilation, kernel)]
    out = tuple(span // step + 1 for span, step in zip(spans, stride))
    x, grad = draw.array(n, c, h, w), draw.array(n, c, *out)
    got, where = fast.max_pool2d(x, kernel, stride, widths, dilation, out)
    expected, from_there = oracle.max_pool2d(x, kernel, stride, widths, dilation, out)
    np.testing.assert_array_equal(got, expected)
    geometry = x.shape, kernel, stride, widths, dilation
    same(
        "max", fast.max_pool2d_backward(grad, where, *geometry), oracle.max_pool2d_backward(grad, from_there, *geometry)
    )
    if dilation == (1, 1):
        divisor = draw.one_of(float(kernel[0] * kernel[1]), 3.0, np.ones(out))
        agree("avg_pool2d", x, kernel, stride, widths, out, divisor)
        agree("avg_pool2d_backward", grad, x.shape, kernel, stride, widths, divisor)
    agree("mean", x, (2, 3), draw.one_of(True, False))


@few
@given(draw=drawn)
def test_batch_norm(draw):
    rest = draw.one_of((), (draw.size(1, 50),), (draw.size(1, 12), draw.size(1, 12)))
    n, c = draw.size(2, 60), draw.size(1, 40)
    x, (mean, rstd, weight, bias) = draw.array(n, c, *rest) + np.float32(30), (draw.array(c) for _ in range(4))
    weight, bias = draw.one_of((weight, bias), (None, None))
    agree("batch_statistics", x)
    agree("scale_shift", x, mean + np.float32(30), rstd, weight, bias)
    agree("batch_norm_backward", draw.array(*x.shape), x, mean + np.float32(30), rstd, weight, draw.one_of(True, False))


@few
@given(draw=drawn)
def test_layer_norm(draw):
    rows, columns = (draw.size(1, 9), draw.size(1, 40)), draw.one_of((draw.size(1, 90),), (draw.size(1, 9), 7))
    weight, bias = draw.one_of((draw.array(*columns), draw.array(*columns)), (None, None))
    axes = tuple(range(2, 2 + len(columns)))
    x = draw.array(*rows, *columns)
    agree("layer_norm", x, weight, bias, axes, 1e-5)
    _, mean, rstd = oracle.layer_norm(x, weight, bias, axes, 1e-5)
    grad = draw.array(*x.shape)
    got = fast.layer_norm_backward(grad, x, mean, rstd, weight, axes)
    expected = oracle.layer_norm_backward(grad, x, mean, rstd, weight, axes)
    for one, two in zip(got[: 3 if weight is not None else 1], expected):
        same("layer_norm_backward", one, two, 1e-3)


@few
@given(draw=drawn)
def test_softmax_and_cross_entropy(draw):
    shape = draw.one_of((draw.size(1, 90), draw.size(1, 90)), (3, draw.size(1, 9), 5, 20))
    axis, x = draw.size(-2, 1), draw.array(*shape)
    for name in ("softmax", "log_softmax"):
        agree(name, x, axis)
        agree(f"{name}_backward", draw.array(*shape), getattr(oracle, name)(x, axis), axis)
    if len(shape) == 2:
        target = draw.targets(shape[1], shape[0])
        share = draw.one_of(draw.array(shape[0]), np.float32(0.25))
        ignored = draw.one_of(None, target == 0)
        agree("cross_entropy_backward", share, oracle.log_softmax(x, 1), target, ignored)


@few
@given(draw=drawn)
def test_rows_of_a_table(draw):
    rows, columns, kind = draw.size(1, 50), draw.size(1, 70), draw.one_of("int64", "int32")
    index = draw.targets(rows, draw.size(1, 300), 2).astype(kind)
    agree("rows", draw.array(rows, columns), index)
    agree("add_rows", rows, index.reshape(-1), draw.array(index.size, columns))


@few
@given(draw=drawn)
def test_attention(draw):
    heads, queries, keys, width = (
        (draw.size(1, 3), draw.size(1, 4)),
        draw.size(1, 40),
        draw.size(1, 40),
        draw.size(1, 40),
    )
    query, key, value = draw.array(*heads, queries, width), draw.array(*heads, keys, width), draw.array(*heads, keys, 9)
    bias, causal = draw.one_of((None, False), (None, True), (draw.array(queries, keys), False))
    agree("attention", query, key, value, bias, 0.3, causal, None)
    _, weights, _ = oracle.attention(query, key, value, bias, 0.3, causal, None)
    kept = draw.one_of(None, (draw.array(*weights.shape) > 0).astype(np.float32) * 2)
    agree("attention_backward", draw.array(*heads, queries, 9), query, key, value, weights, kept, 0.3)


@few
@given(draw=drawn)
def test_recurrent_layers_there_and_back(draw):
    steps, n, inputs, size = draw.size(1, 6), draw.size(1, 9), draw.size(1, 30), draw.size(1, 40)
    reverse, initial, biased = (draw.one_of(True, False) for _ in range(3))
    x, hidden, cell = draw.array(steps, n, inputs), *(draw.array(n, size) if initial else None for _ in range(2))
    small = lambda *shape: draw.array(*shape) * np.float32(0.3)  # noqa: E731
    grad, grad_and_last = draw.array(steps, n, size), draw.array(steps + 1, n, size)

    def weights(gates):
        bias = (small(gates * size), small(gates * size)) if biased else (None, None)
        return small(gates * size, inputs), small(gates * size, size), *bias

    for relu in (False, True):
        parts = weights(1)
        agree("rnn", x, hidden, *parts, relu, reverse)
        out = oracle.rnn(x, hidden, *parts, relu, reverse)
        agree("rnn_backward", grad, out, parts[1], relu, reverse)
    parts = weights(4)
    agree("lstm", x, hidden, cell, *parts, None, reverse)
    _, gates, cells = oracle.lstm(x, hidden, cell, *parts, None, reverse)
    agree("lstm_backward", grad_and_last, cell, parts[1], None, gates, cells, reverse)
    parts = weights(3)
    agree("gru", x, hidden, *parts, reverse)
    states, gates, recalled = oracle.gru(x, hidden, *parts, reverse)
    before = oracle.states_before(states, hidden, reverse)
    agree("gru_backward", grad, before, parts[1], gates, recalled, reverse)


@pytest.mark.parametrize("rule", [sgd_rule(), adam_rule(weight_decay=0.1, decoupled=True), rprop_rule(maximize=True)])
@pytest.mark.parametrize("steps", [(3, 3, 3, 3), (3, 4, 1, 3)])
@few
@given(draw=drawn)
def test_steps_of_the_optimizers(rule, steps, draw):
    shapes = [(draw.size(1, 90), draw.size(1, 90)), (2100,), (), (draw.size(1, 20), 3, 2, 2)]
    params, grads = ([draw.array(*shape) for shape in shapes] for _ in range(2))
    states = [[np.asarray((np.abs(p) + 9) / np.float32(9**i)) for p in params] for i in range(len(rule.state))]
    room = lambda i, n: [np.empty(shapes[i], np.float32) for _ in range(n)]  # noqa: E731
    pace = Pace(rule, [tuple(0.1 * step + 0.05 * i for i in range(len(rule.scalars))) for step in steps])
    copied = [[np.copy(a, order="K") for a in arrays] for arrays in (params, grads, *states)]
    fast.update_step(params, grads, states, room, pace)
    oracle.update_step(copied[0], copied[1], copied[2:], room, pace)
    for ours, theirs in zip((params, *states), (copied[0], *copied[2:]), strict=True):
        for one, two in zip(ours, theirs, strict=True):
            same("update_step", one, two)


def test_what_is_not_float32_or_has_no_elements_is_the_generic_kernels():
    for kind in (np.float64, np.float16):
        x, weight = np.ones((64, 64), kind), np.ones((64, 64), kind)
        assert fast.linear(x, weight).dtype == kind
        assert fast.relu(x).dtype == kind
    assert fast.linear(np.ones((0, 64), np.float32), np.ones((64, 64), np.float32)).shape == (0, 64)
    assert fast.conv2d(np.ones((0, 3, 9, 9), np.float32), np.ones((4, 3, 3, 3), np.float32), None, (1, 1),
                       ((0, 0), (0, 0)), (1, 1), 1).shape == (0, 4, 7, 7)  # fmt: skip


def test_a_mask_is_drawn_from_the_generator_alone():
    like = np.empty((200, 200), np.float32)
    generator = Generator().manual_seed(7)
    state = generator.get_state()
    first, second = (fast.bernoulli(generator, like, 0.75) for _ in range(2))
    assert set(np.unique(first)) == {0, np.float32(1 / 0.75)}
    assert abs((first > 0).mean() - 0.75) < 0.02
    assert (first != second).any()
    generator.set_state(state)
    pool.set_num_threads(3)
    np.testing.assert_array_equal(first, fast.bernoulli(generator, like, 0.75))


def test_what_a_user_still_holds_is_not_written_over():
    x = np.ones((300, 300), np.float32)
    held = [fast.mul(x, float(i)) for i in range(8)]
    part = fast.mul(x, 9.0)[5:6]
    for _ in range(20):
        fast.mul(x, 0.0)
    assert [array[7, 7] for array in held] == [float(i) for i in range(8)]
    assert part[0, 0] == 9.0


def test_two_threads_that_call_in_at_once_get_what_each_asked_for():
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal((2, 8, 24, 24)).astype(np.float32) for _ in range(4)]
    weight = rng.standard_normal((16, 8, 3, 3)).astype(np.float32)
    geometry = None, (1, 1), ((1, 1), (1, 1)), (1, 1), 1
    expected = [fast.relu(fast.conv2d(x, weight, *geometry)) for x in inputs]
    wrong = []

    def call(x, result):
        for _ in range(200):
            if not np.array_equal(fast.relu(fast.conv2d(x, weight, *geometry)), result):
                wrong.append(x)

    threads = [threading.Thread(target=call, args=pair) for pair in zip(inputs, expected)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def losses(threads):
    pool.set_num_threads(threads)
    engine.manual_seed(0)
    nn = engine.nn
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.2), nn.Flatten(),
        nn.Linear(16 * 64, 10),
    )  # fmt: skip
    optimizer = engine.optim.Adam(model.parameters())
    x, target = engine.randn(16, 3, 16, 16), engine.randint(10, (16,))
    values = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    return values


def test_a_training_is_the_same_every_time_for_a_number_of_threads():
    assert losses(2) == losses(2)
    assert losses(3) == pytest.approx(losses(1), rel=1e-4)


def test_the_number_of_threads_does_not_show_where_it_may_not():
    engine.use_deterministic_algorithms(True)
    assert engine.are_deterministic_algorithms_enabled()
    try:
        assert losses(1) == losses(2) == losses(3)
    finally:
        engine.use_deterministic_algorithms(False)


def weights_of_a_transformer(threads, captured):
    engine.set_num_threads(threads)
    engine.manual_seed(0)
    nn = engine.nn
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, norm_first=True)
    model = nn.Sequential(nn.Embedding(1000, 64), layer, nn.Linear(64, 1000))
    optimizer = engine.optim.Adam(model.parameters())

    def step(tokens, target):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(tokens).reshape(-1, 1000), target).backward()
        optimizer.step()

    step = engine.capture(step) if captured else step
    for _ in range(2):
        step(engine.randint(1000, (16, 32)), engine.randint(1000, (16 * 32,)))
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("captured", [False, True])
def test_the_number_of_threads_does_not_show_in_a_transformer(captured):
    engine.use_deterministic_algorithms(True)
    try:
        alone, shared = (weights_of_a_transformer(threads, captured) for threads in (1, 3))
    finally:
        engine.use_deterministic_algorithms(False)
    assert [name for name in alone if alone[name].tobytes() != shared[name].tobytes()] == []


def test_the_number_of_threads_is_set_and_told():
    engine.set_num_threads(3)
    assert engine.get_num_threads() == 3
    for wrong in (0, 63, 1.5, True):
        with pytest.raises(engine.errors.EngineError, match=r"set_num_threads: .* from 1 to 62"):
            engine.set_num_threads(wrong)
