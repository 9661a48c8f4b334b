"""Twenty steps of every optimizer, with its options, against PyTorch's; averages of weights; clipping."""

from __future__ import annotations

import inspect
import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine import nn, optim  # noqa: E402
from engine.errors import EngineError  # noqa: E402

COMMON = [{}, {"maximize": True}]
DECAY = [*COMMON, {"weight_decay": 0.1}]
ADAM = [
    {"betas": betas, "weight_decay": decay, "amsgrad": amsgrad}
    for betas, decay, amsgrad in itertools.product([(0.9, 0.999), (0.5, 0.8)], [0, 0.1], [False, True])
]
ADAM += [{"eps": 1e-3, "maximize": True, "weight_decay": 0.1}, {"eps": 0.0}]
RMSPROP = [
    {"momentum": momentum, "centered": centered, "weight_decay": decay}
    for momentum, centered, decay in itertools.product([0, 0.9], [False, True], [0, 0.1])
]
KINDRED = [*DECAY, {"betas": (0.5, 0.8), "eps": 1e-3}]
OPTIONS = {
    "SGD": [*DECAY, {"momentum": 0.9}, {"momentum": 0.9, "dampening": 0.3}, {"momentum": 0.9, "nesterov": True},
            {"momentum": 0.5, "weight_decay": 0.1, "nesterov": True},
            {"momentum": 0.5, "weight_decay": 0.1, "maximize": True}],
    "Adam": ADAM,
    "AdamW": ADAM,
    "RMSprop": [*RMSPROP, {"alpha": 0.5, "eps": 1e-3, "maximize": True}],
    "Adamax": KINDRED,
    "NAdam": [*KINDRED, {"weight_decay": 0.1, "decoupled_weight_decay": True}, {"momentum_decay": 0.1}],
    "RAdam": [*KINDRED, {"weight_decay": 0.1, "decoupled_weight_decay": True}, {"betas": (0.9, 0.9)}],
    "Rprop": [*COMMON, {"etas": (0.3, 1.5)}, {"step_sizes": (0.005, 0.02)}],
    "Adagrad": [*DECAY, {"lr_decay": 0.1}, {"initial_accumulator_value": 0.5, "eps": 1e-3}],
    "Adadelta": [*DECAY, {"rho": 0.5}, {"eps": 1e-2}],
    "ASGD": [*DECAY, {"lambd": 0.05, "alpha": 0.5}, {"t0": 5}],
}  # fmt: skip
CASES = [(name, {"lr": 0.02, **options}) for name, several in OPTIONS.items() for options in several]
CASES += [(name, {}) for name in OPTIONS]
SHAPES = [(60, 40), (7,), (), (3, 2, 2), (1,), (0, 3)]  # as many elements as compiled kernels are worth


def start(kind, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(kind) for shape in SHAPES]


def twenty_steps(name, options, kind, way):
    """-> PyTorch's optimizer and parameters, and ours, after the same gradients."""
    theirs = [torch.nn.Parameter(torch.tensor(values)) for values in start(kind)]
    ours = [nn.Parameter(engine.from_numpy(values)) for values in start(kind)]
    one, two = getattr(torch.optim, name)(theirs, **options), getattr(optim, name)(ours, **options)
    grads = [engine.zeros_like(p.detach()) for p in ours]  # a plan is for these
    step = engine.capture(two.step, check=True) if way == "captured" else two.step
    for number in range(20):
        for p, q, grad, values in zip(theirs, ours, grads, start(kind, 100 + number), strict=True):
            p.grad = torch.tensor(values)
            q.grad = grad
            grad.copy_(engine.from_numpy(values))
        one.step()
        step()
    return one, theirs, two, ours


def close(got, expected, tolerance):
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max(initial=1e-30))


@pytest.mark.parametrize(("kind", "way"), [("float32", "eager"), ("float32", "captured"), ("float64", "eager")])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_twenty_steps_agree(name, options, kind, way):
    one, theirs, two, ours = twenty_steps(name, options, kind, way)
    exact = 1e-6 if name in ("NAdam", "ASGD") else 1e-11  # PyTorch keeps some of their numbers in float32
    tolerance = 3e-5 if kind == "float32" else exact
    for expected, got in zip(theirs, ours, strict=True):
        close(got.detach().numpy(), expected.detach().numpy(), tolerance)
    expected, got = one.state_dict(), two.state_dict()
    assert list(got["state"]) == list(expected["state"])
    for number, held in expected["state"].items():
        kept = {key: value for key, value in held.items() if value is not None}
        assert set(got["state"][number]) == set(kept)
        for key, value in kept.items():
            mine = got["state"][number][key]
            close(mine.numpy() if hasattr(mine, "numpy") else mine, value.numpy(), 10 * max(tolerance, 1e-7))
    assert got["param_groups"] == expected["param_groups"]


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


