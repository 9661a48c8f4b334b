"""Random arguments for products, matrices, new tensors and questions about tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tests.parity.random_arguments import ANY, FLOATS, WHOLE, Draw, call, shape_of

SMALL = (0, 1, 2, 3, 5)


def _pair(*letters: str) -> Any:
    """Tensors whose axes are named by letters: equal letters, equal lengths; now and then one that does not fit."""

    def case(d: Draw) -> Any:
        lengths = {a: d.pick(*SMALL) for a in "bijk"}
        shapes = [[lengths[a] for a in axes] for axes in letters]
        if d.int(0, 14) == 14 and shapes[-1]:
            shapes[-1][0] += 1
        return call(*(d.tensor(shape) for shape in shapes))

    return case


def _added(*letters: str) -> Any:
    product = _pair(*letters[1:])

    def case(d: Draw) -> Any:
        state = {a: d.pick(*SMALL) for a in "bijk"}
        shapes = [tuple(state[a] for a in axes) for axes in letters]
        named = {"beta": d.pick(0, 2), "alpha": d.pick(1, 3)} if d.maybe() else {}
        first = shapes[0] if 0 in state.values() or len(letters[1]) > len(letters[0]) else d.partner(shapes[0])
        return call(d.tensor(first), *(d.tensor(s) for s in shapes[1:]), **named)

    return case if letters[0] is not None else product


def _matmul(d: Draw) -> Any:
    batch, (m, k, n) = d.shape(0, 2), (d.pick(*SMALL) for _ in range(3))
    a = d.pick((k,), (m, k), (*batch, m, k))
    b = d.pick((k,), (k, n), (*d.partner(batch), k, n))
    return call(d.tensor(a), d.tensor(b))


def _tensordot(d: Draw) -> Any:
    a, shared, b = d.shape(0, 2), d.shape(0, 2), d.shape(0, 2)
    if d.maybe():
        return call(d.tensor((*a, *shared)), d.tensor((*shared, *b)), len(shared))
    dims = (list(range(len(a), len(a) + len(shared))), [-len(shared) + i for i in range(len(shared))])
    return call(d.tensor((*a, *shared)), d.tensor((*b, *shared)), dims)


EQUATIONS = ("ij,jk->ik", "bij,bjk->bik", "ij->ji", "ij->", "i,j->ij", "bij,jk", "...ij,...jk->...ik", "i,i->",
             "ij,ij->i", "bij,bij,bij->b", "ij,jk,ki->")  # fmt: skip


def _einsum(d: Draw) -> Any:
    equation = d.pick(*EQUATIONS)
    lengths = {a: d.pick(*SMALL) for a in "bijk"}
    batch = d.shape(0, 2)
    terms = equation.split("->")[0].split(",")
    shapes = [[*(batch if "..." in term else ()), *(lengths[a] for a in term.replace("...", ""))] for term in terms]
    return call(equation, *(d.tensor(shape) for shape in shapes))


def _cross(d: Draw) -> Any:
    shape = list(d.shape(1, sizes=(1, 2, 3)))
    dim = d.int(0, len(shape) - 1)
    shape[dim] = 3
    return call(d.tensor(shape), d.tensor(shape), dim - len(shape) * d.int(0, 1))


def _cdist(d: Draw) -> Any:
    batch, m = d.shape(0, 2), d.pick(*SMALL)
    p = d.pick(2.0, 1.0, 3.0, float("inf"))
    return call(d.tensor((*batch, d.size(), m)), d.tensor((*d.partner(batch), d.size(), m)), p)


def matrix(d: Draw, square: bool = True, symmetric: bool = False, least: int = 0) -> Any:
    """A batch of matrices that are far from singular."""
    batch, n = d.shape(0, 2, (0, 1, 2, 3)), d.int(least, 4)
    m = n if square else d.int(least, 4)
    values = d.numbers.uniform(-1, 1, (*batch, m, n))
    if symmetric:
        values = values @ values.swapaxes(-1, -2) / 2
    values = values + np.arange(2, m + 2)[:, None] * np.eye(m, n)
    return d.given(values.astype(d.dtype))


def _solve(d: Draw) -> Any:
    x, left = matrix(d), d.maybe()
    return call(x, _right(d, x, left), left=left)


def _right(d: Draw, x: Any, left: bool = True, least: int = 0) -> Any:
    """What a system with these matrices is solved for."""
    *batch, m, n = shape_of(x)
    count = d.int(least, 3)
    return d.tensor([*batch, *((m, count) if left else (count, n))])


def _factor(d: Draw, symmetric: bool = False) -> tuple[Any, ...]:
    """A matrix as its Cholesky or its LU factors, by PyTorch."""
    x = matrix(d, symmetric=symmetric)
    values = torch.tensor(x.leaf if x.view != "turned" else x.leaf.transpose())
    values = values[..., ::2] if x.view == "every other" else values
    if symmetric:
        return (
            d.given(torch.linalg.cholesky(values).numpy(), False),
        )  # PyTorch's has a gradient of the other triangle
    found, pivots = torch.linalg.lu_factor(values)
    return d.given(found.numpy()), d.given(pivots.numpy())


def _lu_solve(d: Draw) -> Any:
    found, pivots = _factor(d)
    left = d.maybe()
    return call(found, pivots, _right(d, found, left), left=left, adjoint=d.maybe())


def _cholesky_solve(d: Draw) -> Any:
    (factor,) = _factor(d, symmetric=True)
    return call(_right(d, factor), factor)


def _lstsq(d: Draw) -> Any:
    x = matrix(d, square=False, least=1)
    driver = d.pick(None, None, "gels", "gelsy", "gelsd", "gelss")
    return call(x, _right(d, x, least=1), **({} if driver is None else {"driver": driver}))


PRODUCTS = {
    "matmul": _matmul, "dot": _pair("i", "i"), "vdot": _pair("i", "i"), "mm": _pair("ij", "jk"),
    "bmm": _pair("bij", "bjk"), "mv": _pair("ij", "j"), "outer": _pair("i", "j"), "inner": _pair("bi", "ji"),
    "addmm": _added("ik", "ij", "jk"), "addmv": _added("i", "ij", "j"), "addr": _added("ij", "i", "j"),
    "baddbmm": _added("bik", "bij", "bjk"), "addbmm": _added("ik", "bij", "bjk"), "tensordot": _tensordot,
    "kron": lambda d: call(d.tensor(d.shape(0, 3, (0, 1, 2, 3))), d.tensor(d.shape(0, 2))),
    "trace": lambda d: call(d.tensor(d.shape(2, 2))), "einsum": _einsum, "cross": _cross, "cdist": _cdist,
    "pdist": lambda d: call(d.tensor(d.shape(2, 2, (2, 3, 5))), d.pick(2.0, 1.0, 3.0)),
    "chain_matmul": _pair("ij", "jk", "kb"), "matrix_power": lambda d: call(matrix(d, least=1), d.int(-2, 4)),
    "inverse": lambda d: call(matrix(d)), "det": lambda d: call(matrix(d)), "slogdet": lambda d: call(matrix(d)),
    "logdet": lambda d: call(matrix(d)), "cholesky": lambda d: call(matrix(d, symmetric=True), d.maybe()),
    "qr": lambda d: call(matrix(d), d.maybe()), "svd": lambda d: call(matrix(d, square=False, least=1)),
    "lu_solve": lambda d: (lambda f: call(_right(d, f[0]), *f))(_factor(d)), "cholesky_solve": _cholesky_solve,
    "cholesky_inverse": lambda d: call(*_factor(d, symmetric=True)), 
    "matrix_exp": lambda d: call(d.tensor((*d.shape(0, 2), *[d.size()] * 2), plain=True)),
    "lu_unpack": lambda d: call(*_factor(d), d.maybe(), d.maybe()),
    "pinverse": lambda d: call(matrix(d, square=False, least=1)),
}  # fmt: skip

NORMS = ("fro", "nuc", 1, -1, 2, -2, float("inf"), -float("inf"))


def _vector_norm(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(), 0.3, 3)
    return call(x, d.pick(2, 1, 3, 0.5, float("inf"), -float("inf")), d.axes(len(shape)) or None, d.maybe())


def _norm(d: Draw) -> Any:
    x = matrix(d, square=False, least=1)
    return d.pick(call(x), call(x, d.pick(*NORMS), (-2, -1), d.maybe()), call(x, d.pick(1, 2), -1, d.maybe()))


LINALG = {
    "lu": lambda d: call(matrix(d, square=False)), "lu_factor": lambda d: call(matrix(d, square=False)),
    "lu_solve": _lu_solve, "lstsq": _lstsq, "matrix_exp": PRODUCTS["matrix_exp"],
    "inv": PRODUCTS["inverse"], "det": PRODUCTS["det"], "slogdet": PRODUCTS["slogdet"], "solve": _solve,
    "solve_triangular": lambda d: (lambda a: call(*a[0], **a[1], upper=d.maybe(), unitriangular=d.maybe()))(_solve(d)),
    "cholesky": lambda d: call(matrix(d, symmetric=True), upper=d.maybe()),
    "qr": lambda d: call(matrix(d), d.pick("reduced", "complete", "r")), "matrix_power": PRODUCTS["matrix_power"],
    "svd": lambda d: call(matrix(d, square=False, least=1), full_matrices=False),
    "svdvals": lambda d: call(matrix(d, square=False)),
    "eigh": lambda d: call(matrix(d, symmetric=True), d.pick("L", "U")),
    "eigvalsh": lambda d: call(matrix(d, symmetric=True), d.pick("L", "U")),
    "pinv": lambda d: call(matrix(d, square=False, least=1)), "matrix_rank": lambda d: call(matrix(d, square=False)),
    "cond": lambda d: call(matrix(d, least=1), d.pick(None, *NORMS)), "norm": _norm,
    "cross": lambda d: (lambda a: call(*a[:2], dim=a[2]))(_cross(d)[0]),
    "matrix_norm": lambda d: call(matrix(d, square=False, least=1), d.pick(*NORMS), (-2, -1), d.maybe()),
    "vector_norm": _vector_norm, "multi_dot": lambda d: call(list(_pair("ij", "jk", "kb")(d)[0])), "matmul": _matmul,
    "vecdot": lambda d: call(d.tensor(s := d.shape(1)), d.tensor(s), dim=d.int(-len(s), len(s) - 1)),
    "diagonal": lambda d: call(d.tensor(d.shape(2)), offset=d.int(-2, 2)),
    "vander": lambda d: call(d.tensor(d.shape(1, 3, (2, 3, 5))), N=d.pick(None, 2, 4)),
}  # fmt: skip


def _new(*drawn: Any) -> Any:
    """What is said of a new tensor behind its own arguments: draw -> each of these."""

    def case(d: Draw) -> Any:
        named = {"dtype": d.kind(*ANY)} if d.maybe() else {}
        return call(*(part(d) for part in drawn), **named)

    return case


def _steps(d: Draw) -> Any:
    return d.pick(d.int(-3, 9), d.int(-40, 60) / 8)


def _arange(d: Draw) -> Any:
    start = _steps(d)
    numbers = d.pick((start,), (start, _steps(d)), (start, _steps(d), d.pick(1, 2, 0.5, -1, -0.25)))
    kinds = (*FLOATS, *WHOLE[:2]) if all(isinstance(x, int) for x in numbers) else FLOATS
    return call(*numbers, **({"dtype": d.kind(*kinds)} if d.int(0, 3) == 0 else {}))


def _spaced(d: Draw) -> Any:
    named = {"dtype": d.kind(*FLOATS)} if d.int(0, 3) == 0 else {}
    return call(_steps(d), _steps(d), d.pick(0, 1, 2, 3, 5, 8), **named)


def _triangle(d: Draw) -> Any:
    return call(d.size(), d.size(), **({"offset": d.int(-3, 3)} if d.maybe() else {}))


def _window(d: Draw) -> Any:
    return call(d.pick(0, 1, 3, 5, 8), d.maybe(), **({"dtype": d.kind(*FLOATS)} if d.maybe() else {}))


def _values(d: Draw) -> Any:
    if d.maybe():
        return d.pick(2, 1.5, True)
    return d.numbers.integers(0, 4, d.shape(0, 3)).astype(d.pick(*ANY[:4])).tolist()


def size(d: Draw) -> Any:
    return d.shape()


NEW = {
    "zeros": _new(size), "ones": _new(size), "empty": _new(size), "rand": _new(size), "randn": _new(size),
    "full": _new(size, lambda d: d.pick(2, 1.5, True)), "zeros_like": _new(lambda d: d.tensor()),
    "ones_like": _new(lambda d: d.tensor()), "empty_like": _new(lambda d: d.tensor()),
    "rand_like": _new(lambda d: d.tensor()), "randn_like": _new(lambda d: d.tensor()),
    "full_like": _new(lambda d: d.tensor(), lambda d: d.pick(2, 1.5, True)),
    "randint": _new(lambda d: d.int(0, 1), lambda d: 2, size), "randint_like": _new(lambda d: d.tensor(), lambda d: 2),
    "randperm": lambda d: call(d.int(0, 5)), "arange": _arange, "linspace": _spaced, "logspace": lambda d: call(
        d.int(-2, 2), d.int(-2, 2), d.pick(0, 1, 2, 5), **({"base": 2.0} if d.maybe() else {})),
    "eye": _new(lambda d: d.size(), lambda d: d.size()), "tensor": _new(_values), "as_tensor": _new(_values),
    "asarray": _new(_values), "scalar_tensor": _new(lambda d: d.pick(2, 1.5, True)),
    "tril_indices": _triangle, "triu_indices": _triangle, "bartlett_window": _window, "blackman_window": _window,
    "hamming_window": _window, "hann_window": _window,
    "bernoulli": lambda d: call(d.tensor(low=0, high=0.999 if d.dtype in FLOATS else 1, dtype=d.pick(*FLOATS))),
    "normal": lambda d: call(*d.pick((d.tensor(s := d.shape()), 0.0), (1.5, 0.0, s), (d.tensor(s), d.tensor(s, 0, 0)))),
    "poisson": lambda d: call(d.tensor(low=0, high=0)),
    "multinomial": lambda d: call(d.tensor(d.pick((3,), (2, 3), (1, 1)), 1, 2, tracked=False), 1),
    "new_full": _new(lambda d: d.tensor(), size, lambda d: 2), "new_empty": _new(lambda d: d.tensor(), size),
    "new_zeros": _new(lambda d: d.tensor(), size), "new_ones": _new(lambda d: d.tensor(), size),
    "new_tensor": _new(lambda d: d.tensor(), _values),
}  # fmt: skip

RANDOM = {"rand", "randn", "rand_like", "randn_like", "randint", "randint_like", "randperm", "empty", "empty_like",
          "bernoulli", "multinomial", "new_empty"}  # fmt: skip
"""Of which shape and dtype are compared."""

ASKED = {
    "is_complex": lambda d: call(d.tensor()), "is_signed": lambda d: call(d.tensor()),
    "is_floating_point": lambda d: call(d.tensor()), "numel": lambda d: call(d.tensor()),
    "is_same_size": lambda d: call(d.tensor(s := d.shape()), d.tensor(d.partner(s))),
    "get_device": lambda d: call(d.tensor()),
    "is_tensor": lambda d: call(d.pick(d.tensor(), 3)),
    "result_type": lambda d: call(*(d.pick(d.tensor(dtype=d.pick(*ANY)), 2, 1.5, True) for _ in range(2))),
    "promote_types": lambda d: call(d.kind(*ANY), d.kind(*ANY)), "can_cast": lambda d: call(d.kind(*ANY), d.kind(*ANY)),
    "ndimension": lambda d: call(d.tensor()), "nelement": lambda d: call(d.tensor()), "dim": lambda d: call(d.tensor()),
    "element_size": lambda d: call(d.tensor()), "size": lambda d: call(d.tensor(s := d.shape()), d.dim(len(s))),
    "stride": lambda d: call(d.tensor(d.shape(sizes=(2, 3, 5)))), "tolist": lambda d: call(d.tensor()),
    "is_contiguous": lambda d: call(d.tensor(d.shape(sizes=(2, 3, 5)))),
    "item": lambda d: call(d.tensor(d.shape(sizes=(1,)))),
}  # fmt: skip

CHANGED = {
    "view_as": lambda d: call(d.tensor((2, 3)), d.tensor(d.pick((3, 2), (6,), (1, 6)))),
    "reshape_as": lambda d: call(d.tensor((2, 3)), d.tensor(d.pick((3, 2), (6,), (4,)))),
    "expand_as": lambda d: call(d.tensor(d.partner(s := d.shape())), d.tensor(s)),
    "type_as": lambda d: call(d.tensor(), d.tensor(dtype=d.pick(*ANY))),
    "type": lambda d: call(d.tensor(), d.kind(*ANY)),
    "to": lambda d: call(d.tensor(), d.pick(d.kind(*ANY), "cpu", d.tensor(dtype=d.pick(*ANY)))),
    **{name: lambda d: call(d.tensor()) for name in ("float", "double", "half", "long", "int", "short", "char", "byte",
                                                     "bool", "contiguous", "cpu")},
    "copy_": lambda d: call(d.tensor(s := d.shape(), tracked=False), d.tensor(d.partner(s), dtype=d.pick(*ANY))),
    "requires_grad_": lambda d: call(d.tensor(tracked=False)), "zero_": lambda d: call(d.tensor(tracked=False)),
    "detach_": lambda d: call(d.tensor(tracked=False, plain=True)),
}  # fmt: skip
