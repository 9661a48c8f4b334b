"""Rprop."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from engine.describe import Range, optimizer
from engine.errors import OptionError
from engine.kernels.formula import apply, leaf, number
from engine.kernels.update import Update, slope
from engine.optim.optimizer import (
    Foreach,
    LearningRate,
    Optimizer,
    Parameters,
    Switch,
    check_options,
)


@optimizer("Rprop", synonyms=("resilient backpropagation", "full batch"))
class Rprop(Optimizer):
    """Goes by the signs of the gradients alone, with a step of its own for every weight; for whole data sets at once.

    step = step · η⁺ where the gradient kept its sign, step · η⁻ where it turned, within the two step sizes

    p = p - sign(g) · step, with g = 0 where it turned

    Riedmiller and Braun, 1993.

    Args:
        params: What is learned: parameters, or dicts of "params" and options of their own.
        lr: The first step of every weight.
        etas: η⁻ and η⁺: what a step is multiplied by when the gradient turns, and when it does not.
        step_sizes: The least and the largest step.
        foreach: With `capturable`, PyTorch's choice among its implementations; there is one here: no change.
        capturable: See `foreach`.
        maximize: Go up instead of down.
        differentiable: Not offered: True is refused.

    Raises:
        OptionError: a negative rate, or etas that are not under and over 1.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.ones(1))
        >>> optimizer = engine.optim.Rprop([p], lr=0.25)
        >>> (p * 2).sum().backward()
        >>> optimizer.step()
        >>> p.item()
        0.75
    """

    def __init__(
        self,
        params: Parameters,
        lr: LearningRate = 1e-2,
        etas: Annotated[tuple[float, float], Range(0.0, 10.0)] = (0.5, 1.2),
        step_sizes: Annotated[tuple[float, float], Range(0.0, 1000.0)] = (1e-6, 50),
        *,
        capturable: Switch = False,
        foreach: Foreach = None,
        maximize: Switch = False,
        differentiable: Switch = False,
    ):
        check_options("Rprop", lr=lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise OptionError("Rprop", got=f"etas={etas}", expected="one between 0 and 1 and one over 1")
        super().__init__(params, {
            "lr": lr, "etas": tuple(etas), "step_sizes": tuple(step_sizes), "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable,
        })  # fmt: skip

    def _rule(self, group: dict[str, Any]) -> Update:
        return rprop_rule(*group["etas"], *group["step_sizes"], group["maximize"])

    def _numbers(self, group: dict[str, Any], step: int) -> dict[str, float]:
        return {}

    def _start(self, group: dict[str, Any], name: str) -> float:
        return float(group["lr"]) if name == "step_size" else 0.0


@lru_cache
def rprop_rule(down: float = 0.5, up: float = 1.2, least: float = 1e-6, most: float = 50.0, maximize: bool = False
               ) -> Update:  # fmt: skip
    """p - sign(g) · step."""
    grad = slope(0.0, maximize)
    agree = grad * leaf("prev")
    factor = apply("where_positive", agree, up, apply("where_positive", -agree, down, number(1.0)))
    size = apply("minimum", apply("maximum", leaf("step_size") * factor, least), most)
    grad = apply("where_positive", -agree, 0.0, grad)
    param = leaf("param") - apply("sign", grad) * size
    return Update((("step_size", size), ("prev", grad), ("param", param)), ())
