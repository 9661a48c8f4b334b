"""Networks put together at random: each replay is held against the step as it is written."""

import random
import warnings

import numpy as np
import pytest

import engine
import engine.nn as nn

pytest.importorskip("llvmlite")
F = nn.functional


class Residual(nn.Module):
    def forward(self, x):
        return F.relu(x) * 0.5 + x


class Squeeze(nn.Module):
    def forward(self, x):
        return x * x.mean((2, 3), keepdim=True) + x.sum(1, keepdim=True) * 0.1


class Twice(nn.Module):
    def forward(self, x):
        return engine.cat([x, F.relu(x)], dim=1)


class Last(nn.Module):
    """What a recurrent layer puts out, without its last state."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


class Mixed(nn.Module):
    def forward(self, x):
        return F.scaled_dot_product_attention(x, x * 0.5, x.tanh())


def convolution(chance, c, h, w):
    out, kernel, stride = chance.choice([1, 3, 5, 8, 16, 17, 32]), chance.choice([1, 2, 3]), chance.choice([1, 1, 2])
    padding, dilation = chance.choice([0, 1, kernel // 2]), chance.choice([1, 1, 2])
    h, w = ((n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1 for n in (h, w))
    layer = nn.Conv2d(c, out, kernel, stride=stride, padding=padding, dilation=dilation, bias=chance.random() < 0.5)
    return layer, out, h, w


def pool(chance, c, h, w):
    kernel, stride = chance.choice([(2, 2), (3, 2), (2, 1), (3, 1)])
    kind = nn.MaxPool2d if chance.random() < 0.6 else nn.AvgPool2d
    return kind(kernel, stride), c, (h - kernel) // stride + 1, (w - kernel) // stride + 1


def enlarged(chance, c, h, w):
    out = chance.choice([2, 4, 8])
    return nn.ConvTranspose2d(c, out, 2, stride=2, bias=chance.random() < 0.5), out, 2 * h, 2 * w


IMAGE_LAYERS = {
    "conv": convolution,
    "pool": pool,
    "up": enlarged,
    "depthwise": lambda chance, c, h, w: (nn.Conv2d(c, c, 3, padding=1, groups=c), c, h, w),
    "batch norm": lambda chance, c, h, w: (nn.BatchNorm2d(c, affine=chance.random() < 0.8), c, h, w),
    "group norm": lambda chance, c, h, w: (nn.GroupNorm(1, c), c, h, w),
    "twice": lambda chance, c, h, w: (Twice(), 2 * c, h, w),
    **{
        name: lambda chance, c, h, w, kind=kind: (kind(), c, h, w)
        for name, kind in {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh, "leaky": nn.LeakyReLU,
                           "sigmoid": nn.Sigmoid, "residual": Residual, "squeeze": Squeeze}.items()
    },
}  # fmt: skip
SEQUENCE_LAYERS = {
    "linear": lambda chance, c: (lambda out: (nn.Linear(c, out), out))(chance.choice([1, 3, 8, 20])),
    "lstm": lambda chance, c: (Last(nn.LSTM(c, 5, batch_first=True, bidirectional=chance.random() < 0.3)), None),
    "gru": lambda chance, c: (Last(nn.GRU(c, 4, batch_first=True, num_layers=chance.choice([1, 2]))), None),
    "rnn": lambda chance, c: (Last(nn.RNN(c, 6, batch_first=True)), None),
    "layer norm": lambda chance, c: (nn.LayerNorm(c), c),
    "attention": lambda chance, c: (Mixed(), c),
    "softmax": lambda chance, c: (nn.Softmax(dim=-1), c),
    "encoder": lambda chance, c: (nn.TransformerEncoderLayer(c, 1, 7, 0.0, batch_first=True), c),
    "tanh": lambda chance, c: (nn.Tanh(), c),
    "gelu": lambda chance, c: (nn.GELU(), c),
}


def image_network(chance):
    """-> layers, the shape of an input, the number of features in the end"""
    n, shape = (
        chance.choice([2, 3, 5, 8]),
        (chance.choice([1, 3, 4, 16]), chance.choice([1, 4, 7, 12]), chance.choice([2, 8])),
    )
    layers, at = [], shape
    for _ in range(chance.randint(1, 6)):
        layer, *after = IMAGE_LAYERS[chance.choice(list(IMAGE_LAYERS))](chance, *at)
        if min(after) >= 1 and after[1] * after[2] <= 600:
            layers.append(layer)
            at = after
    return nn.Sequential(*layers, nn.Flatten()), (n, *shape), at[0] * at[1] * at[2]


def sequence_network(chance):
    n, steps, width = chance.choice([1, 2, 5]), chance.choice([1, 3, 6]), chance.choice([2, 5, 8])
    layers, at = [], width
    for _ in range(chance.randint(1, 4)):
        layer, after = SEQUENCE_LAYERS[chance.choice(list(SEQUENCE_LAYERS))](chance, at)
        layers.append(layer)
        with engine.no_grad():
            at = after or layer(engine.zeros(1, 2, at)).shape[-1]
    return nn.Sequential(*layers, nn.Flatten()), (n, steps, width), at * steps


LOSSES = {
    "cross entropy": lambda output, classes, values: F.cross_entropy(output, classes),
    "squares": lambda output, classes, values: F.mse_loss(output, values),
    "bits": lambda output, classes, values: F.binary_cross_entropy_with_logits(output, values),
}


@pytest.mark.parametrize("kind", [image_network, sequence_network])
@pytest.mark.parametrize("seed", range(10))
def test_a_network_put_together_at_random_is_replayed_as_it_is_written(kind, seed):
    chance = random.Random(f"{kind.__name__} {seed}")
    engine.manual_seed(seed)
    body, shape, features = kind(chance)
    model = nn.Sequential(body, nn.Linear(features, 3))
    optimizer = engine.optim.SGD(model.parameters(), lr=0.01, momentum=chance.choice([0.0, 0.9]))
    loss_of = LOSSES[chance.choice(list(LOSSES))]

    def step(x, classes, values):
        optimizer.zero_grad()
        output = model(x)
        loss = loss_of(output, classes, values)
        loss.backward()
        optimizer.step()
        return loss, output

    checked = engine.capture(step, check=True)
    rng = np.random.default_rng(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            x = engine.from_numpy(rng.standard_normal(shape, np.float32))
            classes = engine.from_numpy(rng.integers(0, 3, shape[0]))
            values = engine.from_numpy(rng.random((shape[0], 3), np.float32))
            loss, _ = checked(x, classes, values)
            assert np.isfinite(loss.item())
