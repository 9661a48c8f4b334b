"""`engine.special`: functions of mathematical physics and statistics by PyTorch's names; each has its gradient.

>>> import engine
>>> engine.special.expit(engine.tensor([0.0])), engine.special.ndtr(engine.tensor([0.0]))
(tensor([0.5000]), tensor([0.5000]))
"""

from __future__ import annotations

from math import inf, log, sqrt
from typing import Any

from engine.tensor.arithmetic import real
from engine.tensor.functions import elementwise
from engine.tensor.functions.elementwise import (
    digamma,
    erfc,
    erfcx,
    erfinv,
    exp2,
    i0,
    i0e,
    i1,
    i1e,
    logit,
    polygamma,
    sinc,
    xlog1py,
    xlogy,
)

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammaln", "i0", "i0e", "i1", "i1e",
    "log1p", "log_ndtr", "log_softmax", "logit", "logsumexp", "multigammaln", "ndtr", "polygamma", "psi", "round",
    "sinc", "softmax", "xlog1py", "xlogy",
]  # fmt: skip

gammaln, multigammaln, psi = elementwise.lgamma, elementwise.mvlgamma, digamma


def expit(input: Any) -> Any:
    """1 / (1 + e^-x): Tensor.sigmoid."""
    return input.sigmoid()


def erf(input: Any) -> Any:
    """2 / sqrt(pi) times the integral of e^-t² from 0 to x."""
    return input.erf()


def expm1(input: Any) -> Any:
    """e^x - 1, exact near 0."""
    return input.expm1()


def log1p(input: Any) -> Any:
    """log(1 + x), exact near 0."""
    return input.log1p()


def round(input: Any, *, decimals: int = 0) -> Any:
    """To the nearest number of so many decimals, halves to the even one."""
    return input.round(decimals=decimals)


def softmax(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """exp(x) / sum of exp(x) along an axis."""
    return input.softmax(dim, dtype)


def log_softmax(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """log of softmax along an axis."""
    return input.log_softmax(dim, dtype)


def logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Any:
    """log of the sum of exp(x) along axes, without overflow."""
    return input.logsumexp(dim, keepdim)


def entr(input: Any) -> Any:
    """-x log(x): 0 at 0, -infinity below."""
    x = real(input)
    return (-xlogy(x, x)).masked_fill(x < 0, -inf)


def ndtr(input: Any) -> Any:
    """The share of a standard normal distribution that lies below x: erfc(-x / sqrt(2)) / 2."""
    return erfc(real(input) * -sqrt(0.5)) * 0.5


def log_ndtr(input: Any) -> Any:
    """log of ndtr, exact far below: there log(erfcx(-x / sqrt(2)) / 2) - x² / 2."""
    x = real(input)
    below = x < -1
    far, near = x.masked_fill(~below, -1.0), x.masked_fill(below, 0.0)
    return (erfcx(far * -sqrt(0.5)).log() - log(2) - far * far / 2).where(below, (-ndtr(-near)).log1p())
