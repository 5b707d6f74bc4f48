"""One look at the picture for all products: its patches, compared with the patches of every product at once.

A vision transformer (or any other `Patches`) sees the target once, in tiles where products may be small in it. All
windows of its patches are compared with all products by multiplications of matrices; in the regions that agree, patch
is laid on patch (`layout`), which says where exactly the product lies, how large, and what of it is hidden. The best
few are cut out and verified by the embedder, as in `grid`.

The patches of a picture can be kept, 8 bits each, and searched later for products that nobody knew then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from ..results import Box, Numbers
from ..roles import Picture
from .layout import Laid, Target, Template, Windows, lay, settle, template
from .results import (
    Embed,
    Known,
    Match,
    Product,
    area,
    best_apart,
    check_space,
    clipped,
    crop,
    embedded,
    learn,
    shared,
    space_of,
    unit,
)

#: The sizes at which a product is known: the square root of its cells, each 1.4 times the one before.
SIZES = tuple(3 * 2 ** (step / 2) for step in range(7))
_STEP = 2**0.5
#: Cells from which half as many would do.
_LARGE = 12.0
#: A part of a product may look like all of it: of two places, one within the other, the smaller must agree better.
_PART_IS_WITHIN, _PART_AGREES_BETTER = 0.7, 0.03
_EVERYTHING: Box = (0, 0, 1, 1)


class Patches(Protocol):
    """`cell`: the pixels that one patch stands for. `space`: by name, what its patches may be compared with. A picture
    whose sides are whole cells gives rows x columns x numbers, one row of patches for each row of cells."""

    @property
    def cell(self) -> int: ...

    @property
    def space(self) -> str: ...

    def __call__(self, pictures: Sequence[Picture], /) -> Sequence[Numbers]: ...


@dataclass(frozen=True)
class DenseOptions:
    """`threshold`: the cosine from which a crop is the product; it belongs to the embedder. Products are looked for
    from `smallest` to `largest` times the size of their references. `side`: of a tile, in pixels; at most
    `tiles_at_most` of them in a row, so that the smallest product has `cells_at_least` across. `agreement` of patches
    from which a place is looked at further. `candidates`: windows of each size, `crops_at_most`: places that are
    verified, both for each product; `crops_in_all`: of all products together, those that agree best."""

    threshold: float = 0.75
    smallest: float = 0.5
    largest: float = 2.0
    side: int = 448
    tiles_at_most: int = 3
    cells_at_least: int = 5
    agreement: float = 0.5
    candidates: int = 8
    crops_at_most: int = 4
    crops_in_all: int = 64
    overlap: float = 0.3
    batch_size: int = 32


@dataclass(frozen=True, eq=False)
class Shelf:
    """Products as the dense search knows them, to be kept and used for many pictures. `space`: of the patches."""

    known: Known
    references: tuple[Picture, ...]
    templates: tuple[Template, ...]
    space: str


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """The patches of a whole picture: rows x columns x numbers of length 1. `width`, `height`: of the picture."""

    values: Numbers
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class StoredMap:
    """A FeatureMap in 8 bits: `values` times `scale`."""

    values: npt.NDArray[np.int8]
    scale: float
    width: int
    height: int
    space: str


@dataclass(frozen=True, eq=False)
class _Place:
    """`box` is 0..1 of the picture; the rest as in Laid."""

    template: Template
    box: Box
    agreement: float
    visible: Box


@dataclass(frozen=True)
class Dense:
    embed: Embed
    patches: Patches
    options: DenseOptions = DenseOptions()

    def learn(self, products: Sequence[Product]) -> Shelf:
        """Once for many pictures. Raises ValueError for a product without a reference."""
        known = learn(products, self.embed, batch_size=self.options.batch_size)
        references = tuple(reference for product in products for reference in product.references)
        shapes = [(number, *shape) for number, one in enumerate(references) for shape in _shapes(one)]
        cell = self.patches.cell
        sized = [_resized(references[number], columns * cell, rows * cell) for number, rows, columns in shapes]
        templates = (
            template(known.owners[number], number, values)
            for (number, _rows, _columns), values in zip(shapes, self._seen(sized), strict=True)
        )
        return Shelf(known, references, tuple(templates), self.patches.space)

    def find(self, picture: Picture, shelf: Shelf) -> list[Match]:
        """Where the products stand, best first; empty when none does. Raises OtherSpaceError for products that other
        models learnt."""
        if not shelf.templates:
            return []
        check_space(shelf.space, self.patches.space)
        check_space(shelf.known.space, space_of(self.embed))
        coarsest = self.options.side // self.patches.cell
        finest = self._tiles(picture, shelf) * coarsest
        if finest == coarsest:
            places = self._places(self._map(picture, coarsest), shelf)
        else:
            turn = _LARGE * coarsest / finest
            places = self._places(self._map(picture, finest), shelf, to=_LARGE)
            places += self._places(self._map(picture, coarsest), shelf, since=turn)
        return self._verified(picture, _no_parts(places), shelf)

    def encode(self, picture: Picture, *, cells: int = 56) -> StoredMap:
        """What a later search needs of this picture: `cells` on its long side."""
        seen = self._map(picture, cells)
        scale = max(float(np.abs(seen.values).max()) / 127, 1e-9)
        return StoredMap(
            np.rint(seen.values / scale).astype(np.int8), scale, seen.width, seen.height, self.patches.space
        )

    def search_stored(self, stored: StoredMap, shelf: Shelf, *, agreement: float = 0.85) -> list[Match]:
        """As `find`, without the picture: the score says how well the patches agree, and nothing is verified.
        Raises OtherSpaceError for a picture that another model saw."""
        check_space(shelf.space, stored.space)
        values = stored.values.astype(np.float32) * np.float32(stored.scale)
        places = _no_parts(self._places(FeatureMap(values, stored.width, stored.height), shelf))
        keys = shelf.known.keys
        matches = (
            Match(keys[place.template.owner], place.box, place.agreement, verified=False)
            for place in places
            if place.agreement >= agreement
        )
        return best_apart(matches, overlap=self.options.overlap)

    # -- what there is -------------------------------------------------------------------------------------------------
    def _tiles(self, picture: Picture, shelf: Shelf) -> int:
        """In a row: so many that the smallest product sought has enough cells."""
        smallest = min(min(size) for size in shelf.known.sizes) * self.options.smallest
        wanted = self.options.cells_at_least * max(picture.shape[:2]) / max(smallest, 1)
        tiles = int(np.ceil(wanted / (self.options.side // self.patches.cell)))
        return min(max(tiles, 1), self.options.tiles_at_most)

    def _map(self, picture: Picture, cells: int) -> FeatureMap:
        """`cells` on the long side, seen tile by tile."""
        height, width = picture.shape[:2]
        cell, tile = self.patches.cell, self.options.side // self.patches.cell
        rows, columns = (max(round(side * cells / max(width, height)), 1) for side in (height, width))
        sized = _resized(picture, columns * cell, rows * cell)
        corners = [(top, left) for top in _starts(rows, tile) for left in _starts(columns, tile)]
        seen = self._seen(
            [sized[top * cell : (top + tile) * cell, left * cell : (left + tile) * cell] for top, left in corners]
        )
        values = np.zeros((rows, columns, seen[0].shape[2]), np.float32)
        for (top, left), one in zip(corners, seen, strict=True):
            values[top : top + one.shape[0], left : left + one.shape[1]] = one
        return FeatureMap(values, width, height)

    def _seen(self, pictures: Sequence[Picture]) -> list[Numbers]:
        """Pictures of one size go together."""
        alike: dict[tuple[int, ...], list[int]] = {}
        for number, picture in enumerate(pictures):
            alike.setdefault(picture.shape, []).append(number)
        seen: dict[int, Numbers] = {}
        for numbers in alike.values():
            for start in range(0, len(numbers), self.options.batch_size):
                some = numbers[start : start + self.options.batch_size]
                seen.update(zip(some, self.patches([pictures[number] for number in some]), strict=True))
        return [unit(seen[number]) for number in range(len(pictures))]

    # -- where patches agree -------------------------------------------------------------------------------------------
    def _places(
        self, seen: FeatureMap, shelf: Shelf, *, since: float = 0, to: float = np.inf, limit: int = 3
    ) -> list[_Place]:
        """The places that agree well enough, those of one product apart. Only sizes `since`..`to` are looked for, in
        cells."""
        target = Target.of(seen.values)
        templates = [one for one in shelf.templates if since <= one.size < to and self._sought(one, seen, shelf)]
        sides = np.array([target.columns, target.rows] * 2, np.float32)
        kept: list[tuple[Template, Laid]] = []
        for candidates in self._candidates(target, templates).values():
            best = sorted(candidates, key=lambda one: -one[0])[: limit * self.options.candidates]
            least = self.options.agreement
            laid = [(one, lay(one, target, top, left, least=least)) for _score, one, top, left in best]
            laid = [(one, found) for one, found in laid if found.agreement >= least]
            kept += self._apart(laid)[: self.options.crops_at_most]
        kept.sort(key=lambda pair: -pair[1].agreement)
        return [
            _Place(one, clipped((settle(one, target, found.box) / sides).tolist()), found.agreement, found.visible)
            for one, found in kept[: self.options.crops_in_all]
        ]

    def _sought(self, one: Template, seen: FeatureMap, shelf: Shelf) -> bool:
        """Whether it fits into the picture, at a size that is looked for."""
        rows, columns = seen.values.shape[:2]
        width, height = shelf.known.sizes[one.reference]
        natural = np.sqrt(width * columns / seen.width * height * rows / seen.height)
        scale, slack = one.size / natural, _STEP**0.5
        fits = one.rows <= rows and one.columns <= columns
        return fits and bool(self.options.smallest / slack <= scale <= self.options.largest * slack)

    def _candidates(
        self, target: Target, templates: Sequence[Template]
    ) -> dict[int, list[tuple[float, Template, int, int]]]:
        """For each product the best windows at each size: score, template, top, left."""
        shapes: dict[tuple[int, int], list[Template]] = {}
        for one in templates:
            shapes.setdefault((one.rows, one.columns), []).append(one)
        windows = Windows(target)
        found: dict[int, list[tuple[float, Template, int, int]]] = {}
        for alike in shapes.values():
            for one, scores in zip(alike, windows.agreement(alike), strict=True):
                peaks = _peaks(scores, self.options.candidates)
                found.setdefault(one.owner, []).extend((score, one, top, left) for score, top, left in peaks)
        return found

    def _apart(self, laid: Sequence[tuple[Template, Laid]]) -> list[tuple[Template, Laid]]:
        """Best first; of those that overlap only the best."""
        kept: list[tuple[Template, Laid]] = []
        for one, found in sorted(laid, key=lambda pair: -pair[1].agreement):
            box = _as_box(found)
            if all(shared(box, _as_box(other)) <= self.options.overlap for _template, other in kept):
                kept.append((one, found))
        return kept

    # -- and what the embedder says ------------------------------------------------------------------------------------
    def _verified(self, picture: Picture, places: Sequence[_Place], shelf: Shelf) -> list[Match]:
        chosen = self._best_of_each(places)
        if not chosen:
            return []
        crops = [crop(picture, place.box) for place in chosen]
        likeness = shelf.known.likeness(embedded(crops, self.embed, batch_size=self.options.batch_size))
        scores = {place: float(row[place.template.owner]) for place, row in zip(chosen, likeness, strict=True)}
        doubted = [place for place in chosen if scores[place] < self.options.threshold and place.visible != _EVERYTHING]
        for place, score in zip(doubted, self._likeness_of_parts(picture, doubted, shelf), strict=True):
            # What is hidden counts half: the product stays behind one that is wholly seen.
            scores[place] = max(scores[place], (scores[place] + score) / 2)
        matches = (
            Match(shelf.known.keys[place.template.owner], place.box, score, verified=True)
            for place, score in scores.items()
            if score >= self.options.threshold
        )
        return best_apart(matches, overlap=self.options.overlap)

    def _best_of_each(self, places: Sequence[_Place]) -> list[_Place]:
        few: dict[int, list[_Place]] = {}
        for place in sorted(places, key=lambda one: -one.agreement):
            mine = few.setdefault(place.template.owner, [])
            if len(mine) < self.options.crops_at_most:
                mine.append(place)
        best = (place for mine in few.values() for place in mine)
        return sorted(best, key=lambda one: -one.agreement)[: self.options.crops_in_all]

    def _likeness_of_parts(self, picture: Picture, places: Sequence[_Place], shelf: Shelf) -> list[float]:
        """Of what is visible, to the same part of the reference."""
        ours = [crop(picture, _part_of(place.box, place.visible)) for place in places]
        theirs = [crop(shelf.references[place.template.reference], place.visible) for place in places]
        rows = embedded([*ours, *theirs], self.embed, batch_size=self.options.batch_size)
        return [float(one @ other) for one, other in zip(rows[: len(ours)], rows[len(ours) :], strict=True)]


def _shapes(reference: Picture) -> list[tuple[int, int]]:
    """Rows and columns of cells, smallest first."""
    aspect = (reference.shape[1] / reference.shape[0]) ** 0.5
    return list(dict.fromkeys((max(round(size / aspect), 1), max(round(size * aspect), 1)) for size in SIZES))


def _no_parts(places: Sequence[_Place]) -> list[_Place]:
    def is_part(one: _Place, other: _Place) -> bool:
        larger = area(other.box) > area(one.box) and other.template.owner == one.template.owner
        agrees = one.agreement < other.agreement + _PART_AGREES_BETTER
        return larger and agrees and _within(one.box, other.box) > _PART_IS_WITHIN

    return [one for one in places if not any(is_part(one, other) for other in places)]


def _within(one: Box, other: Box) -> float:
    """The share of the one that lies in the other."""
    width, height = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0) / max(area(one), 1e-12)


def _as_box(found: Laid) -> Box:
    left, top, right, bottom = found.box.tolist()
    return left, top, right, bottom


def _part_of(box: Box, part: Box) -> Box:
    width, height = box[2] - box[0], box[3] - box[1]
    left, top = box[0] + part[0] * width, box[1] + part[1] * height
    return clipped((left, top, box[0] + part[2] * width, box[1] + part[3] * height))


def _peaks(scores: Numbers, count: int) -> Iterator[tuple[float, int, int]]:
    """The highest that are higher than what is around them: score, row, column."""
    around = np.asarray(cv2.dilate(np.ascontiguousarray(scores), np.ones((3, 3), np.uint8)))
    rows, columns = np.nonzero(scores >= around)
    for place in scores[rows, columns].argsort()[::-1][:count]:
        row, column = int(rows[place]), int(columns[place])
        yield float(scores[row, column]), row, column


def _starts(cells: int, tile: int) -> list[int]:
    """Where tiles begin so that they cover all cells, the last one shifted back."""
    count = -(-cells // tile)
    return [round(float(start)) for start in np.linspace(0, max(cells - tile, 0), count)]


def _resized(picture: Picture, width: int, height: int) -> Picture:
    smaller = width * height < picture.shape[0] * picture.shape[1]
    return np.asarray(
        cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC), np.uint8
    )
