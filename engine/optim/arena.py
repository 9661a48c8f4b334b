"""Where optimizers keep what they remember of each parameter."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Any

from engine.errors import DeviceError
from engine.tensor import Tensor

LINE = 16  # numbers: of float32 a cache line, at which each parameter's part begins
APART = 22 * LINE  # about a third of 4 KB: a store delays loads that are a multiple of that away


class Arena:
    """State of many parameters one behind the other in one array for each name, which is a single block of memory.

    Parameters of one device and dtype lie together, in the order of their adding; `view` is one parameter's part.
    An array is made when the first parameter asks for it; from then on the parameters stay where they are.

    Args:
        params: whose state it will hold.
    """

    def __init__(self, params: Iterable[Tensor]):
        self._params = list(params)
        self._kinds: list[tuple[Any, Any]] = []  # devices and dtypes
        self._places: dict[int, tuple[int, int, int]] = {}  # id of the parameter -> number of the kind, begin, end
        self._sizes: list[int] = []  # of each kind
        self._largest: list[int] = []
        self._flat: dict[tuple[str, int], Any] = {}
        self._rooms: dict[int, list[Any]] = {}

    def _lay_out(self) -> None:
        for param in self._params:
            kind = (param.device, param.dtype)
            if kind not in self._kinds:
                self._kinds.append(kind)
                self._sizes.append(0)
                self._largest.append(0)
            number, size = self._kinds.index(kind), param.numel()
            begin = self._sizes[number]
            self._places[id(param)] = number, begin, begin + size
            self._sizes[number] += ceil(size / LINE) * LINE
            self._largest[number] = max(self._largest[number], size)

    def kind(self, param: Tensor) -> int:
        """The number of the parameter's device and dtype.

        Raises:
            DeviceError: they are others than at first.
        """
        return self._place(param)[0]

    def view(self, name: str, param: Tensor) -> Any:
        """The parameter's part of the array of that name, zeros at first, in the parameter's shape."""
        kind, begin, end = self._place(param)
        flat = self._flat.get((name, kind))
        if flat is None:
            skipped = (1 + len(self._flat)) * APART
            flat = param.device.zeros(skipped + self._sizes[kind], param.dtype)[skipped:]
            self._flat[name, kind] = flat
        return _lying_as(flat[begin:end], param.array)

    def room(self, param: Tensor, count: int) -> list[Any]:
        """So many arrays of the parameter's shape to compute in; what stood there before is lost."""
        found = self._rooms.setdefault(id(param), [])
        while len(found) < count:
            found.append(self._scratch(len(found), self.kind(param), param))
        return found[:count]

    def _scratch(self, number: int, kind: int, param: Tensor) -> Any:
        """A part of an array as long as the largest parameter, in the parameter's shape; all parameters share it."""
        name = f"scratch {number}"
        flat = self._flat.get((name, kind))
        if flat is None:
            flat = self._flat[name, kind] = param.device.xp.empty(self._largest[kind], param.dtype)
        return _lying_as(flat[: param.numel()], param.array)

    def _place(self, param: Tensor) -> tuple[int, int, int]:
        if not self._places:
            self._lay_out()
        place = self._places[id(param)]
        device, dtype = self._kinds[place[0]]
        if param.device is not device or param.dtype != dtype:
            raise DeviceError("optimizer", got=f"a parameter is now {param.dtype} on {param.device}",
                              expected=f"{dtype} on {device}, as in the first step",
                              mend="make the optimizer after moving the model")  # fmt: skip
        return place


def _lying_as(flat: Any, model: Any) -> Any:
    """A flat array in the shape of another and with its axes in the same order, so that both are read front to back."""
    order = sorted(range(model.ndim), key=lambda axis: -model.strides[axis])
    back = sorted(range(model.ndim), key=order.__getitem__)
    return flat.reshape([model.shape[axis] for axis in order]).transpose(back)
