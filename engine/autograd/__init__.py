"""Gradients without `.grad`, gradients of gradients, and functions with a gradient of one's own, by PyTorch's names."""

from engine.autograd import functional
from engine.autograd.check import gradcheck, gradgradcheck
from engine.autograd.function import Function
from engine.tensor import enable_grad, no_grad, set_grad_enabled
from engine.tensor.walk import backward, grad

__all__ = [
    "Function",
    "backward",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "no_grad",
    "set_grad_enabled",
]
