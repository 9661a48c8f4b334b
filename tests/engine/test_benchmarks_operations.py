"""Layers by themselves: what their shares of the peak are made of."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

from engine.kernels.cpu import pool
from tests.benchmarks import operations, traffic


@pytest.mark.parametrize("threads", [1, 2])
def test_the_memory_bound_of_an_operation_touches_all_that_it_reads_and_writes(threads):
    pool.set_num_threads(threads)
    read, written = [np.full(1024, 2.0, np.float32), np.full(2048, 3.0, np.float32)], [np.ones(4096, np.float32)]
    program = traffic.program(read, written)
    (entry,) = program.entries
    sums = entry.arrays[-1]
    sums[...] = 0.0
    pool.run(program)
    assert sums.sum() == 1024 * 2.0 + 2048 * 3.0
    assert not written[0].any()


@pytest.mark.parametrize("layer", [operations.Conv(2, 6, 6, 8, 16), (8, 16, 24)])
def test_each_pass_of_a_layer_is_a_share_of_the_peak(layer, monkeypatch):
    monkeypatch.setattr(operations, "SECONDS", 0.0005)
    monkeypatch.setattr(operations, "ROUNDS", 1)
    line = operations.line(layer, 1, with_torch=False)
    passes = 4 if isinstance(layer, operations.Conv) else 3
    assert line.count("%") - line.count("of") == passes
