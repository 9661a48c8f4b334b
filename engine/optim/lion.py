"""Lion."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from engine.describe import Start, optimizer
from engine.kernels.formula import apply, leaf
from engine.kernels.update import Update, average, slope
from engine.optim.optimizer import (
    Betas,
    LearningRate,
    Optimizer,
    Parameters,
    Switch,
    WeightDecay,
    check_options,
)
from engine.tensor import Tensor


@optimizer("Lion", synonyms=("evolved sign momentum", "sign"))
class Lion(Optimizer):
    """Goes by the sign of its momentum: steps of one size for all weights, and half of Adam's memory.

    p = p - lr · (sign(β₁ · m + (1 - β₁) · g) + weight_decay · p)

    m = β₂ · m + (1 - β₂) · g

    Chen et al., 2023. PyTorch has no Lion; names and defaults are the paper's. A learning rate of a third to a tenth
    of AdamW's, and a weight decay as much larger, do the same.

    Args:
        params: What is learned: parameters, or dicts of "params" and options of their own.
        lr: Learning rate: how far each weight goes in one step.
        betas: β₁ and β₂: how much of the old mean enters the step, and how much of it is kept.
        weight_decay: Pulls every weight towards zero, by this share of lr, against overfitting.
        maximize: Go up instead of down.

    Raises:
        OptionError: a negative rate, or betas outside 0 to 1.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.ones(1))
        >>> optimizer = engine.optim.Lion([p], lr=0.25)
        >>> (p * 2).sum().backward()
        >>> optimizer.step()
        >>> p.item()
        0.75
    """

    def __init__(
        self,
        params: Parameters,
        lr: Annotated[LearningRate, Start(3e-4)] = 1e-4,
        betas: Betas = (0.9, 0.99),
        weight_decay: WeightDecay = 0,
        *,
        maximize: Switch = False,
    ):
        check_options("Lion", lr=lr, betas=betas, weight_decay=weight_decay)
        super().__init__(params, {"lr": lr, "betas": tuple(betas), "weight_decay": weight_decay, "maximize": maximize})

    def _rule(self, group: dict[str, Any]) -> Update:
        return lion_rule(group["betas"][1], bool(group["weight_decay"]), group["maximize"])

    def _rows(self, group: dict[str, Any], params: list[Tensor], scalars: tuple[str, ...]) -> list[tuple]:
        lr = float(group["lr"])
        numbers = {"share": 1 - group["betas"][0], "rate": lr, "shrink": 1 - lr * group["weight_decay"]}
        return [tuple([numbers[name] for name in scalars])] * len(params)


@lru_cache
def lion_rule(beta2: float = 0.99, decays: bool = False, maximize: bool = False) -> Update:
    """p · shrink - rate · sign(c). Scalars: share = 1 - β₁, rate, shrink."""
    grad = slope(0.0, maximize)
    sign = apply("sign", average("exp_avg", grad, leaf("share")))
    mean = average("exp_avg", grad, 1 - beta2)
    scalars, param = ("share", "rate"), leaf("param")
    if decays:
        scalars, param = (*scalars, "shrink"), param * leaf("shrink")
    return Update((("exp_avg", mean), ("param", param - sign * leaf("rate"))), scalars)
