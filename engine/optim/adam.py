"""Adam and AdamW: every weight has a step of its own size."""

from __future__ import annotations

from typing import Annotated, Any

from engine.describe import Range, optimizer
from engine.optim.optimizer import Epsilon, LearningRate, Optimizer, Parameters, Switch, WeightDecay, check_options
from engine.tensor import Tensor

Betas = Annotated[tuple[float, float], Range(0.0, 1.0)]


@optimizer("Adam", synonyms=("adaptive moment estimation", "amsgrad"))
class Adam(Optimizer):
    """Steps of a size of its own for every weight, from the mean and spread of its gradients; a good first choice.

    g = gradient + weight_decay · p

    m = β₁ · m + (1 - β₁) · g and v = β₂ · v + (1 - β₂) · g²

    p = p - lr · (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + eps)

    Kingma and Ba, 2015.

    Args:
        params: What is learned: parameters, or dicts of "params" and options of their own.
        lr: Learning rate: about how far a weight goes in one step.
        betas: β₁ and β₂: how much of the old mean and the old spread is kept.
        eps: Added to the spread, against division by zero.
        weight_decay: Pulls every weight towards zero (L2), against overfitting.
        amsgrad: Use the largest spread so far, so that steps never grow again (Reddi et al., 2018).
        maximize: Go up instead of down.
        decoupled_weight_decay: Decay the weights as AdamW does.

    Raises:
        OptionError: a negative rate, or betas outside 0 to 1.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.ones(1))
        >>> optimizer = engine.optim.Adam([p], lr=0.25)
        >>> (p * 2).sum().backward()
        >>> optimizer.step()
        >>> round(p.item(), 4)
        0.75
    """

    def __init__(
        self,
        params: Parameters,
        lr: LearningRate = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: Epsilon = 1e-8,
        weight_decay: WeightDecay = 0,
        amsgrad: bool = False,
        *,
        maximize: Switch = False,
        decoupled_weight_decay: Switch = False,
    ):
        check_options(type(self).__name__, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay,
            "amsgrad": amsgrad, "maximize": maximize, "decoupled_weight_decay": decoupled_weight_decay,
        })  # fmt: skip

    def _update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        def options() -> dict[str, Any]:
            beta1, beta2 = group["betas"]
            return {
                "lr": float(group["lr"]), "beta1": beta1, "beta2": beta2, "steps": self._count(params),
                "decoupled": group["decoupled_weight_decay"],
                **{name: group[name] for name in ("eps", "weight_decay", "maximize")},
            }  # fmt: skip

        k = params[0].device.kernels
        k.adam_step(
            *self._arrays(params),
            self._remembered(params, "exp_avg"),
            self._remembered(params, "exp_avg_sq"),
            self._remembered(params, "max_exp_avg_sq") if group["amsgrad"] else None,
            self._room(params),
            k.live(options),
        )


@optimizer("AdamW", synonyms=("adam with weight decay", "decoupled weight decay", "transformer"))
class AdamW(Adam):
    """Adam whose weight decay does not pass through the step sizes; usual for larger networks.

    p = p - lr · weight_decay · p, then a step of Adam without weight decay

    m = β₁ · m + (1 - β₁) · g and v = β₂ · v + (1 - β₂) · g²

    p = p - lr · (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + eps)

    Loshchilov and Hutter, 2019.

    Args:
        params: What is learned: parameters, or dicts of "params" and options of their own.
        lr: Learning rate: about how far a weight goes in one step.
        betas: β₁ and β₂: how much of the old mean and the old spread is kept.
        eps: Added to the spread, against division by zero.
        weight_decay: Pulls every weight towards zero, by this share of lr, against overfitting.
        amsgrad: Use the largest spread so far, so that steps never grow again (Reddi et al., 2018).
        maximize: Go up instead of down.

    Raises:
        OptionError: a negative rate, or betas outside 0 to 1.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.ones(1))
        >>> optimizer = engine.optim.AdamW([p], lr=0.25, weight_decay=0.0)
        >>> (p * 2).sum().backward()
        >>> optimizer.step()
        >>> round(p.item(), 4)
        0.75
    """

    def __init__(
        self,
        params: Parameters,
        lr: LearningRate = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: Epsilon = 1e-8,
        weight_decay: WeightDecay = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: Switch = False,
    ):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)
