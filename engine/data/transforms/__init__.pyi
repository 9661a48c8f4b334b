from engine.data.transforms.affine import RandomAffine, RandomRotation
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
from engine.data.transforms.compose import ClampBoundingBoxes, Compose, RandomApply, RandomChoice, SanitizeBoundingBoxes
from engine.data.transforms.fitted import Fitted
from engine.data.transforms.geometry import (
    CenterCrop,
    Pad,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomVerticalFlip,
    Resize,
)
from engine.data.transforms.mixing import CutMix, MixUp
from engine.data.transforms.rows import BucketSampler, pad_rows
from engine.data.transforms.table import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    SimpleImputer,
    StandardScaler,
)
from engine.data.transforms.text import SPECIALS, BPETokenizer, CharTokenizer, Tokenizer, Vocabulary, WordTokenizer

__all__ = [
    "SPECIALS",
    "BPETokenizer",
    "BucketSampler",
    "CenterCrop",
    "CharTokenizer",
    "ClampBoundingBoxes",
    "ColorJitter",
    "Compose",
    "CutMix",
    "Fitted",
    "GaussianBlur",
    "Grayscale",
    "MinMaxScaler",
    "MixUp",
    "Normalize",
    "OneHotEncoder",
    "OrdinalEncoder",
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
    "RobustScaler",
    "SanitizeBoundingBoxes",
    "SimpleImputer",
    "StandardScaler",
    "ToDtype",
    "Tokenizer",
    "Transform",
    "Vocabulary",
    "WordTokenizer",
    "pad_rows",
]
