"""Scripts put together at random, of steps and of what happens between them: captured they lead where they did."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine
import engine.nn as nn
from engine.errors import CaptureWarning

pytest.importorskip("llvmlite")


def numbers(*values):
    return engine.tensor([float(v) for v in values])


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.weight = nn.Parameter(numbers(factor, 1.0))

    def forward(self, x):
        return x * self.weight


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers, self.shift, self.gain = nn.ModuleList([Scale(0.5), Scale(1.5)]), [0.25], 1.0

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return (x + self.shift[0]) * self.gain


class World:
    """All that a script has: a network, its optimizer, a tensor beside it, and what it has held on to."""

    def __init__(self):
        self.net, self.average, self.held = Net(), numbers(0, 0), []
        self.optimizer = engine.optim.SGD(self.net.parameters(), lr=0.1)
        self.others = [numbers(1, 2), numbers(3, -1)]


STATEMENTS = {
    "look at the old gradient": lambda world, it: it.update(old=_sum_of_gradients(world)),
    "forget": lambda world, it: world.optimizer.zero_grad(),
    "zeros": lambda world, it: world.optimizer.zero_grad(set_to_none=False),
    "backward": lambda world, it: it["y"].sum().backward(),
    "clip": lambda world, it: nn.utils.clip_grad_value_(world.net.parameters(), 0.75),
    "update": lambda world, it: world.optimizer.step(),
    "average": lambda world, it: world.average.mul_(0.5).add_(it["y"].detach()),
    "total": lambda world, it: it.update(total=_counted(it["y"].detach())),
}


def _sum_of_gradients(world):
    found = [p.grad.detach() * 2 for p in world.net.parameters() if p.grad is not None]
    return sum(found[1:], found[0]) if found else numbers(0, 0)


def _counted(y):
    total = engine.zeros(2)
    total += y
    return total


def step_of(world, statements):
    def step(x, z, option):
        it = {"y": world.net(x) + z * option if option != 5 else world.net(x) - z}
        for name in statements:
            with engine.set_grad_enabled(name == "backward"):
                STATEMENTS[name](world, it)
        return it["y"].detach(), it.get("old"), [it.get("total"), type(option) is bool]

    return step


EVENTS = {
    "nothing": lambda world: None,
    "append": lambda world: world.net.layers.append(Scale(1.25)),
    "pop": lambda world: world.net.layers.pop() if len(world.net.layers) > 1 else None,
    "shift": lambda world: world.net.shift.__setitem__(0, world.net.shift[0] + 1),
    "gain": lambda world: setattr(world.net, "gain", -world.net.gain),
    "replace": lambda world: setattr(world.net.layers[0], "weight", nn.Parameter(numbers(2, 2))),
    "hook": lambda world: world.net.register_forward_hook(lambda module, inputs, output: output * 0.5),
    "unhook": lambda world: world.net._forward_hooks.clear(),
    "freeze": lambda world: world.net.layers[0].requires_grad_(not world.net.layers[0].weight.requires_grad),
    "hold": lambda world: world.held.extend(p.grad for p in world.net.parameters()),
    "forget": lambda world: world.net.zero_grad(),
    "rate": lambda world: world.optimizer.param_groups[0].update(lr=0.02),
    "momentum": lambda world: world.optimizer.param_groups[0].update(momentum=0.5),
    "learn": lambda world: (
        world.optimizer.add_param_group({"params": _unlearned(world)}) if _unlearned(world) else None
    ),
    "change": lambda world: world.net.layers[0].weight.data.mul_(0.5),
}


def _unlearned(world):
    known = {id(p) for group in world.optimizer.param_groups for p in group["params"]}
    return [p for p in world.net.parameters() if id(p) not in known]


ARGUMENTS = {
    "two": lambda world: world.others,
    "turned": lambda world: world.others[::-1],
    "one": lambda world: [world.others[0]] * 2,
    "a part": lambda world: [world.others[0], world.others[0][:]],
    "from outside": lambda world: [world.others[0], world.average],
    "a weight": lambda world: [world.others[0], world.net.layers[0].weight.detach()],
}


def found(script, statements, capture):
    """What every step returned and left, as arrays."""
    world, results = World(), []
    step = capture(step_of(world, statements))
    for event, arguments, option in script:
        EVENTS[event](world)
        try:
            results.append(step(*ARGUMENTS[arguments](world), option))
        except engine.errors.EngineError as error:
            results.append(type(error).__name__)
        results.append([world.average.clone(), [p.detach().clone() for p in world.net.parameters()]])
        results.append([p.grad.clone() if keeps(statements, p) else None for p in world.net.parameters()])
    return list(flat([results, world.held]))


def keeps(statements, parameter):
    """Whether the gradient is there, and not one that an optimizer in the step has used up."""
    return parameter.grad is not None and "update" not in statements


def flat(tree):
    if isinstance(tree, list | tuple):
        for part in tree:
            yield from flat(part)
    else:
        yield tree.detach().numpy() if isinstance(tree, engine.Tensor) else tree


calls = st.tuples(
    st.one_of(st.just("nothing"), st.sampled_from(list(EVENTS))),
    st.one_of(st.just("two"), st.sampled_from(list(ARGUMENTS))),
    st.sampled_from([1, 1.0, True, 0.5, 5]),
)
bodies = st.lists(st.sampled_from(list(STATEMENTS)), max_size=5)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(script=st.lists(calls, min_size=4, max_size=8), statements=bodies)
def test_a_script_put_together_at_random_leads_where_it_did(script, statements):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CaptureWarning)
        expected = found(script, statements, lambda step: step)
        got = found(script, statements, engine.capture)
    assert len(got) == len(expected)
    for value, plain in zip(got, expected):
        if isinstance(plain, np.ndarray):
            np.testing.assert_allclose(value, plain, rtol=1e-4, atol=1e-6)
        else:
            assert (type(value), value) == (type(plain), plain)
