"""Gradients of gradients, functions with a gradient of one's own, and gradients held against finite differences."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import engine
import engine.nn.functional as F
from engine import nn
from engine.autograd import Function, grad, gradcheck, gradgradcheck
from engine.autograd.function import once_differentiable
from engine.errors import CaptureWarning, GradientError, OptionError
from engine.kernels.generic import Kernels


def leaf(*values, dtype=engine.float64):
    return engine.tensor(values, dtype=dtype, requires_grad=True)


def penalty(network, x):
    """The mean square of the slope's distance from 1, as a Wasserstein critic is held (Gulrajani et al., 2017)."""
    scores = network(x)
    (slope,) = grad(scores, x, engine.ones_like(scores), create_graph=True)
    return ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()


# Walking with a history


def test_the_tape_runs_for_create_graph_also_within_no_grad():
    x = leaf(2.0, 3.0)
    y = (x**3).sum()
    with engine.no_grad():
        (slope,) = grad(y, x, create_graph=True)
    assert grad(slope.sum(), x)[0].tolist() == [12.0, 18.0]


def test_create_graph_keeps_the_graph_unless_told_otherwise():
    x = leaf(2.0)
    y = (x**3).sum()
    for _ in range(2):
        (slope,) = grad(y, x, create_graph=True)
    (slope,) = grad(y, x, create_graph=True, retain_graph=False)
    assert grad(slope.sum(), x)[0].tolist() == [12.0]
    with pytest.raises(GradientError, match=r"freed by an earlier backward"):
        grad(y, x)


def test_a_given_gradient_has_its_part_in_the_history():
    x, v = leaf(2.0, 3.0), leaf(5.0, 7.0)
    (slope,) = grad(x**2, x, v, create_graph=True)
    assert grad(slope.sum(), v)[0].tolist() == [4.0, 6.0]


def test_gradients_that_backward_left_have_gradients_and_add_up():
    x = leaf(2.0)
    (x**3).sum().backward(create_graph=True)
    (x**2).sum().backward(create_graph=True)
    total = x.grad
    assert total.tolist() == [16.0]
    assert grad(total.sum(), x, retain_graph=True)[0].tolist() == [14.0]
    (x * 3).sum().backward()  # without a history: the values are added all the same
    assert x.grad.tolist() == [19.0]
    assert total.tolist() == [16.0]


def test_hooks_and_kept_gradients_see_tensors_with_a_history():
    x = leaf(2.0)
    y = x**2
    y.retain_grad()
    seen = []
    hooks = y.register_hook(lambda g: g * 10), x.register_hook(seen.append)
    (y**2).sum().backward(create_graph=True)
    for hook in hooks:  # they would see the next walk, too
        hook.remove()
    assert y.grad.tolist() == [80.0]
    assert grad(y.grad.sum(), x, retain_graph=True)[0].tolist() == [80.0]
    assert seen[0].requires_grad
    assert grad(seen[0].sum(), x)[0].tolist() == [480.0]


def test_only_what_leads_to_the_inputs_is_walked():
    x, w = leaf(2.0, 3.0), leaf(5.0, 7.0)
    y = x * w
    seen = []
    (w * 1).register_hook(seen.append)
    side = w.exp()
    side.register_hook(seen.append)
    grad((y * side.sum()).sum(), x)
    assert seen == []
    (found,) = grad(y.sum(), y)
    assert found.tolist() == [1.0, 1.0]


def test_a_leaf_that_has_other_memory_by_then_still_gets_its_gradient():
    x = leaf(2.0)
    y = (x**3).sum()
    x.data = x.data.clone()
    (slope,) = grad(y, x, create_graph=True)
    assert grad(slope.sum(), x)[0].tolist() == [12.0]


@pytest.mark.parametrize(
    ("change", "aside"),
    [
        (lambda x: x.mul_(2), lambda x: x * 2),
        (lambda x: x.pow_(2), lambda x: x**2),  # the gradient needs the old values
        (lambda x: x.mul_(x), lambda x: x * x),
    ],
)
def test_second_derivatives_through_a_change_in_place(change, aside):
    def second(change):
        x = leaf(0.3, 0.7)
        (slope,) = grad((change(x * 1.5) ** 3).sum(), x, create_graph=True)
        return grad((slope**2).sum(), x)[0].tolist()

    assert second(change) == pytest.approx(second(aside))


