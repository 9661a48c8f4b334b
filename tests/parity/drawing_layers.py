"""How each layer is drawn: every option of its constructor, inputs with and without samples, sizes 0 and 1."""

from __future__ import annotations

import numpy as np

from tests.parity.drawing import Draw, Drawn, entry

PLAIN = ("LogSigmoid", "Sigmoid", "Softsign", "Tanh", "Tanhshrink", "Identity")
IN_PLACE = ("ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardswish", "Hardsigmoid")
RANK = {"1": 1, "2": 2, "3": 3}


def rank_of(name: str) -> int:
    """Conv2d -> 2"""
    return RANK[name[-2]]


def on_a_copy(layer, x, **named):
    """Layers that write over their input are given one that is no leaf; what became of it is a result, too."""
    copy = x * 1
    return layer(copy, **named), copy


def on_another(layer, x):
    """The same, without a look at what became of it."""
    return layer(x * 1)


def elementwise(draw: Draw, **choices) -> Drawn:
    options = draw.options(**choices)
    around = {"around": on_a_copy} if options.get("inplace") else {}
    return Drawn(options, (draw.array(*draw.any_shape()),), **around)


@entry(*PLAIN)
def _plain(draw, name):
    return elementwise(draw)


@entry(*IN_PLACE)
def _in_place(draw, name):
    drawn = elementwise(draw, inplace=(True, False))
    drawn.tolerance = 1000.0 if name == "Hardsigmoid" else 1.0  # PyTorch's sixth is one of float32
    return drawn


@entry("ELU", "CELU")
def _elu(draw, name):
    drawn = elementwise(draw, alpha=(0.5, 2.0, -1.5), inplace=(True, False))
    if drawn.options.get("inplace"):  # of a negative slope PyTorch has no gradient there
        drawn.options["alpha"] = 0.5
    return drawn


@entry("LeakyReLU")
def _leaky_relu(draw, name):
    return elementwise(draw, negative_slope=(0.0, 0.2, 1.5), inplace=(True, False))


@entry("Hardtanh")
def _hardtanh(draw, name):
    return elementwise(draw, min_val=(-2.0, 0.0, 1.0), max_val=(0.5, 1.0, 2), inplace=(True, False))


@entry("Threshold")
def _threshold(draw, name):
    drawn = elementwise(draw, inplace=(True, False))
    drawn.options |= {"threshold": draw.of(0.0, 0.5, -1), "value": draw.of(0.0, 7, -0.5)}
    return drawn


@entry("Softplus")
def _softplus(draw, name):
    return elementwise(draw, beta=(0.5, 2, -1.0), threshold=(1.0, 3, 50.0))


@entry("Hardshrink", "Softshrink")
def _shrink(draw, name):
    return elementwise(draw, lambd=(0.0, 1, 0.3, -1.0))


@entry("GELU")
def _gelu(draw, name):
    return elementwise(draw, approximate=("none", "tanh"))


@entry("GLU")
def _glu(draw, name):
    drawn = elementwise(draw, dim=(0, 1, -1, -2))
    return drawn


@entry("Softmax", "LogSoftmax", "Softmin")
def _softmax(draw, name):
    drawn = elementwise(draw)
    drawn.options["dim"] = draw.of(0, 1, -1, 2, -3)
    return drawn


@entry("Softmax2d")
def _softmax2d(draw, name):
    return Drawn({}, (draw.array(*draw.sizes(draw.whole(2, 5), 0, 4)),))


@entry("PReLU")
def _prelu(draw, name):
    options = draw.options(num_parameters=(1, 3), init=(0.0, 0.7, -1.0))
    return Drawn(options, (draw.array(*draw.of((), (4,), (2, 3), (3, 3, 2), (0, 3), (2, 1, 4), (2, 3, 0, 2))),))


