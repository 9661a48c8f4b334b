"""Activations beside PyTorch's: as layers and as functions, in both precisions, at their corners and in place."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine import nn  # noqa: E402
from tests.parity.comparing_layers import arguments, close, same_layer, same_results  # noqa: E402

F, OURS = torch.nn.functional, nn.functional
CORNERS = np.array([-30, -6, -3, -1, -0.5, -0.25, 0, 0.25, 0.5, 1, 3, 5, 6, 10, 25, 30, 200], "float64")

LAYERS = {
    "PReLU": ({}, {"num_parameters": 3, "init": 0.5}),
    "ReLU6": ({},),
    "ELU": ({}, {"alpha": 2.5}),
    "CELU": ({}, {"alpha": 2.5}),
    "SELU": ({},),
    "Mish": ({},),
    "GELU": ({}, {"approximate": "tanh"}),
    "Softplus": ({}, {"beta": 2.0, "threshold": 5.0}),
    "LogSigmoid": ({},),
    "Softsign": ({},),
    "Tanhshrink": ({},),
    "Hardtanh": ({}, {"min_val": -0.25, "max_val": 3.0}),
    "Hardsigmoid": ({},),
    "Hardswish": ({},),
    "Hardshrink": ({}, {"lambd": 0.25}),
    "Softshrink": ({}, {"lambd": 0.25}),
    "Threshold": ({"threshold": 0.25, "value": -7.0},),
    "Softmin": ({"dim": 1}, {"dim": -1}, {}),
    "LogSoftmax": ({"dim": 1}, {}),
    "Softmax": ({"dim": 1}, {}),
    "GLU": ({}, {"dim": 2}),
}
COARSE = {"tolerance": 1e-7}  # PyTorch has 1 / 6 in float32 there, also for float64
CASES = [(name, options) for name, each in LAYERS.items() for options in each]


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_a_layer_agrees(name, options, dtype):
    coarse = COARSE if name == "Hardsigmoid" and dtype == "float64" else {}
    for shape in ((2, 3, 4, 6), (1, 3, 1, 2), (0, 3, 4, 2)):
        if shape[2] % 2 == 0 or options.get("dim") != 2 or name != "GLU":
            same_layer(lambda nn: getattr(nn, name)(**options), shape, dtype=dtype, **coarse)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), [case for case in CASES if "num_parameters" not in case[1]], ids=str)
@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
def test_corners_have_pytorchs_value_and_slope(name, options, dtype):
    if "dim" not in options and name not in ("GLU", "Softmin", "LogSoftmax", "Softmax"):
        same_layer(lambda nn: getattr(nn, name)(**options), CORNERS.astype(dtype), dtype=dtype,
                   **(COARSE if name == "Hardsigmoid" and dtype == "float64" else {}))  # fmt: skip


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("name", ["ReLU6", "ELU", "CELU", "SELU", "Mish", "Softplus", "Hardtanh", "Hardsigmoid",
                                  "Hardswish", "Hardshrink", "Softshrink", "Tanhshrink", "Softsign"])  # fmt: skip
def test_what_is_no_number_stays_so_and_infinity_goes_where_it_goes(name):
    values = np.array([np.nan, np.inf, -np.inf], "float32")
    theirs, ours = getattr(torch.nn, name)(), getattr(nn, name)()
    np.testing.assert_array_equal(ours(engine.from_numpy(values)).numpy(), theirs(torch.from_numpy(values)).numpy())


FUNCTIONS = {
    "relu": ({},), "relu6": ({},), "leaky_relu": ({"negative_slope": 0.2},), "elu": ({"alpha": 0.5},),
    "celu": ({"alpha": 0.5},), "selu": ({},), "gelu": ({}, {"approximate": "tanh"}), "silu": ({},), "mish": ({},),
    "sigmoid": ({},), "logsigmoid": ({},), "tanh": ({},), "tanhshrink": ({},), "softplus": ({}, {"beta": 0.5}),
    "softsign": ({},), "hardtanh": ({},), "hardsigmoid": ({},), "hardswish": ({},), "hardshrink": ({},),
    "softshrink": ({},), "glu": ({}, {"dim": 0}), "softmax": ({"dim": 0},), "log_softmax": ({"dim": -1},),
    "softmin": ({"dim": 1},), "threshold": ({"threshold": 0.1, "value": 3.0},), "rrelu": ({}, {"lower": 0.2}),
}  # fmt: skip


@pytest.mark.parametrize(("name", "options"), [(n, o) for n, each in FUNCTIONS.items() for o in each], ids=str)
def test_a_function_agrees(name, options):
    x = np.random.default_rng(0).standard_normal((4, 6)) * 3
    same_results(lambda x: getattr(F, name)(x, **options), lambda x: getattr(OURS, name)(x, **options), x,
                 **(COARSE if name == "hardsigmoid" else {}))  # fmt: skip


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4)])
def test_prelu_takes_one_slope_for_all_or_one_for_each_channel(shape):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    same_results(F.prelu, OURS.prelu, np.asarray(x), np.array([0.3]))
    if len(shape) > 1:
        same_results(F.prelu, OURS.prelu, x, rng.standard_normal(3))


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "relu6", "elu", "celu", "selu", "hardtanh", "hardsigmoid",
                                  "hardswish", "mish", "silu", "threshold"])  # fmt: skip
def test_in_place_the_input_is_written_over_and_the_gradient_is_the_same(name):
    options = {"threshold": 0.1, "value": 3.0} if name == "threshold" else {}

    def over(library, functional):
        def run(x):
            inner = x * 2
            out = getattr(functional, name)(inner, **options, inplace=True)
            return out, inner * 3

        return run

    same_results(over(torch, F), over(engine, OURS), np.random.default_rng(0).standard_normal((3, 4)),
                 **(COARSE if name == "hardsigmoid" else {}))  # fmt: skip


@pytest.mark.parametrize("name", ["relu_", "leaky_relu_", "elu_", "celu_", "selu_", "hardtanh_", "rrelu_"])
def test_names_with_an_underscore_write_over_their_input(name):
    values = np.linspace(-3, 3, 7)
    x, y = torch.from_numpy(values.copy()), engine.from_numpy(values.copy())
    getattr(F, name)(x)
    assert getattr(OURS, name)(y) is y
    close(y, x, name)


def test_the_slope_of_a_random_leaky_relu_is_spread_evenly_and_each_value_keeps_its_own():
    engine.manual_seed(0)
    x = engine.full((100_000,), -1.0, requires_grad=True)
    out = nn.RReLU(0.2, 0.6)(x)
    slopes = -out.detach().numpy()
    assert slopes.min() >= 0.2
    assert slopes.max() <= 0.6
    np.testing.assert_allclose(np.quantile(slopes, [0.25, 0.5, 0.75]), [0.3, 0.4, 0.5], atol=0.005)
    out.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), slopes, rtol=1e-5)
    same_layer(lambda nn: nn.RReLU(0.2, 0.6), (4, 8), modes=("eval",))


@pytest.mark.parametrize(("name", "options"), [(n, o) for n, each in FUNCTIONS.items() for o in each
                                               if n not in ("rrelu", "hardsigmoid")],  # PyTorch has none of the latter
                        
                         ids=str)  # fmt: skip
def test_second_derivatives_agree(name, options):
    values = np.random.default_rng(0).standard_normal((4, 6)) * 3

    def penalty(library, functional):
        def run(x):
            (slope,) = library.autograd.grad((getattr(functional, name)(x, **options) ** 2).sum(), x, create_graph=True)
            return (slope**2).sum()

        return run

    same_results(penalty(torch, F), penalty(engine, OURS), values)


def test_gumbel_samples_are_probabilities_or_one_hot_and_as_frequent_as_the_classes():
    engine.manual_seed(0)
    logits = engine.tensor(np.log([0.2, 0.3, 0.5]).astype("float32")).expand(20_000, 3).clone().requires_grad_()
    soft = OURS.gumbel_softmax(logits, tau=0.7)
    np.testing.assert_allclose(soft.detach().sum(1).numpy(), 1, rtol=1e-5)
    hard = OURS.gumbel_softmax(logits, tau=0.7, hard=True)
    assert set(np.unique(np.round(hard.detach().numpy(), 5))) == {0.0, 1.0}
    np.testing.assert_allclose(hard.detach().mean(0).numpy(), [0.2, 0.3, 0.5], atol=0.015)
    (hard * engine.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert float(logits.grad.abs().sum()) > 0


LEFT_OUT = {"_stacklevel", "min_value", "max_value"}


@pytest.mark.parametrize("name", [*LAYERS, "RReLU"])
def test_a_layers_arguments_are_pytorchs(name):
    theirs, ours = getattr(torch.nn, name).__init__, getattr(nn, name).__init__
    assert arguments(ours, LEFT_OUT) == arguments(theirs, LEFT_OUT)


@pytest.mark.parametrize("name", [n for n in [*FUNCTIONS, "gumbel_softmax"] if n not in (
    "gelu", "softplus", "logsigmoid", "hardshrink", "softshrink", "celu_")])  # fmt: skip
def test_a_functions_arguments_are_pytorchs(name):
    assert arguments(getattr(OURS, name), LEFT_OUT) == arguments(getattr(F, name), LEFT_OUT)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (lambda nn, F, x: nn.Hardtanh(2.0, 1.0)(x), Exception),
        (lambda nn, F, x: F.glu(x), RuntimeError),
        (lambda nn, F, x: nn.PReLU(4)(x), RuntimeError),
        (lambda nn, F, x: nn.Softmax2d()(x), ValueError),
        (lambda nn, F, x: F.softshrink(x, -1.0), RuntimeError),
    ],
)
def test_what_pytorch_refuses_is_refused(fault, kind):
    with pytest.raises(kind):
        fault(torch.nn, F, torch.zeros(2, 3))
    with pytest.raises(engine.errors.EngineError):
        fault(nn, OURS, engine.zeros(2, 3))


FAR = {
    "float16": [11, -11, 6e4, -6e4, 17, -17],
    "float32": [88, -88, 104, -104, 1e30, -1e30, 3e38, -3e38, 1e-40],
    "float64": [710, -710, 745, -746, 1e300, -1e300, 37, -37],
}
WITH_ANY_INPUT = [(name, options) for name, options in CASES if not {"dim", "num_parameters"} & {*options}
                  and name not in ("GLU", "PReLU", "Softmin", "LogSoftmax", "Softmax")] + [("SiLU", {})]  # fmt: skip


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("dtype", FAR)
@pytest.mark.parametrize(("name", "options"), WITH_ANY_INPUT, ids=str)
def test_value_and_slope_far_out_and_at_infinity_are_pytorchs(name, options, dtype, captured):
    tolerance = {"float16": 3e-2, "float32": 2e-5, "float64": 1e-7}[dtype]
    for count in (200,) if captured else (1, 200):  # computed one by one, and by compiled kernels
        values = np.tile(np.array([*FAR[dtype], np.inf, -np.inf], dtype), count)
        found = []
        for library in (torch, engine):
            layer = getattr(library.nn, name)(**options)
            x = library.tensor(values, requires_grad=True)

            def step(layer=layer, x=x):
                x.grad = None
                y = layer(x)
                y.backward(y.new_ones(y.shape))
                return y

            if captured and library is engine:
                step = engine.capture(step)
                step()
            found.append((step().detach().numpy(), x.grad.numpy()))
        (theirs, their_slope), (ours, our_slope) = found
        same = ~np.isin(values, (np.inf, np.float32(3e38))) | (name != "GELU")  # where PyTorch's own kernels disagree
        np.testing.assert_allclose(ours[same], theirs[same], tolerance, tolerance / 100)
        np.testing.assert_allclose(our_slope, their_slope, tolerance, tolerance)
