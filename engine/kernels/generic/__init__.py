"""The generic kernel set: every kernel in plain array-module calls, the same for NumPy and CuPy.

It is the oracle against which faster kernels are tested, and what runs where there are none.
"""

from __future__ import annotations

from typing import Any

from engine.kernels.generic.alignment import Alignment
from engine.kernels.generic.attention import Attention
from engine.kernels.generic.convolution import Convolution
from engine.kernels.generic.elementwise import UFUNCS, Elementwise
from engine.kernels.generic.indexing import Indexing
from engine.kernels.generic.layout import Layout
from engine.kernels.generic.linear_algebra import LinearAlgebra
from engine.kernels.generic.losses import Losses
from engine.kernels.generic.normalisation import Normalisation
from engine.kernels.generic.pooling import Pooling
from engine.kernels.generic.products import Products
from engine.kernels.generic.recurrent import Recurrent
from engine.kernels.generic.reduction import Reduction
from engine.kernels.generic.resampling import Resampling
from engine.kernels.generic.scans import Scans
from engine.kernels.generic.scattering import Scattering
from engine.kernels.generic.special import Special
from engine.kernels.generic.updates import Updates


class Kernels(
    Elementwise, Reduction, Layout, Indexing, Products, Convolution, Pooling, Normalisation, Losses, Updates,
    Recurrent, Resampling, Attention, Alignment, Special, Scans, Scattering, LinearAlgebra,
):  # fmt: skip
    """All kernels on one array module; subclasses override what they do faster.

    Args:
        xp: the array module, NumPy or CuPy.
    """

    def __init__(self, xp: Any) -> None:
        self.xp = xp
        self.array_type = xp.ndarray
        for name, ufunc in UFUNCS.items():
            if not hasattr(type(self), name):  # a subclass may have a kernel of its own
                setattr(self, name, getattr(xp, ufunc))
