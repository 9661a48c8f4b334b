"""Losses against PyTorch's, with every option: values, gradients of all inputs, dtypes, signatures and defaults."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import engine  # noqa: E402
import engine.nn.functional as F  # noqa: E402
from engine import nn  # noqa: E402

rng = np.random.default_rng(5)


def some(*shape, low=None, high=None):
    return rng.standard_normal(shape) if low is None else rng.uniform(low, high, shape)


VALUES, OTHERS, MORE = some(6, 4), some(6, 4), some(6, 4)
CLASSES = np.array([0, 3, 1, 1, 2, 0])
WEIGHTS = np.array([0.5, 1.0, 2.0, 0.1])
SHARES = rng.dirichlet(np.ones(4), 6)
MAP, MAP_CLASSES = some(2, 3, 4, 5), rng.integers(0, 3, (2, 4, 5))
SWITCHES = (OTHERS > 0).astype(np.float64)
SIGNS = np.where(OTHERS > 0, 1.0, -1.0)
LABELS = np.array([[0, 2, -1, 1], [3, -1, 0, 0], [-1, -1, -1, -1], [0, 1, 2, 3], [1, 1, -1, 0], [2, 0, 3, -1]])
COUNTS = rng.integers(0, 5, (6, 4)).astype(np.float64)
NONE = np.zeros((0, 4))
REDUCTIONS = ("mean", "sum", "none")
OLD = ({"size_average": False}, {"reduce": False}, {"size_average": True, "reduce": True})

CASES = [
    *[("MSELoss", {"reduction": r}, VALUES, OTHERS) for r in REDUCTIONS],
    *[("L1Loss", {"reduction": r}, VALUES, OTHERS) for r in REDUCTIONS],
    *[("CrossEntropyLoss", {"reduction": r}, VALUES, CLASSES) for r in REDUCTIONS],
    *[("CrossEntropyLoss", {"weight": WEIGHTS, "reduction": r}, VALUES, CLASSES) for r in REDUCTIONS],
    ("CrossEntropyLoss", {"ignore_index": 1}, VALUES, CLASSES),
    ("CrossEntropyLoss", {"ignore_index": 1, "weight": WEIGHTS, "label_smoothing": 0.2}, VALUES, CLASSES),
    ("CrossEntropyLoss", {"label_smoothing": 0.1}, VALUES, CLASSES),
    *[("CrossEntropyLoss", {"label_smoothing": 0.1, "weight": WEIGHTS, "reduction": r}, VALUES, SHARES)
      for r in REDUCTIONS],
    ("CrossEntropyLoss", {}, VALUES, SHARES),
    ("CrossEntropyLoss", {}, VALUES[0], np.array(2)),
    ("CrossEntropyLoss", {"label_smoothing": 0.3}, MAP, MAP_CLASSES),
    ("CrossEntropyLoss", {}, VALUES * 1000, CLASSES),
    *[("NLLLoss", {"weight": WEIGHTS, "ignore_index": 1, "reduction": r}, VALUES, CLASSES) for r in REDUCTIONS],
    ("NLLLoss", {}, MAP, MAP_CLASSES),
    ("NLLLoss", {}, VALUES[0], np.array(2)),
    *[("BCELoss", {"reduction": r}, SHARES, SWITCHES) for r in REDUCTIONS],
    ("BCELoss", {"weight": WEIGHTS}, SHARES, SHARES[::-1].copy()),
    *[("BCEWithLogitsLoss", {"reduction": r}, VALUES, SWITCHES) for r in REDUCTIONS],
    ("BCEWithLogitsLoss", {"weight": WEIGHTS, "pos_weight": WEIGHTS[::-1].copy()}, VALUES, SWITCHES),
    ("BCEWithLogitsLoss", {}, VALUES * 1000, SWITCHES),
    *[("SmoothL1Loss", {"beta": b, "reduction": r}, VALUES, OTHERS) for b in (0.0, 0.3, 2.0) for r in REDUCTIONS],
    *[("HuberLoss", {"delta": d, "reduction": r}, VALUES, OTHERS) for d in (0.3, 2.0) for r in REDUCTIONS],
    *[("PoissonNLLLoss", {"log_input": log, "full": full, "reduction": r}, np.abs(VALUES), COUNTS)
      for log in (True, False) for full in (True, False) for r in REDUCTIONS],
    ("PoissonNLLLoss", {"log_input": False, "eps": 0.5}, np.abs(VALUES), COUNTS),
    *[("GaussianNLLLoss", {"full": full, "reduction": r}, VALUES, OTHERS, np.abs(MORE))
      for full in (True, False) for r in REDUCTIONS],
    ("GaussianNLLLoss", {}, VALUES, OTHERS, np.abs(MORE[:, :1])),
    ("GaussianNLLLoss", {}, VALUES, OTHERS, np.abs(MORE[:, 0])),
    ("GaussianNLLLoss", {}, MAP, MAP[::-1].copy(), np.abs(MAP[:, :1])),
    ("GaussianNLLLoss", {"eps": 0.7}, VALUES, OTHERS, np.abs(MORE)),
    ("GaussianNLLLoss", {}, VALUES, OTHERS, 0.3),
    *[("KLDivLoss", {"log_target": log, "reduction": r}, np.log(SHARES[::-1]), np.log(SHARES) if log else SHARES)
      for log in (True, False) for r in ("batchmean", "sum", "none")],
    *[("MarginRankingLoss", {"margin": m, "reduction": r}, VALUES, OTHERS, SIGNS) for m in (0.0, 0.7)
      for r in REDUCTIONS],
    *[("HingeEmbeddingLoss", {"margin": m, "reduction": r}, VALUES, SIGNS) for m in (1.0, 0.2) for r in REDUCTIONS],
    *[("SoftMarginLoss", {"reduction": r}, VALUES, SIGNS) for r in REDUCTIONS],
    *[("MultiLabelSoftMarginLoss", {"reduction": r}, VALUES, SWITCHES) for r in REDUCTIONS],
    ("MultiLabelSoftMarginLoss", {"weight": WEIGHTS}, VALUES, SWITCHES),
    *[("MultiMarginLoss", {"p": p, "margin": m, "reduction": r}, VALUES, CLASSES) for p in (1, 2) for m in (1.0, 0.3)
      for r in REDUCTIONS],
    *[("MultiMarginLoss", {"weight": WEIGHTS, "p": p}, VALUES, CLASSES) for p in (1, 2)],
    ("MultiMarginLoss", {}, VALUES[0], np.array(2)),
    *[("MultiLabelMarginLoss", {"reduction": r}, VALUES, LABELS) for r in REDUCTIONS],
    ("MultiLabelMarginLoss", {}, VALUES[0], LABELS[0]),
    *[("CosineEmbeddingLoss", {"margin": m, "reduction": r}, VALUES, OTHERS, SIGNS[:, 0]) for m in (0.0, -0.4)
      for r in REDUCTIONS],
    ("CosineEmbeddingLoss", {}, VALUES[0], OTHERS[0], np.array(-1)),
    *[("TripletMarginLoss", {"p": p, "swap": swap, "reduction": r}, VALUES, OTHERS, MORE) for p in (1.0, 2.0, 3.0)
      for swap in (True, False) for r in REDUCTIONS],
    ("TripletMarginLoss", {"margin": 0.1, "eps": 0.01}, VALUES, OTHERS, MORE),
    ("TripletMarginLoss", {}, VALUES[0], OTHERS[0], MORE[0]),
    *[("TripletMarginWithDistanceLoss", {"swap": swap, "margin": 0.5, "reduction": r}, VALUES, OTHERS, MORE)
      for swap in (True, False) for r in REDUCTIONS],
    ("TripletMarginWithDistanceLoss", {"distance_function": lambda a, b: (a - b).abs().sum(1)}, VALUES, OTHERS, MORE),
]  # fmt: skip
SIZES = [
    *[(name, {"reduction": "sum"}, some(*shape), some(*shape)) for name in ("MSELoss", "L1Loss", "SmoothL1Loss",
      "HuberLoss", "PoissonNLLLoss", "SoftMarginLoss") for shape in ((0,), (1,), (0, 4), (1, 1), ())],
    *[(name, {"reduction": r}, NONE, NONE[:, 0].astype(int)) for name in ("CrossEntropyLoss", "NLLLoss")
      for r in ("sum", "none")],
    *[(name, {"reduction": "none"}, NONE, NONE) for name in ("MSELoss", "L1Loss", "BCELoss", "BCEWithLogitsLoss",
      "MultiLabelSoftMarginLoss")],
    *[(name, {}, some(1, 1), np.array([0])) for name in ("CrossEntropyLoss", "NLLLoss", "MultiMarginLoss")],
    *[("KLDivLoss", {"reduction": "sum"}, some(*shape), some(*shape, low=0, high=1)) for shape in ((0,), (1,), (0, 4))],
    ("TripletMarginLoss", {"reduction": "sum"}, NONE, NONE, NONE),
]  # fmt: skip


def run(library, wrap, call, options, inputs, dtype, leaves):
    """-> loss and the gradients of the first inputs, where they are real numbers, and what the call says besides"""

    def convert(value, leaf=False):
        if not isinstance(value, np.ndarray):
            return value
        value = wrap(value.astype(dtype) if value.dtype.kind == "f" else value.copy())
        return value.requires_grad_() if leaf and "float" in str(value.dtype) else value

    inputs = [convert(x, leaf=place < leaves) for place, x in enumerate(inputs)]
    loss, said = call(library, {key: convert(value) for key, value in options.items()}, inputs)
    if loss.requires_grad:
        loss.sum().backward()
    grads = [x.grad for x in inputs if hasattr(x, "grad") and x.requires_grad]
    return [loss.detach(), *grads], said


def held_against(call, options, inputs, dtype="float64", leaves=3):
    ours, mine = run(nn, engine.from_numpy, call, options, inputs, dtype, leaves)
    theirs, other = run(torch.nn, torch.from_numpy, call, options, inputs, dtype, leaves)
    assert mine == other
    tolerance = 2e-5 if dtype == "float32" else 1e-11
    for got, expected in zip(ours, theirs, strict=True):
        if expected is None or got is None:
            assert not any(np.any(slope.numpy()) for slope in (got, expected) if slope is not None)
            continue
        got, expected = got.numpy(), expected.numpy()
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
        scale = np.abs(expected[np.isfinite(expected)]).max(initial=0)
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * scale)


def by_class(name):
    def call(library, options, inputs):
        module = getattr(library, name)(**options)
        return module(*inputs), (list(module.state_dict()), "" if "distance_function" in options else repr(module))

    return call


def leaves(name):
    """PyTorch's targets of these have no gradient, or none at 0."""
    return 1 if name in ("PoissonNLLLoss", "SoftMarginLoss") else 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options", "inputs"), [(c[0], c[1], c[2:]) for c in CASES])
