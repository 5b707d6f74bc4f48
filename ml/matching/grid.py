"""The exhaustive search: crops, crops and crops. Slow, and the reference that the dense search is measured against.

Every crop goes through the embedder and is compared with all products at once: the boxes of a detector, a coarse grid,
a fine one around the best two places, and steps of two pixels around what matched.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product as combinations

import numpy as np

from ..results import Box, Numbers
from ..roles import Picture
from .results import (
    Detect,
    Embed,
    Known,
    Match,
    Product,
    best_apart,
    check_space,
    clipped,
    crop,
    embedded,
    learn,
    space_of,
)


@dataclass(frozen=True)
class GridOptions:
    """`threshold`: the cosine from which a crop is the product; it belongs to the embedder. `padding` of a detector's
    box, on each side. `coarse_at_most` windows of a reference's size. The fine search shifts by up to `fine_reach`
    boxes, `fine_steps` times to each side, at the scales `scales`, around the best `around_best` windows."""

    threshold: float = 0.75
    padding: float = 0.10
    coarse_at_most: int = 150
    around_best: int = 2
    scales: tuple[float, ...] = (0.75, 0.875, 1.0, 1.125, 1.25)
    fine_reach: float = 0.75
    fine_steps: int = 3
    ultra_fine_pixels: int = 2
    overlap: float = 0.3
    batch_size: int = 32


@dataclass(frozen=True)
class Grid:
    """`detect`: a detector at confidence 0.10, where there is one."""

    embed: Embed
    detect: Detect | None = None
    options: GridOptions = GridOptions()

    def learn(self, products: Sequence[Product]) -> Known:
        """Once for many pictures. Raises ValueError for a product without a reference."""
        return learn(products, self.embed, batch_size=self.options.batch_size)

    def find(self, picture: Picture, known: Known) -> list[Match]:
        """Where the products stand, best first; empty when none does. Raises OtherSpaceError for products that another
        model learnt."""
        if not known.keys:
            return []
        check_space(known.space, space_of(self.embed))
        options = self.options
        boxes = self._detected(picture)
        for size in sorted(set(known.sizes)):
            boxes += coarse(picture, size, at_most=options.coarse_at_most)
        likeness = self._likeness(picture, boxes, known)
        found: list[Match] = []
        for number, key in enumerate(known.keys):
            best = _best_apart(boxes, likeness[:, number], options.around_best, options.overlap)
            for box in best:
                match = self._closer(picture, key, box, known, number)
                if match.score >= options.threshold:
                    found.append(self._closest(picture, match, known, number))
        return best_apart(found, overlap=options.overlap)

    def _detected(self, picture: Picture) -> list[Box]:
        if self.detect is None:
            return []
        (boxes,) = self.detect([picture])
        return [_padded(box, self.options.padding) for box in boxes]

    def _likeness(self, picture: Picture, boxes: Sequence[Box], known: Known) -> Numbers:
        crops = [crop(picture, box) for box in boxes]
        return known.likeness(embedded(crops, self.embed, batch_size=self.options.batch_size))

    def _best(self, picture: Picture, key: str, boxes: Sequence[Box], known: Known, number: int) -> Match:
        scores = self._likeness(picture, boxes, known)[:, number]
        best = int(scores.argmax())
        return Match(key, boxes[best], float(scores[best]), verified=True)

    def _closer(self, picture: Picture, key: str, box: Box, known: Known, number: int) -> Match:
        return self._best(picture, key, [box, *fine(box, self.options)], known, number)

    def _closest(self, picture: Picture, match: Match, known: Known, number: int) -> Match:
        """Two pixels at a time, for as long as it gets better; no further than the fine search stepped."""
        height, width = picture.shape[:2]
        pixels = self.options.ultra_fine_pixels
        reach = (
            self.options.fine_reach
            / self.options.fine_steps
            * max((match.box[2] - match.box[0]) * width, (match.box[3] - match.box[1]) * height)
        )
        for _step in range(math.ceil(reach / pixels)):
            boxes = [
                _moved(match.box, across * pixels / width, down * pixels / height)
                for across, down in combinations((-1, 0, 1), repeat=2)
                if across or down
            ]
            better = self._best(picture, match.product, boxes, known, number)
            if better.score <= match.score:
                break
            match = better
        return match


def coarse(picture: Picture, size: tuple[int, int], *, at_most: int) -> list[Box]:
    """Windows of this width and height all over the picture, half of one apart, or further when they were too many."""
    height, width = picture.shape[:2]
    across, down = min(size[0], width), min(size[1], height)
    stride = 0.5
    while True:
        columns = math.ceil((width - across) / max(stride * across, 1)) + 1
        rows = math.ceil((height - down) / max(stride * down, 1)) + 1
        if rows * columns <= at_most:
            break
        stride *= 1.05
    lefts, tops = np.linspace(0, width - across, columns), np.linspace(0, height - down, rows)
    return [
        clipped((left / width, top / height, (left + across) / width, (top + down) / height))
        for top in tops.tolist()
        for left in lefts.tolist()
    ]


def fine(box: Box, options: GridOptions) -> Iterator[Box]:
    """The box moved and at other sizes; what leaves the picture is cut."""
    width, height = box[2] - box[0], box[3] - box[1]
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    shifts = np.linspace(-options.fine_reach, options.fine_reach, 2 * options.fine_steps + 1).tolist()
    for scale, across, down in combinations(options.scales, shifts, shifts):
        x, y = middle[0] + across * width, middle[1] + down * height
        if 0 < x < 1 and 0 < y < 1:
            half = scale * width / 2, scale * height / 2
            yield clipped((x - half[0], y - half[1], x + half[0], y + half[1]))


def _padded(box: Box, padding: float) -> Box:
    across, down = padding * (box[2] - box[0]), padding * (box[3] - box[1])
    return clipped((box[0] - across, box[1] - down, box[2] + across, box[3] + down))


def _moved(box: Box, across: float, down: float) -> Box:
    return clipped((box[0] + across, box[1] + down, box[2] + across, box[3] + down))


def _best_apart(boxes: Sequence[Box], scores: Numbers, count: int, overlap: float) -> list[Box]:
    """The best of them that are not the same place."""
    ranked = [
        Match("", boxes[place], float(scores[place]), verified=True) for place in scores.argsort()[::-1][: 20 * count]
    ]
    return [match.box for match in best_apart(ranked, overlap=overlap)[:count]]
