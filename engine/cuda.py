"""What a script asks of the GPU, by PyTorch's names."""

from __future__ import annotations

from typing import Any

from engine.device import Device, diagnose
from engine.random import manual_seed as _manual_seed

__all__ = [
    "current_device", "device_count", "empty_cache", "get_device_capability", "get_device_name", "is_available",
    "manual_seed", "manual_seed_all", "max_memory_allocated", "max_memory_reserved", "mem_get_info",
    "memory_allocated", "memory_reserved", "synchronize",
]  # fmt: skip

Where = str | int | Device | None


def is_available() -> bool:
    """Whether a CUDA device can be used here; `engine.device.diagnose` says why not.

    >>> import engine
    >>> engine.cuda.is_available() in (True, False)
    True
    """
    return device_count() > 0


def device_count() -> int:
    """How many CUDA devices can be used here.

    >>> import engine
    >>> (engine.cuda.device_count() > 0) == engine.cuda.is_available()
    True
    """
    return sum(found.usable for found in diagnose() if found.device.startswith("cuda"))


def current_device() -> int:
    """The number of the device on which "cuda" without a number is.

    Raises:
        DeviceError: there is none.

    >>> import engine
    >>> engine.cuda.current_device() if engine.cuda.is_available() else 0
    0
    """
    return _device(None).index


def get_device_name(device: Where = None) -> str:
    """What the maker calls it.

    Raises:
        DeviceError: there is no such device.

    Args:
        device: "cuda:0", a number or a `device`; the current one where absent.

    >>> import engine
    >>> names = [engine.cuda.get_device_name(i) for i in range(engine.cuda.device_count())]
    >>> len(names) == engine.cuda.device_count()
    True
    """
    place = _device(device)
    return place.xp.cuda.runtime.getDeviceProperties(place.index)["name"].decode()


def get_device_capability(device: Where = None) -> tuple[int, int]:
    """Its generation, such as (8, 0).

    Raises:
        DeviceError: there is no such device.

    Args:
        device: "cuda:0", a number or a `device`; the current one where absent.

    >>> import engine
    >>> engine.cuda.get_device_capability() >= (3, 0) if engine.cuda.is_available() else True
    True
    """
    place = _device(device)
    digits = place.xp.cuda.Device(place.index).compute_capability
    return int(digits[:-1]), int(digits[-1])


def synchronize(device: Where = None) -> None:
    """Wait until the GPU has done everything asked of it; nothing to wait for where there is none.

    Raises:
        EngineError: an index or a class that the GPU found to be wrong meanwhile.

    Args:
        device: "cuda:0", a number or a `device`; the current one where absent.

    >>> import engine
    >>> engine.cuda.synchronize() is None
    True
    """
    if is_available():
        place = _device(device)
        place.xp.cuda.Device(place.index).synchronize()
        place.kernels.raise_faults()


def memory_allocated(device: Where = None) -> int:
    """Bytes that arrays take on the device; 0 where there is none.

    Args:
        device: "cuda:0", a number or a `device`; the current one where absent.

    >>> import engine
    >>> engine.cuda.memory_allocated() <= engine.cuda.memory_reserved()
    True
    """
    return _pool(device).used_bytes() if is_available() else 0


def memory_reserved(device: Where = None) -> int:
    """Bytes that the pool holds, those of arrays and those that are free for the next ones; 0 without a device.

    Args:
        device: "cuda:0", a number or a `device`; the current one where absent.

    >>> import engine
    >>> engine.cuda.memory_reserved() >= 0
    True
    """
    return _pool(device).total_bytes() if is_available() else 0


def max_memory_allocated(device: Where = None) -> int:
    """The most bytes that were needed at a time since `empty_cache`, in the pool's blocks; 0 without a device.

    The pool takes memory only when what it holds doesn't do, and gives none back by itself: so it is what it holds.

    Args:
        device: "cuda:0", a number or a `device`; the current one where absent.

    >>> import engine
    >>> engine.cuda.max_memory_allocated() >= engine.cuda.memory_allocated()
    True
    """
    return memory_reserved(device)


max_memory_reserved = max_memory_allocated


def empty_cache() -> None:
    """Give memory that no array takes back to the device; nothing happens where there is none.

    >>> import engine
    >>> engine.cuda.empty_cache()
    >>> engine.cuda.memory_reserved() >= engine.cuda.memory_allocated()
    True
    """
    if is_available():
        place = _device(None)
        _pool(place).free_all_blocks()
        place.xp.get_default_pinned_memory_pool().free_all_blocks()


def mem_get_info(device: Where = None) -> tuple[int, int]:
    """Bytes that are free on the device, and all that it has.

    Raises:
        DeviceError: there is no such device.

    Args:
        device: "cuda:0", a number or a `device`; the current one where absent.

    >>> import engine
    >>> free, total = engine.cuda.mem_get_info() if engine.cuda.is_available() else (0, 0)
    >>> free <= total
    True
    """
    place = _device(device)
    return tuple(place.xp.cuda.Device(place.index).mem_info)


def manual_seed(seed: int) -> None:
    """Start the default stream from this seed: it is one for all devices, so this is `engine.manual_seed`.

    Args:
        seed: any whole number.

    >>> import engine
    >>> engine.cuda.manual_seed(3)
    >>> engine.initial_seed()
    3
    """
    _manual_seed(seed)


manual_seed_all = manual_seed


def _device(device: Where) -> Device:
    place = Device("cuda", device) if isinstance(device, int) else Device(device or "cuda")
    _ = place.xp  # says why it cannot be used
    return place


def _pool(device: Where) -> Any:
    return _device(device).xp.get_default_memory_pool()
