"""Norms, dropout in its kinds and distances beside PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine import nn  # noqa: E402
from tests.parity.comparing_layers import arguments, same_layer, same_results  # noqa: E402

F, OURS = torch.nn.functional, nn.functional
PRECISIONS = pytest.mark.parametrize("dtype", ["float32", "float64"])

NORMS = [
    ("BatchNorm3d", {}, (2, 3, 2, 3, 4)),
    ("BatchNorm3d", {"momentum": None, "affine": False}, (2, 3, 2, 1, 4)),
    ("BatchNorm3d", {"track_running_stats": False, "eps": 1e-3}, (2, 3, 2, 3, 4)),
    ("InstanceNorm1d", {}, (2, 3, 7)),
    ("InstanceNorm1d", {"affine": True}, (3, 7)),
    ("InstanceNorm1d", {"affine": True, "track_running_stats": True, "momentum": 0.3}, (4, 3, 7)),
    ("InstanceNorm2d", {"affine": True, "bias": False}, (2, 3, 4, 5)),
    ("InstanceNorm2d", {"affine": True, "track_running_stats": True}, (2, 3, 4, 5)),
    ("InstanceNorm2d", {"eps": 0.1}, (3, 4, 5)),
    ("InstanceNorm3d", {"track_running_stats": True}, (2, 3, 2, 3, 4)),
    ("InstanceNorm3d", {"affine": True}, (3, 2, 3, 4)),
]
OTHERS = [
    (lambda nn: nn.RMSNorm(6), (4, 6)),
    (lambda nn: nn.RMSNorm((3, 6), eps=1e-2), (2, 3, 6)),
    (lambda nn: nn.RMSNorm([6], elementwise_affine=False), (2, 1, 6)),
    (lambda nn: nn.RMSNorm(6), (0, 6)),
    (lambda nn: nn.LocalResponseNorm(2), (2, 5, 4)),
    (lambda nn: nn.LocalResponseNorm(3, alpha=0.5, beta=0.3, k=2.0), (2, 5, 4, 3)),
    (lambda nn: nn.LocalResponseNorm(7, 0.1), (1, 4, 2, 3, 2)),
    (lambda nn: nn.LocalResponseNorm(2), (0, 5, 4)),
    (lambda nn: nn.LayerNorm((3, 6)), (0, 3, 6)),
    (lambda nn: nn.GroupNorm(2, 4), (1, 4, 3)),
]


@PRECISIONS
@pytest.mark.parametrize(("name", "options", "shape"), NORMS)
def test_a_norm_of_channels_agrees_also_in_its_running_statistics(name, options, shape, dtype):
    same_layer(lambda nn: getattr(nn, name)(3, **options), shape, dtype=dtype, rounds=2)


@PRECISIONS
@pytest.mark.parametrize(("make", "shape"), OTHERS)
def test_a_norm_of_samples_agrees(make, shape, dtype):
    same_layer(make, shape, dtype=dtype)


@pytest.mark.parametrize("use_input_stats", [True, False])
def test_instance_norm_as_a_function_moves_the_running_statistics(use_input_stats):
    rng = np.random.default_rng(0)
    x, mean, var = rng.standard_normal((2, 3, 5)), rng.standard_normal(3), rng.random(3) + 0.5

    def call(library, functional):
        def run(x):
            seen = [library.from_numpy(a.copy()) for a in (mean, var)]
            out = functional.instance_norm(x, *seen, use_input_stats=use_input_stats, momentum=0.2)
            return out, *seen

        return run

    same_results(call(torch, F), call(engine, OURS), x)


@pytest.mark.parametrize(
    ("call", "inputs"),
    [
        (lambda F, x: F.rms_norm(x, (6,)), [(4, 6)]),
        (lambda F, x, w: F.rms_norm(x, (3, 6), w, 0.1), [(2, 3, 6), (3, 6)]),
        (lambda F, x: F.local_response_norm(x, 3), [(2, 5, 4)]),
        (lambda F, x, y: F.cosine_similarity(x, y), [(4, 6), (4, 6)]),
        (lambda F, x, y: F.cosine_similarity(x, y, dim=-1, eps=0.5), [(3, 4, 6), (4, 6)]),
        (lambda F, x, y: F.cosine_similarity(x * 0, y), [(4, 6), (4, 6)]),
        (lambda F, x, y: F.pairwise_distance(x, y), [(4, 6), (4, 6)]),
        (lambda F, x, y: F.pairwise_distance(x, y, p=1.0, keepdim=True), [(4, 6), (6,)]),
        (lambda F, x, y: F.pairwise_distance(x, y, p=3.0, eps=0.1), [(6,), (6,)]),
        (lambda F, x, y, w, b: F.bilinear(x, y, w, b), [(4, 3), (4, 5), (2, 3, 5), (2,)]),
        (lambda F, x, y, w: F.bilinear(x, y, w), [(2, 4, 3), (2, 4, 5), (1, 3, 5)]),
    ],
)
def test_a_function_agrees(call, inputs):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in inputs]
    same_results(lambda *x: call(F, *x), lambda *x: call(OURS, *x), *arrays)


@PRECISIONS
@pytest.mark.parametrize(
    ("make", "shapes"),
    [
        (lambda nn: nn.Bilinear(3, 5, 2), [(4, 3), (4, 5)]),
        (lambda nn: nn.Bilinear(3, 1, 2, bias=False), [(2, 4, 3), (2, 4, 1)]),
        (lambda nn: nn.Bilinear(3, 5, 2), [(0, 3), (0, 5)]),
        (lambda nn: nn.Bilinear(3, 5, 2), [(3,), (5,)]),
        (lambda nn: nn.CosineSimilarity(), [(4, 6), (4, 6)]),
        (lambda nn: nn.CosineSimilarity(dim=-1, eps=0.1), [(2, 4, 6), (2, 4, 6)]),
        (lambda nn: nn.PairwiseDistance(), [(4, 6), (4, 6)]),
        (lambda nn: nn.PairwiseDistance(1.0, keepdim=True), [(4, 6), (4, 6)]),
    ],
)
def test_a_layer_of_two_inputs_agrees(make, shapes, dtype):
    same_layer(make, *shapes, dtype=dtype)


DROPOUTS = [("Dropout", (4, 6)), ("Dropout1d", (2, 3, 5)), ("Dropout1d", (3, 5)), ("Dropout2d", (2, 3, 4, 5)),
            ("Dropout3d", (2, 3, 2, 2, 2)), ("Dropout3d", (3, 2, 2, 2)), ("AlphaDropout", (4, 6)),
            ("FeatureAlphaDropout", (2, 3, 4))]  # fmt: skip


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("p", [0.0, 1.0])
@pytest.mark.parametrize(("name", "shape"), DROPOUTS)
def test_dropout_of_nothing_and_of_everything_agrees(name, shape, p, inplace):
    if not inplace:
        same_layer(lambda nn: getattr(nn, name)(p), shape)
    values = np.random.default_rng(0).standard_normal(shape)

    def run(library):
        return lambda x: getattr(library.nn, name)(p, inplace)(x * 2)

    same_results(run(torch), run(engine), values)


@pytest.mark.parametrize(("name", "shape", "one"), [
    ("Dropout1d", (400, 50, 3), (0, 1)), ("Dropout1d", (5000, 3), (0,)), ("Dropout2d", (100, 100, 2, 2), (0, 1)),
    ("Dropout3d", (100, 100, 2, 2, 1), (0, 1)), ("FeatureAlphaDropout", (100, 100, 2), (0, 1)),
])  # fmt: skip
def test_channels_are_dropped_as_a_whole_as_often_as_asked(name, shape, one):
    engine.manual_seed(0)
    rest = tuple(range(len(one), len(shape)))
    out = getattr(nn, name)(0.3)(engine.ones(*shape)).numpy()
    assert np.ptp(out, axis=rest).max() == 0
    share = np.mean(out.max(axis=rest) == out.max())
    assert share == pytest.approx(0.7, abs=0.03)
    theirs = getattr(torch.nn, name)(0.3)(torch.ones(shape)).numpy()
    np.testing.assert_allclose(np.unique(np.round(out, 5)), np.unique(np.round(theirs, 5)), rtol=1e-4)


@pytest.mark.parametrize("name", ["AlphaDropout", "FeatureAlphaDropout"])
def test_alpha_dropout_keeps_mean_and_deviation_of_normal_values(name):
    engine.manual_seed(0)
    x = engine.randn(200, 500)
    out = getattr(nn, name)(0.2)(x).numpy()
    assert out.mean() == pytest.approx(0, abs=0.03)
    assert out.std() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("name", ["BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "RMSNorm",
                                  "LocalResponseNorm", "Bilinear", "CosineSimilarity", "PairwiseDistance", "Dropout1d",
                                  "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"])  # fmt: skip
def test_a_layers_arguments_are_pytorchs(name):
    assert arguments(getattr(nn, name).__init__) == arguments(getattr(torch.nn, name).__init__)


@pytest.mark.parametrize("name", ["instance_norm", "rms_norm", "local_response_norm", "dropout1d", "dropout2d",
                                  "dropout3d", "alpha_dropout", "feature_alpha_dropout"])  # fmt: skip
def test_a_functions_arguments_are_pytorchs(name):
    assert arguments(getattr(OURS, name)) == arguments(getattr(F, name))


@pytest.mark.parametrize(
    "fault",
    [
        lambda nn, zeros: nn.InstanceNorm1d(3)(zeros(2, 3, 1)),
        lambda nn, zeros: nn.InstanceNorm2d(3)(zeros(2, 3)),
        lambda nn, zeros: nn.InstanceNorm2d(4, affine=True)(zeros(2, 3, 4, 4)),
        lambda nn, zeros: nn.BatchNorm3d(3)(zeros(2, 3, 4)),
        lambda nn, zeros: nn.RMSNorm(4)(zeros(2, 3)),
        lambda nn, zeros: nn.LocalResponseNorm(2)(zeros(2, 3)),
        lambda nn, zeros: nn.Dropout1d(1.5),
        lambda nn, zeros: nn.Bilinear(3, 4, 2)(zeros(2, 3), zeros(2, 5)),
        lambda nn, zeros: nn.Bilinear(3, 4, 2)(zeros(2, 3), zeros(3, 4)),
    ],
)
def test_what_pytorch_refuses_is_refused(fault):
    with pytest.raises((ValueError, RuntimeError)):
        fault(torch.nn, torch.zeros)
    with pytest.raises(engine.errors.EngineError):
        fault(nn, engine.zeros)
