"""A million steps behind it and more coming: the plots leave the window its frames while the run is followed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PySide6.QtWidgets import QApplication

from engine.graph import templates
from engine.train import events
from gui.document.document import Document
from gui.plots.dashboard import Dashboard
from gui.run import process
from gui.run.model import Run

STEPS = 1_000_000
FRAME = 0.033
"""Seconds between two frames at 30 a second."""
GROWING = Path(__file__).with_name("growing_run.py")


def old_steps(folder: Path) -> None:
    """What the run said before somebody looked."""
    folder.mkdir(parents=True)
    (folder / "project.json").write_text("{}")
    begun = events.RunStarted(
        run="long", project="long", pid=1, device="cpu", threads=1, seed=0, epochs=2000, steps_per_epoch=1000,
        train_samples=1, validation_samples=1, parameters=1, task="classification", metrics=("accuracy",),
    )  # fmt: skip
    noise = np.random.default_rng(0).random(STEPS) * 0.1
    with (folder / process.EVENTS).open("wb") as file:
        file.write(events.encode(begun))
        file.writelines(
            b'{"event":"Step","seq":%d,"time":1795455618.1,"step":%d,"epoch":%d,"loss":%.6f,"learning_rate":0.001,'
            b'"gradient_norm":%.6f,"samples_per_second":41000.5,"progress":0.5,"seconds_left":12.25}\n'
            % (i, i, i // 1000, 2 / (1 + i / 1000) + noise[i - 1], 0.5 + noise[i - 1])
            for i in range(1, STEPS + 1)
        )


def test_a_run_of_a_million_steps_that_still_grows_is_drawn_within_frames(qtbot, tmp_path):
    folder = tmp_path / "long"
    old_steps(folder)
    engine = subprocess.Popen([sys.executable, str(GROWING), str(folder), str(STEPS)])
    document, run = Document(), Run()
    document.new(templates.create("digits-mlp"))
    dashboard = Dashboard(document, run)
    qtbot.addWidget(dashboard)
    dashboard.resize(1366, 520)  # both rows of cards in sight
    with qtbot.waitSignal(dashboard.was_built, timeout=20_000):
        dashboard.show()
    try:
        qtbot.waitUntil(lambda: process.is_alive(folder), timeout=10_000)
        with qtbot.waitSignal(run.loaded, timeout=60_000):
            run.follow(folder)
        assert run.state == "running"
        cards = [dashboard.cards[name] for name in ("loss", "learning-rate", "gradient-norm")]
        qtbot.waitUntil(lambda: all(card.plot.drawings > 0 for card in cards[:1]))
        before, drawn, turns = len(run.history), cards[0].plot.drawings, []
        end = time.monotonic() + 4
        while time.monotonic() < end:
            began = time.thread_time()
            QApplication.processEvents()
            spent = time.thread_time() - began
            if spent > 0.0002:  # a turn in which something was done
                turns.append(spent)
            time.sleep(0.001)
        grown, drawn = len(run.history) - before, cards[0].plot.drawings - drawn
    finally:
        engine.kill()
        engine.wait()
        run.close()
        dashboard.close_down()
    p95 = float(np.percentile(turns, 95))
    print(
        f"\n{before:,} steps and {grown:,} more while one looked: {len(turns)} turns of the event loop, 95 % under "
        f"{p95 * 1e3:.1f} ms of processor, longest {max(turns) * 1e3:.1f} ms; {drawn} drawings of the loss in 4 s"
    )
    assert before >= STEPS
    assert grown > 500
    assert drawn >= 20, "the plot follows the run"
    assert p95 < FRAME
