"""The kernel set of the processor: compiled kernels where they are sooner done, the generic ones everywhere else."""

from __future__ import annotations

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


class CpuKernels(
    Elementwise, Products, Convolution, Pooling, Normalisation, Rows, Attention, Recurrent, Updates, Kernels,
):  # fmt: skip
    """Float32 arrays that are not tiny are computed by code compiled for their shapes; results agree with `Kernels`.

    Args:
        xp: NumPy.
    """
