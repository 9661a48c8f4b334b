"""A fake engine: holds the lock of a run folder and says a thousand more steps a second, until it is killed."""

import sys
import time
from pathlib import Path

from filelock import FileLock

from engine.train import events


def main(folder: Path, step: int) -> None:
    with FileLock(folder / "run.lock", timeout=0), (folder / "events.jsonl").open("ab", buffering=0) as log:
        while True:
            log.write(b"".join(events.encode(said(number)) for number in range(step + 1, step + 51)))
            step += 50
            time.sleep(0.05)


def said(step: int) -> events.Step:
    return events.Step(
        seq=step, time=time.time(), step=step, epoch=step // 1000, loss=2000 / step, learning_rate=0.001,
        gradient_norm=0.5, samples_per_second=41000.0, progress=0.5, seconds_left=60.0,
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