def test_loss_and_gradients_agree(name, options, inputs, dtype):
    held_against(by_class(name), options, inputs, dtype, leaves(name))


@pytest.mark.parametrize(("name", "options", "inputs"), [(c[0], c[1], c[2:]) for c in SIZES])
def test_nothing_and_single_values_agree(name, options, inputs):
    held_against(by_class(name), options, inputs, leaves=leaves(name))


@pytest.mark.filterwarnings("ignore:size_average and reduce args")
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("old", OLD, ids=str)
@pytest.mark.parametrize("case", {c[0]: c for c in CASES if c[0] not in ("HuberLoss", "GaussianNLLLoss",
                                  "TripletMarginWithDistanceLoss")}.values(), ids=lambda c: c[0])  # fmt: skip
def test_the_older_switches_mean_the_same(case, old):
    options = {key: value for key, value in case[1].items() if key != "reduction"}
    held_against(by_class(case[0]), {**options, **old}, case[2:], leaves=leaves(case[0]))


def test_certain_probabilities_cost_100_at_the_most():
    certain, target = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    held_against(by_class("BCELoss"), {"reduction": "none"}, (certain, target), "float32")


def arguments(function):
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.default, p.kind) for p in found if p.name not in ("self", "device", "dtype")]


LEFT_OUT = {"AdaptiveLogSoftmaxWithLoss", "LinearCrossEntropyLoss"}
"""They hold a layer of their own."""


