"""Data sets without indices, side by side and behind each other, and the loader's workers beside PyTorch's."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from tests.parity.test_data_loader import plain  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.filterwarnings("ignore:os.fork"),  # by JAX, where another test has imported it
]
LIBRARIES = [torch.utils.data, engine.utils.data]


def made(data):
    """A stream, one with a length, one that shares its samples out, and a data set by index that knows its worker."""

    class Stream(data.IterableDataset):
        def __init__(self, end=7):
            self.start, self.end = 0, end

        def __iter__(self):
            worker = data.get_worker_info()
            for number in range(self.start, self.end):
                yield {"x": np.float32(number), "worker": -1 if worker is None else worker.id}

    class Known(Stream):
        def __len__(self):
            return self.end

    class Shared(data.IterableDataset):
        def __iter__(self):
            worker = data.get_worker_info()
            first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
            yield from range(first, 7, step)

    class Indexed(data.Dataset):
        def __len__(self):
            return 5

        def __getitem__(self, index):
            worker = data.get_worker_info()
            return index, -1 if worker is None else worker.id

        def __getitems__(self, indices):
            return [(*self[index], len(indices)) for index in indices]

    return Stream, Known, Shared, Indexed


def late(data):
    def begin(number):
        data.get_worker_info().dataset.start = 2 * number + 1

    return begin


OPTIONS = [
    {"batch_size": 3},
    {"batch_size": 3, "drop_last": True},
    {"batch_size": None},
    {"batch_size": 2, "shuffle": False},
    {"batch_size": 2, "collate_fn": len},
    {"batch_size": 3, "num_workers": 2},
    {"batch_size": 3, "num_workers": 2, "drop_last": True, "prefetch_factor": 1},
    {"batch_size": None, "num_workers": 2, "persistent_workers": True},
    {"batch_size": 3, "num_workers": 2, "worker_init_fn": late, "timeout": 60},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", [0, 2])
def test_a_stream_comes_in_the_batches_in_which_pytorchs_comes(options, kind):
    if kind == 2 and "worker_init_fn" in options:
        pytest.skip("it has no start to be changed")
    found = []
    for data in LIBRARIES:
        given = {**options, **({"worker_init_fn": late(data)} if "worker_init_fn" in options else {})}
        loader = data.DataLoader(made(data)[kind](), **given)
        found.append([[plain(batch) for batch in loader] for _ in range(2)])
    assert found[0] == found[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_set_by_index_knows_its_worker_and_answers_whole_batches(workers):
    found = [list(map(plain, data.DataLoader(made(data)[3](), 2, num_workers=workers))) for data in LIBRARIES]
    assert found[0] == found[1]


TOLD = {
    "lengths": lambda data, Stream, Known: [
        len(data.DataLoader(Known(), batch_size=3)),
        len(data.DataLoader(Known(), batch_size=3, drop_last=True)),
        len(data.DataLoader(Known(), batch_size=None)),
        len(data.ChainDataset([Known(2), Known(3)])),
    ],
    "chained": lambda data, Stream, Known: list(map(plain, data.ChainDataset([Stream(2), Known(3)]))),
    "added": lambda data, Stream, Known: list(map(plain, data.DataLoader(Stream(2) + Stream(3), 2))),
    "stacked": lambda data, Stream, Known: [data.StackDataset([1, 2], "ab")[1], len(data.StackDataset([1, 2], "ab"))],
    "stacked by name": lambda data, Stream, Known: [
        plain(batch) for batch in data.DataLoader(data.StackDataset(a=[1, 2], b="xy"), 2)
    ],
    "converted": lambda data, Stream, Known: plain(
        data.default_convert([1, "a", np.ones(2), {"k": np.float32(3), "n": None}, (np.arange(2), 0.5)])
    ),
    "outside of workers": lambda data, Stream, Known: data.get_worker_info(),
    "samplers": lambda data, Stream, Known: [
        [type(each).__name__ for each in (loader.sampler, loader.batch_sampler)]
        for loader in (data.DataLoader([1, 2]), data.DataLoader([1, 2], shuffle=True), data.DataLoader([1, 2], None))
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
def test_what_is_told_agrees(name):
    theirs, ours = (TOLD[name](data, *made(data)[:2]) for data in LIBRARIES)
    assert ours == theirs


FAULTS = [
    lambda data, Stream, Known: data.DataLoader(Stream(), shuffle=True),
    lambda data, Stream, Known: data.DataLoader(Stream(), sampler=[1]),
    lambda data, Stream, Known: data.DataLoader(Stream(), batch_sampler=[[1]]),
    lambda data, Stream, Known: data.DataLoader([1], timeout=-1),
    lambda data, Stream, Known: data.DataLoader([1], prefetch_factor=2),
    lambda data, Stream, Known: data.DataLoader([1], persistent_workers=True),
    lambda data, Stream, Known: data.DataLoader([1], num_workers=-1),
    lambda data, Stream, Known: data.DataLoader([1], multiprocessing_context="fork"),
    lambda data, Stream, Known: data.StackDataset(),
    lambda data, Stream, Known: data.StackDataset([1], [1, 2]),
    lambda data, Stream, Known: data.StackDataset([1], a=[1]),
    lambda data, Stream, Known: len(Stream()),
    lambda data, Stream, Known: len(data.DataLoader(Stream())),
    lambda data, Stream, Known: Stream()[0],
]


@pytest.mark.parametrize("fault", FAULTS)
def test_what_pytorch_refuses_is_refused_with_the_same_kind_of_error(fault):
    kinds = []
    for data in LIBRARIES:
        with pytest.raises(Exception) as error:  # noqa: PT011
            fault(data, *made(data)[:2])
        kinds.append(error.value)
    known = [kind for kind in (ValueError, NotImplementedError, TypeError) if isinstance(kinds[0], kind)]
    assert isinstance(kinds[1], known[0])


def test_the_loaders_signature_is_pytorchs():
    ours, theirs = (inspect.signature(data.DataLoader).parameters.values() for data in (LIBRARIES[1], LIBRARIES[0]))
    assert [(p.name, p.default, p.kind) for p in ours] == [(p.name, p.default, p.kind) for p in theirs]


def test_a_batch_that_does_not_come_in_time_is_said():
    class Slow:
        def __len__(self):
            return 1

        def __getitem__(self, index):
            import time

            time.sleep(1.5)
            return index

    for data in LIBRARIES:
        with pytest.raises(RuntimeError):
            list(data.DataLoader(Slow(), num_workers=1, timeout=0.3 if data is engine.utils.data else 1))
