"""ASGD."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from engine.describe import Range, optimizer
from engine.kernels.formula import leaf
from engine.kernels.update import Update, slope
from engine.optim.optimizer import (
    Foreach,
    LearningRate,
    Optimizer,
    Parameters,
    Switch,
    WeightDecay,
    check_options,
)
from engine.tensor import Tensor


@optimizer("ASGD", synonyms=("averaged stochastic gradient descent", "polyak averaging"))
class ASGD(Optimizer):
    """Gradient descent that also keeps the average of all weights it went through, in the state's "ax".

    g = gradient + weight_decay · p

    p = p · (1 - lambd · ηₜ) - ηₜ · g with ηₜ₊₁ = lr / (1 + lambd · lr · t)^alpha

    ax = ax + μₜ · (p - ax) with μₜ₊₁ = 1 / max(1, t - t0)

    Polyak and Juditsky, 1992.

    Args:
        params: What is learned: parameters, or dicts of "params" and options of their own.
        lr: Learning rate: how far a step goes.
        lambd: How fast the weights and the learning rate decay.
        alpha: The power by which the learning rate falls.
        t0: The step from which on weights are averaged.
        weight_decay: Pulls every weight towards zero (L2), against overfitting.
        foreach: With `capturable`, PyTorch's choice among its implementations; there is one here: no change.
        capturable: See `foreach`.
        maximize: Go up instead of down.
        differentiable: Not offered: True is refused.

    Raises:
        OptionError: a negative rate.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.ones(1))
        >>> optimizer = engine.optim.ASGD([p], lr=0.25, lambd=0.0)
        >>> (p * 2).sum().backward()
        >>> optimizer.step()
        >>> p.item(), optimizer.state[p]["ax"].item()
        (0.5, 0.5)
    """

    _counted = frozenset({"step", "eta", "mu"})

    def __init__(
        self,
        params: Parameters,
        lr: LearningRate = 1e-2,
        lambd: Annotated[float, Range(0.0, 1.0)] = 1e-4,
        alpha: Annotated[float, Range(0.0, 2.0)] = 0.75,
        t0: Annotated[float, Range(0.0, 1e9)] = 1e6,
        weight_decay: WeightDecay = 0,
        foreach: Foreach = None,
        maximize: Switch = False,
        differentiable: Switch = False,
        capturable: Switch = False,
    ):
        check_options("ASGD", lr=lr, weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        })  # fmt: skip

    def _rule(self, group: dict[str, Any]) -> Update:
        return asgd_rule(group["weight_decay"], group["maximize"])

    def _rows(self, group: dict[str, Any], params: list[Tensor], scalars: tuple[str, ...]) -> list[tuple]:
        lr, lambd, rows = float(group["lr"]), group["lambd"], []
        for param, step in zip(params, self._count(params)):
            state = self.state[param]
            eta, mu = state.get("eta", lr), state.get("mu", 1.0)
            numbers = {"rate": eta, "shrink": 1 - lambd * eta, "share": mu, "kept": 1 - mu}
            rows.append(tuple([numbers[name] for name in scalars]))
            state["eta"] = lr / (1 + lambd * lr * step) ** group["alpha"]
            state["mu"] = 1 / max(1, step - group["t0"])
        return rows


@lru_cache
def asgd_rule(weight_decay: float = 0.0, maximize: bool = False) -> Update:
    """p · shrink - rate · g, and ax · kept + p · share. Scalars: rate, shrink, share, kept."""
    param = leaf("param") * leaf("shrink") - slope(weight_decay, maximize) * leaf("rate")
    mean = leaf("ax") * leaf("kept") + param * leaf("share")
    return Update((("ax", mean), ("param", param)), ("rate", "shrink", "share", "kept"))
