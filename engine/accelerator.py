"""PyTorch's `torch.accelerator`: the GPU that there is, by whatever name."""

from __future__ import annotations

from typing import Any

from engine import cuda
from engine.device import Device

__all__ = ["current_accelerator", "current_device_index", "device_count", "is_available", "synchronize"]


def is_available() -> bool:
    """Whether there is a GPU that can be used.

    >>> import engine
    >>> engine.accelerator.is_available() == engine.cuda.is_available()
    True
    """
    return cuda.is_available()


def device_count() -> int:
    """How many GPUs can be used.

    >>> import engine
    >>> engine.accelerator.device_count() == engine.cuda.device_count()
    True
    """
    return cuda.device_count()


def current_accelerator(check_available: bool = False) -> Device | None:
    """The device "cuda" where there is one that can be used, otherwise None.

    Args:
        check_available: here for PyTorch's sake: what cannot be used is none in any case.

    >>> import engine
    >>> device = engine.accelerator.current_accelerator().type if engine.accelerator.is_available() else "cpu"
    >>> device in ("cuda", "cpu")
    True
    """
    return Device("cuda") if cuda.is_available() else None


def current_device_index() -> int:
    """The number of the GPU on which "cuda" without a number is.

    Raises:
        DeviceError: there is none.

    >>> import engine
    >>> engine.accelerator.current_device_index() if engine.accelerator.is_available() else 0
    0
    """
    return cuda.current_device()


def synchronize(device: Any = None) -> None:
    """Wait until the GPU has done what it was given.

    Args:
        device: which; the current one where absent.

    Raises:
        DeviceError: there is none.

    >>> import engine
    >>> if engine.accelerator.is_available():
    ...     engine.accelerator.synchronize()
    >>> engine.accelerator.device_count() >= 0
    True
    """
    cuda.synchronize(device)
