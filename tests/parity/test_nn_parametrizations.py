"""Weights held at a length or a largest stretch, beside PyTorch's."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.utils.parametrizations as theirs  # noqa: E402

import engine  # noqa: E402
from engine import nn  # noqa: E402
from engine.nn.utils import parametrizations as ours  # noqa: E402
from engine.nn.utils import parametrize  # noqa: E402
from tests.parity.comparing_layers import arguments, same_layer  # noqa: E402

LAYERS = [
    (lambda nn: nn.Linear(5, 3), (4, 5)), (lambda nn: nn.Conv2d(2, 3, 3), (2, 2, 5, 5)),
    (lambda nn: nn.ConvTranspose1d(2, 3, 3), (2, 2, 5)), (lambda nn: nn.Linear(5, 3, bias=False), (4, 5)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"dim": None}, {"dim": 1}], ids=str)
@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_weight_norm_agrees(make, shape, options, dtype):
    def normed(nn):
        return (theirs if nn is torch.nn else ours).weight_norm(make(nn), **options)

    same_layer(normed, shape, dtype=dtype, modes=("train",))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"n_power_iterations": 3}, {"dim": 1, "eps": 1e-3}], ids=str)
@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_spectral_norm_agrees_also_in_its_vectors(make, shape, options, dtype):
    def normed(nn):
        return (theirs if nn is torch.nn else ours).spectral_norm(make(nn), **options)

    same_layer(normed, shape, dtype=dtype, rounds=2)


def test_a_bias_is_brought_to_length_one():
    same_layer(lambda nn: (theirs if nn is torch.nn else ours).spectral_norm(nn.Linear(5, 3), "bias"), (4, 5))


def test_a_spectral_norm_stretches_nothing_by_more_than_one():
    engine.manual_seed(0)
    layer = ours.spectral_norm(nn.Linear(20, 10), n_power_iterations=30)
    assert np.linalg.norm(layer.weight.detach().numpy(), 2) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("leave", [True, False])
def test_a_parametrization_is_taken_away_again(leave):
    layer = ours.spectral_norm(nn.Linear(5, 3)).eval()
    computed, learned = layer.weight.detach().numpy(), layer.parametrizations.weight.original.detach().numpy()
    assert parametrize.is_parametrized(layer, "weight")
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=leave)
    assert not parametrize.is_parametrized(layer)
    assert type(layer) is nn.Linear
    np.testing.assert_array_equal(layer.weight.detach().numpy(), computed if leave else learned)
    assert sorted(layer.state_dict()) == ["bias", "weight"]


def test_a_copy_learns_by_itself():
    layer = ours.weight_norm(nn.Linear(5, 3))
    other = copy.deepcopy(layer)
    with engine.no_grad():
        other.parametrizations.weight.original0.mul_(2)
    parametrize.remove_parametrizations(layer, "weight")
    np.testing.assert_allclose(other.weight.detach().numpy(), 2 * layer.weight.detach().numpy(), rtol=1e-5)


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
def test_a_functions_arguments_are_pytorchs(name):
    assert arguments(getattr(ours, name)) == arguments(getattr(theirs, name))


@pytest.mark.parametrize(
    "fault",
    [
        lambda f, nn: f.spectral_norm(nn.Linear(2, 2), "nobody"),
        lambda f, nn: f.weight_norm(nn.Linear(2, 2), "nobody"),
        lambda f, nn: f.spectral_norm(nn.Linear(2, 2), n_power_iterations=0),
        lambda f, nn: f.spectral_norm(nn.Linear(2, 2), dim=2),
    ],
)
def test_what_pytorch_refuses_is_refused(fault):
    with pytest.raises((ValueError, IndexError)):
        fault(theirs, torch.nn)
    with pytest.raises(engine.errors.EngineError):
        fault(ours, nn)


OLDER = pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")


@OLDER
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"dim": None}, {"dim": 1}], ids=str)
@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_weight_norm_by_a_hook_agrees(make, shape, options, dtype):
    same_layer(lambda nn: nn.utils.weight_norm(make(nn), **options), shape, dtype=dtype, rounds=2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"n_power_iterations": 3}, {"dim": 1, "eps": 1e-3}], ids=str)
@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_spectral_norm_by_a_hook_agrees_also_in_its_vectors(make, shape, options, dtype):
    same_layer(lambda nn: nn.utils.spectral_norm(make(nn), **options), shape, dtype=dtype, rounds=2)


@OLDER
@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
def test_a_hook_is_taken_away_again_and_refused_where_there_is_none(name):
    found = []
    for nn_ in (torch.nn, nn):
        layer = getattr(nn_.utils, name)(nn_.Linear(5, 3))
        layer.load_state_dict({key: (torch if nn_ is torch.nn else engine).ones(*value.shape) * 0.5
                               for key, value in layer.state_dict().items()})  # fmt: skip
        assert getattr(nn_.utils, f"remove_{name}")(layer) is layer
        assert sorted(layer.state_dict()) == ["bias", "weight"]
        assert isinstance(layer.weight, nn_.Parameter)
        with pytest.raises(ValueError, match=name):
            getattr(nn_.utils, f"remove_{name}")(layer)
        found.append(layer.weight.detach().numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)


@OLDER
@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm", "remove_weight_norm", "remove_spectral_norm"])
def test_the_arguments_of_the_older_functions_are_pytorchs(name):
    assert arguments(getattr(nn.utils, name)) == arguments(getattr(torch.nn.utils, name))
    if not name.startswith("remove"):
        for nn_ in (torch.nn, nn):
            with pytest.raises((RuntimeError, ValueError, AttributeError)):
                getattr(nn_.utils, name)(getattr(nn_.utils, name)(nn_.Linear(2, 2)))


def test_within_cached_a_parameter_is_computed_once():
    for nn_, parametrizations in ((torch.nn, theirs), (nn, ours)):
        layer = parametrizations.weight_norm(nn_.Linear(2, 2))
        cached = nn_.utils.parametrize.cached
        with cached():
            first = layer.weight
            with cached():
                assert layer.weight is first
            assert layer.weight is first
            layer(nn_.Parameter(first.detach())).sum().backward()
            assert layer.parametrizations.weight.original0.grad is not None
        assert layer.weight is not first
