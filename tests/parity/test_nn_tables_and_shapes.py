"""Embeddings, bags of them, containers and the layers that only move values, beside PyTorch's."""

from __future__ import annotations

import copy
from collections import OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine import nn  # noqa: E402
from tests.parity.comparing_layers import arguments, close, pair, same_layer, same_results  # noqa: E402

F, OURS = torch.nn.functional, nn.functional
MATRIX = np.array([[1, 2, 2], [4, 0, 1]])
FLAT, OFFSETS = np.array([1, 2, 4, 4, 0, 3, 1]), np.array([0, 3, 3, 4])
OPTIONS = [{}, {"mode": "sum"}, {"mode": "max"}, {"padding_idx": 2}, {"padding_idx": -1, "mode": "max"},
           {"mode": "sum", "padding_idx": 1}, {"max_norm": 1.0}]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_bag_of_embeddings_agrees(options, dtype):
    for inputs in ((MATRIX,), (FLAT, OFFSETS), (FLAT[:1], OFFSETS[:1]), (FLAT, np.array([0, 7, 7]))):
        same_layer(lambda nn: nn.EmbeddingBag(5, 3, **options), *inputs, dtype=dtype, modes=("train",))


@pytest.mark.parametrize("flat", [False, True])
def test_gradients_of_a_bag_scaled_by_frequency_are_those_of_the_embedding(flat):
    # PyTorch's own bag looks the frequency of another row up, so its embedding is the reference
    table = np.random.default_rng(0).standard_normal((5, 3))

    def theirs(w):
        return F.embedding(torch.from_numpy(MATRIX), w, scale_grad_by_freq=True).sum(1)

    def ours(w):
        given = (
            (engine.from_numpy(MATRIX.reshape(-1)), w, engine.tensor([0, 3])) if flat else (engine.tensor(MATRIX), w)
        )
        return OURS.embedding_bag(*given, mode="sum", scale_grad_by_freq=True)

    same_results(theirs, ours, table)


def test_a_bag_with_the_end_of_the_last_and_weights_for_each_row_agrees():
    same_layer(lambda nn: nn.EmbeddingBag(5, 3, include_last_offset=True), FLAT, np.array([0, 3, 3, 7]))
    factors = np.random.default_rng(0).standard_normal(7).astype("float32")
    same_layer(lambda nn: nn.EmbeddingBag(5, 3, mode="sum"), FLAT, OFFSETS, factors)
    same_layer(lambda nn: nn.EmbeddingBag(5, 3, mode="sum", padding_idx=2), MATRIX,
               per_sample_weights=factors[:6].reshape(2, 3))  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"padding_idx": 2}, {"scale_grad_by_freq": True},
                                     {"scale_grad_by_freq": True, "padding_idx": 1},
                                     {"max_norm": 0.5, "norm_type": 1.0}], ids=str)  # fmt: skip
def test_an_embedding_agrees(options):
    same_layer(lambda nn: nn.Embedding(5, 3, **options), MATRIX, modes=("train",))
    table = np.random.default_rng(0).standard_normal((5, 3))
    same_results(lambda x, w: F.embedding(x, w, **{k: v for k, v in options.items() if k != "max_norm"}),
                 lambda x, w: OURS.embedding(x, w, **{k: v for k, v in options.items() if k != "max_norm"}),
                 MATRIX, table)  # fmt: skip


@pytest.mark.parametrize("name", ["Embedding", "EmbeddingBag"])
@pytest.mark.parametrize("freeze", [True, False])
def test_a_table_that_is_there_already_is_taken_as_it_is(name, freeze):
    values = np.random.default_rng(0).standard_normal((5, 3)).astype("float32")
    theirs = getattr(torch.nn, name).from_pretrained(torch.from_numpy(values.copy()), freeze=freeze)
    ours = getattr(nn, name).from_pretrained(engine.from_numpy(values.copy()), freeze=freeze)
    assert ours.weight.requires_grad == theirs.weight.requires_grad
    close(ours(engine.from_numpy(MATRIX)), theirs(torch.from_numpy(MATRIX)), "output")


