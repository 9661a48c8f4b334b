"""All rules: importing this lets a plan know the kernels."""

from engine.plan import (  # noqa: F401
    attending,
    convolution,
    dense,
    elementwise,
    losses,
    norms,
    pooling,
    reductions,
    sequences,
    tables,
    updates,
)
