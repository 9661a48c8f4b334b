"""One call run with both libraries: results, dtypes and the gradients of all real inputs held against each other."""

from __future__ import annotations

import warnings
from functools import wraps

import numpy as np
import pytest
import torch

import engine
import engine.errors

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def agree(ours, theirs, what, tolerance, least=0):
    """The same shape, dtype and, relative to the greatest value of the result (or `least`), values."""
    ours, theirs = ours.numpy(), np.asarray(theirs.numpy(force=True))
    assert tuple(ours.shape) == tuple(theirs.shape), f"{what}: {ours.shape} for {theirs.shape}"
    assert str(ours.dtype) == str(theirs.dtype), f"{what}: {ours.dtype} for {theirs.dtype}"
    if ours.dtype.kind != "f":
        np.testing.assert_array_equal(ours, theirs, err_msg=what)
        return
    scale = np.abs(theirs[np.isfinite(theirs)]).max(initial=least)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * scale, err_msg=what)


def silent(function):
    """Without NumPy's warnings of infinities, which the engine silences, too."""

    @wraps(function)
    def call(*args, **named):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return function(*args, **named)

    return call


def parts(value):
    """The tensors among what a call returned."""
    if isinstance(value, tuple | list):
        return [part for each in value for part in parts(each)]
    return [value]


def is_tensor(value):
    return isinstance(value, engine.Tensor | torch.Tensor)


def tensors(t, arrays, dtype):
    made = []
    for x in arrays:
        x = x.astype(dtype) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x
        made.append(t.tensor(x) if isinstance(x, np.ndarray) else x)
        if isinstance(x, np.ndarray) and x.dtype.kind == "f":
            made[-1].requires_grad_()
    return made


def forward(t, call, arrays, dtype):
    """(the parts of the result, the inputs) with one of the two libraries."""
    inputs = tensors(t, arrays, dtype)
    return parts(call(t, *inputs)), inputs


def backward(t, found, inputs):
    """The gradients of the inputs, of a random sum of all results."""
    draw, loss = np.random.default_rng(5005), None
    for y in found:
        if is_tensor(y) and "float" in str(y.dtype):
            weight = np.asarray(draw.standard_normal(tuple(y.shape)), str(y.dtype).removeprefix("torch."))
            if not y.requires_grad:
                continue
            part = (y * t.tensor(weight)).sum()
            loss = part if loss is None else loss + part
    if loss is not None:
        loss.backward()
    return [x.grad if is_tensor(x) else None for x in inputs]


@silent
def same(call, *arrays, dtype="float32", tolerance=None, gradients=True):
    """call(engine, *tensors) beside call(torch, *tensors); what PyTorch refuses has to be refused in a sentence."""
    tolerance = TOLERANCE[dtype] if tolerance is None else tolerance
    try:
        theirs, their_inputs = forward(torch, call, arrays, dtype)
    except (RuntimeError, IndexError, TypeError, ValueError):
        with pytest.raises(engine.errors.EngineError):
            forward(engine, call, arrays, dtype)
        return
    ours, our_inputs = forward(engine, call, arrays, dtype)
    assert len(ours) == len(theirs)
    for i, (a, b) in enumerate(zip(ours, theirs)):
        if not is_tensor(b):
            assert a == b, f"result {i}"
            continue
        agree(a.detach(), b.detach(), f"result {i}", tolerance)
        assert not gradients or a.requires_grad == b.requires_grad, f"result {i}"
    if not gradients:
        return
    both = backward(engine, ours, our_inputs), backward(torch, theirs, their_inputs)
    for i, (a, b) in enumerate(zip(*both)):
        assert (a is None) == (b is None), f"gradient of input {i}"
        if b is not None:
            agree(a, b, f"gradient of input {i}", tolerance)


def randn(*shape, seed=0):
    """Normal numbers, the same for the same shape and seed."""
    return np.asarray(np.random.default_rng(seed + sum(shape)).standard_normal(shape))


def rand(*shape, seed=0, low=0.1, high=2.0):
    """Even numbers."""
    return np.asarray(np.random.default_rng(seed + sum(shape)).uniform(low, high, shape))


def whole(*shape, seed=0, low=-9, high=10):
    """Whole numbers."""
    return np.random.default_rng(seed + sum(shape)).integers(low, high, shape)


SHAPES = [(), (1,), (0,), (5,), (2, 3), (3, 1), (2, 0, 3), (2, 3, 4)]
