"""Module's bookkeeping against PyTorch's: the same story told to both leaves the same traces."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402

LIBRARIES = [torch, engine]


def shared(library):
    """A network with a shared weight, buffers of both kinds and layers in a list."""
    nn = library.nn

    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.rows = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3, bias=False)])
            self.rows[1].weight = self.rows[0].weight
            self.scale = nn.Parameter(library.ones(1))
            self.off = None
            self.register_parameter("none", None)
            self.register_buffer("seen", library.zeros(1))
            self.register_buffer("passing", library.zeros(1), persistent=False)
            self.again = self.rows[0]
            self.rows.append(nn.BatchNorm1d(3))

        def forward(self, x):
            for row in self.rows:
                x = row(x)
            return x * self.scale

    return Shared()


def told(story):
    """What the story says of PyTorch and of the engine."""
    theirs, ours = (story(library, shared(library)) for library in LIBRARIES)
    return ours, theirs


STORIES = {
    "named parameters": lambda library, m: [name for name, _ in m.named_parameters()],
    "with duplicates": lambda library, m: [name for name, _ in m.named_parameters(remove_duplicate=False)],
    "own parameters": lambda library, m: [name for name, _ in m.named_parameters("net", recurse=False)],
    "named buffers": lambda library, m: [name for name, _ in m.named_buffers()],
    "named modules": lambda library, m: [(name, type(inner).__name__) for name, inner in m.named_modules(prefix="net")],
    "named children": lambda library, m: [name for name, _ in m.named_children()],
    "state dict": lambda library, m: list(m.state_dict(prefix="net.")),
    "repr": lambda library, m: repr(m),
    "frozen": lambda library, m: [p.requires_grad for p in m.rows.requires_grad_(False).parameters()],
    "modes": lambda library, m: [inner.training for inner in m.eval().rows[2:].train().modules()],
    "deepcopy": lambda library, m: [name for name, _ in copy.deepcopy(m).named_parameters()],
    "double": lambda library, m: [str(v.dtype).split(".")[-1] for v in m.double().state_dict().values()],
    "half": lambda library, m: [str(v.dtype).split(".")[-1] for v in m.half().state_dict().values()],
    "not strict": lambda library, m: tuple(
        # without the count PyTorch takes the dict for one of its early versions, and forgives its absence
        m.load_state_dict({"scale": library.ones(1), "x": 1, "rows.2.num_batches_tracked": library.tensor(0)}, False)
    ),
    "deleted": lambda library, m: (delattr(m, "rows"), delattr(m, "seen"), list(m.state_dict())),
}


@pytest.mark.parametrize("story", STORIES)
def test_bookkeeping_agrees(story):
    ours, theirs = told(STORIES[story])
    assert ours == theirs


class Versioned:
    """A mixin with a state that is no tensor."""

    version = 1

    def get_extra_state(self):
        return {"version": self.version}

    def set_extra_state(self, state):
        self.version = state["version"]


def versioned(library):
    cls = type("Versioned", (Versioned, library.nn.Linear), {})
    net = library.nn.Sequential(cls(2, 2), library.nn.Linear(2, 1))
    net[0].version = 7
    return net


def extra_state(library):
    net, other = versioned(library), versioned(library)
    other[0].version = 0
    state = net.state_dict()
    told = other.load_state_dict(state)
    del state["0._extra_state"]
    return list(state), other[0].version, tuple(told), tuple(other.load_state_dict(state, strict=False))


def state_hooks(library, m):
    """What hooks around saving and loading see, in order."""
    log = []
    rows = m.rows
    hooks = [
        m.register_state_dict_pre_hook(lambda module, prefix, keep: log.append(("before", prefix, keep))),
        rows.register_state_dict_post_hook(
            lambda module, state, prefix, meta: log.append(("after", prefix, list(state)))
        ),
        m.register_state_dict_post_hook(lambda module, state, prefix, meta: state.__delitem__(f"{prefix}scale")),
    ]
    log.append(list(m.state_dict(prefix="net.", keep_vars=True)))
    for hook in hooks:
        hook.remove()
    log.append(list(m.state_dict()))
    return log


def loading_hooks(library, m):
    log = []

    def rename(module, state, prefix, meta, strict, missing, unexpected, errors):
        log.append((type(module).__name__, sorted(state), prefix, strict, missing, unexpected, errors))
        state[f"{prefix}scale"] = state.pop(f"{prefix}gain")

    def forgive(module, keys):
        log.append((type(module).__name__, tuple(map(list, keys))))
        keys.missing_keys.clear()

    m.register_load_state_dict_pre_hook(rename)
    m.register_load_state_dict_post_hook(forgive)
    m.rows.register_load_state_dict_post_hook(lambda module, keys: log.append(type(module).__name__))
    given = {"gain": library.full((1,), 5.0), "rows.2.num_batches_tracked": library.tensor(0)}
    log.append(tuple(m.load_state_dict(given)))
    return [*log, m.scale.item(), list(given)]


def replaced(library, m):
    nn = library.nn
    m.set_submodule("rows.1", nn.Tanh())
    m.set_submodule("again", nn.ReLU(), strict=True)
    m.set_submodule("fresh", nn.Identity())
    m.rows.set_submodule("0", nn.Sequential(nn.Linear(3, 3)))
    m.set_submodule("rows.0.0", nn.Sigmoid())
    return repr(m)


def called_in_any_case(library, m):
    log = []
    m.register_forward_hook(lambda module, inputs, output: log.append("never"))
    m.register_forward_hook(lambda module, inputs, output: log.append(("plain", output)), always_call=True)
    m.register_forward_hook(
        lambda module, inputs, named, output: log.append((named, output)),
        always_call=True,
        with_kwargs=True,
        prepend=True,
    )
    for x in (None, "x"):
        with pytest.raises((TypeError, AttributeError)):
            m(x)
    return log


def typed(library, m):
    m = m.type(library.float64)
    return [str(v.dtype).split(".")[-1] for v in m.state_dict().values()]


def buffered(library, m):
    m.gauge = library.nn.Buffer(library.ones(2))
    m.passing = library.nn.Buffer(library.zeros(3), persistent=False)
    m.gone = library.nn.Buffer(library.zeros(1), persistent=False)
    m.seen = library.ones(4)
    del m.gone
    return list(m.state_dict()), [(name, tuple(b.shape)) for name, b in m.named_buffers()], hasattr(m, "gone")


MORE = {"buffers": buffered, "extra state": lambda library, m: extra_state(library), "state hooks": state_hooks,
        "loading hooks": loading_hooks, "replaced": replaced, "called in any case": called_in_any_case,
        "typed": typed}  # fmt: skip


@pytest.mark.parametrize("story", MORE)
def test_states_and_parts_change_as_pytorchs_do(story):
    ours, theirs = told(MORE[story])
    assert ours == theirs


@pytest.mark.parametrize("replacement", ["none", "another"])
def test_hooks_before_backward_see_and_replace_the_gradient_of_the_output(replacement):
    def story(library, model):
        log = []
        layer, scale = library.nn.Linear(3, 2), library.tensor([1.0, -1.0, 2.0], requires_grad=True)
        with library.no_grad():
            layer.weight.copy_(library.arange(6.0).reshape(2, 3))
            layer.bias.zero_()

        def before(module, grads):
            log.append([g.tolist() for g in grads])
            return (grads[0] * 2 + 1,) if replacement == "another" else None

        layer.register_full_backward_hook(lambda m, into, of: log.append([g.tolist() for g in (*into, *of)]))
        layer.register_full_backward_pre_hook(before)
        layer.register_full_backward_pre_hook(lambda m, grads: log.append("first"), prepend=True)
        for _ in range(2):
            layer(library.ones(4, 3) * scale).sum(1).square().sum().backward()
        return log, layer.weight.grad.tolist(), scale.grad.tolist()

    ours, theirs = told(story)
    assert ours == theirs


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_hooks_of_nested_modules_run_in_pytorchs_order_with_its_gradients():
    def story(library, model):
        log = []

        def numbers(values):
            return [None if v is None else np.round(v.detach().numpy(), 5).tolist() for v in values]

        for name, module in model.named_modules():
            module.register_forward_pre_hook(lambda m, inputs, name=name: log.append((name, "before")))
            module.register_forward_hook(lambda m, inputs, output, name=name: log.append((name, "after")))
            if name != "rows":
                module.register_full_backward_hook(
                    lambda m, grad_in, grad_out, name=name: log.append((name, numbers(grad_in), numbers(grad_out)))
                )
        with library.no_grad():
            for i, p in enumerate(model.parameters()):
                p.copy_(library.from_numpy(np.cos(np.arange(p.numel(), dtype=np.float32) + i).reshape(tuple(p.shape))))
        x = library.from_numpy(np.sin(np.arange(12, dtype=np.float32)).reshape(4, 3))
        (model(x) ** 2).sum().backward()
        return log

    ours, theirs = told(story)
    assert [entry[:1] + (entry[1:] if isinstance(entry[1], str) else ()) for entry in ours] == [
        entry[:1] + (entry[1:] if isinstance(entry[1], str) else ()) for entry in theirs
    ]
    gradients = [(a[1:], b[1:]) for a, b in zip(ours, theirs, strict=True) if not isinstance(a[1], str)]
    assert len(gradients) == 4
    for mine, other in gradients:
        for a, b in zip([*mine[0], *mine[1]], [*other[0], *other[1]], strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(a, b, atol=3e-5)


@pytest.mark.parametrize(
    "fault",
    [
        lambda library, m: m.load_state_dict({}),
        lambda library, m: m.load_state_dict({"scale": library.ones(2)}, strict=False),
        lambda library, m: m.register_buffer("scale", library.ones(1)),
        lambda library, m: m.register_parameter("a.b", None),
        lambda library, m: m.add_module("", None),
        lambda library, m: m.register_parameter("p", library.ones(1)),
        lambda library, m: setattr(m, "scale", library.ones(1)),
        lambda library, m: setattr(m, "again", 3),
        lambda library, m: setattr(m, "seen", 3),
        lambda library, m: m.missing,
        lambda library, m: m.get_submodule("rows.7"),
        lambda library, m: m.set_submodule("", m),
        lambda library, m: m.set_submodule("nobody.0", m.again),
        lambda library, m: m.set_submodule("nobody", m.again, strict=True),
        lambda library, m: m.set_submodule("scale", m.again),
        lambda library, m: m.set_submodule("again", 3),
        lambda library, m: m.get_extra_state(),
        lambda library, m: m.set_extra_state({}),
        lambda library, m: m.rows[7],
        lambda library, m: m.rows(1),
        lambda library, m: m.train("yes"),
        lambda library, m: library.optim.SGD([]),
        lambda library, m: library.optim.SGD(m.scale),
        lambda library, m: library.optim.SGD([3.0]),
        lambda library, m: library.nn.Dropout(2.0),
        lambda library, m: library.nn.Conv2d(3, 2, 1, groups=2),
        lambda library, m: library.nn.Conv2d(2, 2, 3, padding="same", stride=2),
        lambda library, m: library.nn.BatchNorm2d(3)(library.ones(2, 3)),
        lambda library, m: library.nn.BatchNorm1d(3)(library.ones(1, 3)),
    ],
)
def test_what_pytorch_refuses_is_refused_with_the_same_kind_of_error(fault):
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        fault(torch, shared(torch))
    kinds = tuple(k for k in (AttributeError, TypeError, KeyError, IndexError, NotImplementedError, ValueError,
                              RuntimeError) if isinstance(theirs.value, k))  # fmt: skip
    with pytest.raises(kinds[:1]):
        fault(engine, shared(engine))
