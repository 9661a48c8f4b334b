"""Module: what it finds in itself, what it saves, how it is called and how it reads."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import engine
from engine import nn
from engine.errors import EngineError


class Twin(nn.Module):
    """Two layers that share a weight, a buffer that is saved and one that is not."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3, bias=False)
        self.second = nn.Linear(3, 3, bias=False)
        self.second.weight = self.first.weight
        self.scale = nn.Parameter(engine.ones(1))
        self.register_buffer("seen", engine.zeros(2))
        self.register_buffer("cache", engine.zeros(4), persistent=False)

    def forward(self, x):
        return self.second(self.first(x)) * self.scale


def network():
    return nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))


def test_parameters_come_in_order_of_assignment_and_shared_ones_once():
    twin = Twin()
    assert [name for name, _ in twin.named_parameters()] == ["scale", "first.weight"]
    assert [name for name, _ in twin.named_parameters(remove_duplicate=False)] == [
        "scale",
        "first.weight",
        "second.weight",
    ]
    assert [name for name, _ in twin.named_buffers()] == ["seen", "cache"]
    assert len(list(twin.parameters(recurse=False))) == 1


def test_state_dict_holds_shared_parameters_under_both_names_and_no_passing_buffer():
    assert list(Twin().state_dict()) == ["scale", "seen", "first.weight", "second.weight"]


def test_state_dict_shares_its_values_with_the_module():
    layer = nn.Linear(2, 1)
    state = layer.state_dict()
    state["bias"].zero_()
    assert layer.bias.tolist() == [0.0]
    assert not state["bias"].requires_grad
    assert layer.state_dict(keep_vars=True)["bias"] is layer.bias


def test_load_state_dict_brings_back_every_value():
    one, other = network(), network()
    one[1].running_mean.fill_(3.0)
    assert repr(other.load_state_dict(one.state_dict())) == "<All keys matched successfully>"
    for key, value in one.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[key].numpy(), value.numpy())


def test_load_state_dict_says_every_mismatch_in_one_message_and_changes_nothing():
    layer = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1))
    before = {key: value.numpy().copy() for key, value in layer.state_dict().items()}
    state = layer.state_dict()
    state = {"0.weight": engine.zeros(2, 4), "0.bias": engine.zeros(4), "extra": state["1.bias"]}
    with pytest.raises(EngineError) as fault:
        layer.load_state_dict(state)
    for word in ("'1.weight'", "'1.bias'", "'extra'", "'0.weight'", "(2, 4)", "(4, 2)", "Sequential"):
        assert word in str(fault.value)
    for key, value in layer.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key])


def test_load_state_dict_not_strict_tells_what_is_missing_and_unexpected():
    layer = nn.Linear(2, 1)
    result = layer.load_state_dict({"bias": engine.ones(1), "more": engine.ones(1)}, strict=False)
    assert result.missing_keys == ["weight"]
    assert result.unexpected_keys == ["more"]
    assert layer.bias.tolist() == [1.0]


def test_load_state_dict_with_assign_takes_the_given_tensors():
    with engine.device("meta"):
        layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": engine.ones(1, 2), "bias": engine.zeros(1)}, assign=True)
    assert layer(engine.ones(1, 2)).tolist() == [[2.0]]
    assert layer.weight.requires_grad


def test_train_and_eval_reach_every_module():
    model = network()
    assert all(not module.training for module in model.eval().modules())
    assert all(module.training for module in model.train().modules())


def test_a_forgotten_super_init_is_named():
    class Forgetful(nn.Module):
        def __init__(self):
            self.linear = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"Forgetful: its base class was not set up.*super\(\).__init__\(\)"):
        Forgetful()


def test_calling_a_module_without_super_init_is_named():
    class Bare(nn.Module):
        def __init__(self):
            pass

    with pytest.raises(AttributeError, match=r"begin Bare.__init__ with super\(\).__init__\(\)"):
        Bare()(1)


def test_a_missing_attribute_reads_like_any_objects():
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'wieght'"):
        _ = nn.Linear(1, 1).wieght


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match=r"Module: it is called and has no forward\(\)"):
        nn.Module()(1)


@pytest.mark.parametrize("name", ["", "a.b"])
def test_names_have_letters_and_no_dot(name):
    with pytest.raises(KeyError):
        nn.Module().register_buffer(name, engine.zeros(1))


def test_a_name_that_is_taken_is_refused():
    layer = nn.Linear(1, 1)
    with pytest.raises(KeyError, match="extra_repr"):
        layer.register_parameter("extra_repr", nn.Parameter(engine.zeros(1)))


