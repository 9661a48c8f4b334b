"""Schedules: how the learning rate changes from epoch to epoch."""

from engine import lazy

__getattr__, __dir__, __all__ = lazy.names_of(__name__)