@pytest.mark.parametrize("name", [n for n in dir(torch.nn) if n.endswith("Loss") and n not in LEFT_OUT])
def test_constructor_and_forward_take_the_same_arguments(name):
    ours, theirs = getattr(nn, name), getattr(torch.nn, name)
    assert arguments(ours.__init__) == arguments(theirs.__init__)
    assert arguments(ours.forward) == arguments(theirs.forward)


FUNCTIONS = [n for n in dir(torch.nn.functional) if n.endswith("_loss") or n in ("cross_entropy", "kl_div",
             "binary_cross_entropy", "binary_cross_entropy_with_logits", "linear_cross_entropy")]  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_take_the_same_arguments(name):
    assert arguments(getattr(F, name)) == arguments(getattr(torch.nn.functional, name))


@pytest.mark.parametrize(("name", "inputs"), [("huber_loss", (VALUES, OTHERS)), ("l1_loss", (VALUES, OTHERS)),
                                              ("mse_loss", (VALUES, OTHERS))])  # fmt: skip
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_values_may_have_weights(name, inputs, reduction):
    def call(library, options, inputs):
        return getattr(library.functional, name)(*inputs, **options), ""

    held_against(call, {"weight": np.abs(MORE), "reduction": reduction}, inputs)


def test_tensor_arguments_move_with_the_loss():
    loss = nn.CrossEntropyLoss(engine.from_numpy(WEIGHTS.astype(np.float32)))
    assert [name for name, _ in loss.named_buffers()] == ["weight"]
    assert loss.double().weight.dtype == engine.float64


