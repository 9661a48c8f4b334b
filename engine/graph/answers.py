"""What the network's answer is under losses that judge several outputs, or a distance: a number, and text for a script.

An answer above 0 says "together", "the first leads" or "in order".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine import nn
from engine.nn import functional as F
from engine.tensor import Tensor, no_grad


@dataclass(frozen=True)
class Answer:
    """`of` gives it of the loss and the outputs; `text` is the same with {0}, {1} ... for the outputs."""

    of: Callable[..., Tensor]
    text: str


def _together(loss: nn.Module) -> float:
    """The cosine half way between what a pair that belongs together is to have, and another."""
    return (1 + loss.margin) / 2


def _distance(loss: nn.Module) -> dict[str, Any]:
    return {"p": loss.p, "eps": loss.eps}


ANSWERS = {
    "GaussianNLLLoss": Answer(lambda loss, mean, var: mean, "{0}"),
    "MarginRankingLoss": Answer(lambda loss, one, other: one - other, "{0} - {1}"),
    "CosineEmbeddingLoss": Answer(
        lambda loss, one, other: F.cosine_similarity(one, other) - _together(loss),
        "nn.functional.cosine_similarity({0}, {1}) - (1 + {margin}) / 2",
    ),
    "HingeEmbeddingLoss": Answer(lambda loss, distance: loss.margin / 2 - distance, "{margin} / 2 - {0}"),
    "TripletMarginLoss": Answer(
        lambda loss, anchor, positive, negative: (
            F.pairwise_distance(anchor, negative, **_distance(loss))
            - F.pairwise_distance(anchor, positive, **_distance(loss))
        ),
        "nn.functional.pairwise_distance({0}, {2}, {p}, {eps}) - nn.functional.pairwise_distance({0}, {1}, {p}, {eps})",
    ),
    "BPRLoss": Answer(lambda loss, positive, negative: positive - negative, "{0} - {1}"),
}
"""Loss -> its answer; of any other loss the one output is it."""


def answer(type: str, loss: nn.Module, outputs: tuple[Tensor, ...]) -> Tensor:
    """What the network says, of the outputs that a loss judges.

    >>> import engine
    >>> answer("MarginRankingLoss", nn.MarginRankingLoss(), (engine.tensor([3.0]), engine.tensor([1.0])))
    tensor([2.])
    """
    if type not in ANSWERS:
        return outputs[0]
    with no_grad():
        return ANSWERS[type].of(loss, *outputs)
