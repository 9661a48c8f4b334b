"""The workloads of the benchmarks are the same training in the engine, in PyTorch and in JAX."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from tests.benchmarks import contenders  # noqa: E402
from tests.benchmarks.__main__ import choose  # noqa: E402
from tests.benchmarks.check import drift  # noqa: E402
from tests.benchmarks.workloads import WORKLOADS  # noqa: E402

HERE = choose(list(WORKLOADS))[0]
COUNTED = [w for w in HERE if w.name not in ("depthwise", "lstm", "mf")]  # PyTorch's counter knows no groups, no LSTM


@pytest.mark.parametrize("peer", [contenders.TORCH, contenders.JAX])
@pytest.mark.parametrize("workload", HERE, ids=lambda w: w.name)
def test_the_same_weights_give_the_same_losses(workload, peer):
    if not contenders.installed(peer):
        pytest.skip(f"{peer} is not installed")
    state, batches = contenders.initial_state(workload), contenders.batches(workload, 2)
    reference = contenders.losses(contenders.OURS_EAGER, workload, state, batches, 4)
    apart = drift(contenders.losses(peer, workload, state, batches, 4), reference)
    assert apart[0] < 2e-5
    assert apart.max() < 1e-3  # Adam's first steps are the gradients' signs, whatever their size


@pytest.mark.parametrize("workload", COUNTED, ids=lambda w: w.name)
def test_the_operations_of_a_step_are_those_that_pytorch_counts(workload):
    from torch.utils.flop_counter import FlopCounterMode

    training = contenders.start(contenders.TORCH, workload, state=None)
    placed = training.place(contenders.batches(workload, 1)[0])
    with FlopCounterMode(display=False) as counter:
        training.step(*placed)
    assert workload.flops == counter.get_total_flops()
