"""Every layer and loss that both have, with any options and any shapes: what each makes of them is the same.

LAYERLOOM_EXAMPLES says how many examples are drawn of each.
"""

from __future__ import annotations

import inspect
import os
import random
import typing
import warnings
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import engine  # noqa: E402
from engine import nn  # noqa: E402
from tests.parity import drawing_layers, drawing_losses, drawing_networks  # noqa: E402, F401  (they fill the table)
from tests.parity.comparing_layers import TOLERANCE, arguments, both, close, flat  # noqa: E402
from tests.parity.drawing import ENTRIES, Draw  # noqa: E402

EXAMPLES = int(os.environ.get("LAYERLOOM_EXAMPLES", "10"))
REFUSALS = (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError, AssertionError)
few = settings(max_examples=EXAMPLES, deadline=None, derandomize="LAYERLOOM_EXAMPLES" not in os.environ, database=None,
               suppress_health_check=list(HealthCheck))  # fmt: skip

BASES = {"Module", "RNNBase", "RNNCellBase"}
HOLDERS = {"Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"}  # test_nn_module.py
SHARED = sorted(
    name for name in dir(nn)
    if inspect.isclass(getattr(nn, name)) and issubclass(getattr(nn, name), nn.Module) and hasattr(torch.nn, name)
    and name not in BASES | HOLDERS and not name.startswith("Lazy")  # test_nn_lazy.py
)  # fmt: skip
NOT_DRAWN = {"device", "dtype", "sparse", "_weight", "_freeze", "custom_encoder", "custom_decoder", "encoder_layer",
             "decoder_layer", "norm", "min_value", "max_value", "args", "kwargs"}  # fmt: skip
"""Options that tests of their own show, or that say how the values are stored."""


def test_each_layer_and_loss_has_an_entry():
    assert sorted(name for name in ENTRIES if name in SHARED) == SHARED
    assert [name for name in ENTRIES if not hasattr(torch.nn, name)] == []


@pytest.mark.parametrize("name", SHARED)
def test_names_order_and_defaults_of_its_options_are_pytorchs(name):
    constructor = getattr(torch.nn, name).__init__
    named = next(iter(typing.get_overloads(constructor)), constructor)  # recurrent layers take *args
    theirs, ours = arguments(named), arguments(getattr(nn, name).__init__)
    if name.startswith("Transformer") and name.endswith(("Layer", "former")):  # a function of their own as default
        theirs, ours = ([(n, "relu" if n == "activation" else d) for n, d in some] for some in (theirs, ours))
    assert ours == theirs


@pytest.mark.parametrize("name", SHARED)
def test_every_option_and_every_size_is_drawn(name):
    options, sizes = set(), set()
    draw = random.Random(0)
    for _ in range(100):
        drawn = ENTRIES[name](Draw(draw.randint), name)
        options.update(drawn.options)
        sizes.update(n for x in drawn.inputs if isinstance(x, np.ndarray) for n in x.shape)
    wanted = {n for n, _ in arguments(getattr(torch.nn, name))} - NOT_DRAWN
    assert wanted <= options
    assert 1 in sizes
    assert max(sizes) > 1


def converted(drawn, dtype):
    """Arrays of the dtype, whole numbers and masks as they are."""

    def convert(value):
        if isinstance(value, tuple):
            return tuple(map(convert, value))
        return value.astype(dtype) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value

    return tuple(map(convert, drawn.inputs)), {n: convert(v) for n, v in drawn.named.items()}


def made(library, name, drawn, dtype):
    """The layer in one library, of that dtype from the start where it takes one."""
    wrap = torch.from_numpy if library is torch else engine.from_numpy
    kind = getattr(library, dtype)
    options = {n: wrap(v.astype(dtype)) if isinstance(v, np.ndarray) else v for n, v in drawn.options.items()}
    cls = getattr(library.nn, name)
    if drawn.make is not None:
        return drawn.make(library.nn, dtype=kind, **options)
    if "dtype" in inspect.signature(getattr(torch.nn, name)).parameters or name in ("RNN", "LSTM", "GRU"):
        return cls(**options, dtype=kind)
    return cls(**options).to(kind)


def attempt(call):
    """(result, None) or (None, the refusal)"""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of infinities, of batches without a sample, of old options
            return call(), None
    except REFUSALS as refusal:
        return None, refusal


def attempt_both(theirs, ours):
    """Both results; None where both refuse, ours in a sentence of its own."""
    (expected, refusal), (got, fault) = attempt(theirs), attempt(ours)
    if refusal is not None:
        assert fault is not None, f"PyTorch refuses: {refusal}"
        assert isinstance(fault, engine.errors.EngineError), repr(fault)
        return None
    if fault is not None:
        raise AssertionError("PyTorch takes it") from fault
    return expected, got


def share_values(theirs, ours, rng):
    """Random values for all that is learned, the same in both."""
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.from_numpy(rng.standard_normal(tuple(parameter.shape)) * 0.5))
    ours.load_state_dict({key: engine.from_numpy(value.numpy().copy()) for key, value in theirs.state_dict().items()})


