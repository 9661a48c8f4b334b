"""Data sets and the loader: PyTorch's semantics, seeded orders, and a position that can be taken up again."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import engine
from engine import data
from engine.data import DataLoader, Dataset, DataSpec, Subset, TensorDataset, default_collate, random_split
from engine.errors import DataError

ROOT = Path(__file__).parents[2]


class Squares(Dataset):
    """A data set that only knows single samples."""

    def __len__(self):
        return 7

    def __getitem__(self, index):
        if index >= 7:
            raise IndexError(index)
        return np.float32(index), index * index


def numbers(count=10):
    return TensorDataset(np.arange(count, dtype=np.float32).reshape(-1, 1), np.arange(count) * 2)


def seen(loader):
    """The first field of every batch as lists."""
    return [np.asarray(batch[0].numpy()).ravel().tolist() for batch in loader]


def test_batches_come_in_order_with_a_smaller_last_one():
    loader = DataLoader(numbers(), batch_size=4)
    assert seen(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(loader) == 3


def test_drop_last_leaves_the_smaller_one_out():
    loader = DataLoader(numbers(), batch_size=4, drop_last=True)
    assert seen(loader) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert len(loader) == 2


def test_a_batch_of_tensors_is_a_list_of_tensors():
    features, target = next(iter(DataLoader(numbers(), batch_size=3)))
    assert isinstance(features, engine.Tensor)
    assert (tuple(features.shape), features.dtype) == ((3, 1), engine.float32)
    assert (tuple(target.shape), target.dtype) == ((3,), engine.int64)


def test_tensors_in_a_tensor_dataset_are_batched_as_arrays_are():
    tensors = TensorDataset(engine.tensor([[1.0], [2.0], [3.0]]), engine.tensor([4, 5, 6]))
    features, target = next(iter(DataLoader(tensors, batch_size=2)))
    assert features.numpy().tolist() == [[1.0], [2.0]]
    assert target.numpy().tolist() == [4, 5]


def test_batches_taken_whole_equal_batches_taken_sample_by_sample():
    whole = DataLoader(numbers(), batch_size=4, shuffle=True, generator=np.random.default_rng(5))
    single = DataLoader(
        numbers(), batch_size=4, shuffle=True, generator=np.random.default_rng(5), collate_fn=default_collate
    )
    for one, other in zip(whole, single, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
            assert a.dtype == b.dtype


def test_a_data_set_of_single_samples_is_collated():
    first, second = next(iter(DataLoader(Squares(), batch_size=3)))
    assert (first.dtype, first.numpy().tolist()) == (engine.float32, [0, 1, 2])
    assert (second.dtype, second.numpy().tolist()) == (engine.int64, [0, 1, 4])


def test_collate_stacks_by_kind():
    batch = default_collate([
        {"x": np.ones(2, np.float32), "y": 0.5, "z": (1, "a"), "t": engine.tensor([1.0])},
        {"x": np.zeros(2, np.float32), "y": 1.5, "z": (2, "b"), "t": engine.tensor([2.0])},
    ])  # fmt: skip
    assert tuple(batch["x"].shape) == (2, 2)
    assert batch["y"].dtype == engine.float64
    assert batch["z"][0].numpy().tolist() == [1, 2]
    assert batch["z"][1] == ["a", "b"]
    assert batch["t"].numpy().tolist() == [[1.0], [2.0]]
    with pytest.raises(TypeError, match="a sample holds object"):
        default_collate([object(), object()])
    with pytest.raises(RuntimeError, match="samples of length 2 and 1"):
        default_collate([[1, 2], [1]])


def test_collate_fn_gets_the_list_of_samples():
    loader = DataLoader(Squares(), batch_size=3, collate_fn=lambda samples: [square for _, square in samples])
    assert list(loader) == [[0, 1, 4], [9, 16, 25], [36]]


def test_without_batch_size_samples_come_singly():
    assert [sample[1] for sample in DataLoader(Squares(), batch_size=None)] == [0, 1, 4, 9, 16, 25, 36]


def test_a_sampler_and_a_batch_sampler_give_the_order():
    assert seen(DataLoader(numbers(), batch_size=2, sampler=[3, 1, 2])) == [[3, 1], [2]]
    loader = DataLoader(numbers(), batch_sampler=[[0, 9], [5]])
    assert (seen(loader), len(loader)) == ([[0, 9], [5]], 2)


@pytest.mark.parametrize(
    "arguments",
    [
        {"shuffle": True, "sampler": [1]},
        {"batch_sampler": [[1]], "batch_size": 2},
        {"batch_size": None, "drop_last": True},
        {"batch_size": 0},
        {"batch_size": 2.5},
    ],
)
def test_arguments_that_exclude_each_other_are_refused(arguments):
    with pytest.raises(ValueError, match=r"one of the two|exclusive|a whole number from 1"):
        DataLoader(numbers(), **arguments)


def test_shuffling_gives_every_sample_once_and_another_order_each_pass():
    loader = DataLoader(numbers(100), batch_size=10, shuffle=True, generator=np.random.default_rng(0))
    first, second = seen(loader), seen(loader)
    for order in (first, second):
        assert sorted(index for batch in order for index in batch) == list(range(100))
    assert first != second


def test_the_seed_fixes_the_order():
    def order(seed):
        return seen(DataLoader(numbers(50), 7, True, generator=engine.Generator().manual_seed(seed)))

    assert order(3) == order(3)
    assert order(3) != order(4)
    engine.manual_seed(3)
    one = seen(DataLoader(numbers(50), 7, True))
    engine.manual_seed(3)
    assert seen(DataLoader(numbers(50), 7, True)) == one


def test_the_order_is_the_same_in_every_process():
    code = (
        "import engine, numpy as np; from engine.data import *; engine.manual_seed(11);"
        "d = TensorDataset(np.arange(40));"
        "print([b[0].numpy().tolist() for b in DataLoader(d, 8, True)],"
        "[s.indices for s in random_split(d, [0.5, 0.5])],"
        "split(open(DataSpec('bundled:spirals')), DataSpec('bundled:spirals', seed=5))[1].tolist())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert len(runs[0].stdout) > 300


@pytest.mark.parametrize("after", [0, 1, 3, 5])
def test_an_interrupted_pass_goes_on_where_it_was(after):
    def loader(seed):
        return DataLoader(numbers(23), batch_size=5, shuffle=True, generator=np.random.default_rng(seed))

    one = loader(1)
    batches = iter(one)
    for _ in range(after):
        next(batches)
    state = one.state_dict()
    rest = [batch[0].numpy().ravel().tolist() for batch in batches]
    other = loader(99)
    other.load_state_dict(state)
    assert seen(other) == rest
    assert one.state_dict() == {"position": 0}


def test_the_position_survives_a_sampler_and_goes_through_json():
    import json

    one = DataLoader(numbers(), batch_size=2, sampler=np.random.default_rng(0).permutation(10))
    batches = iter(one)
    next(batches), next(batches)
    state = json.loads(json.dumps(one.state_dict()))
    other = DataLoader(numbers(), batch_size=2, sampler=range(10))
    other.load_state_dict(state)
    assert seen(other) == [batch[0].numpy().ravel().tolist() for batch in batches]


def test_a_pass_after_the_one_taken_up_is_whole():
    loader = DataLoader(numbers(), batch_size=4)
    batches = iter(loader)
    next(batches)
    loader.load_state_dict(loader.state_dict())
    assert len(list(loader)) == 2
    assert len(list(loader)) == 3


def test_random_split_takes_lengths_and_fractions():
    parts = random_split(numbers(), [7, 3], generator=engine.Generator().manual_seed(1))
    assert [len(part) for part in parts] == [7, 3]
    assert sorted([*parts[0].indices, *parts[1].indices]) == list(range(10))
    assert [len(part) for part in random_split(range(11), [0.5, 0.25, 0.25])] == [6, 3, 2]
    again = random_split(numbers(), [7, 3], generator=engine.Generator().manual_seed(1))
    assert [part.indices for part in again] == [part.indices for part in parts]


@pytest.mark.parametrize("lengths", [[7, 2], [0.5, 0.6], [-0.5, 1.5]])
def test_random_split_refuses_what_does_not_add_up(lengths):
    with pytest.raises(ValueError, match=r"samples together, expected 10|Fractions must lie"):
        random_split(numbers(), lengths)


def test_a_subset_is_batched_whole_where_its_data_set_can():
    part = Subset(numbers(), [5, 1, 8])
    assert part[2][0].tolist() == [8]
    assert seen(DataLoader(part, batch_size=2)) == [[5, 1], [8]]
    assert not hasattr(Subset(Squares(), [1]), "take")
    assert seen(DataLoader(Subset(Subset(Squares(), [1, 2, 3]), [2, 0]), batch_size=2)) == [[3, 1]]


def test_tensors_of_different_lengths_are_no_data_set():
    with pytest.raises(ValueError, match="tensors of 3 and 4 samples"):
        TensorDataset(np.zeros(3), np.zeros(4))


def test_a_named_field_data_set_yields_batches_by_name():
    digits = data.open(DataSpec("bundled:digits"))
    batch = next(iter(DataLoader(digits, batch_size=32, shuffle=True, generator=np.random.default_rng(0))))
    assert {name: tuple(values.shape) for name, values in batch.items()} == {"image": (32, 1, 8, 8), "label": (32,)}
    assert isinstance(batch["image"], engine.Tensor)
    assert digits[-1]["label"] == digits[1796]["label"]
    with pytest.raises(IndexError):
        digits[1797]


class Noisy(Squares):
    """Every sample is drawn from the default stream, and says which thread drew it."""

    def __init__(self):
        self.threads = set()

    def __getitem__(self, index):
        self.threads.add(threading.current_thread())
        return float(index), engine.rand(2)


def drawn(workers, taken_up=None):
    engine.manual_seed(8)
    loader = DataLoader(Noisy(), 2, shuffle=True, num_workers=workers)
    if taken_up is not None:
        loader.load_state_dict(taken_up)
    batches = []
    for index, noise in loader:
        engine.rand(3)  # as a dropout would, meanwhile
        batches.append((index.numpy().tolist(), noise.numpy().tolist()))
    return batches


@pytest.mark.parametrize("workers", [1, 3])
def test_batches_made_in_the_background_are_the_same(workers):
    assert drawn(workers) == drawn(0)
    assert drawn(0)[0] != drawn(0)[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_pass_taken_up_draws_the_same_numbers(workers):
    engine.manual_seed(8)
    loader = DataLoader(Noisy(), 2, shuffle=True, num_workers=workers)
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    time.sleep(0.05)  # more are made meanwhile, which nobody has got
    assert state["position"] == loader.state_dict()["position"] == 1
    batches.close()
    assert drawn(workers, state) == drawn(0)[1:]


@pytest.mark.parametrize("workers", [0, 1])
def test_the_background_makes_a_few_batches_and_no_more(workers):
    made = []
    loader = DataLoader(range(50), 1, num_workers=workers, collate_fn=lambda samples: made.append(samples) or samples)
    batches = iter(loader)
    assert next(batches) == [0]
    deadline = time.monotonic() + 5
    while len(made) < 1 + 2 * workers and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(made) == 1 + 2 * workers
    batches.close()


def test_a_batch_is_made_while_the_caller_computes():
    came = threading.Event()
    loader = DataLoader(range(2), 1, num_workers=1, collate_fn=lambda samples: came.set() if samples[0] else None)
    assert [came.wait(5) for _ in loader] == [True, True]


def test_leaving_early_ends_the_thread():
    data = Noisy()
    for _ in DataLoader(data, 1, num_workers=1):
        break
    assert threading.current_thread() not in data.threads
    assert not any(thread.is_alive() for thread in data.threads)


class Broken(Squares):
    def __getitem__(self, index):
        if index == 3:
            raise DataError("sample 3", got="it is broken")
        return index


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fault_comes_in_its_turn_with_its_words(workers):
    seen = []
    batches = DataLoader(Broken(), 1, num_workers=workers)
    with pytest.raises(DataError, match="sample 3: it is broken") as raised:
        seen.extend(batch.item() for batch in batches)
    assert seen == [0, 1, 2]
    assert "__getitem__" in [entry.name for entry in raised.traceback]


def test_a_negative_number_of_workers_is_refused():
    with pytest.raises(ValueError, match="num_workers"):
        DataLoader(numbers(), num_workers=-1)
