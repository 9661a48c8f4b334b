"""Gradients without `.grad`, by PyTorch's names."""

from engine.functions import grad
from engine.tensor import enable_grad, no_grad, set_grad_enabled
from engine.tensor.tape import backward

__all__ = ["backward", "enable_grad", "grad", "no_grad", "set_grad_enabled"]
