"""Tensor: an array with a device, a shape, and perhaps a gradient."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from engine.device import Device
from engine.errors import GradientError, ShapeError, TypeMismatch
from engine.ops.base import axis_of
from engine.tensor import functions as table
from engine.tensor import promotion as dtypes
from engine.tensor.arithmetic import Arithmetic
from engine.tensor.conversion import Conversion
from engine.tensor.creation import (
    arange,
    as_array,
    as_tensor,
    empty,
    empty_like,
    eye,
    from_array,
    from_numpy,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from engine.tensor.elementwise import Elementwise
from engine.tensor.grad_mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from engine.tensor.hooks import RemovableHandle
from engine.tensor.indexing import Indexing
from engine.tensor.inplace import InPlace
from engine.tensor.printing import show
from engine.tensor.promotion import float32, float64, int8, int16, int32, int64, uint8
from engine.tensor.random import bernoulli, rand, rand_like, randint, randn, randn_like, randperm
from engine.tensor.reductions import Reductions
from engine.tensor.shapes import Shapes, cat, stack
from engine.tensor.tape import (
    Call,
    Core,
    Node,
    apply,
    record,
    require_gradient_type,
    results_are,
    wrap,
)
from engine.tensor.walk import backward

__all__ = [
    "Call",
    "Node",
    "Size",
    "Tensor",
    "apply",
    "arange",
    "as_tensor",
    "bernoulli",
    "cat",
    "empty",
    "empty_like",
    "enable_grad",
    "eye",
    "float32",
    "float64",
    "from_array",
    "from_numpy",
    "full",
    "full_like",
    "inference_mode",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_grad_enabled",
    "linspace",
    "no_grad",
    "ones",
    "ones_like",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "record",
    "set_grad_enabled",
    "stack",
    "tensor",
    "uint8",
    "wrap",
    "zeros",
    "zeros_like",
]


class Size(tuple):
    """The shape of a tensor: a tuple that knows how many elements it stands for.

    Args:
        iterable: the lengths of the axes.

    >>> Size((2, 3)).numel(), Size((2, 3)) + (4,), Size((2, 3))[:1]
    (6, (2, 3, 4), (2,))
    """

    __slots__ = ()

    def numel(self) -> int:
        """How many elements there are."""
        return prod(self)

    def __add__(self, other: tuple[int, ...]) -> Size:
        return Size(tuple(self) + tuple(other))

    def __getitem__(self, index: Any) -> Any:
        part = tuple.__getitem__(self, index)
        return Size(part) if isinstance(index, slice) else part


class Tensor(Arithmetic, Elementwise, Reductions, Shapes, Indexing, Conversion, InPlace, Core):
    """An n-dimensional array that can remember how it was made, to give gradients.

    Made by `engine.tensor`, `zeros`, `randn` and the like. `array` is the device's own array.

    Args:
        values: as of `engine.tensor`, which takes a dtype, too.

    >>> import engine
    >>> x = engine.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    def __init__(self, values: Any = (), *, device: str | Device | None = None) -> None:
        self.array, self.device = as_array(values, dtypes.get_default_dtype(), device)

    is_sparse = is_quantized = False  # as scripts ask that serve all kinds of tensors

    __array_priority__ = 1000  # numpy_array * tensor asks the tensor first
    __array_ufunc__ = None

    @property
    def shape(self) -> Size:
        return Size(self.array.shape)

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def nbytes(self) -> int:
        return self.array.nbytes

    @property
    def itemsize(self) -> int:
        return self.array.dtype.itemsize

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of one axis.

        >>> import engine
        >>> engine.ones(2, 3).size(), engine.ones(2, 3).size(1)
        ((2, 3), 3)
        """
        if dim is None:
            return self.shape
        if not self.ndim:
            raise ShapeError("size", got=f"axis {dim} was asked of a single number", expected="at least one axis")
        return self.shape[axis_of("size", dim, self.ndim)]

    def dim(self) -> int:
        """How many axes there are.

        >>> import engine
        >>> engine.ones(2, 3).dim()
        2
        """
        return self.ndim

    def numel(self) -> int:
        """How many elements there are.

        >>> import engine
        >>> engine.ones(2, 3).numel()
        6
        """
        return self.array.size

    def element_size(self) -> int:
        """Bytes of one element.

        >>> import engine
        >>> engine.ones(2, 3).element_size()
        4
        """
        return self.itemsize

    def is_floating_point(self) -> bool:
        """Whether the values are real numbers.

        >>> import engine
        >>> engine.ones(2).is_floating_point()
        True
        """
        return self.dtype.kind == "f"

    @property
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    @property
    def is_cpu(self) -> bool:
        return self.device.type == "cpu"

    @property
    def is_meta(self) -> bool:
        return self.device.is_meta

    # gradients

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient is wanted for it."""
        self._catch_up()
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, on: bool) -> None:
        if on:
            require_gradient_type("requires_grad", self.dtype)
        elif self._node is not None:
            raise GradientError("requires_grad", got="it is switched off on the result of an op",
                                expected="a leaf", mend="use detach() for a tensor without history")  # fmt: skip
        if on and not self.requires_grad:
            self._stand_alone()
        self._requires_grad = bool(on)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Say whether a gradient is wanted.

        >>> import engine
        >>> engine.ones(2).requires_grad_().requires_grad
        True
        """
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether it is no result of an op on the tape."""
        self._catch_up()
        return self._node is None

    @property
    def grad_fn(self) -> Node | None:
        """The op on the tape that made it."""
        self._catch_up()
        return self._node

    @property
    def _version(self) -> int:
        return 0 if self._version_cell is None else self._version_cell.number

    @property
    def data(self) -> Tensor:
        """The same memory, without history."""
        return wrap(self.array, self.device)

    @data.setter
    def data(self, other: Tensor) -> None:
        self.array, self.device = other.array, other.device

    def backward(self, gradient: Tensor | None = None, retain_graph: bool | None = None, create_graph: bool = False,
                 inputs: Tensor | Sequence[Tensor] | None = None) -> None:  # fmt: skip
        """Compute the gradient of every leaf that this was made from, and add it to the leaf's `.grad`.

        Args:
            gradient: the gradient of this tensor itself; may be absent for a single number.
            retain_graph: keep what the tape saved, so that backward can be called again; as create_graph where absent.
            create_graph: note on the tape how the gradients come about, so that they have gradients, too.
            inputs: the tensors whose `.grad` is wanted, leaves or not; all leaves where absent.

        Raises:
            GradientError: with no history, on more than one element without `gradient`, or called twice.

        >>> import engine
        >>> x = engine.tensor(2.0, requires_grad=True)
        >>> (x**3).backward(create_graph=True)
        >>> slope, x.grad = x.grad, None
        >>> slope.backward()
        >>> x.grad  # of 3 x^2
        tensor(12.)
        """
        backward(self, gradient, retain_graph, create_graph, inputs)

    def detach(self) -> Tensor:
        """The same memory, without history; changes in place are counted for both.

        >>> import engine
        >>> engine.ones(2, requires_grad=True).detach().requires_grad
        False
        """
        out = wrap(self.array, self.device)
        out._version_cell = self._cell()
        if self._is_apart:
            out._is_apart = True
        return out

    def detach_(self) -> Tensor:
        """Forget the history.

        >>> import engine
        >>> (engine.ones(2, requires_grad=True) * 2).detach_().requires_grad
        False
        """
        self._stand_alone()
        self._node, self._requires_grad = None, False
        return self

    def _stand_alone(self) -> None:
        """Be no view any more as far as the tape is concerned: a leaf has no history to be told of."""
        self._base = self._path = None

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call `hook` with the gradient when it arrives; what it returns, if anything, takes its place.

        Args:
            hook: a function of the gradient; `remove()` of the result takes it away.

        Raises:
            GradientError: the tensor requires no gradient.

        >>> import engine
        >>> x = engine.ones(2, requires_grad=True)
        >>> hook = x.register_hook(lambda grad: grad * 10)
        >>> x.sum().backward()
        >>> x.grad
        tensor([10., 10.])
        """
        if not self.requires_grad:
            raise GradientError("register_hook", got="the tensor requires no gradient")
        owner = self if self._node is None else self._node
        return _added(owner, "_hooks" if self._node is None else "hooks", hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call `hook` with the tensor whenever a walk back has added to its `.grad`.

        Args:
            hook: a function of the tensor; `remove()` of the result takes it away.

        Raises:
            GradientError: the tensor is no leaf that requires a gradient.

        >>> import engine
        >>> x = engine.ones(2, requires_grad=True)
        >>> hook = x.register_post_accumulate_grad_hook(lambda x: print(x.grad))
        >>> (x * 2 + x).sum().backward()
        tensor([3., 3.])
        """
        if not self.requires_grad or self._node is not None:
            raise GradientError("register_post_accumulate_grad_hook", expected="a leaf that requires a gradient",
                                got="the tensor is none")  # fmt: skip
        return _added(self, "_after", hook)

    def retain_grad(self) -> None:
        """Keep `.grad` of a tensor that is no leaf.

        Raises:
            GradientError: the tensor requires no gradient.

        >>> import engine
        >>> x = engine.ones(2, requires_grad=True)
        >>> y = x * 3
        >>> y.retain_grad()
        >>> y.sum().backward()
        >>> y.grad
        tensor([1., 1.])
        """
        if not self.requires_grad:
            raise GradientError("retain_grad", got="the tensor requires no gradient")
        if self._node is not None:
            self._node.retained = weakref.ref(self)
            self._retains = True

    @property
    def retains_grad(self) -> bool:
        """Whether `.grad` is kept although it is no leaf."""
        return self._retains

    def __repr__(self) -> str:
        return show(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeMismatch("pickle", got="tensors are not pickled", expected="engine.save, which writes safetensors")

    def __deepcopy__(self, memo: dict[Any, Any]) -> Tensor:
        if self.grad_fn is not None:
            raise GradientError("deepcopy", got="the tensor is the result of an op", mend="use detach().clone()")
        out = object.__new__(type(self))
        memo[id(self)] = out
        out.array = self.array if self.device.is_meta else self.array.copy()
        out.device = self.device
        out._requires_grad = self._requires_grad
        if self.grad is not None:
            out.grad = self.grad.detach().clone()
        return out


results_are(Tensor)
table.attach(Tensor)


def _added(owner: Any, name: str, hook: Any) -> RemovableHandle:
    """The hook behind the others of the owner's that go by this name."""
    if getattr(owner, name) is None:
        setattr(owner, name, {})
    return RemovableHandle(getattr(owner, name), hook)
