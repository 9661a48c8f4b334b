"""The same twelve training steps in JAX: one jitted function each, its buffers donated.

Parameters keep PyTorch's names, so that the same weights go in; images and kernels lie channels-last, as XLA's CPU
convolutions want them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Arrays = dict[str, Any]
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class Weights:
    """The network's arrays while a step is traced: a layer reads its own by name, batch norm leaves its statistics."""

    def __init__(self, arrays: Arrays, key: Any):
        self.arrays = arrays
        self.statistics: Arrays = {}
        self.key = key  # None: no dropout

    def linear(self, x: Any, name: str) -> Any:
        return x @ self.arrays[f"{name}.weight"] + self.arrays[f"{name}.bias"]

    def conv(self, x: Any, name: str, stride: int = 1, groups: int = 1) -> Any:
        w = self.arrays[f"{name}.weight"]  # (KH, KW, I / groups, O)
        pad = w.shape[0] // 2
        y = lax.conv_general_dilated(x, w, (stride, stride), [(pad, pad)] * 2, feature_group_count=groups,
                                     dimension_numbers=("NHWC", "HWIO", "NHWC"))  # fmt: skip
        return y + self.arrays[f"{name}.bias"] if f"{name}.bias" in self.arrays else y

    def conv_transpose(self, x: Any, name: str, stride: int, padding: int = 0) -> Any:
        w = self.arrays[f"{name}.weight"]  # (KH, KW, O, I)
        pad = w.shape[0] - 1 - padding
        y = lax.conv_transpose(x, w, (stride, stride), [(pad, pad)] * 2, transpose_kernel=True,
                               dimension_numbers=("NHWC", "HWIO", "NHWC"))  # fmt: skip
        return y + self.arrays[f"{name}.bias"] if f"{name}.bias" in self.arrays else y

    def batch_norm(self, x: Any, name: str) -> Any:
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        count = x.size // x.shape[-1]
        news = mean, var * count / (count - 1)
        for statistic, new in zip(STATISTICS, news):
            self.statistics[f"{name}.{statistic}"] = 0.9 * self.arrays[f"{name}.{statistic}"] + 0.1 * new
        return (x - mean) * lax.rsqrt(var + 1e-5) * self.arrays[f"{name}.weight"] + self.arrays[f"{name}.bias"]

    def layer_norm(self, x: Any, name: str) -> Any:
        x = x - x.mean(-1, keepdims=True)
        scale = lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5)
        return x * scale * self.arrays[f"{name}.weight"] + self.arrays[f"{name}.bias"]

    def conv_bn_relu(self, x: Any, conv: str, norm: str, stride: int = 1, groups: int = 1) -> Any:
        return jax.nn.relu(self.batch_norm(self.conv(x, conv, stride, groups), norm))

    def dropout(self, x: Any, share: float = 0.1) -> Any:
        if self.key is None:
            return x
        self.key, key = jax.random.split(self.key)
        return jnp.where(jax.random.bernoulli(key, 1 - share, x.shape), x / (1 - share), 0)


def max_pool(x: Any) -> Any:
    """The greatest of 2 x 2.   x (N, H, W, C) -> (N, H / 2, W / 2, C)"""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


# The networks; the numbers in the names are places in the Sequential


def mlp(p: Weights, x: Any) -> Any:
    return p.linear(jax.nn.relu(p.linear(jax.nn.relu(p.linear(x, "0")), "2")), "4")


def lenet(p: Weights, x: Any) -> Any:
    x = max_pool(jax.nn.relu(p.conv(x, "0")))
    x = max_pool(jax.nn.relu(p.conv(x, "3")))
    return p.linear(jax.nn.relu(p.linear(x.reshape(x.shape[0], -1), "7")), "9")


def vgg(p: Weights, x: Any) -> Any:
    x = p.conv_bn_relu(p.conv_bn_relu(x, "0", "1"), "3", "4")
    x = p.conv_bn_relu(p.conv_bn_relu(max_pool(x), "7", "8"), "10", "11")
    return p.linear(p.conv_bn_relu(max_pool(x), "14", "15").mean((1, 2)), "19")


def resnet(p: Weights, x: Any) -> Any:
    x = p.conv_bn_relu(x, "0", "1")
    for block, stride in (("3", 1), ("4", 2), ("5", 2)):
        y = p.conv_bn_relu(x, f"{block}.body.0", f"{block}.body.1", stride)
        y = p.batch_norm(p.conv(y, f"{block}.body.3"), f"{block}.body.4")
        if stride > 1:
            x = p.batch_norm(p.conv(x, f"{block}.shortcut.0", stride), f"{block}.shortcut.1")
        x = jax.nn.relu(y + x)
    return p.linear(x.mean((1, 2)), "8")


