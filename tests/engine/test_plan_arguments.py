"""What a captured step is given and what it gives back."""

import warnings

import numpy as np
import pytest

import engine
import engine.nn as nn
from engine.errors import CaptureWarning
from tests.engine.captured import numbers, said, same

pytest.importorskip("llvmlite")


def test_one_tensor_as_two_arguments_is_not_two_tensors():
    def script(capture):
        step = capture(lambda a, b: a - 2 * b)
        x, y = numbers(1, 2), numbers(5, 7)
        return [step(x, x), step(x, y), step(y, x), step(y, y), step(x, x.detach())]

    same(script)


def test_two_tensors_of_one_array_have_gradients_of_their_own():
    def script(capture):
        x = engine.tensor([1.0, 2.0], requires_grad=True)
        y = x.detach().requires_grad_()
        step = capture(lambda a, b: (a * 2 + b * 3).sum().backward())
        results = []
        for pair in ((x, x), (x, y), (x, x), (x, y)):
            x.grad = y.grad = None
            step(*pair)
            results.append([p.grad for p in pair])
        return results

    same(script)


@pytest.mark.parametrize("wants", [False, True])
def test_an_argument_that_the_step_also_knows_from_outside_is_two_things(wants):
    def script(capture):
        w = engine.tensor([2.0, 3.0], requires_grad=wants)
        step = capture(lambda x: (x * w).sum())
        with engine.no_grad():
            return [step(x) for x in (w, numbers(1, 1), w, numbers(4, 5))]

    same(script)


def test_a_weight_that_is_an_argument_too_has_one_gradient():
    def script(capture):
        w = engine.tensor([2.0, 3.0], requires_grad=True)
        other = engine.tensor([1.0, 4.0], requires_grad=True)
        step = capture(lambda x: (x * w).sum().backward())
        results = []
        for x in (other, other, w, other):
            w.grad = other.grad = None
            step(x)
            results.append([w.grad, x.grad])
        return results

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CaptureWarning)
        same(script)


def test_an_argument_in_memory_that_the_step_changes_is_said():
    def script(capture):
        w = numbers(2, 3)
        step = capture(lambda x: w.mul_(0.5) + x)
        with engine.no_grad():
            return [step(x) for x in (numbers(1, 1), numbers(1, 1), w, w[:], numbers(1, 2))] + [w]

    with said("also something that the step knows from outside, and changes"):
        same(script)


def test_an_argument_with_a_history_leads_gradients_out():
    def script(capture):
        w = engine.tensor([2.0, 3.0], requires_grad=True)
        step = capture(lambda x: (x * x).sum().backward())
        for _ in range(3):
            step(w * 2)
        return [w.grad]

    with said("result of an op outside"):
        same(script)


def test_a_refused_step_still_leads_gradients_to_its_arguments():
    def script(capture):
        x = engine.tensor([2.0, 3.0], requires_grad=True)
        step = capture(lambda x: x * x)
        for _ in range(3):
            step(x).sum().backward()
        return [x.grad]

    with said("gradient is still to be taken"):
        same(script)


def test_a_list_of_tensors_that_the_step_changes_is_said():
    def script(capture):
        def step(state):
            state[0] = state[0] * 2
            return state[0] + 1

        step, state = capture(step), [numbers(1, 2)]
        return [step(state) for _ in range(4)] + state

    with said("a list or dict among the arguments is changed"):
        same(script)


OPTIONS = (2, 2.0, True, 1, 1.0, 0.0, -0.0, 0, False, float("nan"), float("nan"))


def test_options_are_told_apart_by_type_and_by_every_bit():
    def script(capture):
        def step(x, option):
            return x + (type(option) is float) * 10 + (type(option) is bool) * 20 + (str(option)[0] == "-") * 40

        step = capture(step)
        return [step(numbers(1), option) for option in OPTIONS * 2] + [step(numbers(1), [1, (1.0, True)])]

    same(script)
    kinds = engine.capture(lambda x, option: x + 1)
    for _ in range(3):
        for option in OPTIONS:
            kinds(numbers(1), option)
    assert len(kinds._kinds) == len(OPTIONS) - 1  # nan is one


def test_a_name_is_not_a_dict():
    def script(capture):
        step = capture(lambda a=None, b=None: (a["b"] if isinstance(a, dict) else b) * (3 if a is None else 2))
        return [step({"b": numbers(1)}), step(b=numbers(1)), step(None, numbers(1))]

    same(script)


def test_too_many_kinds_of_arguments_are_forgotten_and_said_once():
    step = engine.capture(lambda x, number: x * number)
    x = numbers(1, 2)
    with said("more than 32 kinds of arguments") as warned:
        for number in range(40):
            assert step(x, number).tolist() == [number, 2 * number]
    assert len(warned) == 1
    assert warned[0].filename == __file__
    assert len(step._kinds) == 32
    assert sum(len(kind.plans) for kind in step._kinds.values()) <= 32


def test_a_warning_names_the_line_that_called():
    step = engine.capture(lambda x, options: x + x.sum().item())
    for options in (1, np.zeros(2)):
        with pytest.warns(CaptureWarning) as warned:
            step(numbers(1), options)
        assert warned[0].filename == __file__


class Pair:
    def __init__(self, first):
        self.first = first


@pytest.mark.parametrize("pack", [Pair, lambda x: {1: Pair(x)}, lambda x: x.detach().numpy(), lambda x: [{x}]])
def test_an_object_that_a_replay_could_not_make_anew_is_said(pack):
    step = engine.capture(lambda x: pack(x * 2))
    with said("it returns a|numpy"):
        first = step(numbers(1))
    assert step(numbers(2)) is not first


def test_arguments_may_lie_in_any_order():
    model = nn.Linear(3, 2)
    step = engine.capture(lambda x: model(x) * 2)
    x = engine.randn(4, 3)
    with engine.no_grad():
        expected = [step(x).numpy() for _ in range(3)][-1]
        np.testing.assert_allclose(step(engine.from_numpy(np.asfortranarray(x.numpy()))).numpy(), expected, rtol=1e-6)


def test_a_step_may_return_its_arguments_parts_of_them_weights_and_what_is_no_tensor():
    model = nn.Linear(3, 2)
    step = engine.capture(lambda x, n, name: {"same": x, "part": x[1:, :2], "weight": model.weight, "n": [n, name]})
    with engine.no_grad():
        for seed in range(3):
            x = engine.from_numpy(np.random.default_rng(seed).standard_normal((4, 3), np.float32))
            result = step(x, 5, name="five")
            assert result["same"] is x
            assert result["weight"] is model.weight
            assert result["n"] == [5, "five"]
            np.testing.assert_array_equal(result["part"].numpy(), x.numpy()[1:, :2])


def test_an_argument_that_cannot_be_told_apart_is_said():
    step = engine.capture(lambda x, options: x * options["by"][0])
    with pytest.warns(UserWarning, match="neither a tensor nor something that can be told apart"):
        assert step(engine.ones(2), {"by": {0: 3.0, 1: set()}}).tolist() == [3.0, 3.0]


def test_an_argument_that_is_changed_in_place_is_said():
    step = engine.capture(lambda x: x.add_(1) * 2)
    x = engine.ones(2)
    with engine.no_grad(), pytest.warns(UserWarning, match="an argument of the step is changed in place"):
        assert step(x).tolist() == [4.0, 4.0]
    assert step(x).tolist() == [6.0, 6.0]