@entry("RReLU")
def _rrelu(draw, name):
    bounds = draw.of({"lower": 0.3, "upper": 0.3}, {"lower": 1.0, "upper": 1.0})
    if draw.of(True, False):  # what is drawn at random is compared in evaluation only
        return Drawn(draw.options(lower=(0.0, 0.1), upper=(0.5, 1.0)), (draw.array(*draw.any_shape()),),
                     modes=("eval",))  # fmt: skip
    drawn = elementwise(draw, inplace=(True, False))
    drawn.options |= bounds
    return drawn


@entry("Linear")
def _linear(draw, name):
    sizes = {"in_features": draw.whole(1, 4), "out_features": draw.whole(1, 4)}
    last = draw.of(sizes["in_features"], sizes["in_features"], sizes["in_features"], 1, 0)
    return Drawn(sizes | draw.options(bias=(True, False)), (draw.array(*draw.any_shape()[:3], last),))


@entry("Bilinear")
def _bilinear(draw, name):
    sizes = {"in1_features": draw.whole(1, 3), "in2_features": draw.whole(1, 3), "out_features": draw.whole(1, 3)}
    shape = draw.any_shape()[:2]
    one, two = draw.array(*shape, sizes["in1_features"]), draw.array(*shape, draw.of(sizes["in2_features"], 2))
    return Drawn(sizes | draw.options(bias=(True, False)), (one, two))


@entry("CosineSimilarity", "PairwiseDistance")
def _distance(draw, name):
    shape = draw.sizes(draw.whole(1, 3), 0, 3)
    other = tuple(draw.of(n, n, n, 1) for n in shape)
    choices = {"dim": (0, 1, -1), "eps": (0.1, 1e-6)} if name == "CosineSimilarity" else {
        "p": (1.0, 2, 3.0, 0.5, float("inf")), "eps": (0.1, 1e-3), "keepdim": (True, False)}  # fmt: skip
    return Drawn(draw.options(**choices), (draw.rng.standard_normal(shape), draw.rng.standard_normal(other)))


@entry("Flatten")
def _flatten(draw, name):
    return Drawn(draw.options(start_dim=(0, 1, 2, -2), end_dim=(0, 1, 2, -1, -2)), (draw.array(*draw.any_shape()),))


@entry("Unflatten")
def _unflatten(draw, name):
    options = {"dim": draw.of(0, 1, -1), "unflattened_size": draw.of((2, 2), (4,), (2, -1), [1, 4, 1], (-1,), (3, 2))}
    return Drawn(options, (draw.array(*draw.of((4,), (4, 4), (2, 4), (4, 0), (4, 1, 4))),))


def convolved(draw: Draw, rank: int, transposed: bool) -> Drawn:
    groups = draw.of(1, 1, 2, 3)
    channels = groups * draw.whole(1, 2)
    options = {"in_channels": channels, "out_channels": groups * draw.whole(1, 2),
               "kernel_size": draw.each(rank, 1, 3)} | ({"groups": groups} if groups > 1 else {})  # fmt: skip
    options |= draw.options(stride=(draw.each(rank, 1, 3),), dilation=(draw.each(rank, 1, 2),), bias=(True, False),
                            padding=(draw.each(rank, 0, 2), *(() if transposed else ("same", "valid"))))  # fmt: skip
    if transposed:
        options |= draw.options(output_padding=(draw.each(rank, 0, 2),), padding_mode=("zeros", "reflect"))
    else:
        options |= draw.options(padding_mode=("zeros", "reflect", "replicate", "circular"))
    if draw.whole(0, 9) == 0:
        options["out_channels"] = draw.whole(1, 3)  # perhaps not one that can be shared among the groups
    seen = draw.of(channels, channels, channels, channels, 1)
    batch, sizes = draw.batch(), draw.sizes(rank, 1, 7 if rank < 3 else 4)
    if transposed and (min(sizes) < 3 or batch == (0,)):  # what comes out of nothing, or is nothing, PyTorch lets pass
        options.pop("padding", None)
        options.pop("output_padding", None)
    return Drawn(options, (draw.array(*batch, seen, *sizes),), tolerance=2.0)


