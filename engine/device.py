"""Devices: where arrays live, which array module computes there, and which kernel set was chosen for it."""

from __future__ import annotations

import importlib.util
import sys
import threading
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy

from engine import installing
from engine.errors import DeviceError
from engine.kernels.aligned import aligned
from engine.kernels.generic import Kernels


class _Defaults(threading.local):
    """The stack of devices entered with `with device(...)`, one for each thread."""

    def __init__(self) -> None:
        self.stack: list[Device] = []


_defaults = _Defaults()
_base_default = "cpu"


class Device:
    """A place where tensors live: "cpu", "cuda:0", or "meta", where a tensor has a shape but no values.

    One object for each place, so devices are compared with `is`. Its array module `xp` and its kernel set `kernels`
    are chosen when they are first needed, once. As a context manager it is the default for new tensors.

    Args:
        type: "cpu", "cuda", "meta", or with the number behind a colon: "cuda:1".
        index: the number of the device, where `type` does not say it.

    Raises:
        DeviceError: for a name that is none of these.

    >>> Device("cuda") is Device("cuda:0")
    True
    >>> Device("cpu")
    device(type='cpu')
    """

    type: str
    index: int | None
    is_meta: bool
    xp: Any
    kernels: Kernels
    __slots__ = ("__weakref__", "index", "is_meta", "kernels", "type", "xp")
    _known: ClassVar[dict[tuple[str, int | None], Device]] = {}

    def __new__(cls, type: str | Device, index: int | None = None) -> Device:
        if isinstance(type, Device):
            return type
        kind, index = _parse(type, index)
        if (kind, index) not in cls._known:
            self = object.__new__(cls)
            self.type, self.index, self.is_meta = kind, index, kind == "meta"
            cls._known[kind, index] = self
        return cls._known[kind, index]

    def __getattr__(self, name: str) -> Any:
        # Only reached while the slot is empty: the choice is made here, once.
        if name == "xp":
            self.xp = self._choose_array_module()
            return self.xp
        if name == "kernels":
            self.kernels = self._choose_kernels()
            return self.kernels
        raise AttributeError(name)

    def _choose_array_module(self) -> Any:
        if self.type != "cuda":
            return numpy
        found = _diagnose_cuda(self.index or 0)
        if not found.usable:
            raise DeviceError(f"device {self}", got=found.reason, mend=f"{found.mend}, or stay on the cpu")
        import cupy

        return cupy

    def _choose_kernels(self) -> Kernels:
        if self.is_meta:
            raise DeviceError("device meta", got="a tensor here has a shape but no values", mend="make it on the cpu")
        if self.type == "cuda":
            xp = self.xp  # says first why the device cannot be used
            from engine.kernels.cuda import CudaKernels

            return CudaKernels(xp)
        if importlib.util.find_spec("llvmlite") is None:
            return Kernels(self.xp)
        from engine.kernels.cpu.eager import CpuKernels

        return CpuKernels(self.xp)

    def asarray(self, values: Any, dtype: Any = None) -> Any:
        """The values as an array on this device; a NumPy array is uploaded where that is needed."""
        if self.type == "cuda":
            with self.xp.cuda.Device(self.index):
                return self.xp.asarray(values, dtype)
        return numpy.asarray(values, dtype)

    def zeros(self, size: int, dtype: Any) -> Any:
        """So many zeros that stay on this device for long; on the cpu they begin on a cache line."""
        if self.type != "cpu":
            return self.xp.zeros(size, dtype)
        array = aligned(size, dtype, kept=True)
        array[...] = 0
        return array

    def to_numpy(self, array: Any) -> numpy.ndarray:
        """The array on the host; on the cpu itself, without a copy.

        Raises:
            EngineError: an index or a class that a GPU found to be wrong since something was last read from it.
        """
        if self.type != "cuda":
            return array
        values = self.xp.asnumpy(array)
        self.kernels.raise_faults()  # what was found wrong meanwhile
        return values

    def __enter__(self) -> Device:
        _defaults.stack.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _defaults.stack.pop()

    def __reduce__(self) -> tuple[Any, ...]:
        return Device, (self.type, self.index)

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device(type={self.type!r}" + (f", index={self.index})" if self.index is not None else ")")

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, str) and str(self) == other)

    def __hash__(self) -> int:
        return hash(str(self))


def pinned(values: numpy.ndarray) -> numpy.ndarray:
    """A copy in memory of the host that stays where it is, from which a GPU copies by itself.

    Raises:
        DeviceError: no GPU can be used here.
    """
    _ = Device("cuda").xp
    import cupyx

    out = cupyx.empty_pinned(values.shape, values.dtype)
    out[...] = values
    return out


