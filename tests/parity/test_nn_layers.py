"""Every layer against PyTorch's: output, gradients of input and parameters, buffers, keys, repr, signature."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine import nn  # noqa: E402

IMAGE = (4, 6, 9, 8)  # N, C, H, W
SEQUENCE = (4, 6, 12)  # N, C, L


def small_network(nn):
    return nn.Sequential(
        nn.Conv2d(6, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 3),
    )


LAYERS = [
    ("Linear", lambda nn: nn.Linear(8, 5), (4, 8)),
    ("Linear without bias, 3 axes", lambda nn: nn.Linear(8, 5, bias=False), (2, 3, 8)),
    ("Linear, one sample", lambda nn: nn.Linear(8, 5), (8,)),
    ("Conv2d", lambda nn: nn.Conv2d(6, 4, 3), IMAGE),
    ("Conv2d, one sample", lambda nn: nn.Conv2d(6, 4, 3), IMAGE[1:]),
    ("Conv2d stride padding", lambda nn: nn.Conv2d(6, 4, (3, 2), stride=(2, 1), padding=(1, 2)), IMAGE),
    ("Conv2d dilation", lambda nn: nn.Conv2d(6, 4, 3, dilation=(2, 1), bias=False), IMAGE),
    ("Conv2d groups", lambda nn: nn.Conv2d(6, 4, 3, groups=2, padding=1), IMAGE),
    ("Conv2d depthwise", lambda nn: nn.Conv2d(6, 12, 3, groups=6, stride=2), IMAGE),
    ("Conv2d same", lambda nn: nn.Conv2d(6, 4, (4, 3), padding="same", dilation=(1, 2)), IMAGE),
    ("Conv2d valid", lambda nn: nn.Conv2d(6, 4, 3, padding="valid"), IMAGE),
    ("Conv2d 1x1", lambda nn: nn.Conv2d(6, 4, 1), IMAGE),
    ("Conv2d reflect", lambda nn: nn.Conv2d(6, 4, 3, padding=(2, 1), padding_mode="reflect"), IMAGE),
    ("Conv2d replicate", lambda nn: nn.Conv2d(6, 4, 3, padding=2, padding_mode="replicate"), IMAGE),
    ("Conv2d circular same", lambda nn: nn.Conv2d(6, 4, 4, padding="same", padding_mode="circular"), IMAGE),
    ("MaxPool2d", lambda nn: nn.MaxPool2d(2), IMAGE),
    ("MaxPool2d all", lambda nn: nn.MaxPool2d(3, 2, 1, dilation=2, ceil_mode=True), IMAGE),
    ("MaxPool2d pair", lambda nn: nn.MaxPool2d((3, 2), stride=(1, 2)), IMAGE[1:]),
    ("AvgPool2d", lambda nn: nn.AvgPool2d(2), IMAGE),
    ("AvgPool2d ceil", lambda nn: nn.AvgPool2d(3, 2, 1, ceil_mode=True), IMAGE),
    ("AvgPool2d no pad", lambda nn: nn.AvgPool2d(3, 2, 1, count_include_pad=False), IMAGE),
    ("AvgPool2d divisor", lambda nn: nn.AvgPool2d((3, 2), divisor_override=5), IMAGE),
    ("BatchNorm1d", lambda nn: nn.BatchNorm1d(6), (8, 6)),
    ("BatchNorm1d series", lambda nn: nn.BatchNorm1d(6, eps=1e-3), (8, 6, 5)),
    ("BatchNorm2d", lambda nn: nn.BatchNorm2d(6), IMAGE),
    ("BatchNorm2d cumulative", lambda nn: nn.BatchNorm2d(6, momentum=None), IMAGE),
    ("BatchNorm2d momentum", lambda nn: nn.BatchNorm2d(6, momentum=0.4), IMAGE),
    ("BatchNorm2d plain", lambda nn: nn.BatchNorm2d(6, affine=False), IMAGE),
    ("BatchNorm2d untracked", lambda nn: nn.BatchNorm2d(6, track_running_stats=False), IMAGE),
    ("BatchNorm2d weight only", lambda nn: nn.BatchNorm2d(6, bias=False), IMAGE),
    ("LayerNorm", lambda nn: nn.LayerNorm(8), (4, 8)),
    ("LayerNorm image", lambda nn: nn.LayerNorm((9, 8), eps=1e-3), IMAGE),
    ("LayerNorm plain", lambda nn: nn.LayerNorm([8], elementwise_affine=False), (2, 3, 8)),
    ("LayerNorm weight only", lambda nn: nn.LayerNorm(8, bias=False), (2, 3, 8)),
    ("Dropout none", lambda nn: nn.Dropout(0.0), (4, 8)),
    ("Dropout all", lambda nn: nn.Dropout(1.0), (4, 8)),
    ("Flatten", lambda nn: nn.Flatten(), IMAGE),
    ("Flatten some", lambda nn: nn.Flatten(0, 2), IMAGE),
    ("Identity", lambda nn: nn.Identity(), IMAGE),
    ("ReLU", lambda nn: nn.ReLU(), (4, 8)),
    ("LeakyReLU", lambda nn: nn.LeakyReLU(), (4, 8)),
    ("LeakyReLU 0.2", lambda nn: nn.LeakyReLU(0.2), (4, 8)),
    ("GELU", lambda nn: nn.GELU(), (4, 8)),
    ("GELU tanh", lambda nn: nn.GELU("tanh"), (4, 8)),
    ("SiLU", lambda nn: nn.SiLU(), (4, 8)),
    ("Sigmoid", lambda nn: nn.Sigmoid(), (4, 8)),
    ("Tanh", lambda nn: nn.Tanh(), (4, 8)),
    ("Softmax", lambda nn: nn.Softmax(dim=1), (4, 8)),
    ("Softmax channels", lambda nn: nn.Softmax(1), IMAGE),
    ("Conv1d", lambda nn: nn.Conv1d(6, 4, 3), SEQUENCE),
    ("Conv1d all options", lambda nn: nn.Conv1d(6, 4, 3, 2, 2, 3, 2, False), SEQUENCE),
    ("Conv1d same, dilated", lambda nn: nn.Conv1d(6, 4, 4, padding="same", dilation=2), SEQUENCE),
    ("Conv1d valid", lambda nn: nn.Conv1d(6, 6, (5,), padding="valid", groups=6), SEQUENCE),
    ("Conv1d reflected", lambda nn: nn.Conv1d(6, 4, 3, padding=2, padding_mode="reflect"), SEQUENCE),
    ("Conv1d circular", lambda nn: nn.Conv1d(6, 4, 3, padding="same", padding_mode="circular"), SEQUENCE),
    ("Conv1d, one sequence", lambda nn: nn.Conv1d(6, 4, 3, padding=1), (6, 12)),
    ("ConvTranspose2d", lambda nn: nn.ConvTranspose2d(6, 4, 3), IMAGE),
    ("ConvTranspose2d doubling", lambda nn: nn.ConvTranspose2d(6, 4, 4, 2, 1), IMAGE),
    ("ConvTranspose2d all options", lambda nn: nn.ConvTranspose2d(6, 4, (3, 2), (2, 3), (1, 2), (1, 2), 2, False, 2),
     IMAGE),
    ("ConvTranspose2d depthwise", lambda nn: nn.ConvTranspose2d(6, 6, 3, 2, groups=6), IMAGE),
    ("ConvTranspose2d padded more by dilation", lambda nn: nn.ConvTranspose2d(6, 4, 3, 1, 1, 2, dilation=3), IMAGE),
    ("ConvTranspose2d, one image", lambda nn: nn.ConvTranspose2d(6, 4, 3, 2), (6, 5, 4)),
    ("ConvTranspose1d", lambda nn: nn.ConvTranspose1d(6, 4, 3), SEQUENCE),
    ("ConvTranspose1d all options", lambda nn: nn.ConvTranspose1d(6, 4, 3, 2, 1, 1, 2, False, 2), SEQUENCE),
    ("ConvTranspose1d, one sequence", lambda nn: nn.ConvTranspose1d(6, 4, 4, 2), (6, 12)),
    ("MaxPool1d", lambda nn: nn.MaxPool1d(2), SEQUENCE),
    ("MaxPool1d all options", lambda nn: nn.MaxPool1d(3, 2, 1, 2, ceil_mode=True), SEQUENCE),
    ("MaxPool1d, one sequence", lambda nn: nn.MaxPool1d(3), (6, 12)),
    ("AvgPool1d", lambda nn: nn.AvgPool1d(2), SEQUENCE),
    ("AvgPool1d all options", lambda nn: nn.AvgPool1d(3, 2, 1, True, False), SEQUENCE),
    ("AvgPool1d, one sequence", lambda nn: nn.AvgPool1d(3, padding=1), (6, 12)),
    ("AdaptiveAvgPool2d global", lambda nn: nn.AdaptiveAvgPool2d(1), IMAGE),
    ("AdaptiveAvgPool2d divides", lambda nn: nn.AdaptiveAvgPool2d((3, 4)), IMAGE),
    ("AdaptiveAvgPool2d overlaps", lambda nn: nn.AdaptiveAvgPool2d((4, 5)), IMAGE),
    ("AdaptiveAvgPool2d enlarges", lambda nn: nn.AdaptiveAvgPool2d((None, 11)), IMAGE),
    ("AdaptiveAvgPool2d, one image", lambda nn: nn.AdaptiveAvgPool2d(2), (6, 5, 4)),
    ("AdaptiveAvgPool1d", lambda nn: nn.AdaptiveAvgPool1d(5), SEQUENCE),
    ("AdaptiveAvgPool1d global", lambda nn: nn.AdaptiveAvgPool1d(1), SEQUENCE),
    ("Upsample", lambda nn: nn.Upsample(scale_factor=2), IMAGE),
    ("Upsample to a size", lambda nn: nn.Upsample((20, 5)), IMAGE),
    ("Upsample by fractions", lambda nn: nn.Upsample(scale_factor=(1.7, 0.6)), IMAGE),
    ("Upsample bilinear", lambda nn: nn.Upsample(scale_factor=2, mode="bilinear"), IMAGE),
    ("Upsample bilinear, aligned", lambda nn: nn.Upsample(scale_factor=3, mode="bilinear", align_corners=True), IMAGE),
    ("Upsample bilinear by fractions", lambda nn: nn.Upsample(scale_factor=(1.7, 0.6), mode="bilinear"), IMAGE),
    ("Upsample bilinear, recomputed",
     lambda nn: nn.Upsample(scale_factor=1.7, mode="bilinear", recompute_scale_factor=True), IMAGE),
    ("Upsample bilinear to a size", lambda nn: nn.Upsample((4, 20), mode="bilinear", align_corners=True), IMAGE),
    ("Upsample a sequence", lambda nn: nn.Upsample(30, mode="linear"), SEQUENCE),
    ("Upsample a sequence, nearest", lambda nn: nn.Upsample(scale_factor=1.3), SEQUENCE),
    ("GroupNorm", lambda nn: nn.GroupNorm(3, 6), IMAGE),
    ("GroupNorm of vectors", lambda nn: nn.GroupNorm(1, 6, eps=1e-3), (4, 6)),
    ("GroupNorm of sequences, no weights", lambda nn: nn.GroupNorm(6, 6, affine=False), SEQUENCE),
    ("GroupNorm without bias", lambda nn: nn.GroupNorm(2, 6, bias=False), SEQUENCE),
    ("Sequential", lambda nn: nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6), nn.GELU(), nn.Linear(6, 2)), (4, 8)),
    ("a small image network", lambda nn: small_network(nn), IMAGE),
]  # fmt: skip
IDS = [name for name, *_ in LAYERS]


def close(ours, theirs, what, scale=1e-3):
    """Equal to 1e-5 of each value, or of the largest where a sum cancels."""
    ours, theirs = np.asarray(ours), theirs.detach().numpy()
    assert ours.shape == theirs.shape, what
    scale = max(scale, float(np.abs(theirs).max()) if theirs.size else 0.0)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * scale, err_msg=what)


def pair(make):
    """PyTorch's layer and ours with its values."""
    torch.manual_seed(3)
    theirs, ours = make(torch.nn), make(nn)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    ours.load_state_dict({key: engine.from_numpy(value.numpy().copy()) for key, value in theirs.state_dict().items()})
    return theirs, ours


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize(("make", "shape"), [case[1:] for case in LAYERS], ids=IDS)
def test_forward_backward_and_buffers_agree(make, shape):
    theirs, ours = pair(make)
    rng = np.random.default_rng(0)
    for round in range(3):  # running statistics gather
        values = (rng.standard_normal(shape) * (round + 1) + round).astype(np.float32)
        x, y = torch.from_numpy(values.copy()).requires_grad_(), engine.from_numpy(values.copy()).requires_grad_()
        theirs.zero_grad()
        ours.zero_grad()
        out, got = theirs(x), ours(y)
        close(got.detach().numpy(), out, "output")
        slope = rng.standard_normal(tuple(out.shape)).astype(np.float32)
        out.backward(torch.from_numpy(slope))
        got.backward(engine.from_numpy(slope))
        close(y.grad.numpy(), x.grad, "gradient of the input")
        largest = max((float(p.grad.abs().max()) for p in theirs.parameters()), default=0.0)
        for (name, expected), parameter in zip(theirs.named_parameters(), ours.parameters(), strict=True):
            close(parameter.grad.numpy(), expected.grad, f"gradient of {name}", scale=largest)
        for (name, expected), buffer in zip(theirs.named_buffers(), ours.buffers(), strict=True):
            close(buffer.numpy(), expected, name)
    theirs.eval()
    ours.eval()
    close(ours(y).detach().numpy(), theirs(x), "output in evaluation")


