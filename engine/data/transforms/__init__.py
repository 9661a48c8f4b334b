"""Transforms of images with their boxes and masks, by the names of `torchvision.transforms.v2`."""

from engine.data.transforms.base import Transform
from engine.data.transforms.colour import (
    ColorJitter,
    GaussianBlur,
    Grayscale,
    Normalize,
    RandomErasing,
    RandomGrayscale,
    ToDtype,
)
from engine.data.transforms.compose import (
    ClampBoundingBoxes,
    Compose,
    RandomApply,
    RandomChoice,
    SanitizeBoundingBoxes,
)
from engine.data.transforms.geometry import (
    CenterCrop,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
)
from engine.data.transforms.mixing import CutMix, MixUp

__all__ = [
    "CenterCrop",
    "ClampBoundingBoxes",
    "ColorJitter",
    "Compose",
    "CutMix",
    "GaussianBlur",
    "Grayscale",
    "MixUp",
    "Normalize",
    "Pad",
    "RandomAffine",
    "RandomApply",
    "RandomChoice",
    "RandomCrop",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "SanitizeBoundingBoxes",
    "ToDtype",
    "Transform",
]
