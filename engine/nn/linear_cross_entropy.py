"""A last linear layer and cross-entropy in one."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from engine.errors import OptionError, ShapeError
from engine.nn import functional as F
from engine.nn.linear import Linear
from engine.nn.losses import Loss
from engine.ops.base import times
from engine.tensor import Tensor
from engine.wording import counted

POLICIES = ("auto", "accurate", "balanced", "compact")


@dataclass(frozen=True, slots=True)
class LinearCrossEntropyOptions:
    """How PyTorch cuts a batch into chunks to save memory; taken for scripts' sake, as no result depends on it.

    Here the scores of a batch are made at once, whatever is chosen.

    Args:
        allow_retain_graph: Whether there may be a second walk back; here there always may.
        batch_chunk_size: Samples in one chunk.
        chunking_method: "auto", "aspect_ratio", "aspect_ratio:2" and so on, or None.
        acc_policy: "auto", "accurate", "balanced" or "compact".
        acc_dtype: The dtype of sums within the loss; None, as sums are made in the input's dtype.

    Raises:
        OptionError: a value that is none of these.

    Example:
        >>> LinearCrossEntropyOptions(batch_chunk_size=64).chunking_method
        'auto'
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        if self.acc_policy not in POLICIES:
            self._refuse("acc_policy", "one of " + ", ".join(POLICIES))
        if self.chunking_method is not None and not re.fullmatch(
            "auto|aspect_ratio(:0*[1-9][0-9]*)?", self.chunking_method
        ):
            self._refuse("chunking_method", "auto, aspect_ratio, aspect_ratio:2 and so on, or None")
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            self._refuse("batch_chunk_size", "a whole number over 0, or None")
        if self.acc_dtype is not None:
            self._refuse("acc_dtype", "None: sums are made in the input's dtype")

    def _refuse(self, name: str, expected: str) -> None:
        raise OptionError(type(self).__name__, got=f"{name} is {getattr(self, name)!r}", expected=expected)


class LinearCrossEntropyLoss(Loss):
    """How surprised a network is by the right class, whose scores a linear layer of the loss itself makes.

    loss = mean of -log softmax(input Wᵀ + b)[target]

    Args:
        in_features: Features of a sample.
        num_classes: Number of classes.
        out_features: Lengths of further axes, where each sample has a class at each of some places.
        bias: Whether b is added and learned.
        reduction: Whether the samples are averaged or summed, or "none" for the loss of each.
        weight: How much each class counts, one number a class.
        ignore_index: Samples with this target are left out; None for -100.
        label_smoothing: Share of the target spread evenly over all classes; 0 to 1.
        options: PyTorch's choice of chunks, which nothing depends on.

    Shape:
        input: (N, in_features) or (in_features); target: (N, *out_features) class numbers, or probabilities
        (N, num_classes, *out_features) -> ()

    Raises:
        ShapeError: not one weight for each class.
        OptionError: a label_smoothing outside 0 to 1.

    Example:
        >>> import engine
        >>> loss = engine.nn.LinearCrossEntropyLoss(5, 10, out_features=(4, 3))
        >>> loss(engine.randn(2, 5), engine.zeros(2, 4, 3, dtype=engine.int64)).shape
        ()
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device=None,
        dtype=None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ):
        super().__init__(reduction=reduction)
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise ShapeError("LinearCrossEntropyLoss", got=f"weights of {times(weight.shape)}",
                             expected=f"one for each of {counted(num_classes, 'class')}")  # fmt: skip
        if not 0 <= label_smoothing <= 1:
            raise OptionError("LinearCrossEntropyLoss", got=f"label_smoothing is {label_smoothing}",
                              expected="a number from 0 to 1")  # fmt: skip
        self.register_buffer("weight", weight)
        self.num_classes, self.out_features = num_classes, out_features
        self.ignore_index, self.label_smoothing, self.options = ignore_index, label_smoothing, options
        self.linear = Linear(in_features, math.prod(out_features, start=num_classes), bias, device=device, dtype=dtype)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        scores = (self.num_classes, *self.out_features)  # of one sample
        bias = self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*scores, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(*scores),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        said = {"in_features": self.linear.in_features, "num_classes": self.num_classes,
                "out_features": self.out_features, "bias": self.linear.bias is not None, "reduction": self.reduction,
                "ignore_index": self.ignore_index, "label_smoothing": self.label_smoothing,
                "options": self.options}  # fmt: skip
        return ", ".join(f"{name}={value}" for name, value in said.items())
