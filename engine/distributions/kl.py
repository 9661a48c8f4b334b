"""How far one distribution is from another."""

from __future__ import annotations

from typing import Any

from engine.distributions.continuous import Normal, Uniform
from engine.distributions.discrete import Bernoulli, Categorical
from engine.distributions.distribution import Distribution, Independent
from engine.errors import MissingMethod
from engine.nn.functional import softplus
from engine.tensor import Tensor


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The Kullback-Leibler divergence of two distributions of a kind: E_p[log p(x) - log q(x)] (1951).

    Args:
        p: the distribution over which the mean goes.
        q: the one that is held against it.

    Raises:
        MissingMethod: for these two there is no formula here.

    >>> import engine
    >>> from engine.distributions import Normal
    >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0))
    tensor(0.5000)
    """
    for kind, formula in FORMULAS.items():
        if isinstance(p, kind) and isinstance(q, kind):
            return formula(p, q)
    raise MissingMethod("kl_divergence", got=f"{type(p).__name__} and {type(q).__name__}",
                        expected="two of a kind")  # fmt: skip


def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())


def _uniform(p: Uniform, q: Uniform) -> Tensor:
    apart = ((q.high - q.low) / (p.high - p.low)).log()
    return apart.masked_fill((q.low > p.low) | (q.high < p.high), float("inf"))


def _categorical(p: Categorical, q: Categorical) -> Tensor:
    terms = p.probs * (p.logits - q.logits)
    terms = terms.masked_fill((q.probs == 0).expand(terms.shape), float("inf"))
    return terms.masked_fill((p.probs == 0).expand(terms.shape), 0.0).sum(-1)


def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    ones = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    ones = ones.masked_fill(q.probs == 0, float("inf")).masked_fill(p.probs == 0, 0.0)
    zeros = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    return ones + zeros.masked_fill(q.probs == 1, float("inf")).masked_fill(p.probs == 1, 0.0)


def _independent(p: Independent, q: Independent) -> Tensor:
    return p.summed(kl_divergence(p.base_dist, q.base_dist))


FORMULAS: dict[type[Distribution], Any] = {
    Normal: _normal, Uniform: _uniform, Categorical: _categorical, Bernoulli: _bernoulli, Independent: _independent,
}  # fmt: skip
