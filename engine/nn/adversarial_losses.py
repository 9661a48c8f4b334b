"""Losses of two networks that work against each other."""

from __future__ import annotations

from collections.abc import Callable

from engine.nn import functional as F
from engine.nn.module import Module
from engine.random import Generator
from engine.tensor import Tensor


class HingeGANLoss(Module):
    """The critic is to score real samples above 1 and fake ones under -1; the generator wants high scores.

    loss of the critic = mean max(0, 1 - real) + mean max(0, 1 + fake); of the generator = -mean fake
    (Lim and Ye, 2017)

    Shape:
        fake, real: any, the critic's scores -> (); without real it is the generator's loss

    Example:
        >>> import engine
        >>> loss, fake, real = engine.nn.HingeGANLoss(), engine.tensor([-2.0]), engine.tensor([0.5])
        >>> loss(fake, real).item(), loss(fake).item()
        (0.5, 2.0)
    """

    def forward(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return F.generator_loss(fake) if real is None else F.hinge_critic_loss(fake, real)


class WassersteinLoss(Module):
    """How far the critic keeps fake samples from real ones; its slope is held to 1 by a penalty.

    loss of the critic = mean fake - mean real + penalty · mean (|slope| - 1)²; of the generator = -mean fake
    (Arjovsky et al., 2017; Gulrajani et al., 2017)

    Args:
        penalty: How much a slope other than 1 counts.

    Shape:
        fake, real: any, the critic's scores -> (); without real it is the generator's loss

    Example:
        >>> import engine
        >>> def critic(x):
        ...     return x.sum(1) * 2
        >>> loss, fake, real = engine.nn.WassersteinLoss(), engine.zeros(4, 1), engine.ones(4, 1)
        >>> loss(critic(fake), critic(real)).item(), round(loss.gradient_penalty(critic, fake, real).item(), 4)
        (-2.0, 10.0)
    """

    def __init__(self, penalty: float = 10.0):
        super().__init__()
        self.penalty = penalty

    def forward(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return F.generator_loss(fake) if real is None else F.wasserstein_critic_loss(fake, real)

    def gradient_penalty(self, critic: Callable[[Tensor], Tensor], fake: Tensor, real: Tensor, *,
                         generator: Generator | None = None) -> Tensor:  # fmt: skip
        """What the critic's loss has besides, at places between fake and real samples (N, ...)."""
        return F.gradient_penalty(critic, fake, real, generator=generator) * self.penalty