def depthwise(p: Weights, x: Any) -> Any:
    x = p.conv_bn_relu(x, "0", "1")
    for place, stride in ((3, 1), (9, 2), (15, 1), (21, 2)):
        x = p.conv_bn_relu(x, f"{place}", f"{place + 1}", stride, groups=x.shape[-1])
        x = p.conv_bn_relu(x, f"{place + 3}", f"{place + 4}")
    return p.linear(x.mean((1, 2)), "29")


def unet(p: Weights, x: Any) -> Any:
    def double(x: Any, name: str) -> Any:
        return p.conv_bn_relu(p.conv_bn_relu(x, f"{name}.0", f"{name}.1"), f"{name}.3", f"{name}.4")

    fine = double(x, "down1")
    middle = double(max_pool(fine), "down2")
    coarse = double(max_pool(middle), "bottom")
    middle = double(jnp.concatenate([middle, p.conv_transpose(coarse, "rise2", 2)], -1), "up2")
    return p.conv(double(jnp.concatenate([fine, p.conv_transpose(middle, "rise1", 2)], -1), "up1"), "out")


def lstm(p: Weights, x: Any) -> Any:
    x = p.arrays["embedding.weight"][x]  # (N, T, I)
    biases = p.arrays["lstm.bias_ih_l0"] + p.arrays["lstm.bias_hh_l0"]
    gates = x.swapaxes(0, 1) @ p.arrays["lstm.weight_ih_l0"].T + biases  # (T, N, 4H), all steps at once

    def step(state: Any, gates: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(gates + h @ p.arrays["lstm.weight_hh_l0"].T, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zeros = jnp.zeros((x.shape[0], 128))
    (h, _), _ = lax.scan(step, (zeros, zeros), gates)
    return p.linear(h, "linear")


def transformer(p: Weights, x: Any) -> Any:
    x = p.arrays["token.weight"][x] + p.arrays["position.weight"]  # (N, T, D)
    for layer in ("layer1", "layer2"):
        x = x + p.dropout(attention(p, p.layer_norm(x, f"{layer}.norm1"), f"{layer}.self_attn"))
        y = p.dropout(jax.nn.relu(p.linear(p.layer_norm(x, f"{layer}.norm2"), f"{layer}.linear1")))
        x = x + p.dropout(p.linear(y, f"{layer}.linear2"))
    return p.linear(p.layer_norm(x, "norm"), "out").reshape(-1, 5000)


def attention(p: Weights, x: Any, name: str, heads: int = 4) -> Any:
    n, t, d = x.shape
    qkv = x @ p.arrays[f"{name}.in_proj_weight"].T + p.arrays[f"{name}.in_proj_bias"]
    q, k, v = jnp.moveaxis(qkv.reshape(n, t, 3, heads, d // heads), 2, 0)  # each (N, T, heads, D / heads)
    scores = jnp.einsum("nqhd,nkhd->nhqk", q, k) / np.float32(np.sqrt(d // heads))
    shares = p.dropout(jax.nn.softmax(scores))
    return p.linear(jnp.einsum("nhqk,nkhd->nqhd", shares, v).reshape(n, t, d), f"{name}.out_proj")


def mf(p: Weights, user: Any, item: Any) -> Any:
    return (p.arrays["user.weight"][user] * p.arrays["item.weight"][item]).sum(1)


def dcgen(p: Weights, x: Any) -> Any:
    x = jax.nn.relu(p.batch_norm(p.conv_transpose(x, "0", 1), "1"))
    x = jax.nn.relu(p.batch_norm(p.conv_transpose(x, "3", 2, 1), "4"))
    x = jax.nn.relu(p.batch_norm(p.conv_transpose(x, "6", 2, 1), "7"))
    return jnp.tanh(p.conv_transpose(x, "9", 2, 1))


# Losses and optimizers by PyTorch's formulas


def cross_entropy(logits: Any, target: Any) -> Any:
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), target[:, None], 1).mean()


def mse(output: Any, target: Any) -> Any:
    return ((output - target) ** 2).mean()


def bce(logits: Any, target: Any) -> Any:
    return (jnp.maximum(logits, 0) - logits * target + jnp.log1p(jnp.exp(-jnp.abs(logits)))).mean()


def sgd(arrays: Arrays, gradients: Arrays, state: Arrays, learning_rate: float, momentum: float) -> Any:
    if not momentum:
        return jax.tree.map(lambda a, g: a - learning_rate * g, arrays, gradients), state
    velocity = jax.tree.map(lambda v, g: momentum * v + g, state["velocity"], gradients)
    return jax.tree.map(lambda a, v: a - learning_rate * v, arrays, velocity), {"velocity": velocity}


def adam(arrays: Arrays, gradients: Arrays, state: Arrays, learning_rate: float = 1e-3) -> Any:
    count = state["count"] + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state["m"], gradients)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, state["v"], gradients)
    rate, root = learning_rate / (1 - 0.9**count), jnp.sqrt(1 - 0.999**count)
    arrays = jax.tree.map(lambda a, m, v: a - rate * m / (jnp.sqrt(v) / root + 1e-8), arrays, m, v)
    return arrays, {"count": count, "m": m, "v": v}


def linreg(p: Weights, x: Any) -> Any:
    return x @ p.arrays["weight"] + p.arrays["bias"]


STEPS: dict[str, tuple[Callable, Callable, Callable]] = {
    "linreg": (linreg, mse, partial(sgd, learning_rate=0.01, momentum=0)),
    "mlp": (mlp, cross_entropy, adam),
    "mlp_big": (mlp, cross_entropy, adam),
    "lenet": (lenet, cross_entropy, adam),
    "vgg": (vgg, cross_entropy, partial(sgd, learning_rate=0.01, momentum=0.9)),
    "resnet": (resnet, cross_entropy, partial(sgd, learning_rate=0.01, momentum=0.9)),
    "depthwise": (depthwise, cross_entropy, adam),
    "unet": (unet, bce, adam),
    "lstm": (lstm, cross_entropy, adam),
    "transformer": (transformer, cross_entropy, adam),
    "mf": (mf, mse, adam),
    "dcgen": (dcgen, mse, adam),
}


def arranged(name: str, key: str, array: np.ndarray) -> Any:
    """A weight of PyTorch's in the order of axes that is used here."""
    if array.ndim == 4:
        return jnp.asarray(array.transpose(2, 3, 1, 0))  # (O, I, KH, KW) -> (KH, KW, I, O)
    if name == "lenet" and key == "7.weight":  # its inputs are an image, flattened channels-last
        return jnp.asarray(array.reshape(128, 32, 7, 7).transpose(2, 3, 1, 0).reshape(-1, 128))
    table = key.split(".")[0] in ("embedding", "token", "position", "user", "item")
    if array.ndim == 2 and key.endswith("weight") and not table and "in_proj" not in key:
        return jnp.asarray(array.T.copy())
    return jnp.asarray(array)


class Training:
    """A JAX training of one workload, from given weights; `step(*batch)` returns the loss.

    Args:
        name: the workload.
        state: weights and statistics by PyTorch's names.
        dropout: whether the transformer drops values, as it does in training.
    """

    def __init__(self, name: str, state: dict[str, np.ndarray], dropout: bool = True):
        self.name = name
        forward, loss, update = STEPS[name]
        ours = {key: arranged(name, key, array) for key, array in state.items()}
        arrays = {key: array for key, array in ours.items() if not key.endswith(STATISTICS)}
        statistics = {key: array for key, array in ours.items() if key.endswith(STATISTICS[:2])}
        zeros = partial(jax.tree.map, jnp.zeros_like)
        memory = {"count": jnp.zeros((), jnp.int32), "m": zeros(arrays), "v": zeros(arrays)}
        if update is not adam:
            memory = {"velocity": zeros(arrays)} if update.keywords["momentum"] else {}
        key = jax.random.key(0) if dropout and name == "transformer" else None
        self.carried = arrays, statistics, memory, key

        def train(carried: Any, *batch: Any) -> Any:
            arrays, statistics, memory, key = carried
            key, used = (None, None) if key is None else jax.random.split(key)

            def objective(arrays: Arrays) -> Any:
                weights = Weights({**arrays, **statistics}, used)
                return loss(forward(weights, *batch[:-1]), batch[-1]), weights.statistics

            (value, statistics), gradients = jax.value_and_grad(objective, has_aux=True)(arrays)
            arrays, memory = update(arrays, gradients, memory)
            return (arrays, statistics, memory, key), value

        self.train = jax.jit(train, donate_argnums=0)

    def place(self, batch: tuple[np.ndarray, ...]) -> tuple[Any, ...]:
        """A batch as the step takes it: images channels-last, whole numbers in 32 bits."""
        last = [array.transpose(0, 2, 3, 1) if array.ndim == 4 else array for array in batch]
        return tuple(jnp.asarray(np.ascontiguousarray(array)) for array in last)

    def step(self, *batch: Any) -> Any:
        self.carried, loss = self.train(self.carried, *batch)
        return loss

    def wait(self) -> None:
        """Return when everything asked for has been computed."""
        jax.block_until_ready(self.carried)
