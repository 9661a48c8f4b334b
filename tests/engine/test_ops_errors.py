"""Wrong shapes, dtypes and values: each a plain sentence, with the fix where a parameter would mend it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import engine
import engine.nn.functional as F
from engine import nn
from engine.errors import EngineError, OptionError, ShapeError, TypeMismatch


def ones(*shape):
    return engine.ones(*shape)


WITH_FIX = [
    ("linear_features", lambda: F.linear(ones(2, 512), ones(10, 256)),
     "Linear: 512 features arrive, expected 256 input features; set in_features to 512.",
     [("set_parameter", "in_features", 512)]),
    ("linear_image", lambda: F.linear(ones(2, 8, 4, 4), ones(10, 128)),
     "Linear: a tensor of 2 x 8 x 4 x 4 arrives, expected 128 input features; "
     "insert Flatten before it, which makes 128 features.",
     [("insert_before", "Flatten", None), ("set_parameter", "in_features", 4)]),
    ("conv_channels", lambda: F.conv2d(ones(2, 1, 8, 8), ones(4, 3, 3, 3)),
     "Conv2d: 1 channel arrives, expected 3; set in_channels to 1.", [("set_parameter", "in_channels", 1)]),
    ("conv_kernel", lambda: F.conv2d(ones(2, 3, 2, 4), ones(4, 3, 5, 5)),
     "Conv2d: a window of 5 x 5 does not fit into an image of 2 x 4, "
     "expected a window no larger than the image with its padding; set kernel_size to 2.",
     [("set_parameter", "kernel_size", 2)]),
    ("conv_vector", lambda: F.conv2d(ones(2, 3), ones(4, 3, 5, 5)),
     "Conv2d: a tensor of 2 x 3 arrives, expected images (N, channels, height, width).", []),
    ("pool_window", lambda: F.max_pool2d(ones(2, 3, 1, 1), 2),
     "MaxPool2d: a window of 2 x 2 does not fit into an image of 1 x 1, expected a window no larger than the image; "
     "set kernel_size to 1, or remove the layer.",
     [("set_parameter", "kernel_size", 1), ("remove", "", None)]),
    ("batch_norm_channels", lambda: F.batch_norm(ones(2, 5, 3), ones(4), ones(4), training=True),
     "BatchNorm: 5 channels arrive, expected 4; set num_features to 5.", [("set_parameter", "num_features", 5)]),
    ("layer_norm_shape", lambda: F.layer_norm(ones(2, 5), 4),
     "LayerNorm: the last axes are 5, expected 4; set normalized_shape to 5.",
     [("set_parameter", "normalized_shape", 5)]),
]  # fmt: skip


@pytest.mark.parametrize(("act", "sentence", "fixes"), [c[1:] for c in WITH_FIX], ids=[c[0] for c in WITH_FIX])
def test_a_layer_that_does_not_fit_says_so_and_offers_the_fix(act, sentence, fixes):
    with pytest.raises(ShapeError) as caught:
        act()
    assert str(caught.value) == sentence
    assert [(fix.action, fix.name, fix.value) for fix in caught.value.fixes] == fixes
    with engine.device("meta"), pytest.raises(ShapeError) as inferred:
        act()
    assert str(inferred.value) == sentence


ONE_OF_A_KIND = [
    (lambda: F.linear(ones(2, 1), ones(10, 256)), "1 feature arrives, "),
    (lambda: F.conv_transpose2d(ones(2, 1, 8, 8), ones(3, 3, 3, 3)), "1 channel arrives, "),
    (lambda: F.batch_norm(ones(2, 1, 3), ones(4), ones(4)), "1 channel arrives, "),
    (lambda: F.group_norm(ones(2, 1, 3), 2), ": 1 channel in 2 groups, "),
    (lambda: F.prelu(ones(2, 1), ones(3)), "1 channel arrives, "),
    (lambda: F.glu(ones(2, 1)), "has 1 value, "),
    (lambda: F.pixel_shuffle(ones(2, 1, 8, 8), 2), "1 channel arrives, "),
    (lambda: F.pad(ones(2, 3), (1,)), ": 1 number for a tensor of 2 x 3, "),
    (lambda: F.embedding(engine.tensor([1]), ones(1, 3)), "a table of 1 row, "),
    (lambda: F.cross_entropy(ones(2, 1), engine.tensor([0, 1])), "there are scores for 1 class, "),
    (lambda: nn.Reshape((3,))(ones(2, 1)), "a sample of 1 value arrives (1), "),
    (lambda: nn.GroupNorm(2, 1), "1 channel in 2 groups, "),
    (lambda: nn.MultiheadAttention(1, 2), "1 feature for 2 heads, "),
    (lambda: nn.init.eye_(ones(3)), "1 axis, "),
    (lambda: ones(3).tril(), "1 axis arrives, "),
    (lambda: ones(1).reshape(2), "1 has 1 element, "),
    (lambda: ones(2, 3).roll((1, 2), (0,)), "2 shifts and 1 axis, "),
    (lambda: engine.einsum("i,j->ij", ones(1)), "2 terms and 1 tensor, "),
]


@pytest.mark.parametrize(("act", "says"), ONE_OF_A_KIND, ids=[says for _, says in ONE_OF_A_KIND])
def test_one_of_a_kind_is_told_in_the_singular(act, says):
    with pytest.raises(EngineError) as caught:
        act()
    assert says in str(caught.value)


MISTAKES = [
    (lambda: F.batch_norm(ones(1, 4), None, None, training=True), ShapeError, "use a larger batch"),
    (lambda: F.batch_norm(ones(2, 4), None, None), TypeMismatch, "there are no running statistics"),
    (lambda: F.linear(ones(2, 3).double(), ones(4, 3)), TypeMismatch, "the input is float64"),
    (lambda: F.conv2d(ones(1, 3, 4, 4).double(), ones(4, 3, 3, 3)), TypeMismatch, "call .float() on the input"),
    (lambda: F.conv2d(ones(1, 3, 4, 4), ones(4, 3, 3, 3), padding="full"), TypeMismatch, '"same" or "valid"'),
    (lambda: F.conv2d(ones(1, 3, 4, 4), ones(4, 3, 3, 3), padding="same", stride=2), TypeMismatch, "expected stride 1"),
    (lambda: F.conv2d(ones(1, 3, 4, 4), ones(4, 3, 3, 3), stride=0), TypeMismatch, "stride is 0"),
    (lambda: F.conv2d(ones(1, 4, 4, 4), ones(3, 2, 3, 3), groups=2), ShapeError, "groups of equal size"),
    (lambda: F.max_pool2d(ones(1, 1, 4, 4), 2, padding=2), ShapeError, "at most half of the window"),
    (lambda: F.dropout(ones(2), 1.5), TypeMismatch, "expected a probability from 0 to 1"),
    (lambda: F.embedding(engine.tensor([0, 7]), ones(5, 2)), EngineError, "index 7 was asked of a table of 5 rows"),
    (lambda: F.embedding(engine.tensor([-1]), ones(5, 2)), EngineError, "index -1 was asked"),
    (lambda: F.embedding(ones(2), ones(5, 2)), TypeMismatch, "call .long()"),
    (lambda: F.cross_entropy(ones(2, 3), engine.tensor([0, 3])), EngineError, "let the last layer have 4 outputs"),
    (lambda: F.cross_entropy(ones(2, 3), engine.tensor([0, -1])), EngineError, "holds class -1"),
    (lambda: F.cross_entropy(ones(2, 3), engine.tensor([[0], [1]])), ShapeError, "call .squeeze(1) on the target"),
    (lambda: F.cross_entropy(ones(2, 3), engine.tensor([0, 1, 2])), ShapeError, "the target is 3, expected 2"),
    (lambda: F.cross_entropy(ones(2, 3), ones(2)), TypeMismatch, "call .long() on the target"),
    (lambda: F.cross_entropy(ones(2, 3), engine.tensor([0, 1]), ones(2)), ShapeError, "one for each class"),
    (lambda: F.cross_entropy(ones(2, 3), engine.tensor([0, 1]), reduction="avg"), TypeMismatch, '"mean", "sum"'),
    (lambda: F.cross_entropy(ones(2, 3), engine.tensor([0, 1]), label_smoothing=2), TypeMismatch, "from 0 to 1"),
    (lambda: F.mse_loss(ones(4, 1), ones(4)), ShapeError, "call .unsqueeze(1) on the target"),
    (lambda: F.binary_cross_entropy_with_logits(ones(4, 1), ones(4)), ShapeError, "expected one shape"),
    (lambda: F.binary_cross_entropy(ones(2) * 3, ones(2)), EngineError, "goes from 3 to 3, expected probabilities"),
    (lambda: F.nll_loss(ones(2, 3), engine.tensor([0, 3])), EngineError, "NLLLoss: the target holds class 3"),
    (lambda: F.smooth_l1_loss(ones(2), ones(2), beta=-1), OptionError, "beta is -1, expected 0 or more"),
    (lambda: F.huber_loss(ones(2), ones(2), delta=0), OptionError, "delta is 0, expected a number above 0"),
    (lambda: F.huber_loss(ones(2, 1), ones(2)), ShapeError, "call .unsqueeze(1) on the target"),
    (lambda: F.gaussian_nll_loss(ones(2), ones(2), -ones(2)), OptionError, "a variance is under 0"),
    (lambda: F.gaussian_nll_loss(ones(2, 3), ones(2, 3), ones(3)), ShapeError, "variances of 3 for 2 x 3"),
    (lambda: F.kl_div(ones(2), ones(3)), ShapeError, "KLDivLoss: 2 is compared with a target of 3"),
    (lambda: F.multi_margin_loss(ones(2, 3), engine.tensor([0, 5])), EngineError, "holds class 5"),
    (lambda: F.multi_margin_loss(ones(2, 3), engine.tensor([0, 1]), p=3), OptionError, "p is 3, expected 1 or 2"),
    (lambda: F.multilabel_margin_loss(ones(2), ones(2)), TypeMismatch, "call .long() on the target"),
    (lambda: F.multilabel_margin_loss(ones(2), engine.tensor([2, -1])), EngineError, "holds class 2"),
    (lambda: F.cosine_embedding_loss(ones(2, 3), ones(2, 3), ones(3)), ShapeError, "expected (N, D) and (N)"),
    (lambda: F.triplet_margin_loss(ones(2), ones(2), ones(2), margin=0), OptionError, "margin is 0"),
    (lambda: F.triplet_margin_loss(ones(2), ones(2), ones(3)), ShapeError, "are 2, 2, 3, expected one shape"),
    (lambda: F.ctc_loss(ones(3, 1, 2), engine.tensor([[2]]), (3,), (1,)), EngineError, "CTCLoss: the target holds"),
    (lambda: F.ctc_loss(ones(3, 1, 2), engine.tensor([[1]]), (4,), (1,)), EngineError, "inputs is 4, expected 0 to 3"),
    (lambda: F.ctc_loss(ones(3, 1, 2), engine.tensor([1, 1]), (3,), (1,)), ShapeError, "lengths that add up to 1"),
    (lambda: F.ctc_loss(ones(3, 1, 2), ones(1, 1), (3,), (1,)), TypeMismatch, "call .long() on them"),
    (lambda: F.ctc_loss(ones(3, 1, 2), engine.tensor([[1]]), (3,), (1,), blank=2), EngineError, "blank is 2"),
    (lambda: F.focal_loss(ones(2, 3), engine.tensor([0, 3])), EngineError, "FocalLoss: the target holds class 3"),
    (lambda: F.focal_loss(ones(2, 3), engine.tensor([0, 1]), -1), OptionError, "gamma is -1"),
    (lambda: F.dice_loss(ones(2, 3, 4), ones(2, 4)), TypeMismatch, "call .long() on the target"),
    (lambda: F.giou_loss(ones(2, 3), ones(2, 3)), ShapeError, "4 numbers on the last axis"),
    (lambda: F.gradient_penalty(lambda x: x.sum(1), ones(2, 3), ones(1, 3)), ShapeError, "real 1 x 3"),
    (lambda: F.gelu(ones(2), "fast"), TypeMismatch, '"none" or "tanh"'),
    (lambda: F.gelu(ones(2).long()), TypeMismatch, "call .float()"),
    (lambda: F.softmax(ones(2, 3), 2), ShapeError, "dim 2 was asked of 2 axes"),
    (lambda: F.one_hot(engine.tensor([3]), 2), ShapeError, "class 3, expected 0 to 1"),
    (lambda: F.pad(ones(2), (1, 1, 1, 1)), ShapeError, "a pair for each axis"),
    (lambda: F.pad(ones(2), (1, 1), mode="mirror"), TypeMismatch, "mode 'mirror'"),
]


@pytest.mark.parametrize(("act", "error", "sentence"), MISTAKES)
def test_mistakes_are_told_in_one_sentence(act, error, sentence):
    with pytest.raises(error) as caught:
        act()
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_dropout_keeps_the_mean_and_only_works_in_training():
    engine.manual_seed(0)
    x = engine.ones(100_000)
    out = F.dropout(x, 0.25)
    assert abs(float(out.mean()) - 1) < 0.01
    assert {round(v, 5) for v in out.tolist()} == {0.0, 1.33333}
    assert F.dropout(x, 0.25, training=False) is x
    assert float(F.dropout(x, 1.0).sum()) == 0


def test_random_masks_come_again_from_the_same_seed():
    masks = []
    for _ in range(2):
        engine.manual_seed(3)
        masks.append(F.dropout(engine.ones(50)).tolist())
    assert masks[0] == masks[1]


def test_a_mean_over_no_target_is_no_number():
    loss = F.cross_entropy(engine.ones(2, 3, requires_grad=True), engine.tensor([-100, -100]))
    assert loss.isnan().item()


def test_the_engine_imports_nothing_heavy_and_its_parts_when_asked():
    heavy = ("llvmlite", "scipy", "numpy.random", "PySide6", "cupy", "engine.nn", "engine.optim", "engine.data",
             "engine.graph")  # fmt: skip
    script = (
        "import sys, engine\n"
        f"print([m for m in {heavy} if m in sys.modules])\n"
        "engine.nn.Linear, engine.optim.SGD, engine.data.DataLoader, engine.save, engine.load, engine.cuda\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
