"""What the window remembers between two starts, under typed keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Generic, TypeVar

import platformdirs
from PySide6.QtCore import QSettings

T = TypeVar("T")


def store() -> QSettings:
    """The user's settings, in one file, in the folder that `engine.folders.settings` names.

    The window is painted for the first time by what stands there, before the engine, and NumPy with it, is loaded.
    """
    home = os.environ.get("LAYERLOOM_HOME")
    folder = Path(home) if home else platformdirs.user_config_path("Layerloom", appauthor=False)
    return QSettings(str(folder / "Layerloom.ini"), QSettings.Format.IniFormat)


def state_folder() -> Path:
    """The user's folder for what is neither a setting nor a document."""
    from engine import folders

    folder = folders.state()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Setting(Generic[T]):
    """One remembered value: `look.get()`, `look.set("dark")`. A value of another type counts as never set."""

    def __init__(self, key: str, default: T) -> None:
        self.key, self.default = key, default

    def get(self) -> T:
        if isinstance(self.default, bool):
            return store().value(self.key, self.default, type=bool)
        if isinstance(self.default, int):
            return self._number()
        value: Any = store().value(self.key, self.default)
        return value if isinstance(value, type(self.default)) else self.default

    def _number(self) -> int:
        """A file of settings keeps numbers as text."""
        value = str(store().value(self.key, self.default))
        return int(value) if value.lstrip("-").isdigit() else self.default

    def set(self, value: T) -> None:
        settings = store()
        settings.setValue(self.key, value)
        settings.sync()


look = Setting("window/look", "system")
inspector_tab = Setting("window/inspector_tab", 0)
data_folder = Setting("files/data_folder", "")
project_folder = Setting("files/project_folder", "")
