"""Twenty steps of every optimizer, with its options, against PyTorch's; and fifty epochs of every schedule."""

from __future__ import annotations

import inspect
import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine import nn, optim  # noqa: E402

SGD = [
    {},
    {"momentum": 0.9},
    {"momentum": 0.9, "dampening": 0.3},
    {"momentum": 0.9, "nesterov": True},
    {"weight_decay": 0.1},
    {"momentum": 0.5, "weight_decay": 0.1, "nesterov": True},
    {"momentum": 0.5, "weight_decay": 0.1, "maximize": True},
]
ADAM = [
    {"betas": betas, "weight_decay": decay, "amsgrad": amsgrad}
    for betas, decay, amsgrad in itertools.product([(0.9, 0.999), (0.5, 0.8)], [0, 0.1], [False, True])
]
ADAM += [{"eps": 1e-3, "maximize": True, "weight_decay": 0.1}]
RMSPROP = [
    {"momentum": momentum, "centered": centered, "weight_decay": decay}
    for momentum, centered, decay in itertools.product([0, 0.9], [False, True], [0, 0.1])
]
RMSPROP += [{"alpha": 0.5, "eps": 1e-3, "maximize": True}]
CASES = [
    *[("SGD", {"lr": 0.05, **options}) for options in SGD],
    *[("Adam", {"lr": 0.02, **options}) for options in ADAM],
    *[("AdamW", {"lr": 0.02, **options}) for options in ADAM],
    *[("RMSprop", {"lr": 0.01, **options}) for options in RMSPROP],
    *[(name, {}) for name in ("SGD", "Adam", "AdamW", "RMSprop")],
]


def models():
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 3))
    ours = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))
    ours.load_state_dict({k: engine.from_numpy(v.numpy().copy()) for k, v in theirs.state_dict().items()})
    return theirs, ours


def batches(number):
    rng = np.random.default_rng(1)
    return [(rng.standard_normal((6, 5)).astype(np.float32), rng.integers(0, 3, 6)) for _ in range(number)]


def train(model, optimizer, loss, wrap, x, y):
    optimizer.zero_grad()
    loss(model(wrap(x)), wrap(y)).backward()
    optimizer.step()


@pytest.mark.parametrize(("name", "options"), CASES)
def test_twenty_steps_agree(name, options):
    theirs, ours = models()
    one = getattr(torch.optim, name)(theirs.parameters(), **options)
    two = getattr(optim, name)(ours.parameters(), **options)
    for x, y in batches(20):
        # the same gradients for both, so that only the update is compared
        train(theirs, one, torch.nn.CrossEntropyLoss(), torch.from_numpy, x, y)
        for expected, got in zip(theirs.parameters(), ours.parameters(), strict=True):
            got.grad = engine.from_numpy(expected.grad.numpy().copy())
        two.step()
    for expected, got in zip(theirs.parameters(), ours.parameters(), strict=True):
        expected = expected.detach().numpy()
        np.testing.assert_allclose(got.detach().numpy(), expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    expected, got = one.state_dict(), two.state_dict()
    assert list(got["state"]) == list(expected["state"])
    for number, held in expected["state"].items():
        kept = {key: value for key, value in held.items() if value is not None}
        assert set(got["state"][number]) == set(kept)
        for key, value in kept.items():
            np.testing.assert_allclose(
                np.asarray(got["state"][number][key]), value.numpy(), rtol=1e-5, atol=1e-5 * float(value.abs().max())
            )
    for mine, other in zip(got["param_groups"], expected["param_groups"], strict=True):
        assert mine == {key: other[key] for key in mine}


@pytest.mark.parametrize(("name", "options"), [("SGD", {"lr": 0.05, "momentum": 0.9}), ("Adam", {"lr": 0.01}),
                                               ("AdamW", {"lr": 0.01}), ("RMSprop", {"lr": 0.005})])  # fmt: skip
def test_twenty_whole_training_steps_agree(name, options):
    theirs, ours = models()
    one = getattr(torch.optim, name)(theirs.parameters(), **options)
    two = getattr(optim, name)(ours.parameters(), **options)
    for x, y in batches(20):
        train(theirs, one, torch.nn.CrossEntropyLoss(), torch.from_numpy, x, y)
        train(ours, two, nn.CrossEntropyLoss(), engine.from_numpy, x, y)
    for expected, got in zip(theirs.parameters(), ours.parameters(), strict=True):
        expected = expected.detach().numpy()
        np.testing.assert_allclose(got.detach().numpy(), expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["Adam", "SGD", "RMSprop"])
def test_ours_goes_on_from_pytorchs_state(name):
    options = {"lr": 0.02, **({"momentum": 0.9} if name != "Adam" else {})}
    theirs, ours = models()
    one = getattr(torch.optim, name)(theirs.parameters(), **options)
    for x, y in batches(3):
        train(theirs, one, torch.nn.CrossEntropyLoss(), torch.from_numpy, x, y)
    ours.load_state_dict({k: engine.from_numpy(v.numpy().copy()) for k, v in theirs.state_dict().items()})
    two = getattr(optim, name)(ours.parameters(), lr=1.0)
    saved = one.state_dict()
    saved["state"] = {
        n: {k: engine.from_numpy(v.numpy()) for k, v in held.items() if v is not None}
        for n, held in saved["state"].items()
    }
    two.load_state_dict(saved)
    for x, y in batches(5):
        train(theirs, one, torch.nn.CrossEntropyLoss(), torch.from_numpy, x, y)
        train(ours, two, nn.CrossEntropyLoss(), engine.from_numpy, x, y)
    for expected, got in zip(theirs.parameters(), ours.parameters(), strict=True):
        expected = expected.detach().numpy()
        np.testing.assert_allclose(got.detach().numpy(), expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


SWITCHES = {"foreach", "fused", "capturable", "differentiable"}
"""Arguments that choose between PyTorch's implementations; ours has one."""


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_arguments_order_and_defaults_are_pytorchs(name):
    def arguments(cls):
        found = inspect.signature(cls.__init__).parameters.values()
        return [(p.name, p.default) for p in found if p.name not in {"self", *SWITCHES}]

    assert arguments(getattr(optim, name)) == arguments(getattr(torch.optim, name))


SCHEDULES = [
    ("StepLR", {"step_size": 7}),
    ("StepLR", {"step_size": 1, "gamma": 0.9}),
    ("ExponentialLR", {"gamma": 0.93}),
    ("CosineAnnealingLR", {"T_max": 50}),
    ("CosineAnnealingLR", {"T_max": 9, "eta_min": 0.01}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.95**epoch}),
    ("LambdaLR", {"lr_lambda": [lambda epoch: 1 / (1 + epoch), lambda epoch: epoch]}),
]


def optimizers():
    groups = [{"lr": 0.5}, {"lr": 0.2}]
    one = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))], **group} for group in groups])
    two = optim.SGD([{"params": [nn.Parameter(engine.ones(1))], **group} for group in groups])
    return one, two


