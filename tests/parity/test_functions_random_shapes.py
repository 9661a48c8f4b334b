"""Every function that both have, on random shapes, options, dtypes and layouts of memory, beside PyTorch's.

LAYERLOOM_EXAMPLES=500 runs that many examples of each, others at each run.
"""

from __future__ import annotations

import os

import pytest

torch = pytest.importorskip("torch")

from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import engine  # noqa: E402
from engine import functions  # noqa: E402
from engine.tensor import functions as table  # noqa: E402
from tests.parity import random_cases_elementwise as elementwise  # noqa: E402
from tests.parity import random_cases_indexing as indexing  # noqa: E402
from tests.parity import random_cases_products as products  # noqa: E402
from tests.parity import random_cases_reductions as reductions  # noqa: E402
from tests.parity import random_cases_shapes as shapes  # noqa: E402
from tests.parity.random_arguments import ANY, FLOATS, Draw, Given, compare  # noqa: E402

EXAMPLES = int(os.environ.get("LAYERLOOM_EXAMPLES", "0"))
CASES = {**elementwise.ELEMENTWISE, **reductions.REDUCTIONS, **shapes.SHAPES, **indexing.INDEXING, **products.PRODUCTS,
         **products.NEW, **products.ASKED, **products.CHANGED}  # fmt: skip
DECOMPOSED = ("inverse", "det", "slogdet", "logdet", "cholesky", "qr", "svd", "pinverse", "lu_solve", "lu_unpack",
              "cholesky_solve", "cholesky_inverse", "matrix_exp")  # fmt: skip
KINDS = {**dict.fromkeys(products.PRODUCTS, (*FLOATS, "int64")), **dict.fromkeys((*DECOMPOSED, "normal"), FLOATS),
         **elementwise.KINDS, **reductions.KINDS, **indexing.KINDS}  # fmt: skip
"""name -> the dtypes of its first argument, where not any"""

ROUGH = {"digamma": 1e-8, "polygamma": 1e-8, "erfinv": 1e-10, "cond": 1e-9, "pinverse": 1e-9, "pinv": 1e-9, "svd": 1e-9,
         "svdvals": 1e-9, "eigh": 1e-9, "eigvalsh": 1e-9, "matrix_norm": 1e-9, "norm": 1e-9, "det": 1e-10,
         "mvlgamma": 1e-8, "lgamma": 1e-8, "igamma": 1e-8, "igammac": 1e-8}  # fmt: skip
"""How near float64 comes where PyTorch's own series are no nearer."""

UNTRACKED = {"floor_divide", "nextafter", "heaviside", "logical_and", "logical_or", "logical_xor", "logical_not"}
"""Functions without a gradient, of which PyTorch's, or their twins in place, say that they have one."""


def parts_put_together(name, found):
    """What a decomposition comes to, of whose parts the signs are free."""
    if name in ("svd", "linalg.svd"):
        u, s, v = found
        return [(u * s.unsqueeze(-2)) @ (v.mT if name == "svd" else v), s]
    if name == "linalg.eigh":
        values, vectors = found
        return [values, (vectors * values.unsqueeze(-2)) @ vectors.mT]
    return found


def settled(function):
    few = settings(max_examples=EXAMPLES or 12, derandomize=not EXAMPLES, deadline=None, database=None,
                   suppress_health_check=list(HealthCheck), print_blob=False,
                   report_multiple_bugs=False,
                   phases=(Phase.explicit, Phase.generate, Phase.shrink))  # fmt: skip
    return few(given(st.data())(function))


def ways(name, first):
    """How the function may be called: as one, as a method, in place."""
    found = []
    if all(callable(getattr(t, name, None)) for t in (engine, torch)):
        found.append(lambda t, *args, **named: getattr(t, name)(*args, **named))
    if isinstance(first, Given) and name != "where" and all(hasattr(t.Tensor, name) for t in (engine, torch)):
        found.append(lambda t, x, *args, **named: getattr(x, name)(*args, **named))
    twin = (
        isinstance(first, Given)
        and name not in (*products.RANDOM, "normal")
        and all(hasattr(t.Tensor, f"{name}_") for t in (engine, torch))
    )
    if twin:
        found.append(lambda t, x, *args, **named: getattr(x, f"{name}_")(*args, **named))
    return found, twin