# --- CTC -------------------------------------------------------------------------------------------------------------


def ctc(library, options, inputs):
    logits, *others = inputs
    log_probs = logits.log_softmax(-1)  # PyTorch's gradient holds behind log_softmax, see engine.nn.functional.ctc_loss
    return library.functional.ctc_loss(log_probs, *others, **options), ""


SPEECH, SPELT = some(9, 4, 5), np.array([[1, 2, 2, 3], [3, 1, 0, 0], [4, 4, 4, 4], [2, 0, 0, 0]])
FRAMES, LETTERS = np.array([9, 7, 5, 1]), np.array([4, 2, 4, 1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("zero_infinity", [True, False])
def test_ctc_agrees_and_a_target_too_long_for_its_frames_may_count_for_nothing(reduction, zero_infinity, dtype):
    infinite = slice(0, 4) if zero_infinity else [0, 1, 3]  # the third needs 7 frames and has 5
    inputs = SPEECH[:, infinite], SPELT[infinite], FRAMES[infinite], LETTERS[infinite]
    held_against(ctc, {"reduction": reduction, "zero_infinity": zero_infinity}, inputs, dtype)


def test_ctc_is_infinite_where_no_way_leads_to_the_end():
    log_probs = engine.from_numpy(SPEECH).log_softmax(2)
    loss = F.ctc_loss(log_probs, engine.from_numpy(SPELT), FRAMES.tolist(), LETTERS.tolist(), reduction="none")
    assert np.isinf(loss.numpy()).tolist() == [False, False, True, False]


@pytest.mark.parametrize("inputs", [
    (SPEECH[:, :2], np.concatenate([SPELT[0], SPELT[1, :2]]), FRAMES[:2], LETTERS[:2]),
    (SPEECH[:, :2], np.concatenate([SPELT[0], SPELT[1, :2]]), (9, 7), (4, 2)),
    (SPEECH[:, 0], SPELT[0], np.array(9), np.array(4)),
    (SPEECH[:, :2], SPELT[:2].astype(np.int32), FRAMES[:2].astype(np.int32), LETTERS[:2].astype(np.int32)),
    (SPEECH[:, :2], SPELT[:2], FRAMES[:2], np.array([4, 0])),
], ids=["behind each other", "tuples", "one sample", "int32", "an empty target"])  # fmt: skip
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ctc_takes_targets_and_lengths_in_each_form(inputs, reduction):
    held_against(ctc, {"reduction": reduction}, inputs)


@given(data=st.data(), frames=st.integers(1, 7), samples=st.integers(1, 3), classes=st.integers(2, 4))
@settings(max_examples=60, deadline=None)
def test_ctc_agrees_on_any_sizes(data, frames, samples, classes):
    blank = data.draw(st.integers(0, classes - 1))
    longest = data.draw(st.integers(1, 4))
    labels = [label for label in range(classes) if label != blank]
    rows = st.lists(st.sampled_from(labels), min_size=longest, max_size=longest)
    targets = np.array(data.draw(st.lists(rows, min_size=samples, max_size=samples)))
    lengths = [np.array(data.draw(st.lists(st.integers(low, most), min_size=samples, max_size=samples)))
               for low, most in ((1, frames), (0, longest))]  # fmt: skip
    logits = np.random.default_rng(data.draw(st.integers(0, 99))).standard_normal((frames, samples, classes))
    held_against(ctc, {"blank": blank, "zero_infinity": True, "reduction": "sum"}, (logits, targets, *lengths))


# --- losses that PyTorch has not, by their formulas in PyTorch -------------------------------------------------------


def focal(x, y, gamma, weight):
    log_p = x.log_softmax(1).gather(1, y.unsqueeze(1)).squeeze(1)
    loss = -((1 - log_p.exp()) ** gamma) * log_p
    return (loss * weight[y]).sum() / weight[y].sum()


def binary_focal(x, y, alpha, gamma):
    p = x.sigmoid()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(x, y, reduction="none")
    p_t, alpha_t = p * y + (1 - p) * (1 - y), alpha * y + (1 - alpha) * (1 - y)
    return (alpha_t * (1 - p_t) ** gamma * loss).mean()


def dice(x, y, smooth):
    p, t = x.softmax(1), torch.nn.functional.one_hot(y, x.shape[1]).movedim(-1, 1).to(x.dtype)
    return (1 - (2 * (p * t).sum((2, 3)) + smooth) / ((p + t).sum((2, 3)) + smooth)).mean()


def tversky(x, y, alpha, beta):
    p = x.sigmoid()
    both, found, wanted = (p * y).sum(1), (p * (1 - y)).sum(1), ((1 - p) * y).sum(1)
    return (1 - (both + 1) / (both + alpha * found + beta * wanted + 1)).mean()


def giou(a, b):
    def area(x):
        return (x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1])

    low, high = torch.max(a[:, :2], b[:, :2]), torch.min(a[:, 2:], b[:, 2:])
    both = (high - low).clamp(min=0).prod(1)
    union = area(a) + area(b) - both
    around = (torch.max(a[:, 2:], b[:, 2:]) - torch.min(a[:, :2], b[:, :2])).prod(1)
    return (1 - (both / (union + 1e-7) - (around - union) / (around + 1e-7))).mean()


BOXES = some(2, 8, 4, low=0, high=1)
BOXES[..., 2:] += BOXES[..., :2] + 0.1
OWN = {
    "focal": (lambda x, y: F.focal_loss(x, y, 2.0, engine.from_numpy(WEIGHTS)),
              lambda x, y: focal(x, y, 2.0, torch.from_numpy(WEIGHTS)), VALUES, CLASSES),
    "focal-0.5": (lambda x, y: nn.FocalLoss(0.5)(x, y), lambda x, y: focal(x, y, 0.5, torch.ones(4)), VALUES, CLASSES),
    "binary focal": (lambda x, y: nn.BinaryFocalLoss(0.3, 1.5)(x, y), lambda x, y: binary_focal(x, y, 0.3, 1.5),
                     VALUES, SWITCHES),
    "dice": (lambda x, y: nn.DiceLoss(0.7)(x, y), lambda x, y: dice(x, y, 0.7), MAP, MAP_CLASSES),
    "tversky": (lambda x, y: nn.TverskyLoss(0.3, 0.7)(x.reshape(2, 3, 4), y.reshape(2, 3, 4)).mean(),
                lambda x, y: tversky(x.reshape(6, 4), y.reshape(6, 4), 0.3, 0.7), VALUES, SWITCHES),
    "giou": (lambda x, y: nn.GIoULoss()(x, y), giou, *BOXES),
    "bpr": (lambda x, y: nn.BPRLoss()(x, y), lambda x, y: -torch.nn.functional.logsigmoid(x - y).mean(),
            VALUES, OTHERS),
    "hinge": (lambda x, y: nn.HingeGANLoss()(x, y), lambda x, y: (1 - y).relu().mean() + (1 + x).relu().mean(),
              VALUES, OTHERS),
    "wasserstein": (lambda x, y: nn.WassersteinLoss()(x, y), lambda x, y: x.mean() - y.mean(), VALUES, OTHERS),
}  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_losses_of_the_engines_own_agree_with_their_formulas(name):
    ours, theirs, *inputs = OWN[name]

    def call(library, options, inputs):
        return (ours if library is nn else theirs)(*inputs), ""

    held_against(call, {}, inputs)


def test_focal_with_gamma_0_is_cross_entropy():
    x, y = engine.from_numpy(VALUES), engine.from_numpy(CLASSES)
    for options in ({}, {"ignore_index": 1}, {"weight": engine.from_numpy(WEIGHTS), "reduction": "sum"}):
        assert F.focal_loss(x, y, 0.0, **options).item() == pytest.approx(
            F.cross_entropy(x, y, **options).item(), 1e-12
        )


def test_the_gradient_penalty_and_its_gradient_agree():
    weight, real, fake = some(3, 4), VALUES, OTHERS
    share = engine.rand(6, 1, generator=engine.Generator().manual_seed(1), dtype=engine.float64).numpy()

    w = engine.from_numpy(weight).requires_grad_()
    ours = F.gradient_penalty(lambda x: (x @ w.T).tanh().sum(1), engine.from_numpy(fake), engine.from_numpy(real),
                              generator=engine.Generator().manual_seed(1))  # fmt: skip
    ours.backward()
    v = torch.from_numpy(weight).requires_grad_()
    between = torch.from_numpy(real * share + fake * (1 - share)).requires_grad_()
    (slope,) = torch.autograd.grad((between @ v.T).tanh().sum(), between, create_graph=True)
    theirs = ((slope.norm(dim=1) - 1) ** 2).mean()
    theirs.backward()
    assert ours.item() == pytest.approx(theirs.item(), 1e-10)
    np.testing.assert_allclose(w.grad.numpy(), v.grad.numpy(), rtol=1e-9)
