"""What the processor offers: vector width, registers, caches, cores."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import llvmlite.binding as llvm

L1_FLOATS = 12 * 1024  # 48 KB
L2_FLOATS = 256 * 1024  # 1 MB: what recent cores have at least, within a factor of two


@dataclass(frozen=True)
class Host:
    """A processor as the compiler sees it."""

    cpu: str
    features: str
    triple: str
    lanes: int  # float32 numbers in a vector register
    registers: int

    @property
    def is_x86(self) -> bool:
        return self.triple.startswith(("x86_64", "i386", "i686"))

    @property
    def is_arm(self) -> bool:
        return self.triple.startswith(("aarch64", "arm64"))

    @property
    def tiles(self) -> dict[int, int]:
        """Rows of the largest micro-kernel by its number of column vectors; more accumulators would spill.

        >>> Host("any", "", "x86_64-linux", 16, 32).tiles[2]
        14
        """
        if self.registers >= 32:
            return {1: 24, 2: 14, 3: 9, 4: 6}
        return {1: 12, 2: 6, 3: 4}


@cache
def host() -> Host:
    """The processor at hand; LAYERLOOM_ISA=avx2 or plain asks for less than it can do."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    wanted = os.environ.get("LAYERLOOM_ISA", "")
    triple = llvm.get_process_triple()
    features = llvm.get_host_cpu_features()
    if wanted and triple.startswith("x86_64"):
        cpu = {"avx2": "x86-64-v3", "plain": "x86-64"}.get(wanted, llvm.get_host_cpu_name())
        return Host(cpu, "", triple, *((8, 16) if wanted == "avx2" else (4, 16)))
    cpu, flat = llvm.get_host_cpu_name(), features.flatten()
    if features.get("avx512f") and features.get("avx512vl"):
        return Host(cpu, flat, triple, 16, 32)
    if features.get("avx2") and features.get("fma"):
        return Host(cpu, flat, triple, 8, 16)
    return Host(cpu, flat, triple, 4, 32 if triple.startswith(("aarch64", "arm64")) else 16)


@cache
def physical_cores() -> int:
    """Physical cores that this process may run on; hyper-threads add nothing to fused multiply-adds.

    >>> physical_cores() >= 1
    True
    """
    if not hasattr(os, "sched_getaffinity"):
        logical = os.cpu_count() or 1
        return _darwin_performance_cores() or (logical if logical < 4 or sys.platform == "darwin" else logical // 2)
    allowed = os.sched_getaffinity(0)
    cores = {_core_of(cpu) for cpu in allowed}
    return max(1, min(len(cores), _quota() or len(cores)))


def _core_of(cpu: int) -> tuple[str, str]:
    """(package, core) of a logical processor; itself where Linux does not say."""
    topology = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology")
    try:
        return (topology / "physical_package_id").read_text(), (topology / "core_id").read_text()
    except OSError:
        return "", str(cpu)


def _quota() -> int:
    """Whole cores that a container's limit leaves; 0 where there is none."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return 0
    return 0 if limit == "max" else max(1, int(limit) // int(period))


def _darwin_performance_cores() -> int:
    """Fast cores of an Apple processor: the slow ones would hold up every barrier."""
    if sys.platform != "darwin":
        return 0
    import ctypes

    count, size = ctypes.c_int32(0), ctypes.c_size_t(4)
    ask = ctypes.CDLL(None).sysctlbyname
    failed = ask(b"hw.perflevel0.physicalcpu", ctypes.byref(count), ctypes.byref(size), None, 0)
    return 0 if failed else count.value