def rates(optimizer):
    return [group["lr"] for group in optimizer.param_groups]


@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_fifty_epochs_of_a_schedule_agree(name, options):
    one, two = optimizers()
    theirs = getattr(torch.optim.lr_scheduler, name)(one, **options)
    ours = getattr(optim.lr_scheduler, name)(two, **options)
    for epoch in range(50):
        assert rates(two) == pytest.approx(rates(one), rel=1e-9), epoch
        assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-9)
        one.step()
        two.step()
        theirs.step()
        ours.step()
        if epoch == 20:  # a person turns the rate down meanwhile
            for group in (*one.param_groups, *two.param_groups):
                group["lr"] *= 0.5
        if epoch == 30:  # and stops and resumes
            state, optimizer_state = ours.state_dict(), two.state_dict()
            two = optimizers()[1]
            ours = getattr(optim.lr_scheduler, name)(two, **options)
            two.load_state_dict(optimizer_state)
            ours.load_state_dict(state)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 2, "factor": 0.5},
        {"patience": 1, "factor": 0.9, "cooldown": 2},
        {"patience": 0, "cooldown": 3, "min_lr": 0.01},
        {"mode": "max", "patience": 1, "threshold": 0.05},
        {"mode": "max", "patience": 1, "threshold": 0.05, "threshold_mode": "abs"},
        {"patience": 1, "threshold": 0.05, "threshold_mode": "abs", "min_lr": [0.1, 0.02], "eps": 1e-3},
    ],
)
@pytest.mark.parametrize("figures", ["falling", "flat", "wavy"])
def test_fifty_epochs_of_reduce_on_plateau_agree(options, figures):
    epochs = np.arange(50)
    noise = np.random.default_rng(0).standard_normal(50)
    run = {"falling": 0.9**epochs, "flat": np.ones(50), "wavy": 1 / (1 + epochs) + 0.3 * np.abs(noise)}[figures]
    one, two = optimizers()
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(one, **options)
    ours = optim.lr_scheduler.ReduceLROnPlateau(two, **options)
    for figure in run:
        theirs.step(figure)
        ours.step(figure)
        assert rates(two) == pytest.approx(rates(one), rel=1e-12)
        assert ours.get_last_lr() == theirs.get_last_lr()
        assert (ours.best, ours.num_bad_epochs, ours.in_cooldown) == (
            theirs.best,
            theirs.num_bad_epochs,
            theirs.in_cooldown,
        )


@pytest.mark.parametrize("name", ["StepLR", "ExponentialLR", "CosineAnnealingLR", "LambdaLR", "ReduceLROnPlateau"])
def test_arguments_of_schedules_are_pytorchs(name):
    def arguments(library):
        found = inspect.signature(getattr(library.lr_scheduler, name).__init__).parameters.values()
        return [(p.name, p.default) for p in found]

    assert arguments(optim) == arguments(torch.optim)


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("max_norm", [0.1, 1000.0])
def test_clipping_agrees(norm_type, max_norm):
    theirs, ours = models()
    ((x, y),) = batches(1)
    torch.nn.CrossEntropyLoss()(theirs(torch.from_numpy(x)), torch.from_numpy(y)).backward()
    nn.CrossEntropyLoss()(ours(engine.from_numpy(x)), engine.from_numpy(y)).backward()
    expected = torch.nn.utils.clip_grad_norm_(theirs.parameters(), max_norm, norm_type)
    got = nn.utils.clip_grad_norm_(ours.parameters(), max_norm, norm_type)
    assert got.item() == pytest.approx(expected.item(), rel=1e-5)
    torch.nn.utils.clip_grad_value_(theirs.parameters(), 0.01)
    nn.utils.clip_grad_value_(ours.parameters(), 0.01)
    for one, two in zip(theirs.parameters(), ours.parameters(), strict=True):
        np.testing.assert_allclose(two.grad.numpy(), one.grad.numpy(), rtol=1e-5, atol=1e-8)
