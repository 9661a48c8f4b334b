"""What a script asks about the GPU, by PyTorch's names."""

from __future__ import annotations

from engine.device import diagnose


def is_available() -> bool:
    """Whether a CUDA device can be used here; `engine.device.diagnose` says why not."""
    return device_count() > 0


def device_count() -> int:
    """How many CUDA devices can be used here."""
    return sum(found.usable for found in diagnose() if found.device.startswith("cuda"))


def synchronize() -> None:
    """Wait until the GPU has done everything asked of it; nothing to wait for where there is none."""
    if is_available():
        import cupy

        cupy.cuda.get_current_stream().synchronize()