@pytest.mark.parametrize("name", [*OPTIONS, "LBFGS", "Muon"])
def test_arguments_order_and_defaults_are_pytorchs(name):
    def arguments(cls):
        found = inspect.signature(cls.__init__).parameters.values()
        return [(p.name, p.default, p.kind) for p in found]

    assert arguments(getattr(optim, name)) == arguments(getattr(torch.optim, name))


def test_no_optimizer_of_pytorchs_is_missing_but_three():
    theirs = {name for name in torch.optim.__all__ if name[0].isupper()}
    assert theirs - set(optim.__all__) == {"Adafactor", "SparseAdam"}


@pytest.mark.parametrize("switch", ["foreach", "fused", "capturable"])
@pytest.mark.parametrize("name", OPTIONS)
def test_choices_between_implementations_change_nothing(name, switch):
    if switch not in inspect.signature(getattr(torch.optim, name).__init__).parameters:
        with pytest.raises(TypeError):
            getattr(optim, name)([nn.Parameter(engine.ones(1))], **{switch: True})
        return
    results = []
    for options in ({}, {switch: True}):
        p = nn.Parameter(engine.ones(3))
        p.grad = engine.ones(3)
        getattr(optim, name)([p], **options).step()
        results.append(p.tolist())
    assert results[0] == results[1]


@pytest.mark.parametrize("name", OPTIONS)
def test_a_differentiable_step_is_refused_in_words(name):
    with pytest.raises(EngineError, match="no gradient goes through a step"):
        getattr(optim, name)([nn.Parameter(engine.ones(1))], differentiable=True)


