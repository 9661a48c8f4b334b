"""A captured step is the step as it is written, whatever a script does with its modules and around it."""

import gc
import warnings
import weakref

import pytest

import engine
import engine.nn as nn
from engine.errors import CaptureWarning
from tests.engine.captured import numbers, said, same

pytest.importorskip("llvmlite")


# modules


class Chain(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Scale(factor) for factor in (2.0, 3.0))
        self.factors, self.named = [1.0, 2.0], {"shift": [0.5]}

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x * self.factors[0] + self.named["shift"][0]


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.weight = nn.Parameter(numbers(factor, factor))

    def forward(self, x):
        return x * self.weight


def test_a_dict_of_modules_that_no_module_holds_is_noticed_too():
    def script(capture):
        choices = nn.ModuleDict({"a": Scale(2.0)})
        step = capture(lambda x: [x := layer(x) for layer in choices.values()][-1])
        results = []
        with engine.no_grad():
            for i in range(6):
                if i == 3:
                    choices["b"] = Scale(3.0)
                results.append(step(numbers(1, 2)))
        return results

    same(script)


def doubled(module, inputs, output):
    return output * 2


def append_to_row(chain):
    chain.layers.append(Scale(5.0))


def swap_in_row(chain):
    chain.layers[0] = Scale(7.0)


def insert_into_row(chain):
    chain.layers.insert(0, Scale(0.5))


def delete_from_row(chain):
    del chain.layers[-1]


def change_table(chain):
    chain.layers._modules["0"] = Scale(9.0)


def change_list(chain):
    chain.factors[0] = 4.0


def change_inner_list(chain):
    chain.named["shift"][0] = 8.0


def change_dict(chain):
    chain.named["shift"] = [6.0]


def replace_weight(chain):
    chain.layers[1].weight = nn.Parameter(numbers(1, 1))


CHANGES = [append_to_row, swap_in_row, insert_into_row, delete_from_row, change_table, change_list, change_inner_list,
           change_dict, replace_weight]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_module_that_is_changed_in_place_is_another(change):
    def script(capture):
        chain = Chain()
        step = capture(lambda x: chain(x))
        results = []
        with engine.no_grad():
            for i in range(6):
                if i == 3:
                    change(chain)
                results.append(step(numbers(1, 2)))
        return results

    same(script)


@pytest.mark.parametrize("use", [
    lambda row, x: [x := layer(x) for layer in row][-1],
    lambda row, x: row[0](x) * len(row),
    lambda row, x: x * sum(1 for _ in row.parameters()) * row[0].weight,
    lambda row, x: x * len(row),
])  # fmt: skip
def test_a_row_that_no_module_holds_is_noticed_too(use):
    def script(capture):
        row = nn.ModuleList([Scale(2.0)])
        step = capture(lambda x: use(row, x))
        results = []
        with engine.no_grad():
            for i in range(6):
                if i == 3:
                    row.append(Scale(3.0))
                results.append(step(numbers(1, 2)))
        return results

    same(script)


@pytest.mark.parametrize("register", [
    lambda chain: chain.register_forward_hook(doubled),
    lambda chain: chain.layers[0].register_forward_pre_hook(lambda module, inputs: (inputs[0] * 3,)),
    lambda chain: chain.layers[1].register_full_backward_hook(lambda module, grads, outs: (grads[0] * 2,)),
    lambda chain: chain.layers[0].weight.register_hook(lambda gradient: gradient * 4),
])  # fmt: skip
@pytest.mark.parametrize("when", [0, 3])
def test_hooks_run_at_every_call(register, when):
    def script(capture):
        chain = Chain()

        @capture
        def step(x):
            chain.zero_grad()
            chain(x).sum().backward()

        results, handle = [], None
        for i in range(6):
            if i == when:
                handle = register(chain)
            if i == 5:
                handle.remove()
            step(numbers(i, 2))
            results.append([p.grad.clone() for p in chain.parameters()])
        return results

    with said("has a hook"):
        same(script)


def test_once_a_hook_is_gone_the_step_is_planned_again():
    chain = Chain()
    step = engine.capture(lambda x: chain(x))
    with engine.no_grad():
        step(numbers(1, 2))
        with chain.register_forward_hook(doubled), said("has a hook"):
            step(numbers(1, 2))
        step(numbers(1, 2))
    (kind,) = step._kinds.values()
    assert any(plan.holds([numbers(1, 2)]) for plan in kind.plans)


def test_old_weights_are_let_go():
    chain = Chain()
    step = engine.capture(lambda x: chain(x))
    with engine.no_grad():
        step(numbers(1, 2))
        old = weakref.ref(chain.layers[0].weight)
        chain.layers[0].weight = nn.Parameter(numbers(1, 1))
        array = weakref.ref(chain.layers[1].weight.array)
        chain.layers[1].weight.data = numbers(2, 2)
        step(numbers(1, 2))
    gc.collect()
    assert old() is None
    assert array() is None


def test_vectors_that_are_shortened_are_shortened_each_time():
    def script(capture):
        table = nn.Embedding(4, 2, max_norm=0.5)
        step = capture(lambda x: table(x))
        with engine.no_grad():
            return [step(engine.tensor([i, i + 1])) for i in (0, 1, 2)] + [table.weight]

    with said(r"numpy\(\) reads the values"):
        same(script)


# the rest of the world


def test_the_default_dtype_is_followed():
    step = engine.capture(lambda: engine.ones(2) / 3)
    try:
        for _ in range(2):
            for dtype in (engine.float32, engine.float64):
                engine.set_default_dtype(dtype)
                assert step().dtype == dtype
    finally:
        engine.set_default_dtype(engine.float32)


@pytest.mark.parametrize("make", [lambda: engine.tensor([1.0, 2]), lambda: engine.arange(2.0), lambda: engine.ones(2)])
def test_a_constant_that_is_changed_in_place_begins_anew(make):
    def script(capture):
        def step(x):
            total = make()
            total += x
            return total

        step = capture(step)
        with engine.no_grad():
            return [step(numbers(i, 1)) for i in range(4)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CaptureWarning)
        same(script)


@pytest.mark.parametrize("look", [str, lambda x: engine.tensor(x) * 2, lambda x: engine.equal(x, x * 2)])
def test_looking_at_values_is_said(look):
    step = engine.capture(lambda x: (x * 2, look(x)) and x * 2)
    with said("reads the values"):
        assert step(numbers(1)).tolist() == [2.0]


def test_elements_that_a_mask_chooses_are_as_many_as_it_chooses():
    def script(capture):
        step = capture(lambda x: x[x > 0].sum())
        with engine.no_grad():
            return [step(numbers(*values)) for values in ((1, 2), (-1, 2), (1, 2), (-1, -2))]

    with said("a mask chooses elements"):
        same(script)


def test_an_index_that_is_an_argument_is_followed():
    def script(capture):
        step = capture(lambda x, i: x[i])
        return [step(numbers(5, 6, 7), engine.tensor(i)) for i in (0, 1, 2)]

    with said("an index reads the values"):
        same(script)


def test_weights_that_are_drawn_inside_are_drawn_each_time():
    def script(capture):
        w = numbers(1, 2)
        step = capture(lambda: nn.init.normal_(w).clone())
        return [step() for _ in range(3)]

    with said("drawn inside"):
        same(script)
