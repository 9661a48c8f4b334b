"""The layers of the comparison with PyTorch, walked over once more with ours on a GPU."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the layers are those of the comparison with PyTorch, which is missing")

from tests.parity import comparing_layers
from tests.parity.test_nn_activation import *  # noqa: F403
from tests.parity.test_nn_convolution import *  # noqa: F403
from tests.parity.test_nn_grid import *  # noqa: F403
from tests.parity.test_nn_norms import *  # noqa: F403
from tests.parity.test_nn_padding import *  # noqa: F403
from tests.parity.test_nn_pooling import *  # noqa: F403

del test_instance_norm_as_a_function_moves_the_running_statistics  # noqa: F821  (its statistics lie on the processor)


@pytest.fixture(autouse=True)
def on_a_gpu(monkeypatch):
    monkeypatch.setattr(comparing_layers, "place", "cuda:0")
