"""The table of PyTorch's names beside the engine's: what stands in it, and arguments that may differ."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
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


DIFFERENT = {"save", "use_deterministic_algorithms"}
"""Arguments of another name, or that say how PyTorch pickles or warns: in the table."""


def test_arguments_are_pytorchs():
    assert set(SPACES["torch"].differences) == DIFFERENT
    assert set(SPACES["torch.linalg"].differences) <= {"matrix_power", "svd", "svdvals"}  # `A` is `input`; no `driver`


def test_the_table_in_the_docs_is_as_the_code_is():
    text = (Path(__file__).parents[2] / "resources" / "docs" / "pytorch-names.md").read_text("utf-8")
    assert text == names.markdown(list(SPACES.values())), f"the table is stale: renew it by {names.COMMAND}"


@pytest.mark.parametrize("title", SPACES)
def test_what_is_not_there_has_a_reason(title):
    assert [name for name in SPACES[title].missing if not names.reason(name)] == []


def test_a_replaced_name_points_to_one_that_is_there():
    for newer in ("lu", "solve", "eigh", "lstsq", "matrix_rank", "solve_triangular", "matrix_norm"):
        assert hasattr(engine.linalg, newer)
    assert names.reason("symeig").startswith("PyTorch has dropped")


def test_arguments_are_read_off_signatures_and_docstrings():
    assert names.arguments(torch.addmm, "addmm") == {"input": ..., "mat1": ..., "mat2": ..., "beta": 1, "alpha": 1}
    assert names.arguments(torch.nn.LeakyReLU, "LeakyReLU") == {"negative_slope": 0.01, "inplace": False}
    assert names.difference(lambda a, b=1: 0, lambda a, b=2: 0, "f") == "b=2 for 1"
    assert names.difference(lambda a, b: 0, lambda b, a: 0, "f") == "another order"
    assert names.difference(lambda a, b: 0, lambda a: 0, "f") == "no b"
