"""Special functions, computed in float64 whatever the dtype is, by fits and series over plain array calls."""

from __future__ import annotations

from math import factorial, log, pi, sqrt
from typing import Any

from engine.kernels.generic.elementwise import _P64, _Q64, polynomial

# erfc beyond 8, from the Cephes library (Moshier): exp(-x^2) R(x) / S(x)
_R64 = (5.64189583547755073984e-1, 1.27536670759978104416e0, 5.01905042251180477414e0, 6.16021097993053585195e0,
        7.40974269950448939160e0, 2.97886665372100240670e0)  # fmt: skip
_S64 = (1.0, 2.26052863220117276590e0, 9.39603524938001434673e0, 1.20489539808096656605e1, 1.70814450747565897222e1,
        9.60896809063285878198e0, 3.36907645100081516050e0)  # fmt: skip
# a first guess of erfinv, near 0 by y^2 and near 1 by sqrt(-log((1 - |y|) / 2)); two steps of Newton make it exact
_NEAR = ((-0.140543331, 0.914624893, -1.645349621, 0.886226899),
         (0.012229801, -0.329097515, 1.442710462, -2.118377725, 1.0))  # fmt: skip
_FAR = ((1.641345311, 3.429567803, -1.624906493, -1.970840454), (1.637067800, 3.543889200, 1.0))
_LANCZOS = (0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
            12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7)  # fmt: skip
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
_SHIFT = 12  # from here on the series of the polygamma functions is exact
_LARGE = 1e5  # beyond, the incomplete gamma functions are nearly those of a normal distribution


