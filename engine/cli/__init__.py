"""The command line: `python -m engine COMMAND`. Exit codes: 0 done, 1 an error, 2 wrong usage, 130 interrupted."""

from __future__ import annotations

import argparse
import os
import sys

from engine.cli import doctor, inference, projects, training, trying
from engine.cli.output import Output
from engine.errors import EngineError
from engine.train.run_folder import reason

DONE, ERROR = 0, 1


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    root = argparse.ArgumentParser(
        prog="layerloom",
        description="Train, look into and use Layerloom projects without the window.",
        epilog="Exit codes: 0 done, 1 an error (one line on standard error), 2 wrong usage, 130 interrupted.",
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="the last line on standard output is one JSON object")
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = root.add_subparsers(metavar="COMMAND", required=True)
    for group in (projects, training, inference, doctor, trying):
        group.add_commands(commands, common)
    return root


def run(arguments: list[str]) -> int:
    """Run the command and return the exit code; an error is one line on standard error, never a traceback."""
    options = parser().parse_args(arguments)
    output = Output(options.json)
    try:
        result = options.run(options, output)
        output.result(result.figures)
        return result.code
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        if options.debug:
            raise
        return output.fail(sentence(error), ERROR)


def sentence(error: Exception) -> str:
    """What a person is told of an error."""
    if isinstance(error, EngineError):
        return str(error)
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {reason(error)}."
    return f"An unexpected fault, {type(error).__name__}: {error}; run it again with --debug and report what it shows."
