"""What the matchers take and give, and the little they share about boxes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..results import Box, Numbers
from ..roles import Picture


@dataclass(frozen=True, eq=False)
class Product:
    """`references`: the product cut out of pictures, at least once, about as large as it is looked for."""

    key: str
    references: tuple[Picture, ...]


@dataclass(frozen=True)
class Match:
    """One place where a product stands. `score`: the cosine between the crop and the nearest reference, as the embedder
    sees them; when not `verified` nobody saw a crop: the score is how well the patches agree, a scale of its own."""

    product: str
    box: Box
    score: float
    verified: bool


class Embed(Protocol):
    """Any embedder of pictures: one row a picture, of any length but 0. One that may be replaced by another has a
    `space`, the name of what its rows may be compared with."""

    def __call__(self, pictures: Sequence[Picture], /) -> Numbers: ...


class OtherSpaceError(ValueError):
    """Answers of two models were to be compared, which means nothing."""

    def __init__(self, learnt: str, seen: str) -> None:
        super().__init__(f"What was learnt in {learnt} cannot be looked for in {seen}: learn the products again.")


class Detect(Protocol):
    """Boxes of whatever stands out, for each picture, already at the confidence that the caller wants."""

    def __call__(self, pictures: Sequence[Picture], /) -> Sequence[Sequence[Box]]: ...


@dataclass(frozen=True, eq=False)
class Known:
    """Products as an embedder sees them, to be kept and used for many pictures.

    `vectors`: one row a reference, of length 1, in `space`; `owners`: the place of its product in `keys`; `sizes`: its
    width and height in pixels.
    """

    keys: tuple[str, ...]
    vectors: Numbers
    owners: tuple[int, ...]
    sizes: tuple[tuple[int, int], ...]
    space: str = ""

    def likeness(self, vectors: Numbers) -> Numbers:
        """For each vector and product the cosine to its nearest reference."""
        cosines = vectors @ self.vectors.T
        nearest = np.full((len(vectors), len(self.keys)), -1, np.float32)
        for column, owner in enumerate(self.owners):
            np.maximum(nearest[:, owner], cosines[:, column], out=nearest[:, owner])
        return nearest


def learn(products: Sequence[Product], embed: Embed, *, batch_size: int = 32) -> Known:
    """Raises ValueError for a product without a reference, and for two products of one name."""
    keys = tuple(product.key for product in products)
    if len(set(keys)) < len(keys):
        raise ValueError("Two products have the same key.")
    for product in products:
        if not product.references:
            raise ValueError(f'The product "{product.key}" has no reference: mark it on a picture first.')
    references = [reference for product in products for reference in product.references]
    owners = tuple(number for number, product in enumerate(products) for _reference in product.references)
    sizes = tuple((reference.shape[1], reference.shape[0]) for reference in references)
    vectors = embedded(references, embed, batch_size=batch_size)
    return Known(keys, vectors, owners, sizes, space_of(embed) if references else "")


def space_of(seer: object) -> str:
    """In which its answers may be compared; empty for one that has only one."""
    return str(getattr(seer, "space", ""))


def check_space(learnt: str, seen: str) -> None:
    """Raises OtherSpaceError for what was learnt by another model than the one that looks now."""
    if learnt != seen:
        raise OtherSpaceError(learnt, seen)


def embedded(pictures: Sequence[Picture], embed: Embed, *, batch_size: int) -> Numbers:
    """One row of length 1 a picture."""
    if not pictures:
        return np.zeros((0, 1), np.float32)
    starts = range(0, len(pictures), batch_size)
    return unit(np.concatenate([embed(pictures[start : start + batch_size]) for start in starts]))


def unit(rows: Numbers) -> Numbers:
    """Directions of length 1 along the last axis; nothing stays nothing."""
    rows = np.asarray(rows, np.float32)
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True).astype(np.float32)
    directions: Numbers = rows / np.maximum(lengths, np.float32(1e-12))
    return directions


def crop(picture: Picture, box: Box) -> Picture:
    """What lies in the box: at least one pixel."""
    height, width = picture.shape[:2]
    left, top = min(int(box[0] * width + 0.5), width - 1), min(int(box[1] * height + 0.5), height - 1)
    right, bottom = max(int(box[2] * width + 0.5), left + 1), max(int(box[3] * height + 0.5), top + 1)
    return picture[top:bottom, left:right]


def clipped(box: Iterable[float]) -> Box:
    left, top, right, bottom = (min(max(float(side), 0.0), 1.0) for side in box)
    return left, top, right, bottom


def shared(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (area(one) + area(other) - width * height)


def area(box: Box) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def best_apart(matches: Iterable[Match], *, overlap: float) -> list[Match]:
    """Best first; of matches of one product that overlap by more, only the best."""
    kept: list[Match] = []
    for match in sorted(matches, key=lambda one: (-one.score, one.product, one.box)):
        if all(match.product != one.product or shared(match.box, one.box) <= overlap for one in kept):
            kept.append(match)
    return kept
