"""RMSprop."""

from __future__ import annotations

from typing import Annotated, Any

from engine.describe import Start, optimizer
from engine.optim.optimizer import (
    Epsilon,
    LearningRate,
    Optimizer,
    Parameters,
    Share,
    Switch,
    WeightDecay,
    check_options,
)
from engine.tensor import Tensor


@optimizer("RMSprop", synonyms=("root mean square propagation",))
class RMSprop(Optimizer):
    """Divides every weight's step by the recent size of its gradients; often used for recurrent networks.

    g = gradient + weight_decay · p

    s = alpha · s + (1 - alpha) · g²

    p = p - lr · g / (√s + eps), with momentum p = p - lr · b and b = momentum · b + g / (√s + eps)

    Tieleman and Hinton, 2012.

    Args:
        params: What is learned: parameters, or dicts of "params" and options of their own.
        lr: Learning rate: about how far a weight goes in one step.
        alpha: How much of the old size is kept.
        eps: Added to the size, against division by zero.
        weight_decay: Pulls every weight towards zero (L2), against overfitting.
        momentum: Share of the last step that is kept.
        centered: Divide by the spread about the mean instead of by the size.
        maximize: Go up instead of down.

    Raises:
        OptionError: a negative rate.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.ones(1))
        >>> optimizer = engine.optim.RMSprop([p], lr=0.05, alpha=0.75)
        >>> (p * 2).sum().backward()
        >>> optimizer.step()
        >>> round(p.item(), 4)
        0.9
    """

    def __init__(
        self,
        params: Parameters,
        lr: Annotated[LearningRate, Start(0.001)] = 1e-2,
        alpha: Share = 0.99,
        eps: Epsilon = 1e-8,
        weight_decay: WeightDecay = 0,
        momentum: Share = 0,
        centered: bool = False,
        *,
        maximize: Switch = False,
    ):
        check_options("RMSprop", lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)
        super().__init__(params, {
            "lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay,
            "momentum": momentum, "centered": centered, "maximize": maximize,
        })  # fmt: skip

    def _update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        def options() -> dict[str, Any]:
            self._count(params)
            named = {name: group[name] for name in ("alpha", "eps", "weight_decay", "momentum", "maximize")}
            return {"lr": float(group["lr"]), **named}

        k = params[0].device.kernels
        k.rmsprop_step(
            *self._arrays(params),
            self._remembered(params, "square_avg"),
            self._remembered(params, "grad_avg") if group["centered"] else None,
            self._remembered(params, "momentum_buffer") if group["momentum"] else None,
            self._room(params),
            k.live(options),
        )
