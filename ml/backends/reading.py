"""From the lines that a reader saw to a page: their order, their places, their script."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..results import ModelName, PageText, Quad, TextLine
from ..roles import OcrOptions, Picture
from ..scripts import script_of

Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Region:
    """One line of text: its corners in pixels of the picture, clockwise from the upper left, and what it says."""

    corners: Numbers
    text: str
    score: float


def page(picture: Picture, regions: Sequence[Region], options: OcrOptions, model: ModelName) -> PageText:
    """`regions`: all that the detector saw, in any order; none at all is a page without text."""
    if not regions:
        return PageText((), None, model, skipped_reason="No text was seen in this picture.")
    lines = tuple(
        TextLine(region.text, round(region.score, 4), _relative(region.corners, picture), script_of(region.text))
        for region in _in_reading_order(regions)
        if region.text.strip() and region.score >= options.min_score
    )
    return PageText(lines, script_of(" ".join(line.text for line in lines)), model)


def _in_reading_order(regions: Sequence[Region]) -> Iterator[Region]:
    """Rows from the top, each from the left. Regions share a row when the middles lie within half a line's height."""
    row: list[Region] = []
    for region in sorted(regions, key=_middle):
        if row and _middle(region) - _middle(row[0]) > 0.5 * min(_height(region), _height(row[0])):
            yield from sorted(row, key=lambda one: float(one.corners[0, 0]))
            row = []
        row.append(region)
    yield from sorted(row, key=lambda one: float(one.corners[0, 0]))


def _middle(region: Region) -> float:
    return float(region.corners[:, 1].mean())


def _height(region: Region) -> float:
    return float(region.corners[2:, 1].mean() - region.corners[:2, 1].mean())


def _relative(corners: Numbers, picture: Picture) -> Quad:
    height, width = picture.shape[:2]
    points = (corners / [width, height]).clip(0, 1).round(5).tolist()
    first, second, third, fourth = ((x, y) for x, y in points)
    return first, second, third, fourth
