"""One class per op, its forward beside its backward, on raw arrays; by family."""

from engine.ops.base import Op, Spec

__all__ = ["Op", "Spec"]
