"""What all detectors share: from boxes and scores to things; and what those in ONNX share: loading, laying, asking."""

import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..backend import Backend, NotInstalled
from ..boxes import Layout, Place, best_apart, lay
from ..devices import Device
from ..engines.ort import OrtModel, opened
from ..options import BatchSize, Megabytes, Threads
from ..results import ModelName, Numbers, Thing, Things
from ..roles import DetectOptions, Picture
from ..weights import folder, missing

#: So many places of a picture are looked at, the best: nobody wants more boxes, and comparing all takes minutes.
_MOST_PLACES = 1000


@dataclass(frozen=True)
class Laid:
    """Pictures as the model takes them, and where each lies in what it sees."""

    pixels: Numbers
    places: Sequence[Place]
    options: DetectOptions


@dataclass(frozen=True)
class Found:
    """What the model gave, output by output."""

    outputs: Sequence[Numbers]
    places: Sequence[Place]
    options: DetectOptions


@dataclass(frozen=True)
class Seen:
    """For every picture and place a box in the model's pixels, and how sure the model is of each kind of thing."""

    boxes: Numbers
    scores: Numbers


def things_of(
    seen: Seen, places: Sequence[Place], names: Sequence[str], options: DetectOptions
) -> list[tuple[Thing, ...]]:
    """One tuple a picture, best first. A place shows one thing: the likeliest."""
    kinds, scores = seen.scores.argmax(axis=2), seen.scores.max(axis=2)
    wanted = (scores >= options.min_score) & np.isfinite(seen.boxes).all(axis=2)
    if scores.shape[1] > _MOST_PLACES:
        # Not by the score of the last one: where all are equally sure, that would be all of them.
        others = np.argpartition(-scores, _MOST_PLACES, axis=1)[:, _MOST_PLACES:]
        np.put_along_axis(wanted, others, values=False, axis=1)
    boxes = np.stack([place.back(of_one) for place, of_one in zip(places, seen.boxes, strict=True)])[wanted]
    pictures, kinds, scores = np.nonzero(wanted)[0], kinds[wanted], scores[wanted]
    things: list[list[Thing]] = [[] for _ in places]
    for row in best_apart(boxes, scores, pictures * len(names) + kinds, options.overlap):
        of_picture = things[pictures[row]]
        left, top, right, bottom = boxes[row].clip(0, 1).tolist()
        if len(of_picture) < options.at_most and left < right and top < bottom:
            of_picture.append(Thing(names[kinds[row]], float(scores[row]), (left, top, right, bottom)))
    return [tuple(of_picture) for of_picture in things]


@dataclass
class OnnxDetector(Backend[Picture, DetectOptions, Laid, Found, Things]):
    """`weights` names a folder with one ONNX file. `memory_mb` of 0: as the size of that file says."""

    weights: str = ""
    threads: Threads = 1
    batch_size: BatchSize = 4
    memory_mb: Megabytes = 0
    _model: OrtModel | None = field(default=None, init=False, repr=False)
    _names: Sequence[str] = field(default=(), init=False, repr=False)

    #: Whose models it reads, how they want a picture laid, and how large where the model itself leaves it open.
    family: ClassVar[str]
    layout: ClassVar[Layout]
    side: ClassVar[int] = 640
    #: What it reads beside the model.
    beside: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        self.memory_mb = self.memory_mb or self._usual_memory_mb()

    def picture_mb(self, file_mb: float) -> int:
        """What each picture of a batch takes, measured at 640 pixels on RT-DETR R18."""
        return 60

    @abstractmethod
    def pixels_of(self, pictures: npt.NDArray[np.uint8]) -> Numbers:
        """Pictures x height x width x 3 as the model takes them."""

    @abstractmethod
    def names_for(self, model: OrtModel, outputs: Sequence[Numbers]) -> Sequence[str]:
        """The kinds of things. Raises ValueError when what it gave for an empty picture is none of this family's."""

    @abstractmethod
    def seen(self, outputs: Sequence[Numbers]) -> Seen: ...

    def model(self) -> ModelName:
        return ModelName(Path(self.weights).name, "1")

    def variants(self) -> Sequence[Mapping[str, Any]]:
        return [{"threads": threads} for threads in (2, 4) if threads <= (os.cpu_count() or 1)]

    def missing_weights(self) -> str | None:
        return missing(self.weights, self.file.name, *self.beside)

    @property
    def file(self) -> Path:
        """The only ONNX file of the folder, else the one with its name."""
        place = folder(self.weights)
        there = list(place.glob("*.onnx")) if place.is_dir() else []
        return there[0] if len(there) == 1 else place / f"{place.name}.onnx"

    def load(self, device: Device | None) -> Device:
        model = self.opened(device)
        try:
            self._names = self.names_for(model, model.each(np.zeros((1, 3, *self.size(model)), np.float32)))
        except MemoryError:
            raise
        except Exception as error:  # what is raised for an input that the model does not take has no base class
            message = f"{self.file} is no model of {self.family}: {error}."
            raise NotInstalled(f"{message} Put one there, or choose the backend that it was made for.") from error
        self._model = model
        return model.device

    def size(self, model: OrtModel) -> tuple[int, int]:
        """Height and width of what the model sees."""
        height, width = (side if isinstance(side, int) else self.side for side in model.input_shape[2:4])
        return height, width

    def opened(self, device: Device | None) -> OrtModel:
        return opened(self.file, f"Install {self.weights} again.", device=device, threads=self.threads)

    def unload(self) -> None:
        self._model = None

    def prepare(self, items: Sequence[Picture], options: DetectOptions) -> Laid:
        pictures, places = lay(items, *self.size(self.loaded), self.layout)
        return Laid(self.pixels_of(pictures), places, options)

    def infer(self, batch: Laid) -> Found:
        return Found(self.loaded.each(batch.pixels), batch.places, batch.options)

    def finish(self, raw: Found) -> list[Things]:
        found = things_of(self.seen(raw.outputs), raw.places, self._names, raw.options)
        return [Things(things, self.model()) for things in found]

    @property
    def loaded(self) -> OrtModel:
        if self._model is None:
            raise RuntimeError("The model is not loaded.")
        return self._model

    def _usual_memory_mb(self) -> int:
        file_mb = self.file.stat().st_size / 2**20 if self.file.is_file() else 10
        return round(40 + 2 * file_mb + self.picture_mb(file_mb) * self.batch_size)