@entry("Conv1d", "Conv2d", "Conv3d")
def _conv(draw, name):
    return convolved(draw, rank_of(name), False)


@entry("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")
def _conv_transposed(draw, name):
    return convolved(draw, rank_of(name), True)


def images(draw: Draw, rank: int, low: int = 0, high: int = 6, channels: int | None = None,
           odd: bool = True) -> np.ndarray:  # fmt: skip
    """(N, C, ...) or (C, ...), now and then with an axis too few or too many"""
    shape = (*draw.batch(), draw.whole(1, 3) if channels is None else channels, *draw.sizes(rank, low, high))
    turn = draw.whole(0, 19) if odd else 9
    return draw.array(*(shape[1:] if turn == 0 else (1, *shape) if turn == 1 else shape))


@entry("MaxPool1d", "MaxPool2d", "MaxPool3d")
def _max_pool(draw, name):
    rank = rank_of(name)
    options = {"kernel_size": draw.each(rank, 1, 3)} | draw.options(
        stride=(draw.each(rank, 1, 3), None), padding=(draw.each(rank, 0, 1),), dilation=(draw.each(rank, 1, 2),),
        return_indices=(True, False), ceil_mode=(True, False))  # fmt: skip
    return Drawn(options, (images(draw, rank, 1),))


@entry("AvgPool1d", "AvgPool2d", "AvgPool3d")
def _avg_pool(draw, name):
    rank = rank_of(name)
    options = {"kernel_size": draw.each(rank, 1, 3)} | draw.options(
        stride=(draw.each(rank, 1, 3), None), padding=(draw.each(rank, 0, 1),), ceil_mode=(True, False),
        count_include_pad=(True, False))  # fmt: skip
    if rank > 1:
        options |= draw.options(divisor_override=(1, 3, -2, None))
    return Drawn(options, (images(draw, rank, 3 if rank == 3 else 1),))  # of volumes PyTorch does not count padding


@entry("LPPool1d", "LPPool2d", "LPPool3d")
def _lp_pool(draw, name):
    rank = rank_of(name)
    options = {"norm_type": draw.of(1, 2, 3.0, 1.5, float("inf")), "kernel_size": draw.each(rank, 1, 3)}
    options |= draw.options(stride=(draw.each(rank, 1, 3), None), ceil_mode=(True, False))
    if rank == 1 and isinstance(options["kernel_size"], tuple):
        options["kernel_size"] = options["kernel_size"][0]  # PyTorch takes a number only
    return Drawn(options, (np.abs(images(draw, rank, 3 if rank == 3 else 1)) + 0.1,), tolerance=10.0)


@entry("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
       "AdaptiveMaxPool3d")  # fmt: skip
def _adaptive(draw, name):
    rank = rank_of(name)
    size = draw.each(rank, 1, 5)
    if isinstance(size, tuple) and rank > 1 and draw.of(True, False):
        size = (None, *size[1:])
    choices = {"return_indices": (True, False)} if "Max" in name else {}
    whole = set(size if isinstance(size, tuple) else (size,)) == {1}  # a mean, which PyTorch takes of anything
    return Drawn({"output_size": size} | draw.options(**choices), (images(draw, rank, 1, odd=not whole),))


@entry("MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d")
def _max_unpool(draw, name):
    rank = rank_of(name)
    options = {"kernel_size": draw.each(rank, 1, 3)}
    options |= draw.options(stride=(draw.each(rank, 1, 3), None), padding=(draw.each(rank, 0, 1),))
    shape = (*draw.batch(), draw.whole(1, 2), *draw.sizes(rank, 1, 3))
    count = int(np.prod(shape[-rank:]))
    planes = [draw.rng.permutation(count) for _ in range(int(np.prod(shape[:-rank])))]  # no place twice
    where = np.array(planes, np.int64).reshape(shape)
    named = {"output_size": [n * 2 for n in shape[-rank:]]} if draw.whole(0, 2) == 0 else {}
    if min(shape[-rank:]) == 1 or options["kernel_size"] != 3:  # PyTorch lets less than nothing pass
        options.pop("padding", None)
    return Drawn(options, (draw.array(*shape), where), named)


