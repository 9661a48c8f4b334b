"""Gradients and optimizers of a captured step, whatever a script does between its calls."""

import gc

import pytest

import engine
import engine.nn as nn
from tests.engine.captured import numbers, said, same

pytest.importorskip("llvmlite")


def weights(capture):
    """A parameter, its optimizer, and backward() and step() captured apart."""
    w = nn.Parameter(numbers(1, 2))
    optimizer = engine.optim.SGD([w], lr=0.1)

    def compute(x):
        optimizer.zero_grad()
        (w * x).sum().backward()

    return w, optimizer, capture(compute), capture(optimizer.step)


def test_a_gradient_that_is_read_before_it_is_forgotten_is_that_of_the_last_call():
    def script(capture):
        w = nn.Parameter(numbers(1, 2))
        optimizer = engine.optim.SGD([w], lr=0.1)

        def step(x):
            before = w.grad * 2 if w.grad is not None else x * 0
            optimizer.zero_grad()
            (w * x).sum().backward()
            optimizer.step()
            return before

        step = capture(step)
        return [step(numbers(i, 3)) for i in range(6)] + [w, w.grad]

    same(script)


@pytest.mark.parametrize("sizes", [(1, 2, 3, 4, 5, 6), (2,)])
def test_an_optimizer_apart_follows_the_gradients_of_every_batch_size(sizes):
    def script(capture):
        w = nn.Parameter(numbers(1, 2))
        optimizer = engine.optim.SGD([w], lr=0.1, momentum=0.9)

        def compute(x):
            optimizer.zero_grad()
            loss = (w * x[0]).square().sum()
            loss.backward()
            return loss

        compute, update = capture(compute), capture(optimizer.step)
        losses = []
        for size in sizes * 2:
            losses.append(compute(engine.ones(size, 2)))
            update()
        return [losses, w]

    same(script)


def test_clipping_between_the_two_is_seen():
    def script(capture):
        w, _, compute, update = weights(capture)
        for i in range(4):
            compute(numbers(i, 3))
            nn.utils.clip_grad_norm_([w], 0.5)
            update()
        return [w, w.grad]

    same(script)


def test_clipping_inside_changes_the_gradient_that_is_there():
    def script(capture):
        w, optimizer, compute, _ = weights(capture)

        @capture
        def clipped():
            norm = nn.utils.clip_grad_norm_([w], 0.5)
            optimizer.step()
            return norm

        results = []
        for i in range(5):
            compute(numbers(i, 3))
            results.append([clipped(), w.grad])
        return [results, w]

    same(script)


def test_steps_that_never_forget_their_gradients_add_them_up():
    def script(capture):
        w, optimizer, _, _ = weights(capture)

        @capture
        def step(x):
            (w * x).sum().backward()
            optimizer.step()

        for i in range(5):
            step(numbers(i, 1))
        return [w, w.grad]

    same(script)


@pytest.mark.parametrize("hold", [
    lambda w: w.grad, lambda w: w.grad.detach(), lambda w: engine.from_numpy(w.grad.numpy()), lambda w: w.grad[:1],
    lambda w: w.grad.data,
])  # fmt: skip
def test_a_gradient_that_somebody_holds_stays_as_it_is(hold):
    def script(capture):
        w, _, compute, update = weights(capture)
        held = []
        for i in range(5):
            compute(numbers(i, 1))
            held.append(hold(w))
            update()
        return [*held, w]

    same(script)


def test_a_gradient_that_nobody_holds_is_computed_into_the_same_memory():
    w, _, compute, update = weights(engine.capture)
    places = set()
    for i in range(6):
        compute(numbers(i, 1))
        update()
        if i == 0:
            gc.collect()  # what was recorded goes
        else:
            places.add(w.grad.array.ctypes.data)
    assert len(places) == 1


def test_two_equal_gradients_do_not_lie_in_one_place():
    def script(capture):
        a, b = nn.Parameter(numbers(1, 2)), nn.Parameter(numbers(3, 4))

        @capture
        def compute(x):
            a.grad = b.grad = None
            ((a + b) * x).sum().backward()

        results = []
        for i in range(4):
            compute(numbers(i, 1))
            a.grad.mul_(0.5)
            results.append([a.grad, b.grad.clone()])
        return results

    same(script)


def test_a_constant_gradient_can_be_changed():
    def script(capture):
        w = nn.Parameter(numbers(1, 2))

        @capture
        def compute():
            w.grad = None
            w.sum().backward()

        results = []
        for _ in range(4):
            compute()
            w.grad.mul_(0.5)
            results.append(w.grad.clone())
        return results

    same(script)


def test_zeros_in_place_of_no_gradient_are_filled():
    def script(capture):
        w = nn.Parameter(numbers(1, 2))
        optimizer = engine.optim.SGD([w], lr=0.1)

        @capture
        def step(x):
            optimizer.zero_grad(set_to_none=False)
            (w * x).sum().backward()
            optimizer.step()

        for i in range(5):
            step(numbers(i, 1))
        return [w, w.grad]

    same(script)


# optimizers


def test_a_group_that_is_added_learns():
    def script(capture):
        w, v = nn.Parameter(numbers(1, 2)), nn.Parameter(numbers(3, 4))
        optimizer = engine.optim.SGD([w], lr=0.1)

        @capture
        def step(x):
            optimizer.zero_grad()
            (w * v * x).sum().backward()
            optimizer.step()

        for i in range(6):
            if i == 3:
                optimizer.add_param_group({"params": [v], "lr": 0.01})
            step(numbers(i, 1))
        return [w, v]

    same(script)


def test_a_gradient_for_a_parameter_that_had_none_is_used():
    def script(capture):
        w, v = nn.Parameter(numbers(1, 2)), nn.Parameter(numbers(3, 4))
        optimizer = engine.optim.Adam([w, v], lr=0.1)
        update = capture(optimizer.step)
        for i in range(8):
            optimizer.zero_grad()
            w.grad = numbers(i, 1)
            v.grad = numbers(1, i) if i % 3 else None
            update()
        return [w, v]

    same(script)


def test_hooks_of_an_optimizer_run_at_every_call():
    def script(capture):
        w, optimizer, compute, update = weights(capture)
        seen = []
        for i in range(5):
            if i == 2:
                optimizer.register_step_post_hook(lambda *_: seen.append(w.detach().clone()))
            compute(numbers(i, 1))
            update()
        return [w, seen, float(len(seen))]

    with said("hooks of an optimizer"):
        same(script)
