"""doctor: what is installed, what can be used here, and what to do about the rest."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.output import Output, Result
from engine.wording import format_size

if TYPE_CHECKING:
    from engine.kernels.cache import Contents

NEEDED = ("numpy", "msgspec", "safetensors", "pillow", "platformdirs", "filelock")
OPTIONAL = {
    "llvmlite": "compiled kernels for the processor",
    "cupy-cuda12x": "CUDA 12 graphics cards",
    "cupy-cuda13x": "CUDA 13 graphics cards",
    "onnx": "ONNX export",
    "PySide6-Essentials": "the window",
    "pyqtgraph": "plots in the window",
}


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """doctor."""
    doctor = commands.add_parser("doctor", parents=[common], help="what is installed and what can be used here")
    doctor.add_argument("--clear-cache", action="store_true", help="take away the compiled kernels that are kept")
    doctor.set_defaults(run=run_doctor)


def run_doctor(options: argparse.Namespace, output: Output) -> Result:
    if options.clear_cache:
        return clear_cache(output)
    figures = {
        "layerloom": version("layerloom") or "from source",
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "packages": {name: version(name) for name in (*NEEDED, *OPTIONAL)},
        "devices": devices(),
        "gpu": gpu_test(),
        "threads": threads(),
        "folders": [folder(purpose, path) for purpose, path in folders().items()],
        "step": one_step(),
        "kernels": kernels(),  # those of the step among them
    }
    _print(figures, output)
    missing = [name for name in NEEDED if figures["packages"][name] is None]
    broken = bool(missing) or not all(f["writable"] for f in figures["folders"]) or "error" in figures["step"]
    return Result(figures | {"ok": not broken}, int(broken))


def clear_cache(output: Output) -> Result:
    from engine.kernels import cache

    taken = cache.clear()
    output.say(f"{taken} compiled kernels taken away; they are compiled again when they are needed")
    return Result({"cleared": taken})


def _print(figures: dict[str, Any], output: Output) -> None:
    output.say(f"Layerloom {figures['layerloom']}, Python {figures['python']}, {figures['system']}")
    output.say()
    for name, found in figures["packages"].items():
        purpose = f"  ({OPTIONAL[name]})" if name in OPTIONAL else ""
        output.say(f"  {name:20} {found or 'not installed'}{purpose}")
    output.say()
    for device in figures["devices"]:
        state = "can be used" if device["usable"] else f"cannot be used: {device['reason']}; {device['mend']}"
        output.say(f"  {device['device']:20} {device['name']}, {state}")
    for found in figures["gpu"]:
        output.say(f"    {found['part']:18} {found['error'] or 'works'}")
    output.say(f"  {'threads':20} {figures['threads']['used']} of {figures['threads']['processors']} processors")
    found = figures["kernels"]
    output.say(f"  {'kernels':20} {found['set']}, {found['compiled_for'] or 'without llvmlite'}")
    if found["folder"]:
        output.say(
            f"  {'kept kernels':20} {found['kept']}, {format_size(found['megabytes'] * 1e6)} in {found['folder']}"
        )
    if found["fault"]:
        output.say(f"  {'':20} {found['fault']}")
    step = figures["step"]
    output.say(f"  {'a training step':20} {step.get('error') or format(step['milliseconds'], '.2f') + ' ms'}")
    output.say()
    for found in figures["folders"]:
        state = "can be written to" if found["writable"] else f"cannot be written to: {found['reason']}"
        output.say(f"  {found['purpose']:20} {found['path']}, {state}")


def version(package: str) -> str | None:
    """The installed version; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def devices() -> list[dict[str, Any]]:
    """Every device that one may ask for, with the reason why it cannot be used."""
    from dataclasses import asdict

    from engine.device import diagnose

    return [asdict(found) for found in diagnose()]


def gpu_test() -> list[dict[str, str]]:
    """What works on the first GPU, part by part, and what a part that doesn't says; empty where there is none."""
    from engine import cuda
    from engine.cli import gpu

    return gpu.tested() if cuda.is_available() else []


def threads() -> dict[str, int]:
    """Processors, and how many a run without a window computes with."""
    from engine.train import threads as of_a_run

    return {"used": of_a_run.choose(), "processors": of_a_run.available()}


def kernels() -> dict[str, Any]:
    """Which kernel set the processor gets, what it is compiled for, and what is kept of it."""
    from engine.device import Device
    from engine.kernels import cache

    chosen = type(Device("cpu").kernels)
    found = cache.contents()
    return {
        "set": f"{chosen.__module__.removeprefix('engine.kernels.')}.{chosen.__name__}",
        "compiled_for": _target() if found else "",
        "folder": str(found.folder) if found else "",
        "kept": found.kernels if found else 0,
        "megabytes": round(found.bytes / 1e6, 3) if found else 0.0,
        "fault": _fault(found) if found else "",
    }


def _fault(found: Contents) -> str:
    """Why kernels are compiled anew by each process, in a sentence; "" where what is kept is used."""
    if not found.writable:
        return "nothing can be kept there, so that each process compiles anew; set LAYERLOOM_CACHE to another folder"
    if found.refused:
        return (f"{found.refused} of them are never run, as others can write to the files; call doctor "
                "--clear-cache and, if that is in vain, set LAYERLOOM_CACHE to a folder of another disk")  # fmt: skip
    return ""


def _target() -> str:
    from engine.kernels.cpu.host import host

    target = host()
    kind = {16: "AVX-512", 8: "AVX2"}.get(target.lanes, "NEON" if target.is_arm else "plain vectors")
    return f"compiled for {target.cpu} with {kind}"


def one_step() -> dict[str, Any]:
    """A small network learns for a few steps: the proof that the engine works here."""
    try:
        return {"milliseconds": _time_step()}
    except Exception as error:  # the doctor reports what it finds, whatever it is
        return {"error": f"{type(error).__name__}: {error}"}


def _time_step(steps: int = 20) -> float:
    import engine
    from engine import nn, optim

    state = engine.get_rng_state()
    network = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = optim.Adam(network.parameters(), lr=0.01)
    x, target = engine.randn(64, 64), engine.arange(64) % 10
    engine.set_rng_state(state)
    seconds = []
    for _ in range(steps):
        began = time.perf_counter()
        optimizer.zero_grad()
        nn.CrossEntropyLoss()(network(x), target).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - began)
    return sorted(seconds)[steps // 2] * 1000


def folders() -> dict[str, Path]:
    """Where Layerloom keeps things, by purpose."""
    from engine import folders

    return {
        "settings": folders.settings(),
        "autosave and runs": folders.state(),
        "layers of one's own": folders.layers(),
        "cache": folders.cache(),
        "this folder": Path.cwd(),
    }


def folder(purpose: str, path: Path) -> dict[str, Any]:
    """Whether files can be made in `path`, or in the folder in which it would be made."""
    place = next(p for p in (path, *path.parents) if p.exists())
    probe = place / f".layerloom-{secrets.token_hex(4)}"
    try:
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        probe.unlink()
    except OSError as error:
        return {"purpose": purpose, "path": str(path), "writable": False, "reason": error.strerror}
    return {"purpose": purpose, "path": str(path), "writable": True}
