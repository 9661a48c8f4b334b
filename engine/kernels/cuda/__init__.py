"""The kernel set for CuPy: the generic one, with what a GPU does in another way or better."""

from __future__ import annotations

from engine.kernels.cuda.checks import Checks
from engine.kernels.cuda.convolution import Convolution
from engine.kernels.cuda.moving import Moving
from engine.kernels.cuda.random import Random
from engine.kernels.cuda.updates import Updates
from engine.kernels.generic import Kernels


class CudaKernels(Checks, Moving, Convolution, Random, Updates, Kernels):
    """Kernels on CuPy arrays, none of which waits for the device or moves values from or to it.

    Sums of gradients by index (embeddings, gather) add in whatever order the threads come, so that their last digits
    may differ from run to run.
    """
