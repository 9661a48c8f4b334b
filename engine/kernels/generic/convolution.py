"""Convolution by im2col and one matrix product.

Inside, axes go (channels, samples, pixels): then forward, weight gradient and input gradient are each a single
product, and the result is handed out as an (N, C, H, W) view of that memory.
"""

from __future__ import annotations

from typing import Any

from engine.kernels.generic.reduction import total

Pair = tuple[int, int]


def windows(size: int, kernel: int, stride: int, dilation: int) -> int:
    """How many places a window has along an axis that is already padded.

    >>> windows(28, 3, 1, 1), windows(28, 2, 2, 1)
    (26, 14)
    """
    return (size - dilation * (kernel - 1) - 1) // stride + 1


class Convolution:
    """2-D convolution in all three passes; padding is ((top, bottom), (left, right))."""

    xp: Any

    def conv2d(self, x: Any, weight: Any, bias: Any, stride: Pair, padding: tuple[Pair, Pair], dilation: Pair,
               groups: int) -> Any:  # fmt: skip
        """x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O) -> (N, O, OH, OW)"""
        columns, (oh, ow) = self._columns(x, weight.shape[2:], stride, padding, dilation, groups)
        o = weight.shape[0]
        out = self.xp.matmul(weight.reshape(groups, o // groups, -1), columns)  # (G, O / G, N OH OW)
        out = out.reshape(o, -1)
        if bias is not None:
            out += bias[:, None]
        return out.reshape(o, x.shape[0], oh, ow).transpose(1, 0, 2, 3)

    def conv2d_backward_weight(self, grad: Any, x: Any, kernel: Pair, stride: Pair, padding: tuple[Pair, Pair],
                               dilation: Pair, groups: int) -> Any:  # fmt: skip
        """grad (N, O, OH, OW), x (N, C, H, W) -> (O, C / groups, KH, KW)"""
        columns, _ = self._columns(x, kernel, stride, padding, dilation, groups)
        rows = self._rows(grad, groups)
        out = self.xp.empty((grad.shape[1], x.shape[1] // groups, *kernel), grad.dtype)
        self.xp.matmul(rows, columns.transpose(0, 2, 1), out=out.reshape(groups, rows.shape[1], -1))
        return out

    def conv2d_backward_bias(self, grad: Any) -> Any:
        """grad (N, O, OH, OW) -> (O)"""
        return total(grad.transpose(1, 0, 2, 3).reshape(grad.shape[1], -1), 1)

    def conv2d_backward_input(self, grad: Any, weight: Any, shape: tuple[int, ...], stride: Pair,
                              padding: tuple[Pair, Pair], dilation: Pair, groups: int) -> Any:  # fmt: skip
        """grad (N, O, OH, OW), weight (O, C / groups, KH, KW) -> (N, C, H, W), the shape given"""
        n, c, h, w = shape
        o, _, kh, kw = weight.shape
        oh, ow = grad.shape[2:]
        taps = weight.reshape(groups, o // groups, -1).transpose(0, 2, 1)
        columns = self.xp.matmul(taps, self._rows(grad, groups)).reshape(c, kh, kw, n, oh, ow)
        if (kh, kw) == (1, 1) and stride == (1, 1) and padding == ((0, 0), (0, 0)):
            return columns.reshape(c, n, h, w).transpose(1, 0, 2, 3)
        return self._overlapped(columns, shape, stride, padding, dilation)

    def unfold(self, x: Any, kernel: Pair, stride: Pair, padding: tuple[Pair, Pair], dilation: Pair) -> Any:
        """x (N, C, H, W) -> (N, C KH KW, OH OW): what lies under the window at each of its places"""
        columns, (oh, ow) = self._columns(x, kernel, stride, padding, dilation, 1)
        return columns.reshape(columns.shape[1], x.shape[0], oh * ow).transpose(1, 0, 2)

    def fold(self, x: Any, shape: tuple[int, ...], kernel: Pair, stride: Pair, padding: tuple[Pair, Pair],
             dilation: Pair) -> Any:  # fmt: skip
        """x (N, C KH KW, OH OW) -> (N, C, H, W), the shape given: windows added up where they lie"""
        n, c, h, w = shape
        oh = windows(h + sum(padding[0]), kernel[0], stride[0], dilation[0])
        ow = windows(w + sum(padding[1]), kernel[1], stride[1], dilation[1])
        columns = x.transpose(1, 0, 2).reshape(c, *kernel, n, oh, ow)
        return self._overlapped(columns, shape, stride, padding, dilation)

    def _overlapped(self, columns: Any, shape: tuple[int, ...], stride: Pair, padding: tuple[Pair, Pair],
                    dilation: Pair) -> Any:  # fmt: skip
        """columns (C, KH, KW, N, OH, OW) -> (N, C, H, W), the shape given: windows added up where they lie"""
        n, c, h, w = shape
        kh, kw, _, oh, ow = columns.shape[1:]
        (top, bottom), (left, right) = padding
        wide = self.xp.zeros((c, n, h + top + bottom, w + left + right), columns.dtype)
        for i in range(kh):
            for j in range(kw):
                y, x = i * dilation[0], j * dilation[1]
                wide[:, :, y : y + stride[0] * oh : stride[0], x : x + stride[1] * ow : stride[1]] += columns[:, i, j]
        return wide[:, :, top : top + h, left : left + w].transpose(1, 0, 2, 3)

    def _rows(self, grad: Any, groups: int) -> Any:
        """(N, O, OH, OW) -> (G, O / G, N OH OW)"""
        o = grad.shape[1]
        return grad.transpose(1, 0, 2, 3).reshape(groups, o // groups, -1)

    def _columns(self, x: Any, kernel: Pair, stride: Pair, padding: tuple[Pair, Pair], dilation: Pair,
                 groups: int) -> tuple[Any, Pair]:  # fmt: skip
        """(N, C, H, W) -> (G, C / G KH KW, N OH OW): what lies under the window at each of its places"""
        n, c, h, w = x.shape
        kh, kw = kernel
        (top, bottom), (left, right) = padding
        x = x.transpose(1, 0, 2, 3)
        if top or bottom or left or right:
            wide = self.xp.zeros((c, n, h + top + bottom, w + left + right), x.dtype)
            wide[:, :, top : top + h, left : left + w] = x
            x = wide
        oh = windows(x.shape[2], kh, stride[0], dilation[0])
        ow = windows(x.shape[3], kw, stride[1], dilation[1])
        if (kh, kw) == (1, 1):
            columns = x[:, :, :: stride[0], :: stride[1]]
        else:
            columns = self.xp.empty((c, kh, kw, n, oh, ow), x.dtype)
            for i in range(kh):
                for j in range(kw):
                    y, z = i * dilation[0], j * dilation[1]
                    columns[:, i, j] = x[:, :, y : y + stride[0] * oh : stride[0], z : z + stride[1] * ow : stride[1]]
        return columns.reshape(groups, c // groups * kh * kw, n * oh * ow), (oh, ow)
