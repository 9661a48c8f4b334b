"""new, summary, export: projects as files."""

from __future__ import annotations

import argparse
import difflib
import errno
import os
from pathlib import Path
from typing import Any

from engine.cli.output import Output, Result, a_path, grouped
from engine.errors import EngineError, ProjectError
from engine.formats import checkpoint, elsewhere, project_file
from engine.formats.atomic import write_atomic
from engine.formats.project_file import ProjectFile
from engine.formats.regular import is_folder
from engine.graph.spec import Project
from engine.train.run_folder import reason
from engine.wording import counted, format_size


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """new, summary and export."""
    new = commands.add_parser("new", parents=[common], help="make a project from a template")
    new.add_argument(
        "template", metavar="TEMPLATE", help="linear-regression, breast-cancer, spirals, digits-cnn or digits-mlp"
    )
    new.add_argument("path", metavar="PATH", type=a_path, help="NAME.loom for a file, another name for a folder")
    new.set_defaults(run=run_new)

    summary = commands.add_parser("summary", parents=[common], help="layers, shapes, parameters and costs of a project")
    summary.add_argument("project", metavar="PROJECT", type=a_path)
    add_trust(summary)
    summary.set_defaults(run=run_summary)

    export = commands.add_parser("export", parents=[common], help="the project as a Python script, or its weights")
    export.add_argument("project", metavar="PROJECT", type=a_path)
    export.add_argument("--format", choices=("python", "weights"), required=True)
    export.add_argument("--output", metavar="FILE", type=a_path, help="default: beside the project; - for the screen")
    export.add_argument("--run", metavar="DIR", type=a_path, dest="from_run", help="the run whose weights are meant")
    add_trust(export)
    export.set_defaults(run=run_export)

    code = commands.add_parser("code", parents=[common], help="the layers that a project brings, as Python")
    code.add_argument("project", metavar="PROJECT", type=a_path)
    code.add_argument("--trust", action="store_true", help="let this code run from now on, in every project")
    code.set_defaults(run=run_code)


def add_trust(parser: argparse.ArgumentParser) -> None:
    """The option that lets a project's own layers run."""
    parser.add_argument("--trust", action="store_true", help="let the code that the project brings run, this once")


def add_metrics(parser: argparse.ArgumentParser) -> None:
    """The option that names the figures to gather."""
    parser.add_argument(
        "--metrics", metavar="NAME,NAME", type=_names,
        help="instead of the project's: accuracy, top3, top5, precision, recall, f1, roc_auc, perplexity; or mae, "
        "rmse, r2, mape",
    )  # fmt: skip


def _names(text: str) -> tuple[str, ...]:
    """An argument that names one or more, with commas between.

    Raises:
        argparse.ArgumentTypeError: it names none.
    """
    names = tuple(filter(None, map(str.strip, text.split(","))))
    if not names:
        raise argparse.ArgumentTypeError("names such as accuracy,f1 are expected, not an empty text")
    return names


def run_new(options: argparse.Namespace, output: Output) -> Result:
    from engine.graph import templates

    name, path = options.template, options.path
    if name not in templates.names():
        near = difflib.get_close_matches(name, templates.names(), 1, 0.4)
        raise ProjectError(
            f"template {name!r}", got="there is none of that name", expected=f"one of {', '.join(templates.names())}",
            mend=f"did you mean {near[0]!r}?" if near else "",
        )  # fmt: skip
    if path.exists():
        raise ProjectError(str(path), got="there is something of that name already", mend="choose another name")
    project = templates.create(name)
    project_file.write(path, project)
    output.say(f"{path}: {project.name}. Train it with: layerloom train {shown(path)}")
    return Result({"project": str(path.absolute()), "template": name, "name": project.name})


def run_summary(options: argparse.Namespace, output: Output) -> Result:
    from engine.graph.build import check
    from engine.graph.infer import infer

    project = open_project(options.project, options.trust).project
    inference = infer(project.graph, project.data.fields)
    layers = [_layer(project, id, inference.nodes[id]) for id in inference.order]
    rows = [
        (layer["id"], layer["type"], layer["shape"], grouped(layer["parameters"]), grouped(layer["flops"]),
         format_size(layer["activation_bytes"]))
        for layer in layers
    ]  # fmt: skip
    output.say(
        f"{project.name}: {project.data.source or 'no data'}, {counted(grouped(project.data.samples), 'sample')}"
    )
    output.table(("layer", "type", "output", "parameters", "FLOPs", "memory"), rows, left=3)
    output.say(
        f"{counted(grouped(inference.parameter_count), 'parameter')}, {grouped(inference.flops)} FLOPs and "
        f"{format_size(inference.activation_bytes)} of activations a sample"
    )
    check(project.graph, project.data.fields)
    totals = {
        "parameters": inference.parameter_count,
        "flops": inference.flops,
        "activation_bytes": inference.activation_bytes,
    }
    return Result({"name": project.name, "layers": layers, **totals})


