"""Images in another size: repeated, blended, or averaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.ops.base import Op, Spec
from engine.ops.convolution import require_images

Pair = tuple[int, int]


@dataclass(eq=False)
class _Resample(Op):
    """x (N, C, H, W) -> (N, C, OH, OW), rows and columns apart from each other."""

    out: Pair

    saves = ("x.shape",)
    checked = True

    def shape(self, x):
        require_images("Upsample", x)
        return Spec((*x.shape[:2], *self.out), x.dtype)


@dataclass(eq=False)
class Nearest(_Resample):
    """The pixel nearest to each place; `steps` is how far apart the places are in the input.

    `middle` is where in a pixel its place lies: 0 at its beginning, 0.5 in its middle.
    """

    steps: tuple[float, float]
    middle: float = 0.0

    def places(self, shape):
        """(OH), (OW): the row and the column of the input that each row and column of the result shows"""
        return tuple(
            np.minimum(self._nearest(out, step), n - 1) for n, out, step in zip(shape[2:], self.out, self.steps)
        )

    def _nearest(self, out, step):
        places = np.arange(out, dtype=np.float32) + np.float32(self.middle)
        return np.floor(places * np.float32(step)).astype(np.int64)

    def forward(self, k, x):
        return k.resize_nearest(x, *self.places(x.shape))

    def backward(self, k, grad, needs, shape):
        return (k.resize_nearest_backward(grad, *self.places(shape), shape),)

    def flops(self, x):
        return 0


class _Weighted(_Resample):
    """Each row and each column of the result is a weighted sum of those of the input."""

    def weights(self, n, axis):
        """(O, n)"""
        raise NotImplementedError

    def forward(self, k, x):
        return k.resample(x, self.weights(x.shape[2], 0), self.weights(x.shape[3], 1))

    def backward(self, k, grad, needs, shape):
        return (k.resample(grad, self.weights(shape[2], 0).T, self.weights(shape[3], 1).T),)

    def flops(self, x):
        return 7 * self.shape(x).size


@dataclass(eq=False)
class Bilinear(_Weighted):
    """Neighbours blended by their distance; with align_corners the outermost pixels lie on each other."""

    steps: tuple[float, float]
    align_corners: bool

    def weights(self, n, axis):
        count = self.out[axis]
        if self.align_corners:
            place = np.arange(count) * ((n - 1) / max(count - 1, 1))
        else:
            place = np.maximum((np.arange(count) + 0.5) * self.steps[axis] - 0.5, 0)
        low = np.minimum(place.astype(np.int64), n - 1)
        high, share = np.minimum(low + 1, n - 1), np.minimum(place - low, 1.0)
        found = np.zeros((count, n))
        np.add.at(found, (np.arange(count), low), 1 - share)
        np.add.at(found, (np.arange(count), high), share)
        return found


class Bicubic(Bilinear):
    """Four neighbours in each direction, blended by Keys' cubic, a = -0.75 (1981); outside, the edge repeats."""

    def weights(self, n, axis):
        count = self.out[axis]
        if self.align_corners:
            place = np.arange(count) * ((n - 1) / max(count - 1, 1))
        else:
            place = (np.arange(count) + 0.5) * self.steps[axis] - 0.5
        low = np.floor(place).astype(np.int64)
        found = np.zeros((count, n))
        for tap in (-1, 0, 1, 2):
            np.add.at(found, (np.arange(count), np.clip(low + tap, 0, n - 1)), _keys(np.abs(place - low - tap)))
        return found


def _keys(distance, a=-0.75):
    """The weight of a neighbour at a distance of 0 to 2 pixels."""
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return np.where(distance <= 1, near, far)


@dataclass(eq=False)
class Antialiased(_Weighted):
    """All pixels that one of a smaller image covers, blended by a triangle (reach 1) or Keys' cubic, a = -0.5 (2)."""

    steps: tuple[float, float]
    align_corners: bool
    reach: int

    def weights(self, n, axis):
        count = self.out[axis]
        aligned = (n - 1) / (count - 1) if count > 1 else 0.0
        step = aligned if self.align_corners else self.steps[axis]
        wide = max(step, 1.0)
        middle = step * (np.arange(count)[:, None] + 0.5)  # (O, 1)
        first = np.maximum((middle - self.reach * wide + 0.5).astype(np.int64), 0)
        last = np.minimum((middle + self.reach * wide + 0.5).astype(np.int64), n)
        place = np.arange(n)
        distance = np.minimum(np.abs(place - middle + 0.5) / wide, self.reach)
        found = _keys(distance, -0.5) if self.reach == 2 else 1 - distance
        found = found * ((place >= first) & (place < last))
        return found / found.sum(axis=1, keepdims=True)


class AdaptiveAverage(_Weighted):
    """The mean of each of OH x OW parts, which overlap where the sizes do not divide."""

    def weights(self, n, axis):
        count = self.out[axis]
        start = np.arange(count) * n // count
        end = -(-(np.arange(count) + 1) * n // count)
        inside = (np.arange(n) >= start[:, None]) & (np.arange(n) < end[:, None])
        return inside / (end - start)[:, None]
