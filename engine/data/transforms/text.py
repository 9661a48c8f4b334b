"""Texts as rows of numbers: tokenisers of characters, words and byte pairs, and the vocabulary that they learn."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Self

import numpy as np
from msgspec import Struct

from engine.data.sniff import UNSPACED
from engine.data.transforms import bpe
from engine.data.transforms.fitted import Fitted
from engine.data.transforms.rows import pad_rows
from engine.errors import DataError, OptionError

PAD, UNKNOWN, BEGIN, END = "<pad>", "<unk>", "<bos>", "<eos>"
SPECIALS = (PAD, UNKNOWN, BEGIN, END)
WORDS = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+(?:['’][^\W{UNSPACED}]+)*|[^\w\s]")
"""Words with their apostrophes, and signs; of what is written without spaces each character is a word."""


class Vocabulary(Fitted):
    """Tokens and their numbers: the special ones first, then the commonest, those as common by the alphabet.

    Args:
        min_freq: how often a token must occur to be learned.
        max_tokens: how many there are at the most, the special ones counted; None for any number.
        specials: tokens that no text holds. "<unk>" among them stands for what was not learned.

    Raises:
        OptionError: a special token stands twice.

    >>> vocabulary = Vocabulary(min_freq=2, specials=("<pad>", "<unk>")).fit([["a", "b", "a"], ["b", "c", "a"]])
    >>> vocabulary.tokens, vocabulary.encode(["b", "c"]), vocabulary.decode([2, 1])
    (['<pad>', '<unk>', 'a', 'b'], [3, 1], ['a', '<unk>'])
    """

    class State(Struct, frozen=True, forbid_unknown_fields=True):
        tokens: list[str]
        specials: list[str]

    def __init__(self, min_freq: int = 1, max_tokens: int | None = None, specials: Sequence[str] = SPECIALS):
        if len(set(specials)) != len(specials):
            raise OptionError("Vocabulary", got=f"the specials {', '.join(specials)}", expected="each of them once")
        self.min_freq, self.max_tokens, self.specials = min_freq, max_tokens, tuple(specials)

    def fit(self, texts: Iterable[Iterable[str]]) -> Self:
        """Learn the tokens of the training part's texts, each a row of tokens."""
        counts = Counter(token for text in texts for token in text)
        order = sorted((-count, token) for token, count in counts.items() if count >= self.min_freq)
        tokens = [*self.specials, *(token for _, token in order if token not in self.specials)]
        self._take(self.State(tokens[: self.max_tokens], list(self.specials)))
        return self

    def _take(self, state: Any) -> None:
        if len(set(state.tokens)) != len(state.tokens):
            raise DataError("Vocabulary", got="a token stands twice in it", expected="each once")
        self.learned, self.specials = state, tuple(state.specials)
        self._number = {token: number for number, token in enumerate(state.tokens)}
        self._unknown = self._number.get(UNKNOWN) if UNKNOWN in state.specials else None

    @property
    def tokens(self) -> list[str]:
        """Every token, at its number."""
        return self.learned.tokens

    def __len__(self) -> int:
        return len(self.learned.tokens)

    def __contains__(self, token: str) -> bool:
        _ = self.learned
        return token in self._number

    def __getitem__(self, token: str) -> int:
        return self.encode([token])[0]

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """Their numbers.

        Raises:
            DataError: a token was not learned, and there is no "<unk>".
        """
        _ = self.learned
        tokens = list(tokens)
        found = [self._number.get(token, self._unknown) for token in tokens]
        if self._unknown is None and None in found:
            missed = tokens[found.index(None)]
            raise DataError("Vocabulary", got=f"{missed!r} was not learned", expected="a known token",
                            mend=f"put {UNKNOWN!r} among the specials")  # fmt: skip
        return found

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """The tokens of these numbers.

        Raises:
            DataError: there is none of that number.
        """
        tokens = self.tokens
        numbers = [int(number) for number in numbers]
        wrong = next((number for number in numbers if not 0 <= number < len(tokens)), None)
        if wrong is not None:
            raise DataError("Vocabulary", got=f"there is no token {wrong}", expected=f"0 to {len(tokens) - 1}")
        return [tokens[number] for number in numbers]