SHAPES = [
    (lambda nn: nn.PixelShuffle(2), (2, 8, 3, 5)),
    (lambda nn: nn.PixelShuffle(3), (9, 1, 2)),
    (lambda nn: nn.PixelShuffle(1), (2, 0, 2, 3, 5)),
    (lambda nn: nn.PixelUnshuffle(2), (2, 3, 4, 6)),
    (lambda nn: nn.PixelUnshuffle(3), (2, 1, 3, 3)),
    (lambda nn: nn.ChannelShuffle(3), (2, 6, 4, 5)),
    (lambda nn: nn.ChannelShuffle(2), (2, 6, 4)),
    (lambda nn: nn.Unflatten(1, (2, 3)), (4, 6)),
    (lambda nn: nn.Unflatten(-1, (2, -1)), (4, 2, 6)),
    (lambda nn: nn.Sequential(nn.Linear(4, 6), nn.ReLU()) + nn.Sequential(nn.Linear(6, 2)), (3, 4)),
    (lambda nn: nn.Sequential(nn.Linear(4, 4), nn.Tanh()) * 2, (3, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("make", "shape"), SHAPES)
def test_a_layer_that_moves_values_agrees(make, shape):
    same_layer(make, shape)
    same_layer(make, shape, dtype="float64", modes=("train",))


STORIES = {
    "module dict": lambda of, nn: nn.ModuleDict({"b": nn.Linear(2, 2), "a": nn.ReLU()}),
    "module dict of pairs": lambda of, nn: nn.ModuleDict([["b", nn.Linear(2, 2)], ("a", nn.Linear(1, 1))]),
    "parameter list": lambda of, nn: nn.ParameterList([of.ones(2, 3), nn.Parameter(of.ones(1)), "x"]),
    "parameter dict": lambda of, nn: nn.ParameterDict({"b": of.ones(2, 3), "a": nn.Parameter(of.ones(1))}),
    "ordered parameters": lambda of, nn: nn.ParameterDict(OrderedDict(b=of.ones(2), a=of.ones(1))),
    "sequential": lambda of, nn: nn.Sequential(nn.Linear(2, 2), nn.ReLU()),
}


def is_dict(container):
    return "Dict" in type(container).__name__


def fitting(of, nn, container):
    """What may be put in."""
    return of.ones(7) if "Parameter" in type(container).__name__ else nn.Linear(3, 1)


DEEDS = {
    "nothing": lambda of, nn, c: len(c),
    "copied": lambda of, nn, c: list(copy.deepcopy(c).state_dict()),
    "keys": lambda of, nn, c: list(c) if is_dict(c) else len(list(c)),
    "popped": lambda of, nn, c: type(c.pop("a") if is_dict(c) else c[0]).__name__,
    "set": lambda of, nn, c: c.__setitem__("b" if is_dict(c) else 0, fitting(of, nn, c)),
    "cleared": lambda of, nn, c: c.clear() if is_dict(c) else None,
    "added": lambda of, nn, c: c.update({"z": fitting(of, nn, c)}) if is_dict(c) else c.append(fitting(of, nn, c)),
    "missing": lambda of, nn, c: c["nobody"] if is_dict(c) else c[9],
    "called": lambda of, nn, c: type(c(of.ones(1, 2))).__name__,
    "sliced": lambda of, nn, c: len(c[:1]),
    "or": lambda of, nn, c: list((c | nn.ParameterDict({"q": of.ones(1)})).keys()),
    "defaults": lambda of, nn, c: (c.get("nobody"), c.setdefault("n", 3), list(c.keys())),
    "last": lambda of, nn, c: c.popitem()[0],
    "names": lambda of, nn, c: list(c.fromkeys(["x", "y"], 1).items()),
    "twice": lambda of, nn, c: len(c * 2),
    "no times": lambda of, nn, c: c * 0,
    "times itself": lambda of, nn, c: c * c,
    "plus a layer": lambda of, nn, c: c + nn.ReLU(),
    "more": lambda of, nn, c: c.__iadd__(nn.Sequential(nn.Tanh())) if type(c).__name__ == "Sequential" else None,
    "repeated": lambda of, nn, c: len(c.__imul__(3)),
}


def told(story, deed, library):
    """What is left of a container after a deed: its result or the kind of error, its keys and its repr."""
    container = story(library, library.nn)
    try:
        result = deed(library, library.nn, container)
    except (KeyError, IndexError, AttributeError, TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        # a container of ours may lack what PyTorch's lacks, in its own words
        result = next(k.__name__ for k in (KeyError, IndexError, AttributeError, NotImplementedError, TypeError,
                                           ValueError, RuntimeError) if isinstance(error, k))  # fmt: skip
    keys = {name: tuple(value.shape) for name, value in container.state_dict().items()}
    return (
        result if isinstance(result, int | str | list | tuple) else None,
        keys,
        list(keys),
        repr(container).count("\n"),
    )


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("story", STORIES)
def test_a_container_behaves_as_pytorchs(story, deed):
    assert told(STORIES[story], DEEDS[deed], engine) == told(STORIES[story], DEEDS[deed], torch)


def test_the_repr_of_a_module_dict_agrees():
    pair(lambda nn: nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.ReLU()}))


@pytest.mark.parametrize("name", ["Embedding", "EmbeddingBag", "PixelShuffle", "PixelUnshuffle", "ChannelShuffle",
                                  "Unflatten", "ModuleDict", "ParameterList", "ParameterDict"])  # fmt: skip
def test_a_layers_arguments_are_pytorchs(name):
    assert arguments(getattr(nn, name).__init__) == arguments(getattr(torch.nn, name).__init__)


@pytest.mark.parametrize("name", ["embedding", "embedding_bag"])
def test_a_functions_arguments_are_pytorchs(name):
    assert arguments(getattr(OURS, name)) == arguments(getattr(F, name))


@pytest.mark.parametrize(
    "fault",
    [
        lambda library, nn: nn.EmbeddingBag(5, 3)(library.tensor([1, 2])),
        lambda library, nn: nn.EmbeddingBag(5, 3)(library.tensor([[1, 2]]), library.tensor([0])),
        lambda library, nn: nn.EmbeddingBag(5, 3)(library.tensor([1, 2]), library.tensor([1])),
        lambda library, nn: nn.EmbeddingBag(5, 3, mode="least")(library.tensor([[1, 2]])),
        lambda library, nn: nn.EmbeddingBag(5, 3)(library.tensor([[1, 2]]), None, library.ones(1, 2)),
        lambda library, nn: nn.EmbeddingBag(5, 3, padding_idx=7),
        lambda library, nn: nn.PixelShuffle(2)(library.ones(1, 3, 2, 2)),
        lambda library, nn: nn.PixelUnshuffle(2)(library.ones(1, 3, 3, 2)),
        lambda library, nn: nn.ChannelShuffle(2)(library.ones(1, 3, 3, 2)),
        lambda library, nn: nn.Unflatten(1, (2, 3))(library.ones(1, 4)),
        lambda library, nn: nn.Unflatten(1, 3),
        lambda library, nn: nn.ModuleDict({"a": 3}),
        lambda library, nn: nn.ModuleDict([("a", nn.ReLU(), 3)]),
    ],
)
def test_what_pytorch_refuses_is_refused(fault):
    with pytest.raises(Exception):  # noqa: B017, PT011
        fault(torch, torch.nn)
    with pytest.raises((engine.errors.EngineError, TypeError, ValueError)):
        fault(engine, nn)
