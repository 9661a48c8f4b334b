"""The compiler's cache: shared by processes, indifferent to damage and to folders that cannot be written."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

from engine.kernels.cpu import compile, executor
from engine.kernels.cpu.host import host

ROOT = Path(__file__).parents[2]
PROGRAM = """
import numpy as np
from engine.kernels.cpu import compile, products
x, w = np.ones((5, 7), np.float32), np.full((3, 7), 2, np.float32)
y = np.zeros((5, 3), np.float32)
products.linear_forward(5, 7, 3, bias=False)(x=x, weight=w, y=y)
assert (y == 14).all(), y
print(compile.statistics["compiled"], compile.statistics["loaded"])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LAYERLOOM_CACHE", str(tmp_path))
    return tmp_path / "kernels"


def start():
    return subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def counts(process):
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return tuple(map(int, output.split()))


def test_a_second_process_compiles_nothing(folder):
    compiled, _ = counts(start())
    assert compiled > 0
    assert counts(start()) == (0, compiled)


def test_two_processes_compile_at_once(folder):
    both = [start(), start()]
    assert all(sum(counts(process)) > 0 for process in both)
    assert not list(folder.glob(".*.part"))


@pytest.mark.parametrize("damage", ["cut short", "one bit", "empty", "another's"])
def test_a_damaged_file_is_never_run_but_compiled_again(folder, damage):
    compiled, _ = counts(start())
    files = sorted(folder.glob("*.o"))
    contents = [file.read_bytes() for file in files]
    for number, file in enumerate(files):
        content = bytearray(contents[number])
        if damage == "one bit":
            content[-100] ^= 4
        changed = {"cut short": content[:-50], "one bit": content, "empty": b"", "another's": contents[number - 1]}
        file.write_bytes(changed[damage])
    again, loaded = counts(start())
    assert (again, loaded) == (compiled, 0)
    assert counts(start()) == (0, compiled)


def test_a_folder_that_cannot_be_made_leaves_the_code_in_memory(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LAYERLOOM_CACHE", str(tmp_path / "file"))
    assert compile.read("key") is None
    assert compile.write("key", b"code") is False
    assert counts(start())[0] > 0


@pytest.mark.skipif(
    os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_read_only_folder_leaves_the_code_in_memory(folder):
    folder.mkdir()
    folder.chmod(stat.S_IREAD | stat.S_IEXEC)
    assert compile.write("key", b"code") is False


def test_what_was_written_is_read_under_its_own_key_only(folder):
    assert compile.write("key", b"code")
    assert compile.read("key") == b"code"
    (folder / "other.o").write_bytes((folder / "key.o").read_bytes())
    assert compile.read("other") is None


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows keeps files by folders")
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_code_that_others_could_write_is_never_run(folder, mode):
    before = os.umask(0)
    try:
        assert compile.write("key", b"code")
    finally:
        os.umask(before)
    path = folder / "key.o"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert compile.read("key") == b"code"
    path.chmod(mode)
    assert compile.read("key") is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_code_of_another_user_is_never_run(folder):
    assert compile.write("key", b"code")
    os.chown(folder / "key.o", 12345, -1)
    assert compile.read("key") is None


@pytest.mark.parametrize("isa", ["avx2", "plain"])
def test_lesser_processors_get_correct_kernels_too(folder, isa, monkeypatch):
    if not host().triple.startswith("x86_64"):
        pytest.skip("the choice exists on x86-64 only")
    monkeypatch.setenv("LAYERLOOM_ISA", isa)
    assert counts(start())[0] > 0


def test_the_same_kernel_is_compiled_once(folder):
    assert compile.compiled(executor.nothing) == compile.compiled(executor.nothing)


asked: list[object] = []


def emit_noted(parameter):
    asked.append(parameter)
    return executor.nothing()


def test_parameters_that_are_equal_but_not_the_same_make_kernels_of_their_own(folder):
    asked.clear()
    for parameter in (0.0, -0.0, 0, False, 0.0, -0.0, 0, False):
        compile.compiled(emit_noted, parameter)
    assert list(map(repr, asked)) == ["0.0", "-0.0", "0", "False"]


def test_the_longest_unused_files_go_where_there_are_too_many(folder):
    for age in range(10):
        compile.write(f"key{age}", bytes(1000))
        os.utime(folder / f"key{age}.o", (10**9 - age, 10**9 - age))
    (folder / "notes.txt").write_bytes(bytes(5000))  # somebody else's
    size = (folder / "key0.o").stat().st_size
    compile.keep_below(10 * size)
    assert len(list(folder.glob("*.o"))) == 10
    compile.keep_below(8 * size)
    assert sorted(path.name for path in folder.glob("*.o")) == [f"key{age}.o" for age in range(6)]
    assert (folder / "notes.txt").exists()


def test_the_folder_is_kept_small_by_whoever_compiles(folder):
    folder.mkdir()
    for number in range(3):
        with open(folder / f"{number}.o", "wb") as file:
            file.truncate(100 * 2**20)  # no block of a disk is taken
    assert counts(start())[0] > 0
    assert sum(path.stat().st_size for path in folder.iterdir()) < compile.MOST_KEPT


INTERRUPTED = """
from engine.kernels.cpu import compile, executor

class Interrupted(list):
    def append(self, engine):
        raise KeyboardInterrupt

kept, compile._engines = compile._engines, Interrupted()
for _ in range(3):
    try:
        compile.compiled(executor.nothing)
    except KeyboardInterrupt:
        print("interrupted", end=" ")
compile._engines = kept
print(compile.compiled(executor.rest) > 0 and compile.compiled(executor.nothing) > 0)
"""


def test_kernels_are_compiled_after_an_interrupt_while_one_was(folder):
    result = subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (result.stdout.split(), result.returncode) == (["interrupted"] * 3 + ["True"], 0)
