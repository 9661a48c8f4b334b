"""Gradients of gradients beside PyTorch's: every op, layers and losses, functions of one's own, a WGAN with penalty."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF  # noqa: E402

import engine  # noqa: E402
import engine.nn.functional as F  # noqa: E402
from engine import nn  # noqa: E402
from engine.errors import EngineError  # noqa: E402
from tests.parity.comparing_layers import pair  # noqa: E402
from tests.parity.test_ops_corners_every_op import CASES, VALUES  # noqa: E402

ELSEWHERE = {"CTC", "RNN", "GRU", "LSTM"}
"""What is derived once only, as by PyTorch, and layers of float32, which have a test of their own."""
BOTH = ((torch, TF), (engine, F))


def close(ours, theirs, rtol=1e-5, atol=1e-6):
    assert (ours is None) == (theirs is None)
    if ours is None:
        return
    ours, theirs = ours.detach().numpy(), theirs.detach().numpy()
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol * max(1.0, np.abs(theirs).max(initial=0.0)))


def twice(t, out, inputs):
    """First derivatives of a sum that weighs the elements, and second ones of theirs; None where there are none."""
    weights = t.linspace(-1.0, 1.5, out.numel(), dtype=out.dtype).reshape(out.shape)
    firsts = t.autograd.grad((out * out * weights).sum(), inputs, create_graph=True, allow_unused=True)
    used = [g for g in firsts if g is not None and g.requires_grad]
    if not used:
        return [*firsts, *[None] * len(inputs)]
    total = sum((g * g).sum() for g in used)
    return [*firsts, *t.autograd.grad(total, inputs, allow_unused=True)]


def every_op():
    for name, run in CASES.items():
        if name not in ELSEWHERE and run(engine, F, engine.tensor(VALUES.copy(), requires_grad=True)).requires_grad:
            yield name


@pytest.mark.parametrize("name", list(every_op()))
def test_second_derivative_of_every_op_agrees(name):
    found = []
    for t, f in BOTH:
        x = t.tensor(VALUES.astype("float64"), requires_grad=True)
        out = CASES[name](t, f, x)
        found.append(twice(t, out, [x]))
    for theirs, ours in zip(*found, strict=True):
        close(ours, theirs, 1e-8, 1e-9)


LAYERS = {
    "Linear": (lambda n: n.Linear(6, 3), (4, 6)),
    "Conv1d": (lambda n: n.Conv1d(2, 3, 3, stride=2, padding=1), (2, 2, 7)),
    "Conv2d": (lambda n: n.Conv2d(2, 4, 3, stride=2, padding=1, dilation=2, groups=2), (2, 2, 7, 6)),
    "ConvTranspose1d": (lambda n: n.ConvTranspose1d(2, 3, 4, stride=2, padding=1), (2, 2, 5)),
    "ConvTranspose2d": (lambda n: n.ConvTranspose2d(2, 4, 3, 2, 1, output_padding=1, groups=2), (2, 2, 4, 3)),
    "BatchNorm1d": (lambda n: n.BatchNorm1d(3), (5, 3)),
    "BatchNorm2d": (lambda n: n.BatchNorm2d(3), (2, 3, 4, 3)),
    "BatchNorm2d-eval": (lambda n: n.BatchNorm2d(3).eval(), (2, 3, 4, 3)),
    "LayerNorm": (lambda n: n.LayerNorm(6), (3, 6)),
    "GroupNorm": (lambda n: n.GroupNorm(2, 4), (2, 4, 3, 3)),
    "MaxPool2d": (lambda n: n.MaxPool2d(3, 2, padding=1), (2, 2, 5, 6)),
    "AvgPool2d": (lambda n: n.AvgPool2d(3, 2, padding=1, ceil_mode=True), (2, 2, 6, 6)),
    "AdaptiveAvgPool2d": (lambda n: n.AdaptiveAvgPool2d((2, 3)), (2, 2, 5, 6)),
    "Upsample": (lambda n: n.Upsample(scale_factor=2, mode="bilinear", align_corners=False), (1, 2, 3, 4)),
    **{name: (lambda n, name=name: getattr(n, name)(), (3, 5)) for name in
       ("ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Sigmoid", "Tanh", "Softplus")},
    "Softmax": (lambda n: n.Softmax(1), (3, 5)),
    "MultiheadAttention": (lambda n: n.MultiheadAttention(6, 2, batch_first=True), (2, 3, 6)),
    "critic": (lambda n: n.Sequential(n.Conv2d(1, 3, 3, stride=2, padding=1), n.LeakyReLU(0.2), n.LayerNorm((3, 3, 3)),
                                      n.Flatten(), n.Linear(27, 1)), (2, 1, 6, 6)),
}  # fmt: skip


def draw(*shape):
    return np.random.default_rng(len(shape) + sum(shape)).standard_normal(shape)


def built(make, weights=None):
    """The layer in both libraries, with the same numbers of float64."""
    theirs, ours = make(torch.nn).double(), make(engine.nn).double()
    ours.load_state_dict({key: engine.from_numpy(value.numpy().copy()) for key, value in theirs.state_dict().items()})
    return theirs, ours


@pytest.mark.parametrize("name", [n for n in LAYERS if n == "critic" or hasattr(nn, n.split("-")[0])])
def test_second_derivatives_by_input_and_parameters_agree(name):
    make, shape = LAYERS[name]
    torch.manual_seed(0)
    found = []
    for (t, _), layer in zip(BOTH, built(make)):
        x = t.tensor(draw(*shape), requires_grad=True)
        out = layer(x, x, x)[0] if name == "MultiheadAttention" else layer(x)
        found.append(twice(t, out, [x, *layer.parameters()]))
    for theirs, ours in zip(*found, strict=True):
        close(ours, theirs, 1e-7, 1e-8)


LOSSES = {
    "mse_loss": lambda t, f, x: f.mse_loss(x, x.detach() * 0.5),
    "l1_loss": lambda t, f, x: f.l1_loss(x, x.detach() * 0.5 + 0.1),
    "smooth_l1_loss": lambda t, f, x: f.smooth_l1_loss(x, x.detach() * 0.5 + 0.1),
    "cross_entropy": lambda t, f, x: f.cross_entropy(x, t.tensor([0, 3, -100]), label_smoothing=0.1),
    "cross_entropy-weight": lambda t, f, x: f.cross_entropy(x, t.tensor([0, 3, 1]), weight=x.detach()[0].abs()),
    "cross_entropy-none": lambda t, f, x: f.cross_entropy(x, t.tensor([0, 3, 1]), reduction="none"),
    "nll_loss": lambda t, f, x: f.nll_loss(x.log_softmax(1), t.tensor([2, 3, -100])),
    "binary_cross_entropy_with_logits": lambda t, f, x: f.binary_cross_entropy_with_logits(
        x, x.detach().sigmoid(), pos_weight=x.detach()[0].abs()
    ),
    "kl_div": lambda t, f, x: f.kl_div(x.log_softmax(1), x.detach().softmax(0), reduction="batchmean"),
}


@pytest.mark.parametrize("name", [n for n in LOSSES if hasattr(F, n.split("-")[0])])
def test_second_derivatives_of_losses_agree(name):
    found = []
    for t, f in BOTH:
        x = t.tensor(VALUES.astype("float64"), requires_grad=True)
        found.append(twice(t, LOSSES[name](t, f, x), [x]))
    for theirs, ours in zip(*found, strict=True):
        close(ours, theirs, 1e-8, 1e-9)


@pytest.mark.parametrize("depth", [3, 4])
def test_third_and_fourth_derivatives_agree(depth):
    found = []
    for t, f in BOTH:
        x = t.tensor(VALUES.astype("float64"), requires_grad=True)
        value = (x.tanh() @ x.t().sigmoid()).softmax(1).log().sum() + x.prod() + f.gelu(x).sum()
        for _ in range(depth):
            (slope,) = t.autograd.grad(value, x, create_graph=True)
            value = (slope * slope).sum()
        found.append(slope)
    close(found[1], found[0], 1e-6, 1e-7)


@pytest.mark.filterwarnings("ignore:Using backward.. with create_graph=True:UserWarning")
def test_backward_leaves_gradients_with_a_history_and_none_as_pytorch_does():
    found = []
    for t, _ in BOTH:
        t.manual_seed(0)
        x = t.tensor(VALUES, requires_grad=True)
        w, b, unused = (t.ones(n, requires_grad=True) for n in (4, 1, 2))
        out = ((x * w).sum(1).relu() + b).sum()
        out.backward(create_graph=True)
        first = [x.grad, w.grad, b.grad]
        history = [g.requires_grad for g in first]
        penalty = (x.grad**2).sum()
        for leaf in (x, w, b):
            leaf.grad = None
        penalty.backward()
        found.append((history, [*first, x.grad, w.grad, b.grad, unused.grad]))
    assert found[0][0] == found[1][0]
    for theirs, ours in zip(found[0][1], found[1][1], strict=True):
        close(ours, theirs)


@pytest.mark.filterwarnings("ignore:Using backward.. with create_graph=True:UserWarning")
@pytest.mark.parametrize("inputs", [("x",), ("w",), ("x", "y"), ("y",)])
@pytest.mark.parametrize("create_graph", [False, True])
def test_backward_with_inputs_agrees(inputs, create_graph):
    found = []
    for t, _ in BOTH:
        x, w = t.tensor(VALUES, requires_grad=True), t.ones(4, requires_grad=True)
        y = x * w
        made = {"x": x, "w": w, "y": y}
        y.sum().backward(retain_graph=True)
        (y * y).sum().backward(inputs=[made[name] for name in inputs], create_graph=create_graph)
        found.append([x.grad, w.grad, y.grad if "y" in inputs else None])
    for theirs, ours in zip(*found, strict=True):
        close(ours, theirs)


WRONG = {
    "twice without retain_graph": lambda t, x: [t.autograd.grad(y, x) for y in [(x * x).sum()] * 2],
    "create_graph, freed on purpose": lambda t, x: [
        t.autograd.grad(y, x, create_graph=True, retain_graph=False) for y in [(x * x).sum()] * 2
    ],
    "no history": lambda t, x: t.autograd.grad((x.detach() * 2).sum(), x),
    "an input without a gradient": lambda t, x: t.autograd.grad((x * 2).sum(), x.detach()),
    "no part in it": lambda t, x: t.autograd.grad((x * 2).sum(), t.ones(2, requires_grad=True)),
    "several elements": lambda t, x: t.autograd.grad(x * 2, x),
    "a linear function twice": lambda t, x: t.autograd.grad(
        t.autograd.grad((x * 2).sum(), x, create_graph=True)[0].sum(), x
    ),
    "changed in place": lambda t, x: changed_in_place(t, x),
    "no inputs": lambda t, x: (x * 2).sum().backward(inputs=[]),
    "a gradient too few": lambda t, x: t.autograd.grad([x * 2, x * 3], x, [t.ones_like(x)]),
}


def changed_in_place(t, x):
    y = x * 1
    (slope,) = t.autograd.grad((y**3).sum(), x, create_graph=True)
    y.add_(1)
    return t.autograd.grad(slope.sum(), x)


@pytest.mark.parametrize("what", WRONG)
def test_what_pytorch_refuses_is_refused(what):
    for t, error in ((torch, RuntimeError), (engine, EngineError)):
        with pytest.raises(error):
            WRONG[what](t, t.tensor(VALUES.copy(), requires_grad=True))


RECURRENT = [{}, {"num_layers": 2, "bidirectional": True}, {"batch_first": True, "bias": False}]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *itertools.product(("RNN", "GRU", "LSTM"), RECURRENT),
        ("RNN", {"nonlinearity": "relu"}),
        ("LSTM", {"proj_size": 2}),
    ],
)
def test_second_derivatives_of_recurrent_layers_agree(name, options):
    layers = pair(lambda nn: getattr(nn, name)(3, 4, **options), "float64")
    values, found = np.random.default_rng(0).standard_normal((3, 2, 3)), []
    for (t, _), layer in zip(BOTH, layers):
        leaves = [t.tensor(values, requires_grad=True), *layer.parameters()]
        slopes = t.autograd.grad(layer(leaves[0])[0].sin().sum(), leaves, create_graph=True)
        total = sum((slope * slope).sum() for slope in slopes)
        found.append([*slopes, *t.autograd.grad(total, leaves)])
    for theirs, ours in zip(*found, strict=True):
        close(ours, theirs, 1e-8, 1e-9)


def cube(t):
    class Cube(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, power, other):
            out = x**power
            ctx.save_for_backward(x, out, None, other)
            ctx.power = power
            ctx.mark_non_differentiable(other)
            return out, out * other, (x > 0).long()

        @staticmethod
        def backward(ctx, grad, grad_other, grad_whole):
            x, out, nothing, other = ctx.saved_tensors
            assert nothing is None
            assert ctx.needs_input_grad == (True, False, False)
            return (grad + grad_other * other) * ctx.power * out / x, None, None

    return Cube


def test_a_function_of_ones_own_agrees():
    found = []
    for t, _ in BOTH:
        x = t.tensor(VALUES.astype("float64"), requires_grad=True)
        a, b, whole = cube(t).apply(x, 3, t.tensor(VALUES.astype("float64") + 2))
        assert not whole.requires_grad
        found.append([a, b, whole, *twice(t, a + b.sin(), [x])])
    for theirs, ours in zip(*found, strict=True):
        close(ours, theirs, 1e-9, 1e-10)


def changing(t):
    class DoubleAndAdd(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.mark_dirty(x)
            ctx.set_materialize_grads(False)
            x.mul_(2).add_(y)
            ctx.save_for_backward(x)
            return x, x.argmax()

        @staticmethod
        def backward(ctx, grad, nothing):
            assert nothing is None
            (out,) = ctx.saved_tensors
            return grad * 2 * out, grad

    return DoubleAndAdd


def test_a_function_may_change_its_argument_in_place():
    found = []
    for t, error in ((torch, RuntimeError), (engine, EngineError)):
        a, b = (t.tensor(VALUES.astype("float64") + i, requires_grad=True) for i in (0, 1))
        x = a * 3
        assert changing(t).apply(x, b)[0] is x
        (x * x).sum().backward()
        found.append((x, a.grad, b.grad))
        with pytest.raises(error, match="leaf"):
            changing(t).apply(a, b)
    for theirs, ours in zip(*found, strict=True):
        close(ours, theirs, 1e-9, 1e-10)


FUNCTIONALS = {
    "jacobian": lambda a, f, x, v: a.jacobian(f, x),
    "jacobian of two": lambda a, f, x, v: a.jacobian(lambda p, q: (f(p) * q, q.sum()), (x, v)),
    "hessian": lambda a, f, x, v: a.hessian(lambda p: (f(p) ** 2).sum(), x),
    "hessian of two": lambda a, f, x, v: a.hessian(lambda p, q: (f(p) * q**2).sum(), (x, v)),
    "vjp": lambda a, f, x, v: a.vjp(f, x, v),
    "jvp": lambda a, f, x, v: a.jvp(f, x, v),
    "hvp": lambda a, f, x, v: a.hvp(lambda p: (f(p) ** 2).sum(), x, v),
    "vhp": lambda a, f, x, v: a.vhp(lambda p: (f(p) ** 2).sum(), x, v),
}


@pytest.mark.parametrize("name", FUNCTIONALS)
def test_functionals_agree(name):
    def flat(found):
        return [found] if not isinstance(found, tuple) else [t for part in found for t in flat(part)]

    found = []
    for t, _ in BOTH:
        x, v = t.tensor(VALUES[0].astype("float64")), t.tensor(VALUES[1].astype("float64"))
        found.append(flat(FUNCTIONALS[name](t.autograd.functional, lambda p: p.sin() * p.sum(), x, v)))
    for theirs, ours in zip(*found, strict=True):
        close(ours, theirs, 1e-9, 1e-10)


CRITICS = {
    "linear": (lambda n: n.Sequential(n.Linear(8, 16), n.LeakyReLU(0.2), n.Linear(16, 16), n.Tanh(), n.Linear(16, 1)),
               lambda n: n.Sequential(n.Linear(3, 16), n.ReLU(), n.Linear(16, 8)), (3,), (8,)),
    "conv": (lambda n: n.Sequential(n.Conv2d(1, 4, 4, stride=2, padding=1), n.LeakyReLU(0.2),
                                    n.Conv2d(4, 8, 4, stride=2, padding=1, bias=False), n.LayerNorm((8, 2, 2)),
                                    n.LeakyReLU(0.2), n.Flatten(), n.Linear(32, 1)),
             lambda n: n.Sequential(n.ConvTranspose2d(3, 8, 2), n.BatchNorm2d(8), n.ReLU(),
                                    n.ConvTranspose2d(8, 4, 4, 2, 1), n.BatchNorm2d(4), n.ReLU(),
                                    n.ConvTranspose2d(4, 1, 4, 2, 1), n.Tanh()), (3, 1, 1), (1, 8, 8)),
}  # fmt: skip


@pytest.mark.parametrize("kind", CRITICS)
def test_a_wgan_with_gradient_penalty_has_the_same_losses(kind):
    """Gulrajani et al., 2017: the critic's slope between real and generated samples is held at 1."""
    make_critic, make_generator, seed, shape = CRITICS[kind]
    torch.manual_seed(0)
    critics, generators = built(make_critic), built(make_generator)
    found = []
    for (t, _), critic, generator in zip(BOTH, critics, generators):
        rng = np.random.default_rng(3)
        rates = {"lr": 1e-3, "betas": (0.5, 0.9)}
        for_critic = t.optim.Adam(critic.parameters(), **rates)
        for_generator = t.optim.Adam(generator.parameters(), **rates)
        losses = []
        for step in range(12):
            real, noise = t.from_numpy(rng.standard_normal((6, *shape))), t.from_numpy(rng.standard_normal((6, *seed)))
            share = t.from_numpy(rng.random((6, *[1] * len(shape))))
            fake = generator(noise)
            between = (share * real + (1 - share) * fake.detach()).requires_grad_(True)
            scores = critic(between)
            (slope,) = t.autograd.grad(outputs=scores, inputs=between, grad_outputs=t.ones_like(scores),
                                       create_graph=True, retain_graph=True, only_inputs=True)  # fmt: skip
            penalty = ((slope.reshape(6, -1).norm(2, dim=1) - 1) ** 2).mean()
            loss = critic(fake.detach()).mean() - critic(real).mean() + 10 * penalty
            for_critic.zero_grad()
            loss.backward()
            for_critic.step()
            losses.append(loss.item())
            if step % 3 == 2:
                loss = -critic(generator(noise)).mean()
                for_generator.zero_grad()
                loss.backward()
                for_generator.step()
                losses.append(loss.item())
        found.append(losses)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-7, atol=1e-9)
