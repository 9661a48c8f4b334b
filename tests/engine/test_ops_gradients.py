"""Every op held against finite differences in float64, and its shape, dtype and layout rules against what it does.

An op class that has no case here fails `test_every_op_has_a_case`.
"""

from __future__ import annotations

import importlib
import pkgutil
import zlib
from dataclasses import dataclass

import numpy as np
import pytest

import engine
import engine.ops
from engine.ops import activation as act
from engine.ops import arithmetic as ar
from engine.ops import (
    attention,
    convolution,
    indexing,
    layout,
    losses,
    normalisation,
    pooling,
    products,
    recurrent,
    resampling,
    transfer,
    transposed,
)
from engine.ops import elementwise as ew
from engine.ops import reduction as red
from engine.ops.base import Op, Spec
from engine.random import Generator
from engine.tensor import apply
from tests.engine import function_cases


@dataclass
class Case:
    """An op made by `make`, and its inputs: real ones are differentiated, whole numbers and truth values are not."""

    name: str
    make: object
    inputs: tuple
    constant: tuple = ()  # numbers of real inputs that have no gradient by definition

    def __str__(self):
        return self.name


def random(*shape, low=-2.0, high=2.0):
    return rng.uniform(low, high, shape)


def apart(*shape):
    """Values no two of which are close, so that no extreme changes under a small step."""
    n = int(np.prod(shape))
    return (rng.permutation(n) * (3.0 / max(n, 1)) - 1.5 + 0.01).reshape(shape)


rng = np.random.default_rng(zlib.crc32(b"ops"))
positive = {"low": 0.3, "high": 2.0}
pairs = [((3, 4), (3, 4)), ((3, 4), (4,)), ((2, 1, 4), (3, 1)), ((), (3,)), ((1,), (2, 3))]
CASES: list[Case] = []


def case(op, *inputs, label="", constant=()):
    make = op if callable(op) and not isinstance(op, Op) else lambda: op
    name = type(make()).__name__ + (f"-{label}" if label else f"-{len(CASES)}")
    CASES.append(Case(name, make, tuple(None if x is None else np.asarray(x) for x in inputs), constant))


for a, b in pairs:
    for op in (ar.Add(), ar.Sub(), ar.Mul(), ar.Div(), ar.Maximum(), ar.Minimum()):
        case(op, random(*a), random(*b) + np.where(random(*b) > 0, 3, -3), label=f"{a}{b}".replace(" ", ""))
    case(ar.Pow(), random(*a, **positive), random(*b), label=f"{a}{b}".replace(" ", ""))
    case(ar.Where(), random(*a) > 0, random(*a), random(*b), label=f"{a}{b}".replace(" ", ""))
for op in (ew.Neg(), ew.Exp(), ew.Expm1(), ew.Sin(), ew.Cos(), ew.Erf(), act.Sigmoid(), act.Tanh(), act.SiLU(),
           act.GELU(), act.GELUTanh(), act.Softplus(), ar.AddScalar(2.5), ar.RSubScalar(2.5), ar.Scale(-3.0),
           ar.DivScalar(0.7), ar.RPowScalar(2.3), ar.PowScalar(2), ar.PowScalar(3), ar.PowScalar(0),
           ew.Sign(), ew.Floor(), ew.Ceil(), ew.Round(), layout.Clone(),
           layout.Clone(contiguous=True)):  # fmt: skip
    case(op, random(3, 4))
case(ew.Erf(), random(50, low=-5, high=5), label="wide")
case(act.GELU(), random(50, low=-9, high=9), label="wide")
case(act.Hardswish(), random(50, low=-5, high=5), label="wide")
case(act.Sigmoid(), random(50, low=-40, high=40), label="wide")
for op in (ew.Log(), ew.Log1p(), ew.Sqrt(), ar.RDivScalar(1.7), ar.PowScalar(-0.5)):
    case(op, random(3, 4, **positive))
for op in (
    ew.Abs(),
    act.ReLU(),
    act.LeakyReLU(0.1),
    act.ELU(1.3, 1.1, 0.7),
    act.Hardtanh(-0.7, 0.6),
    ew.Clamp(-0.8, 0.9),
    ew.Clamp(None, 0.5),
    ew.Clamp(0.1, None),
):
    case(op, apart(3, 4))
case(ew.Cast("float64"), random(3, 4))
for kind in ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor"):
    case(ar.Compare(kind), random(3, 4), random(4))
