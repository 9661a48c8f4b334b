"""try-layers: what the window asks of custom layers, whose code runs in this process and never in the window's."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from engine.cli.output import Output, Result


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """try-layers."""
    trying = commands.add_parser("try-layers", parents=[common], help="answer the window's questions on custom layers")
    trying.add_argument("--limit", metavar="SECONDS", type=float, default=5.0, help="the most that one may take")
    trying.set_defaults(run=run_try)


def run_try(options: argparse.Namespace, output: Output) -> Result:
    from engine.graph.trying import answer_all

    output.keep_stdout_free()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a layer prints does not mix with the answers
    answer_all(sys.stdin.buffer, answers, options.limit)
    return Result()
