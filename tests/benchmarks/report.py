"""What was measured, as JSON and as a table. A ratio above 1: Layerloom is faster."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass, field
from importlib import metadata
from math import exp, log
from pathlib import Path
from typing import Any

from tests.benchmarks.contenders import COMPILED, CONTENDERS, JAX, OURS, OURS_EAGER, TORCH
from tests.benchmarks.timing import Times
from tests.benchmarks.workloads import Workload

PEERS = {"ratio_eager": TORCH, "ratio_compile": COMPILED, "ratio_jax": JAX}
Row = dict[str, Any]


@dataclass
class Measured:
    """All that was measured of one workload; what isn't there was not installed, or failed."""

    workload: Workload
    times: dict[str, Times] = field(default_factory=dict)
    apart: dict[str, dict[str, float]] = field(default_factory=dict)  # first_step_s, peak_mb ... of processes alone
    peaks: list[float] = field(default_factory=list)  # GFLOP/s, one burst after each round


def row(measured: Measured, peak_gflops: float) -> Row:
    """One workload as the JSON has it; None where a peer is missing."""
    times, apart = measured.times, measured.apart.get(OURS, {})
    torch = measured.apart.get(TORCH, {})
    ours = times[OURS].ms
    found: Row = {f"{name}_ms": times[name].ms if name in times else None for name in CONTENDERS}
    found |= {ratio: times[peer].ms / ours if peer in times else None for ratio, peer in PEERS.items()}
    ratios = [found[ratio] for ratio in PEERS if found[ratio] is not None]
    found["ratio_best_peer"] = min(ratios, default=None)
    found["ratio_ours_eager"] = times[TORCH].ms / times[OURS_EAGER].ms if TORCH in times else None
    found["peak_share"] = measured.workload.flops / (ours * 1e6) / peak_gflops
    found["flops"] = measured.workload.flops
    found["spread"] = {name: times[name].spread for name in times}
    found["first_ms"] = {name: times[name].first_ms for name in times}
    found["memory_mb"] = apart.get("peak_mb")
    found["torch_memory_mb"] = torch.get("peak_mb")
    found["memory_ratio"] = _quotient(found["memory_mb"], found["torch_memory_mb"])
    found["first_step_s"] = apart.get("first_step_s")
    found["first_step_cold_s"] = apart.get("first_step_cold_s")
    found["torch_first_step_s"] = torch.get("first_step_s")
    return found


def _quotient(a: float | None, b: float | None) -> float | None:
    return a / b if a is not None and b is not None else None


def geomean(values: list[float]) -> float | None:
    """The geometric mean; None of nothing.

    >>> geomean([1.0, 4.0])
    2.0
    """
    return exp(sum(map(log, values)) / len(values)) if values else None


def summary(rows: dict[str, Row]) -> dict[str, float | None]:
    """Geometric means and worst cases over the workloads where the peer ran."""

    def column(name: str) -> list[float]:
        return [r[name] for r in rows.values() if r[name] is not None]

    found: dict[str, float | None] = {}
    for name in ("eager", "compile", "jax", "best_peer", "ours_eager"):
        found[f"geomean_{name}"] = geomean(column(f"ratio_{name}"))
        found[f"min_{name}"] = min(column(f"ratio_{name}"), default=None)
    found["max_memory_ratio"] = max(column("memory_ratio"), default=None)
    found["max_first_step_s"] = max(column("first_step_s"), default=None)
    found["max_first_step_cold_s"] = max(column("first_step_cold_s"), default=None)
    return found


def machine(threads: int) -> dict[str, Any]:
    """What it ran on, and with which versions."""
    packages = ("torch", "jax", "jaxlib", "numpy", "llvmlite")
    return {
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "threads": threads,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "versions": {"python": platform.python_version()} | {p: _version(p) for p in packages},
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    names = information.read_text().split("model name") if information.exists() else []
    return names[1].partition(":")[2].splitlines()[0].strip() if len(names) > 1 else platform.processor()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def write(path: Path, result: dict[str, Any]) -> None:
    """The JSON, in one piece."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    os.replace(temporary, path)


# The table

COLUMNS = (
    # heading, width, key, form
    ("ours ms", 17, "ours", "time"),
    ("ours eager", 17, "ours_eager", "time"),
    ("PyTorch eager", 17, "torch_eager", "time"),
    ("torch.compile", 17, "torch_compile", "time"),
    ("JAX jit", 17, "jax", "time"),
    ("/eager", 7, "ratio_eager", "{:.2f}x"),
    ("/compile", 9, "ratio_compile", "{:.2f}x"),
    ("/jax", 7, "ratio_jax", "{:.2f}x"),
    ("/best", 7, "ratio_best_peer", "{:.2f}x"),
    ("eager/eager", 12, "ratio_ours_eager", "{:.2f}x"),
    ("peak", 6, "peak_share", "{:.0%}"),
    ("memory MB", 10, "memory_mb", "{:.0f}"),
    ("of torch", 9, "memory_ratio", "{:.2f}"),
    ("1st warm", 9, "first_step_s", "{:.2f}s"),
    ("cold", 7, "first_step_cold_s", "{:.2f}s"),
)


def heading() -> str:
    return "workload".ljust(12) + "".join(title.rjust(width) for title, width, _, _ in COLUMNS)


def line(name: str, found: Row) -> str:
    return name.ljust(12) + "".join(_cell(found, key, form).rjust(width) for _, width, key, form in COLUMNS)


def _cell(found: Row, key: str, form: str) -> str:
    if form != "time":
        return "-" if found[key] is None else form.format(found[key])
    ms = found[f"{key}_ms"]
    return "-" if ms is None else f"{ms:.3g} ±{found['spread'][key]:.0%}" if ms < 1000 else f"{ms:.0f}"


def closing(result: dict[str, Any]) -> str:
    """Geometric means, peak, memory of the imports, and whatever was left out."""
    peak = (
        f"peak {result['peak_gflops']:.0f} GFLOP/s at best, {result['peak_median_gflops']:.0f} in the median round "
        f"({result['peak_by']}, {result['machine']['threads']} threads)"
    )
    means = [
        f"{name.replace('_', ' ')}: {result[f'geomean_{name}']:.2f} x, at least {result[f'min_{name}']:.2f} x"
        for name in ("eager", "compile", "jax", "best_peer", "ours_eager")
        if result[f"geomean_{name}"] is not None
    ]
    imports = ", ".join(f"import {name} {mb:.0f} MB" for name, mb in result["import_mb"].items())
    return "\n".join(["", *means, peak, imports, *result["notes"]])
