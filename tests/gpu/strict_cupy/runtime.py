"""Streams, events, memory and device properties of the stand-in."""

from __future__ import annotations

import contextlib
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.gpu.strict_cupy.counts import counts


class Stream:
    """Work in order. `is_own` says whether it is another one than the default stream."""

    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False, priority: Any = None):
        self.is_own = not null
        self.ptr = id(self) if self.is_own else 0
        self.waited_for: list[Event] = []
        self._before: list[Stream] = []

    def __enter__(self) -> Stream:
        self._before.append(_streams[0])
        _streams[0] = self
        return self

    def __exit__(self, *exception: object) -> None:
        _streams[0] = self._before.pop()

    def use(self) -> Stream:
        _streams[0] = self
        return self

    def synchronize(self) -> None:
        counts.wait()

    def record(self, event: Event | None = None) -> Event:
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        if event.stream is None:
            raise AssertionError("a stream waits for an event that was never recorded")
        self.waited_for.append(event)


class Event:
    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        self.stream: Stream | None = None

    def record(self, stream: Stream | None = None) -> None:
        self.stream = stream or current()

    @property
    def done(self) -> bool:
        return self.stream is not None

    def synchronize(self) -> None:
        counts.wait()


Stream.null = Stream(null=True)
_streams = [Stream.null]


def current() -> Stream:
    return _streams[0]


class Device:
    """The one device there is."""

    def __init__(self, device: int | None = None) -> None:
        self.id = device or 0
        if self.id >= 1:
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        self.compute_capability = "80"

    mem_info = (6 << 30, 8 << 30)

    def synchronize(self) -> None:
        counts.wait()

    def use(self) -> Device:
        return self

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *exception: object) -> None:
        pass


class CUDARuntimeError(RuntimeError):
    pass


class Pool:
    """Blocks of 512 bytes; what was freed stays reserved until `free_all_blocks`."""

    def __init__(self) -> None:
        self.used = self.total = 0

    def used_bytes(self) -> int:
        return self.used

    def total_bytes(self) -> int:
        return self.total

    def free_bytes(self) -> int:
        return self.total - self.used

    def free_all_blocks(self, stream: Any = None) -> None:
        self.total = self.used


class Block:
    """Memory of one array, which goes back to the pool together with it."""

    def __init__(self, owner: Pool, size: int) -> None:
        self.owner, self.size = owner, -(-size // 512) * 512
        owner.used += self.size
        owner.total = max(owner.total, owner.used)

    def __del__(self) -> None:
        self.owner.used -= self.size


pool, pinned_pool = Pool(), Pool()


class PinnedBuffer(bytearray):
    """Memory of the host that stays where it is, so that a device can read it by itself."""


def empty_pinned(shape: Any, dtype: Any = float, order: str = "C") -> np.ndarray:
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    dtype = np.dtype(dtype)
    buffer = PinnedBuffer(max(prod(shape) * dtype.itemsize, 1))
    return np.frombuffer(buffer, dtype, prod(shape)).reshape(shape)


def is_pinned(values: Any) -> bool:
    while isinstance(values, np.ndarray):
        values = values.base
    return isinstance(values.obj if isinstance(values, memoryview) else values, PinnedBuffer)


@contextlib.contextmanager
def using_allocator(allocator: Any = None) -> Any:
    yield


runtime = SimpleNamespace(
    CUDARuntimeError=CUDARuntimeError,
    getDeviceCount=lambda: 1,
    getDevice=lambda: 0,
    setDevice=lambda index: None,
    getDeviceProperties=lambda index: {"name": b"a stand-in for a GPU", "totalGlobalMem": 8 << 30},
    deviceSynchronize=lambda: counts.wait(),
    memGetInfo=lambda: Device.mem_info,
    runtimeGetVersion=lambda: 12090,
    driverGetVersion=lambda: 12090,
)
