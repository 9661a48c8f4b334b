"""Sixty epochs of every schedule, with its options, against PyTorch's."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine import nn, optim  # noqa: E402
from engine.errors import EngineError  # noqa: E402

SCHEDULES = [
    ("StepLR", {"step_size": 7}),
    ("StepLR", {"step_size": 1, "gamma": 0.9}),
    ("MultiStepLR", {"milestones": [3, 8, 8, 50], "gamma": 0.5}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.5, "total_iters": 45}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.3, "total_iters": 40}),
    ("ExponentialLR", {"gamma": 0.93}),
    ("PolynomialLR", {}),
    ("PolynomialLR", {"total_iters": 50, "power": 2.0}),
    ("CosineAnnealingLR", {"T_max": 50}),
    ("CosineAnnealingLR", {"T_max": 9, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 7}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2, "eta_min": 0.01}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.95**epoch}),
    ("LambdaLR", {"lr_lambda": [lambda epoch: 1 / (1 + epoch), lambda epoch: epoch]}),
    ("MultiplicativeLR", {"lr_lambda": lambda epoch: 0.95}),
    ("MultiplicativeLR", {"lr_lambda": [lambda epoch: 0.9, lambda epoch: 1 + 1 / epoch]}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.6, "step_size_up": 4}),
    ("CyclicLR", {"base_lr": [0.1, 0.2], "max_lr": [0.6, 0.9], "step_size_up": 4, "step_size_down": 7,
                  "mode": "triangular2"}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.6, "step_size_up": 4, "mode": "exp_range", "gamma": 0.97,
                  "base_momentum": 0.5, "max_momentum": 0.95}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.6, "step_size_up": 4, "scale_fn": lambda x: 1 / (1 + x),
                  "scale_mode": "iterations", "cycle_momentum": False}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 60}),
    ("OneCycleLR", {"max_lr": [0.5, 0.2], "epochs": 10, "steps_per_epoch": 7, "pct_start": 0.5,
                    "anneal_strategy": "linear", "div_factor": 10.0, "final_div_factor": 100.0}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 60, "three_phase": True, "base_momentum": 0.6}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 60, "cycle_momentum": False}),
    ("SWALR", {"swa_lr": 0.05}),
    ("SWALR", {"swa_lr": [0.05, 0.9], "anneal_epochs": 25, "anneal_strategy": "linear"}),
    ("SWALR", {"swa_lr": 0.05, "anneal_epochs": 0}),
]  # fmt: skip


def joined(kind, names, **more):
    """A schedule made of several, for either library."""

    def make(library, optimizer):
        parts = [getattr(library.lr_scheduler, name)(optimizer, **options) for name, options in names]
        cls = getattr(library.lr_scheduler, kind)
        return cls(parts) if kind == "ChainedScheduler" else cls(optimizer, parts, **more)

    return make


WARM_UP = ("LinearLR", {"total_iters": 5})
JOINED = {
    "chained": joined("ChainedScheduler", [WARM_UP, ("ExponentialLR", {"gamma": 0.9})]),
    "chained steps": joined("ChainedScheduler", [("StepLR", {"step_size": 9}), ("ConstantLR", {"total_iters": 12})]),
    "sequential": joined("SequentialLR", [WARM_UP, ("CosineAnnealingLR", {"T_max": 40})], milestones=[5]),
    "three": joined("SequentialLR", [("ConstantLR", {}), ("ExponentialLR", {"gamma": 0.9}),
                                     ("StepLR", {"step_size": 5})], milestones=[4, 30]),
    "restarts": joined("SequentialLR", [WARM_UP, ("CosineAnnealingWarmRestarts", {"T_0": 8})], milestones=[5]),
    "at once": joined("SequentialLR", [WARM_UP, ("PolynomialLR", {"total_iters": 30})], milestones=[0]),
}  # fmt: skip
PRIVATE = {"_get_lr_called_within_step", "_is_initial", "_initial_step", "_scale_fn_ref"}
"""What PyTorch's schedules keep for their own warnings and functions."""


def optimizers(kind="SGD", **options):
    groups = [{"lr": 0.5}, {"lr": 0.2}]
    one = getattr(torch.optim, kind)([{"params": [torch.nn.Parameter(torch.ones(1))], **g} for g in groups], **options)
    two = getattr(optim, kind)([{"params": [nn.Parameter(engine.ones(1))], **g} for g in groups], **options)
    return one, two


def made(library, name, optimizer, options):
    home = library.swa_utils if name == "SWALR" else library.lr_scheduler
    return getattr(home, name)(optimizer, **options)


def numbers(optimizer):
    """All that a schedule may set."""
    names = ("lr", "initial_lr", "momentum", "betas", "max_lr", "min_lr", "swa_lr", "max_momentum", "base_momentum")
    found = [group.get(name, 0.0) for group in optimizer.param_groups for name in names]
    return [float(n) for value in found for n in (value if isinstance(value, tuple | list) else [value])]