def everything_that_is_called(library):
    """What hooks of an optimizer are called, in order, and what a loaded optimizer holds."""
    called = []
    p = library.nn.Parameter(library.ones(2))
    p.grad = library.ones(2)
    optimizer = library.optim.SGD([("first", p)], lr=0.5, momentum=0.5)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: called.append(("before", args, kwargs)))
    taken = optimizer.register_step_post_hook(lambda o, args, kwargs: called.append("never"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: called.append(("after", args, kwargs)))
    optimizer.register_state_dict_pre_hook(lambda o: called.append("saving"))
    optimizer.register_state_dict_pre_hook(lambda o: called.append("saving first"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    optimizer.register_load_state_dict_pre_hook(lambda o, state: called.append(("loading", sorted(state))))
    optimizer.register_load_state_dict_post_hook(lambda o: called.append("loaded"))
    taken.remove()
    optimizer.step()
    optimizer.step(closure=lambda: 3)
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    called.append((sorted(state), [sorted(group) for group in state["param_groups"]], p.tolist()))
    called.append([{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups])
    return [(c[0], len(c[1]), c[1][0] is optimizer, sorted(c[2])) if c[0] in ("before", "after") else c for c in called]


def test_hooks_and_names_of_parameters_are_pytorchs():
    engine_like = type("Library", (), {"nn": nn, "optim": optim, "ones": staticmethod(engine.ones)})
    assert everything_that_is_called(engine_like) == everything_that_is_called(torch)


def rosenbrock(library, kind):
    """-> parameters and a closure of the same valley for either library."""
    start = np.array([[-1.2, 1.0, 0.3], [0.5, -0.4, 2.0]], kind)
    p = library.nn.Parameter(library.from_numpy(start.copy()))
    looked = []

    def closure():
        p.grad = None
        x, y = p[:, :-1], p[:, 1:]
        loss = (100 * (y - x**2) ** 2 + (1 - x) ** 2).sum()
        loss.backward()
        looked.append(loss.item())
        return loss

    return p, closure, looked


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(
    "options",
    [{"lr": 0.001}, {"line_search_fn": "strong_wolfe"}, {"line_search_fn": "strong_wolfe", "history_size": 2},
     {"lr": 0.001, "max_iter": 3}, {"line_search_fn": "strong_wolfe", "max_iter": 4, "max_eval": 6},
     {"line_search_fn": "strong_wolfe", "tolerance_grad": 1.0, "tolerance_change": 1e-3}],
)  # fmt: skip
def test_lbfgs_looks_where_pytorchs_looks(options, kind):
    found = []
    for library in (torch, type("Library", (), {"nn": nn, "from_numpy": staticmethod(engine.from_numpy)})):
        p, closure, looked = rosenbrock(library, kind)
        optimizer = (torch.optim if library is torch else optim).LBFGS([p], **options)
        firsts = [optimizer.step(closure).item() for _ in range(2 if kind == "float64" else 1)]
        state = optimizer.state_dict()
        found.append((p.detach().numpy(), looked, firsts, state))
    (theirs, looks, firsts, expected), (ours, looked, first, got) = found
    tolerance = 1e-6 if kind == "float64" else 1e-2
    close(ours, theirs, tolerance)
    assert first == pytest.approx(firsts, rel=tolerance, abs=1e-7)
    if kind == "float64":
        assert len(looked) == len(looks)
    assert got["param_groups"] == expected["param_groups"]
    assert set(got["state"][0]) == set(expected["state"][0]) - {"al"}  # room to compute in


def test_lbfgs_goes_on_from_a_saved_state():
    p, closure, _ = rosenbrock(
        type("Library", (), {"nn": nn, "from_numpy": staticmethod(engine.from_numpy)}), "float64"
    )
    optimizer = optim.LBFGS([p], line_search_fn="strong_wolfe", max_iter=5)
    optimizer.step(closure)
    values, state = p.detach().numpy().copy(), optimizer.state_dict()
    other = optim.LBFGS([p], line_search_fn="strong_wolfe", max_iter=5)
    other.load_state_dict(state)
    optimizer.step(closure)
    expected = p.detach().numpy().copy()
    p.detach().copy_(engine.from_numpy(values))
    other.step(closure)
    np.testing.assert_array_equal(p.detach().numpy(), expected)


MUON = [{}, {"nesterov": False}, {"momentum": 0.5, "weight_decay": 0.0}, {"adjust_lr_fn": "match_rms_adamw"},
        {"ns_steps": 3, "ns_coefficients": (2.0, -1.5, 0.5), "adjust_lr_fn": "original"}]  # fmt: skip


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("options", MUON)
def test_muon_agrees_but_for_the_bfloat16_that_pytorch_iterates_in(options, kind, exact, monkeypatch):
    if exact:  # PyTorch without its rounding
        monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self.clone())
    rng = np.random.default_rng(0)
    starts = [rng.standard_normal(shape).astype(kind) for shape in [(12, 5), (5, 12), (6, 6), (1, 4)]]
    theirs = [torch.nn.Parameter(torch.tensor(values)) for values in starts]
    ours = [nn.Parameter(engine.from_numpy(values.copy())) for values in starts]
    one, two = torch.optim.Muon(theirs, lr=0.02, **options), optim.Muon(ours, lr=0.02, **options)
    for _ in range(20 if exact else 1):
        for p, q in zip(theirs, ours, strict=True):
            gradient = rng.standard_normal(tuple(p.shape)).astype(kind)
            p.grad, q.grad = torch.tensor(gradient), engine.from_numpy(gradient)
        one.step()
        two.step()
    tolerance = (1e-4 if kind == "float32" else 1e-10) if exact else 5e-3
    for expected, got in zip(theirs, ours, strict=True):
        close(got.detach().numpy(), expected.detach().numpy(), tolerance)
    expected, got = one.state_dict(), two.state_dict()
    assert got["param_groups"] == expected["param_groups"]
    assert [sorted(held) for held in got["state"].values()] == [sorted(held) for held in expected["state"].values()]


def test_the_rest_of_muons_network_learns_as_by_adamw():
    layer, twin = nn.Linear(3, 4), nn.Linear(3, 4)
    twin.load_state_dict(layer.state_dict())
    muon = optim.Muon(optim.Muon.groups(layer.parameters()), lr=0.1, weight_decay=0.2)
    adamw = optim.AdamW([twin.bias], lr=0.1, weight_decay=0.2)
    for _ in range(3):
        for p in (*layer.parameters(), twin.bias):
            p.grad = engine.full(p.shape, 0.5)
        muon.step()
        adamw.step()
    assert layer.bias.tolist() == twin.bias.tolist()
    with pytest.raises(EngineError, match=r"a parameter of shape \(4,\), expected a matrix; give the rest in a group"):
        optim.Muon(layer.parameters())


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.3}, {"betas": (0.5, 0.8)}, {"maximize": True}])
def test_lion_steps_as_its_paper_says(options, kind):
    values, memory = start(kind)[0], np.zeros(SHAPES[0])
    p = nn.Parameter(engine.from_numpy(values.copy()))
    optimizer = optim.Lion([p], lr=0.02, **options)
    (beta1, beta2), decay = options.get("betas", (0.9, 0.99)), options.get("weight_decay", 0)
    expected = values.astype(np.float64)
    for number in range(20):
        gradient = start(kind, number)[0]
        p.grad = engine.from_numpy(gradient)
        optimizer.step()
        gradient = -gradient if options.get("maximize") else gradient
        expected -= 0.02 * (np.sign(beta1 * memory + (1 - beta1) * gradient) + decay * expected)
        memory = beta2 * memory + (1 - beta2) * gradient
    close(p.detach().numpy(), expected, 1e-5 if kind == "float32" else 1e-12)


