"""Moving values from one device to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.ops.base import Op, Spec


@dataclass(eq=False)
class Transfer(Op):
    """The same values on another device; the one op whose input and result lie apart, so the tape notes it itself."""

    source: Any
    target: Any

    def shape(self, x):
        return Spec(x.shape, x.dtype)

    def forward(self, k, x):
        return self.target.asarray(self.source.to_numpy(x))

    def backward(self, k, grad, needs):
        return (self.source.asarray(self.target.to_numpy(grad)),)

    def backward_of_tensors(self, k, grad, needs):
        return (grad.to(self.source),)

    def flops(self, x):
        return 0
