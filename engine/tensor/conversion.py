"""Values out of a tensor, and the same values as another dtype or on another device."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.device import Device, pinned
from engine.errors import GradientError, ShapeError, TypeMismatch
from engine.ops.base import Spec
from engine.ops.transfer import Transfer
from engine.tensor import promotion as dtypes
from engine.tensor.operands import cast
from engine.tensor.tape import Core, Node, mode, wrap

_PLACES = ("cpu", "cuda", "meta")


def _dtype_called(name: Any) -> np.dtype:
    try:
        return np.dtype(name)
    except TypeError:
        raise TypeMismatch("to()", got=f"{name!r} arrives", expected="a device, a dtype or a tensor",
                           mend='write "cpu", "cuda" or engine.float32, say') from None  # fmt: skip


class Conversion:
    """From a tensor to numbers, lists, arrays, other dtypes and devices."""

    array: Any
    device: Device

    def item(self) -> Any:
        """The value of a tensor with one element, as a Python number.

        Raises:
            ShapeError: there are several elements, or none.

        >>> import engine
        >>> engine.tensor([2.5]).item()
        2.5
        """
        self._require_values("item()")
        if self.array.size != 1:
            raise ShapeError("item()", got=f"there are {self.array.size} elements", expected="one",
                             mend="reduce them with .mean() or .sum(), or use .tolist() for all")  # fmt: skip
        return self.device.to_numpy(self.array).item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers.

        >>> import engine
        >>> engine.tensor([[1, 2], [3, 4]]).tolist()
        [[1, 2], [3, 4]]
        """
        self._require_values("tolist()")
        return self.device.to_numpy(self.array).tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The values as a NumPy array in the same memory.

        Args:
            force: detach it and copy it from the device where that is needed.

        Raises:
            GradientError: where a gradient is wanted; detach() first, or force.
            TypeMismatch: where the values are not on the cpu; cpu() first, or force.

        >>> import engine
        >>> engine.tensor([1, 2]).numpy()
        array([1, 2])
        """
        self._require_values("numpy()")
        if not force and self.requires_grad:
            raise GradientError("numpy()", got="the tensor requires a gradient, which NumPy would lose",
                                mend="use tensor.detach().numpy()")  # fmt: skip
        if not force and self.device.type != "cpu":
            raise TypeMismatch("numpy()", got=f"the tensor is on {self.device}", expected="the cpu",
                               mend="use tensor.cpu().numpy()")  # fmt: skip
        return self.device.to_numpy(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def _require_values(self, where: str) -> None:
        if mode.recorder is not None:
            mode.recorder.fail(f"{where} reads the values of a tensor")
        if self.device.is_meta:
            raise TypeMismatch(where, got="a tensor on the device meta has no values", expected="one on the cpu")

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeMismatch("index", got=f"the value is {self.dtype}", expected="a whole number")
        return int(self.item())

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise ShapeError("bool()", got=f"there are {self.array.size} elements", expected="one",
                             mend="use .any() or .all()")  # fmt: skip
        return bool(self.item())

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any().item())

    def __format__(self, form: str) -> str:
        return format(self.item(), form) if form else str(self)

    def to(self, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False, **unused: Any) -> Any:
        """This tensor as another dtype or on another device: to(dtype), to(device), to(device, dtype), to(other).

        Args:
            dtype, device: the same by name.
            copy: whether it is copied also where nothing changes.
            unused: what PyTorch takes besides, `non_blocking` and `memory_format`, is accepted for scripts.

        >>> import engine
        >>> engine.tensor([1, 2]).to(engine.float32)
        tensor([1., 2.])
        """
        for arg in args:
            if isinstance(arg, Core):
                dtype, device = arg.dtype, arg.device
            elif isinstance(arg, Device) or (isinstance(arg, str) and arg.partition(":")[0] in _PLACES):
                device = arg
            elif not isinstance(arg, bool):
                dtype = arg
        out = self if device is None or Device(device) is self.device else _moved(self, Device(device))
        out = out if dtype is None else cast(out, _dtype_called(dtype))
        return out.clone() if copy and out is self else out

    def type(self, dtype: Any) -> Any:
        """This tensor as another dtype.

        >>> import engine
        >>> engine.tensor([1.5]).type(engine.int64)
        tensor([1])
        """
        return self.to(dtype=dtype)

    def type_as(self, other: Any) -> Any:
        """This tensor as the dtype of another.

        >>> import engine
        >>> engine.tensor([1]).type_as(engine.tensor([0.5]))
        tensor([1.])
        """
        return self.to(other)

    def cpu(self) -> Any:
        """This tensor on the cpu.

        >>> import engine
        >>> engine.tensor([1]).cpu().device
        device(type='cpu')
        """
        return self.to(device="cpu")

    def cuda(self, device: int | str | Device | None = None) -> Any:
        """This tensor on a GPU.

        Args:
            device: a number, "cuda:0" or a `device`; the current one where absent.

        Raises:
            DeviceError: no GPU can be used here.

        >>> import engine
        >>> x = engine.tensor([1])
        >>> (x.cuda() if engine.cuda.is_available() else x).tolist()
        [1]
        """
        return self.to(device=f"cuda:{device}" if isinstance(device, int) else device or "cuda")

    def pin_memory(self) -> Any:
        """A copy in memory of the host that a GPU reads by itself, so that `.to("cuda")` need not wait.

        Raises:
            TypeMismatch: the values are not on the cpu.
            DeviceError: no GPU can be used here.

        >>> import engine
        >>> x = engine.tensor([1])
        >>> (x.pin_memory() if engine.cuda.is_available() else x).device
        device(type='cpu')
        """
        self._require_values("pin_memory()")
        if self.device.type != "cpu":
            raise TypeMismatch("pin_memory()", got=f"the tensor is on {self.device}", expected="the cpu")
        return wrap(pinned(self.array), self.device)

    def float(self) -> Any:
        """As float32.

        >>> import engine
        >>> engine.tensor([1]).float()
        tensor([1.])
        """
        return cast(self, dtypes.float32)

    def half(self) -> Any:
        """As float16.

        >>> import engine
        >>> engine.tensor([1.0]).half()
        tensor([1.], dtype=float16)
        """
        return cast(self, dtypes.float16)

    def double(self) -> Any:
        """As float64.

        >>> import engine
        >>> engine.tensor([1.0]).double()
        tensor([1.], dtype=float64)
        """
        return cast(self, dtypes.float64)

    def long(self) -> Any:
        """As int64, cut towards 0.

        >>> import engine
        >>> engine.tensor([-1.5]).long()
        tensor([-1])
        """
        return cast(self, dtypes.int64)

    def int(self) -> Any:
        """As int32, cut towards 0.

        >>> import engine
        >>> engine.tensor([-1.5]).int()
        tensor([-1], dtype=int32)
        """
        return cast(self, dtypes.int32)

    def bool(self) -> Any:
        """As bool: whether it is other than 0.

        >>> import engine
        >>> engine.tensor([0.0, 2.0]).bool()
        tensor([False,  True])
        """
        return cast(self, dtypes.bool)

    def short(self) -> Any:
        """As int16.

        >>> import engine
        >>> engine.tensor([1]).short()
        tensor([1], dtype=int16)
        """
        return cast(self, dtypes.int16)

    def char(self) -> Any:
        """As int8.

        >>> import engine
        >>> engine.tensor([1]).char()
        tensor([1], dtype=int8)
        """
        return cast(self, dtypes.int8)

    def byte(self) -> Any:
        """As uint8.

        >>> import engine
        >>> engine.tensor([1]).byte()
        tensor([1], dtype=uint8)
        """
        return cast(self, dtypes.uint8)


def _moved(tensor: Any, device: Device) -> Any:
    if device.is_meta:
        out = wrap(Spec(tensor.shape, tensor.dtype), device)
    else:
        tensor._require_values("to()")
        out = wrap(device.asarray(tensor.device.to_numpy(tensor.array)), device)
    if tensor.requires_grad and mode.grad:
        edge = tensor if tensor._node is None else tensor._node
        out._requires_grad = True
        out._node = Node(Transfer(tensor.device, device), [edge], [], (), device)
    return out
