"""How each loss is drawn: every option, targets of each kind, samples of none, one and many."""

from __future__ import annotations

import numpy as np

from tests.parity.drawing import Draw, Drawn, entry

REDUCTIONS = ("mean", "sum", "none")
OLD = {"size_average": (True, False), "reduce": (True, False)}


def reduced(draw: Draw, old: bool = True) -> dict:
    """A reduction, or one of PyTorch's two older switches."""
    if old and draw.whole(0, 4) == 0:
        return draw.options(**OLD)
    return draw.options(reduction=REDUCTIONS + (("median",) if draw.whole(0, 9) == 0 else ()))


def alike(draw: Draw) -> tuple[int, ...]:
    return draw.any_shape()


def other_than(draw: Draw, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The same shape, now and then another."""
    return tuple(n + 2 for n in shape) if draw.whole(0, 14) == 0 and 1 not in shape else shape


def signs(draw: Draw, *shape: int) -> np.ndarray:
    return draw.rng.choice([-1.0, 1.0], shape) if shape else np.array(draw.of(-1.0, 1.0))


@entry("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "SoftMarginLoss")
def _values(draw, name):
    shape = alike(draw)
    own = {"SmoothL1Loss": {"beta": (0.0, 0.5, 2)}, "HuberLoss": {"delta": (0.5, 2)}}.get(name, {})
    options = reduced(draw, name != "HuberLoss") | draw.options(**own)
    if name == "SoftMarginLoss":
        return Drawn(options, (draw.array(*shape), signs(draw, *shape)), leaves=1)
    return Drawn(options, (draw.array(*shape), draw.array(*other_than(draw, shape))))


@entry("PoissonNLLLoss")
def _poisson(draw, name):
    shape = alike(draw)
    options = reduced(draw) | draw.options(log_input=(True, False), full=(True, False), eps=(1e-3, 0.5))
    counts = draw.rng.integers(0, 5, shape).astype(np.float64)
    return Drawn(options, (np.abs(draw.array(*shape)), counts), leaves=1)


@entry("GaussianNLLLoss")
def _gaussian(draw, name):
    shape = draw.sizes(draw.whole(1, 3), 0, 3)
    var = draw.of(shape, (*shape[:-1], 1), shape[:-1])
    options = reduced(draw, False) | draw.options(full=(True, False), eps=(0.5, 1e-3))
    return Drawn(options, (draw.array(*shape), draw.array(*shape), draw.positive(*var)))


@entry("KLDivLoss")
def _divergence(draw, name):
    shape, logs = draw.sizes(draw.whole(1, 3), 1, 4), draw.of(True, False)
    options = draw.options(reduction=(*REDUCTIONS, "batchmean")) if draw.whole(0, 3) else draw.options(**OLD)
    target = draw.positive(*shape)
    if logs:
        options["log_target"], target = True, np.log(target)
    elif draw.of(True, False):
        target[..., 0] = 0
    return Drawn(options, (np.log(draw.positive(*shape)), target), leaves=2 if target.all() else 1)


def classes(draw: Draw) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """How many classes, the shape of scores, the shape of class numbers"""
    count = draw.whole(1, 4)
    shape = draw.of((), (0,), (1,), (3,), (2, 2), (1, 2, 3), (2, 1, 1))
    return count, (*shape[:1], count, *shape[1:]), shape


@entry("CrossEntropyLoss", "NLLLoss", "NLLLoss2d")
def _of_classes(draw, name):
    count, scores, targets = classes(draw)
    options = reduced(draw) | draw.options(weight=(draw.positive(count + (draw.whole(0, 14) == 0)),),
                                           ignore_index=(0, 2, -1))  # fmt: skip
    target = draw.indices(count, *targets)
    if draw.whole(0, 14) == 0 and target.size:
        target = np.where(target == target.flat[0], draw.of(-1, count), target)
    if name == "CrossEntropyLoss":
        options |= draw.options(label_smoothing=(0.1, 0.5, 1.0))
        if draw.whole(0, 2) == 0:
            target = draw.positive(*scores)
    return Drawn(options, (draw.array(*scores), target))


def in_chunks(nn, options=None, **named):
    """The options are each library's own."""
    options = None if options is None else nn.LinearCrossEntropyOptions(**options)
    return nn.LinearCrossEntropyLoss(**named, options=options)


@entry("LinearCrossEntropyLoss")
def _linear_cross_entropy(draw, name):
    count, features = draw.whole(1, 4), draw.whole(1, 3)
    samples, places = draw.of((), (0,), (1,), (3,)), draw.of((), (2,), (1, 3))
    options = {"in_features": features, "num_classes": count}
    options |= draw.options(out_features=(places,), bias=(True, False), reduction=(*REDUCTIONS, "median"),
                            weight=(draw.positive(count + (draw.whole(0, 14) == 0)),), ignore_index=(0, 2, -1),
                            label_smoothing=(0.1, 1.0), options=({"batch_chunk_size": 2}, {}))  # fmt: skip
    places = options.get("out_features", ())
    target = draw.indices(count, *samples, *places)
    if draw.whole(0, 2) == 0:
        target = draw.positive(*samples, count, *places)
    return Drawn(options, (draw.array(*samples, features), target), make=in_chunks, tolerance=5.0)


@entry("BCELoss", "BCEWithLogitsLoss")
def _binary(draw, name):
    shape = alike(draw)
    weights = shape[-1:] if draw.of(True, False) else shape
    options = reduced(draw) | draw.options(weight=(draw.positive(*weights),))
    if name == "BCEWithLogitsLoss":
        options |= draw.options(pos_weight=(draw.positive(*shape[-1:]),))
        scores = draw.array(*shape) * draw.of(1, 100)
    else:
        scores = draw.positive(*shape) if draw.of(True, False) else draw.rng.integers(0, 2, shape).astype(np.float64)
    target = draw.positive(*shape) if draw.of(True, False) else draw.rng.integers(0, 2, shape).astype(np.float64)
    return Drawn(options, (scores, target))


@entry("MarginRankingLoss")
def _ranking(draw, name):
    shape = draw.sizes(draw.whole(0, 2), 0, 3)
    options = reduced(draw) | draw.options(margin=(0.0, 0.7, -1))
    return Drawn(options, (draw.array(*shape), draw.array(*shape), signs(draw, *other_than(draw, shape))))


@entry("HingeEmbeddingLoss")
def _hinge(draw, name):
    shape = alike(draw)
    return Drawn(reduced(draw) | draw.options(margin=(0.2, 2)), (draw.array(*shape), signs(draw, *shape)))


@entry("CosineEmbeddingLoss")
def _cosine(draw, name):
    shape = draw.of((3,), (1,), (1, 2), (4, 3), (0, 2), (2, 1))
    options = reduced(draw) | draw.options(margin=(0.5, -0.4))
    return Drawn(options, (draw.array(*shape), draw.array(*shape), signs(draw, *shape[:-1])), tolerance=50.0)


@entry("MultiLabelSoftMarginLoss")
def _multi_label_soft(draw, name):
    shape = draw.sizes(draw.whole(1, 3), 1, 3)
    options = reduced(draw) | draw.options(weight=(draw.positive(shape[-1]),))
    return Drawn(options, (draw.array(*shape), draw.rng.integers(0, 2, shape).astype(np.float64)))


@entry("MultiMarginLoss")
def _multi_margin(draw, name):
    count, samples = draw.whole(1, 4), draw.of((), (1,), (3,))  # of no sample PyTorch gives what lies in memory
    options = reduced(draw) | draw.options(p=(1, 2, 3), margin=(0.3, 2.0), weight=(draw.positive(count),))
    return Drawn(options, (draw.array(*samples, count), draw.indices(count, *samples)))


@entry("MultiLabelMarginLoss")
def _multi_label(draw, name):
    count, samples = draw.whole(1, 4), draw.of((), (1,), (3,))
    target = draw.rng.integers(-1, count, (*samples, count))
    return Drawn(reduced(draw), (draw.array(*samples, count), target))


@entry("TripletMarginLoss")
def _triplet(draw, name):
    shape = draw.of((3,), (1, 2), (4, 3), (0, 2), (2, 1), (2, 3, 2))
    options = reduced(draw) | draw.options(margin=(0.1, 3.0, -1.0), p=(1.0, 3.0, 2), eps=(0.01,), swap=(True, False))
    return Drawn(options, tuple(draw.rng.standard_normal(shape) for _ in range(3)), tolerance=5.0)


def taxicab(one, two):
    """Another distance than the default's."""
    return (one - two).abs().sum(-1)


@entry("TripletMarginWithDistanceLoss")
def _triplet_by_distance(draw, name):
    shape = draw.of((3,), (1, 2), (4, 3), (0, 2))
    options = reduced(draw, False) | draw.options(margin=(0.1, 3.0, -1.0), swap=(True, False),
                                                  distance_function=(taxicab, None))  # fmt: skip
    return Drawn(options, tuple(draw.rng.standard_normal(shape) for _ in range(3)), tolerance=5.0)


def on_scores(loss, scores, *others):
    """Of scores before log_softmax: behind it PyTorch's gradient has a part that log_softmax takes out again."""
    return loss(scores.log_softmax(-1), *others)


@entry("CTCLoss")
def _ctc(draw, name):
    steps, samples, count = draw.whole(1, 6), draw.of((), (1,), (3,)), draw.whole(2, 4)
    options = reduced(draw, False) | draw.options(blank=(0, 1), zero_infinity=(True, False))
    others = [n for n in range(count) if n != options.get("blank", 0)]
    longest = draw.whole(0, 4)
    targets = draw.rng.choice(others, (*samples, longest)).astype(np.int64)
    logs = draw.rng.standard_normal((steps, *samples, count))
    lengths = draw.rng.integers(1, steps + 1, samples), draw.rng.integers(0, longest + 1, samples)
    if not samples:
        targets = targets[: int(lengths[1])]
    inputs = (logs, targets, *(np.asarray(n, np.int64) for n in lengths))
    return Drawn(options, inputs, around=on_scores, tolerance=20.0)


@entry("AdaptiveLogSoftmaxWithLoss")
def _adaptive(draw, name):
    options = {"in_features": draw.whole(4, 6), "n_classes": 8, "cutoffs": draw.of([2], [2, 5], (1, 3, 7), [5, 2], [8])}
    options |= draw.options(div_value=(1.5, 2.0), head_bias=(True, False))
    samples = draw.of((), (0,), (1,), (5,))
    target = draw.indices(8 if draw.whole(0, 9) else 20, *samples)
    return Drawn(options, (draw.array(*samples, options["in_features"]), target), tolerance=10.0)
