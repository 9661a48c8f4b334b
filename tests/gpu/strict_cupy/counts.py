"""What passed between host and device, and how often the host waited."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator


class Counts:
    """uploads and downloads (the transfers), waits (the synchronisations), launches of kernels.

    copies: from pinned memory, on a stream of their own; outside: indices that named no place.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin again from 0."""
        self.uploads = self.downloads = self.waits = self.launches = self.copies = self.outside = 0
        self.refused = ""
        self.by_kernel: Counter[str] = Counter()

    @property
    def transfers(self) -> int:
        return self.uploads + self.downloads

    def launch(self, name: str) -> None:
        self.launches += 1
        self.by_kernel[name] += 1

    def upload(self) -> None:
        """From memory that is not pinned, or on the stream in use: the host stands still meanwhile."""
        self.uploads += 1
        self._refuse("an upload")

    def download(self) -> None:
        self.downloads += 1
        self.wait()

    def wait(self) -> None:
        self.waits += 1
        self._refuse("a wait for the device")

    def _refuse(self, what: str) -> None:
        if self.refused:
            raise AssertionError(f"{what} inside {self.refused}")


counts = Counts()


@contextlib.contextmanager
def undisturbed(where: str) -> Iterator[None]:
    """Inside, whatever moves values between host and device, or waits for the device, fails where it stands."""
    counts.refused = where
    try:
        yield
    finally:
        counts.refused = ""
