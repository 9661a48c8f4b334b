"""Random arguments for reductions, scans, orders and searches."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.parity.random_arguments import ANY, FLOATS, SIZES, WHOLE, Draw, call


def reduction(several: bool = True, keepdim: bool = True, dtype: bool = False, apart: bool = False) -> Any:
    """Over no axis, one, or (several) some of them."""

    def case(d: Draw) -> Any:
        x = d.tensor(shape := d.shape(), -2, 2, apart=apart)
        options: dict[str, Any] = {}
        if d.int(0, 3):
            options["dim"] = d.axes(len(shape)) if several and d.maybe() else d.dim(len(shape))
            if keepdim and d.maybe():
                options["keepdim"] = d.maybe()
        if dtype and d.int(0, 3) == 0:
            options["dtype"] = d.kind("float32", "float64", "int64", "int32")
        return call(x, **options)

    return case


def _median(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(sizes=SIZES if d.dtype in FLOATS else (1, 2, 3)), apart=True)
    return call(x, *(() if d.int(0, 3) == 0 else (d.dim(len(shape)), d.maybe())))


def _spread(d: Draw) -> Any:
    x = d.tensor(shape := d.shape())
    options: dict[str, Any] = {"dim": d.axes(len(shape)) or 0, "keepdim": d.maybe()} if d.int(0, 3) else {}
    if d.maybe():
        options |= {"correction": d.pick(0, 1)} if options or d.maybe() else {"unbiased": d.maybe()}
    return call(x, **options)


def along(apart: bool = False) -> Any:
    """Along one axis."""
    return lambda d: call(d.tensor(s := d.shape(sizes=(1, 2, 3, 5)), apart=apart), d.dim(len(s)))


def _norm(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(), 0.3, 3)
    if d.int(0, 3) == 0:
        return call(x)
    return call(x, d.pick(1, 2, 3, 0.5, float("inf"), -float("inf"), "fro"), d.axes(len(shape)), d.maybe())


def _order(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(), apart=d.dtype != "bool")
    options: dict[str, Any] = {"dim": d.dim(len(shape)), "descending": d.maybe()} if d.maybe() else {}
    return call(x, **options, **({"stable": True} if d.dtype == "bool" or d.maybe() else {}))


def _topk(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(), apart=True)
    dim = d.dim(len(shape))
    n = shape[dim] if -len(shape) <= dim < len(shape) else 1
    k = d.int(0 if shape else 1, n + (d.int(0, 9) == 9))
    return call(x, k, dim, d.maybe(), **({"sorted": True} if d.maybe() else {}))


def _kthvalue(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(), apart=True)
    dim = d.dim(len(shape))
    n = shape[dim] if -len(shape) <= dim < len(shape) else 1
    return call(x, d.int(1, max(n, 1)), dim, d.maybe())


def _quantile(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(), apart=True)
    q = d.pick(0.0, 0.3, 1.0, d.tensor(d.shape(0, 1, (1, 2, 3)), 0, 1, tracked=False))
    options: dict[str, Any] = {"dim": d.dim(len(shape)), "keepdim": d.maybe()} if d.maybe() else {}
    if d.maybe():
        options["interpolation"] = d.pick("linear", "lower", "higher", "nearest", "midpoint")
    return call(x, q, **options)


def _diff(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(1))
    dim = d.int(-len(shape), len(shape) - 1)
    options: dict[str, Any] = {"n": d.int(0, 3)} if d.maybe() else {}
    for name in ("prepend", "append"):
        if d.int(0, 3) == 0:
            beside = list(shape)
            beside[dim] = d.size()
            options[name] = d.tensor(beside)
    return call(x, dim=dim, **options)


def _trapezoid(d: Draw) -> Any:
    y = d.tensor(shape := d.shape(1, sizes=SIZES if d.dtype in FLOATS else (1, 2, 3)))
    dim = d.int(-len(shape), len(shape) - 1)
    beside = d.pick({}, {"dx": 0.5}, {"x": d.tensor((shape[dim],), apart=True)}, {"x": d.tensor(shape, apart=True)})
    return call(y, dim=dim, **beside)


def _cov(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(1, 2, (1, 2, 3, 5)), tracked=d.maybe() and d.dtype == "float64")
    n = shape[-1] if shape else 1
    options: dict[str, Any] = {"correction": d.int(0, 1)} if d.maybe() else {}
    if d.int(0, 2) == 0:
        options["fweights"] = d.tensor((n,), 1, 4, dtype="int64")
    if d.dtype in FLOATS and d.int(0, 2) == 0:
        options["aweights"] = d.tensor((n,), 0.5, 2, tracked=False)
    return call(x, **options)


def _bincount(d: Draw) -> Any:
    n = d.size()
    options: dict[str, Any] = {"minlength": d.int(0, 9)} if d.maybe() else {}
    if d.maybe():
        options["weights"] = d.tensor((n,), dtype=d.pick(*ANY), tracked=False)
    return call(d.tensor((n,), 0, 6, dtype=d.pick(*WHOLE)), **options)


def _histc(d: Draw) -> Any:
    limits = d.pick({}, {"min": -2, "max": 2}, {"min": 0, "max": 0.5})
    return call(d.tensor(d.shape(sizes=(1, 2, 3, 5))), d.int(1, 9), **limits)


def _histogram(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(sizes=(1, 2, 3, 5)))
    options: dict[str, Any] = {"weight": d.tensor(shape, 0, 2, tracked=False)} if d.maybe() else {}
    options |= {"density": True} if d.maybe() else {}
    if d.int(0, 2) == 0:
        return call(x, d.given(sorted_values(d.tensor((d.int(1, 6),), tracked=False)), False), **options)
    return call(x, d.int(1, 9), **options, **d.pick({}, {"range": (-2.0, 2.0)}, {"range": (0.0, 0.5)}))


def _bounds(d: Draw) -> tuple[Any, Any]:
    options: dict[str, Any] = {}
    for name in ("out_int32", "right"):
        if d.maybe():
            options[name] = d.maybe()
    ordered = d.tensor((d.size(),), tracked=False)
    ordered = d.given(sorted_values(ordered), False)
    return ordered, options


def sorted_values(x: Any) -> Any:
    return np.sort(x.leaf[::2] if x.view == "every other" else x.leaf)


def _searchsorted(d: Draw) -> Any:
    ordered, options = _bounds(d)
    return call(ordered, d.pick(1.5, d.tensor(tracked=False)), **options)


def _bucketize(d: Draw) -> Any:
    ordered, options = _bounds(d)
    return call(d.pick(1.5, d.tensor(tracked=False)), ordered, **options)


def _unique(d: Draw, names: tuple[str, ...] = ("return_inverse", "return_counts")) -> Any:
    x = d.tensor(shape := d.shape(0, 3), 0, 2, dtype=d.pick("int64", "uint8", "bool"))
    options: dict[str, Any] = {name: True for name in names if d.maybe()}
    if shape and 0 not in shape and d.int(0, 2) == 0:
        options["dim"] = d.dim(len(shape))
    return call(x, **options)


REDUCTIONS = {
    "sum": reduction(dtype=True), "mean": reduction(dtype=True), "nansum": reduction(dtype=True),
    "nanmean": reduction(dtype=True), "prod": reduction(several=False, dtype=True), "all": reduction(),
    "any": reduction(), "amax": reduction(apart=True), "amin": reduction(apart=True),
    "max": reduction(several=False, apart=True), "min": reduction(several=False, apart=True),
    "argmax": reduction(several=False, apart=True), "argmin": reduction(several=False, apart=True),
    "aminmax": reduction(several=False, apart=True), "median": _median,
    "nanmedian": _median, "count_nonzero": reduction(keepdim=False),
    "logsumexp": lambda d: call(d.tensor(s := d.shape()), d.dim(len(s)), d.maybe()),
    "var": _spread, "std": _spread, "var_mean": _spread, "std_mean": _spread,
    "norm": _norm, "mode": reduction(several=False, apart=True), "kthvalue": _kthvalue, "quantile": _quantile,
    "nanquantile": _quantile, "cov": _cov, "corrcoef": lambda d: call(d.tensor(d.shape(2, 2, (2, 3, 5)))),
    "dist": lambda d: call(d.tensor(shape := d.shape()), d.tensor(d.partner(shape)), d.pick(1, 2, 3, 0.5)),
    "renorm": lambda d: call(d.tensor(shape := d.shape(2)), d.pick(1, 2, 3), d.dim(len(shape)), 0.5),
    "cumsum": lambda d: call(d.tensor(s := d.shape(), -2, 2), d.dim(len(s)), **_other_dtype(d)),
    "cumprod": lambda d: call(d.tensor(s := d.shape(), -2, 2), d.dim(len(s)), **_other_dtype(d)),
    "logcumsumexp": along(), "cummax": along(apart=True), "cummin": along(apart=True),
    "softmax": lambda d: call(d.tensor(s := d.shape()), d.dim(len(s)), **_other_dtype(d)),
    "log_softmax": lambda d: call(d.tensor(s := d.shape()), d.dim(len(s)), **_other_dtype(d)),
    "argsort": _order, "sort": _order, "msort": lambda d: call(d.tensor(apart=True)), "topk": _topk,
    "diff": _diff, "trapezoid": _trapezoid, "cumulative_trapezoid": _trapezoid, "bincount": _bincount,
    "histc": _histc, "histogram": _histogram, "searchsorted": _searchsorted, "bucketize": _bucketize, "unique": _unique,
    "unique_consecutive": _unique, "nonzero": lambda d: call(d.tensor(low=-1, high=1), **_as_tuple(d)),
    "argwhere": lambda d: call(d.tensor(low=-1, high=1)),
}  # fmt: skip


def _as_tuple(d: Draw) -> Any:
    return {"as_tuple": d.maybe()} if d.maybe() else {}


def _other_dtype(d: Draw) -> Any:
    return {"dtype": d.kind(*FLOATS)} if d.int(0, 3) == 0 else {}


_APART = ("topk", "kthvalue", "median", "nanmedian", "mode", "msort", "cummax", "cummin", "max", "min", "amax", "amin",
          "aminmax", "argmax", "argmin", "cumsum", "cumprod")  # fmt: skip

KINDS = {"softmax": FLOATS, "log_softmax": FLOATS, **dict.fromkeys(_APART, (*FLOATS, *WHOLE))}
"""Of which values: what is drawn apart holds no truth values."""
