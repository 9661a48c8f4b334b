"""evaluate and predict: what a trained network is worth, and what it says."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from engine.cli.output import Output, Result, a_path, metrics
from engine.cli.projects import add_metrics, add_trust, chosen_run, open_project, shown
from engine.wording import counted


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """evaluate and predict."""
    evaluate = commands.add_parser("evaluate", parents=[common], help="figures of a trained project on its data")
    evaluate.add_argument("project", metavar="PROJECT", type=a_path)
    evaluate.add_argument("--run", metavar="DIR", type=a_path, dest="from_run", help="the run whose weights are meant")
    add_metrics(evaluate)
    add_trust(evaluate)
    evaluate.set_defaults(run=run_evaluate)

    predict = commands.add_parser("predict", parents=[common], help="what a trained project says to new samples")
    predict.add_argument("project", metavar="PROJECT", type=a_path)
    predict.add_argument("--input", metavar="FILE", type=a_path, required=True,
                         help="a table, an image, a text, a folder of them, NPZ, or JSON")  # fmt: skip
    predict.add_argument("--run", metavar="DIR", type=a_path, dest="from_run", help="the run whose weights are meant")
    add_trust(predict)
    predict.set_defaults(run=run_predict)


def run_evaluate(options: argparse.Namespace, output: Output) -> Result:
    from engine.train.run import load_best, prepare_project
    from engine.train.task import Task
    from engine.train.trainer import judged

    opened = open_project(options.project, options.trust)
    run = chosen_run(options)
    task = Task(prepare_project(opened.project, metrics=options.metrics))
    step, epoch = load_best(task, run, opened.weights)
    figures = {"train": judged(task, task.train).values(), "validation": judged(task, task.validation).values()}
    output.say(f"{opened.project.name}: weights of {_origin(run, epoch)}")
    for part, samples in (("train", task.train), ("validation", task.validation)):
        if len(samples):
            output.say(f"  {part:10} {counted(len(samples), 'sample'):>14}  {metrics(figures[part])}")
    return Result(figures | {"run": str(run.absolute()) if run else None, "step": step, "epoch": epoch})


def run_predict(options: argparse.Namespace, output: Output) -> Result:
    import engine.data
    from engine.train.run import load_best
    from engine.train.task import Predictor

    opened = open_project(options.project, options.trust)
    run = chosen_run(options)
    predictor = Predictor(opened.project)
    _, epoch = load_best(predictor, run, opened.weights)
    raw = engine.data.read_inputs(options.input, opened.project.data)
    answers = [predictor.answer(scores) for scores in predictor.all_scores(raw)]
    output.say(f"{opened.project.name}: weights of {_origin(run, epoch)}")
    said = [_say(number, answer, output) for number, answer in enumerate(answers, 1)]
    return Result({"predictions": said, "run": str(run.absolute()) if run else None})


def _say(number: int, answer: Any, output: Output) -> dict[str, Any]:
    if answer.value is not None:
        output.say(f"  {number:6}  {answer.value:.6g}")
        return {"value": answer.value}
    likely = max(answer.probabilities, key=answer.probabilities.get)
    output.say(f"  {number:6}  {likely}  {answer.probabilities[likely]:.1%}")
    return {"class": likely, "probabilities": answer.probabilities}


def _origin(run: Path | None, epoch: int) -> str:
    return f"{shown(run)}, epoch {epoch}" if run is not None else "the project"
