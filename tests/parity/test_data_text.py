"""Byte pairs beside the library `tokenizers`: the same merges in the same order, the same numbers of the same texts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

tokenizers = pytest.importorskip("tokenizers")

from tokenizers import models, pre_tokenizers, trainers  # noqa: E402

from engine.data.transforms import BPETokenizer  # noqa: E402

ROOT = Path(__file__).parents[2]
TEXTS = [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "LICENSE")]


@pytest.mark.parametrize("merges", [100, 1200])
def test_the_merges_and_the_numbers_are_the_same(merges):
    theirs = tokenizers.Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=256 + merges, min_frequency=2, initial_alphabet=alphabet, show_progress=False
    )
    theirs.train_from_iterator(TEXTS, trainer)
    ours = BPETokenizer(256 + merges, specials=()).fit(TEXTS)
    model = json.loads(theirs.to_str())["model"]
    number = model["vocab"]
    assert [(number[a], number[b]) for a, b in model["merges"]] == ours.learned.merges
    for text in (*TEXTS, "Nothing of that was said: naïve 123 words   aren't\n\tkept."):
        assert theirs.encode(text).ids == ours.encode(text)
