"""Where data enter a network on the canvas."""

from __future__ import annotations

from typing import Annotated

from engine.describe import FieldName, layer
from engine.nn.module import Module
from engine.tensor import Tensor


@layer("Input", category="Data", synonyms=("data", "source", "start", "features", "image"))
class Input(Module):
    """Where a field of the data enters the network.

    y = x

    Args:
        field: The field of the data that is read; empty: the data's only input.

    Shape:
        x: (N, shape of the field) -> the same

    Example:
        >>> import engine
        >>> engine.nn.Input("image")
        Input(field='image')
    """

    def __init__(self, field: Annotated[str, FieldName("input")] = ""):
        super().__init__()
        self.field = field

    def forward(self, x: Tensor) -> Tensor:
        return x

    def extra_repr(self) -> str:
        return f"field={self.field!r}" if self.field else ""