def test_a_parameter_is_not_replaced_by_a_plain_tensor():
    layer = nn.Linear(1, 1)
    with pytest.raises(TypeError, match=r"Linear\.weight: Tensor is assigned to a parameter"):
        layer.weight = engine.zeros(1, 1)
    layer.bias = None
    assert list(layer.state_dict()) == ["weight"]


def test_a_name_moves_from_plain_attribute_to_parameter():
    module = nn.Module()
    module.thing = 3
    module.thing = nn.Parameter(engine.ones(1))
    assert [name for name, _ in module.named_parameters()] == ["thing"]
    del module.thing
    assert not hasattr(module, "thing")


def test_get_submodule_follows_dots_and_says_what_is_missing():
    model = nn.Sequential(nn.Sequential(nn.Linear(1, 2)))
    assert model.get_submodule("0.0").out_features == 2
    assert model.get_submodule("") is model
    assert model.get_parameter("0.0.bias") is model[0][0].bias
    with pytest.raises(AttributeError, match="no module 'x'"):
        model.get_submodule("0.x")


def test_apply_visits_children_before_parents():
    seen = []
    network().apply(lambda module: seen.append(type(module).__name__))
    assert seen == ["Linear", "BatchNorm1d", "ReLU", "Linear", "Sequential"]


def test_requires_grad_freezes_and_zero_grad_forgets():
    model = network()
    model(engine.randn(8, 2)).sum().backward()
    assert model[0].weight.grad is not None
    model.zero_grad(set_to_none=False)
    assert float(model[0].weight.grad.abs().sum()) == 0.0
    model.zero_grad()
    assert model[0].weight.grad is None
    model.requires_grad_(False)
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_double_and_float_change_floating_point_only_and_keep_the_parameter_objects():
    model = network()
    weight = model[0].weight
    model.double()
    assert model[0].weight is weight
    assert weight.dtype == engine.float64
    assert model[1].running_var.dtype == engine.float64
    assert model[1].num_batches_tracked.dtype == engine.int64
    assert model(engine.randn(4, 2, dtype=engine.float64)).dtype == engine.float64
    model.float()
    assert weight.dtype == engine.float32
    model.to(engine.float64)
    assert weight.dtype == engine.float64
    assert model[1].num_batches_tracked.dtype == engine.int64
    assert weight.is_leaf
    assert weight.requires_grad


def test_a_module_made_on_meta_has_shapes_and_no_values():
    with engine.device("meta"):
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        out = model(engine.empty(5, 3, 10, 10))
    assert tuple(out.shape) == (5, 8 * 4 * 4)
    assert out.device.type == "meta"
    state = engine.get_rng_state()
    with engine.device("meta"):
        nn.Linear(10_000_000, 1_000)  # 40 GB, were there values
    assert engine.get_rng_state() == state


def test_a_module_made_on_meta_can_be_given_room_and_values():
    with engine.device("meta"):
        layer = nn.Linear(3, 2)
    layer.to_empty(device="cpu").reset_parameters()
    assert tuple(layer(engine.zeros(1, 3)).shape) == (1, 2)


def test_deepcopy_is_independent_and_keeps_parameters_parameters():
    twin = Twin()
    other = copy.deepcopy(twin)
    assert other.first.weight is other.second.weight
    assert other.first.weight is not twin.first.weight
    assert isinstance(other.scale, nn.Parameter)
    with engine.no_grad():
        other.scale.fill_(7.0)
    assert twin.scale.tolist() == [1.0]


def test_forward_hooks_see_and_replace_input_and_output():
    layer = nn.Identity()
    seen = []
    with (
        layer.register_forward_pre_hook(lambda module, inputs: (inputs[0] + 1,)),
        layer.register_forward_hook(lambda module, inputs, output: seen.append((inputs[0].item(), output.item()))),
        layer.register_forward_hook(lambda module, inputs, output: output * 10),
    ):
        assert layer(engine.tensor(1.0)).item() == 20.0
    assert seen == [(2.0, 2.0)]
    assert layer(engine.tensor(1.0)).item() == 1.0


def test_hooks_run_in_order_and_prepend_comes_first():
    layer = nn.Identity()
    seen = []
    layer.register_forward_hook(lambda *call: seen.append("one"))
    layer.register_forward_hook(lambda *call: seen.append("two"))
    layer.register_forward_hook(lambda *call: seen.append("first"), prepend=True)
    layer(engine.zeros(1))
    assert seen == ["first", "one", "two"]


def test_a_hook_with_kwargs_gets_named_arguments():
    class Scale(nn.Module):
        def forward(self, x, by=1):
            return x * by

    layer = Scale()
    layer.register_forward_pre_hook(lambda module, inputs, named: (inputs, {"by": named["by"] + 1}), with_kwargs=True)
    assert layer(engine.ones(1), by=2).item() == 3.0


