"""Colours and edges of small cells, by hand: the matchers' eyes where no model is installed, and in their tests.

It knows a print again, turned a little lighter, smaller or half hidden. It does not know that two different apples are
apples.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from ..results import Numbers
from ..roles import Picture
from .results import unit

CELL = 8
_HUES, _GREYS, _EDGES = 9, 4, 8
_SIDE = 64  # at which whole pictures are compared
#: What is usual of colours and edges is subtracted; how much more an edge weighs.
_USUAL_COLOUR, _USUAL_EDGE, _WEIGHT_OF_EDGES = 0.15, 0.18, 2.5
#: This share of every vector is the same: trained embedders, too, find half a likeness between any two pictures, and
#: one threshold shall fit both.
_ALIKE = 0.1

_Plane = npt.NDArray[np.floating]


class Cells:
    """Patches by hand: what every cell of 8 x 8 pixels and its surroundings look like."""

    cell = CELL
    space = "cells"

    def __call__(self, pictures: Sequence[Picture], /) -> list[Numbers]:
        return [unit(_with_neighbours(_centred(_cells(picture)))) for picture in pictures]


def vectors(pictures: Sequence[Picture], /) -> Numbers:
    """One row a picture: its cells, with their places."""
    rows = [_centred(_cells(_reduced(picture))).ravel() for picture in pictures]
    own = unit(np.stack(rows)) * np.float32(np.sqrt(1 - _ALIKE))
    return np.concatenate([own, np.full((len(rows), 1), np.sqrt(_ALIKE), np.float32)], axis=1)


def _reduced(picture: Picture) -> Picture:
    smaller = min(picture.shape[:2]) > _SIDE
    return np.asarray(
        cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR), np.uint8
    )


def _centred(cells: Numbers) -> Numbers:
    """Blurred too, so that a few pixels to the side make no other picture."""
    blurred = np.asarray(cv2.GaussianBlur(cells, (3, 3), 0.7), np.float32)
    colours, edges = blurred[..., :-_EDGES] - _USUAL_COLOUR, blurred[..., -_EDGES:] - _USUAL_EDGE
    return np.concatenate([colours, _WEIGHT_OF_EDGES * edges], axis=2)


def _cells(picture: Picture) -> Numbers:
    """Shares of colours and directions of edges in each cell. Square roots: their products say what two cells share."""
    height, width = (max(side // CELL, 1) * CELL for side in picture.shape[:2])
    if picture.shape[:2] != (height, width):
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(np.sqrt(np.concatenate([_colours(picture), _edges(picture)], axis=2)), np.float32)


def _colours(picture: Picture) -> Numbers:
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lightness, green_red, blue_yellow = lab[..., 0] / 100, lab[..., 1], lab[..., 2]
    coloured = np.minimum(np.hypot(green_red, blue_yellow) / 40, 1)
    hue = np.arctan2(blue_yellow, green_red) / (2 * np.pi) * _HUES
    hues = _shares(hue, coloured, _HUES, around=True)
    greys = _shares(lightness * (_GREYS - 1), 1 - 0.7 * coloured, _GREYS, around=False)
    colours: Numbers = np.concatenate([hues, greys], axis=2)
    return colours


def _edges(picture: Picture) -> Numbers:
    """Relative to how much of an edge there is around: light and shade do not matter."""
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.8)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    strength = np.hypot(across, down)
    strength /= strength + cv2.blur(strength, (3 * CELL, 3 * CELL)) + 8
    direction = (np.arctan2(down, across) / np.pi) % 1 * _EDGES
    return _shares(direction, 2 * strength, _EDGES, around=True)


def _shares(values: _Plane, weights: _Plane, count: int, *, around: bool) -> Numbers:
    """The mean of each bin in each cell. Each value falls to the two nearest of the bins, as much as it weighs;
    `around`: the last one is beside the first. Counted, because a plane for each bin takes several times as long."""
    rows, columns = values.shape[0] // CELL, values.shape[1] // CELL
    cells = np.add.outer(np.arange(values.shape[0]) // CELL * columns, np.arange(values.shape[1]) // CELL) * count
    low = np.floor(values).astype(np.int64)
    upper = weights * (values - low)
    pair = (low % count, (low + 1) % count) if around else (low.clip(0, count - 1), (low + 1).clip(0, count - 1))
    sums = sum(
        np.bincount((cells + bins).ravel(), share.ravel(), rows * columns * count)
        for bins, share in zip(pair, (weights - upper, upper), strict=True)
    )
    means: Numbers = np.asarray(sums, np.float32).reshape(rows, columns, count) / np.float32(CELL**2)
    return means


def _with_neighbours(cells: Numbers) -> Numbers:
    """Each cell with half of what its four sides are."""
    padded = np.pad(cells, ((1, 1), (1, 1), (0, 0)))
    sides = [padded[1:-1, :-2], padded[1:-1, 2:], padded[:-2, 1:-1], padded[2:, 1:-1]]
    return np.concatenate([cells, *(0.5 * side for side in sides)], axis=2)