class Special:
    """The error functions, the gamma functions and the modified Bessel functions."""

    xp: Any

    def erfc(self, x: Any) -> Any:
        """1 - erf(x), without cancellation."""
        wide = x.astype("float64")
        size = self.xp.abs(wide)
        far = self.xp.clip(size, 1.0, 27.0)  # from 27 on it is 0
        tail = self.xp.where(far < 8, polynomial(far, _P64) / polynomial(far, _Q64),
                             polynomial(far, _R64) / polynomial(far, _S64)) * self.xp.exp(-far * far)  # fmt: skip
        tail = self.xp.where(size > 27, 0.0, tail)
        outer = self.xp.where(wide < 0, 2 - tail, tail)
        return self.xp.where(size < 1, 1 - self.erf(wide), self.xp.where(wide != wide, wide, outer)).astype(x.dtype)

    def erfcx(self, x: Any) -> Any:
        """exp(x²) erfc(x), without underflow far up."""
        wide = x.astype("float64")
        far = self.xp.clip(wide, 1.0, 1e30)
        far = self.xp.where(far < 8, polynomial(far, _P64) / polynomial(far, _Q64),
                            polynomial(far, _R64) / polynomial(far, _S64))  # fmt: skip
        near = self.xp.where(wide < 1, wide, 0.0)
        out = self.xp.where(wide < 1, self.xp.exp(near * near) * self.erfc(near), far)
        return self.xp.where(wide == float("inf"), 0.0, out).astype(x.dtype)

    def erfinv(self, y: Any) -> Any:
        """The x of which erf(x) is y; infinite at -1 and 1, no number beyond."""
        xp, wide = self.xp, y.astype("float64")
        size = xp.abs(wide)
        square = wide * wide
        near = wide * (polynomial(square, _NEAR[0]) / polynomial(square, _NEAR[1]))
        away = xp.sqrt(-xp.log((1 - xp.where(size < 1, size, 0.5)) / 2))
        far = xp.where(wide < 0, -1.0, 1.0) * (polynomial(away, _FAR[0]) / polynomial(away, _FAR[1]))
        out = xp.where(size <= 0.7, near, far)
        for _ in range(2):  # by erfc far away, where 1 - erf(x) has few digits left
            error = xp.where(size <= 0.7, self.erf(out) - wide,
                             xp.where(wide < 0, -1.0, 1.0) * ((1 - size) - self.erfc(xp.abs(out))))  # fmt: skip
            out = out - error / (2 / sqrt(pi) * xp.exp(-out * out))
        out = xp.where(size < 1, out, xp.where(size == 1, wide * float("inf"), float("nan")))
        return out.astype(y.dtype)

    def lgamma(self, x: Any) -> Any:
        """log |gamma(x)| by Lanczos' series, by reflection below 1/2; Stirling's far up, where the series runs over."""
        xp, wide = self.xp, x.astype("float64")
        low = wide < 0.5
        z = xp.where(low, 1 - wide, wide) - 1
        series = _LANCZOS[0]
        for i, c in enumerate(_LANCZOS[1:], 1):
            series = series + c / (z + i)
        t = z + 7.5
        out = 0.5 * log(2 * pi) + (z + 0.5) * xp.log(t) - t + xp.log(series)
        reflected = log(pi) - xp.log(xp.abs(xp.sin(pi * (wide - xp.floor(wide))))) - out
        out = xp.where(low, reflected, out)
        out = xp.where((wide == 1) | (wide == 2), 0.0, out)
        out = xp.where(xp.isinf(wide) | ((wide <= 0) & (wide == xp.floor(wide))), float("inf"), out)
        return out.astype(x.dtype)

    def polygamma(self, x: Any, order: int) -> Any:
        """The derivative of that order of digamma: digamma itself for 0."""
        wide = x.astype("float64")
        out = self._digamma(wide) if order == 0 else self._polygamma(wide, order)
        return out.astype(x.dtype)

    def _digamma(self, x: Any) -> Any:
        xp = self.xp
        low = x < 0
        z = xp.where(low, 1 - x, x)
        out = 0.0
        for i in range(_SHIFT):
            out = out - 1 / (z + i)
        z = z + _SHIFT
        out = out + xp.log(z) - 0.5 / z
        for n, b in enumerate(_BERNOULLI, 1):
            out = out - b / (2 * n) * z ** (-2 * n)
        out = xp.where(low, out - pi / xp.tan(pi * (x - xp.trunc(x))), out)
        out = xp.where(low & (x == xp.floor(x)), float("nan"), out)
        return xp.where(x == 0, xp.where(xp.signbit(x), float("inf"), float("-inf")), out)

    def _polygamma(self, x: Any, order: int) -> Any:
        """(-1)^(n + 1) n! zeta(n + 1, x), Hurwitz' zeta by Euler and Maclaurin; by reflection below 1/2 for n = 1."""
        xp = self.xp
        low = (x < 0.5) if order == 1 else xp.zeros(x.shape, bool)
        z = xp.where(low, 1 - x, x)
        s, out = order + 1, 0.0
        for i in range(_SHIFT):
            out = out + (z + i) ** -float(s)
        z = z + _SHIFT
        out = out + z ** (1.0 - s) / (s - 1) + 0.5 * z ** -float(s)
        rising = float(s)
        for n, b in enumerate(_BERNOULLI, 1):
            out = out + b * rising / factorial(2 * n) * z ** (1.0 - s - 2 * n)
            rising *= (s + 2 * n - 1) * (s + 2 * n)
        if order == 1:
            return xp.where(low, (pi / xp.sin(pi * x)) ** 2 - out, out)
        return (-1) ** (order + 1) * factorial(order) * out

    def i0(self, x: Any) -> Any:
        """The modified Bessel function of order 0."""
        return (self._bessel(x, 0) * self.xp.exp(self.xp.abs(x.astype("float64")))).astype(x.dtype)

    def i0e(self, x: Any) -> Any:
        """exp(-|x|) i0(x), without overflow."""
        return self._bessel(x, 0).astype(x.dtype)

    def i1(self, x: Any) -> Any:
        """The modified Bessel function of order 1."""
        return (self._bessel(x, 1) * self.xp.exp(self.xp.abs(x.astype("float64")))).astype(x.dtype)

    def i1e(self, x: Any) -> Any:
        """exp(-|x|) i1(x), without overflow."""
        return self._bessel(x, 1).astype(x.dtype)

    def _bessel(self, x: Any, order: int) -> Any:
        """exp(-|x|) times it: up to 20 by its power series, beyond by Hankel's series in 1 / x."""
        xp, wide = self.xp, x.astype("float64")
        size = xp.abs(wide)
        near, far = xp.minimum(size, 20.0), xp.maximum(size, 20.0)
        term = total = (near / 2) ** order
        for i in range(1, 46):
            term = term * (near / 2) ** 2 / (i * (i + order))
            total = total + term
        rest = series = xp.ones_like(far)
        for i in range(1, 33):
            rest = rest * ((2 * i - 1) ** 2 - 4 * order**2) / (8 * i * far)
            series = series + rest
        out = xp.where(size <= 20, total * xp.exp(-near), series / xp.sqrt(2 * pi * far))
        out = xp.where(xp.isnan(wide), wide, out)
        return xp.where(wide < 0, -out, out) if order else out

    def igamma(self, a: Any, x: Any) -> Any:
        """The share of gamma(a) that its integral has gathered up to x."""
        return self._gamma_shares(a, x)[0]

    def igammac(self, a: Any, x: Any) -> Any:
        """The share of gamma(a) that its integral gathers beyond x."""
        return self._gamma_shares(a, x)[1]

    def _gamma_shares(self, a: Any, x: Any) -> tuple[Any, Any]:
        """By a power series up to about a, beyond by a continued fraction (Lentz); both take about 9 sqrt(a) rounds."""
        xp, dtype = self.xp, x.dtype
        a, x = a.astype("float64"), x.astype("float64")
        rounds = 100 + int(9 * sqrt(max(float(xp.where(a <= _LARGE, a, 0.0).max()), 0.0))) if a.size else 0
        scale = xp.exp(a * xp.log(x) - x - self.lgamma(a + 1))  # x^a e^-x / gamma(a + 1)
        low = x < a + 1
        near, far = xp.where(low, x, 0.0), xp.where(low, a + 2, x)
        term = total = xp.ones_like(a)
        b, c = far + 1 - a, xp.full_like(a, 1e300)
        d = fraction = 1 / b
        for i in range(1, rounds + 1):
            term = term * near / (a + i)
            total = total + term
            b = b + 2
            d = 1 / (b - i * (i - a) * d)
            c = b - i * (i - a) / c
            fraction = fraction * (d * c)
        below = xp.where(low, scale * total, 1 - scale * a * fraction)
        beyond = xp.where(low, 1 - scale * total, scale * a * fraction)
        wide = self._gamma_shares_of_large(a, x)
        below, beyond = (xp.where(a > _LARGE, of_large, part) for of_large, part in zip(wide, (below, beyond)))
        done, begun = ((x == float("inf")) | (a == 0)), (x == 0) | (a == float("inf"))
        nothing = (a < 0) | (x < 0) | xp.isnan(a) | xp.isnan(x) | (done & begun)
        below = xp.where(nothing, float("nan"), xp.where(done, 1.0, xp.where(begun, 0.0, below)))
        beyond = xp.where(nothing, float("nan"), xp.where(done, 0.0, xp.where(begun, 1.0, beyond)))
        return below.astype(dtype), beyond.astype(dtype)

    def _gamma_shares_of_large(self, a: Any, x: Any) -> tuple[Any, Any]:
        """The same by the error function and one correction (Temme, 1979), exact to about a^(-3/2)."""
        xp = self.xp
        over = (x - a) / a
        eta = xp.sign(over) * xp.sqrt(2 * (over - xp.log1p(over)))
        near = -1 / 3 + eta * (1 / 12 + eta * (-2 / 135 + eta / 864))
        bend = xp.where(xp.abs(eta) < 0.01, near, 1 / over - 1 / eta)
        rest = xp.exp(-a * eta * eta / 2) / xp.sqrt(2 * pi * a) * bend
        far = eta * xp.sqrt(a / 2)
        return self.erfc(-far) / 2 - rest, self.erfc(far) / 2 + rest
