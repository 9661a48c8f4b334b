"""From an emitter and its parameters to machine code, kept in memory and in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import llvmlite.ir as ir

from engine import folders
from engine.kernels.cpu.forks import closed_to_forks, open_in_children
from engine.kernels.cpu.host import Host, host

MAGIC = b"loomobj1"
SYMBOL = "kernel"  # what every module calls the function that is looked up in it
_lock = open_in_children(threading.RLock())
_llvm = closed_to_forks(threading.Lock())  # LLVM has locks of its own, which a child could not open
_engines: list[Any] = []  # an engine owns its machine code: it lives as long as the process
_addresses: dict[str, int] = {}
_locks: dict[str, Any] = {}  # by key; a forked child begins with none
FEW = 3  # functions for which it is not worth to start threads
MOST_KEPT = 256 * 2**20  # bytes of object files; those of other versions and processors among them
statistics = {"compiled": 0, "loaded": 0}


def compiled(emit: Callable[..., ir.Module], *parameters: Any) -> int:
    """Address of the function that `emit(*parameters)` describes, for the processor at hand.

    The code is found by what it would be emitted from (the emitter's name, its parameters, the sources of this package
    and the processor), so that neither emitting nor compiling is needed when it is known already.

    Args:
        emit: a function of a module that returns a module with a function named "kernel".
        parameters: hashable, with a repr that tells them apart: numbers, text, tuples, frozen dataclasses.
    """
    key = _key(emit, parameters, host())  # not the parameters themselves: 0.0 equals -0.0, and 1 True
    return _addresses.get(key) or _compiled(key, emit, parameters, host())


def _compiled(key: str, emit: Callable[..., ir.Module], parameters: tuple[Any, ...], target: Host) -> int:
    with _lock_of(key):  # two threads may compile at once, but not the same
        if key not in _addresses:
            code = read(key)
            if code is None:
                text = str(emit(*parameters))
                with _llvm:
                    code = object_code(text, target)
                write(key, code)
                statistics["compiled"] += 1
                if statistics["compiled"] == 1:
                    keep_below(MOST_KEPT)
            else:
                statistics["loaded"] += 1
            with _llvm:
                _addresses[key] = load(code, target)
        return _addresses[key]


def _lock_of(key: str) -> Any:
    with _lock:
        return _locks.setdefault(key, threading.RLock())


def prepare(kernels: Iterable[tuple[Callable[..., ir.Module], tuple[Any, ...]]]) -> None:
    """Have many functions compiled, (emitter, parameters) of each: one is emitted while another is optimised."""
    due = list(dict.fromkeys(kernels))
    if len(due) < FEW:
        return
    with ThreadPoolExecutor(2, "compile") as pool:
        for done in [pool.submit(compiled, emit, *parameters) for emit, parameters in due]:
            done.result()


def object_code(text: str, target: Host) -> bytes:
    """An object file for `target` from IR, optimised.

    Kernels are written with vectors and loops as they should run: a few of the usual passes do what all of them do, in
    a fifth of the time.
    """
    machine = _machine(target)
    module = llvm.parse_assembly(text)
    module.verify()
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.add_simplify_cfg_pass()
    passes.add_new_gvn_pass()
    passes.add_instruction_combine_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3)))
    return machine.emit_object(module)


def load(code: bytes, target: Host) -> int:
    """Bring an object file into memory; the address of its function "kernel"."""
    empty = llvm.parse_assembly(f'target triple = "{target.triple}"')
    engine = llvm.create_mcjit_compiler(empty, _machine(target))
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return engine.get_function_address(SYMBOL)


def new_module(name: str) -> ir.Module:
    """An empty module for the processor at hand."""
    module = ir.Module(name=name)
    module.triple = host().triple
    return module


def folder() -> Path:
    """Where object files are kept."""
    return folders.cache() / "kernels"


def read(key: str) -> bytes | None:
    """The object file kept under `key`; None where there is none that is whole and that only this user can write."""
    try:
        with open(folder() / f"{key}.o", "rb") as file:
            content = file.read() if is_own(os.fstat(file.fileno())) else b""
    except OSError:
        return None
    head = len(MAGIC) + 32
    magic, digest, code = content[: len(MAGIC)], content[len(MAGIC) : head], content[head:]
    return code if magic == MAGIC and digest == _digest(key, code) else None


def write(key: str, code: bytes) -> bool:
    """Keep an object file under `key`; False where the folder cannot be written.

    The file takes its name when it is whole. It is not forced to the disk: a checksum finds what a crash damaged. Only
    this user may write it, whatever new files may be otherwise: what is in it will be run.
    """
    path = folder() / f"{key}.o"
    temporary = path.with_name(f".{key}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(MAGIC + _digest(key, code) + code)
        os.replace(temporary, path)
    except OSError:  # read-only or full: the code lives in memory alone
        _discard(temporary)
        return False
    return True


def kept(folder: Path) -> list[tuple[Path, int, float]]:
    """The files there: path, bytes, when one was last written or, to the day, read."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith((".o", ".part")) and entry.is_file(follow_symlinks=False):
                    facts = entry.stat(follow_symlinks=False)
                    found.append((Path(entry.path), facts.st_size, max(facts.st_mtime, facts.st_atime)))
    except OSError:  # there is none yet, or another process empties it
        return found
    return found


def keep_below(most: int) -> None:
    """Where the files take more than `most` bytes, leave three quarters of that: the longest unused go first."""
    files = kept(folder())
    left = sum(size for _, size, _ in files)
    if left <= most:
        return
    for path, size, _ in sorted(files, key=lambda file: file[2]):
        if left <= most * 3 // 4:
            return
        _discard(path)
        left -= size


def _discard(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # the folder itself is out of reach: there is nothing to take away
        return


def is_own(file: os.stat_result) -> bool:
    """Whether nobody but this user, or the system's, can have written it; Windows keeps that by folders."""
    if not hasattr(os, "geteuid"):
        return True
    return file.st_uid in (os.geteuid(), 0) and not file.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _digest(key: str, code: bytes) -> bytes:
    """Covers the key too: a file under another's name is damage."""
    return hashlib.sha256(key.encode() + code).digest()


def _key(emit: Callable[..., ir.Module], parameters: tuple[Any, ...], target: Host) -> str:
    what = (emit.__module__, emit.__qualname__, parameters, target, llvmlite.__version__, fingerprint())
    return hashlib.sha256(repr(what).encode()).hexdigest()


@cache
def fingerprint() -> str:
    """Changes whenever an emitter may have changed: a digest of this package's sources, or of a frozen program."""
    digest = hashlib.sha256()
    if getattr(sys, "frozen", False):
        facts = os.stat(sys.executable)
        digest.update(repr((facts.st_size, facts.st_mtime_ns)).encode())
    else:
        for path in sorted(Path(__file__).parent.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _machine(target: Host) -> Any:
    """One for each use: an engine that an interrupt leaves to nobody takes its machine away with it."""
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, jit=True
    )


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_locks.clear)
