"""Changes in place: what they reach, what notices them, and what refuses them."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.errors import EngineError, GradientError, ShapeError, TypeMismatch


def leaf(*values):
    return engine.tensor(values, requires_grad=True)


@pytest.mark.parametrize("change", [
    lambda y: y.add_(1), lambda y: y.zero_(), lambda y: y.__setitem__(0, 5.0), lambda y: y[0:1].mul_(2),
    lambda y: y.detach().fill_(3), lambda y: y.clamp_(0, 1),
])  # fmt: skip
def test_a_saved_value_that_was_changed_in_place_is_noticed(change):
    x = leaf(1.0, 2.0)
    y = x * 1
    z = (y * y).sum()
    with engine.no_grad():
        change(y)
    with pytest.raises(GradientError, match=r"backward through Mul: a value .* was changed in place since"):
        z.backward()


def test_a_changed_result_that_its_own_gradient_needs_is_noticed():
    y = leaf(1.0).exp()
    y.mul_(2)
    with pytest.raises(GradientError, match="backward through Exp"):
        y.sum().backward()


def test_changes_in_place_are_differentiated():
    x = leaf(1.0, 2.0)
    y = x * 1
    y += x
    y *= 3
    y[0] = x[1] * 10
    y[1] += 5
    y.sum().backward()
    assert y.tolist() == [20.0, 17.0]
    assert x.grad.tolist() == [0.0, 16.0]


def test_a_view_changed_on_the_tape_tells_the_tensor_that_it_was_taken_from():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    part = y[:2]
    part.mul_(5)
    y[2] = 0.0
    y.sum().backward()
    assert x.grad.tolist() == [5.0, 5.0, 0.0]


def test_a_view_catches_up_with_the_tensor_that_was_changed():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    part = y[:2]
    y.mul_(5)
    part.sum().backward()
    assert x.grad.tolist() == [5.0, 5.0, 0.0]


def test_a_view_of_constants_requires_a_gradient_once_they_take_tracked_values():
    x, y = leaf(3.0), engine.zeros(2)
    part = y[:1]
    y.add_(x)
    assert part.requires_grad
    assert not part.is_leaf
    part.sum().backward()
    assert x.grad.tolist() == [1.0]


def test_a_view_does_not_keep_up_with_memory_that_was_exchanged():
    x, y = leaf(1.0, 2.0), engine.zeros(2)
    part = y[:1]
    y.add_(x)
    y.data = engine.ones(2)
    with pytest.raises(GradientError, match="take the view again"):
        part.sum()


@pytest.mark.parametrize("change", [
    lambda x: x[:2].mul_(5), lambda x: x.view(2, 2)[0].zero_(), lambda x: x.T.__setitem__(0, 1.0),
])  # fmt: skip
def test_a_view_of_a_leaf_is_not_changed_on_the_tape(change):
    x = leaf(1.0, 2.0, 3.0, 4.0)
    with pytest.raises(GradientError, match="a view of a leaf that requires a gradient is changed in place"):
        change(x)
    with engine.no_grad():
        change(x)
    assert x.is_leaf


@pytest.mark.parametrize("change", [
    lambda x: x.add_(1), lambda x: x.__setitem__(0, 1), lambda x: x.fill_(2), lambda x: x.copy_(engine.ones(3)),
])  # fmt: skip
def test_a_stretched_tensor_is_not_changed_in_place(change):
    with pytest.raises(EngineError, match=r"several elements .* in one place of its memory.*clone\(\) it"):
        change(engine.zeros(1).expand(3))


def test_memory_that_can_only_be_read_is_not_changed():
    values = np.ones(3)
    values.flags.writeable = False
    with pytest.raises(EngineError, match=r"can only be read; clone\(\) it"):
        engine.from_numpy(values).add_(1)


def test_in_place_keeps_shape_and_dtype():
    with pytest.raises(ShapeError, match="a change in place keeps the shape"):
        engine.ones(3).add_(engine.ones(2, 3))
    with pytest.raises(TypeMismatch, match="the result is float32, expected int64"):
        engine.ones(3, dtype=engine.int64).mul_(0.5)
    x = engine.ones(3)
    x.add_(engine.ones(3, dtype=engine.float64))
    assert x.dtype == engine.float32
