"""Optimizers: groups, state, saving, and steps that write in place."""

from __future__ import annotations

import copy
import tracemalloc

import numpy as np
import pytest

import engine
from engine import nn, optim
from engine.errors import EngineError

OPTIMIZERS = [
    (optim.SGD, {}),
    (optim.SGD, {"momentum": 0.9}),
    (optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (optim.Adam, {}),
    (optim.Adam, {"amsgrad": True, "weight_decay": 0.1}),
    (optim.AdamW, {}),
    (optim.RMSprop, {}),
    (optim.RMSprop, {"centered": True, "momentum": 0.9}),
    (optim.Adamax, {}),
    (optim.NAdam, {}),
    (optim.RAdam, {"betas": (0.9, 0.9)}),
    (optim.Rprop, {}),
    (optim.Adagrad, {"initial_accumulator_value": 0.1}),
    (optim.Adadelta, {}),
    (optim.ASGD, {"t0": 2}),
    (optim.Lion, {"weight_decay": 0.1}),
]


def trained(make, options, steps=5, seed=0):
    engine.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    optimizer = make(model.parameters(), lr=0.05, **options)
    step(model, optimizer, steps)
    return model, optimizer


def step(model, optimizer, steps):
    x = engine.from_numpy(np.linspace(-1, 1, 24, dtype=np.float32).reshape(8, 3))
    for _ in range(steps):
        optimizer.zero_grad()
        (model(x) ** 2).mean().backward()
        optimizer.step()


@pytest.mark.parametrize(("make", "options"), OPTIMIZERS)
def test_a_copy_of_network_and_optimizer_goes_on_by_itself(make, options):
    expected, _ = trained(make, options, steps=6)
    half, optimizer = trained(make, options, steps=3)
    model, copied = copy.deepcopy((half, optimizer))
    step(model, copied, 3)
    for gone_on, stopped, plain in zip(model.parameters(), half.parameters(), expected.parameters(), strict=True):
        np.testing.assert_array_equal(gone_on.detach().numpy(), plain.detach().numpy())
        assert not np.array_equal(stopped.detach().numpy(), plain.detach().numpy())


@pytest.mark.parametrize(("make", "options"), OPTIMIZERS)
def test_training_goes_on_from_a_saved_state_bit_for_bit(make, options):
    model, optimizer = trained(make, options, steps=8)
    half, half_optimizer = trained(make, options, steps=4)
    other, other_optimizer = trained(make, options, steps=1, seed=1)
    other.load_state_dict(half.state_dict())
    other_optimizer.load_state_dict(half_optimizer.state_dict())
    step(other, other_optimizer, 4)
    for expected, got in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(got.detach().numpy(), expected.detach().numpy())
    del optimizer


@pytest.mark.parametrize("kind", [engine.float32, engine.float64])
@pytest.mark.parametrize(("make", "options"), OPTIMIZERS)
def test_a_step_allocates_next_to_nothing(make, options, kind):
    if make is optim.Rprop and kind is engine.float64:
        pytest.skip("array modules choose between two arrays in a new one")
    layer = nn.Linear(300, 300, dtype=kind)
    optimizer = make(layer.parameters(), lr=0.05, **options)
    layer(engine.ones(2, 300, dtype=kind)).sum().backward()
    optimizer.step()
    tracemalloc.start()
    optimizer.step()
    optimizer.step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000  # one array of the weight's size is 360 000 bytes


def test_a_step_writes_into_the_same_memory():
    layer = nn.Linear(2, 1)
    view = layer.weight.detach().numpy()
    before = view.copy()
    layer(engine.ones(1, 2)).sum().backward()
    optim.SGD(layer.parameters(), lr=0.5).step()
    np.testing.assert_allclose(view, before - 0.5)


def test_parameters_without_a_gradient_stay():
    one, other = nn.Linear(1, 1), nn.Linear(1, 1)
    optimizer = optim.Adam([*one.parameters(), *other.parameters()], lr=0.1)
    before = other.weight.item()
    one(engine.ones(1, 1)).sum().backward()
    optimizer.step()
    assert other.weight.item() == before
    assert list(optimizer.state_dict()["state"]) == [0, 1]


def test_groups_have_options_of_their_own():
    one, other = nn.Linear(1, 1), nn.Linear(1, 1)
    optimizer = optim.SGD([{"params": one.parameters()}, {"params": other.weight, "lr": 0.5}], lr=0.1, momentum=0.9)
    optimizer.add_param_group({"params": [other.bias], "lr": 0.0})
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.5, 0.0]
    assert [group["momentum"] for group in optimizer.param_groups] == [0.9, 0.9, 0.9]
    before = one.weight.item(), other.weight.item(), other.bias.item()
    (one(engine.ones(1, 1)) + other(engine.ones(1, 1))).sum().backward()
    optimizer.step()
    assert one.weight.item() == pytest.approx(before[0] - 0.1)
    assert other.weight.item() == pytest.approx(before[1] - 0.5)
    assert other.bias.item() == before[2]
    assert optimizer.state_dict()["param_groups"][2]["params"] == [3]


