"""What all finders of faces share: where they look, and from boxes and landmarks to faces with vectors."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import cpu_count
from typing import Annotated, Any

import cv2
import numpy as np

from .. import align
from ..backend import Backend
from ..boxes import best_apart
from ..options import BatchSize, Between, Count, Pixels, Share, Threads
from ..results import Face, Faces, Numbers, Point, Vector
from ..roles import FaceOptions, Picture

#: So many places of a picture may hold a face; comparing more takes minutes.
_MOST_PLACES = 1000

#: Width and height of the square in which a face is looked at again; half of it is the face.
_AGAIN_SIDE = 160


@dataclass(frozen=True, eq=False)
class View:
    """A picture as the detector sees it: reduced, perhaps turned. `back`: 2 x 3, to pixels of the picture."""

    picture: Picture
    back: Numbers


@dataclass(frozen=True, eq=False)
class Spotted:
    """Boxes (n x 4), scores (n) and landmarks (n x 5 x 2) in pixels of what was looked at, in any order."""

    boxes: Numbers
    scores: Numbers
    landmarks: Numbers


@dataclass(frozen=True, eq=False)
class Views:
    pictures: Sequence[Picture]
    views: Sequence[Sequence[View]]
    options: FaceOptions


@dataclass(frozen=True, eq=False)
class Found:
    """Of every picture the faces, largest first, in its pixels, and their crops. `vectors`: of all crops, in order."""

    pictures: Sequence[Picture]
    spotted: Sequence[Spotted]
    crops: Sequence[Sequence[Picture]]
    vectors: Numbers | None


@dataclass
class FaceFinder(Backend[Picture, FaceOptions, Views, Found, Faces]):
    """`side`: the long side at which faces are looked for. `closer`: a second look at so many pixels, for the small
    faces of a group; 0: none. `turned`: also looks at the picture turned by quarters, at four times the work.

    `again`: so many times a face is turned upright and looked at once more, for its landmarks alone: a detector sees
    the tilt of a head smaller than it is.

    Boxes that overlap by more than `overlap` are one face. `crops_at_once` bounds what the recogniser works on.
    """

    side: Pixels = 640
    closer: Annotated[int, Between(0, 8192)] = 0
    turned: bool = False
    again: Annotated[int, Between(0, 10)] = 0
    min_score: Share = 0.5
    overlap: Share = 0.3
    threads: Threads = 1
    batch_size: BatchSize = 4
    crops_at_once: Count = 32

    @property
    @abstractmethod
    def space(self) -> str | None:
        """What the vectors are compared in; None: there is no recogniser."""

    @abstractmethod
    def spot(self, picture: Picture, min_score: float) -> Spotted:
        """What may be a face, in pixels of this picture; one face may be there several times."""

    @abstractmethod
    def vectors(self, crops: Sequence[Picture]) -> Numbers:
        """One row for each; of any length but 0."""

    def variants(self) -> Sequence[Mapping[str, Any]]:
        return [{"threads": threads} for threads in (2, 4) if threads <= (cpu_count() or 1)]

    def prepare(self, items: Sequence[Picture], options: FaceOptions) -> Views:
        return Views(items, [self._views(picture) for picture in items], options)

    def infer(self, batch: Views) -> Found:
        spotted = [
            self._spotted(picture, views, batch.options)
            for picture, views in zip(batch.pictures, batch.views, strict=True)
        ]
        crops = [
            [align.crop(picture, landmarks) for landmarks in of_one.landmarks]
            for picture, of_one in zip(batch.pictures, spotted, strict=True)
        ]
        together = [crop for of_one in crops for crop in of_one]
        if self.space is None or not together:
            return Found(batch.pictures, spotted, crops, None)
        parts = [together[start : start + self.crops_at_once] for start in range(0, len(together), self.crops_at_once)]
        vectors = np.concatenate([self.vectors(part) for part in parts]).astype(np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return Found(batch.pictures, spotted, crops, vectors / np.maximum(lengths, 1e-12))

    def finish(self, raw: Found) -> list[Faces]:
        vectors = iter(() if raw.vectors is None else raw.vectors)
        found = []
        for picture, spotted, crops in zip(raw.pictures, raw.spotted, raw.crops, strict=True):
            faces = zip(spotted.boxes, spotted.scores, spotted.landmarks, crops, strict=True)
            found.append(Faces(tuple(self._face(picture, *face, next(vectors, None)) for face in faces), self.model()))
        return found

    def _views(self, picture: Picture) -> list[View]:
        return [
            _view(picture, side, quarters)
            for side in ((self.side, self.closer) if self.closer else (self.side,))
            for quarters in (range(4) if self.turned else (0,))
        ]

    def _spotted(self, picture: Picture, views: Sequence[View], options: FaceOptions) -> Spotted:
        """What is left when every face is there once, largest first, in pixels of the picture."""
        least = self.min_score if options.min_score is None else options.min_score
        seen = [_back(self.spot(view.picture, least), view.back) for view in views]
        boxes = np.concatenate([one.boxes for one in seen])
        scores = np.concatenate([one.scores for one in seen])
        landmarks = np.concatenate([one.landmarks for one in seen])
        height, width = picture.shape[:2]
        boxes = boxes.clip(0, [width, height] * 2)
        sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf)
        likely = np.flatnonzero((scores >= least) & (sides >= max(1, options.min_side)))
        likely = likely[np.argsort(-scores[likely], kind="stable")][:_MOST_PLACES]
        kept = likely[best_apart(boxes[likely], scores[likely], np.zeros(len(likely)), self.overlap)]
        areas = (boxes[kept, 2:] - boxes[kept, :2]).prod(axis=1)
        kept = kept[np.argsort(-areas, kind="stable")]
        exact = [self._exact(picture, points) for points in landmarks[kept]]
        return Spotted(boxes[kept], scores[kept], np.stack(exact) if exact else landmarks[kept])

    def _exact(self, picture: Picture, landmarks: Numbers) -> Numbers:
        for _time in range(self.again):
            way = align.around(landmarks, _AGAIN_SIDE)
            seen = self.spot(align.cut(picture, way, _AGAIN_SIDE), self.min_score / 2)
            aside = np.abs(seen.landmarks.mean(axis=1) - _AGAIN_SIDE / 2).max(axis=1, initial=0)
            near = np.flatnonzero(aside < _AGAIN_SIDE / 8)
            if not len(near):
                break
            best = near[seen.scores[near].argmax()]
            back = cv2.invertAffineTransform(way)
            landmarks = (seen.landmarks[best] @ back[:, :2].T + back[:, 2]).astype(np.float32)
        return landmarks

    def _face(
        self,
        picture: Picture,
        box: Numbers,
        score: np.float32,
        landmarks: Numbers,
        crop: Picture,
        vector: Numbers | None,
    ) -> Face:
        height, width = picture.shape[:2]
        left, top, right, bottom = (box / [width, height, width, height]).tolist()
        quality = align.quality(crop, landmarks, float((box[2:] - box[:2]).min()))
        direction = None if vector is None or self.space is None else Vector(vector, self.space, self.model())
        return Face((left, top, right, bottom), float(score), _points(landmarks, width, height), quality, direction)


def _view(picture: Picture, side: int, quarters: int) -> View:
    """Never enlarged: there is nothing more to see."""
    height, width = picture.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    reduced = picture if scale == 1 else np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    across, down = width / size[0], height / size[1]
    # Where a turned picture's corner, and the steps to the right and down, are in the one that was turned.
    back = (
        [[across, 0, 0], [0, down, 0]],
        [[0, -across, width], [down, 0, 0]],
        [[-across, 0, width], [0, -down, height]],
        [[0, across, 0], [-down, 0, height]],
    )[quarters]
    return View(np.ascontiguousarray(np.rot90(reduced, quarters)), np.array(back, np.float32))


def _back(seen: Spotted, back: Numbers) -> Spotted:
    corners = seen.boxes.reshape(-1, 2, 2) @ back[:, :2].T + back[:, 2]
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    return Spotted(boxes, seen.scores, seen.landmarks @ back[:, :2].T + back[:, 2])


def _points(landmarks: Numbers, width: int, height: int) -> tuple[Point, Point, Point, Point, Point]:
    right_eye, left_eye, nose, right_mouth, left_mouth = ((x, y) for x, y in (landmarks / [width, height]).tolist())
    return right_eye, left_eye, nose, right_mouth, left_mouth
