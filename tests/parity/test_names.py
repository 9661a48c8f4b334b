"""The table of PyTorch's names beside the engine's: what stands in it, and arguments that may differ."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from engine.tensor.functions import ALIASES, BOTH, FUNCTION_ALIASES, FUNCTIONS, FUNCTIONS_IN_PLACE, IN_PLACE, METHODS  # noqa: E402
from tests.parity import names  # noqa: E402

SPACES = {space.title: space for space in names.compared()}


def named(*tables):
    return [name for table in tables for line in table.values() for name in line.split()]


def test_every_function_of_the_table_is_one_of_pytorchs():
    twins = [f"{name}_" for name in FUNCTIONS_IN_PLACE.split()]
    functions = [*named(BOTH, FUNCTIONS), *ALIASES, *FUNCTION_ALIASES, *twins]
    methods = [*named(BOTH, METHODS), *ALIASES, *(f"{name}_" for name in IN_PLACE.split())]
    assert [name for name in functions if not hasattr(torch, name)] == []
    assert [name for name in methods if not hasattr(torch.Tensor, name) and name != "fill"] == []
    assert set(functions) <= set(SPACES["torch"].both)


DIFFERENT = {  # PyTorch's documentation says otherwise than its functions do, or the argument does nothing there
    "cholesky_inverse", "cholesky_solve", "concatenate", "cumulative_trapezoid", "enable_grad",
    "equal", "from_numpy", "inference_mode", "is_tensor",
    "kthvalue", "promote_types", "save", "searchsorted", "set_default_dtype", "set_grad_enabled", "set_num_threads",
    "set_rng_state",
    "split", "swapaxes", "topk", "trapezoid", "true_divide", "use_deterministic_algorithms",
    "std", "std_mean", "var", "var_mean",  # the older order (dim, unbiased, keepdim), which PyTorch takes, too
}  # fmt: skip


def test_arguments_are_pytorchs():
    assert set(SPACES["torch"].differences) - DIFFERENT == set()
    assert set(SPACES["torch.linalg"].differences) <= {"matrix_power", "svd", "svdvals"}  # `A` is `input`; no `driver`


def test_the_table_can_be_printed():
    table = names.markdown(list(SPACES.values()))
    assert "| torch.Tensor |" in table
    assert "`acos`" in table
    assert "(complex numbers)" in table
    assert names.reason("is_complex") == "complex numbers"
    assert names.reason("acos") == ""


def test_arguments_are_read_off_signatures_and_docstrings():
    assert names.arguments(torch.addmm, "addmm") == {"input": ..., "mat1": ..., "mat2": ..., "beta": 1, "alpha": 1}
    assert names.arguments(torch.nn.LeakyReLU, "LeakyReLU") == {"negative_slope": 0.01, "inplace": False}
    assert names.difference(lambda a, b=1: 0, lambda a, b=2: 0, "f") == "b=2 for 1"
    assert names.difference(lambda a, b: 0, lambda b, a: 0, "f") == "another order"
    assert names.difference(lambda a, b: 0, lambda a: 0, "f") == "no b"
