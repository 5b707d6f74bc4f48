"""PP-OCR: find the lines of text in a picture, turn them upright, read them.

The weights are the ones inside the rapidocr package; how they are fed follows PaddleOCR. The package's own code is
not used: it reads one picture at a time, spins on every core and downloads what it misses.
"""

import importlib.util
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np

from ..backend import Backend, NotInstalled
from ..devices import Device
from ..engines.ort import OrtModel
from ..options import BatchSize, Between, Megabytes, Pixels, Share, Threads
from ..results import ModelName, PageText
from ..roles import OcrOptions, Picture
from .reading import Numbers, Region, page

_DETECTOR = "PP-OCRv6_det_small.onnx"
_TURNER = "ch_ppocr_mobile_v2.0_cls_mobile.onnx"
_READER = "PP-OCRv6_rec_small.onnx"

_STRIDE = 32  # the detector halves its input five times
_LINE_HEIGHT = 48  # what the reader was trained on
_TURNER_WIDTH = 192
_TURNED_SCORE = 0.9


@dataclass(frozen=True)
class _Pages:
    pictures: list[Picture]
    options: OcrOptions


@dataclass(frozen=True)
class _Read:
    """The regions of each picture; none where the detector saw no text."""

    pages: _Pages
    regions: list[list[Region]]


@dataclass
class RapidOcr(Backend[Picture, OcrOptions, _Pages, _Read, PageText]):
    """`detector_side`: the long side at which lines are looked for; larger pictures are reduced for it, the lines
    themselves are cut out at full size. `threads`: of each model. `columns_at_once` bounds what the reader works on
    together (its output takes 10 kB a column), `lines_at_most` a picture of nothing but specks. The scores and
    `unclip` are the detector's own.

    `memory_mb`: pages of 2560 x 1920 full of text, four at a time and the next four ready, took 555 MB at most,
    of which the pictures are 112. A smaller detector_side takes less: one page 302 MB at 960, 361 at 1280, 513 at 1600.

    The defaults were measured on 15 photographed receipts (1,830 words), with a picture of 2560 on the long side:
    detector_side 1280 / 1440 / 1600 / 1760 finds 92.1 / 93.9 / 94.2 / 94.0 % of the words; box_score 0.5 loses 0.4,
    unclip 1.7 loses 0.3 and pixel_score 0.2 loses 0.5 points. Enlarging small pictures first gains nothing.
    """

    threads: Threads = 1
    detector_side: Pixels = 1600
    pixel_score: Share = 0.3
    box_score: Share = 0.4
    unclip: Annotated[float, Between(0.1, 10)] = 1.6
    columns_at_once: Annotated[int, Between(32, 1_000_000)] = 2560
    lines_at_most: Annotated[int, Between(1, 100_000)] = 1000
    batch_size: BatchSize = 4
    memory_mb: Megabytes = 560
    _models: "_Models | None" = field(default=None, init=False, repr=False)

    def model(self) -> ModelName:
        # The version is raised when the same pictures would be read differently: other weights, another default.
        return ModelName("pp-ocrv6-small", "1")

    def missing_weights(self) -> str | None:
        missing = [name for name in (_DETECTOR, _TURNER, _READER) if not (_folder() / name).is_file()]
        return f"Not in the rapidocr package: {', '.join(missing)}. Install it again." if missing else None

    def load(self, device: Device | None) -> Device:
        cv2.setNumThreads(self.threads)
        self._models = _Models(
            *(OrtModel(_folder() / name, device=device, threads=self.threads) for name in (_DETECTOR, _TURNER, _READER))
        )
        return self._models.reader.device

    def unload(self) -> None:
        self._models = None

    def prepare(self, items: Sequence[Picture], options: OcrOptions) -> _Pages:
        return _Pages(list(items), options)

    def infer(self, batch: _Pages) -> _Read:
        models = self._models
        if models is None:
            raise RuntimeError("The models are not loaded.")
        found = [self._find(models.detector, picture) for picture in batch.pictures]
        strips = [
            _strip(picture, corners)
            for picture, all_corners in zip(batch.pictures, found, strict=True)
            for corners in all_corners
        ]
        texts = iter(self._read(models, strips))
        return _Read(
            batch,
            [[Region(corners, *next(texts)) for corners in all_corners] for all_corners in found],
        )

    def finish(self, raw: _Read) -> list[PageText]:
        return [
            page(picture, regions, raw.pages.options, self.model())
            for picture, regions in zip(raw.pages.pictures, raw.regions, strict=True)
        ]

    def _find(self, detector: OrtModel, picture: Picture) -> list[Numbers]:
        """The corners of every line, clockwise from the upper left, in pixels of the picture."""
        height, width = picture.shape[:2]
        scale = min(1.0, self.detector_side / max(height, width))
        size = _whole_strides(width * scale), _whole_strides(height * scale)
        reduced = _resized(picture, size)
        likely = detector(_network_input(reduced)[None])[0, 0]
        mask = cv2.dilate((likely > self.pixel_score).astype(np.uint8), np.ones((2, 2), np.uint8))
        outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        to_picture = np.array([width / size[0], height / size[1]], np.float32)
        found = (corners for outline in outlines if (corners := self._corners(likely, outline)) is not None)
        return [corners * to_picture for corners in islice(found, self.lines_at_most)]

    def _corners(self, likely: Numbers, outline: cv2.typing.MatLike) -> Numbers | None:
        centre, (width, height), angle = cv2.minAreaRect(outline)
        if min(width, height) < 3:
            return None
        tight = np.asarray(cv2.boxPoints((centre, (width, height), angle)), np.float32)
        if _mean_inside(likely, tight) < self.box_score:
            return None
        # The detector marks the core of a line; growing it gives back the letters' full height.
        grown = width * height * self.unclip / (width + height)
        return _clockwise(np.asarray(cv2.boxPoints((centre, (width + grown, height + grown), angle)), np.float32))

    def _read(self, models: "_Models", strips: list[Picture]) -> list[tuple[str, float]]:
        """The text of each strip and its score. Strips of like width are read together, across pictures."""
        strips = [_turned(models.turner, strip) for strip in strips]
        alike: dict[int, list[int]] = defaultdict(list)
        for index, strip in enumerate(strips):
            alike[_reader_width(strip)].append(index)
        texts = [("", 0.0)] * len(strips)
        for width, indices in alike.items():
            together = max(1, self.columns_at_once // width)
            for start in range(0, len(indices), together):
                some = indices[start : start + together]
                output = models.reader(np.stack([_padded(strips[index], width) for index in some]))
                for index, steps in zip(some, output, strict=True):
                    texts[index] = models.decode(steps)
        return texts


class _Models:
    def __init__(self, detector: OrtModel, turner: OrtModel, reader: OrtModel) -> None:
        self.detector = detector
        self.turner = turner
        self.reader = reader
        # Class 0 says "no letter"; the blank between words comes after all the others.
        self._letters = ["", *reader.metadata["character"].splitlines(), " "]

    def decode(self, steps: Numbers) -> tuple[str, float]:
        """Connectionist temporal classification: repeated classes are one letter, class 0 parts letters."""
        classes = steps.argmax(axis=1)
        starts = np.flatnonzero((classes != 0) & (classes != np.concatenate([[0], classes[:-1]])))
        if not len(starts):
            return "", 0.0
        return "".join(self._letters[classes[start]] for start in starts), float(steps[starts].max(axis=1).mean())


def _folder() -> Path:
    """Where the package keeps its models; found without importing it."""
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or spec.origin is None:
        raise NotInstalled("The package rapidocr is not installed.")
    return Path(spec.origin).parent / "models"


def _network_input(picture: Picture) -> Numbers:
    """Blue, green, red from -1 to 1, channels first."""
    return np.ascontiguousarray(picture[:, :, ::-1].transpose(2, 0, 1), np.float32) / 127.5 - 1


def _whole_strides(side: float) -> int:
    return max(1, round(side / _STRIDE)) * _STRIDE


def _mean_inside(likely: Numbers, corners: Numbers) -> float:
    height, width = likely.shape
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, [width - 1, height - 1])
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, [width - 1, height - 1])
    inside = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(inside, [(corners - [left, top]).astype(np.int32)], [1])
    return cv2.mean(likely[top : bottom + 1, left : right + 1], inside)[0]


