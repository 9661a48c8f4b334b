"""Figures of texts: how sure a model is of the next word, and how near a translation is to those of people."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from engine.errors import OptionError, ShapeError
from engine.metrics.metric import Mean, Metric, class_numbers, of_one_length

_SPACED = (
    (re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
"""Signs stand alone; full stops and commas unless between digits, dashes behind a digit."""
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_PUNCTUATION = set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def tokenize_13a(text: str) -> list[str]:
    """Words and signs as mteval-v13a of the WMT tells them apart, which is what published BLEU scores are of.

    >>> tokenize_13a("It's 3,000 (or so).")
    ["It's", '3,000', '(', 'or', 'so', ')', '.']
    """
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for written, meant in _ENTITIES:
        text = text.replace(written, meant)
    text = f" {text} "
    for pattern, spaced in _SPACED:
        text = pattern.sub(spaced, text)
    return text.split()


class Perplexity(Mean):
    """exp of the mean of -log p at the true word: among how many words the model is undecided.

    Args:
        ignore_index: places with this target are left out.

    Shape:
        log_probs: (..., words), from log_softmax; true: (...), whole numbers

    >>> metric = Perplexity(); metric.update(np.log(np.full((3, 4), 0.25)), np.array([0, 2, -100]))
    >>> round(metric.compute(), 4)
    4.0
    """

    def __init__(self, ignore_index: int = -100):
        super().__init__()
        self.ignore_index = ignore_index

    def update(self, log_probs: np.ndarray, true: np.ndarray) -> None:
        rows, true = log_probs.reshape(-1, log_probs.shape[-1]).astype(np.float64), true.reshape(-1)
        of_one_length("Perplexity", rows, true)
        kept = true != self.ignore_index
        words = class_numbers("Perplexity", true[kept], rows.shape[1])
        self.total -= float(rows[kept, words].sum())
        self.count += len(words)

    def compute(self) -> float | None:
        return math.exp(self.total / self.count) if self.count else None


class _Texts(Metric):
    """A figure of texts, each beside one reference or several."""

    sums = ("counts",)

    def __init__(self, lowercase: bool = False):
        super().__init__()
        self.lowercase = lowercase

    def update(self, hypotheses: Sequence[str], references: Sequence[str | Sequence[str]]) -> None:
        of_one_length(type(self).__name__, hypotheses, references)
        for text, known in zip(hypotheses, references):
            several = [known] if isinstance(known, str) else list(known)
            if not several:
                raise ShapeError(type(self).__name__, got="a text has no reference", expected="one or more")
            if self.lowercase:
                text, several = text.lower(), [other.lower() for other in several]
            self.counts = self.counts + self.compare(text, several)

    def compare(self, text: str, references: list[str]) -> np.ndarray:
        """The counts of one text."""
        raise NotImplementedError


class BLEU(_Texts):
    """Share of a translation's n-grams that are in a reference, less where it is short (Papineni et al., 2002).

    0 to 100, as sacrebleu gives it for a whole corpus.

    Args:
        tokenize: "13a", "none" for what blanks divide, or a function from a text to words.
        lowercase: whether large letters count as small ones.
        max_order: the longest n-grams.
        smooth: "exp" counts the first order without a match as half a match, the next as a quarter; "none" as none.
        effective_order: whether orders for which the texts are too short are left out, as for single sentences.

    >>> metric = BLEU(); metric.update(["The cat sat on the mat."], ["The cat sat on a mat."])
    >>> round(metric.compute(), 2)
    48.89
    """

    def __init__(
        self,
        tokenize: Literal["13a", "none"] | Callable[[str], list[str]] = "13a",
        lowercase: bool = False,
        max_order: int = 4,
        smooth: Literal["exp", "none"] = "exp",
        effective_order: bool = False,
    ):
        if not callable(tokenize) and tokenize not in ("13a", "none"):
            raise OptionError("BLEU", got=f"tokenize is {tokenize!r}", expected='"13a", "none" or a function')
        if smooth not in ("exp", "none"):
            raise OptionError("BLEU", got=f"smooth is {smooth!r}", expected='"exp" or "none"')
        super().__init__(lowercase)
        self.words = {"13a": tokenize_13a, "none": str.split}.get(tokenize, tokenize)
        self.max_order, self.smooth, self.effective_order = max_order, smooth, effective_order

    def compare(self, text: str, references: list[str]) -> np.ndarray:
        """-> lengths of text and reference, and of each order the n-grams that match and all"""
        words, others = self.words(text.rstrip()), [self.words(other.rstrip()) for other in references]
        length = min((abs(len(other) - len(words)), len(other)) for other in others)[
            1
        ]  # the nearest, of two the shorter
        matching, every = [], []
        for n in range(1, self.max_order + 1):
            grams, known = _grams(words, n), Counter()
            for other in others:
                known |= _grams(other, n)
            matching.append((grams & known).total())
            every.append(grams.total())
        return np.array([len(words), length, *matching, *every])

    def compute(self) -> float | None:
        if not isinstance(self.counts, np.ndarray):
            return None
        (length, wanted), matching, every = np.split(self.counts, [2, 2 + self.max_order])
        if not matching.any():
            return 0.0
        logs, halved = [], 1.0
        for match, count in zip(matching.tolist(), every.tolist()):
            if not count:
                break
            halved *= 1 if match else 2
            share = match / count if match else 1 / (halved * count) if self.smooth == "exp" else 0.0
            logs.append(math.log(100 * share) if share else -math.inf)
        if len(logs) < self.max_order and not self.effective_order:
            return 0.0
        brevity = min(1.0, math.exp(1 - wanted / length))
        return brevity * math.exp(sum(logs) / len(logs))


class ChrF(_Texts):
    """F-score of the n-grams of letters that a translation shares with a reference (Popović, 2015).

    0 to 100, as sacrebleu gives it for a whole corpus; with a word_order of 2 it is chrF++.

    Args:
        char_order: the longest n-grams of letters, between which blanks do not count.
        word_order: the longest n-grams of words.
        beta: how much more what is found counts than what is right of it.
        lowercase: whether large letters count as small ones.

    >>> metric = ChrF(); metric.update(["The cat sat on the mat."], ["The cat sat on a mat."])
    >>> round(metric.compute(), 2)
    71.42
    """

    def __init__(self, char_order: int = 6, word_order: int = 0, beta: int = 2, lowercase: bool = False):
        super().__init__(lowercase)
        self.char_order, self.word_order, self.beta = char_order, word_order, beta

    def compare(self, text: str, references: list[str]) -> np.ndarray:
        """-> of each order the n-grams of the text, of the reference and of both, for the nearest reference"""
        own = self._orders(text)
        found = [np.array([_shared(a, b) for a, b in zip(own, self._orders(other))]) for other in references]
        return max(found, key=self._score)

    def _orders(self, text: str) -> list[Counter]:
        letters, words = "".join(text.split()), _without_punctuation(text)
        return [*(_grams(letters, n) for n in range(1, self.char_order + 1)),
                *(_grams(words, n) for n in range(1, self.word_order + 1))]  # fmt: skip

    def _score(self, counts: np.ndarray) -> float:
        counts = counts[(counts[:, 0] > 0) & (counts[:, 1] > 0)].astype(np.float64)
        if not counts[:, 2].any():
            return 0.0
        precision, recall = (counts[:, 2] / counts[:, 0]).mean(), (counts[:, 2] / counts[:, 1]).mean()
        factor = self.beta**2
        return float(100 * (1 + factor) * precision * recall / (factor * precision + recall))

    def compute(self) -> float | None:
        return self._score(self.counts) if isinstance(self.counts, np.ndarray) else None


def _grams(parts: Sequence[str], n: int) -> Counter:
    return Counter(tuple(parts[i : i + n]) for i in range(len(parts) - n + 1))


def _shared(own: Counter, other: Counter) -> tuple[int, int, int]:
    return (own.total() if other else 0), other.total(), (own & other).total()


def _without_punctuation(text: str) -> list[str]:
    """Words with a sign at their end, else at their beginning, apart."""
    words: list[str] = []
    for word in text.split():
        if len(word) > 1 and word[-1] in _PUNCTUATION:
            words += [word[:-1], word[-1]]
        elif len(word) > 1 and word[0] in _PUNCTUATION:
            words += [word[0], word[1:]]
        else:
            words.append(word)
    return words
