"""Keys, an empty place and where things stand, for tests that work the canvas by hand."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QRectF, Qt

menus = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
"""Opening a menu without a screen warns of what such a screen cannot do."""
Key, Held = Qt.Key, Qt.KeyboardModifier
CTRL, SHIFT, ALT = Held.ControlModifier, Held.ShiftModifier, Held.AltModifier
EMPTY = (600.0, 350.0)


def wires_of(document):
    return {(w.source, w.target) for w in document.wires}


def assert_apart(canvas):
    """No node stands upon another."""
    boxes = [QRectF(b.left, b.top, b.width, b.height) for b in (i.box for i in canvas.canvas.node_items.values())]
    assert not any(one.intersects(other) for n, one in enumerate(boxes) for other in boxes[:n])