def test_second_derivatives_through_a_view_that_is_written_to():
    def written(x):
        y = x * 1.5
        y[:1].mul_(x[1:])
        y[1] = x[0] ** 2
        return y

    def second(make):
        x = leaf(0.3, 0.7)
        (slope,) = grad((make(x) ** 3).sum(), x, create_graph=True)
        return grad((slope**2).sum(), x)[0].tolist()

    assert second(written) == pytest.approx(second(lambda x: engine.cat([1.5 * x[:1] * x[1:], x[:1] ** 2])))


def test_a_saved_value_that_is_changed_between_the_two_walks_is_noticed():
    x = leaf(2.0)
    y = x * 1
    (slope,) = grad((y**3).sum(), x, create_graph=True)
    y.add_(1)
    with pytest.raises(GradientError, match="changed in place"):
        grad(slope, x)


def test_what_only_gradients_held_goes_with_them():
    x = leaf(1.0, 2.0)
    y = x.exp()
    seen = weakref.ref(y.array)
    (slope,) = grad(y.sum(), x, create_graph=True)
    del y
    gc.collect()
    assert seen() is not None
    del slope
    gc.collect()
    assert seen() is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: grad((x * 2).sum(), x.detach()), "grad.*: an input requires no gradient"),
        (lambda x: grad(x.detach().sum(), x), "grad.*: the tensor has no history"),
        (lambda x: grad([x * 2, x], x, [engine.ones_like(x)]), "1 gradient came for 2 tensors"),
        (lambda x: x.sum().backward(inputs=[]), "inputs is empty"),
        (lambda x: grad((x * 2).sum(), leaf(1.0)), "an input has no part in the outputs"),
    ],
)
def test_a_gradient_that_cannot_be_is_refused(call, message):
    with pytest.raises(GradientError, match=message):
        call(leaf(1.0, 2.0))


def test_options_that_contradict_each_other_are_refused():
    x = leaf(1.0)
    with pytest.raises(OptionError, match="only_inputs=False"):
        grad(x.sum(), x, only_inputs=False)
    with pytest.raises(OptionError, match="materialize_grads"):
        grad(x.sum(), x, allow_unused=False, materialize_grads=True)


def test_an_input_without_part_gives_none_or_zeros_as_asked():
    x, y = leaf(1.0), leaf(2.0, 3.0)
    assert grad(x.sum(), [x, y], allow_unused=True)[1] is None
    assert grad(x.sum(), [x, y], materialize_grads=True)[1].tolist() == [0.0, 0.0]


def test_threads_take_second_derivatives_beside_each_other():
    found = {}

    def work(number):
        x = leaf(float(number))
        for _ in range(20):
            (slope,) = grad((x**3).sum(), x, create_graph=True)
            found[number] = grad(slope.sum(), x)[0].item()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: 6.0 * n for n in range(1, 5)}


def test_third_derivatives_of_normalisation_are_what_differences_say():
    x = leaf(0.3, -1.2, 0.7, 2.0).reshape(2, 2)

    def slope(x):
        return grad((F.layer_norm(x, (2,), eps=0.1) ** 3).sum(), x, create_graph=True)[0]

    assert gradgradcheck(slope, x.detach().requires_grad_(), rtol=1e-4)


