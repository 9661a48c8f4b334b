"""The processor's peak: how many float32 operations a second its fused multiply-adds reach, measured."""

from __future__ import annotations

import ctypes
import importlib.util
import threading
import time
from collections.abc import Callable
from functools import cache

import numpy as np

REPEATS = 2_000_000  # turns of the loop in one measurement, some milliseconds


def peak_gflops(threads: int, bursts: int = 5) -> tuple[float, str]:
    """The best of some short bursts, and by what it was measured.

    Where llvmlite is installed that is a loop of nothing but fused multiply-adds on registers, elsewhere a large matrix
    product through NumPy, which stays below the peak.
    """
    if importlib.util.find_spec("llvmlite") is None:
        return max(_product() for _ in range(bursts)), "matrix product through NumPy"
    return max(_burst(threads) for _ in range(bursts)), "loop of fused multiply-adds"


def _product(n: int = 1024) -> float:
    a = np.ones((n, n), np.float32)
    began = time.perf_counter()
    a @ a
    return 2 * n**3 / (time.perf_counter() - began) / 1e9


def clock(threads: int) -> Callable[[], float]:
    """What seconds are taken from: one thread has a time of its own, which others on the machine take no part of."""
    return time.thread_time if threads == 1 else time.perf_counter


def _burst(threads: int) -> float:
    """All threads run the loop at once; ctypes lets go of the interpreter meanwhile."""
    function, per_turn, _ = _loop()
    if threads == 1:
        numbers, began = np.full(1024, 0.5, np.float32), time.thread_time()
        function(REPEATS, numbers.ctypes.data)
        return per_turn * REPEATS / (time.thread_time() - began) / 1e9
    line = threading.Barrier(threads + 1)
    workers = [threading.Thread(target=_run, args=(function, line), daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    line.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    return threads * per_turn * REPEATS / (time.perf_counter() - began) / 1e9


def _run(function: Callable[[int, int], None], line: threading.Barrier) -> None:
    numbers = np.full(1024, 0.5, np.float32)
    line.wait()
    function(REPEATS, numbers.ctypes.data)


@cache
def _loop() -> tuple[Callable[[int, int], None], int, object]:
    """The loop, its operations in a turn, and the engine that keeps its code alive."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features()
    lanes, chains = (16, 24) if features.get("avx512f") else (8, 12) if features.get("avx2") else (4, 12)
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features.flatten(), opt=2
    )
    compiled = llvm.create_mcjit_compiler(llvm.parse_assembly(_source(lanes, chains)), machine)
    compiled.finalize_object()
    function = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)(compiled.get_function_address("peak"))
    return function, 2 * lanes * chains, compiled


def _source(lanes: int, chains: int) -> str:
    """`chains` independent sums x = x * a + a, enough of them to hide the latency of each."""
    vector, name = f"<{lanes} x float>", f"llvm.fma.v{lanes}f32"
    places = "\n".join(f"  %p{i} = getelementptr {vector}, ptr %memory, i64 {i}" for i in range(chains))
    loads = "\n".join(f"  %a{i} = load {vector}, ptr %p{i}, align 4" for i in range(chains))
    starts = "\n".join(f"  %x{i} = phi {vector} [ %a{i}, %entry ], [ %y{i}, %turn ]" for i in range(chains))
    steps = "\n".join(
        f"  %y{i} = call {vector} @{name}({vector} %x{i}, {vector} %a0, {vector} %a0)" for i in range(chains)
    )
    sums = "\n".join(f"  %s{i} = fadd {vector} {'%a0' if i == 0 else f'%s{i - 1}'}, %y{i}" for i in range(chains))
    return f"""
declare {vector} @{name}({vector}, {vector}, {vector})
define void @peak(i64 %n, ptr %memory) {{
entry:
{places}
{loads}
  br label %turn
turn:
  %i = phi i64 [ 0, %entry ], [ %next, %turn ]
{starts}
{steps}
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %turn, label %end
end:
{sums}
  store {vector} %s{chains - 1}, ptr %memory, align 4
  ret void
}}
"""
