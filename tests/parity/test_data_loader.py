"""Data sets, collating and the loader beside PyTorch's: same batches, dtypes and lengths."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine.data import DataLoader, Subset, TensorDataset, default_collate, random_split  # noqa: E402

torch_data = torch.utils.data


def plain(batch):
    """Tensors as (dtype name, nested list), containers as they are."""
    if hasattr(batch, "dtype"):
        return str(batch.dtype).split(".")[-1], batch.tolist()
    if isinstance(batch, dict):
        return {key: plain(value) for key, value in batch.items()}
    return [plain(value) for value in batch] if isinstance(batch, list | tuple) else batch


@pytest.mark.parametrize(
    "samples",
    [
        [1, 2, 3],
        [0.5, 1.5],
        [True, False],
        ["a", "b"],
        [(1, 0.5), (2, 1.5)],
        [[1, 2], [3, 4]],
        [{"x": 1, "y": "a"}, {"x": 2, "y": "b"}],
        [np.float32(1), np.float32(2)],
        [np.ones((2, 3)), np.zeros((2, 3))],
        [np.arange(3), np.arange(3)],
        [(np.ones(2, np.float32), {"k": [1, 2]}), (np.zeros(2, np.float32), {"k": [3, 4]})],
    ],
)
def test_collating_gives_the_same_values_and_dtypes(samples):
    assert plain(default_collate(samples)) == plain(torch_data.default_collate(samples))


@pytest.mark.parametrize("batch_size", [1, 3, 10, 11])
@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_are_the_same(batch_size, drop_last):
    features, target = np.random.default_rng(0).random((10, 4), np.float32), np.arange(10)
    ours = DataLoader(
        TensorDataset(engine.tensor(features), engine.tensor(target)), batch_size=batch_size, drop_last=drop_last
    )
    theirs = torch_data.DataLoader(
        torch_data.TensorDataset(torch.tensor(features), torch.tensor(target)),
        batch_size=batch_size,
        drop_last=drop_last,
    )
    assert len(ours) == len(theirs)
    assert [plain(batch) for batch in ours] == [plain(batch) for batch in theirs]


@pytest.mark.parametrize("lengths", [[7, 3], [0.5, 0.5], [0.5, 0.25, 0.25], [0.1] * 10, [0.33, 0.33, 0.34]])
@pytest.mark.parametrize("count", [10, 11])
def test_random_split_deals_out_as_many(lengths, count):
    if sum(lengths) > 1 and sum(lengths) != count:
        lengths = [count - 3, 3]
    ours = random_split(range(count), lengths)
    assert [len(part) for part in ours] == [len(part) for part in torch_data.random_split(range(count), lengths)]
    assert sorted(index for part in ours for index in part.indices) == list(range(count))


@pytest.mark.parametrize(
    "arguments",
    [
        {"shuffle": True, "sampler": [1]},
        {"batch_sampler": [[1]], "batch_size": 2},
        {"batch_size": None, "drop_last": True},
        {"batch_size": 0},
    ],
)
def test_the_same_arguments_are_refused(arguments):
    for loader, dataset in ((DataLoader, TensorDataset), (torch_data.DataLoader, torch_data.TensorDataset)):
        values = engine.zeros(4) if dataset is TensorDataset else torch.zeros(4)
        with pytest.raises(ValueError):  # noqa: PT011  (the kind of error is what is compared)
            loader(dataset(values), **arguments)


def test_subsets_and_samplers_give_the_same_batches():
    ours = Subset(TensorDataset(engine.arange(10)), [7, 2, 5])
    theirs = torch_data.Subset(torch_data.TensorDataset(torch.arange(10)), [7, 2, 5])
    assert plain(ours[1]) == plain(theirs[1])
    for arguments in ({"batch_size": 2}, {"sampler": [2, 0]}, {"batch_sampler": [[1, 0], [2]]}, {"batch_size": None}):
        batches = [plain(batch) for batch in DataLoader(ours, **arguments)]
        assert batches == [plain(batch) for batch in torch_data.DataLoader(theirs, **arguments)]


SAMPLERS = {
    "sequential": lambda data, rows: data.SequentialSampler(rows),
    "batches": lambda data, rows: data.BatchSampler(data.SequentialSampler(rows), 3, False),
    "whole batches": lambda data, rows: data.BatchSampler([4, 1, 2, 6], 3, True),
    "one possible": lambda data, rows: data.WeightedRandomSampler([0.0, 0.0, 3.0], 4),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_without_chance_give_the_same_indices(name):
    ours, theirs = (SAMPLERS[name](data, range(7)) for data in (engine.utils.data, torch_data))
    assert list(ours) == list(theirs)
    assert len(ours) == len(theirs)


DRAWN = {
    "random": lambda data, g: data.RandomSampler(range(50), generator=g),
    "more than there are": lambda data, g: data.RandomSampler(range(5), num_samples=60, generator=g),
    "with replacement": lambda data, g: data.RandomSampler(range(5), True, 60, generator=g),
    "of some": lambda data, g: data.SubsetRandomSampler([9, 4, 7], generator=g),
    "weighted": lambda data, g: data.WeightedRandomSampler([1.0, 0.0, 9.0], 300, generator=g),
    "weighted, each once": lambda data, g: data.WeightedRandomSampler([1.0, 2.0, 9.0, 0.0], 3, False, generator=g),
}


@pytest.mark.parametrize("name", DRAWN)
def test_samplers_draw_from_the_same_indices_as_often_and_again_with_the_same_seed(name):
    ours = list(DRAWN[name](engine.utils.data, engine.Generator().manual_seed(4)))
    again = list(DRAWN[name](engine.utils.data, engine.Generator().manual_seed(4)))
    theirs = list(DRAWN[name](torch_data, torch.Generator().manual_seed(4)))
    assert ours == again
    assert sorted(set(ours)) == sorted(set(theirs))
    assert len(ours) == len(theirs)
    if name == "weighted":
        assert 10 < ours.count(0) < 60
    elif "replacement" not in name:
        assert sorted(ours) == sorted(theirs)


def test_data_sets_one_behind_the_other_are_one():
    for data, library in ((engine.utils.data, engine), (torch_data, torch)):
        first, second = data.TensorDataset(library.arange(3)), data.TensorDataset(library.arange(10, 12))
        both = first + second
        assert isinstance(both, data.ConcatDataset)
        assert [int(both[i][0]) for i in (0, 2, 3, 4, -1)] == [0, 2, 10, 11, 11]
        batches = data.DataLoader(both, batch_size=4, sampler=data.SequentialSampler(both))
        assert [batch[0].tolist() for batch in batches] == [[0, 1, 2, 10], [11]]
        assert len(list(both)) == 5
