"""Attention and its gradients against the generic kernels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

import engine
from engine.kernels.cpu import attention as forwards
from engine.kernels.cpu import attention_gradient as backwards
from engine.kernels.cpu import pool
from engine.kernels.cpu.products import Matrix
from engine.kernels.generic import Kernels
from tests.engine.compiled import few, numbers


class Oracle(Kernels):
    """The generic kernels, with a mask that is given."""

    def bernoulli(self, generator, like, keep):
        return generator / np.float32(keep)


def close(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=3e-5)


sizes = st.sampled_from([1, 3, 8, 16, 20, 33])


@few
@given(
    samples=st.integers(1, 3),
    heads=st.integers(1, 3),
    queries=sizes,
    keys=sizes,
    depth=st.sampled_from([1, 5, 8, 32]),
    width=st.sampled_from([4, 20]),
    causal=st.booleans(),
    bias=st.sampled_from(["", "keys", "all"]),
    dropped=st.sampled_from([0.0, 0.25]),
    threads=st.integers(1, 2),
)
def test_attention_and_its_gradients(samples, heads, queries, keys, depth, width, causal, bias, dropped, threads):
    pool.set_num_threads(threads)
    a = {"query": numbers(samples, heads, queries, depth), "key": numbers(samples, heads, keys, depth, seed=1),
         "value": numbers(samples, heads, keys, width, seed=2), "grad": numbers(samples, heads, queries, width, seed=3),
         "mask": np.random.default_rng(4).integers(0, 2, (samples, heads, queries, keys)).astype(np.uint8)}  # fmt: skip
    shape = {"keys": (samples, 1, 1, keys), "all": (heads, queries, keys)}.get(bias)
    added, place = None, None
    if bias:
        added = a["bias"] = numbers(*shape, seed=5)
        added[..., 0] = -np.inf
        place = Matrix("bias", 0, 1, (keys, 0)) if bias == "keys" else Matrix("bias", keys, 1, (0, queries * keys))
    spec = forwards.heads(samples, heads, queries, keys, depth, width, causal=causal, dropped=dropped, bias=place)
    a |= {"out": np.empty_like(a["grad"]), "weights": np.empty((samples, heads, queries, keys), np.float32)}
    forwards.attention(spec)(**a)
    oracle, drop = Oracle(np), (a["mask"], dropped) if dropped else None
    out, weights, kept = oracle.attention(a["query"], a["key"], a["value"], added, depth**-0.5, causal, drop)
    close(a["weights"], weights)
    close(a["out"], out)
    a |= {f"d{name}": np.empty_like(a[name]) for name in ("query", "key", "value")}
    a["dscores"] = np.empty_like(weights)
    backwards.attention_gradient(spec, scores=True)(**a)
    gradients = oracle.attention_backward(a["grad"], a["query"], a["key"], a["value"], weights, kept, depth**-0.5)
    for name, want in zip(("dquery", "dkey", "dvalue", "dscores"), gradients):
        close(a[name], want)


def test_many_queries_are_taken_in_bands():
    n, heads, rows, depth = 1, 2, 301, 24
    spec = forwards.heads(n, heads, rows, rows, depth, causal=True)
    assert spec.band < rows
    a = {name: numbers(n, heads, rows, depth, seed=i) for i, name in enumerate(("query", "key", "value", "grad"))}
    a |= {"out": np.empty_like(a["grad"]), "weights": np.empty((n, heads, rows, rows), np.float32)}
    a |= {f"d{name}": np.empty_like(a[name]) for name in ("query", "key", "value")}
    forwards.attention(spec)(**a)
    backwards.attention_gradient(spec)(**a)
    oracle = Kernels(np)
    out, weights, _ = oracle.attention(a["query"], a["key"], a["value"], None, depth**-0.5, True, None)
    close(a["out"], out)
    gradients = oracle.attention_backward(a["grad"], a["query"], a["key"], a["value"], weights, None, depth**-0.5)
    for name, want in zip(("dquery", "dkey", "dvalue"), gradients):
        close(a[name], want)


def test_heads_are_read_and_written_where_they_lie_side_by_side():
    n, rows, heads, depth = 2, 9, 3, 8
    qkv, out, weights = (
        numbers(n, rows, 3, heads, depth),
        np.empty((n, rows, heads, depth), "f"),
        np.empty((n, 3, 9, 9), "f"),
    )
    far, near = rows * 3 * heads * depth, heads * depth
    place = lambda name, part: Matrix(name, 3 * near, 1, (far, depth), part * near)  # noqa: E731
    query, key, value = (place("qkv", part) for part in range(3))
    result = Matrix("out", near, 1, (rows * near, depth))
    spec = forwards.heads(n, heads, rows, rows, depth, query=query, key=key, value=value, out=result)
    forwards.attention(spec)(qkv=qkv, out=out, weights=weights)
    grad, dqkv = numbers(n, rows, heads, depth, seed=1), np.empty_like(qkv)
    gradient = backwards.attention_gradient(spec, *(place("dqkv", part) for part in range(3)))
    gradient(qkv=qkv, grad=grad, weights=weights, dqkv=dqkv)
    oracle = Kernels(np)
    q, k, v = (qkv[:, :, part].swapaxes(1, 2) for part in range(3))
    want, kept, _ = oracle.attention(q, k, v, None, depth**-0.5, False, None)
    close(out.swapaxes(1, 2), want)
    gradients = oracle.attention_backward(grad.swapaxes(1, 2), q, k, v, kept, None, depth**-0.5)
    for part, each in enumerate(gradients[:3]):
        close(dqkv[:, :, part].swapaxes(1, 2), each)


def test_a_scale_of_nothing_weighs_all_keys_alike():
    assert forwards.heads(1, 1, 4, 4, 16, scale=0.0).scale == 0.0
    assert forwards.heads(1, 1, 4, 4, 16).scale == 0.25
    query = engine.from_numpy(numbers(1, 2, 8, 16))
    step = engine.capture(lambda x: engine.nn.functional.scaled_dot_product_attention(x, x, x, scale=0.0))
    close(step(query).numpy(), np.broadcast_to(query.numpy().mean(2, keepdims=True), (1, 2, 8, 16)))
