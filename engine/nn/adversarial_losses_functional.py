"""Losses of two networks at odds: a critic that scores samples, and a generator that makes them."""

from __future__ import annotations

from collections.abc import Callable

from engine.errors import ShapeError
from engine.ops.base import times
from engine.random import Generator
from engine.tensor import Tensor, rand
from engine.tensor.walk import grad


def hinge_critic_loss(fake: Tensor, real: Tensor) -> Tensor:
    """mean max(0, 1 - real) + mean max(0, 1 + fake), of the critic's scores (Lim and Ye, 2017).

    >>> import engine
    >>> hinge_critic_loss(engine.tensor([-2.0]), engine.tensor([0.5]))
    tensor(0.5000)
    """
    return (1 - real).relu().mean() + (1 + fake).relu().mean()


def wasserstein_critic_loss(fake: Tensor, real: Tensor) -> Tensor:
    """mean fake - mean real, of the critic's scores (Arjovsky et al., 2017); it wants `gradient_penalty` besides.

    >>> import engine
    >>> wasserstein_critic_loss(engine.tensor([-2.0]), engine.tensor([0.5]))
    tensor(-2.5000)
    """
    return fake.mean() - real.mean()


def generator_loss(fake: Tensor) -> Tensor:
    """-mean fake: the generator wants high scores, under the hinge as under Wasserstein's distance.

    >>> import engine
    >>> generator_loss(engine.tensor([-2.0, 1.0]))
    tensor(0.5000)
    """
    return -fake.mean()


def gradient_penalty(critic: Callable[[Tensor], Tensor], fake: Tensor, real: Tensor, *,
                     generator: Generator | None = None) -> Tensor:  # fmt: skip
    """mean (|slope of the critic| - 1)² between a fake and a real sample (Gulrajani et al., 2017).

    Args:
        critic: from samples to scores.
        fake, real: samples; the penalty goes to the critic alone.
        generator: of the places between them.

    Shape:
        fake, real (N, ...) -> a single number, of which backward() can be called

    Raises:
        ShapeError: where they have different shapes.

    >>> import engine
    >>> gradient_penalty(lambda x: x.sum(1) * 3, engine.zeros(2, 1), engine.ones(2, 1))
    tensor(4.)
    """
    if fake.shape != real.shape:
        raise ShapeError("gradient_penalty", got=f"fake samples are {times(fake.shape)}, real {times(real.shape)}",
                         expected="one shape")  # fmt: skip
    share = rand(real.shape[0], *(1,) * (real.ndim - 1), generator=generator, dtype=real.dtype, device=real.device)
    between = (real.detach() * share + fake.detach() * (1 - share)).requires_grad_()
    (slope,) = grad(critic(between).sum(), between, create_graph=True)
    length = (slope.reshape(slope.shape[0], -1) ** 2).sum(1)
    return ((length + 1e-12).sqrt() - 1).square().mean()
