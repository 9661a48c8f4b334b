"""Changes in place, guarded: the tape must neither lose a value that it needs nor keep a history that is not true."""

from __future__ import annotations

from typing import Any

from engine.errors import GradientError, ShapeError, TypeMismatch
from engine.ops.base import times
from engine.ops.indexing import SetItem
from engine.ops.products import caster
from engine.random import Generator, default_generator
from engine.tensor.operands import cast, operand, scaled
from engine.tensor.promotion import require_fit, wrapped
from engine.tensor.tape import Core, apply, follow, keep_values, mode, retell, shares_memory


def _twin(operator: str, name: str) -> Any:
    """An operator in place, by the method of that name."""

    def call(self: Any, other: Any) -> Any:
        return getattr(self, name)(other)

    call.__name__, call.__qualname__ = operator, f"InPlace.{operator}"
    return call


class InPlace:
    """The methods that end in _, the augmented assignments and item assignment."""

    array: Any
    device: Any

    def _refuse(self, where: str) -> None:
        """Memory of its own is needed, and a leaf that wants a gradient may only be changed without the tape."""
        if self._base is not None and not shares_memory(self, self._base):
            self._stand_alone()
        self._catch_up()
        self._refuse_leaf(where)
        if self.device.is_meta:
            return
        if (self if self._base is None else self._base)._is_apart:
            raise ShapeError(where, got="what was viewed lies in another order, and would not be changed with its view",
                             mend="call .reshape() or .clone() in the place of .view()")  # fmt: skip
        if not self.array.flags.c_contiguous and overlaps(self.array):
            raise ShapeError(where, got="several elements of the tensor lie in one place of its memory",
                             expected="a place for each", mend="clone() it before the change")  # fmt: skip
        if not getattr(self.array.flags, "writeable", True):
            raise TypeMismatch(where, got="the memory of the tensor can only be read",
                               mend="clone() it before the change")  # fmt: skip

    def _refuse_leaf(self, where: str) -> None:
        if mode.grad and (self._leaf_below or (self._requires_grad and self._node is None)):
            which = "a leaf" if self._base is None else "a view of a leaf"
            raise GradientError(where, got=f"{which} that requires a gradient is changed in place",
                                mend="do it inside `with no_grad():`, or on a copy")  # fmt: skip

    def _turn(self, where: str, view: Any) -> Any:
        """Be this view of itself: the same values in another shape, with the history of the view."""
        self._refuse_leaf(where)
        if self._node is not None and not mode.grad:
            raise GradientError(where, got="a tensor with a history is given another shape without the tape",
                                mend="detach() it first")  # fmt: skip
        self.array = view.array
        if view._base is not self:  # a view itself, it is one of the same tensor still
            self._base, self._path, self._told = view._base, view._path, view._told
        if mode.grad and self._requires_grad:
            follow(self, view._node)
        if view._base is self:
            self._told += 1
            self._turned = self._told
        return self

    def _become(self, where: str, result: Any) -> Any:
        """Take over a result's values, in this tensor's memory, and its history."""
        if tuple(result.shape) != tuple(self.shape):
            raise ShapeError(where, got=f"the result is {times(result.shape)}", expected=times(self.shape),
                             mend="a change in place keeps the shape")  # fmt: skip
        ranks = {"b": 0, "u": 1, "i": 1, "f": 2}
        if ranks[result.dtype.kind] > ranks[self.dtype.kind]:
            raise TypeMismatch(where, got=f"the result is {result.dtype}", expected=f"{self.dtype}",
                               mend=f"call {caster(result.dtype)} on the tensor first")  # fmt: skip
        if mode.grad and result._requires_grad and self._base is not None and self._path is None:
            raise GradientError(where, got="the view was taken without the tape and is changed with it",
                                mend="take the view where the tape runs, or clone() it")  # fmt: skip
        if not self.device.is_meta:
            if result._node is not None:
                keep_values(result._node, self)
            self.device.kernels.assign(self.array, result.array)
        return self._changed(result)

    def _changed(self, result: Any = None) -> Any:
        """Count the change; with the result of an op, go on with its history."""
        self._cell().number += 1
        if result is not None and mode.grad and (result._requires_grad or self._requires_grad):
            retell(self, cast(result, self.dtype)._node)
        return self

    def _put(self, op: SetItem, value: Any) -> None:
        self._refuse("item assignment")
        value = operand(self, value)
        if value.device is not self.device and value.array.ndim == 0:
            value = value.to(self.device)
        value = cast(value, self.dtype)
        if mode.grad and (self._requires_grad or value._requires_grad):
            self._become("item assignment", apply(op, self, value))
            return
        if self.device.is_meta:
            apply(op, self, value)
            return
        try:
            self.device.kernels.assign_at(self.array, op.index, value.array)
        except (ValueError, IndexError):
            op.shape(self.array, value.array)
            raise
        self._changed()

    def _directly(self, kernel: str, other: Any) -> bool:
        """Compute into this tensor's own memory, where nobody watches and nothing has to be stretched or cast."""
        if self.device.is_meta or mode.listeners or self.dtype.kind != "f":
            return False
        if isinstance(other, Core):
            if mode.grad and (self._requires_grad or other._requires_grad):
                return False
            if other.device is not self.device or other.dtype != self.dtype or other.array.shape != self.array.shape:
                return False
            other = other.array
        elif type(other) not in (int, float) or (mode.grad and self._requires_grad):
            return False
        getattr(self.device.kernels, kernel)(self.array, other, out=self.array)
        self._cell().number += 1
        return True

    def add_(self, other: Any, *, alpha: float = 1) -> Any:
        """self += alpha * other"""
        self._refuse("add_")
        other = other if alpha == 1 else scaled("add_", self, other, alpha)
        return self if self._directly("add", other) else self._become("add_", self + other)

    def sub_(self, other: Any, *, alpha: float = 1) -> Any:
        """self -= alpha * other"""
        self._refuse("sub_")
        other = other if alpha == 1 else scaled("sub_", self, other, alpha)
        return self if self._directly("sub", other) else self._become("sub_", self - other)

    def mul_(self, other: Any) -> Any:
        """self *= other"""
        self._refuse("mul_")
        return self if self._directly("mul", other) else self._become("mul_", self * other)

    def div_(self, other: Any, *, rounding_mode: str | None = None) -> Any:
        """self /= other, rounded as `div` does it."""
        self._refuse("div_")
        if rounding_mode is not None:
            tracked = mode.grad and (self._requires_grad or (isinstance(other, Core) and other._requires_grad))
            before = self.clone() if tracked else self
            return self._become("div_", before.div(other, rounding_mode=rounding_mode))
        return self if self._directly("div", other) else self._become("div_", self / other)

    def pow_(self, exponent: Any) -> Any:
        """self **= exponent"""
        self._refuse("pow_")
        return self._become("pow_", self**exponent)

    __iadd__, __isub__, __imul__, __itruediv__, __ipow__ = add_, sub_, mul_, div_, pow_
    __iand__, __ior__ = _twin("__iand__", "bitwise_and_"), _twin("__ior__", "bitwise_or_")
    __ixor__, __imod__ = _twin("__ixor__", "bitwise_xor_"), _twin("__imod__", "remainder_")
    __ilshift__, __irshift__ = _twin("__ilshift__", "bitwise_left_shift_"), _twin("__irshift__", "bitwise_right_shift_")
    __ifloordiv__ = _twin("__ifloordiv__", "floor_divide_")

    def clamp_(self, min: Any = None, max: Any = None) -> Any:
        """Bring every element between min and max."""
        self._refuse("clamp_")
        return self._become("clamp_", self.clamp(min, max))

    def relu_(self) -> Any:
        """Set what is below 0 to 0."""
        self._refuse("relu_")
        return self._become("relu_", self.relu())

    def masked_fill_(self, mask: Any, value: Any) -> Any:
        """Set one value wherever the mask holds."""
        self._refuse("masked_fill_")
        return self._become("masked_fill_", self.masked_fill(mask, value))

    def copy_(self, source: Any) -> Any:
        """Take over the values of source, another tensor, stretched to this shape; gradients flow to it.

        >>> import engine
        >>> engine.zeros(2, 2).copy_(engine.tensor([1.0, 2.0]))
        tensor([[1., 2.],
                [1., 2.]])
        """
        self._refuse("copy_")
        return self._become("copy_", cast(source.to(self.device), self.dtype).expand(self.shape))

    def equal(self, other: Any) -> bool:
        """Whether other, another tensor, has this shape and equal values.

        >>> import engine
        >>> engine.tensor([1, 2]).equal(engine.tensor([1, 2]))
        True
        """
        return same_values(self, other)

    def fill_(self, value: Any) -> Any:
        """Set every element to one value, a number or a tensor with no axes, to which gradients flow.

        >>> import engine
        >>> engine.zeros(2).fill_(7)
        tensor([7., 7.])
        """
        if isinstance(value, Core):
            if value.ndim:
                raise ShapeError("fill_", got=f"a tensor of {times(value.shape)} arrives", expected="a single number")
            return self.copy_(value)
        return self._overwrite("fill_", value)

    def zero_(self) -> Any:
        """Set every element to 0.

        >>> import engine
        >>> engine.ones(2).zero_()
        tensor([0., 0.])
        """
        return self._overwrite("zero_", 0)

    def normal_(self, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Any:
        """Draw every element from a normal distribution with this mean and deviation std.

        >>> import engine
        >>> engine.empty(2).normal_(5, 0)
        tensor([5., 5.])
        """
        return self._drawn("normal_", generator, std, mean)

    def uniform_(self, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None) -> Any:
        """Draw every element evenly between a and b.

        >>> import engine
        >>> bool((engine.empty(100).uniform_(2, 3) >= 2).all())
        True
        """
        return self._drawn("uniform_", generator, b - a, a)

    def _drawn(self, where: str, generator: Generator | None, scale: float, shift: float) -> Any:
        if self.device.is_meta:
            return self._overwrite(where, 0)
        k = self.device.kernels
        draw = getattr(k, where.removesuffix("_"))(generator or default_generator, self.array.shape, self.dtype)
        return self._overwrite(where, k.add(k.mul(draw, scale), shift))

    def _overwrite(self, where: str, values: Any) -> Any:
        """Values that owe nothing to the old ones: on the tape, the history ends here."""
        self._refuse(where)
        require_fit(where, self.dtype, values)
        if not self.device.is_meta:
            self.device.kernels.assign(self.array, wrapped(self.dtype, values))
        self._cell().number += 1
        if mode.grad and self._requires_grad:
            retell(self, None)
        return self


def written(where: str, out: Any, result: Any) -> Any:
    """What a function computed, in the memory of the tensors that were given as `out`; empty ones become as large."""
    if isinstance(result, tuple) and isinstance(out, tuple | list) and len(out) == len(result):
        values = [written(where, o, r) for o, r in zip(out, result)]
        return type(result)(*values) if hasattr(result, "_fields") else tuple(values)
    if not isinstance(result, Core) or not isinstance(out, Core):
        count = f"{len(result)} tensors" if isinstance(result, tuple) else "a tensor"
        raise TypeMismatch(where, got=f"out is a {type(out).__name__}", expected=f"{count} for the result")
    if mode.grad and (result._requires_grad or out._requires_grad):
        raise GradientError(where, got="out was given where a gradient is wanted", expected="out without gradients",
                            mend="take the result that is returned, or call it inside `with no_grad():`")  # fmt: skip
    if not out.numel() and out.shape != result.shape:
        out.array = cast(result, out.dtype).array
        return out
    out._refuse(where)
    return out._become(where, result)


def overlaps(array: Any) -> bool:
    """Whether two elements may lie in one place: whether an axis steps no further than all shorter steps reach."""
    reach = 0
    for step, n in sorted((abs(step), n) for step, n in zip(array.strides, array.shape)):
        if n > 1 and step <= reach:
            return array.size > 0
        reach += step * (n - 1) if n > 1 else 0
    return False


def same_values(input: Any, other: Any) -> bool:
    """Whether two tensors have one shape and equal values: one answer, not one for each element.

    Args:
        input, other: the tensors.

    >>> import engine
    >>> engine.equal(engine.tensor([1, 2]), engine.tensor([1, 2]))
    True
    """
    if not isinstance(input, Core) or not isinstance(other, Core):
        raise TypeMismatch("equal", got="something else than two tensors came", expected="two tensors")
    input._require_values("equal()")
    return tuple(input.shape) == tuple(other.shape) and bool((input.array == other.array).all())
