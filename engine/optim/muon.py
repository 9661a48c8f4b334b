"""Muon: steps with all singular values alike, for the matrices of hidden layers."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Annotated, Any, Literal

from engine.describe import Choice, Hidden, Range, Start, optimizer
from engine.errors import OptionError, ShapeError
from engine.kernels.update import Update
from engine.optim.adam import adam_numbers, adam_rule
from engine.optim.optimizer import LearningRate, Optimizer, Parameters, Share, WeightDecay, check_options
from engine.tensor import Tensor

MOST_STEPS = 99


@optimizer("Muon", synonyms=("momentum orthogonalized by newton-schulz", "orthogonal", "matrix"))
class Muon(Optimizer):
    """Turns the momentum of a matrix into one whose singular values are about 1, so that no direction dominates.

    m = momentum · m + (1 - momentum) · g, with Nesterov s = g + momentum · (m - g), otherwise s = m

    O = ns_steps times x = a · x + (b · x xᵀ + c · (x xᵀ)²) · x, from x = s / ‖s‖

    p = (1 - lr · weight_decay) · p - lr · √max(1, rows / columns) · O

    Jordan et al., 2024. Only matrices have singular values. A group with `"use_muon": False` is learned by AdamW
    (betas 0.9 and 0.999, eps 10⁻⁸, the group's lr and weight_decay): that is for biases, kernels of convolutions and
    the like, and `groups` makes the two groups. Where PyTorch computes O in bfloat16, it is computed in the parameter's
    own dtype.

    Args:
        params: What is learned: matrices, or dicts of "params" and options of their own.
        lr: Learning rate.
        weight_decay: Pulls every weight towards zero, by this share of lr, against overfitting.
        momentum: How much of the old mean gradient is kept.
        nesterov: Look ahead along the momentum before stepping.
        ns_coefficients: a, b and c of the iteration.
        eps: The least norm that is divided by.
        ns_steps: How often the iteration is done, under 100.
        adjust_lr_fn: How the step grows with the matrix: "original" as above, "match_rms_adamw" by
            0.2 · √max(rows, columns), which makes steps as long as AdamW's, so that one learning rate suits both.

    Raises:
        OptionError: a negative rate, or 100 steps and more.
        ShapeError: a parameter that is no matrix, in a group that is not AdamW's.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.zeros(2, 2))
        >>> optimizer = engine.optim.Muon([p], lr=0.5)
        >>> (p * engine.tensor([[3.0, 0.0], [0.0, 1.0]])).sum().backward()
        >>> optimizer.step()
        >>> -0.8 < p[0, 0].item() < -0.3, -0.8 < p[1, 1].item() < -0.3
        (True, True)
    """

    def __init__(
        self,
        params: Parameters,
        lr: LearningRate = 1e-3,
        weight_decay: WeightDecay = 0.1,
        momentum: Share = 0.95,
        nesterov: bool = True,
        ns_coefficients: Annotated[tuple[float, float, float], Hidden()] = (3.4445, -4.7750, 2.0315),
        eps: Annotated[float, Hidden()] = 1e-7,
        ns_steps: Annotated[int, Range(1, MOST_STEPS)] = 5,
        adjust_lr_fn: Annotated[
            Literal["original", "match_rms_adamw"] | None,
            Choice(("original", "match_rms_adamw")),
            Start("match_rms_adamw"),
        ] = None,
    ):
        check_options("Muon", lr=lr, weight_decay=weight_decay, momentum=momentum)
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise OptionError("Muon", got=f"adjust_lr_fn={adjust_lr_fn!r}",
                              expected="'original' or 'match_rms_adamw'")  # fmt: skip
        if ns_steps > MOST_STEPS:
            raise OptionError("Muon", got=f"ns_steps={ns_steps}", expected=f"{MOST_STEPS} or fewer")
        super().__init__(params, {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": tuple(ns_coefficients), "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn,
        })  # fmt: skip

    @classmethod
    def groups(cls, parameters: Iterable[Tensor]) -> list[dict[str, Any]]:
        """The matrices, and the rest for AdamW.

        Example:
            >>> import engine
            >>> layer = engine.nn.Linear(2, 3)
            >>> [(len(group["params"]), group.get("use_muon")) for group in Muon.groups(layer.parameters())]
            [(1, None), (1, False)]
        """
        every = list(parameters)
        matrices = {"params": [param for param in every if param.ndim == 2]}
        rest = {"params": [param for param in every if param.ndim != 2], "use_muon": False}
        return [group for group in (matrices, rest) if group["params"]]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Learn more matrices, or with `"use_muon": False` parameters of any shape."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        if group.get("use_muon", True):
            for param in group["params"]:
                if param.ndim != 2:
                    self.param_groups.pop()
                    raise ShapeError("Muon", got=f"a parameter of shape {tuple(param.shape)}", expected="a matrix",
                                     mend='give the rest in a group with "use_muon": False')  # fmt: skip

    def _update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        if not group.get("use_muon", True):
            super()._update(group, params)
            return

        def options() -> dict[str, Any]:
            lr = float(group["lr"])
            rates = [lr * _growth(group["adjust_lr_fn"], *param.shape) for param in params]
            named = {name: group[name] for name in ("weight_decay", "momentum", "nesterov", "eps")}
            coefficients = tuple(group["ns_coefficients"])
            return {"lr": lr, "rates": rates, "coefficients": coefficients, "steps": group["ns_steps"], **named}

        k = params[0].device.kernels
        buffers = self._remembered(params, "momentum_buffer")
        k.muon_step(*self._arrays(params), buffers, self._room(params), k.live(options))

    def _rule(self, group: dict[str, Any]) -> Update:
        return adam_rule(0.999, 1e-8, group["weight_decay"], decoupled=True)

    def _numbers(self, group: dict[str, Any], step: int) -> dict[str, float]:
        return adam_numbers(float(group["lr"]), (0.9, 0.999), 1e-8, group["weight_decay"], step)


def _growth(way: str | None, rows: int, columns: int) -> float:
    if way == "match_rms_adamw":
        return 0.2 * sqrt(max(rows, columns))
    return sqrt(max(1, rows / columns))
