"""torch.func and autograd.functional beside ours: values, nesting, histories, states of modules, what is refused."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402

LIBRARIES = [torch, engine]
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
NAMES = ["functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "vjp"]


def plain(tree):
    """Tensors as dtype and values, containers as they are."""
    if isinstance(tree, dict):
        return {key: plain(part) for key, part in tree.items()}
    if isinstance(tree, list | tuple):
        return [plain(part) for part in tree]
    if not hasattr(tree, "detach"):
        return tree
    return str(tree.dtype).split(".")[-1], tree.requires_grad, np.round(tree.detach().numpy(), 5).tolist()


def some(t, *shape, dtype="float32"):
    return t.tensor(np.sin(np.arange(1, np.prod(shape) + 1) * 1.7).reshape(shape).astype(dtype))


def net(t):
    made = t.nn.Sequential(t.nn.Linear(3, 4), t.nn.Tanh(), t.nn.BatchNorm1d(4), t.nn.Linear(4, 1))
    with t.no_grad():
        for number, weight in enumerate(made.parameters()):
            weight.copy_(some(t, *weight.shape) + number / 3)
    return made


def loss_of(t, model):
    x, y = some(t, 6, 3), some(t, 6, 1)
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}

    def loss(parameters):
        return ((t.func.functional_call(model, {**parameters, **buffers}, x) - y) ** 2).mean()

    return loss


def learned(t, model):
    return {name: weight.detach() for name, weight in model.named_parameters()}


STORIES = {
    "a gradient": lambda t: t.func.grad(lambda x: (x.exp() * x).sum())(some(t, 4)),
    "by several arguments": lambda t: t.func.grad(lambda x, y: (x * y).sum(), argnums=(1, 0))(some(t, 3), some(t, 3)),
    "by the last": lambda t: t.func.grad(lambda x, y: (x * y * y).sum(), argnums=-1)(some(t, 3), some(t, 3)),
    "float64": lambda t: t.func.grad(lambda x: x.tanh().sum())(some(t, 4, dtype="float64")),
    "with more": lambda t: t.func.grad(lambda x: (x.sum(), {"twice": x * 2}), has_aux=True)(some(t, 3)),
    "with more and the value": lambda t: t.func.grad_and_value(lambda x: (x.sum(), x * 2), has_aux=True)(some(t, 3)),
    "thrice": lambda t: t.func.grad(t.func.grad(t.func.grad(lambda x: x.sin() * x**3)))(some(t)),
    "of a dict": lambda t: t.func.grad_and_value(lambda p: (p["a"] * p["b"][0]).sum())(
        {"a": some(t, 2), "b": [some(t, 2) + 1]}
    ),
    "an inner argument from outside": lambda t: t.func.grad(
        lambda x: x * t.func.grad(lambda y: x * y * y)(some(t) + 2)
    )(some(t)),
    "no part in it": lambda t: t.func.grad(lambda x, y: y.sum())(some(t, 2), some(t, 2)),
    "within no_grad": lambda t: within_no_grad(t),
    "of what has a history": lambda t: with_history(t),
    "of a parameter beside": lambda t: (
        lambda w: t.func.grad(lambda x: (x * w * x).sum())(some(t, 2))
    )(t.nn.Parameter(some(t, 2))),
    "network": lambda t: t.func.grad_and_value(loss_of(t, net(t).eval()))(learned(t, net(t))),
    "vjp": lambda t: (lambda out, back: (out, back(some(t, 3))))(
        *t.func.vjp(lambda x, y: x * y.sin(), some(t, 3), some(t, 3))
    ),
    "vjp of several": lambda t: (lambda out, back: (out, back((some(t, 3), some(t)))))(
        *t.func.vjp(lambda x: (x * 2, x.sum()), some(t, 3))
    ),
    "vjp with more": lambda t: t.func.vjp(lambda x: (x * 2, x), some(t, 3), has_aux=True)[::2],
    "jvp": lambda t: t.func.jvp(
        lambda x, y: (x * y.sin(), y.sum()), (some(t, 3), some(t, 3)), (some(t, 3), some(t, 3) * 2)
    ),
    "jvp of what is constant": lambda t: t.func.jvp(lambda x: (x * 2, x.detach()), (some(t, 3),), (some(t, 3),)),
    "jacrev": lambda t: t.func.jacrev(lambda x: x.outer(x))(some(t, 3)),
    "jacrev by two of two": lambda t: t.func.jacrev(lambda x, y: (x * y.sum(), y.prod()), argnums=(0, 1))(
        some(t, 2), some(t, 3)
    ),
    "jacrev with more": lambda t: t.func.jacrev(lambda x: (x * x, x.sum()), has_aux=True)(some(t, 3)),
    "jacfwd": lambda t: t.func.jacfwd(lambda x: {"square": x * x})(some(t, 3)),
    "hessian": lambda t: t.func.hessian(lambda x: (x**3).sum() * x[0])(some(t, 3)),
    "hessian by two": lambda t: t.func.hessian(lambda x, y: (x * y * y).sum(), argnums=(0, 1))(some(t, 2), some(t, 2)),
}  # fmt: skip


def within_no_grad(t):
    with t.no_grad():
        return t.func.grad(lambda x: (x * x).sum())(some(t, 2).requires_grad_())


def with_history(t):
    x = some(t, 3).requires_grad_()
    (t.func.grad(lambda y: (y**3).sum())(x * 2) ** 2).sum().backward()
    return x.grad


@pytest.mark.parametrize("story", STORIES)
def test_functions_of_functions_agree(story):
    theirs, ours = (plain(STORIES[story](t)) for t in LIBRARIES)
    assert str(ours).replace("-0.0", "0.0") == str(theirs).replace("-0.0", "0.0") or numbers(ours) == pytest.approx(
        numbers(theirs), rel=1e-4, abs=1e-4
    )


def numbers(tree):
    """All numbers in it, flags apart."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list | tuple):
        return [number for part in tree for number in numbers(part)]
    return [float(tree)] if isinstance(tree, bool | int | float) else []


