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
