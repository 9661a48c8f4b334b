"""Ctrl-C, whenever it comes: one line, exit code 130, no traceback."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from engine import interrupt
from engine.formats import project_file
from tests.engine.projects import ROOT, environment, small_line

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT as POSIX has it")


@pytest.mark.parametrize(
    "module", ["engine.errors", "numpy", "engine.tensor", "engine.cli.output", "engine.cli", "engine.train.run"]
)
def test_ctrl_c_while_modules_are_still_loaded_is_one_line(tmp_path, module):
    path = tmp_path / "line.loom"
    project_file.write(path, small_line(epochs=100_000))
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "engine", "train", str(path)],
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stderr:
        if line.split("|")[-1].strip() == module:
            break
    process.send_signal(signal.SIGINT)
    said, rest = process.communicate(timeout=60)
    told = [line for line in rest.splitlines() if not line.startswith("import time:")]
    assert process.returncode == 130
    assert told == ["Interrupted."] or "Stopped" in said  # the last comes when the run may just have begun
    assert "Traceback" not in rest
    assert not list(tmp_path.glob("*.runs/*/checkpoints/.*.part"))


def test_a_script_that_imports_the_engine_keeps_its_own_ctrl_c():
    code = "import engine, signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.stdout == "True\n"


@pytest.mark.parametrize(
    ("argv", "original", "is_it"),
    [
        (["-m"], ["python", "-m", "engine", "train"], True),
        (["-m"], ["python", "-mengine", "train"], True),
        (["-m"], ["python", "-m", "mine", "--loads", "engine"], False),
        (["/bin/layerloom", "train"], ["python", "/bin/layerloom", "train"], True),
        (["script.py", "-m", "engine"], ["python", "script.py", "-m", "engine"], False),
        ([], ["python"], False),
    ],
)
def test_only_the_program_s_own_ctrl_c_is_taken(monkeypatch, argv, original, is_it):
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", original)
    assert interrupt.is_program() is is_it
