"""Plans: one step of training is recorded at the level of kernels, laid out in memory, fused, and replayed."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from typing import Any

__all__ = ["capture"]


def capture(step: Callable[..., Any], *, check: bool = False) -> Callable[..., Any]:
    """The same step, planned once for each kind of arguments and then replayed without the tape.

    The step may take tensors and what is hashable, and return tensors and plain values in tuples, lists and dicts;
    views of arguments come back as copies. It may run layers, `backward()`, and optimizers; random numbers, rates and
    statistics are fresh at each call. A gradient that the step begins anew and that an optimizer inside uses is not
    kept: `.grad` is None afterwards.

    Modules, optimizers, tensors and gradients outside may be changed between two calls: where a plan does not fit them
    any more, another is made. All other Python state (globals, attributes of plain objects, what is printed or
    appended) is met once, when a plan is made. What cannot be replayed, as Python that decides by the values of
    tensors, or hooks, runs as it is written, after one warning that says why.

    Args:
        step: a function of a batch that trains or evaluates, for instance.
        check: hold each replay against the step as it is written, and raise where they differ by more than rounding.

    Example:
        >>> import engine
        >>> model = engine.nn.Linear(2, 1)
        >>> optimizer = engine.optim.SGD(model.parameters(), lr=0.1)
        >>> @engine.capture
        ... def step(x, y):
        ...     optimizer.zero_grad()
        ...     loss = engine.nn.functional.mse_loss(model(x), y)
        ...     loss.backward()
        ...     optimizer.step()
        ...     return loss
        >>> x, y = engine.ones(4, 2), engine.zeros(4, 1)
        >>> losses = [step(x, y).item() for _ in range(10)]
        >>> losses[9] < losses[0]
        True
    """
    if importlib.util.find_spec("llvmlite") is None:  # nothing to compile with: the step itself
        return step
    from engine.plan import rules  # noqa: F401  registers what is known of each kernel
    from engine.plan.captured import Captured

    return functools.wraps(step)(Captured(step, check))
