"""Matrix products."""

from __future__ import annotations

from engine.errors import Fix, ShapeError, TypeMismatch
from engine.ops.base import Op, Spec, broadcast, times
from engine.wording import arrivals, counted


def same_dtype(where: str, *specs: object) -> None:
    """A TypeMismatch where input and parameters differ in dtype."""
    kinds = [s.dtype for s in specs if s is not None]
    if any(d != kinds[0] for d in kinds):
        raise TypeMismatch(where, got=f"the input is {kinds[0]} and the parameters are {kinds[1]}",
                           expected="one dtype", mend=f"call {caster(kinds[1])} on the input")  # fmt: skip


def caster(dtype: object) -> str:
    """The method that makes values of this dtype."""
    return {"float16": ".half()", "float32": ".float()", "float64": ".double()"}.get(str(dtype), f".to({str(dtype)!r})")


class Linear(Op):
    """y = x weight^T + bias.   x (..., I), weight (O, I), bias (O) or None -> (..., O)"""

    saves = ("x", "weight")

    def shape(self, x, weight, bias=None):
        features = weight.shape[1]
        if x.ndim == 0 or x.shape[-1] != features:
            raise ShapeError("Linear", got=_arriving(x), expected=f"{features} input features",
                             mend=_mend(x), fixes=_linear_fixes(x))  # fmt: skip
        same_dtype("Linear", x, weight)
        return Spec((*x.shape[:-1], weight.shape[0]), x.dtype)

    def forward(self, k, x, weight, bias=None):
        return k.linear(x, weight, bias)

    def backward(self, k, grad, needs, x, weight):
        return (
            k.linear_backward_input(grad, weight) if needs[0] else None,  # (..., I)
            k.linear_backward_weight(grad, x) if needs[1] else None,  # (O, I)
            k.linear_backward_bias(grad) if len(needs) > 2 and needs[2] else None,  # (O)
        )

    def flops(self, x, weight, bias=None):
        rows = x.size // max(x.shape[-1], 1)
        return rows * weight.shape[0] * (2 * x.shape[-1] + (bias is not None))


def _arriving(x):
    return arrivals(x.shape[-1], "feature") if x.ndim == 2 else f"a tensor of {times(x.shape)} arrives"


def _flat_size(x):
    size = 1
    for n in x.shape[1:]:
        size *= n
    return size


def _mend(x):
    if x.ndim > 2:
        return f"insert Flatten before it, which makes {counted(_flat_size(x), 'feature')}"
    return f"set in_features to {x.shape[-1]}" if x.ndim else ""


def _linear_fixes(x):
    if x.ndim > 2:
        return (
            Fix("Insert Flatten before Linear", "insert_before", name="Flatten"),
            Fix(f"Set in_features to {x.shape[-1]}", "set_parameter", name="in_features", value=x.shape[-1]),
        )
    if x.ndim == 0:
        return ()
    return (Fix(f"Set in_features to {x.shape[-1]}", "set_parameter", name="in_features", value=x.shape[-1]),)


def _turned(a, b):
    """Which of two matrices is to be turned over so that they go together."""
    if len(a) < 2 or len(b) < 2 or a[-1] == b[-2]:
        return ""
    how = ".T" if len(a) == len(b) == 2 else ".mT"
    return f"write a @ b{how}" if a[-1] == b[-1] else f"write a{how} @ b" if a[-2] == b[-2] else ""


class MatMul(Op):
    """Product of matrices or of batches of them.   a (..., M, K), b (..., K, N) -> (..., M, N)"""

    saves = ("a", "b")

    def shape(self, a, b):
        if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
            raise ShapeError("matmul", got=f"{times(a.shape)} is multiplied with {times(b.shape)}",
                             expected="as many columns of the first as rows of the second",
                             mend=_turned(a.shape, b.shape))  # fmt: skip
        return Spec((*broadcast("matmul", a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]), a.dtype)

    def forward(self, k, a, b):
        return k.matmul(a, b)

    def backward(self, k, grad, needs, a, b):
        return (
            k.matmul_backward_left(grad, b, a.shape) if needs[0] else None,
            k.matmul_backward_right(grad, a, b.shape) if needs[1] else None,
        )

    def flops(self, a, b):
        return 2 * self.shape(a, b).size * a.shape[-1]
