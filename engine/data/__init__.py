"""Data: named, typed fields from tables, folders of images and arrays, dealt out in batches."""

from engine.data.augment import Augmentation
from engine.data.dataset import ConcatDataset, Dataset, FieldDataset, Subset, TensorDataset, random_split
from engine.data.inputs import read_inputs, sample_from_inputs
from engine.data.loader import DataLoader, default_collate
from engine.data.prepare import Preparation, part_sizes, split
from engine.data.preview import Preview, preview
from engine.data.readers import check_batch, describe, fitting_batch, open
from engine.data.samplers import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from engine.data.shipped import BundledSet, bundled
from engine.data.source import Cancelled, Progress
from engine.data.spec import Choice, DataSpec, FieldSpec

__all__ = [
    "Augmentation",
    "BatchSampler",
    "BundledSet",
    "Cancelled",
    "Choice",
    "ConcatDataset",
    "DataLoader",
    "DataSpec",
    "Dataset",
    "FieldDataset",
    "FieldSpec",
    "Preparation",
    "Preview",
    "Progress",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "bundled",
    "check_batch",
    "default_collate",
    "describe",
    "fitting_batch",
    "open",
    "part_sizes",
    "preview",
    "random_split",
    "read_inputs",
    "sample_from_inputs",
    "split",
]