class Tokenizer(Fitted):
    """What tokenisers share: texts to rows of numbers and back.

    >>> class Bytes(Tokenizer):
    ...     specials = ()
    ...     def fit(self, texts):
    ...         self.learned = 256
    ...         return self
    ...     def __len__(self):
    ...         return 256
    ...     def _numbers(self, text):
    ...         return list(text.encode())
    ...     def _text(self, numbers):
    ...         return bytes(numbers).decode()
    >>> numbers = Bytes().fit([])
    >>> numbers.encode("hi"), numbers.decode([104, 105])
    ([104, 105], 'hi')
    """

    specials: tuple[str, ...]

    def fit(self, texts: Iterable[str]) -> Self:
        """Learn from the texts of the training part."""
        raise NotImplementedError(f"{type(self).__name__} must define fit")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define __len__")

    def _numbers(self, text: str) -> Iterable[int]:
        raise NotImplementedError(f"{type(self).__name__} must define _numbers")

    def _text(self, numbers: list[int]) -> str:
        raise NotImplementedError(f"{type(self).__name__} must define _text")

    def special(self, token: str) -> int:
        """The number of a special token.

        Raises:
            DataError: there is no such one.
        """
        if token not in self.specials:
            raise DataError(type(self).__name__, got=f"{token!r} is none of its special tokens",
                            expected=f"one of {', '.join(self.specials) or 'none'}")  # fmt: skip
        return self.specials.index(token)

    def encode(self, text: str, *, bos: bool = False, eos: bool = False, max_length: int | None = None) -> list[int]:
        """The numbers of a text.

        Args:
            text: what is encoded.
            bos: whether "<bos>" goes before it.
            eos: whether "<eos>" goes behind it; it stays where the text is cut off.
            max_length: numbers at the most; None for any.
        """
        _ = self.learned
        before = [self.special(BEGIN)] if bos else []
        behind = [self.special(END)] if eos else []
        room = None if max_length is None else max(max_length - len(before) - len(behind), 0)
        return [*before, *islice(self._numbers(text), room), *behind]

    def decode(self, numbers: Iterable[int], *, skip_specials: bool = True) -> str:
        """The text of these numbers.

        Args:
            numbers: as `encode` gave them.
            skip_specials: whether padding and the like are left out.

        Raises:
            DataError: there is no token of such a number.
        """
        numbers = [int(number) for number in numbers]
        wrong = next((number for number in numbers if not 0 <= number < len(self)), None)
        if wrong is not None:
            raise DataError(type(self).__name__, got=f"there is no token {wrong}", expected=f"0 to {len(self) - 1}")
        return self._text([n for n in numbers if not skip_specials or n >= len(self.specials)])

    def __call__(
        self, texts: Iterable[str], *, max_length: int | None = None, bos: bool = False, eos: bool = False
    ) -> np.ndarray:
        """Texts as one array (N, L) int64, padded behind with "<pad>" to the longest; cut off at `max_length`."""
        rows = [self.encode(text, bos=bos, eos=eos, max_length=max_length) for text in texts]
        return pad_rows(rows, self.special(PAD))


class _OfVocabulary(Tokenizer):
    """A tokeniser whose tokens are texts."""

    class State(Vocabulary.State, frozen=True, forbid_unknown_fields=True):
        lower: bool = False

    def __init__(
        self, lower: bool = False, min_freq: int = 1, max_tokens: int | None = None, specials: Sequence[str] = SPECIALS
    ):
        self.lower, self.vocabulary = lower, Vocabulary(min_freq, max_tokens, specials)
        self.specials = self.vocabulary.specials

    def fit(self, texts: Iterable[str]) -> Self:
        self.vocabulary.fit(self.split(text) for text in texts)
        self.learned = self.State(self.vocabulary.tokens, list(self.specials), self.lower)
        return self

    def _take(self, state: Any) -> None:
        self.learned, self.lower, self.specials = state, state.lower, tuple(state.specials)
        self.vocabulary._take(Vocabulary.State(state.tokens, state.specials))

    def __len__(self) -> int:
        return len(self.vocabulary)

    def split(self, text: str) -> list[str]:
        """The tokens of a text."""
        raise NotImplementedError(f"{type(self).__name__} must define split")

    def _numbers(self, text: str) -> list[int]:
        return self.vocabulary.encode(self.split(text))


class CharTokenizer(_OfVocabulary):
    """Every character a token.

    Args:
        lower: whether capitals are made small first.
        min_freq: how often a character must occur to be learned.
        max_tokens: how many tokens there are at the most; None for any number.
        specials: tokens that no text holds.

    >>> tokenizer = CharTokenizer(specials=("<pad>", "<unk>")).fit(["abba"])
    >>> tokenizer.encode("bad"), tokenizer.decode([2, 3])
    ([3, 2, 1], 'ab')
    """

    def split(self, text: str) -> list[str]:
        """The characters."""
        return list(text.lower() if self.lower else text)

    def _text(self, numbers: list[int]) -> str:
        return "".join(self.vocabulary.decode(numbers))


