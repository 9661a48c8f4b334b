"""Layers by themselves: what they refuse, with the mend; modes; the layers that PyTorch does not have."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine import nn
from engine.errors import EngineError, OptionError, ShapeError


def fault(make):
    with pytest.raises(EngineError) as caught:
        make()
    return caught.value


@pytest.mark.parametrize(
    ("make", "words", "fix"),
    [
        (lambda: nn.Linear(3, 4)(engine.zeros(2, 5)), "5 features arrive", ("in_features", 5)),
        (lambda: nn.Conv2d(3, 4, 3)(engine.zeros(2, 5, 8, 8)), "5 channels arrive", ("in_channels", 5)),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "in_channels=3 with groups=2", ("groups", 1)),
        (lambda: nn.Conv2d(3, 4, 3, padding="same", stride=2), "padding='same' with stride=(2, 2)", ("stride", 1)),
        (lambda: nn.Conv2d(3, 4, 3, padding="some"), "padding='some'", ("padding", 0)),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), "padding_mode='mirror'", ("padding_mode", "zeros")),
        (lambda: nn.MaxPool2d(5)(engine.zeros(1, 1, 3, 3)), "does not fit", ("kernel_size", 3)),
        (lambda: nn.BatchNorm1d(4)(engine.zeros(2, 5)), "5 channels arrive", ("num_features", 5)),
        (
            lambda: nn.BatchNorm2d(4)(engine.zeros(2, 4)),
            "2 x 4 arrives, with 2 axes, expected 4",
            ("BatchNorm1d", None),
        ),
        (lambda: nn.BatchNorm1d(4)(engine.zeros(2, 4, 3, 3)), "with 4 axes, expected 2 or 3", ("BatchNorm2d", None)),
        (lambda: nn.LayerNorm(4)(engine.zeros(2, 5)), "expected 4", ("normalized_shape", 5)),
        (lambda: nn.Dropout(1.5), "p=1.5", ("p", 0.5)),
        (lambda: nn.Embedding(3, 2, padding_idx=3), "padding_idx=3", ("padding_idx", None)),
        (lambda: nn.Reshape((3, 3))(engine.zeros(2, 8)), "a sample of 8 values arrives", ("Flatten", None)),
        (lambda: nn.Reshape((3, -1))(engine.zeros(2, 8)), "a multiple of 3", ("Flatten", None)),
        (lambda: nn.Conv1d(3, 4, 3)(engine.zeros(2, 5, 9)), "Conv1d: 5 channels arrive", ("in_channels", 5)),
        (
            lambda: nn.Conv1d(3, 4, 9)(engine.zeros(2, 3, 5)),
            "a window of 9 does not fit into a sequence of 5",
            ("kernel_size", 5),
        ),
        (lambda: nn.Conv1d(3, 4, 3, padding="same", stride=2), "padding='same' with stride=2", ("stride", 1)),
        (
            lambda: nn.MaxPool1d(9)(engine.zeros(2, 3, 5)),
            "a window of 9 does not fit into a sequence of 5",
            ("kernel_size", 5),
        ),
        (lambda: nn.ConvTranspose2d(3, 4, 3)(engine.zeros(2, 5, 4, 4)), "5 channels arrive", ("in_channels", 5)),
        (
            lambda: nn.ConvTranspose2d(3, 4, 3, output_padding=1)(engine.zeros(2, 3, 4, 4)),
            "output_padding (1, 1)",
            ("output_padding", 0),
        ),
        (lambda: nn.ConvTranspose1d(3, 4, 3, padding=4)(engine.zeros(2, 3, 2)), "-4 would come out", ("padding", 0)),
        (lambda: nn.ConvTranspose2d(3, 4, 3, padding="same"), "padding='same', expected pixels", ("padding", 0)),
        (
            lambda: nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect"),
            "expected one of zeros",
            ("padding_mode", "zeros"),
        ),
        (lambda: nn.LSTM(3, 4)(engine.zeros(5, 2, 6)), "LSTM: 6 features arrive", ("input_size", 6)),
        (lambda: nn.GRUCell(3, 4)(engine.zeros(2, 6)), "GRU: 6 features arrive", ("input_size", 6)),
        (lambda: nn.PositionalEncoding(4, max_len=3)(engine.zeros(2, 5, 4)), "5 steps arrives", ("max_len", 5)),
        (lambda: nn.LSTM(3, 4, proj_size=4), "proj_size=4, expected less than hidden_size", ("proj_size", 0)),
        (lambda: nn.GRU(3, 4, dropout=1.5), "dropout=1.5", ("dropout", 0.0)),
        (lambda: nn.RNN(3, 4, nonlinearity="sine"), "nonlinearity='sine'", ("nonlinearity", "tanh")),
        (lambda: nn.MultiheadAttention(10, 4), "10 features for 4 heads", ("num_heads", 2)),
        (lambda: nn.TransformerEncoderLayer(9, 4), "9 features for 4 heads", ("nhead", 3)),
        (lambda: nn.GroupNorm(4, 6), "6 channels in 4 groups", ("num_groups", 2)),
    ],
)
def test_a_wrong_shape_is_said_in_words_and_offers_the_mend(make, words, fix):
    error = fault(make)
    assert isinstance(error, ShapeError | OptionError)
    assert words in str(error)
    assert fix in [(offered.name, offered.value) for offered in error.fixes]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Embedding(3, 2)(engine.tensor([3])), "index 3"),
        (lambda: nn.Linear(2, 1)(engine.tensor([[1, 2]])), "int64"),
        (lambda: nn.CrossEntropyLoss()(engine.zeros(1, 2), engine.tensor([2])), "class 2"),
        (lambda: nn.MSELoss()(engine.zeros(3, 1), engine.zeros(3)), "3 x 1 is compared with a target of 3"),
        (lambda: nn.Concat()(engine.zeros(2, 3), engine.zeros(4, 3)), "2 x 3 and 4 x 3"),
        (lambda: nn.Reshape((-1, -1))(engine.zeros(2, 8)), "leaves several axes open"),
        (lambda: nn.BatchNorm1d(4)(engine.zeros(1, 4)), "use a larger batch"),
        (lambda: nn.Conv1d(3, 4, 3)(engine.zeros(2, 3, 4, 4)), "expected sequences (N, channels, length)"),
        (lambda: nn.Conv1d(3, 4, (3, 3)), "kernel_size=(3, 3), expected a number"),
        (
            lambda: nn.ConvTranspose2d(3, 4, 3, stride=2)(engine.zeros(2, 3, 4, 4), (20, 20)),
            "output_size=(20, 20), expected sizes from (9, 9) to (10, 10)",
        ),
        (lambda: nn.AdaptiveAvgPool2d(0)(engine.zeros(1, 1, 4, 4)), "output_size is 0"),
        (lambda: nn.Upsample()(engine.zeros(1, 1, 4, 4)), "size is None and scale_factor is None"),
        (lambda: nn.Upsample(2, mode="linear")(engine.zeros(1, 1, 4, 4)), "mode 'linear' for a tensor of 1 x 1 x 4"),
        (lambda: nn.Upsample(2, align_corners=True)(engine.zeros(1, 1, 4, 4)), "align_corners is given"),
        (lambda: nn.LSTM(3, 4)(engine.zeros(0, 2, 3)), "the sequence has no steps"),
        (lambda: nn.LSTM(3, 4)(engine.zeros(3)), "expected a sequence (N, steps, features)"),
        (lambda: nn.GRU(3, 4)(engine.zeros(5, 2, 3), engine.zeros(1, 3, 4)), "the first state is 1 x 3 x 4"),
        (lambda: nn.LSTM(3, 4)(engine.zeros(5, 2, 3, dtype=engine.float64)), "float64"),
        (lambda: nn.MultiheadAttention(4, 2)(*[engine.zeros(5, 2, 6)] * 3), "expected sequences (N, steps, 4)"),
        (
            lambda: nn.MultiheadAttention(4, 2)(*[engine.zeros(5, 2, 4)] * 3, attn_mask=engine.zeros(3, 3)),
            "attn_mask is 3 x 3, expected 5 x 5",
        ),
        (lambda: nn.TransformerEncoderLayer(4, 2, activation="sine"), "activation='sine'"),
        (
            lambda: nn.functional.scaled_dot_product_attention(
                *[engine.zeros(2, 3, 4)] * 3, is_causal=True, attn_mask=engine.zeros(3, 3)
            ),
            "both given",
        ),
        (
            lambda: nn.functional.scaled_dot_product_attention(
                engine.zeros(3, 4), engine.zeros(3, 5), engine.zeros(3, 4)
            ),
            "3 x 4, 3 x 5, 3 x 4",
        ),
    ],
)
def test_what_does_not_go_together_is_said_in_words(make, words):
    assert words in str(fault(make))


def test_batch_norm_gathers_statistics_in_training_and_uses_them_in_evaluation():
    norm = nn.BatchNorm1d(2)
    x = engine.tensor([[0.0, 10.0], [2.0, 30.0]])
    np.testing.assert_allclose(norm(x).detach().numpy(), [[-1, -1], [1, 1]], atol=1e-4)
    np.testing.assert_allclose(norm.running_mean.numpy(), [0.1, 2.0], rtol=1e-6)
    np.testing.assert_allclose(norm.running_var.numpy(), [0.9 + 0.2, 0.9 + 20.0], rtol=1e-6)
    assert norm.num_batches_tracked.item() == 1
    norm.eval()
    before = norm.running_mean.numpy().copy()
    expected = (x.numpy() - before) / np.sqrt(norm.running_var.numpy() + 1e-5)
    np.testing.assert_allclose(norm(x).detach().numpy(), expected, rtol=1e-5)
    np.testing.assert_array_equal(norm.running_mean.numpy(), before)
    assert norm.num_batches_tracked.item() == 1
    norm.reset_running_stats()
    assert norm.running_var.tolist() == [1.0, 1.0]


def test_the_last_step_of_a_sequence_read_both_ways_is_what_each_side_ends_with():
    engine.manual_seed(0)
    both = nn.LSTM(3, 4, bidirectional=True, batch_first=True)
    out, (hidden, _) = both(engine.randn(2, 5, 3))
    ends = nn.LastStep(bidirectional=True)(out)
    np.testing.assert_array_equal(ends.tolist(), engine.cat([hidden[0], hidden[1]], dim=-1).tolist())
    np.testing.assert_array_equal(nn.LastStep()(out).tolist(), out[:, -1].tolist())


def test_positions_are_added_as_waves_or_as_learned():
    waves = nn.PositionalEncoding(6, max_len=50)
    found = waves(engine.zeros(1, 50, 6)).numpy()[0]
    for t in (0, 1, 49):
        for i in range(3):
            angle = t / 10_000 ** (2 * i / 6)
            np.testing.assert_allclose(found[t, 2 * i : 2 * i + 2], [np.sin(angle), np.cos(angle)], atol=1e-6)
    assert list(waves.state_dict()) == []
    assert nn.PositionalEncoding(5)(engine.zeros(1, 2, 5)).shape == (1, 2, 5)
    learned = nn.LearnedPositionalEncoding(6, 50)
    learned(engine.zeros(3, 2, 6)).sum().backward()
    np.testing.assert_array_equal(learned.weight.grad.numpy().sum(axis=1)[:3], [18.0, 18.0, 0.0])


def test_an_output_size_chooses_among_the_sizes_that_a_transposed_convolution_can_give():
    layer, image = nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1), engine.zeros(1, 1, 4, 4)
    assert layer(image).shape == (1, 1, 7, 7)
    assert layer(image, output_size=(8, 7)).shape == (1, 1, 8, 7)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True), (0, 5, 3)),
        (nn.GRU(3, 4), (5, 0, 3)),
        (nn.Conv1d(3, 4, 3), (0, 3, 9)),
        (nn.ConvTranspose2d(3, 4, 3), (0, 3, 4, 4)),
        (nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), (0, 5, 4)),
        (nn.Upsample(scale_factor=2), (0, 1, 4, 4)),
        (nn.GroupNorm(1, 3), (0, 3, 4)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_batch_without_samples_passes_through(layer, shape):
    x = engine.zeros(*shape, requires_grad=True)
    out = layer(x)
    out = out[0] if isinstance(out, tuple) else out
    assert out.numel() == 0
    out.sum().backward()
    assert x.grad.shape == shape


def test_a_very_long_sequence_costs_nothing_on_meta():
    with engine.device("meta"):
        long = nn.PositionalEncoding(60_000, max_len=60_000)
        assert long(engine.empty(2, 60_000, 60_000)).shape == (2, 60_000, 60_000)


def test_dropout_draws_anew_and_is_repeated_by_the_seed():
    drop, x = nn.Dropout(0.5), engine.ones(1000)
    engine.manual_seed(4)
    first, second = drop(x).numpy(), drop(x).numpy()
    assert not np.array_equal(first, second)
    engine.manual_seed(4)
    np.testing.assert_array_equal(drop(x).numpy(), first)
    assert drop.eval()(x) is x


def test_embedding_learns_only_what_is_looked_up():
    table = nn.Embedding(4, 2, padding_idx=0)
    table(engine.tensor([[0, 1], [1, 3]])).sum().backward()
    np.testing.assert_array_equal(table.weight.grad.numpy(), [[0, 0], [2, 2], [0, 0], [1, 1]])


def test_add_concat_and_reshape_pass_gradients():
    a, b = engine.ones(2, 3, requires_grad=True), engine.ones(2, 3, requires_grad=True)
    out = nn.Reshape((2, -1))(nn.Concat()(a, nn.Add()(a, b)))
    assert tuple(out.shape) == (2, 2, 3)
    out.sum().backward()
    assert a.grad.tolist() == [[2.0] * 3] * 2
    assert b.grad.tolist() == [[1.0] * 3] * 2


def test_parameters_take_the_given_device_and_dtype():
    layer = nn.Conv2d(1, 2, 3, dtype=engine.float64, device="cpu")
    assert layer.weight.dtype == engine.float64
    assert nn.Linear(2, 2, device="meta").weight.is_meta
    norm = nn.BatchNorm2d(2, dtype=engine.float64)
    assert norm.running_mean.dtype == engine.float64
    assert norm.num_batches_tracked.dtype == engine.int64


def test_every_layer_of_the_catalogue_runs_on_meta_as_on_the_cpu():
    from engine.graph import catalogue
    from engine.graph.trial import first_value

    given = {"Embedding": engine.tensor([[1, 2]]), "Reshape": engine.zeros(2, 6), "BatchNorm1d": engine.randn(3, 4),
             "Permute": engine.randn(2, 5, 8), "EmbeddingBag": engine.tensor([[1, 2]]),
             "Fold": engine.randn(2, 8, 49)}  # fmt: skip
    shapes = {0: (2, 4, 6, 6), 1: (2, 8), 2: (2, 8, 12), 3: (2, 8, 6, 6), 4: (2, 8, 6, 6, 6)}
    for entry in catalogue.entries("layer").values():
        x = given.get(entry.type, engine.randn(*shapes[len(entry.axes)]))
        inputs = [x] * max(1, len(entry.inputs))
        if "indices" in entry.inputs:
            inputs[1] = engine.zeros(*x.shape).long()
        packed = entry.packed if entry.inputs else list  # nothing is wired to an Input
        inferred = {p.name: x.shape[p.inferred] for p in entry.parameters if p.inferred is not None}
        named = {**entry.starts(), **inferred, **entry.fixed}
        out = first_value(entry.make(named)(*packed(inputs)))
        with engine.device("meta"):
            shapes_alone = [engine.empty(*each.shape, dtype=each.dtype) for each in inputs]
            shape = first_value(entry.make(named)(*packed(shapes_alone)))
        assert shape.is_meta, entry.type
        assert (tuple(shape.shape), shape.dtype) == (tuple(out.shape), out.dtype), entry.type


def test_a_cumulative_batch_norm_has_a_shape_on_meta():
    with engine.device("meta"):
        assert nn.BatchNorm1d(3, momentum=None)(engine.empty(2, 3)).shape == (2, 3)
