"""RT-DETR and D-FINE as ONNX, as transformers' models are exported: exact boxes, without torch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from ..boxes import from_centres
from ..coco import usual
from ..devices import Device
from ..engines.ort import OrtModel
from ..results import Numbers
from ..weights import folder
from .detecting import OnnxDetector, Seen

_CONFIG, _PICTURES = "config.json", "preprocessor_config.json"


@dataclass(frozen=True)
class _Frame:
    """What lies beside the model: the names of things, and how a picture is given to it."""

    names: tuple[str, ...]
    size: tuple[int, int]
    scale: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def read(cls, place: Path) -> Self:
        """Raises ValueError for files that are none of this family's."""
        try:
            labels = json.loads((place / _CONFIG).read_text("utf-8"))["id2label"]
            pictures = json.loads((place / _PICTURES).read_text("utf-8"))
            normal = pictures.get("do_normalize", True)
            return cls(
                names=tuple(usual(labels[str(number)]) for number in range(len(labels))),
                size=(pictures["size"]["height"], pictures["size"]["width"]),
                scale=pictures.get("rescale_factor", 1 / 255) if pictures.get("do_rescale", True) else 1.0,
                mean=tuple(pictures["image_mean"]) if normal else (0.0, 0.0, 0.0),
                deviation=tuple(pictures["image_std"]) if normal else (1.0, 1.0, 1.0),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{_CONFIG} and {_PICTURES} beside it do not say what {error} is") from error


@dataclass
class RtDetr(OnnxDetector):
    weights: str = "rtdetr_r18vd"
    _frame: _Frame | None = field(default=None, init=False, repr=False)

    family = "RT-DETR or D-FINE"
    layout = "stretch"
    beside = (_CONFIG, _PICTURES)

    @property
    def frame(self) -> _Frame:
        if self._frame is None:
            raise RuntimeError("The model is not loaded.")
        return self._frame

    def opened(self, device: Device | None) -> OrtModel:
        self._frame = _Frame.read(folder(self.weights))
        return super().opened(device)

    def size(self, model: OrtModel) -> tuple[int, int]:
        return self.frame.size

    def pixels_of(self, pictures: npt.NDArray[np.uint8]) -> Numbers:
        """Red, green, blue."""
        frame = self.frame
        mean, deviation = np.array(frame.mean, np.float32), np.array(frame.deviation, np.float32)
        pixels = (pictures * np.float32(frame.scale) - mean) / deviation
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))

    def names_for(self, model: OrtModel, outputs: Sequence[Numbers]) -> Sequence[str]:
        shapes = [output.shape[-1] for output in outputs[:2] if output.ndim == 3]
        if shapes != [len(self.frame.names), 4]:
            raise ValueError(f"it does not give {len(self.frame.names)} scores and a box for each place")
        return self.frame.names

    def seen(self, outputs: Sequence[Numbers]) -> Seen:
        logits, boxes = outputs[:2]
        height, width = self.frame.size
        corners = from_centres(boxes) * np.array([width, height, width, height], np.float32)
        return Seen(corners, 1 / (1 + np.exp(-logits.clip(-50, 50))))
