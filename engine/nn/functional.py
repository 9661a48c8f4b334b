"""Functions of networks by PyTorch's names; the layers of `engine.nn` hold parameters and call these."""

from __future__ import annotations

from engine.errors import ShapeError, TypeMismatch
from engine.nn.activation_functional import (
    celu,
    celu_,
    elu,
    elu_,
    gelu,
    glu,
    gumbel_softmax,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    hardtanh_,
    leaky_relu,
    leaky_relu_,
    log_softmax,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    relu_,
    rrelu,
    rrelu_,
    selu,
    selu_,
    sigmoid,
    silu,
    softmax,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
    threshold_,
)
from engine.nn.adversarial_losses_functional import (
    generator_loss,
    gradient_penalty,
    hinge_critic_loss,
    wasserstein_critic_loss,
)
from engine.nn.attention_functional import scaled_dot_product_attention
from engine.nn.convolution_functional import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from engine.nn.distance_functional import bilinear, cosine_similarity, pairwise_distance
from engine.nn.losses_functional import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    mse_loss,
    nll_loss,
)
from engine.nn.margin_losses_functional import (
    bpr_loss,
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from engine.nn.normalisation_functional import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    rms_norm,
)
from engine.nn.padding_functional import fold, pad, unfold
from engine.nn.pooling_functional import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool1d_with_indices,
    adaptive_max_pool2d,
    adaptive_max_pool2d_with_indices,
    avg_pool1d,
    avg_pool2d,
    lp_pool1d,
    lp_pool2d,
    max_pool1d,
    max_pool1d_with_indices,
    max_pool2d,
    max_pool2d_with_indices,
    max_unpool1d,
    max_unpool2d,
)
from engine.nn.rearrange_functional import channel_shuffle, pixel_shuffle, pixel_unshuffle
from engine.nn.region_losses_functional import (
    dice_loss,
    focal_loss,
    giou_loss,
    sigmoid_focal_loss,
    tversky_loss,
)
from engine.nn.regression_losses_functional import (
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    poisson_nll_loss,
    smooth_l1_loss,
)
from engine.nn.regularisation_functional import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from engine.nn.resampling_functional import interpolate
from engine.nn.sequence_losses_functional import (
    ctc_loss,
)
from engine.nn.sparse_functional import embedding, embedding_bag
from engine.nn.volume_functional import conv3d, conv_transpose3d
from engine.ops import indexing, products
from engine.tensor import Tensor, apply
from engine.tensor.functions.products import pdist
from engine.tensor.tape import mode

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "bpr_loss",
    "celu",
    "celu_",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dice_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "elu_",
    "embedding",
    "embedding_bag",
    "feature_alpha_dropout",
    "focal_loss",
    "fold",
    "gaussian_nll_loss",
    "gelu",
    "generator_loss",
    "giou_loss",
    "glu",
    "gradient_penalty",
    "group_norm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "hinge_critic_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "local_response_norm",
    "log_softmax",
    "logsigmoid",
    "lp_pool1d",
    "lp_pool2d",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "mish",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pdist",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rms_norm",
    "rrelu",
    "rrelu_",
    "scaled_dot_product_attention",
    "selu",
    "selu_",
    "sigmoid",
    "sigmoid_focal_loss",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "tversky_loss",
    "unfold",
    "wasserstein_critic_loss",
]

LINEAR = products.Linear()


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x Wᵀ + b.

    Shape:
        input (..., I), weight (O, I), bias (O) -> (..., O)

    Raises:
        ShapeError: where the last axis of the input is not I.

    >>> import engine
    >>> linear(engine.ones(2, 3), engine.ones(4, 3)).shape
    (2, 4)
    """
    if input.array.dtype != weight.array.dtype and mode.autocast is None:
        products.same_dtype("Linear", input, weight)
    return apply(LINEAR, input, weight, bias)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the class, 0 elsewhere.

    Shape:
        (...) -> (..., num_classes)

    >>> import engine
    >>> one_hot(engine.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if tensor.dtype.kind not in "iu":
        raise TypeMismatch("one_hot", got=f"the classes are {tensor.dtype}", expected="whole numbers")
    if tensor.numel() and not tensor.is_meta:
        low, high = int(tensor.min()), int(tensor.max())
        if num_classes == -1:
            num_classes = high + 1
        if low < 0 or high >= num_classes:
            raise ShapeError("one_hot", got=f"class {low if low < 0 else high}", expected=f"0 to {num_classes - 1}")
    return apply(indexing.OneHot(num_classes), tensor)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(|x|_p, eps) along an axis."""
    return input / input.norm(p, dim, True).clamp(min=eps)
