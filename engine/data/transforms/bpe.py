"""Byte-pair encoding: which pieces of words a text is made of, learned from the text itself."""

from __future__ import annotations

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise, takewhile

Pair = tuple[int, int]

PIECES = re.compile(r"'(?:[sdmt]|ll|ve|re)| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")
"""Words with the space before them, numbers, signs, spaces: nothing is merged across their borders (GPT-2's rule)."""
_PRINTED = [*range(33, 127), *range(161, 173), *range(174, 256)]
BYTES = bytes(_PRINTED + [byte for byte in range(256) if byte not in set(_PRINTED)])
"""The byte of each of the first 256 tokens: those that can be printed first, as GPT-2 numbers them."""
TOKEN_OF = bytes(BYTES.index(byte) for byte in range(256))
LONGEST = 256
"""Bytes of a piece at most: a longer one is cut, so that no text takes more time than others of its length."""
MOST_LEARNED = 2**21
"""Bytes of different pieces that merges are learned from, the commonest first: a quarter of a million words."""


def pieces(text: str) -> list[bytes]:
    """A text cut into words, each as a row of the first 256 tokens.

    >>> [bytes(BYTES[token] for token in piece).decode() for piece in pieces("It's 12 o'clock.")]
    ['It', "'s", ' 12', ' o', "'", 'clock', '.']
    """
    words = [word.encode("utf-8", "surrogatepass").translate(TOKEN_OF) for word in PIECES.findall(text)]
    if all(len(word) <= LONGEST for word in words):
        return words
    return [word[start : start + LONGEST] for word in words for start in range(0, len(word), LONGEST)]


def learn_merges(texts: Iterable[str], merges: int, least: int = 2) -> list[Pair]:
    """The pairs of tokens that are joined, in order: always the commonest of all neighbours (Sennrich et al. 2016).

    Counts are kept up to date where a merge changes them, so that each costs what it touches. Of pairs that are as
    common the one of the smaller tokens comes first: the same texts give the same merges everywhere.

    Args:
        texts: what is learned from.
        merges: how many pairs at the most; the nth of them becomes token 256 + n.
        least: how often a pair must stand there.

    >>> [bytes(BYTES[t] for t in pair).decode() for pair in learn_merges(["low lower lowest"], 1)]
    ['lo']
    """
    counted = _commonest(Counter(piece for text in texts for piece in pieces(text)))
    words = [list(word) for word in counted]
    often = list(counted.values())
    counts: Counter[Pair] = Counter()
    places: defaultdict[Pair, set[int]] = defaultdict(set)  # pair -> the words that hold it, or once did
    for index, word in enumerate(words):
        for pair in pairwise(word):
            counts[pair] += often[index]
            places[pair].add(index)
    heap = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(heap)
    learned: list[Pair] = []
    while heap and len(learned) < merges:
        count, pair = heapq.heappop(heap)
        if -count != counts[pair]:  # it has changed since; a newer entry stands further down
            if counts[pair] >= least:
                heapq.heappush(heap, (-counts[pair], pair))
            continue
        if -count < least:
            break
        new = 256 + len(learned)
        learned.append(pair)
        for changed in _merge_everywhere(pair, new, words, often, counts, places):
            if counts[changed] >= least:
                heapq.heappush(heap, (-counts[changed], changed))
    return learned


def _commonest(counted: Counter[bytes]) -> dict[bytes, int]:
    """As many pieces as are learned from: of those that are as common, those that came first."""
    if sum(map(len, counted)) <= MOST_LEARNED:
        return counted
    together = accumulate(len(piece) for piece, _ in counted.most_common())
    return dict(counted.most_common(sum(1 for _ in takewhile(MOST_LEARNED.__ge__, together))))


def _merge_everywhere(
    pair: Pair,
    new: int,
    words: list[list[int]],
    often: list[int],
    counts: Counter[Pair],
    places: defaultdict[Pair, set[int]],
) -> set[Pair]:
    """Join the pair in every word that holds it; -> the pairs that have become commoner."""
    grown: set[Pair] = set()
    for index in places.pop(pair):
        words[index], changes = _joined(words[index], pair, new)
        for each, more in changes.items():
            counts[each] += more * often[index]
            if more > 0:
                places[each].add(index)
                grown.add(each)
    del counts[pair]
    return grown


def _joined(tokens: list[int], pair: Pair, new: int) -> tuple[list[int], dict[Pair, int]]:
    """The tokens with the pair replaced, and how many more or fewer neighbours of each kind that makes."""
    out: list[int] = []
    changes: defaultdict[Pair, int] = defaultdict(int)
    first, second = pair
    at = 0
    for hit in _hits(tokens, pair):
        out += tokens[at:hit]
        if out:
            changes[out[-1], first] -= 1
            changes[out[-1], new] += 1
        at = hit + 2
        if at < len(tokens):
            changes[second, tokens[at]] -= 1
            changes[new, tokens[at]] += 1
        out.append(new)
    return out + tokens[at:], changes


def _hits(tokens: list[int], pair: Pair) -> Iterator[int]:
    """Where the pair stands, from the left, none upon another."""
    first, second = pair
    at, end = 0, len(tokens) - 1
    while at < end:
        try:
            at = tokens.index(first, at, end)
        except ValueError:
            return
        if tokens[at + 1] == second:
            yield at
            at += 1
        at += 1


def merged(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """The tokens with every occurrence of the pair replaced, from the left.

    >>> merged([1, 1, 1, 2], (1, 1), 9)
    [9, 1, 2]
    """
    out: list[int] = []
    at = 0
    for hit in _hits(tokens, pair):
        out += tokens[at:hit]
        out.append(new)
        at = hit + 2
    return out + tokens[at:]


def encode_piece(piece: bytes, ranks: dict[Pair, int]) -> tuple[int, ...]:
    """One word in tokens: of the pairs in it that can be joined always the one that was learned first."""
    tokens = list(piece)
    while len(tokens) > 1:
        rank, pair = min((ranks.get(pair, len(ranks)), pair) for pair in pairwise(tokens))
        if rank == len(ranks):
            break
        tokens = merged(tokens, pair, 256 + rank)
    return tuple(tokens)


def spellings(merges: Iterable[Pair]) -> list[bytes]:
    """The bytes that each token stands for.

    >>> spellings([(0, 1)])[256]
    b'!"'
    """
    spelled = [bytes([byte]) for byte in BYTES]
    for first, second in merges:
        spelled.append(spelled[first] + spelled[second])
    return spelled
