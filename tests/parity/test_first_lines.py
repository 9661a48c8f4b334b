"""What scripts begin with, and operators in place, beside PyTorch's."""

from __future__ import annotations

import operator

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402

LIBRARIES = [torch, engine]


def test_a_script_finds_its_device_as_with_pytorch():
    found = []
    for t in LIBRARIES:
        device = t.accelerator.current_accelerator().type if t.accelerator.is_available() else "cpu"
        t.backends.cudnn.benchmark, t.backends.cudnn.deterministic = False, True
        also = "cuda" if t.cuda.is_available() else "mps" if t.backends.mps.is_available() else "cpu"
        assert t.accelerator.device_count() == t.cuda.device_count()
        found.append((device, also, t.zeros(2).to(device).device.type, t.backends.cudnn.deterministic))
        t.backends.cudnn.deterministic = False
    assert found[0] == found[1]


BITS = ("iand", "ior", "ixor")
SHIFTS = ("ilshift", "irshift")
PARTS = ("imod", "ifloordiv")
CASES = [
    *((name, "bool", "bool") for name in BITS), *((name, "int64", "int64") for name in (*BITS, *SHIFTS, *PARTS)),
    *((name, "uint8", 3) for name in (*BITS, *SHIFTS, *PARTS)), *((name, "float32", "float32") for name in PARTS),
    *((name, "float64", 0.75) for name in PARTS), ("iand", "int64", "bool"), ("imod", "float32", "int64"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "dtype", "other"), CASES)
def test_an_operator_in_place_changes_the_tensor_itself(name, dtype, other):
    found = []
    for t in LIBRARIES:
        x = t.tensor(np.array([[1, 4, 6], [3, 0, 5]]).astype(dtype))
        y = t.tensor(np.array([2, 1, 3]).astype(other)) if isinstance(other, str) else other
        result = getattr(operator, name)(x, y)
        assert result is x
        found.append((str(x.dtype).split(".")[-1], x.tolist()))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("name", "other"), [("iand", 1.5), ("iand", np.ones(3, "float32")), ("ior", np.ones((2, 2, 3), int))]
)
def test_what_pytorch_refuses_in_place_is_refused(name, other):
    for t in LIBRARIES:
        x = t.tensor(np.array([[1, 4, 6], [3, 0, 5]]))
        with pytest.raises((RuntimeError, TypeError)):
            getattr(operator, name)(x, t.tensor(other) if isinstance(other, np.ndarray) else other)
        assert x.tolist() == [[1, 4, 6], [3, 0, 5]]


def test_numbers_are_shifted_by_tensors_and_rows_are_turned_round():
    found = []
    for t in LIBRARIES:
        x = t.arange(6).reshape(2, 3)
        found.append(
            [(3 << x).tolist(), (64 >> x).tolist(), reversed(x).tolist(), [row.tolist() for row in reversed(x)]]
        )
    assert found[0] == found[1]


def test_an_operator_in_place_has_pytorchs_gradient():
    found = []
    for t in LIBRARIES:
        x = t.tensor([1.0, -4.0, 6.5], requires_grad=True)
        y = x * 2
        y %= t.tensor([1.5, 3.0, 4.0])
        y.square().sum().backward()
        found.append(x.grad.tolist())
    assert found[0] == pytest.approx(found[1])
