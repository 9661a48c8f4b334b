"""Optimizers, schedules of their learning rate, and averages of what they learn, by PyTorch's names."""

from engine import lazy

__getattr__, __dir__, __all__ = lazy.names_of(__name__)
