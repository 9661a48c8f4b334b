"""Gradients held against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.errors import GradientError
from engine.random import Generator
from engine.tensor import from_numpy, randn
from engine.tensor.tape import Core
from engine.tensor.walk import grad


def gradcheck(func: Callable[..., Any], inputs: Any, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
              raise_exception: bool = True, nondet_tol: float = 0.0, check_undefined_grad: bool = True,
              check_grad_dtypes: bool = False, fast_mode: bool = False) -> bool:  # fmt: skip
    """Whether the gradients of func by its inputs are what finite differences say.

    (func(x + eps) - func(x - eps)) / (2 eps) for each element of each input, against the gradient of each element of
    each result: for small inputs, of float64.

    Args:
        func: of tensors; returns a tensor or a tuple of them.
        inputs: a tensor or a tuple of what func takes; those with requires_grad are checked.
        eps: how far an element is moved.
        atol, rtol: |found - expected| <= atol + rtol |expected| is close enough.
        raise_exception: raise an error that says where they differ, instead of returning False.
        nondet_tol, check_undefined_grad, check_grad_dtypes, fast_mode: taken for PyTorch's sake; every element is
            checked, as without fast_mode.

    Raises:
        GradientError: where they differ, or no input requires a gradient.

    >>> import engine
    >>> x = engine.tensor([1.0, 2.0], dtype=engine.float64, requires_grad=True)
    >>> gradcheck(lambda x: x.exp() * x, x)
    True
    """
    inputs = (inputs,) if isinstance(inputs, Core) else tuple(inputs)
    checked = [i for i, x in enumerate(inputs) if isinstance(x, Core) and x.requires_grad]
    if not checked:
        raise GradientError("gradcheck", got="no input requires a gradient", mend="set requires_grad=True on one")
    leaves = [x.detach().clone().requires_grad_(x.requires_grad) if isinstance(x, Core) else x for x in inputs]
    outputs = _outputs(func, leaves)
    for number, output in enumerate(outputs):
        for i in checked:
            found = _by_tape(output, leaves[i])
            expected = _by_differences(lambda args, number=number: _outputs(func, args)[number], leaves, i, eps)
            if not np.allclose(found, expected, rtol, atol):
                if not raise_exception:
                    return False
                worst = np.unravel_index(np.argmax(np.abs(found - expected)), found.shape)
                raise GradientError("gradcheck", got=f"the gradient of result {number} by input {i} has "
                                    f"{found[worst]:.6g} at {tuple(map(int, worst))} of its matrix (result, input)",
                                    expected=f"{expected[worst]:.6g} by finite differences",
                                    mend="" if output.dtype == "float64" else "use float64")  # fmt: skip
    return True


def gradgradcheck(func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, eps: float = 1e-6,
                  atol: float = 1e-5, rtol: float = 1e-3, raise_exception: bool = True) -> bool:  # fmt: skip
    """Whether the gradients of the gradients of func are what finite differences say.

    Args:
        grad_outputs: gradients of the results, from which the first gradients start; random ones where absent.
        func, inputs, eps, atol, rtol, raise_exception: as of `gradcheck`.

    >>> import engine
    >>> x = engine.tensor([1.0, 2.0], dtype=engine.float64, requires_grad=True)
    >>> gradgradcheck(lambda x: x.exp() * x, x)
    True
    """
    inputs = (inputs,) if isinstance(inputs, Core) else tuple(inputs)
    outputs = _outputs(func, inputs)
    if grad_outputs is None:
        draw = Generator().manual_seed(0)
        given = [randn(*y.shape, dtype=y.dtype, generator=draw).requires_grad_() for y in outputs]
    else:
        given = [grad_outputs] if isinstance(grad_outputs, Core) else list(grad_outputs)
    checked = [i for i, x in enumerate(inputs) if isinstance(x, Core) and x.requires_grad]

    def gradients(*args: Any) -> tuple[Any, ...]:
        results, above = _outputs(func, args[: len(inputs)]), args[len(inputs) :]
        leaves = [args[i] for i in checked]
        return tuple(
            g
            for g in grad(results, leaves, above, create_graph=True, materialize_grads=True)
            if g.requires_grad  # what does not depend on anything is 0, and so are its differences
        )

    return gradcheck(gradients, (*inputs, *given), eps, atol, rtol, raise_exception)


def _outputs(func: Callable[..., Any], inputs: Any) -> list[Any]:
    found = func(*inputs)
    found = [found] if isinstance(found, Core) else list(found)
    return [y for y in found if y.dtype.kind == "f" and y.requires_grad]


def _by_tape(output: Any, leaf: Any) -> np.ndarray:
    """(elements of the result, elements of the input)"""
    rows = np.zeros((output.numel(), leaf.numel()))
    for number in range(output.numel()):
        probe = np.zeros(output.shape, output.dtype)
        probe.reshape(-1)[number] = 1
        above = from_numpy(probe).to(device=output.device)
        (row,) = grad(output, leaf, above, retain_graph=True, materialize_grads=True)
        rows[number] = row.cpu().numpy().reshape(-1)
    return rows


def _by_differences(func: Callable[..., Any], leaves: list[Any], i: int, eps: float) -> np.ndarray:
    """(elements of the result, elements of the input)"""
    columns = []
    for number in range(leaves[i].numel()):
        ends = []
        for step in (eps, -eps):
            moved = leaves[i].detach().cpu().numpy().copy()
            moved.reshape(-1)[number] += step
            there = from_numpy(moved).to(device=leaves[i].device).requires_grad_()
            ends.append(func([*leaves[:i], there, *leaves[i + 1 :]]).detach().cpu().numpy().astype("float64"))
        columns.append((ends[0] - ends[1]).reshape(-1) / (2 * eps))
    return np.stack(columns, 1) if columns else np.zeros((func(leaves).numel(), 0))
