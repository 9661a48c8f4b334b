"""The twelve workloads, each network written once for PyTorch and for the engine.

A function that builds something takes `lib`, which is the module `torch` or the module `engine`: their names are the
same. Nothing here imports either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from tests.benchmarks.flops import FLOPS, GENERATOR, SEPARABLE

Batch = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Workload:
    """A network with its data, loss and optimizer.

    Args:
        name: as the issue and the report say it.
        build: makes the network.
        loss: (lib, model, *batch) -> what is minimised.
        optimizer: (lib, parameters) -> the optimizer.
        batch: draws one batch from a generator.
        needs: the layers that `lib.nn` must have.
    """

    name: str
    build: Callable[[Any], Any]
    loss: Callable[..., Any]
    optimizer: Callable[[Any, Any], Any]
    batch: Callable[[np.random.Generator], Batch]
    needs: tuple[str, ...]

    @property
    def flops(self) -> int:
        """Floating-point operations in the products of one training step; a multiply-add counts as two."""
        return FLOPS[self.name]

    def missing(self, lib: Any) -> list[str]:
        """The layers that `lib` does not have yet."""
        return [layer for layer in self.needs if not hasattr(lib.nn, layer)]


# What networks share


def sgd(learning_rate: float, momentum: float = 0.0) -> Callable[[Any, Any], Any]:
    return lambda lib, parameters: lib.optim.SGD(parameters, lr=learning_rate, momentum=momentum)


def adam(learning_rate: float = 1e-3) -> Callable[[Any, Any], Any]:
    return lambda lib, parameters: lib.optim.Adam(parameters, lr=learning_rate)


def cross_entropy(lib: Any, model: Any, x: Any, target: Any) -> Any:
    return lib.nn.functional.cross_entropy(model(x), target)


def mse(lib: Any, model: Any, x: Any, target: Any) -> Any:
    return lib.nn.functional.mse_loss(model(x), target)


def bce(lib: Any, model: Any, x: Any, target: Any) -> Any:
    return lib.nn.functional.binary_cross_entropy_with_logits(model(x), target)


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape, np.float32)


def classified(count: int, *shape: int, classes: int = 10) -> Callable[[np.random.Generator], Batch]:
    """A batch of random samples with random classes."""
    return lambda rng: (normal(rng, count, *shape), rng.integers(0, classes, count))


def conv_bn_relu(nn: Any, i: int, o: int, size: int = 3, stride: int = 1, groups: int = 1) -> list[Any]:
    """A convolution that keeps the image's size at stride 1, batch norm, ReLU."""
    conv2d = nn.Conv2d(i, o, size, stride=stride, padding=size // 2, groups=groups, bias=False)
    return [conv2d, nn.BatchNorm2d(o), nn.ReLU()]


def head(nn: Any, channels: int, classes: int = 10) -> list[Any]:
    """Global average, then classes."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]


# The networks


def linreg(lib: Any) -> Any:
    return lib.nn.Linear(1, 1)


def line(rng: np.random.Generator) -> Batch:
    x = normal(rng, 100, 1)
    return x, 2 * x + 1 + 0.1 * normal(rng, 100, 1)


def mlp(*features: int) -> Callable[[Any], Any]:
    """Linear layers with ReLU between them."""

    def build(lib: Any) -> Any:
        nn = lib.nn
        layers = [layer for i, o in pairwise(features) for layer in (nn.Linear(i, o), nn.ReLU())]
        return nn.Sequential(*layers[:-1])

    return build


def lenet(lib: Any) -> Any:
    nn = lib.nn
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


def vgg(lib: Any) -> Any:
    nn = lib.nn
    return nn.Sequential(
        *conv_bn_relu(nn, 3, 32), *conv_bn_relu(nn, 32, 32), nn.MaxPool2d(2),
        *conv_bn_relu(nn, 32, 64), *conv_bn_relu(nn, 64, 64), nn.MaxPool2d(2),
        *conv_bn_relu(nn, 64, 128), *head(nn, 128),
    )  # fmt: skip


def resnet(lib: Any) -> Any:
    """A first convolution and three residual blocks, as in MLPerf Tiny's ResNet-8."""
    nn, F = lib.nn, lib.nn.functional

    class Block(nn.Module):
        def __init__(self, i: int, o: int, stride: int):
            super().__init__()
            self.body = nn.Sequential(
                *conv_bn_relu(nn, i, o, stride=stride), nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o)
            )
            keeps = i == o and stride == 1
            self.shortcut = nn.Identity() if keeps else nn.Sequential(*conv_bn_relu(nn, i, o, 1, stride)[:-1])

        def forward(self, x: Any) -> Any:
            return F.relu(self.body(x) + self.shortcut(x))

    blocks = Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2)
    return nn.Sequential(*conv_bn_relu(nn, 3, 16), *blocks, *head(nn, 64))


def depthwise(lib: Any) -> Any:
    nn = lib.nn
    layers = conv_bn_relu(nn, 3, 32)
    for i, o, stride in SEPARABLE:
        layers += conv_bn_relu(nn, i, i, stride=stride, groups=i) + conv_bn_relu(nn, i, o, 1)
    return nn.Sequential(*layers, *head(nn, 256))


