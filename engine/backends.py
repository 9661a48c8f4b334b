"""PyTorch's `torch.backends`, as far as scripts ask for it: what computes, and switches of what is not there.

Convolutions on a GPU are products of matrices; there is no cuDNN whose choice of kernels could be switched, so its
switches may be set and change nothing. Results are the same from run to run without them; see
`engine.use_deterministic_algorithms`.
"""

from __future__ import annotations

__all__ = ["cudnn", "mps"]


class _Absent:
    """A library that this engine computes without."""

    def is_available(self) -> bool:
        """False."""
        return False

    def is_built(self) -> bool:
        """False."""
        return False


class _Cudnn(_Absent):
    """cuDNN's switches."""

    enabled = True
    benchmark = False
    deterministic = False
    allow_tf32 = True


cudnn, mps = _Cudnn(), _Absent()
