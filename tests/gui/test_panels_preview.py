"""What is shown of data: pictures, counts, texts."""

from __future__ import annotations

import numpy as np
import pytest

from engine.data import Preview
from engine.graph.spec import FieldSpec
from gui.panels.pictures import to_image
from gui.panels.preview import PreviewView, summary_of


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (3, 5, 7), (1, 5, 7)])
def test_pictures_keep_their_size_whatever_their_layout(qapp, shape):
    image = to_image(np.arange(np.prod(shape), dtype=np.uint8).reshape(shape))
    assert (image.height(), image.width()) == (5, 7)


@pytest.mark.parametrize(
    ("samples", "length", "classes", "is_whole", "text"),
    [(1, 1, ("a",), True, "1 sample: text, texts of up to 1 token, 9 different ones; target y, 1 class."),
     (4640, 8, ("a", "b"), False,
      "about 4,640 samples: text, texts of up to 8 tokens, 9 different ones; target y, 2 classes.")],
)  # fmt: skip
def test_a_preview_counts_in_singular_and_plural(samples, length, classes, is_whole, text):
    words = FieldSpec("text", "text", (length,), "input", "int64", vocabulary=9)
    target = FieldSpec("y", "category", (), "target", "int64", classes=classes)
    assert summary_of(Preview(samples=samples, fields=(words, target), is_whole=is_whole)) == text


def test_a_tip_shows_a_text_as_it_is_and_not_what_it_would_be_as_html(qtbot):
    shown = PreviewView()
    qtbot.addWidget(shown)
    text = "<img src='file:///secret'> " + "word " * 5_000
    shown.show_preview(Preview(("text",), ("text",), ("input",), ((text,),), samples=1))
    tip = shown.table.item(0, 0).toolTip()
    assert "&lt;img src=" in tip
    assert "<img" not in tip
    assert len(tip) < 1_000
