"""Changes in place of tensors and of views of them: gradients beside PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import engine  # noqa: E402
import engine.errors  # noqa: E402
import engine.nn  # noqa: E402


def changed_base(t, x):
    y = x * 1
    v = y[:2]
    y.mul_(5)
    return v.sum()


def changed_base_of_a_reshaped(t, x):
    y = x * 1
    v = y.reshape(2, 2)
    y.mul_(5)
    return (v * t.tensor([[1.0, 2.0], [3.0, 4.0]])).sum()


def changed_view_and_then_an_item(t, x):
    y = x * 1
    v = y[:2]
    v.mul_(5)
    y[2] = 0.0
    return y.sum()


def changed_view_and_base_in_turns(t, x):
    y = x * 1
    v = y[:2]
    v.mul_(5)
    y.add_(x)
    v *= 3
    y[1] = x[0]
    return (y * t.tensor([1.0, 2.0, 3.0, 4.0])).sum() + v.sum()


def changed_temporary_view(t, x):
    return (x * 2)[:2].mul_(5).sum()


def a_view_of_a_view(t, x):
    y = (x * 1).reshape(2, 2)
    row = y.t()[0]
    row[1:].mul_(x[0])
    return y.exp().sum() + row.sum()


def a_view_of_constants_takes_tracked_values(t, x):
    y = t.zeros(4)
    v, w = y[1:3], y[2:]
    v.add_(x[:2])
    return (y * y).sum() + w.sum()


def a_view_set_to_zero(t, x):
    y = x * 3
    y[:2].zero_()
    return y.sum()


def a_view_that_is_read_after_it_was_overwritten(t, x):
    y = x * 3
    v = y[:2]
    v.fill_(2)
    return (v * x[:2]).sum() + y.sum()


def a_single_element_is_a_view(t, x):
    y = x * 1
    element, last = y[0], y.view(2, 2)[1, 1]
    y.mul_(5)
    last.mul_(x[1])
    return element + (y * y).sum()


def a_column_copied_into(t, x):
    y = (x * 1).view(2, 2)
    y[:, 1].copy_(x[:2] * 7)
    return (y * y).sum()


def relu_after_flatten(t, x):
    y = x.reshape(1, 2, 2) * 1
    return (y.flatten(1).relu_() * t.arange(4.0)).sum() + y.sum()


def a_kept_gradient_of_a_changed_result(t, x):
    y = x * 1
    y.retain_grad()
    y.mul_(5)
    (y * y).sum().backward()
    return (x * y.grad.detach()).sum()


CASES = [
    changed_base, changed_base_of_a_reshaped, changed_view_and_then_an_item, changed_view_and_base_in_turns,
    changed_temporary_view, a_single_element_is_a_view,
    a_view_of_a_view, a_view_of_constants_takes_tracked_values, a_view_set_to_zero,
    a_view_that_is_read_after_it_was_overwritten, a_column_copied_into, relu_after_flatten,
    a_kept_gradient_of_a_changed_result,
]  # fmt: skip
VALUES = [0.5, -1.5, 2.0, 3.0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_gradients_after_changes_in_place(case):
    found = []
    for t in (engine, torch):
        x = t.tensor(VALUES, requires_grad=True)
        case(t, x).backward()
        found.append(x.grad.tolist())
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_a_network_with_an_activation_in_place_behind_flatten():
    layers = [t.nn.Sequential(t.nn.Linear(3, 4), t.nn.Flatten(), t.nn.ReLU(inplace=True), t.nn.Linear(4, 1))
              for t in (engine, torch)]  # fmt: skip
    ours, theirs = layers
    theirs.load_state_dict({name: torch.tensor(p.tolist()) for name, p in ours.state_dict().items()})
    for t, network in zip((engine, torch), layers):
        network(t.tensor([[1.0, -2.0, 3.0], [0.5, 1.0, -1.0]])).sum().backward()
    for a, b in zip(ours.parameters(), theirs.parameters()):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-5, atol=1e-7)


VIEWS = [
    lambda v: v[:1], lambda v: v[1:], lambda v: v[..., ::2], lambda v: v[-1], lambda v: v.reshape(-1),
    lambda v: v.unsqueeze(0), lambda v: v.transpose(0, -1), lambda v: v.reshape(v.shape), lambda v: v[None, ..., 0],
]  # fmt: skip
CHANGES = [
    lambda t, v, x: v.mul_(3), lambda t, v, x: v.add_(x[0]), lambda t, v, x: v.zero_(), lambda t, v, x: v.mul_(x[1]),
    lambda t, v, x: v.__setitem__(0, 0.5), lambda t, v, x: v.__setitem__(..., x[2] * 2), lambda t, v, x: v.relu_(),
    lambda t, v, x: v.copy_(x[3:]), lambda t, v, x: v.sub_(v.sum()), lambda t, v, x: v.masked_fill_(v > 1, 0.25),
]  # fmt: skip
READS = [lambda t, v, x: (v * 2).sum(), lambda t, v, x: (v * v).sum(), lambda t, v, x: (v * x[0]).sum()]


START = [*VALUES, 1.1, -0.5, 0.75, 1.25]


def loss_of(t, x, steps, tracked):
    """Views, changes and reads in turn; the loss is the sum of what was read, and of all tensors at the end."""
    first = x * 1 if tracked else t.ones(8, dtype=t.float64)
    tensors, loss = [first.reshape(2, 4)], (x * x).sum()
    for kind, which, what in steps:
        v = tensors[which % len(tensors)]
        if kind == "view" and v.ndim:
            tensors.append(VIEWS[what % len(VIEWS)](v))
        elif kind == "change" and v.ndim and v.numel():
            CHANGES[what % len(CHANGES)](t, v, x)
        elif kind == "read":
            loss = loss + READS[what % len(READS)](t, v, x)
    return loss + sum((v * (i + 1)).sum() for i, v in enumerate(tensors)) + (first * 0.5).sum()


def gradient(t, steps, tracked):
    x = t.tensor(START, dtype=t.float64, requires_grad=True)
    loss_of(t, x, steps, tracked).backward()
    return x.grad.tolist()


def slope(steps, tracked, step=1e-6):
    """The gradient by differences, for what PyTorch refuses to differentiate."""
    x = np.array(START)
    moved = [loss_of(torch, torch.tensor(x + sign * step * unit), steps, tracked).item()
             for unit in np.eye(8) for sign in (1, -1)]  # fmt: skip
    return (np.array(moved[::2]) - np.array(moved[1::2])) / (2 * step)


STEP = st.tuples(st.sampled_from(["view", "view", "change", "change", "read"]), st.integers(0, 5), st.integers(0, 19))


@settings(deadline=None, max_examples=300)
@given(st.lists(STEP, min_size=2, max_size=8), st.booleans())
def test_no_turn_of_views_changes_and_reads_gives_a_wrong_gradient(steps, tracked):
    try:
        theirs = gradient(torch, steps, tracked)
    except (RuntimeError, IndexError):
        try:
            ours = gradient(engine, steps, tracked)
        except (engine.errors.EngineError, IndexError):
            return
        np.testing.assert_allclose(ours, slope(steps, tracked), rtol=1e-4, atol=1e-4)
        return
    np.testing.assert_allclose(gradient(engine, steps, tracked), theirs, rtol=1e-9, atol=1e-9)


def views_without_the_tape(t, x):
    y = x * 1
    with t.no_grad():
        v = y[:2]
    v.mul_(x[0])


REFUSED = {
    "a view of a leaf": lambda t, x: x[:2].mul_(5),
    "a view of a view of a leaf": lambda t, x: x.view(2, 2).t()[0].zero_(),
    "an item of a view of a leaf": lambda t, x: x[:2].__setitem__(0, 1.0),
    "a view taken without the tape": views_without_the_tape,
    "a stretched tensor": lambda t, x: t.zeros(1).expand(3).add_(1),
    "a stretched tensor filled": lambda t, x: t.zeros(2, 1).expand(2, 3).mul_(2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses_to_change_in_place_is_refused(name):
    for t, kind in ((torch, RuntimeError), (engine, engine.errors.EngineError)):
        with pytest.raises(kind):
            REFUSED[name](t, t.tensor(VALUES, requires_grad=True))