@pytest.mark.parametrize("make", [case[1] for case in LAYERS], ids=IDS)
def test_state_dict_keys_shapes_types_and_repr_agree(make):
    theirs, ours = make(torch.nn), make(nn)
    assert repr(ours) == repr(theirs)
    expected = {key: (tuple(value.shape), str(value.dtype)[6:]) for key, value in theirs.state_dict().items()}
    assert {k: (tuple(v.shape), str(v.numpy().dtype)) for k, v in ours.state_dict().items()} == expected
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]


@pytest.mark.parametrize("options", [{}, {"padding_idx": 2}, {"padding_idx": -1}, {"max_norm": 1.0}])
def test_embedding_agrees(options):
    theirs, ours = pair(lambda nn: nn.Embedding(7, 3, **options))
    assert repr(ours) == repr(theirs)
    indices = np.array([[0, 2, 2], [6, 1, 0]])
    out, got = theirs(torch.from_numpy(indices)), ours(engine.from_numpy(indices))
    close(got.detach().numpy(), out, "output")
    slope = np.random.default_rng(0).standard_normal((2, 3, 3)).astype(np.float32)
    out.backward(torch.from_numpy(slope))
    got.backward(engine.from_numpy(slope))
    close(ours.weight.grad.numpy(), theirs.weight.grad, "gradient")
    close(ours.weight.detach().numpy(), theirs.weight, "weight, where it was shortened")


