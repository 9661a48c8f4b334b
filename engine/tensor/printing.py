"""How a tensor shows itself: as PyTorch prints it."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.tensor.promotion import get_default_dtype


def show(tensor: Any) -> str:
    """The text of a tensor: its values, and what is out of the ordinary about it."""
    notes = []
    if tensor.device.is_meta:
        body = "..."
        notes.append(f"device='meta', size={tuple(tensor.shape)}")
    else:
        tensor._require_values("repr()")
        values = tensor.device.to_numpy(tensor.array)
        body = "[]" if values.size == 0 else _values(values)
        if tensor.device.type != "cpu":
            notes.append(f"device='{tensor.device}'")
        if values.size == 0 and values.ndim != 1:
            notes.append(f"size={tuple(values.shape)}")
    if tensor.dtype not in (get_default_dtype(), np.dtype("int64"), np.dtype("bool")):
        notes.append(f"dtype={tensor.dtype}")
    if tensor._node is not None:
        notes.append(f"grad_fn={tensor._node!r}")
    elif tensor._requires_grad:
        notes.append("requires_grad=True")
    return f"tensor({', '.join([body, *notes])})"


def _values(values: np.ndarray) -> str:
    if values.dtype.kind == "f":
        form = _number_format(values)
        # as in PyTorch, the width is that of the finite values alone
        width = max((len(form(v)) for v in _shown(values) if np.isfinite(v) and v), default=1)
        formatter = {"float_kind": lambda v: form(v).rjust(width if values.ndim else 0)}
    elif values.dtype.kind == "b":
        width = 5 if values.ndim and not values.all() else 4
        formatter = {"bool": lambda v: str(bool(v)).rjust(width if values.ndim else 0)}
    else:
        formatter = None
    return np.array2string(values, separator=", ", prefix="tensor(", threshold=1000, edgeitems=3, max_line_width=80,
                           formatter=formatter)  # fmt: skip


def _shown(values: np.ndarray) -> np.ndarray:
    """The values that are printed: of a large tensor, only its corners."""
    if values.size <= 1000:
        return values.reshape(-1)
    for axis in range(values.ndim):
        if values.shape[axis] > 6:
            values = np.take(values, (0, 1, 2, -3, -2, -1), axis)
    return values.reshape(-1)


def _number_format(values: np.ndarray) -> Any:
    shown = _shown(values).astype(np.float64)
    finite = np.abs(shown[np.isfinite(shown)])
    size = finite[finite > 0]
    if not finite.size or (finite == np.ceil(finite)).all():
        if size.size and (size.max() / size.min() > 1000 or size.max() > 1e8):
            return lambda v: f"{v:.4e}"
        return lambda v: f"{v:.0f}." if np.isfinite(v) else str(float(v))
    if size.max() / size.min() > 1000 or size.max() > 1e8 or size.min() < 1e-4:
        return lambda v: f"{v:.4e}"
    return lambda v: f"{v:.4f}"