def unet(lib: Any) -> Any:
    nn = lib.nn

    def double(i: int, o: int) -> Any:
        return nn.Sequential(*conv_bn_relu(nn, i, o), *conv_bn_relu(nn, o, o))

    class UNet(nn.Module):
        """Ronneberger et al., 2015, with batch norm and with borders kept."""

        def __init__(self):
            super().__init__()
            self.down1, self.down2, self.bottom = double(3, 16), double(16, 32), double(32, 64)
            self.pool = nn.MaxPool2d(2)
            self.rise2, self.up2 = nn.ConvTranspose2d(64, 32, 2, stride=2), double(64, 32)
            self.rise1, self.up1 = nn.ConvTranspose2d(32, 16, 2, stride=2), double(32, 16)
            self.out = nn.Conv2d(16, 1, 1)

        def forward(self, x: Any) -> Any:
            fine = self.down1(x)
            middle = self.down2(self.pool(fine))
            coarse = self.bottom(self.pool(middle))
            middle = self.up2(lib.cat([middle, self.rise2(coarse)], dim=1))
            return self.out(self.up1(lib.cat([fine, self.rise1(middle)], dim=1)))

    return UNet()


def masked(rng: np.random.Generator) -> Batch:
    return normal(rng, 8, 3, 64, 64), (rng.random((8, 1, 64, 64)) < 0.5).astype(np.float32)


def lstm(lib: Any) -> Any:
    nn = lib.nn

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(10_000, 64)
            self.lstm = nn.LSTM(64, 128, batch_first=True)
            self.linear = nn.Linear(128, 2)

        def forward(self, x: Any) -> Any:
            states, _ = self.lstm(self.embedding(x))  # (N, T, 128)
            return self.linear(states[:, -1])

    return Reader()


def read(rng: np.random.Generator) -> Batch:
    return rng.integers(0, 10_000, (32, 50)), rng.integers(0, 2, 32)


def transformer(lib: Any) -> Any:
    nn = lib.nn

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.position = nn.Embedding(5000, 128), nn.Embedding(32, 128)
            self.layer1, self.layer2 = (
                nn.TransformerEncoderLayer(128, 4, 256, batch_first=True, norm_first=True) for _ in range(2)
            )
            self.norm = nn.LayerNorm(128)
            self.out = nn.Linear(128, 5000)

        def forward(self, x: Any) -> Any:
            x = self.token(x) + self.position.weight  # (N, T, 128)
            return self.out(self.norm(self.layer2(self.layer1(x)))).reshape(-1, 5000)

    return Encoder()


def written(rng: np.random.Generator) -> Batch:
    return rng.integers(0, 5000, (32, 32)), rng.integers(0, 5000, 32 * 32)


def mf(lib: Any) -> Any:
    nn = lib.nn

    class Factors(nn.Module):
        def __init__(self):
            super().__init__()
            self.user, self.item = nn.Embedding(1000, 32), nn.Embedding(1700, 32)

        def forward(self, user: Any, item: Any) -> Any:
            return (self.user(user) * self.item(item)).sum(1)

    return Factors()


def rated(rng: np.random.Generator) -> Batch:
    stars = rng.integers(1, 6, 256).astype(np.float32)
    return rng.integers(0, 1000, 256), rng.integers(0, 1700, 256), stars


def rating_loss(lib: Any, model: Any, user: Any, item: Any, stars: Any) -> Any:
    return lib.nn.functional.mse_loss(model(user, item), stars)


def dcgen(lib: Any) -> Any:
    """DCGAN's generator (Radford et al., 2016) on 64 random numbers an image."""
    nn = lib.nn
    layers = []
    for i, o, stride, padding in GENERATOR:
        layers += [nn.ConvTranspose2d(i, o, 4, stride=stride, padding=padding, bias=o == 1)]
        layers += [nn.Tanh()] if o == 1 else [nn.BatchNorm2d(o), nn.ReLU()]
    return nn.Sequential(*layers)


def drawn(rng: np.random.Generator) -> Batch:
    return normal(rng, 64, 64, 1, 1), np.tanh(normal(rng, 64, 1, 32, 32))


IMAGES = ("Conv2d", "BatchNorm2d", "AdaptiveAvgPool2d")

WORKLOADS = {
    w.name: w
    for w in (
        Workload("linreg", linreg, mse, sgd(0.01), line, ("Linear",)),
        Workload("mlp", mlp(784, 256, 128, 10), cross_entropy, adam(), classified(64, 784), ("Linear",)),
        Workload("mlp_big", mlp(784, 1024, 1024, 10), cross_entropy, adam(), classified(128, 784), ("Linear",)),
        Workload("lenet", lenet, cross_entropy, adam(), classified(64, 1, 28, 28), ("Conv2d", "MaxPool2d")),
        Workload("vgg", vgg, cross_entropy, sgd(0.01, 0.9), classified(32, 3, 32, 32), (*IMAGES, "MaxPool2d")),
        Workload("resnet", resnet, cross_entropy, sgd(0.01, 0.9), classified(32, 3, 32, 32), IMAGES),
        Workload("depthwise", depthwise, cross_entropy, adam(), classified(32, 3, 32, 32), IMAGES),
        Workload("unet", unet, bce, adam(), masked, ("Conv2d", "BatchNorm2d", "MaxPool2d", "ConvTranspose2d")),
        Workload("lstm", lstm, cross_entropy, adam(), read, ("Embedding", "LSTM")),
        Workload("transformer", transformer, cross_entropy, adam(), written, ("Embedding", "TransformerEncoderLayer")),
        Workload("mf", mf, rating_loss, adam(), rated, ("Embedding",)),
        Workload("dcgen", dcgen, mse, adam(), drawn, ("ConvTranspose2d", "BatchNorm2d")),
    )
}
