"""What one does with gradients, parameters and sequences around a network, by PyTorch's names."""

from engine import lazy

__getattr__, __dir__, __all__ = lazy.names_of(__name__)
