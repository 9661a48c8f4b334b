"""Mixed precision by PyTorch's names: products in float16, what needs digits in float32 (Micikevicius et al., 2018)."""

from __future__ import annotations

import math
from contextlib import ContextDecorator
from typing import Any

from engine.errors import OptionError
from engine.tensor.autocast import Precision
from engine.tensor.promotion import float16
from engine.tensor.tape import mode

__all__ = ["GradScaler", "autocast", "is_autocast_available"]


class autocast(ContextDecorator):
    """Inside, matrix products and convolutions compute in a smaller dtype; sums, norms and losses in float32.

    Parameters stay float32, and so do their gradients. Only the forward pass belongs inside.

    Args:
        device_type: "cuda" or "cpu": tensors on other devices are left alone.
        dtype: float16.
        enabled: False switches it off inside.
        cache_enabled: accepted for scripts.

    Raises:
        OptionError: another device or dtype.

    Example:
        >>> import engine
        >>> with autocast("cpu", dtype=engine.float16):
        ...     (engine.ones(2, 3) @ engine.ones(3, 2)).dtype
        dtype('float16')
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if device_type not in ("cuda", "cpu"):
            raise OptionError("autocast", got=f"device_type is {device_type!r}", expected='"cuda" or "cpu"')
        dtype = float16 if dtype is None else dtype
        if dtype != float16:
            raise OptionError("autocast", got=f"dtype is {dtype}", expected="float16",
                              mend="neither NumPy nor CuPy has bfloat16")  # fmt: skip
        self._wanted = Precision(device_type, float16) if enabled else None
        self._before: list[Any] = []

    def __enter__(self) -> autocast:
        self._before.append(mode.autocast)
        mode.autocast = self._wanted
        return self

    def __exit__(self, *exception: object) -> None:
        mode.autocast = self._before.pop()


def is_autocast_available(device_type: str) -> bool:
    """Whether `autocast` knows this kind of device.

    Args:
        device_type: "cuda", "cpu" or another name.

    Example:
        >>> import engine
        >>> engine.amp.is_autocast_available("cpu"), engine.amp.is_autocast_available("tpu")
        (True, False)
    """
    return device_type in ("cuda", "cpu")


class GradScaler:
    """Makes the loss larger, so that small gradients do not vanish in float16, and leaves out steps that overflow.

    `step` looks at one number on the device, as PyTorch's does: whether all gradients are finite.

    Args:
        device: accepted for scripts.
        init_scale: the first factor.
        growth_factor: by how much it grows after `growth_interval` steps without an overflow.
        backoff_factor: by how much it shrinks after one with.
        growth_interval: see above.
        enabled: False makes it do nothing.

    Example:
        >>> import engine
        >>> w = engine.nn.Parameter(engine.ones(1))
        >>> optimizer, scaler = engine.optim.SGD([w], lr=0.5), GradScaler()
        >>> scaler.scale((w * 2).sum()).backward()
        >>> scaler.step(optimizer)
        >>> scaler.update()
        >>> w.tolist(), scaler.get_scale()
        ([0.0], 65536.0)
    """

    def __init__(self, device: str = "cuda", init_scale: float = 2.0**16, growth_factor: float = 2.0,
                 backoff_factor: float = 0.5, growth_interval: int = 2000, enabled: bool = True) -> None:  # fmt: skip
        if enabled and not (growth_factor > 1 and 0 < backoff_factor < 1):
            raise OptionError("GradScaler", got=f"growth_factor={growth_factor}, backoff_factor={backoff_factor}",
                              expected="one above 1, and one between 0 and 1")  # fmt: skip
        self._scale, self._enabled = float(init_scale), enabled
        self._growth, self._backoff, self._interval = growth_factor, backoff_factor, growth_interval
        self._without = 0  # steps since the last overflow or growth
        self._unscaled: dict[int, bool] = {}  # id of an optimizer -> whether its gradients were finite
        self._stepped: set[int] = set()

    def scale(self, outputs: Any) -> Any:
        """The loss times the factor; of a list or tuple, each."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, list | tuple):
            return type(outputs)(self.scale(output) for output in outputs)
        return outputs * self._scale

    def unscale_(self, optimizer: Any) -> None:
        """Bring the gradients back to their own size now, so that they can be clipped before `step`.

        Raises:
            RuntimeError: called twice between two updates, or after `step`.
        """
        if not self._enabled:
            return
        if id(optimizer) in self._stepped:
            raise RuntimeError("unscale_() is being called after step().")
        if id(optimizer) in self._unscaled:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        for grad in grads:
            grad.device.kernels.mul(grad.array, 1 / self._scale, out=grad.array)
            grad._changed()
        self._unscaled[id(optimizer)] = _all_finite(grads)

    def step(self, optimizer: Any, *args: Any, **named: Any) -> Any:
        """`optimizer.step`, left out where a gradient is infinite or no number.

        Raises:
            RuntimeError: called twice between two updates.
        """
        if not self._enabled:
            return optimizer.step(*args, **named)
        if id(optimizer) in self._stepped:
            raise RuntimeError("step() has already been called since the last update().")
        if id(optimizer) not in self._unscaled:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        return optimizer.step(*args, **named) if self._unscaled[id(optimizer)] else None

    def update(self, new_scale: float | None = None) -> None:
        """Shrink the factor after an overflow, let it grow after many steps without one, or set it."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not all(self._unscaled.values()):
            self._scale, self._without = self._scale * self._backoff, 0
        else:
            self._without += 1
            if self._without == self._interval:
                self._scale, self._without = self._scale * self._growth, 0
        self._unscaled.clear()
        self._stepped.clear()

    def get_scale(self) -> float:
        """The factor as it stands."""
        return self._scale if self._enabled else 1.0

    def is_enabled(self) -> bool:
        """Whether it does anything."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The factor and how it came about."""
        if not self._enabled:
            return {}
        return {"scale": self._scale, "growth_factor": self._growth, "backoff_factor": self._backoff,
                "growth_interval": self._interval, "_growth_tracker": self._without}  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave.

        Raises:
            RuntimeError: it is empty, as that of a scaler which is switched off.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError("The source state dict is empty, possibly because it was saved from a disabled scaler.")
        self._scale, self._without = float(state_dict["scale"]), int(state_dict["_growth_tracker"])
        self._growth, self._backoff = state_dict["growth_factor"], state_dict["backoff_factor"]
        self._interval = state_dict["growth_interval"]


def _all_finite(grads: list[Any]) -> bool:
    """Whether every number of every gradient is; one look at each device."""
    by_device: dict[Any, list[Any]] = {}
    for grad in grads:
        by_device.setdefault(grad.device, []).append(grad.array)
    for device, arrays in by_device.items():
        k = device.kernels
        if not math.isfinite(float(device.to_numpy(k.as_array(k.total_norm(arrays, math.inf))))):
            return False
    return True
