"""Products, distances and linear algebra beside PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import engine  # noqa: E402
import engine.nn.functional as F  # noqa: E402
from engine.errors import GradientError  # noqa: E402
from tests.parity.comparing import rand, randn, same, whole  # noqa: E402

EINSUMS = [
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ij->ji", (2, 3)), ("ij->", (2, 3)), ("ij->j", (2, 3)),
    ("ii->i", (3, 3)), ("ii", (3, 3)), ("i,j->ij", (2,), (3,)), ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)), ("...ij,...jk->...ik", (2, 3, 4), (4, 5)),
    ("b...,b...->b", (2, 3, 4), (2, 3, 4)),
    ("i,i", (3,), (3,)), ("ij,ij->ij", (2, 3), (2, 3)), ("ijk,jk,k->i", (2, 3, 4), (3, 4), (4,)),
    ("ij,kl->ijkl", (1, 2), (3, 1)),
    ("...i->...", (2, 3)), ("ab,ab->", (2, 0), (2, 0)), ("iji->ji", (2, 3, 2)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    (" i j , j -> i ", (2, 3), (3,)), ("bn,anm,bm->ba", (2, 3), (5, 3, 4), (2, 4)), ("ij,j->ij", (2, 3), (1,)),
    ("i...,...j->ij...", (2, 4), (4, 3)),
    ("ij,ik->ijk", (2, 3), (2, 4)), (",i->i", (), (3,)), ("ba,ab->b", (3, 2), (2, 3)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", EINSUMS, ids=lambda c: c[0])
def test_einsum(case, dtype):
    equation, *shapes = case
    same(lambda t, *x: t.einsum(equation, *x), *(randn(*s, seed=i) for i, s in enumerate(shapes)), dtype=dtype)


def test_einsum_of_lists():
    same(lambda t, x, y: t.einsum(x, [0, 1], y, [1, 2], [0, 2]), randn(2, 3), randn(3, 4))
    same(lambda t, x: t.einsum(x, [..., 1, 0]), randn(2, 3, 4))
    same(lambda t, x, y: t.einsum("ij,jk", [x, y]), randn(2, 3), randn(3, 4))


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_einsum_of_random_terms(data):
    sizes = {a: data.draw(st.integers(0, 3)) for a in "abcd"}
    terms = [
        data.draw(st.permutations("abcd").map(lambda p: "".join(p[: data.draw(st.integers(1, 3))])))
        for _ in range(data.draw(st.integers(1, 3)))
    ]
    used = sorted(set("".join(terms)))
    output = "".join(data.draw(st.permutations(used)))[: data.draw(st.integers(0, len(used)))]
    same(lambda t, *x: t.einsum(f"{','.join(terms)}->{output}", *x), *(randn(*(sizes[a] for a in term), seed=i)
                                                                      for i, term in enumerate(terms)))  # fmt: skip


PRODUCTS = {
    "dot": (lambda t, x, y: t.dot(x, y), (3,), (3,)), "vdot": (lambda t, x, y: x.vdot(y), (3,), (3,)),
    "mm": (lambda t, x, y: t.mm(x, y), (2, 3), (3, 4)), "bmm": (lambda t, x, y: x.bmm(y), (2, 2, 3), (2, 3, 4)),
    "mv": (lambda t, x, y: t.mv(x, y), (2, 3), (3,)), "outer": (lambda t, x, y: t.outer(x, y), (2,), (3,)),
    "ger": (lambda t, x, y: x.ger(y), (2,), (3,)), "inner": (lambda t, x, y: t.inner(x, y), (2, 3), (4, 3)),
    "inner with a number": (lambda t, x, y: t.inner(x, y), (2, 3), ()),
    "kron": (lambda t, x, y: t.kron(x, y), (2, 3), (3, 2)),
    "kron of others": (lambda t, x, y: x.kron(y), (2,), (1, 3, 2)),
    "tensordot": (lambda t, x, y: t.tensordot(x, y), (2, 3, 4), (3, 4, 2)),
    "tensordot of axes": (lambda t, x, y: t.tensordot(x, y, dims=([1, 0], [0, 2])), (2, 3, 4), (3, 4, 2)),
    "tensordot of none": (lambda t, x, y: t.tensordot(x, y, 0), (2,), (3,)),
    "tensordot of one": (lambda t, x, y: t.tensordot(x, y, 1), (2, 0), (0, 3)),
    "cross": (lambda t, x, y: t.cross(x, y, dim=1), (2, 3), (2, 3)),
    "linalg.cross": (lambda t, x, y: t.linalg.cross(x, y), (4, 3), (1, 3)),
    "vecdot": (lambda t, x, y: t.linalg.vecdot(x, y, dim=0), (3, 2), (3, 2)),
    "matmul": (lambda t, x, y: t.linalg.matmul(x, y), (2, 3), (3,)),
    "multi_dot": (lambda t, x, y: t.linalg.multi_dot([x, y, x, y]), (2, 5), (5, 2)),
    "multi_dot of rows": (lambda t, x, y: t.linalg.multi_dot((x, y, x)), (3,), (3, 3)),
    "chain_matmul": (lambda t, x, y: t.linalg.multi_dot((x, y)), (2, 3), (3, 2)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", PRODUCTS)
def test_products(name, dtype):
    function, *shapes = PRODUCTS[name]
    same(function, *(randn(*s, seed=i) for i, s in enumerate(shapes)), dtype=dtype)


@pytest.mark.parametrize("beta", [0, 1, 0.5])
@pytest.mark.parametrize("case", [("addmm", (2, 4), (2, 3), (3, 4)), ("addmm", (4,), (2, 3), (3, 4)),
("addmv", (2,), (2, 3), (3,)),
                                  ("addr", (2, 3), (2,), (3,)), ("baddbmm", (2, 2, 4), (2, 2, 3), (2, 3, 4)),
                                  ("addbmm", (2, 4), (2, 2, 3), (2, 3, 4)),
                                  ("baddbmm", (1,), (2, 2, 3), (2, 3, 4))], ids=str)  # fmt: skip
def test_products_that_are_added(case, beta):
    name, *shapes = case
    inputs = [randn(*s, seed=i) for i, s in enumerate(shapes)]
    if beta:
        same(lambda t, *x: getattr(t, name)(*x, beta=beta, alpha=2), *inputs)
    inputs[0] = inputs[0] * np.nan if beta == 0 else inputs[0]
    same(lambda t, x, a, b: getattr(x.detach(), name)(a, b, beta=beta), *inputs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 2.0, 3.0, float("inf")])
def test_distances(p, dtype):
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    mode = "donot_use_mm_for_euclid_dist"
    same(
        lambda t, x, y: t.cdist(x, y, p, compute_mode=mode),
        randn(4, 3),
        randn(5, 3),
        dtype=dtype,
        tolerance=tolerance,
        gradients=p > 0,
    )
    same(
        lambda t, x, y: t.cdist(x, y, p),
        randn(2, 4, 3),
        randn(2, 5, 3),
        dtype=dtype,
        tolerance=tolerance,
        gradients=p > 0,
    )
    same(
        lambda t, x: (F if t is engine else TF).pdist(x, p),
        randn(4, 3),
        dtype=dtype,
        tolerance=tolerance,
        gradients=p > 0,
    )


def test_the_distance_to_itself_has_no_gradient():
    same(lambda t, x: t.cdist(x, x), randn(3, 2), dtype="float64")
    same(lambda t, x, y: t.cdist(x, y), randn(0, 3), randn(2, 3))
    same(lambda t, x, y: t.cdist(x, y), randn(2, 0), randn(3, 0))


def test_similarity():
    for dim in (0, 1, -1):
        same(
            lambda t, x, y, d=dim: (F if t is engine else TF).cosine_similarity(x, y, d),
            randn(3, 4),
            randn(3, 4, seed=1),
        )
    same(
        lambda t, x, y: (F if t is engine else TF).cosine_similarity(x, y),
        randn(3, 4),
        np.zeros((1, 4)),
        gradients=False,
    )
    for keepdim in (True, False):
        same(
            lambda t, x, y, k=keepdim: (F if t is engine else TF).pairwise_distance(x, y, keepdim=k),
            randn(3, 4),
            randn(3, 4, seed=1),
        )
    same(lambda t, x, y: (F if t is engine else TF).pairwise_distance(x, y, p=1, eps=0.1), randn(3, 4), randn(4))


def spd(*shape):
    a = randn(*shape)
    return a @ np.swapaxes(a, -1, -2) + 2 * np.eye(shape[-1])


LINALG = {
    "inv": (lambda t, a: t.linalg.inv(a), spd(3, 3)), "inverse": (lambda t, a: a.inverse(), spd(2, 3, 3)),
    "det": (lambda t, a: t.det(a), randn(2, 3, 3)), "det of one": (lambda t, a: a.det(), randn(1, 1)),
    "det of none": (lambda t, a: t.linalg.det(a), randn(0, 0)),
    "slogdet": (lambda t, a: [t.linalg.slogdet(a.detach()).sign, t.linalg.slogdet(a)[1]], randn(4, 3, 3)),
    "logdet": (lambda t, a: t.logdet(a), spd(3, 3)),
    "cholesky": (lambda t, a: t.linalg.cholesky(a @ a.mT + 3), randn(2, 3, 3)),
    "cholesky upper": (lambda t, a: t.linalg.cholesky(a @ a.mT + 3, upper=True), randn(3, 3)),
    "matrix_power": (lambda t, a: t.linalg.matrix_power(a, 5), randn(3, 3)),
    "matrix_power 0": (lambda t, a: a.matrix_power(0).detach(), randn(3, 3)),
    "matrix_power below 0": (lambda t, a: t.matrix_power(a, -2), spd(3, 3)),
    "svdvals": (lambda t, a: t.linalg.svdvals(a), randn(2, 4, 3)),
    "eigvalsh": (lambda t, a: t.linalg.eigvalsh(a + a.mT), randn(3, 3)),
    "pinv": (lambda t, a: t.linalg.pinv(a), randn(4, 3)),
    "pinv wide": (lambda t, a: t.pinverse(a), randn(2, 4)),
    "matrix_rank": (lambda t, a: t.linalg.matrix_rank(a.detach()), np.outer([1.0, 2], [3, 4, 5.0])),
    "cond": (lambda t, a: t.linalg.cond(a), spd(3, 3)),
    "cond 1": (lambda t, a: t.linalg.cond(a.detach(), 1), spd(3, 3)),
    "qr": (lambda t, a: [x.abs() for x in t.linalg.qr(a)], randn(4, 3)),
    "qr square": (lambda t, a: [x * x for x in t.qr(a)], randn(2, 3, 3)),
    "qr complete": (lambda t, a: [x.abs() for x in t.linalg.qr(a.detach(), "complete")], randn(4, 3)),
    "qr r": (lambda t, a: t.linalg.qr(a.detach(), "r").R.abs(), randn(3, 4)),
    "svd": (lambda t, a: [x.abs() for x in t.linalg.svd(a, full_matrices=False)], randn(4, 3)),
    "svd wide": (lambda t, a: [x * x for x in t.svd(a)], randn(2, 3, 4)),
    "svd full": (lambda t, a: [x.abs()[..., :3] for x in t.linalg.svd(a.detach())], randn(4, 3)),
    "eigh": (lambda t, a: [x * x for x in t.linalg.eigh(a + a.mT)], randn(2, 3, 3)),
    "diagonal": (lambda t, a: t.linalg.diagonal(a), randn(2, 3, 3)),
    "vander": (lambda t, a: t.linalg.vander(a.detach(), N=4), randn(3)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:torch.qr is deprecated:UserWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LINALG)
def test_linear_algebra(name, dtype):
    function, a = LINALG[name]
    same(function, a, dtype=dtype, tolerance=2e-4 if dtype == "float32" else 1e-10)


SOLVES = [
    ((3, 3), (3,)),
    ((3, 3), (3, 2)),
    ((2, 3, 3), (2, 3)),
    ((2, 3, 3), (2, 3, 4)),
    ((2, 3, 3), (3, 4)),
    ((3, 3), (2, 3, 4)),
    ((0, 0), (0, 2)),
]


@pytest.mark.parametrize("shapes", SOLVES, ids=str)
def test_solving(shapes):
    a, b = spd(*shapes[0]), randn(*shapes[1], seed=7)
    same(lambda t, a, b: t.linalg.solve(a, b), a, b, dtype="float64", tolerance=1e-10)
    if len(shapes[1]) == len(shapes[0]) and a.ndim > 1 and b.ndim > 1:
        same(lambda t, a, b: t.linalg.solve(a, b.mT, left=False), a, b, dtype="float64", tolerance=1e-10)
        for upper in (True, False):
            for unit in (True, False):
                same(
                    lambda t, a, b, u=upper, o=unit: t.linalg.solve_triangular(a, b, upper=u, unitriangular=o),
                    a,
                    b,
                    dtype="float64",
                    tolerance=1e-10,
                )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, float("inf"), -float("inf")])
def test_norms_of_matrices(ord, dtype):
    tolerance = 1e-4 if dtype == "float32" else 1e-10
    same(lambda t, a: t.linalg.matrix_norm(a, ord), randn(2, 4, 3), dtype=dtype, tolerance=tolerance)
    same(
        lambda t, a: t.linalg.matrix_norm(a, ord, (2, 0), keepdim=True),
        randn(4, 2, 3),
        dtype=dtype,
        tolerance=tolerance,
    )
    same(lambda t, a: t.linalg.norm(a, ord), randn(4, 3), dtype=dtype, tolerance=tolerance)
    same(lambda t, a: t.linalg.norm(a), randn(4, 3, 2), dtype=dtype)
    same(lambda t, a: t.linalg.norm(a, dim=1), randn(4, 3, 2), dtype=dtype)
    if ord in ("fro", "nuc"):
        same(lambda t, a: t.norm(a, ord), randn(4, 3), dtype=dtype, tolerance=tolerance)


def test_the_determinant_of_a_singular_matrix_has_a_gradient():
    for a in (np.outer([1.0, 2, 3], [3, 4, 5.0]) + np.diag([0, 0, 1.0]), np.zeros((2, 2))):
        same(lambda t, a: t.linalg.det(a) + 1, a, dtype="float64", tolerance=1e-9)


def test_what_has_no_gradient_says_so():
    for call in (
        lambda a: engine.linalg.qr(a.mT).R,
        lambda a: engine.linalg.svd(a).U,
        lambda a: engine.linalg.qr(a, "complete").Q,
    ):
        with pytest.raises(GradientError, match="a gradient was asked for"):
            call(engine.randn(4, 3, requires_grad=True)).sum().backward()


@pytest.mark.parametrize("call", [
    lambda t, x: t.dot(x, x), lambda t, x: t.mm(x, x[0]), lambda t, x: t.bmm(x, x), lambda t, x: t.mv(x, x),
    lambda t, x: t.outer(x, x), lambda t, x: t.einsum("ij,jk", x), lambda t, x: t.einsum("ij->k", x),
    lambda t, x: t.einsum("i", x),
    lambda t, x: t.einsum("ii", x[:, :1].expand(3, 2)), lambda t, x: t.einsum("ij,ij->ijj", x, x),
    lambda t, x: t.tensordot(x, x, 2 + 1),
    lambda t, x: t.cdist(x, x[:, :1]), lambda t, x: t.cross(x[:, :2], x[:, :2], dim=1),
    lambda t, x: t.linalg.inv(x[:2]),
    lambda t, x: t.linalg.inv(x * 0), lambda t, x: t.linalg.inv(x.long()), lambda t, x: t.linalg.cholesky(-x @ x.T),
    lambda t, x: t.linalg.solve(x, x[:2]), lambda t, x: t.linalg.matrix_norm(x, 3),
    lambda t, x: t.linalg.matrix_norm(x[0]),
    lambda t, x: t.linalg.norm(x[None], 2), lambda t, x: t.linalg.qr(x, "some"),
    lambda t, x: t.tensordot(x, x[:2], ([0], [0])),
    lambda t, x: t.matrix_power(x[:2], 2), lambda t, x: t.addmm(x, x, x[:2]),
    lambda t, x: t.linalg.vector_norm(x.long()),
])  # fmt: skip
def test_what_pytorch_refuses_is_refused(call):
    same(call, randn(3, 3))


def test_whole_numbers():
    for call in (lambda t, x: t.mm(x, x), lambda t, x: t.einsum("ij,jk", x, x), lambda t, x: t.outer(x[0], x[1]),
    lambda t, x: t.tensordot(x, x, 1),
                 lambda t, x: t.addmm(x, x, x), lambda t, x: t.cross(x, x + 1, dim=0),
                 lambda t, x: t.matrix_power(x, 3)):  # fmt: skip
        same(call, whole(3, 3))
    same(lambda t, x: x.pow(2).sum(), rand(3))
