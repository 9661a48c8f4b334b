"""Functions of networks by PyTorch's names; the layers of `engine.nn` hold parameters and call these.

With `inplace` the result is written over the input.
"""

from engine import lazy

__getattr__, __dir__, __all__ = lazy.names_of(__name__)
