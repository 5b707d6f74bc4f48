"""Which hashes are close to which: exact, in memory, without knowing where the hashes come from.

Multi-index hashing: a hash of 256 bits is cut into 16 chunks of 16. Two hashes that differ in at most 31 bits differ in
at most one bit of at least one chunk, so looking up each chunk and its 16 one-bit neighbours misses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BITS = 256
FORMS = 8
# The form that undoes a form, in the order of `media.results.Pdq`: a quarter turn is undone by three of them.
INVERSE = (0, 3, 2, 1, 4, 5, 6, 7)

_CHUNKS = 16
_BUCKETS = 1 << 16
_ITSELF = np.zeros(1, np.uint16)
_ONE_BIT = np.concatenate([_ITSELF, np.left_shift(1, np.arange(16)).astype(np.uint16)])

Words = NDArray[np.uint64]  # rows of four
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Near:
    """Row by row: the number of the question, the key that was found, and how many bits differ."""

    questions: Numbers
    keys: Numbers
    distances: Numbers


def words_of(hashes: Sequence[bytes]) -> Words:
    """Hashes of 32 bytes each as rows of machine words."""
    return np.frombuffer(b"".join(hashes), np.uint64).reshape(-1, BITS // 64)


class HashIndex:
    """Keys with their hashes. Rows are appended; what was superseded or dropped stays in place and is passed over.

    The newest rows, an eighth at most, are not yet sorted into buckets and are compared one by one.
    """

    LEAST_TAIL = 4096

    def __init__(self) -> None:
        self._words: Words = np.empty((0, BITS // 64), np.uint64)
        self._keys: Numbers = np.empty(0, np.int64)
        self._alive: NDArray[np.bool_] = np.empty(0, np.bool_)
        self._row_of: dict[int, int] = {}
        self._sorted = 0  # so many rows are in buckets
        self._rows: NDArray[np.int32] = np.empty((_CHUNKS, 0), np.int32)  # row numbers of each chunk, bucket by bucket
        self._starts: Numbers = np.zeros((_CHUNKS, _BUCKETS + 1), np.int64)

    def __len__(self) -> int:
        return len(self._row_of)

    def __contains__(self, key: int) -> bool:
        return key in self._row_of

    def put(self, keys: Sequence[int], words: Words) -> None:
        """Add keys, each given once; one that is known gets its new hash."""
        news = [number for number, key in enumerate(keys) if not self.holds(key, words[number].tobytes())]
        if not news:
            return
        keys, words = [keys[number] for number in news], words[news]
        self.drop(keys)
        first = len(self._keys)
        self._row_of.update((key, first + number) for number, key in enumerate(keys))
        self._keys = np.concatenate([self._keys, np.asarray(keys, np.int64)])
        self._words = np.concatenate([self._words, words])
        self._alive = np.concatenate([self._alive, np.ones(len(keys), np.bool_)])
        if len(self._keys) - self._sorted > max(self.LEAST_TAIL, self._sorted // 8):
            self._sort()

    def drop(self, keys: Sequence[int]) -> None:
        for key in keys:
            row = self._row_of.pop(key, None)
            if row is not None:
                self._alive[row] = False

    def holds(self, key: int, hash_bytes: bytes) -> bool:
        """Whether this very hash is known under this key."""
        row = self._row_of.get(key)
        return row is not None and self._words[row].tobytes() == hash_bytes

    def near(self, questions: Words, threshold: int) -> Near:
        """Every living key within `threshold` bits of each question."""
        found = [self._near(question, threshold) for question in questions]
        return Near(
            questions=np.repeat(np.arange(len(found)), [len(rows) for rows, _ in found]).astype(np.int64),
            keys=self._keys[np.concatenate([rows for rows, _ in found])] if found else np.empty(0, np.int64),
            distances=np.concatenate([far for _, far in found]) if found else np.empty(0, np.int64),
        )

    def _near(self, question: Words, threshold: int) -> tuple[Numbers, Numbers]:
        rows = self._candidates(question, threshold)
        distances = np.bitwise_count(self._words[rows] ^ question).sum(axis=1, dtype=np.int64)
        hits = (distances <= threshold) & self._alive[rows]
        return rows[hits], distances[hits]

    def _candidates(self, question: Words, threshold: int) -> Numbers:
        """Rows that may be near: no true one is missing. Never more work than comparing with all of them."""
        everything = np.arange(len(self._keys), dtype=np.int64)
        if threshold >= 2 * _CHUNKS:
            return everything
        flips = _ONE_BIT if threshold >= _CHUNKS else _ITSELF
        buckets = (question.view(np.uint16)[:, None] ^ flips).astype(np.int64)
        chunks = np.arange(_CHUNKS)[:, None]
        starts, ends = self._starts[chunks, buckets], self._starts[chunks, buckets + 1]
        if int((ends - starts).sum()) > self._sorted // 2:
            return everything
        pieces = [self._rows[chunk, starts[chunk, n] : ends[chunk, n]] for chunk, n in np.argwhere(ends > starts)]
        return np.unique(np.concatenate([*pieces, everything[self._sorted :]]))

    def _sort(self) -> None:
        """Forget the dead rows and sort all others into buckets."""
        self._words, self._keys = self._words[self._alive], self._keys[self._alive]
        self._alive = np.ones(len(self._keys), np.bool_)
        self._row_of = {int(key): row for row, key in enumerate(self._keys)}
        self._sorted = len(self._keys)
        chunks = self._words.view(np.uint16)
        self._rows = np.empty((_CHUNKS, self._sorted), np.int32)
        for chunk in range(_CHUNKS):
            self._rows[chunk] = np.argsort(chunks[:, chunk], kind="stable")
            sizes = np.bincount(chunks[:, chunk], minlength=_BUCKETS)
            self._starts[chunk, 1:] = np.cumsum(sizes)
