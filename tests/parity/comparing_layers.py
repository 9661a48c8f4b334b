"""What the comparisons of layers share: the same layer in both libraries, fed the same, and held against each other."""

from __future__ import annotations

import inspect

import numpy as np
import torch

import engine
from engine import nn

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
place = "cpu"
"""The device of our side; the suite for GPUs sets another."""


def close(ours, theirs, what, scale=1e-3, tolerance=None):
    """Equal to the digits of the dtype, of each value or of the largest where a sum cancels; and of one dtype."""
    ours, theirs = ours.detach().cpu().numpy(), theirs.detach().numpy()
    assert ours.dtype == theirs.dtype, what
    assert ours.shape == theirs.shape, what
    tolerance = TOLERANCE.get(str(theirs.dtype), 0.0) if tolerance is None else tolerance
    finite = np.abs(theirs[np.isfinite(theirs)]).max() if np.isfinite(theirs).any() else 0.0
    atol = tolerance * max(scale, float(finite))
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=atol, err_msg=what)


def pair(make, dtype="float32"):
    """PyTorch's layer and ours with its values, held against each other in repr and state dict."""
    torch.manual_seed(3)
    theirs, ours = make(torch.nn).to(getattr(torch, dtype)), make(nn).to(place, getattr(engine, dtype))
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    assert repr(ours) == repr(theirs)
    described = {key: (tuple(value.shape), str(value.dtype)[6:]) for key, value in theirs.state_dict().items()}
    assert {k: (tuple(v.shape), str(v.cpu().numpy().dtype)) for k, v in ours.state_dict().items()} == described
    assert list(ours.state_dict()) == list(described)
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    ours.load_state_dict({key: engine.from_numpy(value.numpy().copy()) for key, value in theirs.state_dict().items()})
    return theirs, ours


def flat(results):
    """(out, (h, c)) or out -> a flat list, without what is None"""
    if isinstance(results, tuple | list):
        return [value for result in results for value in flat(result)]
    return [] if results is None else [results]


def both(values):
    """A NumPy array as a tensor of each library, real ones as leaves; what is no array stays what it is."""
    if not isinstance(values, np.ndarray):
        return values, values
    theirs, ours = torch.from_numpy(values.copy()), engine.from_numpy(values.copy()).to(place)
    return (theirs.requires_grad_(), ours.requires_grad_()) if values.dtype.kind == "f" else (theirs, ours)


def same_results(theirs, ours, *inputs, tolerance=None, **named):
    """Two callables of the same inputs (arrays and others) give the same; so are the gradients of all real inputs."""
    pairs = [both(value) for value in inputs]
    keyed = {name: both(value) for name, value in named.items()}
    expected = flat(theirs(*(p[0] for p in pairs), **{n: p[0] for n, p in keyed.items()}))
    got = flat(ours(*(p[1] for p in pairs), **{n: p[1] for n, p in keyed.items()}))
    assert len(got) == len(expected)
    rng = np.random.default_rng(1)
    for i, (mine, other) in enumerate(zip(got, expected)):
        close(mine, other, f"result {i}", tolerance=tolerance)
        if other.requires_grad:
            slope = rng.standard_normal(tuple(other.shape)).astype(other.detach().numpy().dtype)
            other.backward(torch.from_numpy(slope.copy()), retain_graph=True)
            mine.backward(engine.from_numpy(slope).to(place), retain_graph=True)
    for i, (other, mine) in enumerate([*pairs, *keyed.values()]):
        if isinstance(other, torch.Tensor) and other.requires_grad and other.grad is not None:
            assert mine.grad is not None, f"input {i} has no gradient"
            close(mine.grad, other.grad, f"gradient of input {i}", tolerance=tolerance)


def same_layer(make, *inputs, dtype="float32", rounds=1, modes=("train", "eval"), tolerance=None, **named):
    """A layer in both libraries: repr, keys, results, gradients of inputs and parameters, buffers, in each mode.

    Inputs are shapes, of which arrays are drawn, or arrays.
    """
    theirs, ours = pair(make, dtype)
    rng = np.random.default_rng(0)
    for mode in modes:
        theirs.train(mode == "train")
        ours.train(mode == "train")
        for _ in range(rounds):
            drawn = [rng.standard_normal(x).astype(dtype) if isinstance(x, tuple) else x for x in inputs]
            theirs.zero_grad()
            ours.zero_grad()
            same_results(theirs, ours, *drawn, tolerance=tolerance, **named)
            largest = max((float(p.grad.abs().max()) for p in theirs.parameters() if p.grad is not None and p.numel()),
                          default=0.0)  # fmt: skip
            for (name, expected), parameter in zip(theirs.named_parameters(), ours.parameters(), strict=True):
                assert (parameter.grad is None) == (expected.grad is None), name
                if expected.grad is not None:
                    close(parameter.grad, expected.grad, f"gradient of {name}", scale=largest)
            for (name, expected), buffer in zip(theirs.named_buffers(), ours.buffers(), strict=True):
                close(buffer, expected, name)


def arguments(function, left_out=()):
    """Names, order and defaults of a function's arguments."""
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.default) for p in found if p.name not in {"self", *left_out} and p.kind != p.VAR_KEYWORD
            and p.kind != p.VAR_POSITIONAL]  # fmt: skip
