"""What a sequence ends with."""

from __future__ import annotations

from engine.describe import layer
from engine.nn.module import Module
from engine.tensor import Tensor
from engine.tensor.shapes import cat


@layer("Last step", category="Recurrent", synonyms=("final state", "sequence to vector", "last output", "summary"),
       axes=("steps", "features"))  # fmt: skip
class LastStep(Module):
    """Keeps only what a sequence ends with: what a recurrent layer knows after it has read all of it.

    y = x[T - 1], or, of a layer that reads both ways, what each side knows at its own end

    Args:
        bidirectional: Whether the sequence comes from a layer that reads both ways: then the second half of the
            features is that of the first step, which is where the reading backwards ends.

    Shape:
        x: (N, T, D) -> (N, D)

    Example:
        >>> import engine
        >>> engine.nn.LastStep()(engine.tensor([[[1.0], [2.0], [3.0]]])).tolist()
        [[3.0]]
    """

    def __init__(self, bidirectional: bool = False):
        super().__init__()
        self.bidirectional = bidirectional

    def forward(self, x: Tensor) -> Tensor:
        if not self.bidirectional:
            return x[:, -1]
        half = x.shape[-1] // 2
        return cat([x[:, -1, :half], x[:, 0, half:]], dim=-1)

    def extra_repr(self) -> str:
        return "bidirectional=True" if self.bidirectional else ""
