"""Texts as rows of token numbers: how a project cuts them up, and the vocabulary that its training part teaches.

Options of every reader that finds texts: "tokens" ("words", "characters" or "pairs": pieces of words that byte pairs
make), "vocabulary" (how many different tokens are learned at most; else as many as the tokens have by default),
"length" (tokens of a text at most; else what nearly all texts have), "lower" (whether capitals count as small letters),
"side" ("right", or "left" for networks that are asked at the end of a text, where short ones are filled up).
Token 0 fills short texts up, token 1 stands for whatever was not learned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Self

import msgspec
import numpy as np
from msgspec import Meta, Struct

from engine.data.source import CHOOSE_AGAIN
from engine.data.spec import DataSpec, FieldSpec
from engine.errors import DataError, Fix

MOST_TOKENS = {"words": 10_000, "characters": 1_000, "pairs": 2_000}
"""Tokens that are learned at most where nothing is said."""
MOST_LENGTH = 10_000
"""Tokens that a project may ask for."""
LONGEST = {"words": 256, "characters": 1_024, "pairs": 384}
"""Tokens of a text at most, where the length is guessed."""
LEAST_OFTEN = 2
"""How often a token must occur: what is met once stands for what will not be known, so that this is learned too."""
LOOKED_AT = 20_000
"""Texts that length and vocabulary are guessed from."""
LETTERS = 20_000
"""Of each of these texts; a row holds less, and a window in the same process need not wait long."""
NEARLY_ALL = 0.95
PIECES_OF_A_WORD = 1.3
BYTES = 256
Side = Literal["right", "left"]
_SPECIALS = ("<pad>", "<unk>")


def text_fields(names: Sequence[str], columns: Sequence[Iterable[str]], spec: DataSpec) -> tuple[FieldSpec, ...]:
    """Fields for texts, alike for all columns: of the size that the project knows, is told, or that the texts suggest.

    Raises:
        DataError: the vocabulary that is asked for is too small, or what the project knows of its texts cannot be.
    """
    _check_vocabulary(spec)
    known = _known(spec)
    length, vocabulary = _measure(columns, spec) if known is None else (known.shape[0], known.vocabulary)
    length = spec.options.get("length") or length
    vocabulary = min(vocabulary, spec.options.get("vocabulary") or vocabulary)
    return tuple(FieldSpec(name, "text", (length,), "input", "int64", vocabulary=vocabulary) for name in names)


def told_exactly(spec: DataSpec) -> dict[str, Any]:
    """The options of `spec` with the length and vocabulary that its fields have: nothing is left to guess."""
    known = _known(spec)
    if known is None:
        return spec.options
    return {**spec.options, "length": known.shape[0], "vocabulary": known.vocabulary}


def _known(spec: DataSpec) -> FieldSpec | None:
    """The text that the project knows of; a project may come from anywhere."""
    known = next((field for field in spec.fields if field.kind == "text"), None)
    if known is not None and not (len(known.shape) == 1 and 1 <= known.shape[0] <= MOST_LENGTH):
        raise DataError(f"Field {known.name!r}", got=f"its texts have the shape {known.shape}",
                        expected=f"(tokens,), 1 to {MOST_LENGTH:,} of them", mend="choose the data again",
                        fixes=(CHOOSE_AGAIN,))  # fmt: skip
    return known


def _check_vocabulary(spec: DataSpec) -> None:
    least, told = BYTES + len(_SPECIALS), spec.options.get("vocabulary")
    if spec.options.get("tokens") == "pairs" and told is not None and told < least:
        fix = Fix(f"Set it to {least}", "set_data", name="options", value={**spec.options, "vocabulary": least})
        raise DataError("Data options, vocabulary", got=f"it is {told}",
                        expected=f"at least {least} where tokens are byte pairs, one for each byte",
                        mend=f"set it to {least}", fixes=(fix,))  # fmt: skip


def _measure(columns: Sequence[Iterable[str]], spec: DataSpec) -> tuple[int, int]:
    """-> the length that nearly all of some texts have, and how many tokens there are to learn in them."""
    kind = spec.options.get("tokens", "words")
    lower = spec.options.get("lower", True)
    most = spec.options.get("vocabulary") or MOST_TOKENS[kind]
    split = _splitter("words" if kind == "pairs" else kind)
    counts: Counter[str] = Counter()
    lengths: list[int] = []
    for column in columns:
        texts = column if isinstance(column, np.ndarray) else list(column)
        for text in texts[:: max(1, -(-len(texts) // LOOKED_AT))]:
            head = text[:LETTERS]
            tokens = split(head.lower() if lower else head)
            counts.update(tokens)
            lengths.append(len(tokens))
    lengths.sort()
    usual = lengths[int(NEARLY_ALL * (len(lengths) - 1))] if lengths else 0
    usual = round(usual * PIECES_OF_A_WORD) if kind == "pairs" else usual
    length = min(max(8, -(-usual // 8) * 8), LONGEST[kind])
    found = len(_SPECIALS) + sum(count >= LEAST_OFTEN for count in counts.values())
    return length, most if kind == "pairs" else min(found, most)


def _splitter(kind: str) -> Any:
    from engine.data.transforms.text import CharTokenizer, WordTokenizer

    return (CharTokenizer if kind == "characters" else WordTokenizer)().split


class Tokens:
    """A tokeniser with the length that its rows have; what `Preparation` turns the texts of a field into numbers with.

    Args:
        tokenizer: fitted on the training part.
        length: tokens in a row: longer texts are cut off, shorter ones filled up.
        lower: whether capitals are made small first.
        side: where short texts are filled up.

    >>> spec = DataSpec(options={"length": 4})
    >>> field = FieldSpec("text", "text", (4,), "input", "int64", vocabulary=100)
    >>> Tokens.fit(["so good", "so so good"], field, spec)(["So bad", "good so"]).tolist()
    [[2, 1, 0, 0], [3, 2, 0, 0]]
    """

    def __init__(self, tokenizer: Any, length: int, lower: bool, side: Side = "right"):
        self.tokenizer, self.length, self.lower, self.side = tokenizer, length, lower, side

    @classmethod
    def fit(cls, texts: Iterable[str], field: FieldSpec, spec: DataSpec) -> Self:
        """Learn the tokens of these texts, as `spec` says, as many as the field may have."""
        from engine.data.transforms.text import BPETokenizer, CharTokenizer, WordTokenizer

        kind, lower = spec.options.get("tokens", "words"), spec.options.get("lower", True)
        settings = {"min_freq": LEAST_OFTEN, "specials": _SPECIALS}
        if kind == "pairs":
            tokenizer = BPETokenizer(field.vocabulary, **settings)
        else:
            tokenizer = (CharTokenizer if kind == "characters" else WordTokenizer)(
                max_tokens=field.vocabulary, **settings
            )
        tokenizer.fit(text.lower() if lower else text for text in texts)
        return cls(tokenizer, field.shape[0], lower, spec.options.get("side", "right"))

    def __call__(self, texts: Iterable[str]) -> np.ndarray:
        """(N, L) int64."""
        from engine.data.transforms.rows import pad_rows

        rows = [self.tokenizer.encode(text.lower() if self.lower else text, max_length=self.length) for text in texts]
        return pad_rows(rows, self.tokenizer.special("<pad>"), length=self.length, side=self.side)

    def state(self) -> np.ndarray:
        """What a checkpoint keeps: JSON, as an array of bytes."""
        plain = _State(self.tokenizer.state(), self.length, self.lower, self.side)
        return np.frombuffer(msgspec.json.encode(plain), dtype=np.uint8)

    @classmethod
    def from_state(cls, state: np.ndarray) -> Self:
        """The one whose `state()` that was.

        Raises:
            DataError: it is no such state.
        """
        from engine.data.transforms.text import Tokenizer

        try:
            kept = msgspec.json.decode(np.asarray(state, dtype=np.uint8).tobytes(), type=_State)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DataError("Tokens", got=f"they are not readable ({error})", mend="train again") from None
        tokenizer = Tokenizer.from_state(kept.tokenizer)
        tokenizer.special("<pad>")
        return cls(tokenizer, kept.length, kept.lower, kept.side)


class _State(Struct, forbid_unknown_fields=True):
    tokenizer: dict[str, Any]
    length: Annotated[int, Meta(ge=1, le=MOST_LENGTH)]
    lower: bool
    side: Side = "right"
