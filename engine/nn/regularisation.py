"""Layers that keep a network from learning its training data by heart."""

from __future__ import annotations

from typing import Annotated

from engine.describe import Hidden, Range, layer
from engine.errors import Fix, ShapeError
from engine.nn import functional as F
from engine.nn.module import Module
from engine.tensor import Tensor

Share = Annotated[float, Range(0.0, 1.0)]
InPlace = Annotated[bool, Hidden()]


class _Dropout(Module):
    """What all kinds of dropout share."""

    def __init__(self, p: Share = 0.5, inplace: InPlace = False):
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ShapeError(type(self).__name__, got=f"p={p}", expected="a probability from 0 to 1",
                             fixes=(Fix("Set p to 0.5", "set_parameter", name="p", value=0.5),))  # fmt: skip
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


@layer("Dropout", category="Regularisation", synonyms=("drop", "regularise", "overfitting", "noise"))
class Dropout(_Dropout):
    """Sets random values to zero while training, so that the network cannot lean on single units.

    y = x · mask / (1 - p), with mask 0 with probability p, else 1; in evaluation y = x

    Srivastava et al., 2014.

    Args:
        p: Share of values set to zero, 0 to 1.
        inplace: Write the result over the input.

    Shape:
        x: any -> the same

    Raises:
        ShapeError: a p outside 0 to 1.

    Example:
        >>> import engine
        >>> engine.nn.Dropout(0.5).eval()(engine.ones(2)).tolist()
        [1.0, 1.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p, self.training, self.inplace)


@layer(
    "Dropout of channels 1-D",
    category="Regularisation",
    synonyms=("dropout1d", "spatial dropout", "sequence"),
    axes=("channels", "length"),
)
class Dropout1d(_Dropout):
    """Sets whole channels of a sequence to zero while training, as neighbouring values say much the same.

    y = x · mask / (1 - p), with the mask of a whole channel 0 with probability p, else 1; in evaluation y = x

    Tompson et al., 2015.

    Args:
        p: Share set to zero, 0 to 1.
        inplace: Write the result over the input.

    Shape:
        x: (N, C, L) or (C, L) -> the same

    Raises:
        ShapeError: a p outside 0 to 1.

    Example:
        >>> import engine
        >>> tuple(engine.nn.Dropout1d(0.5)(engine.ones(2, 4, 9)).shape)
        (2, 4, 9)
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout1d(x, self.p, self.training, self.inplace)


@layer(
    "Dropout of channels",
    category="Regularisation",
    synonyms=("dropout2d", "spatial dropout", "image"),
    axes=("channels", "height", "width"),
)
class Dropout2d(_Dropout):
    """Sets whole channels of an image to zero while training, as neighbouring pixels say much the same.

    y = x · mask / (1 - p), with the mask of a whole channel 0 with probability p, else 1; in evaluation y = x

    Tompson et al., 2015.

    Args:
        p: Share set to zero, 0 to 1.
        inplace: Write the result over the input.

    Shape:
        x: (N, C, H, W) -> the same

    Raises:
        ShapeError: a p outside 0 to 1.

    Example:
        >>> import engine
        >>> tuple(engine.nn.Dropout2d(0.5)(engine.ones(2, 4, 5, 5)).shape)
        (2, 4, 5, 5)
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout2d(x, self.p, self.training, self.inplace)


@layer("Dropout of channels 3-D", category="Regularisation", axes=("channels", "depth", "height", "width"),
       synonyms=("dropout3d", "spatial dropout", "volume"))  # fmt: skip
class Dropout3d(_Dropout):
    """Sets whole channels of a volume to zero while training, as neighbouring places say much the same.

    y = x · mask / (1 - p), with the mask of a whole channel 0 with probability p, else 1; in evaluation y = x

    Tompson et al., 2015.

    Args:
        p: Share set to zero, 0 to 1.
        inplace: Write the result over the input.

    Shape:
        x: (N, C, D, H, W) or (C, D, H, W) -> the same

    Raises:
        ShapeError: a p outside 0 to 1.

    Example:
        >>> import engine
        >>> tuple(engine.nn.Dropout3d(0.5)(engine.ones(2, 4, 3, 5, 5)).shape)
        (2, 4, 3, 5, 5)
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout3d(x, self.p, self.training, self.inplace)


@layer("Alpha dropout", category="Regularisation", synonyms=("selu dropout", "self-normalising", "overfitting"))
class AlphaDropout(_Dropout):
    """Dropout for SELU networks: it sets random values to what SELU tends to below, and keeps mean and deviation.

    y = a · (x · mask - 1.7581 · (1 - mask)) + b, with a and b such that mean 0 and deviation 1 stay

    Klambauer et al., 2017.

    Args:
        p: Share of values that are set, 0 to 1.
        inplace: Write the result over the input.

    Shape:
        x: any -> the same

    Raises:
        ShapeError: a p outside 0 to 1.

    Example:
        >>> import engine
        >>> tuple(engine.nn.AlphaDropout(0.5)(engine.ones(2, 4)).shape)
        (2, 4)
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.alpha_dropout(x, self.p, self.training, self.inplace)


@layer(
    "Alpha dropout of channels",
    category="Regularisation",
    synonyms=("feature alpha dropout", "selu dropout", "spatial dropout"),
)
class FeatureAlphaDropout(_Dropout):
    """Alpha dropout of whole channels.

    y = a · (x · mask - 1.7581 · (1 - mask)) + b, with a and b such that mean 0 and deviation 1 stay

    Klambauer et al., 2017.

    Args:
        p: Share of channels that are set, 0 to 1.
        inplace: Write the result over the input.

    Shape:
        x: (N, C, ...) -> the same

    Raises:
        ShapeError: a p outside 0 to 1.

    Example:
        >>> import engine
        >>> tuple(engine.nn.FeatureAlphaDropout(0.5)(engine.ones(2, 4, 5, 5)).shape)
        (2, 4, 5, 5)
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.feature_alpha_dropout(x, self.p, self.training, self.inplace)