def _parse(name: str, index: int | None) -> tuple[str, int | None]:
    kind, _, number = str(name).partition(":")
    if kind not in ("cpu", "cuda", "meta") or (number and not number.isdecimal()):
        raise DeviceError(f"device {name!r}", got="no such device is known", expected='"cpu", "cuda:0" or "meta"',
                          mend='an NVIDIA GPU is called "cuda"' if str(name).startswith("gpu") else "")  # fmt: skip
    if number:
        index = int(number)
    return (kind, index or 0) if kind == "cuda" else (kind, None)


def default_device() -> Device:
    """The device on which new tensors are made.

    >>> default_device()
    device(type='cpu')
    """
    return _defaults.stack[-1] if _defaults.stack else Device(_base_default)


def set_default_device(device: str | Device) -> None:
    """Make this the device of new tensors where no `with device(...)` says otherwise.

    Args:
        device: "cpu", "cuda", "cuda:0" or "meta".

    Raises:
        DeviceError: a name that no device has.

    >>> import engine
    >>> engine.set_default_device("meta")
    >>> engine.ones(2, 3).device
    device(type='meta')
    >>> engine.set_default_device("cpu")
    """
    global _base_default
    _base_default = str(Device(device))


def resolve(device: str | Device | None) -> Device:
    """The device meant by an argument `device=`: None is the default."""
    return default_device() if device is None else Device(device)


@dataclass(frozen=True)
class Diagnosis:
    """What one device can do here: `reason` and `mend` say in a sentence why it cannot be used and what helps."""

    device: str
    name: str
    usable: bool
    reason: str = ""
    mend: str = ""


def diagnose() -> list[Diagnosis]:
    """Every device that one may ask for, with the reason where it cannot be used.

    CuPy is only imported where it is installed.

    >>> diagnose()[0].device, diagnose()[0].usable
    ('cpu', True)
    """
    found = [Diagnosis("cpu", "Processor", True), _diagnose_cuda(0)]
    if found[1].usable:
        import cupy

        found += [_diagnose_cuda(i) for i in range(1, cupy.cuda.runtime.getDeviceCount())]
    return found


def _diagnose_cuda(index: int) -> Diagnosis:
    name = f"cuda:{index}"
    if sys.platform == "darwin":
        return Diagnosis(name, "NVIDIA GPU", False, "macOS has no CUDA", "train on the cpu")
    if importlib.util.find_spec("cupy") is None:
        import ctypes.util  # slow to import, and only needed here

        driver = ctypes.util.find_library("cuda") or ctypes.util.find_library("nvcuda")
        if driver is None:
            return Diagnosis(name, "NVIDIA GPU", False, "no NVIDIA driver was found on this computer",
                             f"install the graphics card's driver, then `{installing.extra('cuda12')}`")  # fmt: skip
        return Diagnosis(name, "NVIDIA GPU", False, "CuPy, which drives the GPU, is not installed",
                         f"`{installing.extra('cuda12')}` or, for CUDA 13, `{installing.extra('cuda13')}`")  # fmt: skip
    try:
        import cupy
    except ImportError as error:
        why = (str(error).splitlines() or ["it does not say why"])[0]
        return Diagnosis(name, "NVIDIA GPU", False, f"CuPy is installed but cannot be loaded ({why})",
                         f"install it anew: `{installing.package(_cupy(), '--force-reinstall')}`")  # fmt: skip

    if not cupy.cuda.is_available():
        return Diagnosis(name, "NVIDIA GPU", False, "CuPy is installed, but no usable GPU or driver was found",
                         "install or update the NVIDIA driver")  # fmt: skip
    count = cupy.cuda.runtime.getDeviceCount()
    if index >= count:
        return Diagnosis(name, "NVIDIA GPU", False, f"there are {count} GPUs, numbered from 0",
                         f"choose cuda:{count - 1}")  # fmt: skip
    title = cupy.cuda.runtime.getDeviceProperties(index)["name"].decode()
    return Diagnosis(name, title, True)


def _cupy() -> str:
    """The package that CuPy came in, of which there is one for each version of CUDA, and its version."""
    from importlib import metadata  # slow to import, and only needed here

    names = metadata.packages_distributions().get("cupy")
    return f"{names[0]}=={metadata.version(names[0])}" if names else "cupy-cuda12x"


device = Device
"""PyTorch's name for the class."""
