"""PyTorch's `torch.utils`, as far as it is about computing."""

from engine.utils import checkpoint

__all__ = ["checkpoint"]
