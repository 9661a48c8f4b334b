"""The commands by which a package that is missing here can be had."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_ROOT = Path(__file__).parent.parent


def extra(name: str) -> str:
    """What brings the packages of one of Layerloom's extras: in a checkout, from its folder.

    An installed Layerloom is there by its name; only what the extra asks for is fetched. Of uv's commands, sync is the
    one that takes the checkout's environment however it is called; `python -m uv pip` takes that of `python`.
    """
    if not (_ROOT / "pyproject.toml").is_file():
        return f'{_pip()} install "layerloom[{name}]"'
    return f'pip install -e ".[{name}]"' if _pip() == "pip" else f"uv sync --extra {name}"


def package(name: str, *options: str) -> str:
    """What brings a package."""
    return " ".join((_pip(), "install", *options, name))


def _pip() -> str:
    """An environment that uv made has no pip of its own."""
    return "pip" if importlib.util.find_spec("pip") else "uv pip"
