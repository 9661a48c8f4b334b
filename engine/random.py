"""Random numbers that can be seeded, saved and brought back."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from engine.device import Device
from engine.errors import EngineError

__all__ = [
    "Generator", "apart", "default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed",
    "set_rng_state",
]  # fmt: skip


class Generator:
    """A stream of random numbers with a state that can be written to JSON.

    Numbers are drawn on the host (PCG-64, O'Neill 2014). A GPU draws its own, from a seed that is drawn here each time,
    so that one state is that of both; dropout drops the same on each.

    Args:
        device: kept for PyTorch's signature; tensors say themselves where they live.

    >>> generator = Generator().manual_seed(3)
    >>> state = generator.get_state()
    >>> first = generator.normal((2,))
    >>> generator.set_state(state)
    >>> bool((first == generator.normal((2,))).all())
    True
    """

    def __init__(self, device: str | Device = "cpu") -> None:
        self.device = Device(device)
        self.manual_seed(0)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream again from this seed."""
        self._seed, self._numpy = int(seed), None
        return self

    @property
    def numpy(self) -> np.random.Generator:
        """NumPy's stream, begun where a number is first drawn: its modules are 6 MB that an import can do without."""
        if self._numpy is None:
            self._numpy = _begun(self._seed % 2**64)
        return self._numpy

    def seed(self) -> int:
        """Start from a seed that nobody knows beforehand, and return it."""
        self.manual_seed(int.from_bytes(os.urandom(8), "big") >> 1)
        return self._seed

    def initial_seed(self) -> int:
        """The seed from which the stream started."""
        return self._seed

    def get_state(self) -> dict[str, Any]:
        """Where the stream stands, as plain JSON: the 128-bit numbers are written in hexadecimal."""
        state = self.numpy.bit_generator.state
        return {
            "kind": "PCG64",
            "seed": str(self._seed),
            "state": hex(state["state"]["state"]),
            "increment": hex(state["state"]["inc"]),
            "has_half": state["has_uint32"],
            "half": state["uinteger"],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a state that `get_state` gave.

        Raises:
            EngineError: where it is no such state.
        """
        try:
            plain = {
                "bit_generator": "PCG64",
                "state": {"state": int(state["state"], 16), "inc": int(state["increment"], 16)},
                "has_uint32": int(state["has_half"]),
                "uinteger": int(state["half"]),
            }
            seed = int(state["seed"])
            if state["kind"] != "PCG64":
                raise ValueError(state["kind"])
            self.numpy.bit_generator.state = plain
        except (KeyError, TypeError, ValueError, OverflowError):
            raise EngineError("random state", got="it is not readable", expected="what get_state() gave") from None
        self._seed = seed

    def normal(self, shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
        """Standard normal numbers."""
        if np.dtype(dtype) == np.float64:
            return self.numpy.standard_normal(shape)
        return self.numpy.standard_normal(shape, np.float32)

    def uniform(self, shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
        """Numbers evenly between 0 and 1, without the 1."""
        return self.numpy.random(shape, np.float64 if np.dtype(dtype) == np.float64 else np.float32)

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> np.ndarray:
        """Whole numbers from low to high - 1."""
        return self.numpy.integers(low, high, shape, np.int64)

    def draw_seed(self) -> int:
        """A number of 63 bits, from which a kernel draws numbers of its own."""
        return int(self.numpy.integers(0, 2**63))

    def permutation(self, n: int) -> np.ndarray:
        """The numbers 0 to n - 1, shuffled."""
        return self.numpy.permutation(n)


class _Own(threading.local):
    """What a thread draws from in place of the default stream: a stream, or the seed of one not yet needed."""

    seed: tuple[int, ...] | None = None
    numpy: np.random.Generator | None = None


_own = _Own()


class _DefaultGenerator(Generator):
    def manual_seed(self, seed: int) -> Generator:
        if _own.seed is None:
            return super().manual_seed(seed)
        self._seed, _own.numpy = int(seed), _begun(int(seed) % 2**64)
        return self

    @property
    def numpy(self) -> np.random.Generator:
        if _own.seed is None:
            return super().numpy
        if _own.numpy is None:
            _own.numpy = _begun(_own.seed)
        return _own.numpy


def _begun(seed: int | tuple[int, ...]) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


@contextlib.contextmanager
def apart(*seed: int) -> Iterator[None]:
    """Whatever this thread draws from the default stream comes from one of its own, which these numbers seed.

    >>> with apart(3, 1):
    ...     first = default_generator.normal((2,))
    >>> with apart(3, 1):
    ...     bool((first == default_generator.normal((2,))).all())
    True
    """
    before = _own.seed, _own.numpy
    _own.seed, _own.numpy = seed, None
    try:
        yield
    finally:
        _own.seed, _own.numpy = before


default_generator = _DefaultGenerator()
"""The stream of everything that is not given one of its own."""


def manual_seed(seed: int) -> Generator:
    """Start the default stream from this seed.

    Args:
        seed: any whole number, of which the lowest 64 bits count.

    >>> import engine
    >>> generator = engine.manual_seed(7)
    >>> first = engine.rand(2)
    >>> generator = engine.manual_seed(7)
    >>> engine.rand(2).equal(first)
    True
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the default stream from a seed that nobody knows beforehand, and return it.

    >>> import engine
    >>> engine.seed() == engine.initial_seed()
    True
    """
    return default_generator.seed()


def initial_seed() -> int:
    """The seed from which the default stream started.

    >>> import engine
    >>> generator = engine.manual_seed(7)
    >>> engine.initial_seed()
    7
    """
    return default_generator.initial_seed()


@contextlib.contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, device_type: str = "cuda") -> Iterator[None]:
    """What is drawn or seeded within it leaves the default stream as it was.

    Args:
        devices: which GPUs, too; a GPU draws from seeds of the default stream, so this is so of all of them.
        enabled: whether to do anything.
        device_type: of which kind these are.

    >>> import engine
    >>> generator = engine.manual_seed(7)
    >>> with fork_rng():
    ...     generator = engine.manual_seed(1)
    >>> engine.initial_seed()
    7
    """
    state = get_rng_state() if enabled else None
    try:
        yield
    finally:
        if state is not None:
            set_rng_state(state)


def get_rng_state() -> dict[str, Any]:
    """Where the default stream stands, as plain JSON.

    >>> import engine
    >>> state = engine.get_rng_state()
    >>> first = engine.rand(2)
    >>> engine.set_rng_state(state)
    >>> engine.rand(2).equal(first)
    True
    """
    return default_generator.get_state()


def set_rng_state(new_state: dict[str, Any]) -> None:
    """Let the default stream go on from there.

    Args:
        new_state: what `get_rng_state` gave.

    Raises:
        EngineError: something else came.

    >>> import engine
    >>> engine.set_rng_state(engine.get_rng_state())
    >>> sorted(engine.get_rng_state())
    ['half', 'has_half', 'increment', 'kind', 'seed', 'state']
    """
    default_generator.set_state(new_state)