def test_a_closure_is_run_with_gradients_and_its_loss_returned():
    layer = nn.Linear(1, 1)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (layer(engine.ones(1, 1)) ** 2).sum()
        loss.backward()
        return loss

    first = optimizer.step(closure).item()
    assert optimizer.step(closure).item() < first


def test_zero_grad_forgets_or_zeroes():
    layer = nn.Linear(1, 1)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    layer(engine.ones(1, 1)).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == [[0.0]]
    optimizer.zero_grad()
    assert layer.weight.grad is None


def test_a_step_between_forward_and_backward_is_noticed():
    layer = nn.Linear(2, 2)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    x = engine.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    loss = layer(x).sum()
    optimizer.step()
    with pytest.raises(EngineError, match="chang"):
        loss.backward()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: optim.SGD([], lr=0.1), "no parameter"),
        (lambda p: optim.SGD([p, p], lr=0.1), "twice"),
        (lambda p: optim.SGD([{"params": [p]}, {"params": [p]}], lr=0.1), "more than one group"),
        (lambda p: optim.SGD([p * 2], lr=0.1), "computed from others"),
        (lambda p: optim.SGD([p], lr=-1), "lr=-1, expected 0 or more"),
        (lambda p: optim.SGD([p], nesterov=True), "nesterov with momentum=0"),
        (lambda p: optim.Adam([p], betas=(0.9, 1.0)), "betas"),
        (lambda p: optim.AdamW([p], eps=-1.0), "AdamW: eps=-1.0"),
        (lambda p: optim.RMSprop([p], weight_decay=-1.0), "weight_decay=-1.0"),
        (lambda p: optim.Rprop([p], etas=(0.5, 0.9)), "one between 0 and 1 and one over 1"),
        (lambda p: optim.Adadelta([p], rho=1.5), "rho=1.5"),
        (lambda p: optim.LBFGS([p], line_search_fn="wolfe"), "line_search_fn='wolfe'"),
        (lambda p: optim.LBFGS([{"params": p}, {"params": engine.ones(1)}]), "a second group"),
        (lambda p: optim.Muon([p]), r"a parameter of shape \(1,\), expected a matrix"),
        (lambda p: optim.Adam([p], foreach=True, fused=True), "one of them at the most"),
    ],
)
def test_what_makes_no_sense_is_refused(make, words):
    with pytest.raises(EngineError, match=words):
        make(nn.Parameter(engine.ones(1)))


def test_a_single_tensor_or_no_tensor_is_refused():
    with pytest.raises(TypeError, match="expected a list of parameters"):
        optim.SGD(nn.Parameter(engine.ones(1)))
    with pytest.raises(TypeError, match="float arrives among its parameters"):
        optim.SGD([1.0])


