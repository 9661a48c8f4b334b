"""Plans: one step of training is recorded at the level of kernels, laid out in memory, fused, and replayed."""

from engine.plan import (  # noqa: F401  their rules
    attending,
    convolution,
    dense,
    elementwise,
    losses,
    norms,
    pooling,
    reductions,
    sequences,
    tables,
    updates,
)
from engine.plan.capture import CaptureWarning, capture

__all__ = ["CaptureWarning", "capture"]