def _clockwise(corners: Numbers) -> Numbers:
    """Upper left, upper right, lower right, lower left."""
    left, right = np.split(corners[corners[:, 0].argsort(kind="stable")], 2)
    upper_left, lower_left = left[left[:, 1].argsort(kind="stable")]
    upper_right, lower_right = right[right[:, 1].argsort(kind="stable")]
    return np.array([upper_left, upper_right, lower_right, lower_left], np.float32)


def _strip(picture: Picture, corners: Numbers) -> Picture:
    """The line cut out, level, at the reader's height. A line that stands upright is laid down."""
    width = max(1, round(max(math.dist(corners[0], corners[1]), math.dist(corners[3], corners[2]))))
    height = max(1, round(max(math.dist(corners[0], corners[3]), math.dist(corners[1], corners[2]))))
    level = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    warp = cv2.getPerspectiveTransform(corners, level)
    cut = cv2.warpPerspective(picture, warp, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    strip = np.asarray(cut, np.uint8)
    if height >= 1.5 * width:
        strip = np.rot90(strip)
    reader_width = min(max(1, math.ceil(_LINE_HEIGHT * strip.shape[1] / strip.shape[0])), _WIDEST)
    return _resized(strip, (reader_width, _LINE_HEIGHT))


def _resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """To this width and height. Enlarged without sharpening: a cubic filter cost 0.9 points of words."""
    smaller = size[0] * size[1] < picture.shape[0] * picture.shape[1]
    return np.asarray(
        cv2.resize(picture, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR), np.uint8
    )


def _turned(turner: OrtModel, strip: Picture) -> Picture:
    """The strip, turned by half when it stands on its head."""
    seen = _resized(strip, (min(strip.shape[1], _TURNER_WIDTH), _LINE_HEIGHT))
    upside_down = turner(_padded(seen, _TURNER_WIDTH)[None])[0, 1]
    return np.ascontiguousarray(strip[::-1, ::-1]) if upside_down > _TURNED_SCORE else strip


# Padding every strip to 320, as PaddleOCR does, cost a quarter more time and 1 point of words.
_NARROWEST, _WIDTH_STEP, _WIDEST = 160, 80, 3200


def _reader_width(strip: Picture) -> int:
    """Padded to one of a few widths: what is read must not depend on which strips share a batch."""
    width: int = strip.shape[1]
    return max(_NARROWEST, math.ceil(width / _WIDTH_STEP) * _WIDTH_STEP)


def _padded(strip: Picture, width: int) -> Numbers:
    padded = np.zeros((3, _LINE_HEIGHT, width), np.float32)
    padded[:, :, : strip.shape[1]] = _network_input(strip)
    return padded
