"""Pruning, weights held orthogonal, norms made part of the layer before: beside PyTorch's."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torch.nn.utils.prune")

import engine  # noqa: E402

LIBRARIES = [torch, engine]


def numbers(*shape, dtype="float32"):
    return (np.sin(np.arange(1, np.prod(shape) + 1) * 1.7) + 0.05).reshape(shape).astype(dtype)


def filled(library, module):
    with library.no_grad():
        for weight in module.parameters():
            weight.copy_(library.tensor(numbers(*weight.shape)))
    return module


def net(library):
    nn = library.nn
    return filled(library, nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3)))


def positive(library):
    class Positive(library.nn.utils.prune.BasePruningMethod):
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t, default_mask):
            return default_mask * (t > 0)

    return Positive


STORIES = {
    "identity": lambda t, p, m: p.identity(m[0], "bias"),
    "by number": lambda t, p, m: p.l1_unstructured(m[0], "weight", 5),
    "by share": lambda t, p, m: p.l1_unstructured(m[3], name="weight", amount=0.3),
    "none": lambda t, p, m: p.l1_unstructured(m[3], "weight", 0),
    "all": lambda t, p, m: p.l1_unstructured(m[3], "weight", 1.0),
    "by scores": lambda t, p, m: p.l1_unstructured(m[3], "bias", 1, importance_scores=t.tensor([3.0, -1.0, 2.0])),
    "channels": lambda t, p, m: p.ln_structured(m[0], "weight", amount=2, n=2, dim=0),
    "channels by share": lambda t, p, m: p.ln_structured(m[0], "weight", amount=0.5, n=1, dim=-1),
    "by a mask": lambda t, p, m: p.custom_from_mask(m[3], "bias", mask=t.tensor([1, 0, 1])),
    "twice": lambda t, p, m: [p.l1_unstructured(m[3], "weight", 0.3) for _ in range(2)],
    "elements, then channels": lambda t, p, m: [
        p.l1_unstructured(m[0], "weight", 9), p.ln_structured(m[0], "weight", 0.5, 2, 0),
        p.l1_unstructured(m[0], "weight", 4),
    ],
    "by a mask, then elements": lambda t, p, m: [
        p.custom_from_mask(m[3], "bias", t.tensor([1, 0, 1])), p.l1_unstructured(m[3], "bias", 1),
    ],
    "together": lambda t, p, m: p.global_unstructured(
        [(m[0], "weight"), (m[3], "weight"), (m[3], "bias")], pruning_method=p.L1Unstructured, amount=0.4
    ),
    "together after one": lambda t, p, m: [
        p.l1_unstructured(m[0], "weight", 0.5),
        p.global_unstructured(((m[0], "weight"), (m[3], "weight")), p.L1Unstructured, amount=20),
    ],
    "one's own": lambda t, p, m: positive(t).apply(m[3], "weight"),
    "removed": lambda t, p, m: [p.l1_unstructured(m[3], "weight", 0.5), p.remove(m[3], "weight")],
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_what_is_pruned_agrees_and_learns_as_pytorchs_does(story):
    found = []
    for t in LIBRARIES:
        model = net(t)
        STORIES[story](t, t.nn.utils.prune, model)
        x = t.tensor(numbers(2, 2, 5, 5))
        optimizer = t.optim.SGD(model.parameters(), lr=0.01)
        for _ in range(2):
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            optimizer.step()
        state = {key: value.detach().numpy() for key, value in model.state_dict().items()}
        names = [name for name, _ in model.named_parameters()], [name for name, _ in model.named_buffers()]
        found.append((names, t.nn.utils.prune.is_pruned(model), state, loss.item()))
    assert found[0][:2] == found[1][:2]
    assert list(found[0][2]) == list(found[1][2])
    for key, theirs in found[0][2].items():
        assert found[1][2][key].dtype == theirs.dtype
        np.testing.assert_allclose(found[1][2][key], theirs, 2e-4, 1e-5, err_msg=key)
    assert found[1][3] == pytest.approx(found[0][3], rel=1e-4)


@pytest.mark.parametrize("draw", [
    lambda p, layer: p.random_unstructured(layer, "weight", 0.4),
    lambda p, layer: p.random_structured(layer, "weight", 2, dim=1),
])  # fmt: skip
def test_as_much_goes_at_random(draw):
    counts = [int((draw(t.nn.utils.prune, t.nn.Linear(6, 5)).weight_mask == 0).sum()) for t in LIBRARIES]
    assert counts[0] == counts[1]


FAULTS = [
    lambda t, p: p.l1_unstructured(t.nn.Linear(2, 2), "weight", 5),
    lambda t, p: p.l1_unstructured(t.nn.Linear(2, 2), "weight", -1),
    lambda t, p: p.l1_unstructured(t.nn.Linear(2, 2), "weight", 1.5),
    lambda t, p: p.l1_unstructured(t.nn.Linear(2, 2), "weight", "half"),
    lambda t, p: p.ln_structured(t.nn.Linear(2, 2), "bias", 1, 2, 0),
    lambda t, p: p.ln_structured(t.nn.Linear(2, 2), "weight", 1, 2, 5),
    lambda t, p: p.remove(t.nn.Linear(2, 2), "weight"),
    lambda t, p: p.global_unstructured(3, p.L1Unstructured, amount=1),
    lambda t, p: p.global_unstructured([(t.nn.Linear(2, 2), "weight")], p.LnStructured, amount=1, n=2),
    lambda t, p: p.BasePruningMethod(),
    lambda t, p: p.PruningContainer(3),
    lambda t, p: t.nn.utils.fuse_conv_bn_eval(t.nn.Conv1d(1, 1, 1), t.nn.BatchNorm1d(1)),
    lambda t, p: t.nn.utils.skip_init(t.nn.functional.relu, 1, 2),
    lambda t, p: t.nn.utils.parametrizations.orthogonal(t.nn.Linear(2, 2), "bias"),
    lambda t, p: t.nn.utils.parametrizations.orthogonal(t.nn.Linear(2, 2), orthogonal_map="other"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_what_pytorch_refuses_is_refused(fault):
    for t in LIBRARIES:
        with pytest.raises((ValueError, TypeError, IndexError, RuntimeError, AssertionError, AttributeError)):
            fault(t, t.nn.utils.prune)


FUNCTIONS = [name for name in engine.nn.utils.prune.__all__ if name[0].islower()]


@pytest.mark.parametrize("name", [*FUNCTIONS, "L1Unstructured", "LnStructured", "RandomStructured", "CustomFromMask"])
def test_signatures_are_pytorchs(name):
    ours, theirs = (inspect.signature(getattr(t.nn.utils.prune, name)).parameters.values() for t in (engine, torch))
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]


FUSED = {
    "Conv1d": (lambda nn: nn.Conv1d(2, 3, 2), lambda nn: nn.BatchNorm1d(3), (2, 2, 5), {}),
    "Conv2d without bias": (lambda nn: nn.Conv2d(2, 3, 3, bias=False), lambda nn: nn.BatchNorm2d(3), (2, 2, 5, 4), {}),
    "not affine": (lambda nn: nn.Conv2d(2, 3, 3), lambda nn: nn.BatchNorm2d(3, affine=False), (2, 2, 5, 4), {}),
    "ConvTranspose2d": (lambda nn: nn.ConvTranspose2d(2, 3, 3), lambda nn: nn.BatchNorm2d(3), (2, 2, 5, 4),
                        {"transpose": True}),
    "Linear": (lambda nn: nn.Linear(4, 3), lambda nn: nn.BatchNorm1d(3), (5, 4), {}),
    "Linear without bias": (lambda nn: nn.Linear(4, 3, bias=False), lambda nn: nn.BatchNorm1d(3), (5, 4), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", FUSED)
def test_a_norm_in_evaluation_becomes_part_of_the_layer_before_it(name):
    make, norm, shape, options = FUSED[name]
    found = []
    for t in LIBRARIES:
        layer, bn = filled(t, make(t.nn)).eval(), filled(t, norm(t.nn)).eval()
        bn.running_mean.copy_(t.tensor(numbers(3)))
        bn.running_var.copy_(t.tensor(numbers(3) ** 2 + 0.5))
        fuse = t.nn.utils.fuse_linear_bn_eval if name.startswith("Linear") else t.nn.utils.fuse_conv_bn_eval
        fused = fuse(layer, bn, **options)
        x = t.tensor(numbers(*shape))
        np.testing.assert_allclose(fused(x).detach().numpy(), bn(layer(x)).detach().numpy(), 1e-4, 1e-5)
        found.append([(p.detach().numpy(), p.requires_grad) for p in fused.parameters()])
    for (theirs, learned), (ours, is_learned) in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-4, 1e-6)
        assert learned == is_learned


MAPS = ("matrix_exp", "cayley", "householder")
ORTHOGONAL = [((4, 4), {}), ((5, 3), {}), ((3, 5), {}),
              *((shape, {"orthogonal_map": name}) for shape in ((3, 3), (5, 3), (3, 5)) for name in MAPS)]  # fmt: skip


@pytest.mark.parametrize(("shape", "options"), ORTHOGONAL, ids=str)
def test_a_weight_held_orthogonal_learns_as_pytorchs_does(shape, options):
    rows, columns = shape
    theirs, ours = (filled(t, t.nn.Linear(columns, rows)).double() for t in LIBRARIES)
    for t, layer in zip(LIBRARIES, (theirs, ours)):
        t.nn.utils.parametrizations.orthogonal(layer, **options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    np.testing.assert_allclose(ours.weight.detach().numpy(), theirs.weight.detach().numpy(), 1e-5, 1e-6)
    ours.load_state_dict({key: engine.from_numpy(value.numpy().copy()) for key, value in theirs.state_dict().items()})
    for t, layer in zip(LIBRARIES, (theirs, ours)):
        optimizer = t.optim.SGD(layer.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            (layer(t.tensor(numbers(4, columns, dtype="float64"))) ** 2 * t.arange(rows)).sum().backward()
            optimizer.step()
    weight = ours.weight.detach().numpy()
    np.testing.assert_allclose(weight, theirs.weight.detach().numpy(), 1e-6, 1e-7)
    product = weight.T @ weight if rows >= columns else weight @ weight.T
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-6)


def test_a_layer_without_first_values_has_its_shapes():
    for t in LIBRARIES:
        layer = t.nn.utils.skip_init(t.nn.Conv1d, 2, 3, kernel_size=2, dtype=t.float64)
        assert [(tuple(p.shape), p.dtype == t.float64) for p in layer.parameters()] == [((3, 2, 2), True), ((3,), True)]
        assert not any(p.is_meta for p in layer.parameters())
        made = t.nn.utils.parametrizations.orthogonal(t.nn.Linear(2, 2))
        before = t.nn.utils.parametrize.type_before_parametrizations
        assert [before(made), before(layer)] == [t.nn.Linear, t.nn.Conv1d]
