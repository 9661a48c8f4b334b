"""Kernels compiled for the processor at hand. Rules and the eager set take families from here, each when it is met."""

from engine import lazy

__getattr__, __dir__, __all__ = lazy.names_of(__name__)
