"""Elementwise kernels of the stand-in: their bodies, which are plain C, are compiled for the processor and really run.

A C compiler is needed: `cc`, or the package ziglang.
"""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.gpu.strict_cupy.array import SCALARS, garbage, ndarray, on_device
from tests.gpu.strict_cupy.counts import counts

C_TYPES = {"f": "float", "d": "double", "i": "int", "l": "long long", "q": "long long", "L": "unsigned long long",
           "Q": "unsigned long long", "?": "unsigned char", "b": "signed char", "B": "unsigned char", "h": "short",
           "I": "unsigned int", "e": "_Float16"}  # fmt: skip
NAMED = {"float32": "f", "float64": "d", "int32": "i", "int64": "l", "bool": "?", "uint8": "B", "int8": "b",
         "uint32": "I", "uint64": "L"}  # fmt: skip
"""The types that a parameter may name; any single capital letter stands for whatever comes."""
PRELUDE = """
#include <tgmath.h>
#include <stdint.h>
#include <stdbool.h>
#define __device__ static
#define __umulhi(a, b) ((unsigned int)(((unsigned long long)(a) * (b)) >> 32))
"""


class ElementwiseKernel:
    """One body for each element; `raw` parameters are indexed by hand, `i` is the number of the element."""

    def __init__(self, in_params: str, out_params: str, operation: str, name: str = "kernel", reduce_dims: bool = True,
                 preamble: str = "", no_return: bool = False, return_tuple: bool = False, **options: Any):  # fmt: skip
        self.operation, self.name, self.preamble, self.no_return = operation, name, preamble, no_return
        self.inputs, self.outputs = _parameters(in_params), _parameters(out_params)
        self.in_params, self.out_params = in_params, out_params

    def __call__(self, *args: Any, size: int | None = None, stream: Any = None, block_size: int = 128) -> Any:
        counts.launch(self.name)
        parameters = [*self.inputs, *self.outputs]
        if len(args) not in (len(self.inputs), len(parameters)):
            raise TypeError(f"Wrong number of arguments for {self.name}")
        kinds = self._kinds(parameters, args)
        shape = (size,) if size is not None else self._shape(parameters, args)
        made = [on_device(garbage(shape, kinds[p.type])) for p in parameters[len(args) :]]
        arrays, back = [], []
        for number, (p, value) in enumerate(zip(parameters, (*args, *made))):
            if isinstance(value, ndarray):
                whole = value._host if p.raw else np.broadcast_to(value._host, shape)
                whole = np.ascontiguousarray(whole)
                if number >= len(self.inputs):
                    back.append((value._host, whole))
            else:
                whole = np.array([value], kinds[p.type])
            arrays.append(whole)
        letters = tuple(kinds[p.type] for p in parameters)
        is_array = tuple(isinstance(value, ndarray) for value in (*args, *made))
        run = compiled(_source(self, parameters, letters, is_array))
        pointers = (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
        run(ctypes.c_longlong(int(np.prod(shape))), pointers)
        for target, computed in back:
            if target is not computed:
                target[...] = computed.reshape(target.shape)
        outs = [*args[len(self.inputs) :], *made]
        return None if self.no_return else outs[0] if len(outs) == 1 else tuple(outs)

    def _kinds(self, parameters: Any, args: Any) -> dict[str, str]:
        kinds = dict(NAMED)
        for p, value in zip(parameters, args):
            if isinstance(value, np.ndarray) or not isinstance(value, (ndarray, *SCALARS)):
                raise TypeError(f"Unsupported type {type(value)}")
            if isinstance(value, ndarray):
                letter = {"q": "l", "Q": "L"}.get(value.dtype.char, value.dtype.char)
                if kinds.setdefault(p.type, letter) != letter:
                    raise TypeError(f"Type is mismatched. {p.name} {value.dtype.name} {p.type}")
        for p, value in zip(parameters, args):
            if p.type not in kinds:
                kinds[p.type] = np.asarray(value).dtype.char
        for p in parameters:
            if p.type not in kinds:
                raise ValueError(f"the type {p.type} of {p.name} is not known")
        return kinds

    def _shape(self, parameters: Any, args: Any) -> tuple[int, ...]:
        shapes = [v.shape for p, v in zip(parameters, args) if isinstance(v, ndarray) and not p.raw]
        if not shapes:
            raise ValueError("Loop size is undecided.")
        whole = np.broadcast_shapes(*shapes)
        for p, value in zip(self.outputs, args[len(self.inputs) :]):
            if not p.raw and value.shape != whole:
                raise ValueError(f"Out shape is mismatched: {value.shape} and {whole}")
        return whole


class _Parameter:
    def __init__(self, text: str) -> None:
        *ahead, self.type, self.name = text.split()
        self.raw = "raw" in ahead


def _parameters(text: str) -> list[_Parameter]:
    found = [_Parameter(part) for part in text.split(",") if part.strip()]
    for parameter in found:
        if parameter.name in ("n", "i") or parameter.name.startswith("_"):
            raise ValueError(f"Can not use reserved parameter name {parameter.name!r}")
    return found


def _source(kernel: ElementwiseKernel, parameters: Any, letters: Any, is_array: Any) -> str:
    types = {p.type: C_TYPES[letter] for p, letter in zip(parameters, letters) if p.type not in NAMED}
    lines = [PRELUDE, *(f"typedef {c} {name};" for name, c in types.items())]
    known = {"float32": "float", "float64": "double", "int32": "int", "int64": "long long", "uint32": "unsigned int",
             "uint64": "unsigned long long", "uint8": "unsigned char", "int8": "signed char",
             "bool": "unsigned char"}  # fmt: skip
    lines += [kernel.preamble, "void run(long long n_, void** p_) {"]
    inside = []
    for number, (p, an_array) in enumerate(zip(parameters, is_array)):
        c = known.get(p.type, p.type)
        const = "const " if number < len(kernel.inputs) else ""
        if p.raw:
            lines.append(f"{const}{c}* {p.name} = ({c}*)p_[{number}];")
        elif an_array:
            inside.append(f"#define {p.name} ((({const}{c}*)p_[{number}])[i])")
        else:
            lines.append(f"const {c} {p.name} = *({c}*)p_[{number}];")
    names = [p.name for p, an_array in zip(parameters, is_array) if an_array and not p.raw]
    lines += [*inside, "for (long long i = 0; i < n_; i++) {", kernel.operation, ";}", "}"]
    return "\n".join([*lines, *(f"#undef {name}" for name in names)])


@cache
def compiled(source: str) -> Any:
    """The function `run` of a C source."""
    command = ["cc"] if shutil.which("cc") else [sys.executable, "-m", "ziglang", "cc"]
    if command[0] != "cc" and importlib.util.find_spec("ziglang") is None:
        raise RuntimeError("kernels cannot be run here: there is no C compiler; install gcc or the package ziglang")
    folder = Path(tempfile.mkdtemp(prefix="strict_cupy"))
    try:
        (folder / "kernel.c").write_text(source)
        options = ["-O2", "-shared", "-fPIC", "-w", "-std=gnu11", "-ffp-contract=off"]
        made = subprocess.run([*command, *options, str(folder / "kernel.c"), "-o", str(folder / "kernel.so"), "-lm"],
                              capture_output=True, text=True)  # fmt: skip
        if made.returncode:
            raise RuntimeError(f"a kernel does not compile:\n{made.stderr}\n{source}")
        return ctypes.CDLL(str(folder / "kernel.so")).run
    finally:
        shutil.rmtree(folder)
