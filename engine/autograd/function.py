"""Functions with a gradient of one's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from engine.errors import GradientError
from engine.ops.base import Op, Spec, times
from engine.tensor import apply, cat, no_grad, wrap
from engine.tensor.grad_mode import is_grad_enabled
from engine.tensor.tape import Core
from engine.wording import counted


class Context:
    """What `forward` leaves for `backward`; other attributes may be set on it as one likes.

    Attributes:
        needs_input_grad: for each argument of `apply`, whether its gradient is wanted.
        saved_tensors: what `save_for_backward` was given.
    """

    needs_input_grad: tuple[bool, ...] = ()
    saved_tensors: tuple[Any, ...] = ()
    _constant: tuple[int, ...] = ()
    _dirty: tuple[int, ...] = ()
    _materialize = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors, or None, for the gradient; that they are not changed in place until then is watched over."""
        self.saved_tensors = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say which of the results have no gradient; whole numbers and truth values have none anyway."""
        self._constant = tuple(map(id, tensors))

    def mark_dirty(self, *tensors: Any) -> None:
        """Say which of the arguments `forward` changes in place; it returns them, too."""
        self._dirty = tuple(map(id, tensors))

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros, or None, as the gradient of a result that has none. By default zeros.

        Of a result that has a gradient and was not used it gets zeros in any case.
        """
        self._materialize = bool(value)


class Function:
    """An operation with a gradient of its own: a subclass has `forward` and `backward`, and is called by `apply`.

    `forward(ctx, *args)` computes with tensors, whose history is not noted, and returns a tensor or a tuple of them.
    `backward(ctx, *grads)` gets the gradient of each result and returns one for each argument, None for what is no
    tensor. It runs with the tape where `create_graph=True` asks for the gradient of the gradient.
    Instead of taking `ctx`, `forward` may leave the saving to `setup_context(ctx, inputs, output)`.

    Example:
        >>> import engine
        >>> class Cube(engine.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x**3
        ...
        ...     @staticmethod
        ...     def backward(ctx, grad):
        ...         (x,) = ctx.saved_tensors
        ...         return grad * 3 * x**2
        >>> x = engine.tensor(2.0, requires_grad=True)
        >>> Cube.apply(x).backward()
        >>> x.grad
        tensor(12.)
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    setup_context: Callable[..., None] | None = None

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """The results for these arguments, noted on the tape as one step."""
        ctx = Context()
        wanted = tuple(isinstance(a, Core) and a.requires_grad for a in args)
        ctx.needs_input_grad = wanted
        with no_grad():
            if cls.setup_context is None:
                output = cls.forward(ctx, *args)
            else:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
        if not (is_grad_enabled() and any(wanted)):
            return output
        many = isinstance(output, tuple)
        results = _noted(cls, ctx, args, output if many else (output,))
        return results if many else results[0]


def _noted(cls: type[Function], ctx: Context, args: tuple[Any, ...], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The outputs with a history. Several share one, which is of their elements one behind the other."""
    inputs = [a for a in args if isinstance(a, Core)]
    smooth = [o for o in outputs if isinstance(o, Core) and o.dtype.kind == "f" and id(o) not in ctx._constant]
    if not smooth:
        return outputs
    whole = smooth[0] if len(smooth) == 1 and not ctx._dirty else _joined(smooth)
    known = apply(_Call(cls, ctx, args, outputs, smooth, whole), *inputs)
    parts = iter([known] if len(smooth) == 1 else parted(known, [Spec(o.array.shape, o.array.dtype) for o in smooth]))
    return tuple(_known(cls, ctx, o, next(parts)) if any(o is s for s in smooth) else o for o in outputs)


def _known(cls: type[Function], ctx: Context, output: Any, part: Any) -> Any:
    """An output with its history; an argument that was changed in place goes on with it."""
    if id(output) not in ctx._dirty:
        return part
    output._refuse(cls.__name__)
    return output._become(cls.__name__, part)


def _joined(tensors: list[Any]) -> Any:
    with no_grad():
        return tensors[0].clone() if len(tensors) == 1 else cat([t.reshape(-1) for t in tensors])