def tolerance(name):
    return {"float16": 2e-3, "float32": 3e-5 if name not in ROUGH else 2e-4, "float64": ROUGH.get(name, 1e-11)}


@pytest.mark.parametrize("name", CASES)
@settled
def test_functions_agree(name, data):
    draw = Draw(data, KINDS.get(name, ANY))
    args, named = CASES[name](draw)
    possible, twin = ways(name, args[0])
    which = draw.int(0, len(possible) - 1)
    way, in_place = possible[which], (twin and which == len(possible) - 1) or name.endswith("_")
    if name in products.RANDOM:
        how = lambda t, *a, **n: t.zeros_like(way(t, *a, **n))  # noqa: E731
    else:
        how = lambda t, *a, **n: parts_put_together(name, way(t, *a, **n))  # noqa: E731
    compare(how, (args, named), tolerance(name), in_place, name not in UNTRACKED)


@pytest.mark.parametrize("name", products.LINALG)
@settled
def test_functions_of_linalg_agree(name, data):
    args, named = products.LINALG[name](Draw(data, FLOATS))
    how = lambda t, *a, **n: parts_put_together(f"linalg.{name}", getattr(t.linalg, name)(*a, **n))  # noqa: E731
    compare(how, (args, named), tolerance(name))


@pytest.mark.parametrize("name", elementwise.SPECIAL)
@settled
def test_functions_of_special_agree(name, data):
    args, named = elementwise.SPECIAL[name](Draw(data, FLOATS if "gammainc" in name else (*FLOATS, "int64")))
    tolerance = {"float32": 2e-4, "float64": 1e-8 if "gamma" in name or name == "psi" else 1e-10}
    compare(lambda t, *a, **n: getattr(t.special, name)(*a, **n), (args, named), tolerance)


ALIASES = {**table.ALIASES, **table.FUNCTION_ALIASES, "concat": "cat", "concatenate": "cat"}
NO_FUNCTIONS = {
    "Generator", "Size", "Tensor", "device", "dtype", "finfo", "iinfo", "enable_grad", "inference_mode", "no_grad",
    "set_grad_enabled", "is_grad_enabled", "manual_seed", "seed", "initial_seed", "get_rng_state", "set_rng_state",
    "get_default_device", "set_default_device", "get_default_dtype", "set_default_dtype", "from_numpy", "frombuffer",
}  # fmt: skip
"""What is there beside functions of tensors, and what needs memory of the caller's: tested elsewhere."""

NO_METHODS = {
    "backward", "cuda", "pin_memory", "data_ptr", "storage_offset", "numpy", "register_hook", "retain_grad",
    "register_post_accumulate_grad_hook",
    "exponential_", "bernoulli_", "cauchy_",
    "geometric_", "log_normal_", "random_", "uniform_", "normal_",
}  # fmt: skip
"""Methods of gradients and of devices, and what draws random numbers: tested elsewhere."""


def without_case(there, cases):
    known = {*cases, *(f"{name}_" for name in cases), *ALIASES, *(f"{name}_" for name in ALIASES)}
    return sorted(name for name in there if name not in known)


def public(thing, other):
    return [n for n in dir(thing) if not n.startswith("_") and callable(getattr(thing, n)) and hasattr(other, n)]


def test_every_function_has_a_case():
    of_other_modules = {*engine._NAMES, *engine._MODULES}
    assert without_case([*public(engine, torch), *functions.names()], {*CASES, *NO_FUNCTIONS, *of_other_modules}) == []
    assert without_case(public(engine.Tensor, torch.Tensor), {*CASES, *NO_METHODS}) == []
    assert without_case(engine.linalg.__all__, products.LINALG) == []
    assert without_case(engine.special.__all__, {*CASES, *elementwise.SPECIAL}) == []


def test_other_names_are_the_same_functions():
    for other, name in {**table.ALIASES, **table.FUNCTION_ALIASES}.items():
        assert getattr(engine, other).__name__ == getattr(engine, name).__name__
