"""Gradients without `.grad`, gradients of gradients, and functions with a gradient of one's own, by PyTorch's names."""

from engine.autograd import functional
from engine.autograd.check import gradcheck, gradgradcheck
from engine.autograd.function import Function
from engine.tensor import enable_grad, inference_mode, no_grad, set_grad_enabled
from engine.tensor.anomaly import detect_anomaly, set_detect_anomaly
from engine.tensor.walk import backward, grad

__all__ = [
    "Function",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]
