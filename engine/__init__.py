"""A PyTorch-shaped engine for neural networks on NumPy and CuPy: `import engine as torch`.

`nn`, `optim`, `data`, `save` and `load` are imported when they are first used, so that `import engine` stays light.
"""

# ruff: noqa: E402  (Ctrl-C comes first)
from __future__ import annotations

from engine import interrupt as _interrupt

_interrupt.leaves()  # what follows takes its time

import importlib
import warnings
from typing import Any

from numpy import dtype

from engine import functions as _functions
from engine.device import Device as device
from engine.device import default_device as get_default_device
from engine.device import diagnose, set_default_device
from engine.functions import cat, equal, is_tensor, stack, where
from engine.random import Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from engine.tensor import Size, Tensor, enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from engine.tensor.creation import (
    arange,
    as_tensor,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from engine.tensor.promotion import (
    bool,
    double,
    float,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    int,
    int8,
    int16,
    int32,
    int64,
    long,
    promote_types,
    set_default_dtype,
    short,
    uint8,
)
from engine.tensor.random import bernoulli, rand, rand_like, randint, randn, randn_like, randperm

# As in PyTorch, infinity and not-a-number are values that go on through a computation, not warnings. Ops are called
# where NumPy finds none, whatever filters are set (`mode.quietly` of the tape); what only makes tensors, changes them
# in place or steps an optimizer is spared that call, and what NumPy finds there is left unsaid here.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"engine\.(device|kernels|ops|tensor|optim)\b")

concat = concatenate = cat
inf, nan, pi = 1e999, 1e999 - 1e999, 3.141592653589793

_MODULES = {"nn": "engine.nn", "optim": "engine.optim", "data": "engine.data", "cuda": "engine.cuda",
            "accelerator": "engine.accelerator", "backends": "engine.backends", "distributions": "engine.distributions",
            "autograd": "engine.autograd", "func": "engine.func", "amp": "engine.amp", "utils": "engine.utils",
            "linalg": "engine.tensor.functions.linalg", "special": "engine.tensor.functions.special"}  # fmt: skip
_OF_LAYERS = """
    adaptive_avg_pool1d adaptive_max_pool1d alpha_dropout avg_pool1d bilinear celu celu_ channel_shuffle conv1d conv2d
    conv3d conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity dropout feature_alpha_dropout group_norm
    hardshrink layer_norm max_pool1d max_pool2d max_pool3d pairwise_distance pixel_shuffle pixel_unshuffle prelu
    rms_norm rrelu rrelu_ selu selu_ threshold threshold_"""
_NAMES = {
    **dict.fromkeys(("is_anomaly_check_nan_enabled", "is_anomaly_enabled", "set_anomaly_enabled"),
                    "engine.tensor.anomaly"),
    "save": "engine.formats.weights", "load": "engine.formats.weights", "capture": "engine.plan",
    "autocast": "engine.amp", "get_float32_matmul_precision": "engine.kernels.threads",
    "set_float32_matmul_precision": "engine.kernels.threads",
    **dict.fromkeys(_OF_LAYERS.split(), "engine.nn.functional"),
    **dict.fromkeys(("get_num_threads", "set_num_threads", "use_deterministic_algorithms",
                     "are_deterministic_algorithms_enabled"), "engine.kernels.threads"),
}  # fmt: skip
_FUNCTIONS = _functions.names()


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name in _FUNCTIONS:
        value = _functions.by_name(name)
    elif name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
    else:
        raise AttributeError(f"module 'engine' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_NAMES, *_FUNCTIONS})


__all__ = [
    "Generator",
    "Size",
    "Tensor",
    "arange",
    "as_tensor",
    "bernoulli",
    "bool",
    "cat",
    "concat",
    "default_generator",
    "device",
    "diagnose",
    "double",
    "dtype",
    "empty",
    "empty_like",
    "enable_grad",
    "equal",
    "eye",
    "float",
    "float16",
    "float32",
    "float64",
    "from_numpy",
    "full",
    "full_like",
    "get_default_device",
    "get_default_dtype",
    "get_rng_state",
    "half",
    "inf",
    "inference_mode",
    "initial_seed",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_grad_enabled",
    "is_tensor",
    "linspace",
    "long",
    "manual_seed",
    "nan",
    "no_grad",
    "ones",
    "ones_like",
    "pi",
    "promote_types",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "seed",
    "set_default_device",
    "set_default_dtype",
    "set_grad_enabled",
    "set_rng_state",
    "short",
    "stack",
    "tensor",
    "uint8",
    "where",
    "zeros",
    "zeros_like",
]
