"""Connectionist temporal classification: the sum over all ways in which T frames spell S labels.

Labels stand between blanks: blank, first, blank, second, ..., blank, L = 2 S + 1 places. From frame to frame a way
stays, goes on by one place, or jumps over a blank between different labels (Graves et al., 2006).
"""

from __future__ import annotations

from typing import Any

import numpy

from engine.errors import EngineError
from engine.kernels.generic import faults


class Alignment:
    """log_p (T, N, C), targets (N, S), lengths (N). All sums are of logarithms; a frame takes a few array calls."""

    xp: Any

    def _check_ctc(self, shape: tuple[int, ...], targets: Any, input_lengths: Any, target_lengths: Any,
               blank: int) -> None:  # fmt: skip
        """An EngineError for a length beyond what there is, or a label without a score."""
        frames, samples, classes = shape
        if not 0 <= blank < classes:
            raise EngineError("CTCLoss", got=f"blank is {blank}", expected=f"a class from 0 to {classes - 1}")
        if not samples:
            return
        for what, lengths, most in (("input", input_lengths, frames), ("target", target_lengths, targets.shape[1])):
            self._check_lengths(what, lengths, most)
        used = self.xp.where(self._places(targets.shape[1]) < target_lengths[:, None], targets, blank)
        self.check_classes("CTCLoss", used, classes, blank)

    def _check_lengths(self, what: str, lengths: Any, most: int) -> None:
        low, high = int(lengths.min()), int(lengths.max())
        if low < 0 or high > most:
            raise faults.no_length(high if high > most else low, what, most)

    def ctc(self, log_p: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int,
            zero_infinity: bool) -> tuple[Any, Any]:  # fmt: skip
        """-> loss (N), and for each place the logarithm of having come there (T + 1, N, L), at 0 before any frame"""
        self._check_ctc(log_p.shape, targets, input_lengths, target_lengths, blank)
        labels, jumps = self._ctc_ways(targets, target_lengths, blank, log_p.dtype)
        said = self.xp.take_along_axis(log_p, labels[None], 2)  # (T, N, L)
        ahead = self.xp.full((len(log_p) + 1, *labels.shape), -self.xp.inf, log_p.dtype)
        ahead[0, :, 0] = 0
        for t in range(len(log_p)):
            here = ahead[t]
            now = self._log_sum(here, self._moved_on(here, 1), self._moved_on(here, 2) + jumps) + said[t]
            ahead[t + 1] = self.xp.where((t < input_lengths)[:, None], now, here)
        total = self._ctc_total(ahead, target_lengths)
        return (self.xp.where(self.xp.isinf(total), 0, -total) if zero_infinity else -total), ahead

    def ctc_backward(self, grad: Any, log_p: Any, targets: Any, input_lengths: Any, target_lengths: Any, ahead: Any,
                     blank: int, zero_infinity: bool) -> Any:  # fmt: skip
        """grad (N) -> gradient of log_p (T, N, C): minus how likely each label was at each frame"""
        labels, jumps = self._ctc_ways(targets, target_lengths, blank, log_p.dtype)
        said = self.xp.take_along_axis(log_p, labels[None], 2)
        total = self._ctc_total(ahead, target_lengths)
        within = self.xp.arange(len(log_p))[:, None, None] < input_lengths[:, None]
        behind = self.xp.empty(said.shape, log_p.dtype)  # from each place behind a frame on to the end
        now = self._ctc_ends(target_lengths, labels.shape[1], log_p.dtype)
        for t in range(len(log_p) - 1, -1, -1):
            behind[t] = now
            on = now + said[t]
            before = self._log_sum(on, self._moved_on(on, -1), self._moved_on(on + jumps, -2))
            now = self.xp.where(within[t], before, now)
        with numpy.errstate(invalid="ignore"):  # where no way leads to the end it is infinity less infinity
            share = self.xp.exp(ahead[1:] + behind - total[:, None])
        counts = within & ~self.xp.isinf(total)[:, None] if zero_infinity else within
        share = self.xp.where(counts, share, 0) * grad[:, None]
        out = self.xp.zeros(log_p.shape, log_p.dtype)
        samples = self._places(labels.shape[0])[0]
        for place in range(labels.shape[1]):  # one label of each sample at a time, so that none comes twice
            out[:, samples, labels[:, place]] -= share[:, :, place]
        return out

    def _places(self, count: int) -> Any:
        return self.xp.arange(count)[None]

    def _ctc_ways(self, targets: Any, target_lengths: Any, blank: int, dtype: Any) -> tuple[Any, Any]:
        """-> labels between blanks (N, L), and 0 where a way may jump to a place, -infinity elsewhere (N, L)"""
        samples, count = targets.shape
        labels = self.xp.full((samples, 2 * count + 1), blank, "int64")
        labels[:, 1::2] = self.xp.where(self._places(count) < target_lengths[:, None], targets, blank)
        jumps = self.xp.full(labels.shape, -self.xp.inf, dtype)
        jumps[:, 2:] = self.xp.where(labels[:, 2:] != labels[:, :-2], 0, -self.xp.inf)
        return labels, jumps

    def _ctc_ends(self, target_lengths: Any, places: int, dtype: Any) -> Any:
        """0 at the last label and at the blank behind it, -infinity elsewhere (N, L)"""
        left = 2 * target_lengths[:, None] - self._places(places)
        return self.xp.where((left == 0) | (left == 1), 0, -self.xp.inf).astype(dtype)

    def _ctc_total(self, ahead: Any, target_lengths: Any) -> Any:
        """The logarithm of having come to the end (N)"""
        last = 2 * target_lengths[:, None]
        blank = self.xp.take_along_axis(ahead[-1], last, 1)[:, 0]
        label = self.xp.take_along_axis(ahead[-1], self.xp.maximum(last - 1, 0), 1)[:, 0]
        return self.xp.logaddexp(blank, self.xp.where(target_lengths > 0, label, -self.xp.inf))

    def _moved_on(self, x: Any, by: int) -> Any:
        """x (N, L) with each place's value `by` places further on"""
        out = self.xp.full(x.shape, -self.xp.inf, x.dtype)
        if by > 0:
            out[:, by:] = x[:, :-by]
        else:
            out[:, :by] = x[:, -by:]
        return out

    def _log_sum(self, a: Any, b: Any, c: Any) -> Any:
        return self.xp.logaddexp(self.xp.logaddexp(a, b), c)
