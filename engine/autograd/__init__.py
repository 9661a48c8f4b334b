"""Gradients without `.grad`, gradients of gradients, and functions with a gradient of one's own, by PyTorch's names."""

from engine.tensor import enable_grad, no_grad, set_grad_enabled
from engine.tensor.walk import backward, grad

__all__ = ["backward", "enable_grad", "grad", "no_grad", "set_grad_enabled"]
