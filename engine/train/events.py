"""What a run says (events) and is told (commands): one JSON object a line, numbered, versioned.

A run is a folder:

    project.json      the project as it was when the run began
    run.lock          held by the engine process while it lives; whoever can take it knows that the run has ended
    events.jsonl      written by the engine, read by anyone
    commands.jsonl    appended to by anyone, read by the engine
    checkpoints/      last.safetensors, best.safetensors
    snapshots/        STEP.safetensors: arrays that an event names
    engine.log        what the engine process printed
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

VERSION = 1

Count = Annotated[int, Meta(ge=0, lt=2**53)]
Moment = Annotated[float, Meta(ge=0.0, le=2e11)]
"""Up to the year 8307: what calendars can show."""


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event"):
    """`seq` counts from 1 without gaps within a run folder (resumed runs go on counting); `time` is Unix seconds."""

    seq: Count = 0
    time: Moment = 0.0


class RunStarted(Event, tag="RunStarted", frozen=True, kw_only=True):
    """The first event of a process; after a resume there is another, with `step` > 0.

    `serving`: the process answers predict and snapshot only and does not train; its RunEnded ends no training.
    """

    version: int = VERSION
    run: str
    project: str
    pid: Count
    device: str
    threads: Count
    seed: int
    step: Count = 0
    epoch: Count = 0
    epochs: Count
    steps_per_epoch: Count
    train_samples: Count
    validation_samples: Count
    parameters: Count
    task: Literal["classification", "binary", "regression"]
    metrics: tuple[str, ...]
    classes: tuple[str, ...] = ()
    best_metric: str = "loss"
    serving: bool = False


class Step(Event, tag="Step", frozen=True, kw_only=True):
    """One optimizer step. `progress` is 0..1 of the whole run; rates are per second, times in seconds."""

    step: Count
    epoch: Count
    loss: float
    learning_rate: float
    gradient_norm: float
    samples_per_second: float
    progress: float
    seconds_left: float


class EpochEnded(Event, tag="EpochEnded", frozen=True, kw_only=True):
    """Figures over the whole epoch, "loss" among them: `train` as met on the way, `validation` after it."""

    epoch: Count
    step: Count
    train: dict[str, float]
    validation: dict[str, float]
    seconds: float
    best: bool = False


class Snapshot(Event, tag="Snapshot", frozen=True, kw_only=True):
    """Arrays for plots, in `file` (safetensors, path inside the run folder). Keys, each where it applies:

    histogram/PARAMETER  counts (40,) int64;  range/PARAMETER  lowest and highest (2,) float32
    confusion            (classes, classes) int64, row: true, column: predicted, over the validation part
    true, predicted      (n,) float32, regression, at most 2,000 of the validation part
    boundary             (rows, columns) float32, for two inputs: the predicted class (or probability, or value);
    extent               (4,) float32: left, right, bottom, top of the boundary, in the data's own units
    points               (n, 3) float32: x, y, class or value, at most 2,000 of the training part
    line_x, line_y       (200,) float32, for one input: the fitted curve; with points (n, 3): x, y, 0
    """

    step: Count
    epoch: Count
    file: str
    contents: tuple[str, ...]
    request: str = ""


class Prediction(Event, tag="Prediction", frozen=True, kw_only=True):
    """The answer to a Predict: for classes `probabilities` by name, for a number `value`."""

    request: str
    step: Count
    probabilities: dict[str, float] = {}
    value: float | None = None
    error: str = ""


class Diagnosis(Event, tag="Diagnosis", frozen=True, kw_only=True):
    """Something noticed, in a plain sentence, at a node or ("") the run; `fix` is an engine.errors.Fix as a dict."""

    step: Count
    kind: str
    message: str
    node: str = ""
    severity: Literal["hint", "warning", "error"] = "warning"
    fix: dict[str, Any] | None = None


class Checkpoint(Event, tag="Checkpoint", frozen=True, kw_only=True):
    """A checkpoint was written whole."""

    step: Count
    epoch: Count
    file: str
    kind: Literal["last", "best"]


class StateChanged(Event, tag="StateChanged", frozen=True, kw_only=True):
    """The answer to pause, resume, step and stop."""

    state: Literal["running", "paused", "stopping"]
    step: Count
    request: str = ""


class Edited(Event, tag="Edited", frozen=True, kw_only=True):
    """The answer to a Set: the setting `name` went from `before` to `after`; plots mark it."""

    step: Count
    name: str
    before: Any
    after: Any
    request: str = ""


class Refused(Event, tag="Refused", frozen=True, kw_only=True):
    """A command that could not be done, and why."""

    request: str
    message: str


class Failed(Event, tag="Failed", frozen=True, kw_only=True):
    """The run ended by a fault; `message` is one sentence, `details` the traceback for a report."""

    message: str
    step: Count = 0
    node: str = ""
    fix: dict[str, Any] | None = None
    details: str = ""


class RunEnded(Event, tag="RunEnded", frozen=True, kw_only=True):
    """The last event of a process that came to its end, after Failed too."""

    reason: Literal["finished", "stopped", "early_stopped", "failed"]
    step: Count
    epoch: Count
    seconds: float
    train: dict[str, float] = {}
    validation: dict[str, float] = {}
    best: dict[str, float] = {}
    best_epoch: Count = 0


AnyEvent = (
    RunStarted | Step | EpochEnded | Snapshot | Prediction | Diagnosis | Checkpoint | StateChanged | Edited | Refused
    | Failed | RunEnded
)  # fmt: skip


class Command(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="command"):
    """`request` is any text; the event that answers carries it."""

    request: str = ""


class Pause(Command, tag="pause", frozen=True, kw_only=True):
    """Wait before the next step."""


class Resume(Command, tag="resume", frozen=True, kw_only=True):
    """Go on."""


class StepOnce(Command, tag="step", frozen=True, kw_only=True):
    """Take one step and pause."""


class Stop(Command, tag="stop", frozen=True, kw_only=True):
    """Write a checkpoint and end."""


class Set(Command, tag="set", frozen=True, kw_only=True):
    """Change a setting of the run: name "lr", a number."""

    name: str
    value: Any


class Predict(Command, tag="predict", frozen=True, kw_only=True):
    """Answer for one sample: the input field's values as nested lists, in the data's own units (before scaling)."""

    inputs: dict[str, Any]


class TakeSnapshot(Command, tag="snapshot", frozen=True, kw_only=True):
    """Write a Snapshot now."""


AnyCommand = Pause | Resume | StepOnce | Stop | Set | Predict | TakeSnapshot

_encoder = msgspec.json.Encoder()
_event_decoder = msgspec.json.Decoder(AnyEvent)
_command_decoder = msgspec.json.Decoder(AnyCommand)


def encode(message: AnyEvent | AnyCommand) -> bytes:
    """One line with its newline."""
    return _encoder.encode(message) + b"\n"


def decode_event(line: bytes) -> AnyEvent:
    """Raises msgspec.DecodeError for a line that is no event."""
    return _decode(_event_decoder, line)


def decode_command(line: bytes) -> AnyCommand:
    """Raises msgspec.DecodeError for a line that is no command."""
    return _decode(_command_decoder, line)


def _decode(decoder: Any, line: bytes) -> Any:
    try:
        return decoder.decode(line)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from None
