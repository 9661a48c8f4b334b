"""Contractions, packing and matrix products against NumPy, on sizes that nothing divides."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

from engine.kernels.aligned import aligned
from engine.kernels.cpu import contraction, pack, pool, products, updates
from engine.kernels.cpu.expression import apply, leaf
from engine.kernels.cpu.geometry import Chunk, Contraction, Dim, chunk, cut, pieces
from engine.kernels.cpu.host import Host
from engine.kernels.cpu.products import Matrix
from engine.kernels.cpu.program import Plan, Program, Step
from engine.optim.adam import adam_rule
from engine.optim.sgd import sgd_rule
from tests.engine.compiled import aligned_numbers as numbers
from tests.engine.compiled import few

threads = st.integers(1, 2)
sizes = st.one_of(st.integers(1, 20), st.sampled_from([31, 33, 48, 50, 65, 100]))


def close(got, want, terms):
    """Float32 sums of so many products."""
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=3e-6 * max(1.0, terms**0.5))


@few
@given(
    m=sizes,
    k=sizes,
    n=sizes,
    batch=st.integers(1, 3),
    a_turned=st.booleans(),
    b_turned=st.booleans(),
    threads=st.integers(1, 3),
)
def test_products_of_every_orientation(m, k, n, batch, a_turned, b_turned, threads):
    pool.set_num_threads(threads)
    a, b, c = (
        numbers(batch, *((k, m) if a_turned else (m, k))),
        numbers(batch, *((n, k) if b_turned else (k, n)), seed=1),
        numbers(batch, m, n),
    )
    lie_a = Matrix("a", *((1, m) if a_turned else (k, 1)), m * k)
    lie_b = Matrix("b", *((1, k) if b_turned else (n, 1)), k * n)
    half = leaf("sum") * 0.5
    products.product(m, k, n, lie_a, lie_b, Matrix("c", n, 1, m * n), batch, half)(a=a, b=b, c=c)
    want = (a.swapaxes(1, 2) if a_turned else a).astype("d") @ (b.swapaxes(1, 2) if b_turned else b)
    close(c, want * 0.5, k)


@few
@given(
    n=sizes,
    i=sizes,
    o=sizes,
    bias=st.booleans(),
    activation=st.sampled_from(["", "relu", "tanh", "sigmoid", "gelu"]),
    threads=st.integers(1, 2),
)
def test_linear_layers_in_all_passes(n, i, o, bias, activation, threads):
    pool.set_num_threads(threads)
    x, weight, b, dy = numbers(n, i), numbers(o, i, seed=1), numbers(o, seed=2), numbers(n, o, seed=3)
    y, dx, dweight, dbias = aligned((n, o)), aligned((n, i)), aligned((o, i)), aligned(o)
    products.linear_forward(n, i, o, bias, "" if activation in ("gelu", "sigmoid", "tanh") else activation)(
        x=x, weight=weight, bias=b, y=y
    )
    want = x.astype("d") @ weight.T + (b if bias else 0)
    close(y, np.maximum(want, 0) if activation == "relu" else want, i)
    if activation:
        products.linear_forward(n, i, o, bias, activation)(x=x, weight=weight, bias=b, y=y)
        known = {"relu": lambda v: np.maximum(v, 0), "tanh": np.tanh, "sigmoid": lambda v: 1 / (1 + np.exp(-v))}
        if activation in known:
            close(y, known[activation](want), i)
    products.linear_input_gradient(n, i, o, gate="relu" if bias else "")(dy=dy, weight=weight, dx=dx, x=x)
    close(dx, (dy.astype("d") @ weight) * ((x > 0) if bias else 1), o)
    products.linear_weight_gradient(n, i, o)(dy=dy, x=x, dweight=dweight, dbias=dbias)
    close(dweight, dy.astype("d").T @ x, n)
    close(dbias, dy.astype("d").sum(0), n)


@pytest.mark.parametrize(("n", "i", "o"), [(24, 1024, 96), (128, 512, 64), (40, 600, 1024), (70, 2050, 33)])
def test_sizes_that_need_packing_or_a_sum_in_parts(n, i, o):
    x, weight, dy = numbers(n, i), numbers(o, i, seed=1), numbers(n, o, seed=2)
    y, dx, dweight = aligned((n, o)), aligned((n, i)), aligned((o, i))
    products.linear_forward(n, i, o, bias=False)(x=x, weight=weight, y=y)
    close(y, x.astype("d") @ weight.T, i)
    products.linear_input_gradient(n, i, o)(dy=dy, weight=weight, dx=dx)
    close(dx, dy.astype("d") @ weight, o)
    products.linear_weight_gradient(n, i, o, bias=False)(dy=dy, x=x, dweight=dweight)
    close(dweight, dy.astype("d").T @ x, n)


@few
@given(n=sizes, i=sizes, o=sizes)
def test_a_weight_with_padded_rows_and_a_gradient_that_adds_up(n, i, o):
    pitch = i + 3
    x, weight, dy = numbers(n, i), numbers(o, pitch, seed=1), numbers(n, o, seed=2)
    y, dweight = aligned((n, o)), numbers(o, pitch, seed=3)
    products.linear_forward(n, i, o, bias=False, pitch=pitch)(x=x, weight=weight, y=y)
    close(y, x.astype("d") @ weight[:, :i].T, i)
    before = dweight.copy()
    products.linear_weight_gradient(n, i, o, bias=False, accumulate=True, pitch=pitch)(dy=dy, x=x, dweight=dweight)
    close(dweight[:, :i], before[:, :i] + dy.astype("d").T @ x, n)
    assert np.array_equal(dweight[:, i:], before[:, i:])


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_are_the_same_bits_every_time(threads):
    pool.set_num_threads(threads)
    x, weight, bias = numbers(65, 130), numbers(70, 130, seed=1), numbers(70)
    plan, results = products.linear_forward(65, 130, 70, True, "relu"), []
    for _ in range(5):
        y = aligned((65, 70))
        plan(x=x, weight=weight, bias=bias, y=y)
        results.append(y.tobytes())
    assert len(set(results)) == 1


def run_contraction(spec, *arrays):
    names = tuple(map(str, range(len(arrays))))
    Plan((Step(contraction.kernel(spec), names),))(**dict(zip(names, arrays)))


@few
@given(rows=st.tuples(*[st.integers(1, 6)] * 3), columns=sizes, reduce=st.tuples(*[st.integers(1, 7)] * 3))
def test_several_axes_of_rows_and_sums_with_a_fused_residual(rows, columns, reduce):
    a, b, c, residual = (
        numbers(*rows, *reduce),
        numbers(*reduce, columns, seed=1),
        aligned((*rows, columns)),
        numbers(*rows, columns, seed=2),
    )
    in_a, in_b, in_c = ([s // 4 for s in array.strides] for array in (a, b, c))
    spec = Contraction(
        (),
        tuple(Dim(n, a=in_a[i], c=in_c[i], operands=(in_c[i],)) for i, n in enumerate(rows)),
        columns,
        tuple(Dim(n, a=in_a[3 + i], b=in_b[i]) for i, n in enumerate(reduce)),
        epilogue=apply("relu", leaf("sum") * 2.0 + leaf("0")),
        operand_columns=(1,),
    )
    run_contraction(spec, a, b, c, residual)
    close(c, np.maximum(np.tensordot(a.astype("d"), b, 3) * 2 + residual, 0), np.prod(reduce))


def test_a_number_for_each_row_is_added_to_all_its_columns():
    a, b, c, bias = numbers(7, 5), numbers(5, 40, seed=1), aligned((7, 40)), numbers(7, seed=2)
    spec = Contraction(
        (),
        (Dim(7, a=5, c=40, operands=(1,)),),
        40,
        (Dim(5, a=1, b=40),),
        epilogue=leaf("sum") + leaf("0"),
        operand_columns=(0,),
    )
    run_contraction(spec, a, b, c, bias)
    close(c, a @ b + bias[:, None], 5)


def test_a_long_sum_over_shared_operands_is_cut():
    a, b, c = numbers(4000, 40), numbers(4000, 40, seed=1), aligned((40, 40))
    spec = Contraction((), (Dim(40, a=1, c=40),), 40, (Dim(4000, a=40, b=40),), epilogue=apply("relu", leaf("sum")))
    plain = spec.simplified()
    assert chunk(plain, cut(plain), 16).steps < 4000
    run_contraction(spec, a, b, c)
    close(c, np.maximum(a.astype("d").T @ b, 0), 4000)


def test_cuts_fit_the_registers_of_every_processor():
    for host, widest in (
        (Host("a", "", "x86_64", 16, 32), 32),
        (Host("b", "", "x86_64", 8, 16), 16),
        (Host("c", "", "aarch64", 4, 32), 32),
    ):
        for rows in range(1, 70):
            for columns in (1, 7, 16, 33, 64, 100):
                spec = Contraction((Dim(1),), (Dim(rows, a=9, c=columns),), columns, (Dim(9, a=1, b=columns),))
                plan = cut(spec, host)
                assert sum(plan.sizes) == rows
                assert (max(plan.sizes) * plan.inner + 1) * plan.width < widest


@pytest.mark.parametrize(("size", "most"), [(1, 14), (14, 14), (15, 14), (100, 6)])
def test_pieces_differ_by_one_at_most(size, most):
    parts = pieces(size, most)
    assert sum(parts) == size
    assert max(parts) <= most
    assert max(parts) - min(parts) <= 1


def test_short_sums_are_not_cut():
    spec = Contraction((), (Dim(100, a=30, c=32),), 32, (Dim(30, a=1, b=32),)).simplified()
    assert chunk(spec, cut(spec), 16) == Chunk(30)


@few
@given(outer=st.integers(1, 3), rows=sizes, columns=sizes, turned=st.booleans(), width=st.sampled_from([16, 32, 64]))
def test_packing_and_transposing(outer, rows, columns, turned, width):
    source = numbers(outer, *((columns, rows) if turned else (rows, columns)))
    target = np.zeros((outer, rows, columns), np.float32)
    strides = (1, rows) if turned else (columns, 1)
    straight = source.swapaxes(1, 2) if turned else source
    move = pack.Move(((outer, rows * columns, rows * columns),), rows, columns, strides, columns)
    pool.run(Program([pack.kernel(move).bind(source, target)]))
    assert np.array_equal(target, straight)
    size = pack.panel_floats(rows, columns, width)
    packed = np.zeros((outer, size // rows // width, rows, width), np.float32)
    moves = pack.panels(rows, columns, strides, width, (outer, rows * columns, size))
    pool.run(Program([pack.kernel(*moves).bind(source, packed)]))
    assert np.array_equal(packed.transpose(0, 2, 1, 3).reshape(outer, rows, -1)[:, :, :columns], straight)


@few
@given(
    n=sizes, i=sizes, o=sizes, dropped=st.sampled_from([0.0, 0.25]), residual=st.booleans(), threads=st.integers(1, 2)
)
def test_linear_layers_with_dropout_residual_and_two_results(n, i, o, dropped, residual, threads):
    pool.set_num_threads(threads)
    x, weight, bias, rest = numbers(n, i), numbers(o, i, seed=1), numbers(o, seed=2), numbers(n, o, seed=3)
    mask = np.random.default_rng(4).integers(0, 2, (n, o)).astype(np.uint8)
    y, before = aligned((n, o)), aligned((n, o))
    plan = products.linear_forward(n, i, o, True, "relu", dropped=dropped, residual=residual, keeps_sum=True)
    plan(x=x, weight=weight, bias=bias, y=y, before=before, mask=mask, residual=rest)
    want = x.astype("d") @ weight.T + bias
    close(before, want, i)
    kept = mask / (1 - dropped) if dropped else 1
    close(y, np.maximum(want, 0) * kept + (rest if residual else 0), i)


@few
@given(n=sizes, i=sizes, o=sizes, gate=st.sampled_from(["relu", "tanh", "gelu"]), add=st.booleans())
def test_input_gradients_through_an_activation(n, i, o, gate, add):
    dy, weight, before = numbers(n, o), numbers(o, i, seed=1), numbers(n, i, seed=2)
    mask, dx = np.random.default_rng(4).integers(0, 2, (n, i)).astype(np.uint8), numbers(n, i, seed=3)
    x = np.tanh(before) if gate == "tanh" else np.maximum(before, 0)
    was = dx.astype("d") if add else 0
    products.linear_input_gradient(n, i, o, gate, dropped=0.5, accumulate=add)(
        dy=dy, weight=weight, dx=dx, x=x, before=before, mask=mask
    )
    normal = before.astype("d")
    density = np.exp(-normal * normal / 2) / np.sqrt(2 * np.pi)
    share = np.vectorize(math.erf)(normal / np.sqrt(2)) / 2 + 0.5
    slope = {"relu": x > 0, "tanh": 1 - x.astype("d") ** 2, "gelu": share + normal * density}[gate]
    close(dx, (dy.astype("d") @ weight + was) * mask * 2 * slope, o)


@few
@given(n=sizes, i=sizes, o=sizes, keeps=st.booleans(), bias=st.booleans(), threads=st.integers(1, 2))
def test_a_weight_gradient_takes_the_optimizer_along(n, i, o, keeps, bias, threads):
    pool.set_num_threads(threads)
    x, dy = numbers(n, i), numbers(n, o, seed=1)
    state = lambda: {"param": numbers(o, i), "exp_avg": numbers(o, i, seed=2), "exp_avg_sq": abs(numbers(o, i, seed=3))}  # noqa: E731
    scalars = {name: np.array([value], np.float32) for name, value in (("share", 0.1), ("rate", 0.03), ("least", 3e-9))}
    fused, apart, rule = state(), state(), adam_rule()
    a = {"x": x, "dy": dy, "dbias": aligned(o), **scalars}
    mine, own = {"dweight": aligned((o, i))}, {"dweight": aligned((o, i))}
    products.linear_weight_gradient(n, i, o, bias, update=rule, keeps_gradient=keeps)(**a, **fused, **mine)
    products.linear_weight_gradient(n, i, o, bias)(**a, **own)
    if keeps:
        close(mine["dweight"], own["dweight"], n)
    numbered = {f"{name} 0": array for name, array in {"grad": own["dweight"], **apart}.items()}
    updates.together((o * i,), rule)(**scalars, **numbered)
    for name, value in apart.items():
        close(fused[name], value, n)


@pytest.mark.parametrize(("n", "i", "o"), [(900, 70, 512), (1000, 300, 600), (64, 400, 700)])
def test_an_update_at_the_end_of_a_sum_that_is_cut(n, i, o):
    x, dy, velocity = numbers(n, i), numbers(n, o, seed=1), numbers(o, i, seed=2)
    param, rate = numbers(o, i, seed=3), np.array([0.01], np.float32)
    want = velocity * 0.9 + dy.astype("d").T @ x
    before = param.astype("d")
    rule, momentum = sgd_rule(momentum=True), np.array([0.9], np.float32)
    products.linear_weight_gradient(n, i, o, False, update=rule, keeps_gradient=False)(
        x=x, dy=dy, momentum_buffer=velocity, param=param, rate=rate, momentum=momentum
    )
    close(velocity, want, n)
    close(param, before - 0.01 * want, n)


@few
@given(
    n=st.integers(1, 3),
    heads=st.integers(1, 3),
    rows=sizes,
    depth=st.sampled_from([1, 8, 20]),
    threads=st.integers(1, 2),
)
def test_products_of_slices_that_lie_inside_another_array(n, heads, rows, depth, threads):
    pool.set_num_threads(threads)
    qkv, scores = numbers(n, rows, 3, heads, depth), aligned((n, heads, rows, rows))
    width = 3 * heads * depth
    of = lambda part: Matrix("qkv", width, 1, (rows * width, depth), part * heads * depth)  # noqa: E731
    c = Matrix("scores", rows, 1, (heads * rows * rows, rows * rows))
    products.product(rows, depth, rows, of(0), of(1).transposed, c, (n, heads))(qkv=qkv, scores=scores)
    q, k = qkv[:, :, 0].swapaxes(1, 2).astype("d"), qkv[:, :, 1].swapaxes(1, 2)
    close(scores, q @ k.swapaxes(2, 3), depth)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("n", "i", "o"), [(300, 70, 3600), (250, 190, 1300)])
def test_a_gradient_of_many_outputs_is_made_block_by_block(n, i, o, threads):
    pool.set_num_threads(threads)
    x, dy, dweight, param = numbers(n, i), numbers(n, o, seed=1), aligned((o, i)), numbers(o, i, seed=2)
    want, before = dy.astype("d").T @ x, param.astype("d")
    plan = products.linear_weight_gradient(n, i, o, bias=False, update=sgd_rule())
    assert "staged a" in plan.scratch
    plan(x=x, dy=dy, dweight=dweight, param=param, rate=np.array([0.1], np.float32))
    close(dweight, want, n)
    close(param, before - 0.1 * want, n)


@few
@given(
    n=st.integers(9, 70),
    i=st.sampled_from([512, 768, 1280]),
    o=st.integers(150, 400),
    gate=st.sampled_from(["", "relu"]),
    accumulate=st.booleans(),
    threads=st.integers(1, 3),
)
def test_blocks_of_a_weight_whose_rows_displace_each_other_are_copied(n, i, o, gate, accumulate, threads):
    pool.set_num_threads(threads)
    x, dy, weight, dx = numbers(n, i), numbers(n, o, seed=1), numbers(o, i, seed=2), numbers(n, i, seed=3)
    want = dy.astype("d") @ weight + accumulate * dx
    plan = products.linear_input_gradient(n, i, o, gate=gate, accumulate=accumulate)
    assert "staged b" in plan.scratch
    plan(x=x, dy=dy, weight=weight, dx=dx)
    close(dx, want * (x > 0) if gate else want, o)


def test_a_plan_is_made_for_the_threads_that_there_are():
    rooms = []
    for threads in (1, 2):
        pool.set_num_threads(threads)
        rooms.append(products.linear_weight_gradient(300, 70, 3600, bias=False).scratch["staged a"])
    assert rooms[1] > rooms[0]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("n", "i", "o"), [(900, 64, 1300), (270, 40, 512), (600, 33, 130)])
def test_a_small_gradient_is_summed_over_a_few_samples_at_a_time(n, i, o, threads):
    pool.set_num_threads(threads)
    x, dy, dweight, param = numbers(n, i), numbers(n, o, seed=1), aligned((o, i)), numbers(o, i, seed=2)
    want, before = dy.astype("d").T @ x, param.astype("d")
    plan = products.linear_weight_gradient(n, i, o, bias=False, update=sgd_rule())
    (spec,) = plan.steps[0].kernel.parameters
    assert spec.steps < n
    plan(x=x, dy=dy, dweight=dweight, param=param, rate=np.array([0.1], np.float32))
    close(dweight, want, n)
    close(param, before - 0.1 * want, n)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("outputs", [128, 129, 300, 512])
def test_a_weight_whose_rows_displace_each_other_is_packed_only_where_it_has_few(outputs, threads):
    pool.set_num_threads(threads)
    dy, weight, dx, x = numbers(24, outputs), numbers(outputs, 1024, seed=1), aligned((24, 1024)), numbers(24, 1024)
    plan = products.linear_input_gradient(24, 1024, outputs, gate="relu")
    assert ("packed b" in plan.scratch) == (outputs <= 128)
    plan(dy=dy, weight=weight, dx=dx, x=x)
    close(dx, np.where(x > 0, dy.astype("d") @ weight, 0.0), outputs)


def test_the_number_of_threads_changes_no_bit_of_a_product():
    found = set()
    x, weight, dy = numbers(300, 600), numbers(700, 600, seed=1), numbers(300, 700, seed=2)
    for threads in (1, 2, 3):
        pool.set_num_threads(threads)
        y, dx, dweight = aligned((300, 700)), aligned((300, 600)), aligned((700, 600))
        products.linear_forward(300, 600, 700, bias=False)(x=x, weight=weight, y=y)
        products.linear_input_gradient(300, 600, 700)(dy=dy, weight=weight, dx=dx)
        products.linear_weight_gradient(300, 600, 700, bias=False)(dy=dy, x=x, dweight=dweight)
        found.add((y.tobytes(), dx.tobytes(), dweight.tobytes()))
    assert len(found) == 1
