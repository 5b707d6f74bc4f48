"""YuNet finds faces and SFace tells them apart, both from OpenCV's zoo, with weights that may be used for anything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np

from .. import align
from ..backend import NotInstalled
from ..boxes import STRIDES, cells, from_centres
from ..devices import Device
from ..engines.ort import OrtModel, opened
from ..options import Between, Megabytes, Share
from ..results import ModelName, Numbers
from ..roles import Picture
from ..weights import folder, missing
from .facing import FaceFinder, Spotted


@dataclass
class YunetSface(FaceFinder):
    """`recogniser`: any model that makes a vector of 112 x 112 upright pixels, by the name of its folder, or of the
    file where the folder has several; "": none, faces are found only. `weights` names YuNet in the same way. A pixel
    goes in as (value - `mean`) / `spread` of red, green, blue: SFace does the rest itself, ArcFace wants 127.5 twice.

    Asked through ONNX Runtime: the same answers as OpenCV's own FaceDetectorYN to 0.0001, in a third of the time.

    `again`: YuNet sees a tilted head less tilted than it is. Of four portraits, moved and turned by up to 40 degrees in
    seven ways, the upright faces were alike by 0.83 without, 0.91 after one and 0.95 after two more looks (another
    person's: 0.7 at most), at 2 ms a face and look. `min_score` and `side` were measured on 23 labelled pictures and on
    pictures without people: see docs/models.md.

    `memory_mb` of 0: as the size of the recogniser says.
    """

    weights: str = "yunet"
    recogniser: str = "sface"
    mean: Annotated[float, Between(-1_000, 1_000)] = 0.0
    spread: Annotated[float, Between(0.001, 1_000)] = 1.0
    min_score: Share = 0.8
    again: Annotated[int, Between(0, 10)] = 2
    memory_mb: Megabytes = 0
    _detector: OrtModel | None = field(default=None, init=False, repr=False)
    _recogniser: OrtModel | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.memory_mb = self.memory_mb or self._usual_memory_mb()

    def model(self) -> ModelName:
        return ModelName("+".join(_name(name) for name in (self.weights, self.recogniser) if name), "1")

    @property
    def space(self) -> str | None:
        return _name(self.recogniser) if self.recogniser else None

    def missing_weights(self) -> str | None:
        return _missing(self.weights) or (_missing(self.recogniser) if self.recogniser else None)

    def load(self, device: Device | None) -> Device:
        cv2.setNumThreads(self.threads)
        detector = _opened(self.weights, device, self.threads)
        _check(detector, self.weights, "finder of faces like YuNet", np.zeros((1, 3, 64, 96), np.float32), _is_yunet)
        recogniser = None
        if self.recogniser:
            recogniser = _opened(self.recogniser, device, self.threads)
            crops = np.zeros((2, 3, align.SIDE, align.SIDE), np.float32)
            _check(recogniser, self.recogniser, "recogniser of 112 x 112 pixels", crops, _is_recogniser)
        self._detector, self._recogniser = detector, recogniser
        return detector.device

    def unload(self) -> None:
        self._detector = self._recogniser = None

    def spot(self, picture: Picture, min_score: float) -> Spotted:
        if self._detector is None:
            raise RuntimeError("The model is not loaded.")
        height, width = (-(-side // STRIDES[-1]) * STRIDES[-1] for side in picture.shape[:2])
        filled = np.zeros((height, width, 3), np.float32)
        filled[: picture.shape[0], : picture.shape[1]] = picture[..., ::-1]
        outputs = self._detector.each(np.ascontiguousarray(filled.transpose(2, 0, 1)[None]))
        kinds, faces, boxes, points = (np.concatenate(outputs[at : at + 3], axis=1)[0] for at in (0, 3, 6, 9))
        scores = np.sqrt(kinds[:, 0].clip(0, 1) * faces[:, 0].clip(0, 1))
        likely = np.flatnonzero(scores >= min_score)
        corners, strides = (of_all[likely] for of_all in cells(height, width))
        centres = (boxes[likely, :2] + corners) * strides
        sides = np.exp(boxes[likely, 2:].clip(max=10)) * strides
        landmarks = (points[likely].reshape(-1, 5, 2) + corners[:, None]) * strides[:, None]
        return Spotted(from_centres(np.concatenate([centres, sides], axis=1)), scores[likely], landmarks)

    def vectors(self, crops: Sequence[Picture]) -> Numbers:
        if self._recogniser is None:
            raise RuntimeError("The model is not loaded.")
        pixels = np.stack(crops).transpose(0, 3, 1, 2).astype(np.float32)
        vectors: Numbers = self._recogniser.each((pixels - np.float32(self.mean)) / np.float32(self.spread))[0]
        return vectors

    def _usual_memory_mb(self) -> int:
        """What was measured with pictures of 2560 x 1828, four at a time and the next ones ready, which are 160 of it;
        for the recogniser, twice its file, is an estimate."""
        file = _file(self.recogniser) if self.recogniser else None
        file_mb = file.stat().st_size / 2**20 if file and file.is_file() else 0
        return round(170 + 25 * (self.closer / 640) ** 2 + 2 * file_mb)


def _name(weights: str) -> str:
    return Path(weights).name.removesuffix(".onnx")


def _file(weights: str) -> Path:
    """The only ONNX file of the folder, else the one with its name; or the file itself."""
    place = folder(weights)
    if place.suffix == ".onnx":
        return place
    there = list(place.glob("*.onnx")) if place.is_dir() else []
    return there[0] if len(there) == 1 else place / f"{place.name}.onnx"


def _missing(weights: str) -> str | None:
    return missing(str(Path(weights).parent) if weights.endswith(".onnx") else weights, _file(weights).name)


def _opened(weights: str, device: Device | None, threads: int) -> OrtModel:
    return opened(_file(weights), f"Install {weights} again.", device=device, threads=threads)


def _check(
    model: OrtModel, weights: str, kind: str, pixels: Numbers, fits: Callable[[Sequence[Numbers]], bool]
) -> None:
    """Raises NotInstalled when what it gives for empty pictures is not what such a model gives."""
    try:
        if not fits(model.each(pixels)):
            raise ValueError("its answers have other shapes")
    except MemoryError:
        raise
    except Exception as error:  # nor has what it raises for an input that the model does not take
        message = f"{_file(weights)} is no {kind}: {error}."
        raise NotInstalled(f"{message} Put one there, or name another one in the settings.") from error


def _is_yunet(outputs: Sequence[Numbers]) -> bool:
    """For 96 x 64 pixels: of each stride the places' scores twice, boxes and landmarks."""
    places = [96 * 64 // stride**2 for stride in STRIDES]
    shapes = [(1, count, numbers) for numbers in (1, 1, 4, 10) for count in places]
    return [output.shape for output in outputs] == shapes


def _is_recogniser(outputs: Sequence[Numbers]) -> bool:
    return len(outputs) == 1 and outputs[0].ndim == 2 and len(outputs[0]) == 2
