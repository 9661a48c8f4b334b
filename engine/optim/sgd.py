"""Stochastic gradient descent."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from engine.describe import Start, optimizer
from engine.errors import OptionError
from engine.kernels.formula import apply, leaf
from engine.kernels.update import Update, slope
from engine.optim.optimizer import (
    Foreach,
    LearningRate,
    Optimizer,
    Parameters,
    Share,
    Switch,
    WeightDecay,
    check_options,
)
from engine.tensor import Tensor


@optimizer("SGD", synonyms=("stochastic gradient descent", "momentum", "nesterov"))
class SGD(Optimizer):
    """Steps down the slope; with momentum like a ball that rolls on.

    g = gradient + weight_decay · p

    v = momentum · v + (1 - dampening) · g, with v = g at the first step

    p = p - lr · v, with Nesterov p = p - lr · (g + momentum · v)

    Sutskever et al., 2013.

    Args:
        params: What is learned: parameters, or dicts of "params" and options of their own.
        lr: Learning rate: how far a step goes.
        momentum: Share of the last step that is kept; 0.9 is usual.
        dampening: Share of the gradient that does not enter the momentum.
        weight_decay: Pulls every weight towards zero (L2), against overfitting.
        nesterov: Look ahead along the momentum before stepping; needs momentum and no dampening.
        maximize: Go up instead of down.
        foreach: With `fused`, PyTorch's choice among its implementations; there is one here, so it changes nothing.
        differentiable: Not offered: True is refused.
        fused: See `foreach`.

    Raises:
        OptionError: a negative rate, or nesterov without momentum or with dampening.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.ones(1))
        >>> optimizer = engine.optim.SGD([p], lr=0.25)
        >>> (p * 2).sum().backward()
        >>> optimizer.step()
        >>> p.tolist()
        [0.5]
    """

    def __init__(
        self,
        params: Parameters,
        lr: Annotated[LearningRate, Start(0.01)] = 1e-3,
        momentum: Share = 0,
        dampening: Share = 0,
        weight_decay: WeightDecay = 0,
        nesterov: bool = False,
        *,
        maximize: Switch = False,
        foreach: Foreach = None,
        differentiable: Switch = False,
        fused: Foreach = None,
    ):
        check_options("SGD", lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise OptionError("SGD", got=f"nesterov with momentum={momentum} and dampening={dampening}",
                              expected="a momentum above 0 and no dampening")  # fmt: skip
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "foreach": foreach, "differentiable": differentiable,
            "fused": fused,
        })  # fmt: skip

    def _rule(self, group: dict[str, Any]) -> Update:
        return sgd_rule(bool(group["momentum"]), bool(group["dampening"]), group["nesterov"], group["weight_decay"],
                        group["maximize"])  # fmt: skip

    def _rows(self, group: dict[str, Any], params: list[Tensor], scalars: tuple[str, ...]) -> list[tuple]:
        numbers = {"rate": float(group["lr"]), "momentum": group["momentum"], "share": 1 - group["dampening"]}
        row = tuple([numbers[name] for name in scalars])
        if not group["dampening"]:
            return [row] * len(params)
        first = tuple([(numbers | {"share": 1.0})[name] for name in scalars])
        return [row if "momentum_buffer" in self.state[param] else first for param in params]


@lru_cache
def sgd_rule(momentum: bool = False, dampening: bool = False, nesterov: bool = False, weight_decay: float = 0.0,
             maximize: bool = False) -> Update:  # fmt: skip
    """p - rate · v. Scalars: rate, momentum, and with dampening the share of the gradient that enters v."""
    grad, outputs, scalars = slope(weight_decay, maximize), {}, ("rate",)
    if momentum:
        scalars += ("momentum", "share") if dampening else ("momentum",)
        share = grad * leaf("share") if dampening else grad
        velocity = outputs["momentum_buffer"] = apply("fma", leaf("momentum_buffer"), leaf("momentum"), share)
        grad = grad + velocity * leaf("momentum") if nesterov else velocity
    outputs["param"] = leaf("param") - grad * leaf("rate")
    return Update(tuple(outputs.items()), scalars, rests=not momentum and not weight_decay)
