"""`engine.special`: functions of mathematical physics and statistics by PyTorch's names; each has its gradient.

>>> import engine
>>> engine.special.expit(engine.tensor([0.0])), engine.special.ndtr(engine.tensor([0.0]))
(tensor([0.5000]), tensor([0.5000]))
"""

from __future__ import annotations

from math import inf, log, pi, sqrt
from typing import Any

from engine.errors import GradientError, OptionError
from engine.ops import elementary as el
from engine.ops.base import broadcast
from engine.tensor.described import described
from engine.tensor.elementwise import Elementwise
from engine.tensor.formula import Formula
from engine.tensor.functions import elementwise
from engine.tensor.functions.elementwise import (
    choose,
    erfc,
    erfcx,
    erfinv,
    exp2,
    i0,
    i0e,
    i1,
    i1e,
    real_pair,
)
from engine.tensor.operands import real
from engine.tensor.reductions import Reductions
from engine.tensor.tape import apply

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammainc", "gammaincc",
    "gammaln", "i0", "i0e", "i1", "i1e", "log1p", "log_ndtr", "log_softmax", "logit", "logsumexp", "multigammaln",
    "ndtr", "polygamma", "psi", "round", "sinc", "softmax", "xlog1py", "xlogy",
]  # fmt: skip

gammaln, expit = elementwise.lgamma, Elementwise.sigmoid
erf, expm1, log1p, round = Elementwise.erf, Elementwise.expm1, Elementwise.log1p, Elementwise.round
softmax, log_softmax, logsumexp = Reductions.softmax, Reductions.log_softmax, Reductions.logsumexp


def logit(input: Any, eps: float | None = None) -> Any:
    """log(x / (1 - x)), x kept eps away from 0 and 1.

    >>> import engine
    >>> engine.logit(engine.tensor([0.5, 0.75]))
    tensor([0.0000, 1.0986])
    """
    x = real(input) if eps is None else real(input).clamp(eps, 1 - eps)
    return x.log() - (-x).log1p()


def sinc(input: Any) -> Any:
    """sin(pi x) / (pi x), 1 at 0.

    >>> import engine
    >>> engine.sinc(engine.tensor([0.0, 0.5]))
    tensor([1.0000, 0.6366])
    """
    angle = real(input) * pi
    zero = angle == 0
    safe = choose(zero, 1.0, angle)
    return choose(zero, 1.0, safe.sin() / safe)


def xlogy(input: Any, other: Any) -> Any:
    """input * log(other), 0 where the input is 0.

    >>> import engine
    >>> engine.xlogy(engine.tensor([0.0, 2.0]), engine.tensor([0.0, 1.0]))
    tensor([0., 0.])
    """
    x, y = real_pair(input, other)
    nothing = (x == 0) & ((y <= 0) | (y == inf))
    return x * choose(nothing, 1.0, y.expand(nothing.shape)).log()


def xlog1py(input: Any, other: Any) -> Any:
    """x log(1 + y), x being the input and y the other: 0 where x is 0.

    >>> import engine
    >>> engine.special.xlog1py(engine.tensor([0.0, 2.0]), engine.tensor([-1.0, 1.0]))
    tensor([0.0000, 1.3863])
    """
    x, y = real_pair(input, other)
    nothing = (x == 0) & ((y <= -1) | (y == inf))
    return x * choose(nothing, 0.0, y.expand(nothing.shape)).log1p()


def digamma(input: Any) -> Any:
    """The derivative of lgamma.

    >>> import engine
    >>> engine.digamma(engine.tensor(0.5))
    tensor(-1.9635)
    """
    return apply(el.Polygamma(0), real(input))


def polygamma(n: int, input: Any) -> Any:
    """The n-th derivative of digamma at the input.

    Raises:
        OptionError: n is below 0.

    >>> import engine
    >>> engine.polygamma(1, engine.tensor(1.0))
    tensor(1.6449)
    """
    if n < 0:
        raise OptionError("polygamma", got=f"n is {n}", expected="0 or more")
    return apply(el.Polygamma(n), real(input))


def mvlgamma(input: Any, p: int) -> Any:
    """log of the gamma function of p dimensions: p (p - 1) / 4 log(pi) + the sum of lgamma(x - j / 2) for j < p.

    >>> import engine
    >>> engine.mvlgamma(engine.tensor(4.5), 1)
    tensor(2.4537)
    """
    x, out = real(input), p * (p - 1) / 4 * log(pi)
    for j in range(p):
        out = out + gammaln(x - j / 2)
    return out


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
        a, x = real_pair(input, other)
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
multigammaln, psi = mvlgamma, digamma
