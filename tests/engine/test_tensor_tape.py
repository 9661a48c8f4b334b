"""The tape: what backward does and what it refuses."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import engine
import engine.nn.functional as F
from engine.errors import GradientError
from engine.tensor import record


def leaf(*values):
    return engine.tensor(values, requires_grad=True)


def test_gradients_add_up_over_calls():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    (x * 3).sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]


def test_a_tensor_used_twice_gets_both_gradients():
    x = leaf(2.0)
    y = x * x
    (y * y + y).backward(engine.ones(1))
    assert x.grad.tolist() == [4 * 8 + 4]


def test_gradients_of_two_leaves_never_share_memory():
    x, y = leaf(1.0), leaf(2.0)
    (x + y).sum().backward()
    x.grad.zero_()
    assert y.grad.tolist() == [1.0]


def test_the_given_gradient_is_not_taken_over():
    x, seed = leaf(1.0), engine.ones(1)
    x.backward(seed)
    x.grad.zero_()
    assert seed.tolist() == [1.0]


def test_gradients_can_be_written_to():
    x = engine.ones(3, requires_grad=True)
    x.sum().backward()
    x.grad.mul_(2)
    x.sum().backward()
    assert x.grad.tolist() == [3.0] * 3


def test_a_hundred_thousand_ops_deep():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.sum().backward()
    assert x.grad.tolist() == [1.0]


def test_saved_values_are_freed_by_backward():
    x = leaf(1.0)
    y = x.exp()
    seen = weakref.ref(y.array)
    loss = y.sum()
    del y
    assert seen() is not None
    loss.backward()
    gc.collect()
    assert seen() is None


def test_an_intermediate_result_that_nothing_needs_is_not_kept():
    x = leaf(1.0)
    y = x + 1
    seen = weakref.ref(y.array)
    z = y + 1
    del y
    assert seen() is None
    z.sum().backward()
    assert x.grad.tolist() == [1.0]


def test_backward_twice_is_refused_unless_the_graph_was_retained():
    x = leaf(3.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [12.0]
    with pytest.raises(GradientError, match=r"freed by an earlier backward.*retain_graph=True"):
        y.backward()


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda: engine.ones(1).sum().backward(), "no history and requires no gradient"),
        (lambda: (leaf(1.0, 2.0) * 2).backward(), "the tensor is 2, expected a single number"),
        (lambda: leaf(1.0, 2.0).backward(engine.ones(3)), "the gradient is 3, expected 2"),
        (lambda: leaf(1.0).numpy(), "use tensor.detach().numpy()"),
        (lambda: leaf(1.0).add_(1), "a leaf that requires a gradient is changed in place"),
        (lambda: leaf(1.0).zero_(), "inside `with no_grad():`"),
        (lambda: leaf(1.0).__setitem__(0, 2.0), "a leaf that requires a gradient is changed in place"),
        (lambda: (leaf(1.0) * 2).requires_grad_(False), "use detach()"),
        (lambda: engine.ones(1).register_hook(print), "requires no gradient"),
        (lambda: engine.autograd.grad(leaf(1.0).sum(), leaf(1.0)), "an input has no part in the outputs"),
    ],
)
def test_what_has_no_gradient_says_so(act, sentence):
    with pytest.raises(GradientError) as caught:
        act()
    assert sentence in str(caught.value)


def test_a_function_that_runs_without_the_tape_leaves_it_as_it_was():
    x = leaf(1.0)

    @engine.set_grad_enabled(False)
    def evaluate():
        return x * 2

    assert engine.is_grad_enabled()
    assert not evaluate().requires_grad
    assert not evaluate().requires_grad
    assert engine.is_grad_enabled()
    with engine.set_grad_enabled(False):
        assert not engine.is_grad_enabled()
    assert engine.is_grad_enabled()


def test_calls_of_a_decorated_function_in_two_threads_keep_their_modes_apart():
    inside, seen = threading.Barrier(2), []

    @engine.no_grad()
    def evaluate():
        inside.wait(5)

    def call(on):
        with engine.set_grad_enabled(on):
            evaluate()
            seen.append(engine.is_grad_enabled() is on)

    threads = [threading.Thread(target=call, args=(on,)) for on in (True, False) * 10]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 20


def test_parameters_are_updated_without_the_tape():
    x = leaf(1.0)
    (x * 2).sum().backward()
    with engine.no_grad():
        x -= 0.1 * x.grad
    x.data.mul_(10)
    assert x.tolist() == pytest.approx([8.0])
    assert x.requires_grad
    assert x.is_leaf


def test_no_grad_and_enable_grad_nest_and_decorate():
    x = leaf(1.0)
    with engine.no_grad():
        assert not (x * 2).requires_grad
        with engine.enable_grad():
            assert (x * 2).requires_grad
        assert not engine.is_grad_enabled()

    @engine.no_grad()
    def evaluate():
        return x * 2

    @engine.no_grad
    def evaluate_too():
        return x * 2

    assert not evaluate().requires_grad
    assert not evaluate_too().requires_grad
    with pytest.raises(ZeroDivisionError), engine.no_grad():
        raise ZeroDivisionError
    assert engine.is_grad_enabled()


@pytest.mark.parametrize("make", [engine.no_grad, engine.inference_mode, lambda: engine.set_grad_enabled(False)])
def test_a_decorated_generator_runs_without_the_tape_and_its_reader_with_it(make):
    @make()
    def pieces():
        try:
            got = yield engine.is_grad_enabled()
            yield got, engine.is_grad_enabled()
        except KeyError:
            yield "told", engine.is_grad_enabled()
        return "end"

    running = pieces()
    assert [next(running), engine.is_grad_enabled()] == [False, True]
    assert [running.send("sent"), engine.is_grad_enabled()] == [("sent", False), True]
    assert running.throw(KeyError) == ("told", False)
    with pytest.raises(StopIteration, match="end"):
        next(running)
    assert engine.is_grad_enabled()


def test_inference_mode_may_be_off():
    with engine.no_grad(), engine.inference_mode(False):
        assert engine.is_grad_enabled()
    assert not engine.inference_mode(engine.is_grad_enabled)()


def test_the_tape_of_one_thread_is_not_switched_by_another():
    seen = []
    with engine.no_grad():
        thread = threading.Thread(target=lambda: seen.append(engine.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_detach_shares_memory_without_history():
    x = leaf(1.0)
    y = (x * 2).detach()
    assert not y.requires_grad
    y[0] = 9
    assert x.tolist() == [1.0]


def test_hooks_see_and_change_gradients():
    x = leaf(1.0)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    handle = x.register_hook(lambda g: g * 10)
    (y * 3).sum().backward(retain_graph=True)
    assert (seen, x.grad.tolist()) == ([[3.0]], [60.0])
    handle.remove()
    x.grad = None
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3.0]


def test_retain_grad_keeps_the_gradient_of_a_result():
    x = leaf(1.0)
    y = x * 2
    y.retain_grad()
    (y * 3).sum().backward()
    assert y.grad.tolist() == [3.0]


def test_grad_touches_no_leaf():
    x, w = leaf(2.0), leaf(5.0)
    y = x * x
    by_x, by_y = engine.autograd.grad((y * w).sum(), [x, y])
    assert (by_x.tolist(), by_y.tolist()) == ([20.0], [5.0])
    assert x.grad is None
    assert w.grad is None


def test_gradients_pass_through_casts_and_numbers_of_another_dtype():
    x = leaf(1.0, 2.0)
    (x.double() * engine.tensor([2, 3])).sum().backward()
    assert (x.grad.dtype, x.grad.tolist()) == (engine.float32, [2.0, 3.0])


def test_whole_numbers_and_comparisons_have_no_history():
    x = leaf(1.0, 2.0)
    for out in (x > 1, x.argmax(), x.long(), x.isnan(), x.any()):
        assert not out.requires_grad


def test_record_tells_every_op_with_its_shapes():
    with record() as calls:
        F.linear(engine.ones(2, 3), engine.ones(4, 3)).relu()
    assert [(c.op.name, c.inputs[0].shape, c.outputs[0].shape) for c in calls] == [
        ("Linear", (2, 3), (2, 4)),
        ("ReLU", (2, 4), (2, 4)),
    ]
    assert calls[0].inputs[2] is None
    assert calls[0].op.flops(*calls[0].inputs) == 2 * 2 * 3 * 4


def test_a_network_on_meta_tensors_costs_no_values():
    with engine.device("meta"):
        x = engine.zeros(10**6, 10**6)
        assert F.linear(x, engine.zeros(10, 10**6)).shape == (10**6, 10)


def test_backward_in_two_threads_at_once():
    x = engine.randn(50, 50, requires_grad=True)
    losses = [(x @ x).relu().sum() for _ in range(8)]
    threads = [threading.Thread(target=engine.autograd.grad, args=(loss, x)) for loss in losses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    losses = [(x @ x).relu().sum() for _ in range(2)]
    (first,) = engine.autograd.grad(losses[0], x)
    losses[1].backward()
    np.testing.assert_array_equal(first.numpy(), x.grad.numpy())


class Spy:
    """The kernel set of the cpu, with the names of the kernels that were called."""

    def __init__(self, kernels):
        self.kernels, self.called = kernels, []

    def __getattr__(self, name):
        self.called.append(name)
        return getattr(self.kernels, name)


@pytest.mark.parametrize(
    ("change", "kernels"),
    [
        (lambda x: x.sum().backward(), {"full"}),
        (lambda x: (x + x).sum().backward(), {"copy"}),
        (lambda x: [x.sum().backward() for _ in range(2)], {"add"}),
        (lambda x: x.detach().zero_(), {"assign"}),
        (lambda x: x.detach().fill_(2), {"assign"}),
        (lambda x: x.detach().normal_(), {"normal", "assign"}),
        (lambda x: x.detach().copy_(engine.ones(3)), {"assign"}),
        (lambda x: x.detach().__setitem__(0, 2.0), {"assign_at"}),
        (lambda x: x.detach().add_(1.0), {"add"}),
        (lambda x: engine.randn(3), {"normal"}),
        (lambda x: engine.autograd.grad(x.sum(), x), {"copy"}),
        (lambda x: engine.nn.functional.embedding(engine.tensor([0]), x.reshape(3, 1)), {"check_index"}),
        (lambda x: engine.nn.functional.cross_entropy(x, engine.tensor(0)), {"check_classes"}),
    ],
)
def test_values_are_touched_by_kernels_alone(change, kernels, monkeypatch):
    x = engine.ones(3, requires_grad=True)
    spy = Spy(x.device.kernels)
    monkeypatch.setattr(x.device, "kernels", spy)
    change(x)
    assert kernels <= set(spy.called)


def test_clipping_gradients_is_kernels_alone(monkeypatch):
    p = engine.nn.Parameter(engine.ones(3))
    p.grad = engine.ones(3)
    spy = Spy(p.device.kernels)
    monkeypatch.setattr(p.device, "kernels", spy)
    engine.nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)
    engine.nn.utils.clip_grad_value_(p, 0.5)
    assert {"total_norm", "check_finite", "mul", "clip"} <= set(spy.called)
    assert p.grad.tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_hook_of_a_leaf_sees_the_whole_gradient_once(create_graph):
    x, seen = leaf(1.0, 2.0), []
    x.register_hook(lambda grad: (seen.append(grad.tolist()), grad.clamp(max=3.0))[1])
    x.register_post_accumulate_grad_hook(lambda x: seen.append(x.grad.tolist()))
    (x * 2 + x * 3).sum().backward(create_graph=create_graph)
    assert seen == [[5.0, 5.0], [3.0, 3.0]]
    assert engine.autograd.grad((x * 2 + x * 3).sum(), x)[0].tolist() == [3.0, 3.0]
    assert len(seen) == 3  # nothing was added to .grad


def test_a_hook_cannot_change_the_shape_of_a_gradient():
    x = leaf(1.0, 2.0)
    x.register_hook(lambda grad: grad[:1])
    with pytest.raises(GradientError, match="it returns 1, expected 2, as the gradient is"):
        x.sum().backward()


def test_a_handle_takes_its_own_hook_away_and_no_other():
    x, seen = leaf(1.0), []
    first, _ = x.register_hook(seen.append), x.register_hook(seen.append)
    first.remove()
    first.remove()
    x.sum().backward()
    assert len(seen) == 1
    with x.register_hook(lambda grad: grad * 2):
        (slope,) = engine.autograd.grad(x.sum(), x)
    assert slope.item() == 2.0
