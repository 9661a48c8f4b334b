"""Layers, losses and what networks are made of, by PyTorch's names."""

from engine import lazy

__getattr__, __dir__, __all__ = lazy.names_of(__name__)
