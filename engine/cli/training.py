"""train and serve: runs in their folders; warm: what comes before."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.cli.output import Output, Result, a_path, duration, metrics
from engine.cli.projects import add_metrics, add_trust, open_project, runs_of, shown
from engine.errors import TrainingError
from engine.formats import checkpoint, project_file
from engine.interrupt import INTERRUPTED
from engine.train.run_folder import reason
from engine.wording import counted

LOWEST = 19
"""Niceness of what nobody waits for."""


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """train, warm and serve."""
    train = commands.add_parser("train", parents=[common], help="train a project")
    train.add_argument("project", metavar="PROJECT", type=a_path)
    train.add_argument("--epochs", type=int, help="instead of the project's; counted from the run's beginning")
    train.add_argument("--device", help="cpu or cuda:0, instead of the project's")
    train.add_argument("--seed", type=int, help="instead of the project's")
    add_metrics(train)
    train.add_argument(
        "--out", metavar="DIR", type=a_path, help="the run folder; default: NAME.runs/TIME by the project"
    )
    train.add_argument("--events", choices=("-",), help="write events to standard output too")
    train.add_argument("--resume", action="store_true", help="go on with the run in --out, or the newest one")
    train.add_argument("--start", choices=("fresh", "weights"), default="fresh",
                       help="begin with random weights, or with those kept in the project")  # fmt: skip
    train.add_argument("--spare", metavar="CORES", type=int, default=0, help="cores to leave to other programs")
    add_trust(train)
    train.set_defaults(run=run_train)

    warm = commands.add_parser("warm", parents=[common], help="compile a project's kernels before it is trained")
    warm.add_argument("project", metavar="PROJECT", type=a_path)
    warm.add_argument("--spare", metavar="CORES", type=int, default=0, help="as for the run that is to come")
    add_trust(warm)
    warm.set_defaults(run=run_warm)

    serve = commands.add_parser("serve", parents=[common], help="answer predict commands in a run folder")
    serve.add_argument("project", metavar="PROJECT", type=a_path)
    serve.add_argument("--out", metavar="DIR", type=a_path, required=True, help="the run folder")
    serve.add_argument("--idle", metavar="SECONDS", type=float, help="end after so long without a command")
    serve.add_argument("--events", choices=("-",), help="write events to standard output too")
    add_trust(serve)
    serve.set_defaults(run=run_serve)


def run_train(options: argparse.Namespace, output: Output) -> Result:
    from engine.cli.progress import Progress
    from engine.train.run import prepare_project, project_of, train
    from engine.train.run_folder import RunFolder

    opened = open_project(options.project, options.trust)
    if options.start == "weights" and opened.weights is None:
        raise TrainingError("--start weights", got="the project keeps no weights", mend="leave the option out")
    resumed = _resumed_folder(options) if options.resume else None
    project = opened.project if resumed is None else project_of(resumed)
    project = prepare_project(project, options.epochs, options.device, options.seed, options.metrics)
    if options.events:
        output.keep_stdout_free()
    weights = opened.weights if options.start == "weights" else None
    with _folder(options, resumed) as path, RunFolder(path, echo=bool(options.events)) as folder:
        output.say(f"{project.name}: run folder {shown(path)}")
        result = train(project, folder, resume=options.resume, weights=weights, extensions=(Progress(output),),
                       spare=options.spare)  # fmt: skip
    return _report(result, project, path, output)


@contextlib.contextmanager
def _folder(options: argparse.Namespace, resumed: Path | None) -> Iterator[Path]:
    """The run folder that was asked for, or a new one, which goes away again where nothing came to be trained."""
    if resumed is not None or options.out is not None:
        yield resumed or options.out
        return
    path = _new_folder(options.project)
    try:
        yield path
    except BaseException:
        if not any((path / "checkpoints").glob("*")):
            shutil.rmtree(path, ignore_errors=True)
            with contextlib.suppress(OSError):  # other runs lie beside it
                path.parent.rmdir()
        raise


def _report(result: Any, project: Any, path: Path, output: Output) -> Result:
    ended = result.ended
    words = {"finished": "Finished", "stopped": "Stopped", "early_stopped": "Stopped early, nothing got better"}
    lasted = f"{ended.epoch} epoch{'s' * (ended.epoch != 1)}, {ended.step} step{'s' * (ended.step != 1)}"
    output.say(f"{words[ended.reason]} after {lasted}, {duration(ended.seconds)}")
    if ended.best:
        output.say(f"best epoch {ended.best_epoch}: {metrics(ended.best)}")
    figures = {
        "run": str(path.absolute()),
        "project": project.name,
        "reason": ended.reason,
        "epochs": ended.epoch,
        "steps": ended.step,
        "seconds": round(ended.seconds, 3),
        "device": project.training.device,
        "seed": project.training.seed,
        "final": {"train": ended.train, "validation": ended.validation},
        "best": {
            "epoch": ended.best_epoch,
            "train": result.best_train,
            "validation": ended.best if ended.validation else {},
        },
    }
    return Result(figures, INTERRUPTED if result.signal else 0)


def _new_folder(project: Path) -> Path:
    """A folder NAME.runs/TIME of its own, with a number where two runs begin within a second."""
    runs = project_file.runs_folder(project)
    name = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    for number in itertools.count(1):
        path = runs / (name if number == 1 else f"{name}_{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            if path.exists():
                continue
            raise _not_writable(runs, "a file of that name is in the way") from None
        except OSError as error:
            raise _not_writable(runs, reason(error)) from None
        return path
    raise AssertionError


def _not_writable(runs: Path, why: str) -> TrainingError:
    return TrainingError(f"run folder {runs}", got=f"it cannot be made ({why})",
                         mend="choose another folder with --out")  # fmt: skip


def _resumed_folder(options: argparse.Namespace) -> Path:
    for name in ("seed", "metrics"):
        if getattr(options, name) is not None:
            raise TrainingError(f"--{name}", got=f"a resumed run keeps the {name} that it began with",
                                mend="leave it out")  # fmt: skip
    if options.out is not None:
        return options.out
    kept = [checkpoint.kept_in(run, "last") for run in runs_of(options.project)]
    found = sorted(filter(None, kept), key=lambda file: file.stat().st_mtime)
    if not found:
        raise TrainingError(
            f"{project_file.runs_folder(options.project)}", got="there is no run to resume",
            mend="leave --resume out, or name one with --out",
        )  # fmt: skip
    return found[-1].parent.parent


def run_warm(options: argparse.Namespace, output: Output) -> Result:
    from engine.kernels import cache
    from engine.train.warm import warm

    opened = open_project(options.project, options.trust)
    kept = cache.contents()
    if kept is None or not kept.writable:
        output.say("Compiled kernels could not be kept here: there is nothing to do.")
        return Result({"compiled": 0})
    if hasattr(os, "nice"):
        os.nice(LOWEST)
    warm(opened.project, options.spare)
    made = cache.contents().kernels - kept.kernels
    output.say(f"{opened.project.name}: {counted(made, 'kernel')} compiled")
    return Result({"compiled": made})


def run_serve(options: argparse.Namespace, output: Output) -> Result:
    from engine.train.run import project_of, serve
    from engine.train.run_folder import RunFolder

    opened = open_project(options.project, options.trust)
    if options.events:
        output.keep_stdout_free()
    with RunFolder(options.out, echo=bool(options.events)) as folder:
        project = project_of(folder.path) if (folder.path / "project.json").exists() else opened.project
        output.say(f"{project.name}: answering in {shown(options.out)} until told to stop")
        ended = serve(project, folder, opened.weights, options.idle)
    return Result({"run": str(options.out.absolute()), "seconds": round(ended.seconds, 3), "step": ended.step})