def tied(t):
    model = t.nn.Sequential(t.nn.Linear(2, 2), t.nn.Linear(2, 2))
    model[1].weight = model[0].weight
    with t.no_grad():
        for weight in model.parameters():
            weight.copy_(some(t, *weight.shape))
    return model


CALLS = {
    "some of them": lambda t: t.func.functional_call(net(t).eval(), {"0.weight": some(t, 4, 3)}, some(t, 2, 3)),
    "two dicts": lambda t: t.func.functional_call(
        net(t).eval(), ({"0.weight": some(t, 4, 3)}, {"3.bias": some(t, 1)}), (some(t, 2, 3),)
    ),
    "what it has not": lambda t: t.func.functional_call(t.nn.ReLU(), {"what": some(t, 1)}, some(t, 2)),
    "by name": lambda t: t.func.functional_call(t.nn.ReLU(), {}, kwargs={"input" if t is torch else "x": some(t, 2)}),
    "tied": lambda t: t.func.functional_call(tied(t), {"0.weight": some(t, 2, 2) * 3}, some(t, 1, 2)),
    "not tied": lambda t: t.func.functional_call(
        tied(t), {"0.weight": some(t, 2, 2) * 3}, some(t, 1, 2), tie_weights=False
    ),
    "buffers": lambda t: with_buffers(t),
}  # fmt: skip


def with_buffers(t):
    model, given = net(t), {"2.running_mean": some(t, 4), "2.num_batches_tracked": t.tensor(4)}
    out = t.func.functional_call(model, given, some(t, 5, 3))
    return out, given, dict(model.named_buffers())


@pytest.mark.parametrize("call", CALLS)
def test_a_module_called_with_other_tensors_agrees_and_stays_as_it_was(call):
    theirs, ours = (plain(CALLS[call](t)) for t in LIBRARIES)
    assert numbers(ours) == pytest.approx(numbers(theirs), rel=1e-3, abs=1e-4)