def test_full_backward_hook_sees_gradients_of_input_and_output():
    layer = nn.Linear(2, 1, bias=False)
    seen = []
    layer.register_full_backward_hook(lambda module, grad_in, grad_out: seen.append((grad_in, grad_out)))
    x = engine.ones(3, 2, requires_grad=True)
    (layer(x) * 2).sum().backward()
    ((grad_in, grad_out),) = seen
    np.testing.assert_allclose(grad_out[0].numpy(), np.full((3, 1), 2.0))
    np.testing.assert_allclose(grad_in[0].numpy(), 2.0 * np.repeat(layer.weight.detach().numpy(), 3, 0))


def test_full_backward_hook_can_replace_the_gradient_of_the_input():
    layer = nn.Linear(2, 1)
    layer.register_full_backward_hook(lambda module, grad_in, grad_out: (grad_in[0] * 0,))
    x = engine.ones(3, 2, requires_grad=True)
    layer(x).sum().backward()
    assert float(x.grad.abs().sum()) == 0.0
    assert float(layer.weight.grad.abs().sum()) > 0.0


def test_full_backward_hook_without_gradient_of_the_input_gets_none():
    layer = nn.Linear(2, 1)
    seen = []
    layer.register_full_backward_hook(lambda module, grad_in, grad_out: seen.append(grad_in))
    layer(engine.ones(3, 2)).sum().backward()
    assert seen == [(None,)]


def test_sequential_slices_appends_inserts_and_deletes():
    model = network()
    assert [type(m).__name__ for m in model[1:3]] == ["BatchNorm1d", "ReLU"]
    model.append(nn.Sigmoid()).insert(0, nn.Identity())
    assert len(model) == 6
    assert type(model[-1]) is nn.Sigmoid
    assert next(iter(model.state_dict())) == "1.weight"
    del model[0]
    assert next(iter(model.state_dict())) == "0.weight"
    model[2] = nn.Tanh()
    assert type(model[2]) is nn.Tanh
    assert [name for name, _ in model.named_children()] == ["0", "1", "2", "3", "4"]
    with pytest.raises(IndexError):
        model[9]


def test_sequential_takes_names():
    model = nn.Sequential({"fc": nn.Linear(2, 2), "act": nn.ReLU()})
    assert list(model.state_dict()) == ["fc.weight", "fc.bias"]
    assert type(model.act) is nn.ReLU


def test_module_list_holds_grows_and_is_no_layer():
    layers = nn.ModuleList([nn.Linear(1, 1)])
    layers += [nn.Linear(1, 1), nn.ReLU()]
    layers.insert(1, nn.Tanh())
    assert len(layers) == 4
    assert type(layers.pop()) is nn.ReLU
    assert len(list(layers.parameters())) == 4
    assert type(layers[:2]) is nn.ModuleList
    with pytest.raises(NotImplementedError):
        layers(1)


def test_repr_shows_the_tree():
    assert repr(nn.Sequential(nn.Linear(2, 1), nn.Sequential(nn.ReLU()))) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=1, bias=True)\n"
        "  (1): Sequential(\n"
        "    (0): ReLU()\n"
        "  )\n"
        ")"
    )


def test_values_cannot_be_copied_into_a_module_on_meta():
    with engine.device("meta"):
        layer = nn.Linear(2, 1)
    with pytest.raises(EngineError, match=r"'weight' is on meta.*assign=True"):
        layer.load_state_dict(nn.Linear(2, 1).state_dict())


def test_full_backward_hook_with_several_inputs_and_outputs_runs_once_a_walk():
    class Cross(nn.Module):
        def forward(self, a, k, b):
            return a * k * b, a + b

    module, seen = Cross(), []

    def hook(module, grad_in, grad_out):
        seen.append((grad_in, grad_out))
        return grad_in[0] * 10, None, grad_in[2]

    handle = module.register_full_backward_hook(hook)
    a, b = engine.tensor(2.0, requires_grad=True), engine.tensor(5.0, requires_grad=True)
    product, total = module(a, 3, b)
    (product + total * 2).backward(retain_graph=True)
    assert len(seen) == 1
    assert [g if g is None else g.item() for g in seen[0][0]] == [17.0, None, 8.0]
    assert [g.item() for g in seen[0][1]] == [1.0, 2.0]
    assert (a.grad.item(), b.grad.item()) == (170.0, 8.0)
    product.backward()
    assert len(seen) == 2
    handle.remove()
    module(a, 3, b)[0].backward()
    assert len(seen) == 2


def test_parameters_pass_through_a_vector():
    model = network()
    vector = nn.utils.parameters_to_vector(model.parameters())
    other = network()
    nn.utils.vector_to_parameters(vector.detach(), other.parameters())
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(one.detach().numpy(), two.detach().numpy())
