"""Every op of the tables agrees with the processor's generic kernels, forwards and backwards."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import engine
from engine.device import Device
from engine.kernels.generic import Kernels
from engine.ops.arithmetic import Division
from engine.ops.transfer import Transfer
from engine.tensor import apply
from tests.engine.test_ops_gradients import CASES, Case, copies, real_inputs

GPU = Device("cuda:0")
HOST = Kernels(np)


def there(part):
    """An index with its arrays on the device."""
    if isinstance(part, tuple):
        return tuple(there(one) for one in part)
    return GPU.asarray(part) if isinstance(part, np.ndarray) else part


def on(device: Device, one: Case, dtype=None):
    """The result of an op on a device and the gradients of its inputs, all of them back on the host."""
    op = copy.copy(one.make())
    if device is GPU and hasattr(op, "index"):
        op.index = there(op.index)
    tensors = [None if x is None else engine.from_numpy(x).to(device) for x in copies(one, dtype)]
    for i in real_inputs(one):
        tensors[i].requires_grad = True
    out = apply(op, *tensors)
    found = [out]
    if op.differentiable:
        upstream = np.random.default_rng(1).standard_normal(out.shape).astype(out.dtype)
        out.backward(engine.from_numpy(np.asarray(upstream)).to(device))
        found += [tensors[i].grad for i in real_inputs(one)]
    found += [tensors[i] for i in one.constant if tensors[i] is not None]  # running statistics are changed in place
    return [None if t is None else t.detach().cpu().numpy() for t in found]


def is_drawn(one):
    """Whether random numbers take part, or it moves values only."""
    op = one.make()
    return isinstance(op, Transfer) or getattr(op, "generator", None) is not None


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("one", [c for c in CASES if not is_drawn(c)], ids=str)
def test_an_op_gives_on_a_gpu_what_it_gives_on_the_processor(one, dtype, monkeypatch):
    cpu = Device("cpu")
    monkeypatch.setattr(cpu, "kernels", HOST)
    expected = on(cpu, one, dtype)
    found = on(GPU, one, dtype)
    tolerance = {"rtol": 1e-9, "atol": 1e-11} if dtype is np.float64 else {"rtol": 3e-5, "atol": 3e-5}
    for got, wanted in zip(found, expected, strict=True):
        assert (got is None) == (wanted is None)
        if got is not None:
            assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
            np.testing.assert_allclose(got, wanted, **tolerance)


WAITS = (Division, Transfer)
"""Ops that look at their values, as whole numbers are not divided by 0, or are there to move them."""


def waits(one):
    """Whether it has to: how many places a mask names is known to the device alone."""
    index = getattr(one.make(), "index", ())
    masks = [part for part in (index if isinstance(index, tuple) else (index,)) if isinstance(part, np.ndarray)]
    return isinstance(one.make(), WAITS) or any(part.dtype.kind == "b" for part in masks)


@pytest.mark.counts
@pytest.mark.parametrize("one", [c for c in CASES if not waits(c)], ids=str)
def test_an_op_neither_waits_nor_moves_values(one):
    from tests.gpu.strict_cupy import undisturbed

    op = copy.copy(one.make())
    if hasattr(op, "index"):
        op.index = there(op.index)
    tensors = [None if x is None else engine.from_numpy(x).to(GPU) for x in copies(one, np.float32)]
    for i in real_inputs(one):
        tensors[i].requires_grad = True

    def once():
        out = apply(op, *tensors)
        if op.differentiable:
            out.backward(engine.ones_like(out))

    once()  # constants that follow from shapes are brought over
    with undisturbed(type(op).__name__):
        once()
