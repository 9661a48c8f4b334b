"""The network as a script: what is coloured how."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QTextDocument

from gui.panels.script import PythonColors
from gui.theme import theme

LINES = [
    'def f(x):  # "no text" 3',
    """    '''It's "one" text,""",
    "    def it is 3 lines # long,",
    "    up to here''' + 3",
    r"""    return "a # \" b" + 'c'""",
    'x = "𝛼𝛽" + y3 + 1.5',
    r'''"""It ends \""" not there''',
    'but here"""',
]


@pytest.fixture
def coloured(qapp):
    """The words of each colour, line by line."""
    document = QTextDocument("\n".join(LINES))
    colors = PythonColors(document)
    colors.rehighlight()
    names = {theme.color(name).name(): name for name in ("accent", "warn", "good", "faint")}
    found = []
    for number in range(document.blockCount()):
        block = document.findBlockByNumber(number)
        text = block.text().encode("utf-16-le")
        for form in block.layout().formats():
            piece = text[2 * form.start : 2 * (form.start + form.length)].decode("utf-16-le")
            found.append((number, names[form.format.foreground().color().name()], piece))
    return found


@pytest.mark.parametrize(
    ("line", "color", "piece"),
    [
        (0, "accent", "def"),
        (0, "faint", '# "no text" 3'),
        (1, "good", """'''It's "one" text,"""),
        (2, "good", LINES[2]),
        (3, "good", "    up to here'''"),
        (3, "warn", "3"),
        (4, "accent", "return"),
        (4, "good", r'"a # \" b"'),
        (4, "good", "'c'"),
        (5, "good", '"𝛼𝛽"'),
        (5, "warn", "1.5"),
        (6, "good", LINES[6]),
        (7, "good", LINES[7]),
    ],
)
def test_words_and_texts_have_their_colours(coloured, line, color, piece):
    assert (line, color, piece) in coloured


def test_nothing_else_is_coloured(coloured):
    assert len(coloured) == 13
