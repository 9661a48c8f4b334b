"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Annotated, Any

from engine.describe import Start, optimizer
from engine.errors import OptionError
from engine.optim.optimizer import (
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
    ):
        check_options("SGD", lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise OptionError("SGD", got=f"nesterov with momentum={momentum} and dampening={dampening}",
                              expected="a momentum above 0 and no dampening")  # fmt: skip
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize,
        })  # fmt: skip

    def _update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        fresh = {param for param in params if "momentum_buffer" not in self.state.get(param, ())}

        def options() -> dict[str, Any]:
            named = {name: group[name] for name in ("momentum", "dampening", "nesterov", "weight_decay", "maximize")}
            is_first = [param in fresh for param in params] if group["dampening"] else None
            fresh.clear()
            return {"lr": float(group["lr"]), "is_first": is_first, **named}

        k = params[0].device.kernels
        k.sgd_step(
            *self._arrays(params),
            self._remembered(params, "momentum_buffer") if group["momentum"] else None,
            self._room(params),
            k.live(options),
        )
