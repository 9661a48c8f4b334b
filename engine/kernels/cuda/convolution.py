"""Convolution by im2col and cuBLAS, a part of the samples at a time, so that the columns never take much memory.

Both ways between images and columns are one kernel each, which takes padding as it comes: no image is widened. Back
from columns, each pixel gathers what it gave away, so that no two threads write to one place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.kernels.cuda.source import Source
from engine.kernels.generic.convolution import windows

Pair = tuple[int, int]
COLUMNS = 2**28
"""Bytes that the columns of one part may take."""

im2col = Source(
    "im2col", "raw T x, int64 samples, int64 h, int64 w, int64 kh, int64 kw, int64 oh, int64 ow, int64 sy, "
    "int64 sx, int64 top, int64 left, int64 dy, int64 dx", "T column",
    """
    long long j = i;
    long long q = j % ow; j /= ow;
    long long p = j % oh; j /= oh;
    long long sample = j % samples; j /= samples;
    long long tx = j % kw; j /= kw;
    long long ty = j % kh;
    long long channel = j / kh;
    long long row = p * sy - top + ty * dy, place = q * sx - left + tx * dx;
    bool inside = row >= 0 && row < h && place >= 0 && place < w;
    column = inside ? x[((channel * samples + sample) * h + row) * w + place] : (T)0;
    """,
)  # fmt: skip
"""x (C, N, H, W) -> columns (C, KH, KW, N, OH, OW)"""

col2im = Source(
    "col2im", "raw T column, int64 samples, int64 h, int64 w, int64 kh, int64 kw, int64 oh, int64 ow, int64 sy, "
    "int64 sx, int64 top, int64 left, int64 dy, int64 dx", "T x",
    """
    long long j = i;
    long long place = j % w + left; j /= w;
    long long row = j % h + top; j /= h;
    long long sample = j % samples;
    long long channel = j / samples;
    T total = 0;
    for (long long ty = 0; ty < kh; ty++) {
        long long p = row - ty * dy;
        if (p < 0 || p % sy || p / sy >= oh) continue;
        for (long long tx = 0; tx < kw; tx++) {
            long long q = place - tx * dx;
            if (q < 0 || q % sx || q / sx >= ow) continue;
            total += column[((((channel * kh + ty) * kw + tx) * samples + sample) * oh + p / sy) * ow + q / sx];
        }
    }
    x = total;
    """,
)  # fmt: skip
"""columns (C, KH, KW, N, OH, OW) -> x (C, N, H, W), the sum of what was taken from each pixel"""


class Convolution:
    """See the generic kernels of these names; padding is ((top, bottom), (left, right))."""

    xp: Any

    def conv2d(self, x: Any, weight: Any, bias: Any, stride: Pair, padding: tuple[Pair, Pair], dilation: Pair,
               groups: int) -> Any:  # fmt: skip
        """x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O) -> (N, O, OH, OW)"""
        o, kernel = weight.shape[0], weight.shape[2:]
        oh, ow = _reach(x.shape[2:], kernel, stride, padding, dilation)
        out = self.xp.empty((o, x.shape[0], oh, ow), x.dtype)
        taps = weight.reshape(groups, o // groups, -1)
        for part in self._parts(x, kernel, oh * ow):
            columns, _ = self._columns(x[part], kernel, stride, padding, dilation, groups)
            out[:, part] = self.xp.matmul(taps, columns).reshape(o, -1, oh, ow)
        if bias is not None:
            out += bias[:, None, None, None]
        return out.transpose(1, 0, 2, 3)

    def conv2d_backward_weight(self, grad: Any, x: Any, kernel: Pair, stride: Pair, padding: tuple[Pair, Pair],
                               dilation: Pair, groups: int) -> Any:  # fmt: skip
        """grad (N, O, OH, OW), x (N, C, H, W) -> (O, C / groups, KH, KW)"""
        o = grad.shape[1]
        out = self.xp.zeros((groups, o // groups, x.shape[1] // groups * kernel[0] * kernel[1]), grad.dtype)
        for part in self._parts(x, kernel, grad.shape[2] * grad.shape[3]):
            columns, _ = self._columns(x[part], kernel, stride, padding, dilation, groups)
            out += self.xp.matmul(self._rows(grad[part], groups), columns.transpose(0, 2, 1))
        return out.reshape(o, x.shape[1] // groups, *kernel)

    def conv2d_backward_input(self, grad: Any, weight: Any, shape: tuple[int, ...], stride: Pair,
                              padding: tuple[Pair, Pair], dilation: Pair, groups: int) -> Any:  # fmt: skip
        """grad (N, O, OH, OW), weight (O, C / groups, KH, KW) -> (N, C, H, W), the shape given"""
        n, c, h, w = shape
        kernel, (oh, ow) = weight.shape[2:], grad.shape[2:]
        taps = weight.reshape(groups, weight.shape[0] // groups, -1).transpose(0, 2, 1)
        out = self.xp.empty((c, n, h, w), grad.dtype)
        for part in self._parts(out.transpose(1, 0, 2, 3), kernel, oh * ow):
            columns = self.xp.matmul(taps, self._rows(grad[part], groups))
            if _is_plain(kernel, stride, padding):
                out[:, part] = columns.reshape(c, -1, h, w)
                continue
            images = self.xp.empty((c, part.stop - part.start, h, w), grad.dtype)
            if images.size:
                sizes = _sizes(images.shape[1], (h, w), kernel, (oh, ow), stride, padding, dilation)
                col2im(self.xp.ascontiguousarray(columns), *sizes, images)
            out[:, part] = images
        return out.transpose(1, 0, 2, 3)

    def _columns(self, x: Any, kernel: Pair, stride: Pair, padding: tuple[Pair, Pair], dilation: Pair,
                 groups: int) -> tuple[Any, Pair]:  # fmt: skip
        """(N, C, H, W) -> (G, C / G KH KW, N OH OW): what lies under the window at each of its places"""
        n, c, h, w = x.shape
        oh, ow = _reach((h, w), kernel, stride, padding, dilation)
        images = self.xp.ascontiguousarray(x.transpose(1, 0, 2, 3))
        if _is_plain(kernel, stride, padding):
            columns = images
        else:
            columns = self.xp.empty((c, *kernel, n, oh, ow), x.dtype)
            if columns.size:
                im2col(images, *_sizes(n, (h, w), kernel, (oh, ow), stride, padding, dilation), columns)
        return columns.reshape(groups, c // groups * kernel[0] * kernel[1], n * oh * ow), (oh, ow)

    def _parts(self, x: Any, kernel: Pair, places: int) -> Iterator[slice]:
        """So many samples at a time as the columns have room for.   x (N, C, H, W)"""
        each = x.shape[1] * kernel[0] * kernel[1] * places * x.itemsize
        step = max(COLUMNS // max(each, 1), 1)
        for begin in range(0, x.shape[0], step):
            yield slice(begin, min(begin + step, x.shape[0]))


def _reach(size: Pair, kernel: Pair, stride: Pair, padding: tuple[Pair, Pair], dilation: Pair) -> Pair:
    """(OH, OW)"""
    return tuple(windows(size[i] + sum(padding[i]), kernel[i], stride[i], dilation[i]) for i in (0, 1))


def _is_plain(kernel: Pair, stride: Pair, padding: tuple[Pair, Pair]) -> bool:
    """Whether the columns are the image itself."""
    return (kernel, stride, padding) == ((1, 1), (1, 1), ((0, 0), (0, 0)))


def _sizes(n: int, size: Pair, kernel: Pair, out: Pair, stride: Pair, padding: tuple[Pair, Pair],
           dilation: Pair) -> tuple[int, ...]:  # fmt: skip
    return n, *size, *kernel, *out, *stride, padding[0][0], padding[1][0], *dilation