def same_face(theirs, ours):
    """repr, state dict and names of parameters."""
    assert repr(ours) == repr(theirs)
    described = {key: (tuple(value.shape), str(value.dtype)[6:]) for key, value in theirs.state_dict().items()}
    assert {k: (tuple(v.shape), str(v.numpy().dtype)) for k, v in ours.state_dict().items()} == described
    assert list(ours.state_dict()) == list(described)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert [n for n, _ in ours.named_buffers()] == [n for n, _ in theirs.named_buffers()]


def pairs_of(values, leaves=99):
    """Tuples of arrays as tuples of tensors, in both libraries: (theirs, ours, the leaves in pairs)"""
    if isinstance(values, tuple):
        parts = [pairs_of(value, leaves - place) for place, value in enumerate(values)]
        return tuple(p[0] for p in parts), tuple(p[1] for p in parts), [leaf for p in parts for leaf in p[2]]
    theirs, ours = both(values)
    if leaves < 1 and isinstance(theirs, torch.Tensor):
        return theirs.detach(), ours.detach(), []
    return theirs, ours, [(theirs, ours)] if isinstance(theirs, torch.Tensor) and theirs.requires_grad else []


def slopes_backward(results, rng):
    """Backward from all results at once, each with a random slope."""
    for mine, other in results:
        if other.requires_grad:
            slope = rng.standard_normal(tuple(other.shape)).astype(other.detach().numpy().dtype)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                other.backward(torch.from_numpy(np.asarray(slope)), retain_graph=True)
                mine.backward(engine.from_numpy(np.asarray(slope)), retain_graph=True)


def same_gradient(mine, other, what, tolerance, scale=1.0):
    assert (mine is None) == (other is None), what
    if other is not None:
        close(mine, other, what, scale=scale, tolerance=tolerance)


def compare_call(theirs, ours, drawn, dtype, rng):
    """One call in both: results, gradients of inputs and parameters, buffers. False where both refuse."""
    tolerance = TOLERANCE[dtype] * drawn.tolerance
    inputs, named = converted(drawn, dtype)
    their_inputs, our_inputs, leaves = pairs_of(inputs, drawn.leaves)
    their_named, our_named = ({n: both(v)[side] for n, v in named.items()} for side in (0, 1))
    found = attempt_both(lambda: drawn.around(theirs, *their_inputs, **their_named),
                         lambda: drawn.around(ours, *our_inputs, **our_named))  # fmt: skip
    if found is None:
        return False
    expected, got = map(flat, found)
    assert len(got) == len(expected)
    for i, (mine, other) in enumerate(zip(got, expected)):
        close(mine, other, f"result {i}", scale=1.0, tolerance=tolerance)
        assert mine.requires_grad == other.requires_grad, f"result {i}"
    theirs.zero_grad()
    ours.zero_grad()
    slopes_backward(zip(got, expected), rng)
    for i, (other, mine) in enumerate(leaves):
        same_gradient(mine.grad, other.grad, f"gradient of input {i}", tolerance)
    largest = max((float(p.grad.abs().max()) for p in theirs.parameters() if p.grad is not None and p.numel()),
                  default=1.0)  # fmt: skip
    for (name, other), mine in zip(theirs.named_parameters(), ours.parameters(), strict=True):
        same_gradient(mine.grad, other.grad, f"gradient of {name}", tolerance, max(largest, 1.0))
    for (name, other), mine in zip(theirs.named_buffers(), ours.buffers(), strict=True):
        close(mine, other, name, scale=1.0, tolerance=tolerance)
    return True


def refused_by_both(theirs, ours, drawn, dtype):
    """Whoever made the layer refuses the first call: PyTorch looks at some options only then, the engine at others."""
    inputs, named = converted(drawn, dtype)
    for side, layer in enumerate((theirs, ours)):
        if not isinstance(layer, Exception):
            wrapped = {n: both(v)[side] for n, v in named.items()}
            call = partial(drawn.around, layer, *pairs_of(inputs)[side], **wrapped)
            assert attempt(call)[1] is not None, f"only one refuses: {theirs if side else ours}"
    if isinstance(ours, Exception):
        assert isinstance(ours, engine.errors.EngineError), repr(ours)


def compare(name, draw, dtype):
    """One layer as it is drawn, in both libraries: made, called in each mode, and held against each other."""
    drawn = ENTRIES[name](draw, name)
    (theirs, refusal), (ours, fault) = (attempt(lambda t=t: made(t, name, drawn, dtype)) for t in (torch, engine))
    if refusal or fault:
        refused_by_both(theirs or refusal, ours or fault, drawn, dtype)
        return
    same_face(theirs, ours)
    rng = np.random.default_rng(7)
    share_values(theirs, ours, rng)
    for mode in drawn.modes:
        theirs.train(mode == "train")
        ours.train(mode == "train")
        if not compare_call(theirs, ours, drawn, dtype, rng):
            return


@pytest.mark.parametrize("name", SHARED)
@few
@given(data=st.data(), dtype=st.sampled_from(["float32", "float64"]))
def test_results_gradients_buffers_and_refusals_agree(name, data, dtype):
    compare(name, Draw(lambda low, high: data.draw(st.integers(low, high))), dtype)
