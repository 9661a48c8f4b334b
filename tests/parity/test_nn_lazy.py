"""Lazy layers beside PyTorch's: what they become, with which shapes, keys and results, and what they refuse before."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine.errors import ShapeError  # noqa: E402

LIBRARIES = [torch, engine]
pytestmark = [pytest.mark.filterwarnings("ignore:input's size at dim=1"),
              pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")]  # fmt: skip
ONE = {"kernel_size": 3, "padding": 1}
LAYERS = {
    "LazyLinear": [({"out_features": 4}, (5, 3)), ({"out_features": 2, "bias": False}, (2, 4, 6))],
    "LazyConv1d": [({"out_channels": 4, **ONE}, (2, 3, 7)), ({"out_channels": 4, "kernel_size": 2}, (6, 5))],
    "LazyConv2d": [({"out_channels": 4, "groups": 2, **ONE}, (2, 6, 5, 4)),
                   ({"out_channels": 2, "bias": False, "padding_mode": "reflect", **ONE}, (2, 3, 5, 4))],
    "LazyConv3d": [({"out_channels": 2, **ONE}, (2, 3, 3, 4, 5))],
    "LazyConvTranspose1d": [({"out_channels": 4, "stride": 2, **ONE}, (2, 3, 7))],
    "LazyConvTranspose2d": [({"out_channels": 4, "groups": 2, **ONE}, (2, 6, 5, 4)),
                            ({"out_channels": 2, "bias": False, **ONE}, (2, 3, 5, 4))],
    "LazyConvTranspose3d": [({"out_channels": 2, **ONE}, (2, 3, 3, 4, 5))],
    "LazyBatchNorm1d": [({}, (5, 3)), ({"affine": False}, (5, 3, 2)), ({"track_running_stats": False}, (5, 3))],
    "LazyBatchNorm2d": [({"momentum": None}, (2, 3, 4, 5))],
    "LazyBatchNorm3d": [({"eps": 0.1, "bias": False}, (2, 3, 2, 3, 4))],
    "LazyInstanceNorm1d": [({}, (2, 3, 4))],
    "LazyInstanceNorm2d": [({"affine": False, "track_running_stats": False}, (2, 3, 4, 5))],
    "LazyInstanceNorm3d": [({"eps": 0.1}, (2, 3, 2, 3, 4))],
}  # fmt: skip
CASES = [(name, *case) for name, cases in LAYERS.items() for case in cases]


def values(*shape):
    return np.sin(np.arange(np.prod(shape), dtype="f") * 1.3).reshape(shape)


def plain(state):
    return {key: (tuple(value.shape), str(value.dtype).split(".")[-1]) for key, value in state.items()}


@pytest.mark.parametrize("name", LAYERS)
def test_signature_and_defaults_are_pytorchs(name):
    ours, theirs = (inspect.signature(getattr(library.nn, name)).parameters for library in (engine, torch))
    assert [(n, p.default, p.kind) for n, p in ours.items()] == [(n, p.default, p.kind) for n, p in theirs.items()]


@pytest.mark.parametrize(("name", "options", "shape"), CASES)
@pytest.mark.parametrize("double", [False, True])
def test_the_first_input_makes_it_the_layer_that_it_is_in_pytorch(name, options, shape, double):
    found = []
    for library in LIBRARIES:
        layer = getattr(library.nn, name)(**options)
        before = repr(layer), list(layer.state_dict()), len(list(layer.parameters())), layer.has_uninitialized_params()
        layer = layer.double() if double else layer
        x = library.tensor(values(*shape), dtype=library.float64 if double else library.float32)
        weights = list(layer.parameters())
        layer(x)
        assert all(a is b for a, b in zip(weights, layer.parameters(), strict=True))
        told = repr(layer) if weights else ""  # PyTorch leaves the size of a norm without weights at 0
        found.append((before, told, type(layer).__name__, plain(layer.state_dict())))
        with library.no_grad():
            for number, weight in enumerate(layer.parameters()):
                weight.copy_(library.tensor(values(*weight.shape) + number))
        found[-1] += (layer(x).detach().numpy(),)
    assert found[0][:-1] == found[1][:-1]
    np.testing.assert_allclose(found[1][-1], found[0][-1], rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("axes", [0, 1, 6])
def test_an_input_of_too_few_or_too_many_axes_is_refused_and_the_next_says_the_size(name, axes):
    options, shape = LAYERS[name][0]
    for library in LIBRARIES:
        layer = getattr(library.nn, name)(**options)
        if name != "LazyLinear" or not axes:
            with pytest.raises((RuntimeError, ValueError, IndexError)) as refused:
                layer(library.ones((1,) * axes))
            assert library is torch or type(refused.value) is ShapeError
        if axes < 2 or "Conv" in name:
            layer(library.tensor(values(*shape)))
            assert type(layer).__name__ == name.removeprefix("Lazy")


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_lazy_instance_norm_takes_a_sample_by_itself(axes):  # of which PyTorch's takes the second axis for channels
    layer = getattr(engine.nn, f"LazyInstanceNorm{axes}d")()
    assert layer(engine.rand(3, *(4,) * axes)).shape == (3, *(4,) * axes)
    assert layer.num_features == 3


def test_weights_that_are_loaded_give_it_its_size():
    for library in LIBRARIES:
        nn = library.nn
        made, lazy = (
            nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)),
            nn.Sequential(nn.LazyLinear(4), nn.LazyBatchNorm1d()),
        )
        lazy.load_state_dict(made.state_dict())
        assert not lazy[0].has_uninitialized_params()
        x = library.tensor(values(5, 3))
        assert library.equal(lazy(x), made(x))
        assert [type(layer).__name__ for layer in lazy] == ["Linear", "BatchNorm1d"]
        assert lazy[0].in_features == 3


def test_a_lazy_state_can_be_saved_and_loaded_where_both_are_lazy():
    for library in LIBRARIES:
        state = library.nn.LazyLinear(2).state_dict()
        other = library.nn.LazyLinear(2)
        other.load_state_dict(state)
        assert other.has_uninitialized_params()


@pytest.mark.parametrize(
    "fault",
    [
        lambda library, layer: layer.weight.shape,
        lambda library, layer: layer.load_state_dict({}),
        lambda library, layer: library.nn.Linear(2, 2).load_state_dict(layer.state_dict()),
        lambda library, layer: library.nn.init.ones_(layer.weight),
    ],
)
def test_what_needs_a_size_is_refused_before_there_is_one(fault):
    for library in LIBRARIES:
        with pytest.raises((RuntimeError, ValueError)):
            fault(library, library.nn.LazyLinear(2))


def test_a_network_trains_once_it_has_its_sizes():
    for library in LIBRARIES:
        nn = library.nn
        net = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(1))
        x = library.tensor(values(6, 3))
        net(x)
        net[0].requires_grad_(False)
        assert [p.requires_grad for p in net.parameters()] == [False, False, True, True]
        optimizer = library.optim.SGD(net.parameters(), lr=0.1)
        first = net(x).square().mean()
        first.backward()
        optimizer.step()
        assert net(x).square().mean() < first
