"""What a panel shows of data, and what a project has to know of them; imports no Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import engine.data
from engine.data import Cancelled, Preview, Progress
from engine.errors import DataError
from engine.graph.spec import DataSpec

ROWS = 20


@dataclass(frozen=True)
class Look:
    """`described`: the spec with fields and counts filled in; None where the data cannot be trained on as they are."""

    described: DataSpec | None
    preview: Preview


def look(spec: DataSpec, base: Path | None, progress: Progress) -> Look:
    """Read the data through once, and their head.

    Raises:
        DataError: nothing can be shown at all.
    """
    try:
        described = engine.data.describe(spec, base, progress=progress)
    except Cancelled:
        raise
    except DataError as fault:
        shown = engine.data.preview(spec, base, rows=ROWS, progress=progress)
        return Look(None, replace(shown, problem=shown.problem or fault))
    return Look(described, engine.data.preview(described, base, rows=ROWS, progress=progress))