def test_a_state_of_other_parameters_is_refused_and_changes_nothing():
    one, optimizer = trained(optim.Adam, {})
    before = optimizer.state_dict()["state"][0]["exp_avg"].numpy().copy()
    with pytest.raises(EngineError, match=r"groups of \[2\] parameters, expected \[4\]"):
        optimizer.load_state_dict(optim.Adam(nn.Linear(1, 1).parameters()).state_dict())
    wrong = optimizer.state_dict()
    wrong["state"][1]["exp_avg"] = engine.zeros(7)
    with pytest.raises(EngineError, match=r"'exp_avg' has shape \(7,\)"):
        optimizer.load_state_dict(wrong)
    np.testing.assert_array_equal(optimizer.state_dict()["state"][0]["exp_avg"].numpy(), before)
    del one


def test_repr_lists_the_options():
    assert repr(optim.SGD([nn.Parameter(engine.ones(1))], lr=0.5)).splitlines()[:6] == [
        "SGD (",
        "Parameter Group 0",
        "    dampening: 0",
        "    differentiable: False",
        "    foreach: None",
        "    fused: None",
    ]


def test_clip_grad_norm_shortens_all_gradients_together_and_returns_the_norm():
    layer = nn.Linear(3, 2)
    layer(engine.ones(4, 3)).sum().backward()
    norm = float(np.sqrt(sum((p.grad.numpy() ** 2).sum() for p in layer.parameters())))
    assert nn.utils.clip_grad_norm_(layer.parameters(), 1.5).item() == pytest.approx(norm)
    after = float(np.sqrt(sum((p.grad.numpy() ** 2).sum() for p in layer.parameters())))
    assert after == pytest.approx(1.5, rel=1e-5)
    nn.utils.clip_grad_norm_(layer.parameters(), 100.0)
    assert float(np.sqrt(sum((p.grad.numpy() ** 2).sum() for p in layer.parameters()))) == pytest.approx(1.5, rel=1e-5)


def test_clip_grad_norm_says_when_the_norm_is_no_number():
    p = nn.Parameter(engine.ones(2))
    p.grad = engine.tensor([float("nan"), 1.0])
    with pytest.raises(EngineError, match="nan"):
        nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)


def test_what_a_users_optimizer_remembers_is_saved_and_loaded_as_it_is():
    class Counting(optim.Optimizer):
        def step(self):
            for p in self.param_groups[0]["params"]:
                self.state[p]["seen"] = self.state[p].get("seen", 0) + 1
                self.state[p]["words"] = ["one", None]

    one, other = (Counting([nn.Parameter(engine.ones(2))], {"lr": 1.0}) for _ in range(2))
    one.step()
    other.load_state_dict(one.state_dict())
    other.step()
    assert [*other.state.values()] == [{"seen": 2, "words": ["one", None]}]


def test_a_failed_load_leaves_learning_as_it_was():
    model, optimizer = trained(optim.Adam, {}, steps=3)
    twin, twin_optimizer = trained(optim.Adam, {}, steps=3)
    wrong = optimizer.state_dict()
    wrong["state"] = {n: dict(held) for n, held in wrong["state"].items()}
    wrong["state"][0]["exp_avg"] = engine.ones(*wrong["state"][0]["exp_avg"].shape)
    wrong["state"][3]["exp_avg"] = engine.zeros(7)
    with pytest.raises(EngineError):
        optimizer.load_state_dict(wrong)
    step(model, optimizer, 1)
    step(twin, twin_optimizer, 1)
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_a_model_moved_before_the_first_step_learns_where_it_is():
    layer = nn.Linear(2, 1)
    optimizer = optim.Adam(layer.parameters(), lr=0.1)
    layer.double()
    layer(engine.ones(1, 2, dtype=engine.float64)).sum().backward()
    optimizer.step()
    assert optimizer.state_dict()["state"][0]["exp_avg"].dtype == engine.float64
    layer.float()
    layer(engine.ones(1, 2)).sum().backward()
    with pytest.raises(EngineError, match="make the optimizer after moving the model"):
        optimizer.step()