class _Call(Op):
    """One call of a Function, as the tape notes it.

    What the function saved is kept as the tape keeps it: inputs and outputs with their history, others as constants.
    """

    calls_back = True

    def __init__(self, cls: type[Function], ctx: Context, args: tuple[Any, ...], outputs: tuple[Any, ...],
                 smooth: list[Any], whole: Any) -> None:  # fmt: skip
        self.cls, self.ctx, self.whole, self.device = cls, ctx, whole, whole.device
        self.twice = not getattr(cls.backward, "is_once_only", False)
        self.outputs = [(Spec(o.array.shape, o.array.dtype), any(o is s for s in smooth)) for o in outputs]
        self.args = [Spec(a.array.shape, a.array.dtype) if isinstance(a, Core) else None for a in args]
        inputs = [a for a in args if isinstance(a, Core)]
        unchanged = [None if id(a) in ctx._dirty else a for a in inputs]
        self.places = [_place(t, unchanged, smooth) for t in ctx.saved_tensors]
        self.others = [t.array for t, name in zip(ctx.saved_tensors, self.places) if name.startswith("other")]
        ctx.saved_tensors = ()  # they come back, with their history, when backward runs
        self.extras = tuple(f"other {i}" for i in range(len(self.others)))
        self._inputs = tuple(f"input {i}" for i in range(len(inputs)))
        values = ("out", *self.extras, *self._inputs)
        self._keeps_out = any(name.startswith("out") for name in self.places)
        kept = {*self.places, *self.extras, *(["out"] if self._keeps_out else [])}
        self.saves = tuple(value for value in values if value in kept)
        self._kept = tuple(map(values.index, self.saves))
        self._guarded = tuple(i for i, name in enumerate(self._inputs) if name in self.saves)

    @property
    def name(self) -> str:
        return self.cls.__name__

    def shape(self, *specs: Any) -> None:
        """Nothing: forward has run already."""

    def forward(self, k: Any, *arrays: Any) -> Any:
        whole, others = self.whole.array, self.others
        self.whole = self.others = None  # the tape keeps what is saved
        return (whole, *others) if others else whole

    def backward(self, k: Any, grad: Any, needs: tuple[bool, ...], *saved: Any) -> tuple[Any, ...]:
        def tensor(array: Any) -> Any:
            return wrap(k.as_array(array), self.device)

        with no_grad():
            gradients = self.backward_of_tensors(k, tensor(grad), needs, *map(tensor, saved))
        return tuple(None if g is None else g.array for g in gradients)

    def backward_of_tensors(self, k: Any, grad: Any, needs: tuple[bool, ...], *saved: Any) -> tuple[Any, ...]:
        values = dict(zip(self.saves, saved))
        if "out" in values:
            values |= {f"out {i}": part for i, part in enumerate(self._parts(values["out"]))}
        others = iter(self.extras)
        names = [next(others) if name == "other" else name for name in self.places]
        self.ctx.saved_tensors = tuple(values.get(name) for name in names)
        parts = iter(self._parts(grad))
        try:
            found = self.cls.backward(self.ctx, *(next(parts) if own else self._zeros(s) for s, own in self.outputs))
        finally:
            self.ctx.saved_tensors = ()
        return self._checked(found if isinstance(found, tuple) else (found,), needs)

    def _parts(self, whole: Any) -> list[Any]:
        specs = [spec for spec, smooth in self.outputs if smooth]
        return [whole] if len(specs) == 1 else parted(whole, specs)

    def _zeros(self, spec: Spec) -> Any:
        if not self.ctx._materialize:
            return None
        return wrap(self.device.kernels.zeros(spec.shape, spec.dtype), self.device)

    def _checked(self, found: tuple[Any, ...], needs: tuple[bool, ...]) -> tuple[Any, ...]:
        """The gradients of the arguments that are tensors."""
        where = f"{self.name}.backward"
        if len(found) < len(self.args) or any(g is not None for g in found[len(self.args) :]):
            raise GradientError(where, got=f"{counted(len(found), 'gradient')} came back",
                                expected=f"{len(self.args)}, one for each argument of apply")  # fmt: skip
        gradients, wanted = [], iter(needs)
        for number, (spec, gradient) in enumerate(zip(self.args, found)):
            if spec is None:
                continue
            if not next(wanted) or gradient is None:
                gradients.append(None)
                continue
            if tuple(gradient.shape) != spec.shape:
                raise GradientError(where, got=f"the gradient of argument {number} is {times(gradient.shape)}",
                                    expected=times(spec.shape))  # fmt: skip
            gradients.append(gradient.to(dtype=spec.dtype))
        return tuple(gradients)


def _place(tensor: Any, inputs: list[Any], outputs: list[Any]) -> str:
    """Where a saved tensor comes from."""
    for kind, tensors in (("input", inputs), ("out", outputs)):
        for number, other in enumerate(tensors):
            if other is tensor and tensor is not None:
                return f"{kind} {number}"
    return "none" if tensor is None else "other"


def parted(whole: Any, specs: list[Spec]) -> list[Any]:
    """The parts of a vector, in these shapes and dtypes."""
    parts, start = [], 0
    for spec in specs:
        parts.append(whole[start : start + spec.size].reshape(spec.shape).to(dtype=spec.dtype))
        start += spec.size
    return parts


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates the `backward` of a Function that uses more than tensors: its gradient has none, and says so."""

    @wraps(backward)
    def once(ctx: Context, *grads: Any) -> Any:
        with no_grad():
            return backward(ctx, *grads)

    once.is_once_only = True
    return once
