"""Batches on their way to a GPU: the next is copied while the network computes with this one."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from engine.device import Device, pinned
from engine.tensor import Tensor, wrap

Batch = TypeVar("Batch")


class Uploader:
    """Copies tensors from pinned memory on a stream of its own, so that neither host nor computation waits.

    Args:
        device: the GPU.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self._cuda = device.xp.cuda
        self._copying = self._cuda.Stream(non_blocking=True)
        self._under_way: deque[tuple[Any, Any]] = deque()  # an event, and the host's memory that is read until then

    def __call__(self, tensor: Tensor) -> Tensor:
        """The tensor on the device, whose values arrive by `arrival`."""
        values = pinned(tensor.array)
        out = self.device.xp.empty(values.shape, values.dtype)
        if out.size:
            # the memory may have belonged to what is still computed with
            self._copying.wait_event(self._cuda.get_current_stream().record())
            out.set(values, stream=self._copying)
            self._under_way.append((self._copying.record(), values))
        while self._under_way and self._under_way[0][0].done:
            self._under_way.popleft()
        return wrap(out, self.device)

    def arrival(self) -> Callable[[], None]:
        """What makes the computation, not the host, wait for all that was copied so far."""
        event = self._copying.record()
        return lambda: self._cuda.get_current_stream().wait_event(event)


def uploaded(batches: Generator[Batch, None, None], device: Device,
             moved: Callable[[Batch, Uploader], Batch]) -> Generator[Batch, None, None]:  # fmt: skip
    """Each batch on the device; while it is in use, the next is on its way.

    Args:
        batches: on the host.
        device: the GPU.
        moved: makes a batch of which every tensor went through the uploader.
    """
    upload = Uploader(device)
    waiting: list[tuple[Batch, Callable[[], None]]] = []
    with contextlib.closing(batches):
        for batch in batches:
            waiting.append((moved(batch, upload), upload.arrival()))
            if len(waiting) == 2:
                yield _arrived(*waiting.pop(0))
    while waiting:
        yield _arrived(*waiting.pop(0))


def _arrived(batch: Batch, arrive: Callable[[], None]) -> Batch:
    arrive()
    return batch
