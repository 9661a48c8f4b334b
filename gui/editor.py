"""A file in the editor that the user has for text: never run, as some systems do with a Python file that is opened."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices


def open_text(path: Path) -> bool:
    """Open it to be edited; False where the system knows no program for it."""
    if sys.platform == "win32":
        try:
            os.startfile(path, "edit")
        except OSError:
            return False
        return True
    if sys.platform == "darwin":
        return subprocess.run(["open", "-t", str(path)], check=False).returncode == 0
    return QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