@entry("FractionalMaxPool2d", "FractionalMaxPool3d")
def _fractional(draw, name):
    rank = rank_of(name)
    options = {"kernel_size": draw.each(rank, 1, 3)} | draw.options(return_indices=(True, False))
    which = draw.whole(0, 5)
    if which != 0:
        options["output_size"] = draw.each(rank, 1, 4)
    if which in (1, 0):
        options["output_ratio"] = draw.of(0.5, 0.7, (0.3, 0.6, 0.9)[:rank], 1.5)
        if which == 1 and draw.whole(0, 3):
            del options["output_size"]
    x = images(draw, rank, 1, 6 if rank == 2 else 5)
    n, c = (x.shape[0], x.shape[1]) if x.ndim == rank + 2 else (1, x.shape[0])
    return Drawn(options | {"_random_samples": draw.rng.uniform(0, 1, (n, c, rank))}, (x,))


@entry("Upsample")
def _upsample(draw, name):
    rank = draw.whole(1, 3)
    mode = draw.of("nearest", "nearest-exact", "area", ("linear", "bilinear", "trilinear")[rank - 1], "bicubic")
    options = draw.options(mode=(mode,), align_corners=(True, False, None)) | scaled(draw, rank)
    if "scale_factor" in options:
        options |= draw.options(recompute_scale_factor=(True, False, None))
    shape = (draw.whole(0, 2), draw.whole(1, 2), *draw.sizes(rank, 1, 5))
    return Drawn(options, (draw.array(*shape),), tolerance=5.0)


def scaled(draw: Draw, rank: int) -> dict:
    if draw.of(True, False):
        return {"size": draw.each(rank, 1, 7)}
    return {"scale_factor": draw.of(2, 0.5, 1.7, (1.3, 2.0, 0.6)[:rank])}


@entry("UpsamplingNearest2d", "UpsamplingBilinear2d")
def _upsampling(draw, name):
    shape = (draw.whole(0, 2), draw.whole(1, 2), *draw.sizes(2, 1, 5))
    return Drawn(scaled(draw, 2), (draw.array(*shape),), tolerance=5.0)


@entry(*(f"{kind}Pad{rank}d" for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular")
         for rank in (1, 2, 3)))  # fmt: skip
def _pad(draw, name):
    rank = rank_of(name)
    # what PyTorch puts round what it has cropped is not always what was there
    padding = draw.of(draw.whole(0, 3), draw.sizes(2 * rank, 0 if name.startswith("Circular") else -1, 2))
    value = {"value": draw.of(0.0, 2.5, -1)} if name.startswith("Constant") else {}
    crops = isinstance(padding, tuple) and min(padding) < 0
    return Drawn({"padding": padding, **value}, (images(draw, rank, 3 if crops else 1, 5),))


@entry("PixelShuffle", "PixelUnshuffle")
def _pixels(draw, name):
    factor = draw.whole(1, 3)
    shuffles = name == "PixelShuffle"
    option = "upscale_factor" if shuffles else "downscale_factor"
    channels = factor**2 * draw.whole(1, 2) if shuffles else draw.whole(1, 3)
    side = 1 if shuffles else factor
    height, width = draw.whole(1, 3) * side, draw.whole(1, 3) * side + (draw.whole(0, 9) == 0)
    return Drawn({option: factor}, (draw.array(*draw.of((), (1,), (2,)), channels, height, width),))