def _layer(project: Project, id: str, result: Any) -> dict[str, Any]:
    from engine.graph.infer import format_shape

    shape = next(iter(result.outputs.values()), None) or next(iter(result.inputs.values()), None)
    return {
        "id": id,
        "type": project.graph.node(id).type,
        "shape": format_shape(shape) if shape is not None else "?",
        "parameters": result.parameter_count,
        "flops": result.flops,
        "activation_bytes": result.activation_bytes,
    }


def run_code(options: argparse.Namespace, output: Output) -> Result:
    from engine.formats import trust

    code = open_project(options.project).project.code
    if options.trust:
        trust.remember(code)
    strange = trust.untrusted(code)
    for file in code:
        output.say(f"# {file.name}, {'not trusted' if file in strange else 'trusted'}, SHA-256 {file.digest}")
        output.say(file.source)
    if not code:
        output.say("The project brings no code.")
    files = [{"name": file.name, "sha256": file.digest, "trusted": file not in strange} for file in code]
    return Result({"code": files})


def run_export(options: argparse.Namespace, output: Output) -> Result:
    opened = open_project(options.project, options.trust)
    if options.format == "python":
        from engine.graph.script import to_script

        content, suffix = to_script(opened.project).encode(), ".py"
    else:
        content, suffix = weights_of(options, opened), ".safetensors"
    if str(options.output) == "-":
        if options.format == "weights" or output.json:
            raise EngineError("--output", got="'-' is for the Python script, without --json", expected="a file's name")
        output.letter_for_letter(content.decode())
        return Result()
    path = options.output or project_file.location(options.project).with_suffix(suffix)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        write_atomic(path, content)
    except OSError as error:
        raise ProjectError(str(path), got=f"it could not be written ({reason(error)})",
                           mend="choose another --output") from None  # fmt: skip
    output.say(f"{path}: {format_size(len(content))}")
    return Result({"output": str(path.absolute()), "format": options.format, "bytes": len(content)})


def weights_of(options: argparse.Namespace, opened: ProjectFile) -> bytes:
    """The weights that --run names, of the newest run, or in the project."""
    run = chosen_run(options)
    path = checkpoint.best_in(run) if run is not None else None
    if path is not None:
        return checkpoint.read(path).weights()
    if opened.weights is None:
        raise ProjectError(str(options.project), got="it has not been trained yet",
                           mend=f"layerloom train {shown(options.project)}")  # fmt: skip
    return opened.weights


def open_project(path: Path, trusts: bool = False) -> ProjectFile:
    """Read a project; a name that is not there is answered with the one that is nearest.

    The layers that it brings are known from then on; those run that are trusted, or all where the person says so.

    Raises:
        ProjectError: it is not there, or faulty.
    """
    if not path.exists():
        folder = path.parent if path.parent.is_dir() else Path()
        there = [p.name for p in folder.iterdir() if p.suffix == project_file.SUFFIX or (p / "project.json").exists()]
        near = difflib.get_close_matches(path.name, there, 1, 0.5)
        raise ProjectError(
            str(path), got="there is no such project",
            mend=f"did you mean {shown(folder / near[0])}?" if near else "make one with: layerloom new TEMPLATE PATH",
        )  # fmt: skip
    from engine.formats import trust
    from engine.graph import custom

    opened = project_file.read(path)
    if trusts:
        custom.permit(opened.project.code)
    trust.know(opened.project)
    trust.permit(opened.project.graph)
    return opened


def chosen_run(options: argparse.Namespace) -> Path | None:
    """The run folder that --run names, the project itself where it is one, or the newest beside it.

    Raises:
        ProjectError: --run names none.
    """
    if options.from_run is not None:
        if checkpoint.best_in(options.from_run) is None:
            raise ProjectError(str(options.from_run), got="there is no run with a checkpoint in it",
                               expected="a run folder")  # fmt: skip
        return options.from_run
    if checkpoint.best_in(options.project) is not None:
        return options.project
    found = [run for run in runs_of(options.project) if checkpoint.best_in(run)]
    return max(found, key=lambda run: checkpoint.best_in(run).stat().st_mtime, default=None)


def runs_of(project: Path) -> list[Path]:
    """The folders of a project's runs, beside it or where its note says; a link among them leads elsewhere, is none."""
    runs = project_file.runs_folder(project)
    return [*filter(is_folder, runs.iterdir()), *elsewhere.noted(runs)] if runs.is_dir() else []


def shown(path: Path) -> str:
    """A path as it is typed: quoted where it has to be.

    >>> shown(Path("my digits.loom"))
    "'my digits.loom'"
    """
    import shlex

    return shlex.quote(str(path))
