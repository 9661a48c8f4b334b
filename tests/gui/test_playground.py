"""Trying a network on a sample whose image is not all that it is asked about."""

from __future__ import annotations

import numpy as np
import pytest

from engine import data
from engine.graph.spec import DataSpec, Project
from gui.document.document import Document
from gui.playground.card import TryCard
from gui.run.model import Run


@pytest.fixture
def asked(qtbot, tmp_path, monkeypatch):
    """A card beside data of three images a sample, and what it asked the network."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "t.npz", **{name: rng.random((40, 4, 4)) for name in ("anchor", "positive", "negative")})
    document, run, asked = Document(), Run(), []
    document.new(Project(data=data.describe(DataSpec(source=str(tmp_path / "t.npz"), reader="npz"))))
    monkeypatch.setattr(run, "predict", lambda inputs: asked.append(inputs) or str(len(asked)))
    card = TryCard(document, run)
    qtbot.addWidget(card, before_close_func=TryCard.close_down)
    card.show()
    qtbot.waitUntil(lambda: card.samples is not None, timeout=20_000)
    card.take_sample()
    qtbot.waitUntil(lambda: bool(asked))
    return asked


def test_a_sample_of_several_images_is_asked_about_as_a_whole(asked):
    assert {name: np.shape(values) for name, values in asked[-1].items()} == {
        "anchor": (1, 4, 4), "positive": (1, 4, 4), "negative": (1, 4, 4)}  # fmt: skip
    assert np.std(asked[-1]["negative"]) > 0
