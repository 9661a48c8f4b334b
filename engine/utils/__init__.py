"""PyTorch's `torch.utils`, as far as it is about computing."""

import importlib
from typing import Any

from engine.utils import checkpoint

__all__ = ["checkpoint", "data"]


def __getattr__(name: str) -> Any:
    if name == "data":
        return importlib.import_module("engine.utils.data")
    raise AttributeError(f"module 'engine.utils' has no attribute {name!r}")
