"""How many floating-point operations the products of one training step take; a multiply-add counts as two.

Only products are counted, as their speed is what a peak speaks of: convolutions, linear layers, the gates of an LSTM,
attention. Each is counted once by the network's sizes, whoever runs it and in whichever way.
"""

from __future__ import annotations

from itertools import pairwise

SEPARABLE = ((32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2))  # depthwise: inputs, outputs, stride of a block
GENERATOR = ((64, 64, 1, 0), (64, 32, 2, 1), (32, 16, 2, 1), (16, 1, 2, 1))  # dcgen: inputs, outputs, stride, padding


def dense(rows: int, *features: int) -> list[int]:
    """Linear layers in a row.

    >>> dense(10, 3, 4, 5)
    [240, 400]
    """
    return [2 * rows * i * o for i, o in pairwise(features)]


def conv(pixels: int, i: int, o: int, size: int = 3, groups: int = 1) -> int:
    """A convolution by its output's pixels, or a transposed one by its input's; over all images of the batch.

    >>> conv(100, 2, 4)
    14400
    """
    return 2 * pixels * (i // groups) * o * size * size


def trained(*products: int, reads_data: bool = True) -> int:
    """A step does each product three times: forward, for the weights' gradient and for the input's gradient.

    The data need no gradient, so that the first product of a network that reads them directly is done twice.

    >>> trained(10, 100), trained(10, 100, reads_data=False)
    (320, 330)
    """
    return 3 * sum(products) - (products[0] if reads_data else 0)


def lenet() -> int:
    n = 64 * 28 * 28  # images x pixels
    return trained(conv(n, 1, 16), conv(n // 4, 16, 32), *dense(64, 32 * 7 * 7, 128, 10))


def vgg() -> int:
    n = 32 * 32 * 32
    fine, middle = (conv(n, 3, 32), conv(n, 32, 32)), (conv(n // 4, 32, 64), conv(n // 4, 64, 64))
    return trained(*fine, *middle, conv(n // 16, 64, 128), *dense(32, 128, 10))


def resnet() -> int:
    n = 32 * 32 * 32
    products = [conv(n, 3, 16), conv(n, 16, 16), conv(n, 16, 16)]
    for i, o in ((16, 32), (32, 64)):
        n //= 4
        products += [conv(n, i, o), conv(n, o, o), conv(n, i, o, 1)]
    return trained(*products, *dense(32, 64, 10))


def depthwise() -> int:
    n = 32 * 32 * 32
    products = [conv(n, 3, 32)]
    for i, o, stride in SEPARABLE:
        n //= stride * stride
        products += [conv(n, i, i, groups=i), conv(n, i, o, 1)]
    return trained(*products, *dense(32, 256, 10))


def unet() -> int:
    fine, middle, coarse = (8 * 64 * 64 // part for part in (1, 4, 16))
    down = [
        conv(n, a, b) for n, i, o in ((fine, 3, 16), (middle, 16, 32), (coarse, 32, 64)) for a, b in ((i, o), (o, o))
    ]
    up2 = conv(coarse, 64, 32, 2), conv(middle, 64, 32), conv(middle, 32, 32)
    up1 = conv(middle, 32, 16, 2), conv(fine, 32, 16), conv(fine, 16, 16)
    return trained(*down, *up2, *up1, conv(fine, 16, 1, 1))


def lstm() -> int:
    return trained(*dense(50 * 32, 64 + 128, 4 * 128), *dense(32, 128, 2), reads_data=False)


def transformer() -> int:
    rows = 32 * 32
    scores_and_values = 2 * 2 * rows * 32 * 128
    layer = [*dense(rows, 128, 3 * 128), scores_and_values, *dense(rows, 128, 128), *dense(rows, 128, 256, 128)]
    return trained(*layer, *layer, *dense(rows, 128, 5000), reads_data=False)


def dcgen() -> int:
    pixels = (64, 64 * 4**2, 64 * 8**2, 64 * 16**2)
    return trained(*(conv(n, i, o, 4) for n, (i, o, _, _) in zip(pixels, GENERATOR, strict=True)))


FLOPS = {
    "linreg": trained(*dense(100, 1, 1)),
    "mlp": trained(*dense(64, 784, 256, 128, 10)),
    "mlp_big": trained(*dense(128, 784, 1024, 1024, 10)),
    "lenet": lenet(),
    "vgg": vgg(),
    "resnet": resnet(),
    "depthwise": depthwise(),
    "unet": unet(),
    "lstm": lstm(),
    "transformer": transformer(),
    "mf": trained(2 * 256 * 32, reads_data=False),
    "dcgen": dcgen(),
}
