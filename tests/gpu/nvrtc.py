"""Compile every CUDA source to machine code, as CuPy would at the first launch; needs CuPy and NVRTC, and no GPU.

CuPy's code generator has no public door, so that this reaches into 14.2's.
"""

from __future__ import annotations

import sys
from typing import Any

import cupy
import numpy as np
from cupy._core import _carray, _kernel, _scalar, core
from cupy.cuda import compiler

from engine.kernels.cuda import CudaKernels  # noqa: F401  (whose modules hold the sources)
from engine.kernels.cuda.source import SOURCES, Source

HEADERS = "".join(f"#include <{header}>\n" for header in core._cupy_header_list)
ARRAY, INDEXER, SCALAR = 1, 2, 3  # cupy/_core/_kernel.pxd, enum _ArgKind
ARCHITECTURE = "80"


def generated(source: Source, dtype: str) -> str:
    """The CUDA code around a source, with arrays of `dtype` where it says T."""
    kernel = source.kernel
    inputs = source.inputs.split(",")
    of = [(text.split()[-2], "raw" in text.split()) for text in [*inputs, *source.outputs.split(",")]]
    # a small type that an input alone has is given as a number; arrays are what is raw, written or named first
    kinds = [np.dtype(dtype if name == "T" else name) for name, _ in of]
    arguments = [
        _kernel._ArgInfo(ARRAY, cupy.ndarray, kind, 1, True, True)
        if is_raw or number >= len(inputs) or (number == 0 and name == "T")
        else _kernel._ArgInfo(SCALAR, _scalar.CScalar, kind, 0, True, True)
        for number, (kind, (name, is_raw)) in enumerate(zip(kinds, of))
    ]
    arguments.append(_kernel._ArgInfo(INDEXER, _carray.Indexer, None, 1, True, True))
    types = kernel._decide_params_type(tuple(kinds[: kernel.nin]), tuple(kinds[kernel.nin :]))[2]
    return _kernel._get_elementwise_kernel_code(
        tuple(arguments), types, kernel.params, kernel.operation, kernel.name, kernel.preamble, **kernel.kwargs
    )


def compiled(code: str) -> Any:
    """Machine code.

    Raises:
        CompileException: what NVRTC says of it.
    """
    options = (
        *core.assemble_cupy_compiler_options(()),
        f"-arch=sm_{ARCHITECTURE}",
        "--device-as-default-execution-space",
    )
    return compiler._NVRTCProgram(HEADERS + code, "kernel.cu", (), (), method="cubin").compile(options)[0]


SMALL = ("mask", "uniform", "normal", "im2col", "col2im", "no_probability", "no_variance")
"""Those that also take float16."""


def dtypes(source: Source) -> tuple[str, ...]:
    """What T stands for in turn."""
    if "T " not in source.inputs + source.outputs:
        return ("float32",)
    if "T index" in source.inputs or "T target" in source.inputs or source.name == "integers":
        return ("int64", "int32", "uint8")
    return ("float32", "float64", "float16")[: 3 if source.name in SMALL else 2]


def main() -> int:
    for source in SOURCES.values():
        for dtype in dtypes(source):
            try:
                compiled(generated(source, dtype))
                print("compiles", source.name, dtype)
            except compiler.CompileException as error:
                print("fails", source.name, dtype, [line for line in str(error).splitlines() if "error" in line][:3])
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