def test_a_fresh_embedding_has_zeros_at_its_padding_index():
    assert float(nn.Embedding(5, 3, padding_idx=1).weight[1].abs().sum()) == 0.0


@pytest.mark.parametrize(
    "make",
    [
        lambda nn: nn.ReLU(inplace=True),
        lambda nn: nn.SiLU(inplace=True),
        lambda nn: nn.LeakyReLU(0.1, inplace=True),
        lambda nn: nn.Dropout(1.0, inplace=True),
    ],
)
def test_in_place_layers_write_over_their_input(make):
    theirs, ours = make(torch.nn), make(nn)
    assert repr(ours) == repr(theirs)
    values = np.linspace(-2, 2, 12, dtype=np.float32)
    x, y = torch.from_numpy(values.copy()).requires_grad_(), engine.from_numpy(values.copy()).requires_grad_()
    inner, mine = x * 2, y * 2
    theirs(inner).sum().backward()
    ours(mine).sum().backward()
    close(mine.detach().numpy(), inner, "input afterwards")
    close(y.grad.numpy(), x.grad, "gradient")


def test_dropout_keeps_the_share_and_scales_the_rest():
    engine.manual_seed(0)
    x = engine.ones(100_000, requires_grad=True)
    out = nn.Dropout(0.3)(x)
    kept = out.detach().numpy() != 0
    assert kept.mean() == pytest.approx(0.7, abs=0.01)
    np.testing.assert_allclose(out.detach().numpy()[kept], 1 / 0.7, rtol=1e-6)
    out.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), out.detach().numpy())


