"""Images with boxes and masks, by the names of `torchvision.transforms.v2`; tables by scikit-learn's; texts as rows.

>>> from engine.data import transforms
>>> transforms.RandomRotation((0, 10))
RandomRotation(degrees=(0.0, 10.0), interpolation='nearest', center=None, fill=0.0)
"""

import importlib
from typing import Any

_PARTS = {
    "base": ("Transform",),
    "colour": ("ColorJitter", "GaussianBlur", "Grayscale", "Normalize", "RandomErasing", "RandomGrayscale", "ToDtype"),
    "compose": ("ClampBoundingBoxes", "Compose", "RandomApply", "RandomChoice", "SanitizeBoundingBoxes"),
    "fitted": ("Fitted",),
    "geometry": ("CenterCrop", "Pad", "RandomAffine", "RandomCrop", "RandomHorizontalFlip", "RandomResizedCrop",
                 "RandomRotation", "RandomVerticalFlip", "Resize"),
    "mixing": ("CutMix", "MixUp"),
    "rows": ("BucketSampler", "pad_rows"),
    "table": ("MinMaxScaler", "OneHotEncoder", "OrdinalEncoder", "RobustScaler", "SimpleImputer", "StandardScaler"),
    "text": ("SPECIALS", "BPETokenizer", "CharTokenizer", "Tokenizer", "Vocabulary", "WordTokenizer"),
}  # fmt: skip
_HOMES = {name: part for part, names in _PARTS.items() for name in names}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Each part is loaded when it is asked for: the window needs images alone, and that at once."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