def sixty_epochs(make, one, two, again):
    theirs, ours = make(torch.optim, one), make(optim, two)
    for epoch in range(60):
        assert numbers(two) == pytest.approx(numbers(one), rel=1e-9, abs=1e-15), epoch
        assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-9, abs=1e-15)
        one.step()
        two.step()
        theirs.step()
        ours.step()
        if epoch == 20:  # a person turns the rate down meanwhile
            for group in (*one.param_groups, *two.param_groups):
                group["lr"] *= 0.5
        if epoch == 30:  # and stops and resumes, through a file
            expected, state = theirs.state_dict(), ours.state_dict()
            assert set(state) == set(expected) - PRIVATE
            saved = [json.loads(json.dumps(s)) for s in (state, two.state_dict())]
            two = again()[1]
            ours = make(optim, two)
            ours.load_state_dict(saved[0])
            two.load_state_dict(saved[1])


@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_sixty_epochs_of_a_schedule_agree(name, options):
    again = lambda: optimizers(momentum=0.3)  # noqa: E731
    sixty_epochs(lambda library, optimizer: made(library, name, optimizer, options), *again(), again)


@pytest.mark.parametrize("name", JOINED)
def test_sixty_epochs_of_joined_schedules_agree(name):
    sixty_epochs(JOINED[name], *optimizers(), optimizers)


@pytest.mark.parametrize(("name", "options"), [s for s in SCHEDULES if s[0] in ("CyclicLR", "OneCycleLR")])
def test_beta_is_cycled_where_there_is_no_momentum(name, options):
    again = lambda: optimizers("Adam")  # noqa: E731
    sixty_epochs(lambda library, optimizer: made(library, name, optimizer, options), *again(), again)


@pytest.mark.parametrize("name", ["CyclicLR", "OneCycleLR"])
def test_an_optimizer_without_momentum_has_none_to_cycle(name):
    one, two = optimizers("Adagrad")
    options = {"max_lr": 0.5, **({"base_lr": 0.1} if name == "CyclicLR" else {"total_steps": 9})}
    with pytest.raises(ValueError, match="must support momentum"):
        made(torch.optim, name, one, options)
    with pytest.raises(EngineError, match="Adagrad has no momentum to cycle"):
        made(optim, name, two, options)


@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_a_schedule_made_for_a_later_epoch_begins_there(name, options):
    one, two = optimizers(momentum=0.3)
    for optimizer in (one, two):
        for group in optimizer.param_groups:
            group |= {"initial_lr": group["lr"], "max_lr": 0.6, "min_lr": 0.001, "swa_lr": 0.05}
            group |= {"max_momentum": 0.9, "base_momentum": 0.8}
    theirs = made(torch.optim, name, one, {**options, "last_epoch": 4})
    ours = made(optim, name, two, {**options, "last_epoch": 4})
    for _ in range(10):
        assert numbers(two) == pytest.approx(numbers(one), rel=1e-9)
        assert ours.last_epoch == theirs.last_epoch
        one.step()
        theirs.step()
        ours.step()


@pytest.mark.parametrize("name", ["StepLR", "LambdaLR", "OneCycleLR"])
def test_a_later_epoch_wants_the_rates_of_the_first(name):
    options = dict(SCHEDULES)[name]
    for library, optimizer in zip((torch.optim, optim), optimizers("Adagrad")):
        with pytest.raises(KeyError, match="initial_lr"):
            made(
                library,
                name,
                optimizer,
                {**options, "last_epoch": 3, **({"cycle_momentum": False} if name == "OneCycleLR" else {})},
            )


@pytest.mark.filterwarnings("ignore")  # PyTorch would rather not be told the epoch
@pytest.mark.parametrize(("name", "options"), [s for s in SCHEDULES if s[0] != "SWALR"])
def test_a_schedule_goes_to_the_epoch_that_it_is_told(name, options):
    one, two = optimizers(momentum=0.3)
    theirs, ours = made(torch.optim, name, one, options), made(optim, name, two, options)
    for epoch in (3, 17, 2, 30) + ((7.5, 0.25) if name == "CosineAnnealingWarmRestarts" else ()):
        theirs.step(epoch)
        ours.step(epoch)
        assert numbers(two) == pytest.approx(numbers(one), rel=1e-9)


def test_a_rate_that_is_a_tensor_is_written_into():
    results = []
    for library, one in ((torch, torch.tensor(0.5)), (engine, engine.tensor(0.5))):
        p = library.nn.Parameter(library.ones(1))
        p.grad = library.ones(1)
        optimizer = library.optim.SGD([p], lr=one)
        schedule = library.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
        optimizer.step()
        schedule.step()
        optimizer.step()
        results.append((one.item(), p.item(), [float(rate) for rate in schedule.get_last_lr()]))
    assert results[0] == results[1]


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
        assert numbers(two) == pytest.approx(numbers(one), rel=1e-12)
        assert ours.get_last_lr() == theirs.get_last_lr()
        assert (ours.best, ours.num_bad_epochs, ours.in_cooldown) == (
            theirs.best,
            theirs.num_bad_epochs,
            theirs.in_cooldown,
        )


@pytest.mark.parametrize("name", [*torch.optim.lr_scheduler.__all__, "SWALR"])
def test_arguments_of_schedules_are_pytorchs(name):
    def arguments(library):
        home = library.swa_utils if name == "SWALR" else library.lr_scheduler
        found = inspect.signature(getattr(home, name).__init__).parameters.values()
        return [(p.name, p.default, p.kind) for p in found]

    assert arguments(optim) == arguments(torch.optim)