LEFT_OUT = {
    "MaxPool2d": {"return_indices"},
    "MaxPool1d": {"return_indices"},
    "Embedding": {"scale_grad_by_freq", "sparse", "_weight", "_freeze"},
    "MSELoss": {"size_average", "reduce"},
    "L1Loss": {"size_average", "reduce"},
    "CrossEntropyLoss": {"size_average", "reduce"},
    "BCEWithLogitsLoss": {"size_average", "reduce"},
}
"""Arguments of PyTorch's that are deprecated or choose its own storage; those behind them are given by name."""


@pytest.mark.parametrize(
    "name",
    ["Linear", "Conv2d", "MaxPool2d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "LayerNorm", "Dropout", "Flatten",
     "Conv1d", "ConvTranspose1d", "ConvTranspose2d", "MaxPool1d", "AvgPool1d", "AdaptiveAvgPool1d",
     "AdaptiveAvgPool2d", "Upsample", "GroupNorm", "MultiheadAttention", "TransformerEncoder",
     "Embedding", "ReLU", "LeakyReLU", "GELU", "SiLU", "Softmax", "MSELoss", "L1Loss", "CrossEntropyLoss",
     "BCEWithLogitsLoss"],
)  # fmt: skip
def test_arguments_order_and_defaults_are_pytorchs(name):
    def arguments(cls):
        found = inspect.signature(cls.__init__).parameters.values()
        return {p.name: p.default for p in found if p.name not in {"self", *LEFT_OUT.get(name, ())}}

    ours, theirs = arguments(getattr(nn, name)), arguments(getattr(torch.nn, name))
    assert ours == theirs
    assert list(ours) == list(theirs)