case(ar.CompareScalar("gt", 0.5), random(3))
case(ar.Division("floor_divide"), random(3, 4), random(4, **positive))
for kind in ("isnan", "isinf", "isfinite", "logical_not"):
    case(ew.Test(kind), random(3))

for axes, keep in ((None, False), ((1,), False), ((0, 2), True), ((-1,), True), ((0, 1, 2), False)):
    for cls in (red.Sum, red.Mean, red.Prod, red.AMax, red.AMin, red.LogSumExp):
        case(cls(axes, keep), apart(2, 3, 4))
    for cls in (red.Any, red.All):
        case(cls(axes, keep), random(2, 3, 4) > 0)
case(red.Prod((1,), False), np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0], [1.5, 2.0, -1.0]]), label="zeros")
case(red.Sum(), random(), label="no-axes")
for cls in (red.ArgMax, red.ArgMin):
    case(cls(), apart(3, 4))
    case(cls(1, True), apart(3, 4))
case(red.CumSum(1), random(2, 3, 4))
for ignore in (False, True):
    case(red.Median(ignore), apart(3, 4))
for axis in (0, 1, -1):
    case(act.Softmax(axis), random(2, 3, 4))
    case(act.LogSoftmax(axis), random(2, 3, 4))
case(lambda: act.Dropout(0.4, Generator().manual_seed(1)), random(3, 4))

case(layout.Reshape((4, -1)), random(2, 3, 2))
case(layout.Reshape((2, 6)), random(2, 3, 2).transpose(2, 0, 1).reshape(2, 3, 2))
case(layout.Permute((2, 0, 1)), random(2, 3, 4))
case(layout.Permute((-1, 0, 1)), random(2, 3, 4))
case(layout.Expand((5, 2, 3)), random(2, 1))
case(layout.Tile((2, 1, 3)), random(2, 3))
case(layout.Concatenate(1), random(2, 1), random(2, 3), random(2, 2))
case(layout.Concatenate(-1), random(2, 1), random(2, 0))
case(layout.Pad(((1, 0), (2, 3)), 0.5), random(2, 3))
case(layout.Triangle("tril", 0), random(3, 4))
case(layout.Triangle("triu", 1), random(2, 3, 4))
for index in (1, slice(1, None), (slice(None), 1), (..., None, 0), (slice(None, None, -1), slice(0, 4, 2)), -1,
              np.array([0, 2, 0]), (slice(None), np.array([1, 1])), (np.array([0, 1, 0]), np.array([2, 2, 2])),
              np.array([[0, -1], [2, 0]]), (np.array([0, 0]), slice(1, 3)), (0, np.array([1, 1])),
              np.array([True, False, True]), (None, np.array([True, False, True]), 1),
              np.arange(12).reshape(3, 4) % 5 == 0):  # fmt: skip
    case(indexing.GetItem(index), random(3, 4))
    place = np.zeros((3, 4))[index]
    if index is not None and not (isinstance(index, np.ndarray) and index.dtype.kind == "i"):
        twice = isinstance(index, tuple) and any(getattr(p, "dtype", None) == np.int64 for p in index)
        if not twice:
            case(indexing.SetItem(index), random(3, 4), random(*place.shape))
case(indexing.SetItem((slice(None), 1)), random(3, 4), random(), label="stretched")
case(indexing.IndexSelect(1), random(3, 4), np.array([0, 3, 3]))
case(indexing.IndexSelect(0), random(3, 4), np.array([2, 0, 0]))
case(indexing.Gather(1), random(3, 4), np.array([[0, 0, 3], [1, 2, 2], [3, 0, 3]]))
case(indexing.Gather(0), random(3, 4), np.array([[0, 2, 1, 1]]))
case(indexing.Gather(1), random(3, 4), np.array([[0, 0], [1, 2]]), label="shorter")
case(indexing.Embedding(None), random(5, 3), np.array([[0, 4, 4], [1, 0, 0]]))
case(indexing.Embedding(None), random(5, 3), np.array(2), label="one")
case(indexing.OneHot(4), np.array([[0, 3], [1, 1]]))

case(products.Linear(), random(3, 4), random(5, 4), random(5))
case(products.Linear(), random(3, 4), random(5, 4), None)
case(products.Linear(), random(2, 3, 4), random(5, 4), random(5))
case(products.Linear(), random(4), random(5, 4), random(5))
for a, b in (((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 1, 2, 3), (6, 3, 4)), ((1, 1), (1, 1))):
    case(products.MatMul(), random(*a), random(*b), label=f"{a}{b}".replace(" ", ""))