FAULTS = [
    lambda t: t.func.grad(lambda x: x)(some(t, 1)),
    lambda t: t.func.grad(lambda x: (x.sum(), x.sum()))(some(t, 1)),
    lambda t: t.func.grad(lambda x: 3.0)(some(t, 1)),
    lambda t: t.func.grad(lambda x: x.sum(), argnums=3)(some(t, 1)),
    lambda t: t.func.grad(lambda x: x.sum())(t.ones(2, dtype=t.int64)),
    lambda t: t.func.grad(lambda x: x.sum(), has_aux=True)(some(t, 1)),
    lambda t: t.func.functional_call(t.nn.Linear(2, 2), {"weight": some(t, 2, 2)}, some(t, 2), strict=True),
    lambda t: t.func.functional_call(t.nn.ReLU(), {"what": some(t, 2)}, some(t, 2), strict=True),
    lambda t: t.func.functional_call(tied(t), {"0.weight": some(t, 2, 2), "1.weight": t.ones(2, 2)}, some(t, 1, 2)),
    lambda t: t.func.functional_call(net(t), ({"3.bias": some(t, 1)}, {"3.bias": some(t, 1)}), some(t, 2, 3)),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_pytorch_refuses_is_refused(fault):
    for t in LIBRARIES:
        with pytest.raises((RuntimeError, ValueError, TypeError)):
            fault(t)


@pytest.mark.parametrize("name", NAMES)
def test_signatures_are_pytorchs(name):
    ours, theirs = (inspect.signature(getattr(t.func, name)).parameters.values() for t in (engine, torch))
    known = [(p.name, p.default, p.kind) for p in theirs if not p.name.startswith("_")]
    assert [(p.name, p.default, p.kind) for p in ours] == known


@pytest.mark.parametrize("name", ["vjp", "jvp", "vhp", "hvp", "jacobian", "hessian"])
def test_signatures_of_the_older_functions_are_pytorchs(name):
    ours, theirs = (inspect.signature(getattr(t.autograd.functional, name)).parameters for t in (engine, torch))
    assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]


OF_TWO = {
    "all": lambda t, a, b: (a * a).sum() + (b * b * b).sum() * a[0],
    "one of them": lambda t, a, b: (a * a).sum(),
    "linear": lambda t, a, b: (a + b).sum(),
    "none": lambda t, a, b: t.ones(()),
}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("function", OF_TWO)
@pytest.mark.parametrize("name", ["vjp", "jvp", "vhp", "hvp", "jacobian", "hessian"])
def test_strict_refuses_what_pytorch_refuses(name, function, create_graph):
    found = []
    for t in LIBRARIES:
        x, y = some(t, 2), some(t, 2)
        v = () if name in ("jacobian", "hessian") else (t.ones(()),) if name == "vjp" else ((y, x),)
        try:
            run = getattr(t.autograd.functional, name)
            found.append(plain(run(lambda a, b, t=t: OF_TWO[function](t, a, b), (x, y), *v, create_graph, strict=True)))
        except RuntimeError:
            found.append("refused")
    assert (found[0] == "refused") == (found[1] == "refused")
    assert found[0] == "refused" or numbers(found[1]) == pytest.approx(numbers(found[0]), rel=1e-5)


ANOMALIES = {
    "none": lambda t, x: (x * x).sum(),
    "a root of nothing": lambda t, x: (x.sqrt() * 0.0).sum(),
    "infinite, which is a number": lambda t, x: (1 / x).sum(),
    "a logarithm": lambda t, x: ((x - 1).log() * 0.0).exp().sum(),
    "among several": lambda t, x: t.cat([x, x.pow(0.5) * 0.0, x]).sum(),
}


@pytest.mark.parametrize("check_nan", [True, False])
@pytest.mark.parametrize("name", ANOMALIES)
@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.filterwarnings("ignore:anomalies are looked for")
@pytest.mark.filterwarnings("ignore:Error detected in")
def test_gradients_that_are_no_numbers_are_found_where_pytorch_finds_them(name, check_nan):
    found = []
    for t in LIBRARIES:
        x = t.tensor([0.0, 2.0], requires_grad=True)
        with t.autograd.detect_anomaly(check_nan):
            told = t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()
            y = ANOMALIES[name](t, x)
            try:
                y.backward()
                found.append((*told, "passed"))
            except RuntimeError as error:
                found.append((*told, "nan" if "nan" in str(error) or "not a number" in str(error) else str(error)))
        assert not t.is_anomaly_enabled()
        with t.autograd.set_detect_anomaly(True, check_nan):
            found[-1] += (t.is_anomaly_enabled(),)
    assert found[0] == found[1]


@pytest.mark.parametrize("enabled", [True, False])
def test_what_is_drawn_in_a_fork_of_the_stream_does_not_move_it_on(enabled):
    for t in LIBRARIES:
        t.manual_seed(3)
        expected = [t.rand(2).tolist() for _ in range(2)]
        t.manual_seed(3)
        with t.random.fork_rng(devices=[], enabled=enabled):
            inside = t.rand(2).tolist()
            t.manual_seed(3)
        after = t.rand(2).tolist()
        assert (inside, after) == (expected[0], expected[0])
        t.manual_seed(3)
        with t.random.fork_rng(devices=[], enabled=enabled):
            t.rand(2)
        assert t.rand(2).tolist() == expected[0 if enabled else 1]