NETWORKS = {
    "linear": (lambda: [nn.Linear(48, 64), nn.Tanh(), nn.LayerNorm(64), nn.Linear(64, 1)], (64, 48)),
    "batch norm": (lambda: [nn.Linear(48, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 1)], (64, 48)),
    "pooling": (lambda: [nn.SiLU(), nn.MaxPool2d(2), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(64, 1)],
                (64, 1, 16, 16)),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_compiled_kernels_lead_to_the_second_derivatives_of_the_generic_ones(name):
    layers, shape = NETWORKS[name]
    x = engine.from_numpy(np.random.default_rng(1).standard_normal(shape).astype("float32")).requires_grad_()
    engine.manual_seed(0)
    network = nn.Sequential(*layers())
    device, found = engine.device("cpu"), []
    fast = device.kernels
    for kernels in (fast, Kernels(np)):
        device.kernels = kernels
        try:
            found.append(grad(penalty(network, x), [x, *network.parameters()], materialize_grads=True))
        finally:
            device.kernels = fast
    floor = 1e-6 * max(float(plain.abs().max().item()) for plain in found[1])
    for ours, plain in zip(*found):
        np.testing.assert_allclose(ours.numpy(), plain.numpy(), rtol=1e-4, atol=floor)


def test_a_step_with_gradients_of_gradients_runs_as_it_is_written():
    def losses(wrapped):
        engine.manual_seed(0)
        network = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
        optimizer = engine.optim.Adam(network.parameters(), lr=0.01)

        def step(x):
            optimizer.zero_grad()
            loss = penalty(network, x.detach().requires_grad_())
            loss.backward()
            optimizer.step()
            return loss

        step = wrapped(step)
        return [step(engine.from_numpy(np.full((4, 3), n, "float32"))).item() for n in range(4)]

    with pytest.warns(CaptureWarning, match="create_graph=True"):
        captured = losses(engine.capture)
    assert captured == pytest.approx(losses(lambda step: step), rel=1e-6)


# Functions of one's own


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 3 * x**2


class Polar(Function):
    """Saved in setup_context; two results, one of which is saved."""

    @staticmethod
    def forward(x, y):
        return (x * x + y * y).sqrt(), engine.ones(2, dtype=x.dtype) * x

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs, output[0])

    @staticmethod
    def backward(ctx, by_radius, by_x):
        x, y, radius = ctx.saved_tensors
        return by_radius * x / radius + by_x, by_radius * y / radius


class Wrong(Cube):
    result: object = None

    @staticmethod
    def backward(ctx, grad):
        return Wrong.result


@pytest.mark.parametrize("function", [Cube.apply, lambda x: Polar.apply(x, x + 1), lambda x: Polar.apply(x, x * x)[0]])
def test_a_function_of_ones_own_has_first_and_second_derivatives(function):
    assert gradcheck(function, leaf(0.5, 2.0))
    assert gradgradcheck(function, leaf(0.5, 2.0))


def test_a_function_of_ones_own_frees_what_it_saved():
    x = leaf(1.0, 2.0)
    y = x * 2
    seen = weakref.ref(y.array)
    out = Cube.apply(y).sum()
    del y
    assert seen() is not None
    out.backward()
    gc.collect()
    assert seen() is None
    with pytest.raises(GradientError, match=r"backward through \w+: its values were freed|freed by an earlier"):
        out.backward()


def test_a_function_of_ones_own_notices_a_change_in_place():
    x = leaf(1.0)
    y = x * 2
    out = Cube.apply(y)
    y.add_(1)
    with pytest.raises(GradientError, match=r"backward through Cube: .*changed in place"):
        out.sum().backward()


def test_a_function_whose_arguments_want_no_gradient_is_not_noted():
    assert not Cube.apply(engine.ones(2)).requires_grad
    with engine.no_grad():
        assert not Cube.apply(leaf(1.0)).requires_grad


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ((), r"Wrong.backward: 0 gradients came back, expected 1, one for each argument of apply"),
        (engine.ones(3), r"Wrong.backward: the gradient of argument 0 is 3, expected 2"),
    ],
)
def test_a_wrong_gradient_of_ones_own_is_named(result, message):
    Wrong.result = result
    with pytest.raises(GradientError, match=message):
        Wrong.apply(leaf(1.0, 2.0)).sum().backward()


def test_a_function_that_is_derived_once_only_says_so():
    class Once(Cube):
        backward = staticmethod(once_differentiable(Cube.backward))

    x = leaf(2.0)
    (slope,) = grad(Once.apply(x).sum(), x, create_graph=True)
    assert slope.tolist() == [12.0]
    with pytest.raises(GradientError, match=r"gradient of Once: it can be derived once only"):
        slope.sum().backward()


# Checks


def test_gradcheck_says_where_a_gradient_is_wrong():
    class Off(Cube):
        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * 2 * x**2

    x = leaf(1.0, 2.0)
    with pytest.raises(GradientError, match=r"result 0 by input 0 has 8 at \(1, 1\).*expected 12 by finite"):
        gradcheck(Off.apply, x)
    assert not gradcheck(Off.apply, x, raise_exception=False)
    with pytest.raises(GradientError, match="no input requires a gradient"):
        gradcheck(Cube.apply, x.detach())


def test_gradgradcheck_finds_a_wrong_second_derivative():
    class Off(Cube):
        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * 3 * x.detach() * x

    x = leaf(1.0, 2.0)
    assert gradcheck(Off.apply, x)
    assert not gradgradcheck(Off.apply, x, raise_exception=False)