convolutions = [
    ((2, 3, 5, 6), (4, 3, 3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    ((2, 3, 5, 6), (4, 3, 3, 2), (2, 1), ((1, 1), (0, 2)), (1, 1), 1),
    ((1, 4, 7, 7), (6, 2, 3, 3), (1, 2), ((2, 2), (2, 2)), (2, 3), 2),
    ((2, 3, 4, 4), (3, 1, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 3),
    ((2, 3, 4, 4), (5, 3, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    ((2, 3, 5, 5), (5, 3, 1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1), 1),
    ((2, 4, 5, 5), (4, 2, 1, 1), (1, 1), ((1, 0), (0, 1)), (1, 1), 2),
]
for x, w, stride, padding, dilation, groups in convolutions:
    op = convolution.Conv2d(stride, padding, dilation, groups)
    case(op, random(*x), random(*w), random(w[0]))
case(convolution.Conv2d((1, 1), ((1, 1), (1, 1)), (1, 1), 1), random(2, 3, 4, 4), random(2, 3, 3, 3), None)
for x, w, stride, padding, extra, groups, dilation in [
    ((2, 3, 4, 5), (3, 4, 3, 3), (1, 1), (0, 0), (0, 0), 1, (1, 1)),
    ((2, 3, 4, 5), (3, 4, 4, 2), (2, 3), (1, 0), (1, 2), 1, (1, 1)),
    ((1, 4, 3, 3), (4, 3, 3, 3), (2, 1), (1, 2), (0, 1), 2, (1, 2)),
    ((2, 3, 3, 3), (3, 1, 3, 3), (1, 2), (0, 1), (2, 1), 3, (3, 1)),
    ((2, 3, 3, 3), (3, 2, 3, 3), (1, 1), (1, 3), (2, 2), 1, (3, 3)),
    ((2, 3, 4, 4), (3, 5, 1, 1), (1, 1), (0, 0), (0, 0), 1, (1, 1)),
]:
    op = transposed.ConvTranspose2d(stride, padding, extra, groups, dilation)
    case(op, random(*x), random(*w), random(w[1] * groups))
    case(op, random(*x), random(*w), None)
for out, steps in (((6, 8), (0.5, 0.5)), ((4, 7), (0.75, 4 / 7)), ((2, 3), (1.5, 4 / 3)), ((5, 4), (0.6, 1.0))):
    case(resampling.Nearest(out, steps), random(2, 3, 3, 4))
    case(resampling.Nearest(out, steps, 0.5), random(2, 3, 3, 4))
    for align in (True, False):
        case(resampling.Bilinear(out, steps, align), random(2, 3, 3, 4))
        case(resampling.Bicubic(out, steps, align), random(2, 3, 3, 4))
for out in ((2, 3), (1, 1), (5, 4), (7, 2)):
    case(resampling.AdaptiveAverage(out), random(2, 3, 5, 4))
for kernel, stride, padding, ceil in (((2, 2), (2, 2), (0, 0), False), ((3, 3), (1, 2), (1, 1), False),
                                      ((3, 2), (2, 2), (1, 0), True)):  # fmt: skip
    case(pooling.MaxPool2d(kernel, stride, padding, ceil, (1, 1)), apart(2, 3, 5, 6))
    for include in (True, False):
        case(pooling.AvgPool2d(kernel, stride, padding, ceil, include, None), random(2, 3, 5, 6))
case(pooling.MaxPool2d((2, 2), (1, 1), (0, 0), False, (2, 1)), apart(2, 3, 5, 6))
case(pooling.AvgPool2d((2, 2), (2, 2), (0, 0), False, True, 3), random(2, 3, 5, 6))
case(pooling.WindowArgMax((np.array([[0, 2], [1, 3]]), np.array([[0], [2]]))), apart(2, 3, 4, 3))
case(pooling.MaxUnpool((3, 4)), random(2, 2, 1, 3), np.array([[[[0, 5, 11]], [[1, 2, 3]]]] * 2))

running = (random(3), random(3, **positive))
for shape in ((6, 3), (4, 3, 5), (2, 3, 4, 5)):
    for training in (True, False):
        op = normalisation.BatchNorm(training, 0.1, 1e-5)
        case(op, random(*shape), random(3), random(3), *running, constant=(3, 4))
case(normalisation.BatchNorm(True, 0.1, 1e-5), random(4, 3), None, None, None, None)
case(normalisation.LayerNorm((4,), 1e-5), random(2, 3, 4), random(4), random(4))
case(normalisation.LayerNorm((3, 4), 1e-5), random(2, 3, 4), random(3, 4), random(3, 4))
case(normalisation.LayerNorm((4,), 1e-5), random(2, 3, 4), None, None)

case(normalisation.GroupNorm(2, 1e-5), random(2, 6, 3, 2), random(6), random(6))
case(normalisation.GroupNorm(6, 1e-5), random(2, 6, 3), random(6), random(6))
case(normalisation.GroupNorm(1, 1e-5), random(3, 6), None, None)

query, key, value = random(2, 3, 4, 5), random(2, 3, 6, 5), random(2, 3, 6, 2)
hides_a_row = np.where(np.arange(24).reshape(4, 6) % 4 == 0, -np.inf, 0.0)
hides_a_row[1] = -np.inf
for causal in (False, True):
    case(attention.Attention(0.4, causal, 0.0, None), query, key, value, None)
    case(attention.Attention(0.4, causal, 0.0, None), query, key, value, random(4, 6))
    case(attention.Attention(0.4, causal, 0.0, None), query, key, value, hides_a_row, constant=(3,))
case(attention.Attention(0.4, False, 0.0, None), query, key[:1], value[:, :1], random(2, 1, 1, 6), label="stretched")
case(lambda: attention.Attention(0.4, True, 0.3, Generator().manual_seed(1)), query, key, value, random(3, 4, 6))

for reverse in (False, True):
    for first in (True, False):
        for bias in (True, False):
            x, h = random(4, 2, 3), random(2, 5) if first else None
            for cls, gates in ((recurrent.RNN, 1), (recurrent.GRU, 3)):
                weights = random(gates * 5, 3), random(gates * 5, 5)
                biases = (random(gates * 5), random(gates * 5)) if bias else (None, None)
                case(cls(reverse, False) if gates == 1 else cls(reverse), x, h, *weights, *biases)
            for width in (5, 2):
                states = (random(2, width), random(2, 5)) if first else (None, None)
                biases = (random(20), random(20)) if bias else (None, None)
                projection = random(width, 5) if width < 5 else None
                case(recurrent.LSTM(reverse), x, *states, random(20, 3), random(20, width), *biases, projection)
case(recurrent.RNN(False, True), random(4, 2, 3), random(2, 5), random(5, 3), random(5, 5), random(5), random(5))
case(recurrent.LSTM(True), random(1, 2, 3), None, None, random(8, 3), random(8, 2), None, None, None, label="one-step")

for mean in (True, False):
    case(losses.SquaredError(mean), random(3, 4), random(3, 4))
classes, pixels = np.array([0, 4, 2, -100]), np.array([[[0, 4, 1], [2, -100, 3]]] * 2)
for cls in (losses.NLL, losses.CrossEntropy):
    for reduction in ("none", "sum", "mean"):
        for weight in (None, random(5, **positive)):
            case(cls(-100, reduction), random(4, 5), classes, weight, constant=(2,))
            case(cls(-100, reduction), random(2, 5, 2, 3), pixels, weight, constant=(2,))
            case(cls(-100, reduction), random(2, 5), np.array([1, 4]), weight, constant=(2,))
            case(cls(1, reduction), random(2, 5), np.array([1, 4]), weight, constant=(2,))
case(losses.SoftCrossEntropy(), random(4, 5), random(4, 5, **positive))
case(losses.SoftCrossEntropy(), random(2, 5, 3), random(2, 5, 3, **positive))
for pos_weight in (None, random(3, **positive)):
    case(losses.BCEWithLogits(), random(4, 3), random(4, 3, low=0, high=1), pos_weight, constant=(2,))
case(losses.BCE(), random(4, 3, low=0.1, high=0.9), random(4, 3, low=0, high=1))
case(losses.Variance(0.01), random(4, 3, low=0.1, high=0.9))
for zero_infinity in (False, True):
    spelt = np.array([[1, 2, 2], [3, 0, 0], [2, 1, 3], [0, 0, 0]]), np.array([6, 4, 3, 5]), np.array([3, 1, 3, 0])
    case(losses.CTC(0, zero_infinity), random(6, 4, 5), *spelt)
case(losses.CTC(2, True), random(3, 2, 4), np.array([[1, 1, 3], [3, 1, 0]]), np.array([3, 0]), np.array([3, 2]))
part = (layout.Reshape((4, 3)), indexing.GetItem((slice(1, 3), 2)))
case(indexing.Overlay(part), random(3, 4), random(2))
case(indexing.Overlay((layout.Permute((1, 0)),)), random(3, 4), random(4, 3))
case(transfer.Transfer(engine.device("cpu"), engine.device("cpu")), random(3))
function_cases.add(case, random, apart, pairs)


def op_classes():
    for module in pkgutil.iter_modules(engine.ops.__path__):
        importlib.import_module(f"engine.ops.{module.name}")
    found, left = [], [Op]
    while left:
        for cls in left.pop().__subclasses__():
            left.append(cls)
            abstract = cls.__name__.startswith("_")
            if "forward" in vars(cls) and not abstract and cls.__module__.startswith("engine.ops"):
                found.append(cls)
    return found


def test_every_op_has_a_case():
    checked = {type(c.make()) for c in CASES}
    left = [cls for cls in op_classes() if cls not in checked and cls not in function_cases.ELSEWHERE]
    assert [cls.__name__ for cls in left] == []


def run(one, inputs):
    tensors = [None if x is None else engine.from_numpy(x) for x in inputs]
    return apply(one.make(), *tensors), tensors


def copies(one, dtype=None):
    """The case's inputs, real ones as `dtype`; copied, as running statistics are changed in place."""
    return [
        None if x is None else x.copy() if x.dtype.kind != "f" or dtype is None else x.astype(dtype) for x in one.inputs
    ]


def real_inputs(one):
    return [i for i, x in enumerate(one.inputs) if x is not None and x.dtype.kind == "f" and i not in one.constant]


@pytest.mark.parametrize("one", [c for c in CASES if c.make().differentiable], ids=str)
def test_gradient_agrees_with_finite_differences(one):
    draw = np.random.default_rng(zlib.crc32(one.name.encode()))
    inputs = copies(one)
    tensors = [None if x is None else engine.from_numpy(x.copy()) for x in inputs]
    for i in real_inputs(one):
        tensors[i].requires_grad = True
    out = apply(one.make(), *tensors)
    projection = draw.standard_normal(out.shape)
    out.backward(engine.from_numpy(np.asarray(projection)))

    def projected(changed):
        result, _ = run(one, changed)
        return float((result.array * projection).sum())

    step = 1e-6
    for i in real_inputs(one):
        direction = np.asarray(draw.standard_normal(inputs[i].shape))
        ahead, behind = copies(one), copies(one)
        ahead[i], behind[i] = np.asarray(inputs[i] + step * direction), np.asarray(inputs[i] - step * direction)
        expected = (projected(ahead) - projected(behind)) / (2 * step)
        found = 0.0 if tensors[i].grad is None else float((tensors[i].grad.array * direction).sum())
        assert found == pytest.approx(expected, rel=2e-6, abs=2e-7), f"input {i}"


ONCE_ONLY = {"CTC"}
"""Ops whose gradient has none."""


def projected_gradient(one, arrays, upstream, directions, create_graph=False):
    """The first derivative along `directions`, a single number, and the leaves that it depends on."""
    leaves = [None if x is None else engine.from_numpy(np.array(x)) for x in arrays]
    for i in real_inputs(one):
        leaves[i].requires_grad = True
    upstream = engine.from_numpy(np.array(upstream)).requires_grad_()
    inputs = [leaves[i] for i in real_inputs(one)]
    gradients = engine.autograd.grad(apply(one.make(), *leaves), inputs, upstream, create_graph=create_graph,
                                     materialize_grads=True)  # fmt: skip
    total = sum((g * engine.from_numpy(d)).sum() for g, d in zip(gradients, directions))
    return total, [*inputs, upstream]


def is_once_only(one):
    return type(one.make()).__name__ in ONCE_ONLY


@pytest.mark.parametrize("one", [c for c in CASES if c.make().differentiable and not is_once_only(c)], ids=str)
def test_gradient_of_the_gradient_agrees_with_finite_differences(one):
    draw = np.random.default_rng(zlib.crc32(one.name.encode()))
    inputs = copies(one)
    upstream = np.asarray(draw.standard_normal(run(one, copies(one))[0].shape))
    directions = [np.asarray(draw.standard_normal(inputs[i].shape)) for i in real_inputs(one)]
    total, leaves = projected_gradient(one, inputs, upstream, directions, create_graph=True)
    plain, _ = projected_gradient(one, inputs, upstream, directions)
    assert total.item() == pytest.approx(plain.item(), rel=1e-9, abs=1e-11), "the first derivative"
    if total.requires_grad:
        seconds = engine.autograd.grad(total, leaves, materialize_grads=True)
    else:  # the first derivative is 0 everywhere
        seconds = [engine.zeros_like(x) for x in leaves]

    step = 1e-6
    for number, second in enumerate(seconds):
        direction = np.asarray(draw.standard_normal(second.shape))

        def moved(by, number=number, direction=direction):
            arrays, above = copies(one), upstream
            if number < len(directions):
                i = real_inputs(one)[number]
                arrays[i] = np.asarray(inputs[i] + by * direction)
            else:
                above = np.asarray(upstream + by * direction)
            return projected_gradient(one, arrays, above, directions)[0].item()

        expected = (moved(step) - moved(-step)) / (2 * step)
        found = float((second.array * direction).sum())
        assert found == pytest.approx(expected, rel=5e-6, abs=1e-6), f"by input {number}"


@pytest.mark.parametrize("one", list(filter(is_once_only, CASES)), ids=str)
def test_an_op_that_is_derived_once_only_says_so(one):
    inputs = copies(one)
    upstream = np.ones(run(one, copies(one))[0].shape)
    directions = [np.ones(inputs[i].shape) for i in real_inputs(one)]
    total, _ = projected_gradient(one, inputs, upstream, directions, create_graph=True)
    plain, _ = projected_gradient(one, inputs, upstream, directions)
    assert total.item() == plain.item()
    with pytest.raises(engine.errors.GradientError, match=f"gradient of {type(one.make()).__name__}: .* once only"):
        total.backward()


@pytest.mark.parametrize("one", CASES, ids=str)
def test_float32_stays_float32_and_the_inferred_shape_is_the_real_one(one):
    inputs = copies(one, np.float32)
    op = one.make()
    inferred = op.shape(*(None if x is None else Spec(x.shape, x.dtype) for x in inputs))
    tensors = [None if x is None else engine.from_numpy(x) for x in inputs]
    for i in real_inputs(one):
        tensors[i].requires_grad = True
    out = apply(op, *tensors)
    assert out.shape == inferred.shape
    assert out.dtype == inferred.dtype
    if out.dtype.kind == "f" and not isinstance(op, ew.Cast):
        assert out.dtype == np.float32
    assert op.flops(*(None if x is None else Spec(x.shape, x.dtype) for x in inputs)) >= 0
    if op.differentiable:
        out.backward(engine.ones_like(out))
        for i in real_inputs(one):
            assert tensors[i].grad.dtype == np.float32
            assert tensors[i].grad.shape == tensors[i].shape
            assert type(tensors[i].grad.array) is np.ndarray


@pytest.mark.parametrize("one", CASES, ids=str)
def test_inputs_that_lie_scattered_in_memory_give_the_same(one):
    scattered = [
        None if x is None or x.ndim == 0 else np.repeat(np.asfortranarray(x), 2, axis=0)[::2] for x in copies(one)
    ]
    scattered = [x if y is None else y for x, y in zip(copies(one), scattered)]
    whole, plain = run(one, copies(one))
    other, spread = run(one, scattered)
    np.testing.assert_allclose(other.array, whole.array, rtol=1e-12, atol=1e-13)
    if not one.make().differentiable:
        return
    for tensors in (plain, spread):
        for i in real_inputs(one):
            tensors[i].requires_grad = True
    for tensors in (plain, spread):
        apply(one.make(), *tensors).backward(engine.ones_like(whole))
    for i in real_inputs(one):
        np.testing.assert_allclose(spread[i].grad.array, plain[i].grad.array, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("one", CASES, ids=str)
def test_a_tensor_without_values_gets_the_same_shape(one):
    meta = [None if x is None else engine.from_numpy(x).to(device="meta") for x in copies(one)]
    out = apply(one.make(), *meta)
    real, _ = run(one, copies(one))
    assert (out.shape, out.dtype, out.is_meta) == (real.shape, real.dtype, True)
