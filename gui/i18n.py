"""Every visible text passes through `tr`, so that a translation can stand in for it."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication


def tr(text: str, /, **values: object) -> str:
    """The text in the language of the window, with `{name}` filled in from `values`.

    >>> tr("Move {count} layers", count=3)
    'Move 3 layers'
    """
    translated = QCoreApplication.translate("Layerloom", text)
    return translated.format(**values) if values else translated


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun.

    >>> counted(1, "image", "images"), counted(1797, "image", "images")
    ('1 image', '1,797 images')
    """
    return f"{number:,} {one if number == 1 else many}"
