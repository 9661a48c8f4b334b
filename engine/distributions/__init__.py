"""Distributions that networks draw from and are judged by: PyTorch's `torch.distributions`, of it the commonest."""

from engine.distributions.continuous import Normal, Uniform
from engine.distributions.discrete import Bernoulli, Categorical
from engine.distributions.distribution import Distribution, Independent
from engine.distributions.kl import kl_divergence

__all__ = ["Bernoulli", "Categorical", "Distribution", "Independent", "Normal", "Uniform", "kl_divergence"]
