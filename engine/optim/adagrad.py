"""Adagrad."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from engine.describe import Range, optimizer
from engine.kernels.formula import leaf, number
from engine.kernels.update import Update, over_root, slope
from engine.optim.optimizer import (
    Epsilon,
    Foreach,
    LearningRate,
    Optimizer,
    Parameters,
    Switch,
    WeightDecay,
    check_options,
)


@optimizer("Adagrad", synonyms=("adaptive gradient", "sparse"))
class Adagrad(Optimizer):
    """Divides every weight's step by all its gradients so far; for features that are rare.

    g = gradient + weight_decay · p and s = s + g²

    p = p - lr / (1 + (t - 1) · lr_decay) · g / (√s + eps)

    Duchi, Hazan and Singer, 2011.

    Args:
        params: What is learned: parameters, or dicts of "params" and options of their own.
        lr: Learning rate: how far a weight goes in its first step.
        lr_decay: How fast the learning rate falls with the number of steps.
        weight_decay: Pulls every weight towards zero (L2), against overfitting.
        initial_accumulator_value: What the sum of squares begins with.
        eps: Added to the root, against division by zero.
        foreach: With `fused`, PyTorch's choice among its implementations; there is one here, so it changes nothing.
        maximize: Go up instead of down.
        differentiable: Not offered: True is refused.
        fused: See `foreach`.

    Raises:
        OptionError: a negative rate.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.ones(1))
        >>> optimizer = engine.optim.Adagrad([p], lr=0.25)
        >>> (p * 2).sum().backward()
        >>> optimizer.step()
        >>> round(p.item(), 4)
        0.75
    """

    def __init__(
        self,
        params: Parameters,
        lr: LearningRate = 1e-2,
        lr_decay: Annotated[float, Range(0.0, 1.0)] = 0,
        weight_decay: WeightDecay = 0,
        initial_accumulator_value: Annotated[float, Range(0.0, 10.0)] = 0,
        eps: Epsilon = 1e-10,
        foreach: Foreach = None,
        *,
        maximize: Switch = False,
        differentiable: Switch = False,
        fused: Foreach = None,
    ):
        check_options("Adagrad", lr=lr, lr_decay=lr_decay, weight_decay=weight_decay,
                      initial_accumulator_value=initial_accumulator_value, eps=eps)  # fmt: skip
        super().__init__(params, {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused,
        })  # fmt: skip
        for group in self.param_groups:  # PyTorch's has its state from the beginning, too
            self._remembered(group["params"], "sum", initial_accumulator_value)
            for param in group["params"]:
                self.state[param]["step"] = 0

    def _rule(self, group: dict[str, Any]) -> Update:
        return adagrad_rule(group["eps"], group["weight_decay"], group["maximize"])

    def _numbers(self, group: dict[str, Any], step: int) -> dict[str, float]:
        return {"rate": float(group["lr"]) / (1 + (step - 1) * group["lr_decay"])}

    def _start(self, group: dict[str, Any], name: str) -> float:
        return float(self.defaults["initial_accumulator_value"])


@lru_cache
def adagrad_rule(eps: float = 1e-10, weight_decay: float = 0.0, maximize: bool = False) -> Update:
    """p - rate · g / (√s + eps). Scalar: rate."""
    grad = slope(weight_decay, maximize)
    total = leaf("sum") + grad * grad
    param = leaf("param") - over_root(grad * leaf("rate"), total, number(eps), eps)
    return Update((("sum", total), ("param", param)), ("rate",), rests=not weight_decay and eps > 0)
