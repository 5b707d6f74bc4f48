"""What follows from faces alone, without their pictures: who is the same, who belongs together, how many there are."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .results import Numbers, Vector

#: The distance up to which two faces are one person. SFace's authors measured 0.637 as the best on their photos, and
#: ArcFace's lie there too. A little less is asked: a stranger in an album is worse than a person who is there twice.
TOLERANCE = 0.6

#: A group of fewer faces is no reason to believe in a person of its own.
_FEW = 5

#: So many numbers are compared at once: 64 MB.
_AT_ONCE = 1 << 24


class Comparison(NamedTuple):
    match: bool
    distance: float


def compare(one: Vector, other: Vector, *, tolerance: float = TOLERANCE) -> Comparison:
    """Whether two faces are one person, and 1 - cosine: 0 the same, 1 nothing in common, 2 opposite.

    Raises ValueError for vectors of different spaces: their distance says nothing.
    """
    if one.space != other.space:
        raise ValueError(f"A face of {one.space} cannot be compared with one of {other.space}. Look at both again.")
    first, second = _unit(np.stack([one.values, other.values]))
    distance = float(np.clip(1 - first @ second, 0, 2))
    return Comparison(distance <= tolerance, distance)


def cluster(vectors: Numbers, *, tolerance: float = TOLERANCE, at_least: int = 2) -> npt.NDArray[np.int64]:
    """For each row (a face, all of one space) the number of its person, or -1 for who has fewer than `at_least` faces.

    Two groups are one person while the mean distance between their faces is at most `tolerance`; the nearest are
    joined first. So a chain of faces, each a little like the next, does not join two persons. A blurred face is far
    from every single one of its person, but near to what they have in common: groups of fewer than five faces
    therefore join the larger one whose mean they are within `tolerance` of. Person 0 has most faces.

    Exact, and the same in every order of the rows, but for distances that are equal. What is compared at once takes
    64 MB; the time grows with the square of the faces (see docs/models.md).

    Raises ValueError for rows that are no directions: not finite, or of length 0.
    """
    if not len(vectors):
        return np.zeros(0, np.int64)
    faces = _unit(vectors)
    groups = _Groups(faces)
    while groups.join(1 - tolerance):
        pass
    of_face = _small_to_large(faces, groups.of_face, 1 - tolerance)
    _, firsts, numbers, sizes = np.unique(of_face, return_index=True, return_inverse=True, return_counts=True)
    ranks = np.empty(len(sizes), np.int64)
    ranks[np.lexsort((firsts, -sizes))] = np.arange(len(sizes))
    ranks[sizes < at_least] = -1
    labels: npt.NDArray[np.int64] = ranks[numbers]
    return labels


def _small_to_large(faces: Numbers, of_face: npt.NDArray[np.int64], least: float) -> npt.NDArray[np.int64]:
    _, numbers, sizes = np.unique(of_face, return_inverse=True, return_counts=True)
    small, large = np.flatnonzero(sizes < _FEW), np.flatnonzero(sizes >= _FEW)
    if not len(large):
        return numbers
    sums = np.zeros((len(sizes), faces.shape[1]), np.float32)
    np.add.at(sums, numbers, faces)
    directions = sums[large] / np.maximum(np.linalg.norm(sums[large], axis=1, keepdims=True), 1e-12)
    moved = np.arange(len(sizes))
    for start in range(0, len(small), step := max(1, _AT_ONCE // len(large))):
        some = small[start : start + step]
        likeness = sums[some] / sizes[some, None] @ directions.T
        best = likeness.argmax(axis=1)
        near = likeness[np.arange(len(some)), best] >= least
        moved[some[near]] = large[best[near]]
    joined: npt.NDArray[np.int64] = moved[numbers]
    return joined


class _Groups:
    """Mean linkage by mutual neighbours: groups that are each other's nearest are joined, all pairs at once.

    The mean cosine between the faces of two groups is the product of the groups' means, so nothing but the means is
    kept. A joined group is never nearer to a third one than the nearer of its parts was. Therefore whose nearest group
    was not touched keeps it, who has none within reach is finished for good and leaves, and the second best of an
    earlier look (`others`) bounds everybody else's likeness: who is still nearer than that needs no new look.
    """

    def __init__(self, vectors: Numbers) -> None:
        #: The number of each face's group; those at work are numbered by `numbers`.
        self.of_face = np.arange(len(vectors))
        self.numbers = self.of_face.copy()
        self.means = vectors
        self.sizes = np.ones(len(vectors), np.float32)
        self.nearest, self.likeness, self.others = _nearest(self.means, self.of_face)

    def join(self, least: float) -> bool:
        """One round; False when no two groups are alike enough."""
        self._leave(self.likeness < least)
        if len(self.numbers) < 2:
            return False
        here = np.arange(len(self.numbers))
        ones = np.flatnonzero((self.nearest[self.nearest] == here) & (here < self.nearest))
        if not len(ones):  # rounding can let equals wait for each other in a circle
            ones = np.array([int(self.likeness.argmax())])
        twos = self.nearest[ones]
        sizes = self.sizes[ones] + self.sizes[twos]
        sums = self.means[ones] * self.sizes[ones, None] + self.means[twos] * self.sizes[twos, None]
        self.means[ones], self.sizes[ones] = sums / sizes[:, None], sizes
        renamed = np.arange(len(self.of_face))
        renamed[self.numbers[twos]] = self.numbers[ones]
        self.of_face = renamed[self.of_face]
        joined = here.copy()
        joined[twos] = ones
        follow = np.isin(self.nearest, np.concatenate([ones, twos]))
        self.nearest = joined[self.nearest]
        self.likeness[follow] = np.einsum("ij,ij->i", self.means[follow], self.means[self.nearest[follow]])
        self.others[ones] = np.inf
        gone = np.zeros(len(here), bool)
        gone[twos] = True
        self._leave(gone)
        self._look_again(self.likeness < self.others)
        return True

    def _leave(self, gone: npt.NDArray[np.bool_]) -> None:
        places, kept = np.cumsum(~gone) - 1, ~gone
        lost = gone[self.nearest[kept]]  # a likeness that is just at the limit may be rounded to both sides
        self.numbers, self.means, self.sizes = self.numbers[kept], self.means[kept], self.sizes[kept]
        self.nearest, self.likeness, self.others = places[self.nearest[kept]], self.likeness[kept], self.others[kept]
        self._look_again(lost)

    def _look_again(self, wanted: npt.NDArray[np.bool_]) -> None:
        rows = np.flatnonzero(wanted)
        self.nearest[rows], self.likeness[rows], self.others[rows] = _nearest(self.means, rows)


def _nearest(means: Numbers, rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], Numbers, Numbers]:
    """For these rows the most alike of all others, how alike it is, and how alike the second is; minus infinity where
    there is none."""
    nearest = np.zeros(len(rows), np.int64)
    likeness, second = np.full((2, len(rows)), -np.inf, np.float32)
    step = max(1, _AT_ONCE // max(1, len(means)))
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        here = np.arange(len(some))
        products = means[some] @ means.T
        products[here, some] = -np.inf
        best = products.argmax(axis=1)
        nearest[start : start + step], likeness[start : start + step] = best, products[here, best]
        products[here, best] = -np.inf
        second[start : start + step] = products.max(axis=1)
    return nearest, likeness, second


def _unit(vectors: Numbers) -> Numbers:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise ValueError("A face's vector has no direction. Look at its picture again.")
    unit: Numbers = (vectors / lengths).astype(np.float32)
    return unit


@dataclass(frozen=True)
class FaceStatistics:
    """`share`: pictures with a face, of all; 0 for none. `histogram`: how many pictures have so many faces, from 0 up
    to the most, without gaps.
    """

    pictures: int
    with_faces: int
    faces: int
    share: float
    histogram: tuple[int, ...]


def statistics(counts: Iterable[int]) -> FaceStatistics:
    """Of the number of faces on each picture."""
    pictures = Counter(counts)
    total, with_faces = pictures.total(), pictures.total() - pictures[0]
    faces = sum(count * times for count, times in pictures.items())
    histogram = tuple(pictures[count] for count in range(max(pictures) + 1)) if total else ()
    return FaceStatistics(total, with_faces, faces, with_faces / total if total else 0.0, histogram)
