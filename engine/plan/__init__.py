"""Plans: one step of training is recorded at the level of kernels, laid out in memory, fused, and replayed."""

from engine.plan import convolution, dense, elementwise, losses, norms, pooling, updates  # noqa: F401  their rules
from engine.plan.capture import CaptureWarning, capture

__all__ = ["CaptureWarning", "capture"]
