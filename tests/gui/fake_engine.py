"""A small engine for tests: a real process that keeps to the protocol of a run folder, with figures made up.

The environment steers it: FAKE_STEPS, FAKE_DELAY (seconds a step), FAKE_FAULT ("at start").
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from filelock import FileLock
from safetensors.numpy import load_file, save_file

from engine.train import events

EPOCH = 10


class FakeEngine:
    def __init__(self, folder: Path, resume: bool):
        self.folder = folder
        (folder / "checkpoints").mkdir(exist_ok=True)
        (folder / "snapshots").mkdir(exist_ok=True)
        self.log = (folder / "events.jsonl").open("ab", buffering=0)
        self.heard = 0
        self.seq = sum(1 for _ in (folder / "events.jsonl").open("rb"))
        self.rate, self.state, self.step, self.stepping = 0.1, "running", 0, False
        self.epochs = int(os.environ.get("FAKE_STEPS", "100")) // EPOCH
        if resume:
            self.step = int(load_file(folder / "checkpoints/last.safetensors")["step"][0])
            self.rate = 0.05

    def say(self, event):
        self.seq += 1
        fields = {name: getattr(event, name) for name in event.__struct_fields__}
        self.log.write(events.encode(type(event)(**fields | {"seq": self.seq, "time": time.time()})))

    def begin(self, serving=False):
        self.say(
            events.RunStarted(
                run=self.folder.name, project="fake", pid=os.getpid(), device="cpu", threads=1, seed=0, step=self.step,
                epoch=self.step // EPOCH, epochs=self.epochs, steps_per_epoch=EPOCH, train_samples=320,
                validation_samples=80, parameters=10, task="classification", metrics=("accuracy",),
                classes=("a", "b", "c"), best_metric="loss", serving=serving,
            )
        )  # fmt: skip

    def listen(self):
        path = self.folder / "commands.jsonl"
        lines = path.read_bytes().splitlines() if path.exists() else []
        for line in lines[self.heard :]:
            self.obey(events.decode_command(line))
        self.heard = len(lines)

    def obey(self, command):
        match command:
            case events.Pause():
                self.become("paused", command)
            case events.Resume():
                self.become("running", command)
            case events.StepOnce():
                self.stepping = True
                self.become("paused", command)
            case events.Stop():
                self.become("stopping", command)
            case events.Set():
                before, self.rate = self.rate, command.value
                self.say(events.Edited(step=self.step, name="lr", before=before, after=command.value))
            case events.Predict():
                self.say(
                    events.Prediction(
                        request=command.request, step=self.step, probabilities={"a": 0.7, "b": 0.2, "c": 0.1}
                    )
                )

    def become(self, state, command):
        self.state = state
        self.say(events.StateChanged(state=state, step=self.step, request=command.request))

    def train(self):
        total = self.epochs * EPOCH
        while self.step < total and self.state != "stopping":
            self.listen()
            if self.state == "paused" and not self.stepping:
                time.sleep(0.005)
                continue
            self.stepping = False
            self.take_step(total)
            time.sleep(float(os.environ.get("FAKE_DELAY", "0.005")))
        self.checkpoint("last")
        reason = "finished" if self.step >= total else "stopped"
        self.end(reason)

    def take_step(self, total):
        self.step += 1
        loss = 2.0 * 0.98**self.step
        self.say(
            events.Step(
                step=self.step, epoch=self.step // EPOCH, loss=loss, learning_rate=self.rate, gradient_norm=loss / 2,
                samples_per_second=1000.0, progress=self.step / total, seconds_left=(total - self.step) * 0.01,
            )
        )  # fmt: skip
        if self.step % EPOCH == 0:
            self.end_epoch(loss)

    def end_epoch(self, loss):
        epoch = self.step // EPOCH
        train, validation = {"loss": loss, "accuracy": 1 - loss / 2}, {"loss": loss * 1.1, "accuracy": 0.95 - loss / 2}
        self.say(
            events.EpochEnded(epoch=epoch, step=self.step, train=train, validation=validation, seconds=0.1, best=True)
        )
        self.checkpoint("last")
        file = f"snapshots/{self.step}.safetensors"
        arrays = {
            "confusion": np.diag([epoch, epoch, epoch]).astype(np.int64) + 1,
            "histogram/fc.weight": np.arange(40, dtype=np.int64),
            "range/fc.weight": np.array([-1, 1], np.float32),
        }
        save_file(arrays, self.folder / file)
        self.say(events.Snapshot(step=self.step, epoch=epoch, file=file, contents=tuple(arrays)))

    def checkpoint(self, kind):
        save_file({"step": np.array([self.step])}, self.folder / f"checkpoints/{kind}.safetensors")
        self.say(
            events.Checkpoint(
                step=self.step, epoch=self.step // EPOCH, file=f"checkpoints/{kind}.safetensors", kind=kind
            )
        )

    def end(self, reason):
        self.say(
            events.RunEnded(
                reason=reason, step=self.step, epoch=self.step // EPOCH, seconds=1.0, best={"accuracy": 0.9}
            )
        )

    def serve(self):
        while self.state != "stopping":
            self.listen()
            time.sleep(0.01)
        self.end("stopped")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=("train", "serve"))
    parser.add_argument("project", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--idle", type=float)
    parser.add_argument("--spare", type=int)
    arguments = parser.parse_args()
    if os.environ.get("FAKE_FAULT") == "at start":
        sys.exit("Data 'flowers.csv': the file is not there; choose it again.")
    json.loads((arguments.project / "project.json").read_bytes())
    with FileLock(arguments.out / "run.lock", timeout=0):
        engine = FakeEngine(arguments.out, arguments.resume)
        engine.begin(serving=arguments.command == "serve")
        engine.train() if arguments.command == "train" else engine.serve()


if __name__ == "__main__":
    main()