class WordTokenizer(_OfVocabulary):
    """Every word a token, and every sign; spaces are lost.

    Args:
        lower: whether capitals are made small first.
        min_freq: how often a word must occur to be learned.
        max_tokens: how many tokens there are at the most; None for any number.
        specials: tokens that no text holds.

    >>> tokenizer = WordTokenizer().fit(["don't stop, don't"])
    >>> tokenizer(["Stop", "don't stop now"], eos=True).tolist()
    [[1, 3, 0, 0], [4, 6, 1, 3]]
    """

    def split(self, text: str) -> list[str]:
        """The words and signs."""
        return WORDS.findall(text.lower() if self.lower else text)

    def _text(self, numbers: list[int]) -> str:
        return " ".join(self.vocabulary.decode(numbers))


class BPETokenizer(Tokenizer):
    """Pieces of words, from single bytes to whole words, learned by merging what stands together most often.

    No text is unknown to it, and decoding gives back exactly what was encoded (Sennrich et al. 2016; bytes as in GPT-2,
    Radford et al. 2019).

    Args:
        vocab_size: how many tokens there are at the most, the special ones and 256 bytes counted.
        min_freq: how often a pair must occur to be merged.
        specials: tokens that no text holds; they come first.

    >>> tokenizer = BPETokenizer(vocab_size=260, specials=("<pad>",)).fit(["low lowest newest widest"])
    >>> tokenizer.pieces("widest"), tokenizer.decode(tokenizer.encode("naïve 🙂"))
    (['w', 'i', 'd', 'est'], 'naïve 🙂')
    """

    class State(Struct, frozen=True, forbid_unknown_fields=True):
        merges: list[tuple[int, int]]
        specials: list[str]

    def __init__(self, vocab_size: int = 4096, min_freq: int = 2, specials: Sequence[str] = SPECIALS):
        if vocab_size < 256 + len(specials) or min_freq < 1:
            raise OptionError("BPETokenizer", got=f"vocab_size {vocab_size} and min_freq {min_freq} came",
                              expected=f"at least {256 + len(specials)} tokens and 1 occurrence")  # fmt: skip
        self.vocab_size, self.min_freq, self.specials = vocab_size, min_freq, tuple(specials)

    def fit(self, texts: Iterable[str]) -> Self:
        """Learn the merges from the texts of the training part."""
        merges = bpe.learn_merges(texts, self.vocab_size - 256 - len(self.specials), self.min_freq)
        self._take(self.State(merges, list(self.specials)))
        return self

    def _take(self, state: Any) -> None:
        lengths = [1] * 256
        for number, (first, second) in enumerate(state.merges):
            if not (0 <= first < len(lengths) and 0 <= second < len(lengths)):
                raise DataError("BPETokenizer", got=f"merge {number} is of {(first, second)}",
                                expected="tokens that came before")  # fmt: skip
            lengths.append(lengths[first] + lengths[second])
            if lengths[-1] > bpe.LONGEST:  # else each merge of such a state might double what its token stands for
                raise DataError("BPETokenizer", got=f"merge {number} makes a token of {lengths[-1]} bytes",
                                expected=f"at most {bpe.LONGEST}")  # fmt: skip
        self.learned, self.specials = state, tuple(state.specials)
        self._ranks = {pair: rank for rank, pair in enumerate(state.merges)}
        self._spelled = bpe.spellings(state.merges)
        self._known: dict[bytes, tuple[int, ...]] = {}  # word -> its tokens, as they are met

    def __len__(self) -> int:
        return len(self.specials) + 256 + len(self.learned.merges)

    def _numbers(self, text: str) -> Iterator[int]:
        """One after the other, so that what is cut off a long text is not looked at."""
        first = len(self.specials)
        for piece in bpe.pieces(text):
            tokens = self._known.get(piece)
            if tokens is None:
                tokens = bpe.encode_piece(piece, self._ranks)
                if len(self._known) < 2**16:
                    self._known[piece] = tokens
            for token in tokens:
                yield first + token

    def _text(self, numbers: list[int]) -> str:
        first = len(self.specials)
        parts = [self._spelled[n - first] if n >= first else self.specials[n].encode() for n in numbers]
        return b"".join(parts).decode("utf-8", "replace")

    def pieces(self, text: str) -> list[str]:
        """What the tokens of a text stand for, to be shown: bytes that are no whole letter come as �."""
        return [self.decode([number]) for number in self.encode(text)]
