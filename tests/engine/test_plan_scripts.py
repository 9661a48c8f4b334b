"""A captured step is the step as it is written, whatever a script does between its calls."""

import gc
import warnings
import weakref

import numpy as np
import pytest

import engine
import engine.nn as nn
from engine.errors import CaptureWarning

pytest.importorskip("llvmlite")
F = nn.functional


def numbers(*values):
    return engine.tensor([float(v) for v in values])


def found(value):
    """What can be compared: lists of numbers in place of tensors."""
    if isinstance(value, engine.Tensor):
        return value.detach().tolist()
    if isinstance(value, list | tuple):
        return [found(part) for part in value]
    return value


def same(script):
    """Run a script with the plain step and with the captured one, and hold one against the other.

    Args:
        script: (capture) -> what it has found; `capture` leaves the step as it is the first time.
    """
    engine.manual_seed(3)
    expected = found(script(lambda step: step))
    engine.manual_seed(3)
    got = found(script(engine.capture))
    flat = lambda tree: [n for part in tree for n in flat(part)] if isinstance(tree, list) else [tree]  # noqa: E731
    assert len(flat(got)) == len(flat(expected))
    assert flat(got) == pytest.approx(flat(expected), rel=1e-5, nan_ok=True)


@pytest.fixture
def nothing_said():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def said(match):
    return pytest.warns(CaptureWarning, match=match)


# arguments


def test_one_tensor_as_two_arguments_is_not_two_tensors(nothing_said):
    def script(capture):
        step = capture(lambda a, b: a - 2 * b)
        x, y = numbers(1, 2), numbers(5, 7)
        return [step(x, x), step(x, y), step(y, x), step(y, y), step(x, x.detach())]

    same(script)


def test_two_tensors_of_one_array_have_gradients_of_their_own(nothing_said):
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


def test_options_are_told_apart_by_type_and_by_every_bit(nothing_said):
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


def test_a_name_is_not_a_dict(nothing_said):
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


# results


class Pair:
    def __init__(self, first):
        self.first = first


@pytest.mark.parametrize("pack", [Pair, lambda x: {1: Pair(x)}, lambda x: x.detach().numpy(), lambda x: [{x}]])
def test_an_object_that_a_replay_could_not_make_anew_is_said(pack):
    step = engine.capture(lambda x: pack(x * 2))
    with said("it returns a|numpy"):
        first = step(numbers(1))
    assert step(numbers(2)) is not first


# gradients


def weights(capture):
    """A parameter, its optimizer, and backward() and step() captured apart."""
    w = nn.Parameter(numbers(1, 2))
    optimizer = engine.optim.SGD([w], lr=0.1)

    def compute(x):
        optimizer.zero_grad()
        (w * x).sum().backward()

    return w, optimizer, capture(compute), capture(optimizer.step)


def test_a_gradient_that_is_read_before_it_is_forgotten_is_that_of_the_last_call(nothing_said):
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
def test_an_optimizer_apart_follows_the_gradients_of_every_batch_size(nothing_said, sizes):
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


def test_clipping_between_the_two_is_seen(nothing_said):
    def script(capture):
        w, _, compute, update = weights(capture)
        for i in range(4):
            compute(numbers(i, 3))
            nn.utils.clip_grad_norm_([w], 0.5)
            update()
        return [w, w.grad]

    same(script)


def test_clipping_inside_changes_the_gradient_that_is_there(nothing_said):
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


def test_steps_that_never_forget_their_gradients_add_them_up(nothing_said):
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
def test_a_gradient_that_somebody_holds_stays_as_it_is(nothing_said, hold):
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


def test_two_equal_gradients_do_not_lie_in_one_place(nothing_said):
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


def test_a_constant_gradient_can_be_changed(nothing_said):
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


def test_zeros_in_place_of_no_gradient_are_filled(nothing_said):
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


def test_a_group_that_is_added_learns(nothing_said):
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


def test_a_gradient_for_a_parameter_that_had_none_is_used(nothing_said):
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


def test_a_dict_of_modules_that_no_module_holds_is_noticed_too(nothing_said):
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
def test_a_module_that_is_changed_in_place_is_another(nothing_said, change):
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
def test_a_row_that_no_module_holds_is_noticed_too(nothing_said, use):
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


def test_the_default_dtype_is_followed(nothing_said):
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