def test_module_list_repr_agrees():
    def make(nn):
        return nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU(), nn.Sequential(nn.Tanh()), nn.ModuleList()])

    assert repr(make(nn)) == repr(make(torch.nn))


def test_a_users_module_reads_as_pytorchs():
    def make(nn):
        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.body = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
                self.head = nn.Linear(2, 1)

            def extra_repr(self):
                return "depth=2"

        return Block()

    assert repr(make(nn)) == repr(make(torch.nn))


@pytest.mark.parametrize("name", ["Linear", "Conv2d", "Conv1d", "ConvTranspose2d", "Embedding"])
def test_first_values_have_pytorchs_distribution(name):
    make = {"Linear": lambda nn: nn.Linear(400, 300), "Conv2d": lambda nn: nn.Conv2d(60, 80, 5),
            "Conv1d": lambda nn: nn.Conv1d(160, 180, 5), "ConvTranspose2d": lambda nn: nn.ConvTranspose2d(60, 90, 5),
            "Embedding": lambda nn: nn.Embedding(500, 200)}[name]  # fmt: skip
    theirs, ours = make(torch.nn), make(nn)
    for expected, got in zip(theirs.parameters(), ours.parameters(), strict=True):
        if expected.numel() < 1000:
            continue  # too few for a distribution; their bounds are tested with the engine's own tests
        expected, got = expected.detach().numpy(), got.detach().numpy()
        quantiles = [0.05, 0.25, 0.5, 0.75, 0.95]
        tolerance = 0.02 * expected.std()
        np.testing.assert_allclose(np.quantile(got, quantiles), np.quantile(expected, quantiles), atol=tolerance)


def test_state_dicts_pass_through_a_file_between_the_two(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    theirs = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    ours = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    safetensors.save_file(theirs.state_dict(), tmp_path / "theirs")
    ours.load_state_dict(engine.load(tmp_path / "theirs"))
    engine.save(ours.state_dict(), tmp_path / "ours")
    found, expected = safetensors.load_file(tmp_path / "ours"), theirs.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(value, expected[key]) for key, value in found.items())
