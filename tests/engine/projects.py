"""Small projects that train in a second, for the tests of training and command line."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from engine import data
from engine.__main__ import main
from engine.formats import checkpoint
from engine.graph import templates
from engine.graph.script import to_script
from engine.graph.spec import Choice, DataSpec, Project, TrainingSpec
from engine.train.events import AnyEvent, decode_event
from engine.train.run_folder import RunFolder
from engine.train.task import Task
from engine.train.trainer import Trainer

ROOT = Path(__file__).parent.parent.parent


def project(
    layers: list[tuple[str, dict[str, Any]]], source: DataSpec, training: TrainingSpec, name: str = "Small"
) -> Project:
    return Project(name=name, graph=templates.chain(layers), data=data.describe(source, None), training=training)


def small_digits(epochs: int = 3, batch_size: int = 64, lr: float = 0.01, **training: Any) -> Project:
    """Dropout, batch norm, shuffled data, Adam and a schedule: everything that a resumed run has to bring back."""
    layers = [
        ("Input", {"field": "image"}), ("Flatten", {}), ("Linear", {"out_features": 32}), ("BatchNorm1d", {}),
        ("ReLU", {}), ("Dropout", {"p": 0.3}), ("Linear", {"out_features": 10}), ("CrossEntropyLoss", {}),
    ]  # fmt: skip
    settings = {"optimizer": Choice("Adam", {"lr": lr}), "schedule": Choice("StepLR", {"step_size": 2, "gamma": 0.5})}
    source = DataSpec(source="bundled:digits", batch_size=batch_size, scaling="unit")
    return project(layers, source, TrainingSpec(epochs=epochs, **(settings | training)))


def small_line(epochs: int = 1) -> Project:
    """A line through 442 points: an epoch takes milliseconds."""
    layers = [("Input", {"field": "features"}), ("Linear", {"out_features": 1}), ("MSELoss", {})]
    source = DataSpec(source="bundled:diabetes", options={"columns": ["bmi"]}, batch_size=64)
    return project(layers, source, TrainingSpec(Choice("SGD", {"lr": 0.01}), epochs=epochs), "Line")


def learned_twice(made: Project, folder: Path) -> tuple[Trainer, str]:
    """Trained here, and by its script, which ends with the same weights bit for bit; and the script's last line."""
    with RunFolder(folder / "run") as run:
        trainer = Trainer(Task(made), run, made.training.epochs, [])
        trainer.run()
    weights = checkpoint.decode(checkpoint.encode(trainer.checkpoint())).model
    names: dict[str, Any] = {"__name__": "script"}
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(to_script(made), names)
        by_script = names["train"]().state_dict()
    assert set(by_script) == set(weights)
    for name, values in by_script.items():
        np.testing.assert_array_equal(values.numpy(), weights[name])
    return trainer, said.getvalue().splitlines()[-1]


@contextlib.contextmanager
def a_folder_to_read_only(make: Callable[[Path], Any]) -> Iterator[Path]:
    """A folder filled by `make` that this process may not write to, the superuser neither while it lasts."""
    place = Path(tempfile.mkdtemp())  # outside pytest's own folder, which other users may not enter
    folder = place / "given to read"
    folder.mkdir()
    make(folder)
    for path in (place, folder, *folder.rglob("*")):
        path.chmod(0o555)
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if was_root:
            os.seteuid(0)
        for path in (place, folder):
            path.chmod(0o755)
        shutil.rmtree(place)


@contextlib.contextmanager
def a_small_disk(place: Path, size: int) -> Iterator[Path]:
    """A file system of its own of so many bytes; where the system lets nobody mount one the test is skipped."""
    disk = place / "small disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(disk)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def layerloom(*arguments: Any, timeout: float = 60, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "engine", *map(str, arguments)],
        cwd=more.pop("cwd", ROOT), capture_output=True, text=True, timeout=timeout, env=environment(), **more,
    )  # fmt: skip


def here(capsys: Any, *arguments: Any) -> subprocess.CompletedProcess[str]:
    """The same within this process: quicker, where no process of its own is the point."""
    capsys.readouterr()
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as wrong_usage:
        code = wrong_usage.code
    said = capsys.readouterr()
    return subprocess.CompletedProcess(list(arguments), code, said.out, said.err)


def started(*arguments: Any) -> subprocess.Popen[str]:
    """The same, not waited for."""
    return subprocess.Popen(
        [sys.executable, "-m", "engine", *map(str, arguments)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


def last_object(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON object on the last line of standard output."""
    assert done.stdout, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def events(folder: Path, kind: type | None = None) -> list[AnyEvent]:
    """Whole events in a run folder, or those of one kind."""
    path = folder / "events.jsonl"
    content = path.read_bytes() if path.exists() else b""
    found = [decode_event(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]
    return [event for event in found if kind is None or isinstance(event, kind)]


def wait_for(folder: Path, kind: type, test: Any = lambda event: True, seconds: float = 20.0) -> AnyEvent:
    """The first event of that kind for which `test` holds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for event in events(folder, kind):
            if test(event):
                return event
        time.sleep(0.01)
    seen = [type(event).__name__ for event in events(folder)]
    raise AssertionError(f"no {kind.__name__} within {seconds} s; there were {seen[-20:]}")


def command(folder: Path, message: Any) -> None:
    """Append a command as the window does."""
    with open(folder / "commands.jsonl", "ab") as file:
        file.write(message if isinstance(message, bytes) else msgspec.json.encode(message) + b"\n")
