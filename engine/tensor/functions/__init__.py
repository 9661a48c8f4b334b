"""Functions of tensors by family, and the table of what each is: `engine.x(...)`, `Tensor.x(...)`, `Tensor.x_(...)`.

All take the tensor first, by PyTorch's name for it. A family with ops of its own names them; the others are
compositions, whose gradients are those of their parts.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from engine.tensor import spellings
from engine.tensor.tape import Core, mode

__all__ = ["ALIASES", "BOTH", "FUNCTIONS", "IN_PLACE", "METHODS", "attach", "function", "names"]

BOTH: dict[str, str] = {
    "elementwise": """
        acos acosh asin asinh atan atanh cosh erfc erfinv exp2 i0 lgamma log10 log2 sinh tan
        atan2 hypot logaddexp logaddexp2 nextafter remainder fmod floor_divide true_divide float_power ldexp copysign
        trunc frac positive sgn signbit isposinf isneginf isreal isclose heaviside deg2rad rad2deg nan_to_num
        lerp addcmul addcdiv clamp_min clamp_max fmax fmin""",
    "whole": "bitwise_and bitwise_or bitwise_xor bitwise_not bitwise_left_shift bitwise_right_shift gcd lcm",
    "statistics": "nansum nanmean aminmax count_nonzero dist renorm cov corrcoef diff bincount histc histogram",
    "quantiles": "median nanmedian kthvalue mode quantile nanquantile",
    "ordering": "cumprod logcumsumexp cummax cummin argsort sort msort topk nonzero argwhere unique unique_consecutive",
    "products": """
        dot mm bmm mv outer inner vdot addmm addmv addr baddbmm addbmm kron trace diag diag_embed diagflat cross
        matrix_power""",
    "axes": """
        movedim flip fliplr flipud roll rot90 tile repeat_interleave ravel adjoint tensor_split hsplit vsplit dsplit
        diagonal select_scatter slice_scatter diagonal_scatter""",
    "scattering": """
        scatter scatter_add scatter_reduce index_add index_copy index_reduce index_fill index_put put masked_scatter
        take take_along_dim fill""",
    "decompositions": "inverse det slogdet logdet cholesky qr svd pinverse lu_solve",
    "factored": "cholesky_solve cholesky_inverse matrix_exp",
    "drawing": "multinomial",
    "strided": "as_strided",
    "special": "digamma polygamma mvlgamma logit sinc xlogy igamma igammac",
    "inquiry": "allclose get_device is_complex is_signed is_nonzero is_same_size",
}
"""engine.x(input, ...) and input.x(...)"""

FUNCTIONS: dict[str, str] = {
    "statistics": "var_mean std_mean trapezoid cumulative_trapezoid",
    "ordering": "searchsorted bucketize isin",
    "products": "tensordot cdist pdist chain_matmul",
    "einsum": "einsum",
    "factored": "lu_unpack",
    "axes": "atleast_1d atleast_2d atleast_3d unravel_index",
    "assembling": """
        hstack vstack dstack column_stack broadcast_shapes broadcast_tensors meshgrid block_diag cartesian_prod
        combinations vander""",
    "making": """
        logspace randint_like tril_indices triu_indices asarray scalar_tensor frombuffer
        bartlett_window blackman_window hamming_window hann_window""",
    "drawing": "normal poisson",
    "inquiry": "finfo iinfo can_cast result_type",
}
"""engine.x(...) alone"""

METHODS: dict[str, str] = {
    "axes": "unfold sum_to_size",
    "making": "new_full new_empty new_zeros new_ones new_tensor",
    "scattering": "fill_diagonal_",
    "drawing": "bernoulli exponential_ bernoulli_ geometric_ log_normal_ cauchy_ random_",
    "inquiry": "ndimension nelement stride data_ptr",
    "strided": "storage_offset",
}
"""input.x(...) alone"""

IN_PLACE = """
    abs acos acosh addcdiv addcmul addmm addmv addr addbmm asin asinh atan atan2 atanh baddbmm bitwise_and
    bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor ceil clamp_max clamp_min copysign cos
    cosh cumprod cumsum deg2rad digamma eq erf erfc erfinv exp exp2 expm1 float_power floor floor_divide fmod frac
    gcd ge gt heaviside hypot i0 igamma igammac index_add index_copy index_fill index_put index_reduce lcm ldexp le
    lerp lgamma log log10 log1p log2 logical_and logical_not logical_or logical_xor logit lt masked_scatter mvlgamma
    nan_to_num ne neg nextafter polygamma put rad2deg reciprocal remainder renorm round rsqrt scatter
    scatter_add scatter_reduce sgn sigmoid sign sin sinc sinh sqrt square tan tanh tril triu true_divide trunc xlogy"""
"""input.x_(...): the values of input.x(...) in the memory of the input"""

WRITTEN_OUT = "add sub mul div pow clamp relu masked_fill"
"""Those that `engine.tensor.inplace` writes out, where they may save a tensor; they share the docstring, too."""

TURNS = "squeeze unsqueeze t transpose swapaxes"
"""input.x_(...): the tensor itself in the shape of its view input.x(...)"""

ALIASES = {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan",
    "arctan2": "atan2", "arctanh": "atanh", "negative": "neg", "fix": "trunc", "multiply": "mul", "subtract": "sub",
    "divide": "div", "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "not_equal": "ne",
    "moveaxis": "movedim", "swapdims": "swapaxes", "ger": "outer", "clip": "clamp",
    "split_with_sizes": "split",
}  # fmt: skip
"""other name -> name, of functions and of methods; of the twins in place, too, where there is one"""

FUNCTION_ALIASES = {"trapz": "trapezoid", "row_stack": "vstack"}
"""other name -> name, of functions alone"""

FUNCTIONS_IN_PLACE = """
    abs acos acosh addmv asin asinh atan atanh ceil clamp clamp_max clamp_min cos cosh deg2rad detach erf erfc exp exp2
    expm1 fill floor frac gcd i0 index_put lcm ldexp log log10 log1p log2 logit nan_to_num neg rad2deg reciprocal relu
    round rsqrt sigmoid sin sinc sinh sqrt square tan tanh trunc xlogy zero"""
"""engine.x_(input, ...): of all twins in place, those that PyTorch has as functions, too"""


FAMILIES = {name: family for table in (BOTH, FUNCTIONS, METHODS) for family in table for name in table[family].split()}
"""name -> the family it is in, which is imported when one of its functions is first used"""


def names() -> set[str]:
    """What `engine` has of the table."""
    return {name for table in (BOTH, FUNCTIONS) for family in table.values() for name in family.split()}


def function(name: str) -> Any:
    """A function of the table."""
    return spelt(getattr(importlib.import_module(f"{__name__}.{FAMILIES[name]}"), name))


def spelt(function: Any) -> Any:
    """The function, which takes `axis` for `dim` and `keepdims` for `keepdim`, too, where it has these."""
    if isinstance(function, type):
        return function
    names = inspect.signature(function).parameters
    also = {other: name for other, name in (("axis", "dim"), ("keepdims", "keepdim")) if name in names}
    return spellings.also(**also)(function) if also else function


class Later:
    """A method that is made when it is first asked for, and stands in the class from then on."""

    def __init__(self, cls: type, name: str, make: Callable[[], Any]) -> None:
        self.cls, self.name, self.make = cls, name, make

    def __get__(self, instance: Any, owner: type) -> Any:
        method = self.make()
        setattr(self.cls, self.name, method)
        return method.__get__(instance, owner)


def attach(cls: type) -> None:
    """Give the class of tensors its methods of the table."""

    def later(name: str, make: Callable[..., Any], *args: Any) -> None:
        setattr(cls, name, Later(cls, name, partial(make, *args)))

    for table in (BOTH, METHODS):
        for name in " ".join(table.values()).split():
            later(name, function, name)
    for name in IN_PLACE.split():
        later(f"{name}_", _in_place, cls, name)
    for name in WRITTEN_OUT.split():
        getattr(cls, f"{name}_").__doc__ = in_place(getattr(cls, name).__doc__)
    for name in TURNS.split():
        later(f"{name}_", _turned, cls, name)
    there = dir(cls)
    for other, name in ALIASES.items():
        later(other, getattr, cls, name)
        if f"{name}_" in there:
            later(f"{other}_", getattr, cls, f"{name}_")


def _in_place(cls: type, name: str) -> Any:
    function = getattr(cls, name)

    @wraps(function)
    def method(self: Any, *args: Any, **named: Any) -> Any:
        self._refuse(f"{name}_")
        tracked = mode.grad and any(isinstance(x, Core) and x._requires_grad for x in (self, *args, *named.values()))
        before = self.clone() if tracked else self  # gradients may need the values that are about to go
        return self._become(f"{name}_", function(before, *args, **named))

    method.__name__, method.__qualname__ = f"{name}_", f"{cls.__name__}.{name}_"
    method.__doc__ = in_place(function.__doc__)
    return method


def in_place(text: str | None) -> str:
    """The docstring of a twin in place, from that of the original, example included."""
    return f"In place, in the memory of this tensor: {text}"


def _turned(cls: type, name: str) -> Any:
    function = getattr(cls, name)

    @wraps(function)
    def method(self: Any, *args: Any, **named: Any) -> Any:
        view = function(self, *args, **named)
        return view if view is self else self._turn(f"{name}_", view)

    method.__name__, method.__qualname__ = f"{name}_", f"{cls.__name__}.{name}_"
    method.__doc__ = in_place(function.__doc__)
    return method
