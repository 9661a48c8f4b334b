"""`engine.special`: functions of mathematical physics and statistics by PyTorch's names; each has its gradient.

>>> import engine
>>> engine.special.expit(engine.tensor([0.0])), engine.special.ndtr(engine.tensor([0.0]))
(tensor([0.5000]), tensor([0.5000]))
"""

from __future__ import annotations

from math import inf, log, sqrt
from typing import Any

from engine.errors import GradientError
from engine.ops.base import broadcast
from engine.tensor.arithmetic import Arithmetic, described, real
from engine.tensor.formula import Formula
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
from engine.tensor.reductions import Reductions
from engine.tensor.tape import apply

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammainc", "gammaincc",
    "gammaln", "i0", "i0e", "i1", "i1e", "log1p", "log_ndtr", "log_softmax", "logit", "logsumexp", "multigammaln",
    "ndtr", "polygamma", "psi", "round", "sinc", "softmax", "xlog1py", "xlogy",
]  # fmt: skip

gammaln, multigammaln, psi, expit = elementwise.lgamma, elementwise.mvlgamma, digamma, Arithmetic.sigmoid
erf, expm1, log1p, round = Arithmetic.erf, Arithmetic.expm1, Arithmetic.log1p, Arithmetic.round
softmax, log_softmax, logsumexp = Reductions.softmax, Reductions.log_softmax, Reductions.logsumexp


def entr(input: Any) -> Any:
    """-x log(x): 0 at 0, -infinity below.

    >>> import engine
    >>> engine.special.entr(engine.tensor([0.0, 0.5]))
    tensor([0.0000, 0.3466])
    """
    x = real(input)
    return (0.0 - xlogy(x, x)).masked_fill(x < 0, -inf)


def ndtr(input: Any) -> Any:
    """The share of a standard normal distribution that lies below x: erfc(-x / sqrt(2)) / 2.

    >>> import engine
    >>> engine.special.ndtr(engine.tensor([0.0, 1.0]))
    tensor([0.5000, 0.8413])
    """
    return erfc(real(input) * -sqrt(0.5)) * 0.5


def log_ndtr(input: Any) -> Any:
    """log of ndtr, exact far below: there log(erfcx(-x / sqrt(2)) / 2) - x² / 2.

    >>> import engine
    >>> engine.special.log_ndtr(engine.tensor([-20.0]))
    tensor([-203.9172])
    """
    x = real(input)
    below = x < -1
    far, near = x.masked_fill(~below, -1.0), x.masked_fill(below, 0.0)
    return (erfcx(far * -sqrt(0.5)).log() - log(2) - far * far / 2).where(below, (-ndtr(-near)).log1p())


def _share(name: str, sign: int, text: str, result: str) -> Any:
    def backward(k: Any, grad: Any, needs: tuple[bool, ...], a: Any, x: Any) -> tuple[None, Any]:
        if needs[0]:
            raise GradientError(name, got="a gradient was asked for of the first argument",
                                expected="of the second one", mend="detach() the first")  # fmt: skip
        density = k.exp(k.sub(k.sub(k.mul(k.sub(a, 1), k.log(x)), x), k.lgamma(a)))
        return None, k.mul(grad, k.mul(density, sign))

    def function(input: Any, other: Any) -> Any:
        a, x = elementwise.real_pair(input, other)
        shape = broadcast(name, a.shape, x.shape)
        a._require_values(name)
        formula = Formula(name, lambda k, a, x: getattr(k, name)(a, x), backward, 2, (0, 1))
        return apply(formula, a.expand(shape), x.expand(shape))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = described(name, text, "2.5, 1.0", result)
    return function


igamma = _share("igamma", 1, "The share of gamma(input) that its integral has gathered up to other.", "0.1509")
igammac = _share("igammac", -1, "The share of gamma(input) that its integral gathers beyond other.", "0.8491")
gammainc, gammaincc = igamma, igammac
