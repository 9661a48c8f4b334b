"""Data: named, typed fields from tables, folders of images and arrays, dealt out in batches."""

from engine.data.augment import Augmentation
from engine.data.collate import default_collate, default_convert
from engine.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    FieldDataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from engine.data.inputs import read_inputs, sample_from_inputs
from engine.data.loader import DataLoader
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
from engine.data.workers import get_worker_info

__all__ = [
    "Augmentation",
    "BatchSampler",
    "BundledSet",
    "Cancelled",
    "ChainDataset",
    "Choice",
    "ConcatDataset",
    "DataLoader",
    "DataSpec",
    "Dataset",
    "FieldDataset",
    "FieldSpec",
    "IterableDataset",
    "Preparation",
    "Preview",
    "Progress",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "bundled",
    "check_batch",
    "default_collate",
    "default_convert",
    "describe",
    "fitting_batch",
    "get_worker_info",
    "open",
    "part_sizes",
    "preview",
    "random_split",
    "read_inputs",
    "sample_from_inputs",
    "split",
]
