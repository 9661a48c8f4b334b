"""PyTorch's `torch.utils.data`: the names of `engine.data` that scripts look for here."""

from engine.data.dataset import ConcatDataset, Dataset, Subset, TensorDataset, random_split
from engine.data.loader import DataLoader, default_collate
from engine.data.samplers import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "random_split",
]
