"""Where Layerloom keeps what belongs to the user, by purpose: below LAYERLOOM_HOME where that is set.

Compiled kernels can be made again, and lie below LAYERLOOM_CACHE where that is set.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def settings() -> Path:
    """For what the window remembers, and the list of trusted code."""
    return _home() or platformdirs.user_config_path("Layerloom", appauthor=False)


def state() -> Path:
    """For what is neither a setting nor a document: autosaves, and runs of projects that have no file yet."""
    home = _home()
    return home / "state" if home else platformdirs.user_state_path("Layerloom", appauthor=False)


def layers() -> Path:
    """For the user's own layers, a Python file each."""
    return (_home() or platformdirs.user_data_path("Layerloom", appauthor=False)) / "layers"


def cache() -> Path:
    """For what can be made again."""
    chosen = os.environ.get("LAYERLOOM_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("layerloom", appauthor=False)


def _home() -> Path | None:
    chosen = os.environ.get("LAYERLOOM_HOME")
    return Path(chosen) if chosen else None