def test_state_of_one_group_lies_in_one_block_each_part_on_a_cache_line():
    _, optimizer = trained(optim.Adam, {}, steps=1)
    for name in ("exp_avg", "exp_avg_sq"):
        arrays = [held[name].numpy() for held in optimizer.state_dict()["state"].values()]
        assert len({id(array.base) for array in arrays}) == 1
        starts = [array.ctypes.data for array in arrays]
        assert [start % 64 for start in starts] == [0] * len(arrays)
        ends = [start + -(-array.nbytes // 64) * 64 for start, array in zip(starts, arrays)]
        assert starts[1:] == ends[:-1]


def test_a_users_optimizer_and_schedule_are_subclasses():
    class SignDescent(optim.Optimizer):
        def __init__(self, params, lr=0.1):
            super().__init__(params, {"lr": lr})

        @engine.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    state["steps"] = state.get("steps", 0) + 1
                    p.add_(p.grad.sign(), alpha=-group["lr"])

    class Halving(optim.lr_scheduler.LRScheduler):
        def get_lr(self):
            return [base * 0.5**self.last_epoch for base in self.base_lrs]

    p = nn.Parameter(engine.tensor([4.0, -4.0]))
    optimizer = SignDescent([p], lr=1.0)
    schedule = Halving(optimizer)
    for _ in range(2):
        optimizer.zero_grad()
        (p * p).sum().backward()
        optimizer.step()
        schedule.step()
    assert p.tolist() == [2.5, -2.5]
    assert optimizer.state[p]["steps"] == 2


@pytest.mark.parametrize(("make", "options"), [*OPTIMIZERS, (optim.SGD, {"momentum": 0.9, "dampening": 0.5})])
def test_a_parameter_without_gradient_in_some_steps_goes_on_where_it_stopped(make, options):
    gradients = [[0.5, None], [0.25, 1.0], [None, -2.0], [1.0, 0.5]]
    together, alone = ([nn.Parameter(engine.ones(3)) for _ in range(2)] for _ in range(2))
    one, each = make(together, lr=0.1, **options), [make([p], lr=0.1, **options) for p in alone]
    for row in gradients:
        for p, q, optimizer, gradient in zip(together, alone, each, row, strict=True):
            p.grad = q.grad = None if gradient is None else engine.full((3,), gradient)
            optimizer.step()
        one.step()
    for p, q in zip(together, alone, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


@pytest.mark.parametrize(("make", "options"), [*OPTIMIZERS, (optim.SGD, {"momentum": 0.9, "dampening": 0.5})])
def test_a_step_is_one_kernel_call_that_can_be_replayed_with_what_changed_since(make, options, monkeypatch):
    kernels, calls = engine.device("cpu").kernels, []

    class Recorder:
        def live(self, make):
            calls.append(make)
            return kernels.live(make)

        def __getattr__(self, name):
            def record(*arguments):
                calls.append((name, arguments))
                return getattr(kernels, name)(*arguments)

            return record

    recorded, expected = ([nn.Parameter(engine.ones(3)), nn.Parameter(engine.zeros(2, 2))] for _ in range(2))
    for p in (*recorded, *expected):
        p.grad = engine.full(p.shape, 0.5)
    one, two = make(recorded, lr=0.1, **options), make(expected, lr=0.1, **options)
    with monkeypatch.context() as patch:
        patch.setattr(engine.device("cpu"), "kernels", Recorder())
        one.step()
    change, (name, arguments) = calls
    two.step()
    for rate in (0.1, 0.05, 0.02):
        one.param_groups[0]["lr"] = two.param_groups[0]["lr"] = rate
        getattr(kernels, name)(*arguments[:-1], change())
        two.step()
    for p, q in zip(recorded, expected, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())
