"""Random numbers drawn on the device: Philox 4x32-10 (Salmon et al., 2011), from a seed that the host's stream gives.

So one state, the host's, is saved and brought back for both; and dropout drops the same elements on every device.
"""

from __future__ import annotations

from typing import Any

from engine.kernels.cuda.source import Source

PHILOX = """
__device__ unsigned int philox(unsigned long long counter, unsigned long long seed, int word) {
    unsigned int a = (unsigned int)counter, b = (unsigned int)(counter >> 32), c = 0, d = 0;
    unsigned int k = (unsigned int)seed, l = (unsigned int)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        unsigned int high = __umulhi(0xD2511F53u, a), low = 0xD2511F53u * a;
        unsigned int top = __umulhi(0xCD9E8D57u, c), bottom = 0xCD9E8D57u * c;
        a = top ^ b ^ k; b = bottom; c = high ^ d ^ l; d = low;
        k += 0x9E3779B9u; l += 0xBB67AE85u;
    }
    return word == 0 ? a : word == 1 ? b : word == 2 ? c : d;
}
__device__ double even(unsigned long long counter, unsigned long long seed, int word) {
    unsigned long long high = philox(counter, seed, word) >> 6, low = philox(counter, seed, word + 1) >> 5;
    return (high * 134217728.0 + low) * (1.0 / 4503599627370496.0 / 2.0);
}
"""
"""even: a number from 0 to under 1 with 53 bits of two words."""

mask = Source(
    "mask", "uint64 seed, uint32 limit, T scale", "T y",
    """
    unsigned long long number = i;
    y = philox(16 * (number / 64) + number % 16, seed, (int)(number / 16 % 4)) >= limit ? scale : (T)0;
    """, PHILOX,
)  # fmt: skip
"""As `engine.kernels.cpu.random` numbers them: element 64 b + 16 w + i gets word w of counter 16 b + i."""

uniform = Source(
    "uniform", "uint64 seed", "T y",
    "y = sizeof(T) == 8 ? (T)even(i, seed, 0) : (T)((philox(i, seed, 0) >> 8) * (1.0f / 16777216.0f));", PHILOX,
)  # fmt: skip

normal = Source(
    "normal", "uint64 seed", "T y",
    "y = (T)(sqrt(-2.0 * log(1.0 - even(i, seed, 0))) * cos(6.283185307179586 * even(i, seed, 2)));", PHILOX,
)  # fmt: skip
"""Box and Muller, 1958."""

integers = Source(
    "integers", "uint64 seed, int64 low, int64 span", "T y",
    "y = (T)(low + (long long)(even(i, seed, 0) * (double)span));", PHILOX,
)  # fmt: skip

keys = Source("keys", "uint64 seed", "uint64 y",
              "y = ((unsigned long long)philox(i, seed, 0) << 32) | philox(i, seed, 1);", PHILOX)  # fmt: skip


class Random:
    """Each draw takes one seed from the generator; the element's number is the counter."""

    xp: Any

    def bernoulli(self, generator: Any, like: Any, keep: float) -> Any:
        """A mask of the shape of `like`, each element 1 / keep with probability keep, otherwise 0."""
        out = self.xp.empty(like.shape, like.dtype)
        if not keep:
            return self.xp.zeros(like.shape, like.dtype)
        limit = min(round((1 - keep) * 2**32), 2**32 - 1)
        mask(generator.draw_seed(), limit, 1 / keep, out)
        return out

    def normal(self, generator: Any, shape: tuple[int, ...], dtype: Any) -> Any:
        """Standard normal numbers."""
        return self._drawn(normal, shape, dtype, generator.draw_seed())

    def uniform(self, generator: Any, shape: tuple[int, ...], dtype: Any) -> Any:
        """Numbers evenly between 0 and 1, without the 1."""
        return self._drawn(uniform, shape, dtype, generator.draw_seed())

    def integers(self, generator: Any, low: int, high: int, shape: tuple[int, ...], dtype: Any) -> Any:
        """Whole numbers from low to high - 1."""
        return self._drawn(integers, shape, dtype, generator.draw_seed(), low, high - low)

    def permutation(self, generator: Any, count: int, dtype: Any) -> Any:
        """The numbers 0 to count - 1, in the order of random keys."""
        return self._drawn(keys, (count,), "uint64", generator.draw_seed()).argsort().astype(dtype)

    def _drawn(self, source: Source, shape: tuple[int, ...], dtype: Any, *arguments: Any) -> Any:
        out = self.xp.empty(shape, dtype)
        if out.size:
            source(*arguments, out)
        return out