# averages


def networks():
    theirs = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    ours = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    ours.load_state_dict({k: engine.from_numpy(v.numpy().copy()) for k, v in theirs.state_dict().items()})
    return theirs, ours


AVERAGES = {
    "plain": lambda utils: {},
    "plain, function": lambda utils: {"avg_fn": utils.get_swa_avg_fn()},
    "plain, lists": lambda utils: {"multi_avg_fn": utils.get_swa_multi_avg_fn()},
    "exponential": lambda utils: {"avg_fn": utils.get_ema_avg_fn(0.7)},
    "exponential, lists": lambda utils: {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.7)},
}


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("name", AVERAGES)
def test_averaged_models_agree(name, use_buffers):
    theirs, ours = networks()
    if name == "plain, lists" and use_buffers:
        pytest.skip("PyTorch's cannot average the whole numbers among the buffers")
    options = {"use_buffers": use_buffers}
    one = torch.optim.swa_utils.AveragedModel(theirs, **options, **AVERAGES[name](torch.optim.swa_utils))
    two = optim.swa_utils.AveragedModel(ours, **options, **AVERAGES[name](optim.swa_utils))
    x = np.random.default_rng(0).standard_normal((4, 6, 4)).astype(np.float32)
    for batch in x:
        for p, q in zip(theirs.parameters(), ours.parameters(), strict=True):
            p.data.mul_(1.5)
            q.data.mul_(1.5)
        theirs(torch.from_numpy(batch))
        ours(engine.from_numpy(batch))
        one.update_parameters(theirs)
        two.update_parameters(ours)
    torch.optim.swa_utils.update_bn(torch.from_numpy(x), theirs)
    optim.swa_utils.update_bn(engine.from_numpy(x), ours)
    for expected, got in ((one, two), (theirs, ours)):
        assert list(got.state_dict()) == list(expected.state_dict())
        for key, value in expected.state_dict().items():
            close(got.state_dict()[key].numpy(), value.numpy(), 1e-5)
    close(two(engine.from_numpy(x[0])).detach().numpy(), one(torch.from_numpy(x[0])).detach().numpy(), 1e-4)


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
    total = torch.nn.utils.get_total_norm([p.grad for p in theirs.parameters()], norm_type)
    norm = nn.utils.get_total_norm([p.grad for p in ours.parameters()], norm_type)
    assert norm.item() == pytest.approx(total.item(), rel=1e-5)
    torch.nn.utils.clip_grads_with_norm_(theirs.parameters(), 0.001, total)
    nn.utils.clip_grads_with_norm_(ours.parameters(), 0.001, norm)
    for one, two in zip(theirs.parameters(), ours.parameters(), strict=True):
        np.testing.assert_allclose(two.grad.numpy(), one.grad.numpy(), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    "name",
    ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm", "parameters_to_vector",
     "vector_to_parameters"],
)  # fmt: skip
def test_arguments_of_what_one_does_to_gradients_are_pytorchs(name):
    def arguments(function):
        return [(p.name, p.default) for p in inspect.signature(function).parameters.values()]

    assert arguments(getattr(nn.utils, name)) == arguments(getattr(torch.nn.utils, name))


def test_parameters_become_one_vector_and_come_back():
    theirs, ours = networks()
    vector = nn.utils.parameters_to_vector(ours.parameters())
    close(vector.detach().numpy(), torch.nn.utils.parameters_to_vector(theirs.parameters()).detach().numpy(), 0)
    nn.utils.vector_to_parameters(vector.detach() * 2, ours.parameters())
    for one, two in zip(theirs.parameters(), ours.parameters(), strict=True):
        close(two.detach().numpy(), 2 * one.detach().numpy(), 0)
