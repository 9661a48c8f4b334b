"""CUDA sources: each an elementwise kernel that CuPy compiles when it is first launched."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

SOURCES: dict[str, Source] = {}
"""All of them by name, for the test that each one compiles."""


@dataclass(eq=False)
class Source:
    """One kernel. The body is C that NVRTC and a C compiler understand alike; T is float or double.

    Args:
        name: what a profiler shows.
        inputs: parameters as CuPy writes them: "T x, raw T y, int64 n".
        outputs: the same for what is written to.
        body: what happens to element number `i`; a `raw` parameter is indexed by hand.
        preamble: functions that the body calls.
    """

    name: str
    inputs: str
    outputs: str
    body: str
    preamble: str = ""

    def __post_init__(self) -> None:
        SOURCES[self.name] = self

    @cached_property
    def kernel(self) -> Any:
        """CuPy's kernel."""
        import cupy

        return cupy.ElementwiseKernel(self.inputs, self.outputs, self.body, self.name, preamble=self.preamble)

    def __call__(self, *arguments: Any, size: int | None = None) -> Any:
        return self.kernel(*arguments) if size is None else self.kernel(*arguments, size=size)
