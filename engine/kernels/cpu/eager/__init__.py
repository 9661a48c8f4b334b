"""The kernel set of the processor: compiled kernels where they are sooner done, the generic ones everywhere else."""

from __future__ import annotations

from math import prod
from typing import Any

from engine.kernels.aligned import aligned
from engine.kernels.cpu.eager.attention import Attention
from engine.kernels.cpu.eager.convolution import Convolution
from engine.kernels.cpu.eager.elementwise import Elementwise
from engine.kernels.cpu.eager.normalisation import Normalisation
from engine.kernels.cpu.eager.pooling import Pooling
from engine.kernels.cpu.eager.products import Products
from engine.kernels.cpu.eager.recurrent import Recurrent
from engine.kernels.cpu.eager.rows import Rows
from engine.kernels.cpu.eager.updates import Updates
from engine.kernels.generic import Kernels

LARGE = 1024  # numbers; below, an array lies in the first-level cache wherever it starts


class CpuKernels(
    Elementwise, Products, Convolution, Pooling, Normalisation, Rows, Attention, Recurrent, Updates, Kernels,
):  # fmt: skip
    """Float32 arrays that are not tiny are computed by code compiled for their shapes; results agree with `Kernels`.

    Args:
        xp: NumPy.
    """

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Whatever lay in memory; weights begin here, and what starts on a cache line is sooner read."""
        return aligned(shape, dtype, kept=True) if prod(shape) >= LARGE else self.xp.empty(shape, dtype)