@entry("ChannelShuffle")
def _channel_shuffle(draw, name):
    groups = draw.whole(1, 3)
    shape = (draw.whole(0, 2), groups * draw.whole(1, 2) + (draw.whole(0, 9) == 0), *draw.sizes(draw.whole(0, 3), 1, 3))
    return Drawn({"groups": groups}, (draw.array(*shape),))


@entry("Unfold")
def _unfold(draw, name):
    options = {"kernel_size": draw.each(2, 1, 3)} | draw.options(
        dilation=(draw.each(2, 1, 2),), padding=(draw.each(2, 0, 2),), stride=(draw.each(2, 1, 3),))  # fmt: skip
    return Drawn(options, (images(draw, 2, 1),))


@entry("Fold")
def _fold(draw, name):
    size, kernel = draw.sizes(2, 2, 6), draw.sizes(2, 1, 2)
    more = draw.options(dilation=(draw.whole(1, 2),), padding=(draw.whole(0, 1),), stride=(draw.whole(1, 2),))
    dilation, padding, stride = (more.get(n, d) for n, d in (("dilation", 1), ("padding", 0), ("stride", 1)))
    places = [(n + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(size, kernel)]
    columns = int(np.prod(kernel)) * draw.whole(1, 2)
    shape = (*draw.batch(), columns, int(np.prod(places)) + (draw.whole(0, 9) == 0))
    return Drawn({"output_size": size, "kernel_size": kernel, **more}, (draw.array(*shape),))


@entry("Dropout", "AlphaDropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout")
def _dropout(draw, name):
    p = draw.of(0.0, 1.0, 1.0, 0.3, 1.5)  # in training only what leaves nothing to chance
    options = {"p": p} | draw.options(inplace=(True, False))
    rank = rank_of(name) if name[-1] == "d" else 0
    x = draw.array(*draw.batch(), draw.whole(1, 3), *draw.sizes(rank, 1, 3)) if rank else draw.array(*draw.any_shape(2))
    around = on_another if "Alpha" in name else on_a_copy  # PyTorch's alpha dropout leaves its input alone
    return Drawn(options, (x,), modes=("eval",) if p == 0.3 else ("train", "eval"), around=around)


@entry("Embedding")
def _embedding(draw, name):
    options = {"num_embeddings": draw.whole(1, 5), "embedding_dim": draw.whole(1, 3)}
    options |= draw.options(padding_idx=(0, -1, None, 4), max_norm=(0.5, 2.0), norm_type=(1.0, 2.0),
                            scale_grad_by_freq=(True, False))  # fmt: skip
    return Drawn(options, (draw.indices(options["num_embeddings"], *draw.any_shape()[:3]),))


@entry("EmbeddingBag")
def _embedding_bag(draw, name):
    options = {"num_embeddings": draw.whole(1, 5), "embedding_dim": draw.whole(1, 3)}
    options["mode"] = draw.of("mean", "sum", "max")
    options |= draw.options(padding_idx=(0, -1), max_norm=(0.5, 2.0), norm_type=(1.0, 2.0),
                            include_last_offset=(True, False), scale_grad_by_freq=(True, False))  # fmt: skip
    if options.get("scale_grad_by_freq"):  # PyTorch counts how often the first index occurs, and takes it for all
        options["num_embeddings"] = 1
    if draw.of(True, False):
        shape = (draw.whole(0, 3), draw.whole(1, 3))
        inputs = (draw.indices(options["num_embeddings"], *shape),)
    else:
        shape = (draw.whole(1, 5),)
        offsets = np.sort(draw.indices(shape[0] + 1, draw.whole(1, 3)))
        offsets[0] = 0
        if options.get("include_last_offset"):
            offsets = np.append(offsets, shape[0])
        inputs = (draw.indices(options["num_embeddings"], *shape), offsets)
    named = {"per_sample_weights": draw.array(*shape)} if options["mode"] == "sum" and draw.of(True, False) else {}
    return Drawn(options, inputs, named)
