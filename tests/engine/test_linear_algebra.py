"""Decompositions: gradients of those that take symmetric matrices, and what has none."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.errors import EngineError, GradientError

CALLS = {
    "cholesky": lambda a: engine.linalg.cholesky(a @ a.mT + engine.eye(3, dtype=a.dtype)),
    "cholesky upper": lambda a: engine.linalg.cholesky(a @ a.mT + engine.eye(3, dtype=a.dtype), upper=True),
    "eigenvalues": lambda a: engine.linalg.eigh(a + a.mT).eigenvalues,
    "eigenvectors": lambda a: engine.linalg.eigh(a + a.mT).eigenvectors ** 2,
    "the upper triangle": lambda a: engine.linalg.eigvalsh(a + a.mT, "U"),
    "singular vectors": lambda a: engine.linalg.svd(a, full_matrices=False).Vh ** 2,
    "pseudo-inverse": lambda a: engine.linalg.pinv(a[..., :2]),
}


@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3)])
@pytest.mark.parametrize("name", CALLS)
def test_gradient_agrees_with_finite_differences(name, shape):
    draw = np.random.default_rng(3)
    values, direction = draw.standard_normal(shape), draw.standard_normal(shape)
    a = engine.tensor(values, requires_grad=True)
    out = CALLS[name](a)
    weight = engine.tensor(draw.standard_normal(out.shape))
    (out * weight).sum().backward()
    ends = [(CALLS[name](engine.tensor(values + step * direction)) * weight).sum().item() for step in (1e-6, -1e-6)]
    assert float((a.grad.numpy() * direction).sum()) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5)


SINGULAR = [
    np.outer([1.0, 2.0, 3.0], [0.5, -1.0, 2.0]) + np.diag([0.0, 0.0, 1.0]),
    np.diag([1.0, 0.0, 2.0]),
    np.zeros((3, 3)),
]


@pytest.mark.parametrize("values", SINGULAR, ids=["rank 2", "diagonal", "zero"])
def test_the_determinant_of_a_singular_matrix_has_a_gradient(values):
    direction = np.random.default_rng(3).standard_normal((3, 3))
    a = engine.tensor(values, requires_grad=True)
    engine.linalg.det(a).backward()
    ends = [engine.linalg.det(engine.tensor(values + step * direction)).item() for step in (1e-5, -1e-5)]
    expected = (ends[0] - ends[1]) / 2e-5
    assert float((a.grad.numpy() * direction).sum()) == pytest.approx(expected, rel=1e-5, abs=1e-8)


def test_parts_give_the_matrix_back():
    a = engine.tensor(np.random.default_rng(5).standard_normal((2, 4, 3)))
    u, s, vh = engine.linalg.svd(a)
    np.testing.assert_allclose((u[..., :3] * s.unsqueeze(-2)) @ vh, a.numpy(), atol=1e-12)
    q, r = engine.linalg.qr(a, "complete")
    np.testing.assert_allclose(q @ r, a.numpy(), atol=1e-12)


def test_what_has_no_gradient_says_so():
    for call in (lambda a: engine.linalg.qr(a.mT).R, lambda a: engine.linalg.svd(a).U):
        with pytest.raises(GradientError, match="a gradient was asked for"):
            call(engine.randn(4, 3, requires_grad=True)).sum().backward()


def test_a_singular_matrix_has_no_inverse():
    with pytest.raises(EngineError, match="the matrix is singular"):
        engine.linalg.inv(engine.ones(2, 2))
    with pytest.raises(EngineError, match="not positive definite"):
        engine.linalg.cholesky(-engine.eye(2))


@pytest.mark.parametrize("name", ["eig", "eigvals"])
def test_what_would_be_complex_is_not_there_and_says_what_is(name):
    with pytest.raises(AttributeError, match=r"complex numbers, which are not there: eigh takes symmetric matrices"):
        getattr(engine.linalg, name)
