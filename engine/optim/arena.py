"""Where optimizers keep what they remember of each parameter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.errors import DeviceError
from engine.tensor import Tensor


class Arena:
    """State of many parameters end to end in one array for each name, so that one kernel can go over all of them.

    Parameters of one device and dtype lie together, in the order of their adding; `view` is one parameter's part.
    An array is made when the first parameter asks for it; from then on the parameters stay where they are.

    Args:
        params: whose state it will hold.
    """

    def __init__(self, params: Iterable[Tensor]):
        self._params = list(params)
        self._places: dict[int, tuple[Any, int, int]] = {}  # id of the parameter -> kind, begin, end
        self._sizes: dict[Any, int] = {}
        self._largest: dict[Any, int] = {}
        self._flat: dict[tuple[str, Any], Any] = {}
        self._rooms: dict[int, tuple[Any, Any]] = {}

    def _lay_out(self) -> None:
        for param in self._params:
            kind = (param.device, param.dtype)
            begin = self._sizes.get(kind, 0)
            size = param.numel()
            self._places[id(param)] = kind, begin, begin + size
            self._sizes[kind] = begin + size
            self._largest[kind] = max(self._largest.get(kind, 0), size)

    def view(self, name: str, param: Tensor) -> Any:
        """The parameter's part of the array of that name, zeros at first, in the parameter's shape."""
        kind, begin, end = self._place(param)
        flat = self._flat.get((name, kind))
        if flat is None:
            flat = self._flat[name, kind] = param.device.xp.zeros(self._sizes[kind], param.dtype)
        return flat[begin:end].reshape(param.shape)

    def room(self, param: Tensor) -> tuple[Any, Any]:
        """Two arrays of the parameter's shape to compute in; what stood there before is lost."""
        kind, _, _ = self._place(param)
        found = self._rooms.get(id(param))
        if found is None:
            found = self._rooms[id(param)] = (self._scratch(0, kind, param), self._scratch(1, kind, param))
        return found

    def _scratch(self, number: int, kind: Any, param: Tensor) -> Any:
        """A part of an array as long as the largest parameter, in the parameter's shape; all parameters share it."""
        name = f"scratch {number}"
        flat = self._flat.get((name, kind))
        if flat is None:
            flat = self._flat[name, kind] = param.device.xp.empty(self._largest[kind], param.dtype)
        return flat[: param.numel()].reshape(param.shape)

    def _place(self, param: Tensor) -> tuple[Any, int, int]:
        if not self._places:
            self._lay_out()
        place = self._places[id(param)]
        if place[0] != (param.device, param.dtype):
            device, dtype = place[0]
            raise DeviceError("optimizer", got=f"a parameter is now {param.dtype} on {param.device}",
                              expected=f"{dtype} on {device}, as in the first step",
                              mend="make the optimizer after moving the model")  # fmt: skip
        return place
