"""Rectangles: a picture laid into the one that a model sees, the way back, and one box for one thing.

A box is left, top, right, bottom; a row of an array holds one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from .results import Numbers
from .roles import Picture

#: "corner": as large as fits, at the top left; "centre": the same in the middle; "stretch": over everything, and
#: smoothed where it gets smaller, as transformers' models were taught.
Layout: TypeAlias = Literal["corner", "centre", "stretch"]

#: What detectors were taught to see beside a picture.
_GREY = 114

#: A place of a detector without anchors answers for a cell so many pixels wide.
STRIDES = (8, 16, 32)


@dataclass(frozen=True)
class Place:
    """Where a picture lies in the one that a model sees, in its pixels."""

    left: int
    top: int
    width: int
    height: int

    def back(self, boxes: Numbers) -> Numbers:
        """Boxes in the model's pixels as parts of the picture's width and height. Beside it they are not 0..1."""
        corner = np.array([self.left, self.top] * 2, np.float32)
        size = np.array([self.width, self.height] * 2, np.float32)
        moved: Numbers = (boxes - corner) / size
        return moved


def lay(
    pictures: Sequence[Picture], height: int, width: int, layout: Layout
) -> tuple[npt.NDArray[np.uint8], list[Place]]:
    """All pictures in one array of pictures x height x width x 3, and the place of each; nothing is cut off."""
    seen = np.full((len(pictures), height, width, 3), _GREY, np.uint8)
    places = [_place(picture, height, width, layout) for picture in pictures]
    for picture, place, target in zip(pictures, places, seen, strict=True):
        size = place.width, place.height
        if layout == "stretch":
            reduced = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))
        else:
            reduced = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        target[place.top : place.top + place.height, place.left : place.left + place.width] = reduced
    return seen, places


def _place(picture: Picture, height: int, width: int, layout: Layout) -> Place:
    if layout == "stretch":
        return Place(0, 0, width, height)
    scale = min(height / picture.shape[0], width / picture.shape[1])
    # Of 20,000 x 10 pixels one row is left, not none.
    inner_height, inner_width = (max(1, round(side * scale)) for side in picture.shape[:2])
    if layout == "corner":
        return Place(0, 0, inner_width, inner_height)
    return Place((width - inner_width) // 2, (height - inner_height) // 2, inner_width, inner_height)


def from_centres(boxes: Numbers) -> Numbers:
    """Centre across, centre down, width, height: as corners."""
    centres, halves = boxes[..., :2], boxes[..., 2:] / 2
    return np.concatenate([centres - halves, centres + halves], axis=-1)


def cells(height: int, width: int) -> tuple[Numbers, Numbers]:
    """Of every place the number of its cell across and down, and the cell's side."""
    corners, strides = [], []
    for stride in STRIDES:
        down, across = np.mgrid[: height // stride, : width // stride]
        corners.append(np.stack([across, down], axis=-1).reshape(-1, 2))
        strides.append(np.full((across.size, 1), stride))
    return np.concatenate(corners).astype(np.float32), np.concatenate(strides).astype(np.float32)


def overlaps(box: Numbers, others: Numbers) -> Numbers:
    """Of one box with each of the others: what they share as part of what they cover together."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = sides.clip(0).prod(axis=1)
    together = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - shared
    result: Numbers = shared / np.maximum(together, 1e-12)
    return result


def best_apart(boxes: Numbers, scores: Numbers, groups: npt.NDArray[Any], most: float) -> list[int]:
    """Non-maximum suppression: the rows to keep, best first. Of one group no two overlap by more than `most`.

    A group is whatever belongs together, for instance one kind of thing in one picture: so a whole batch is one call.
    """
    waiting, kept = np.argsort(-scores, kind="stable"), []
    while waiting.size:
        best, waiting = waiting[0], waiting[1:]
        kept.append(int(best))
        others = groups[waiting] != groups[best]
        waiting = waiting[others | (overlaps(boxes[best], boxes[waiting]) <= most)]
    return kept
