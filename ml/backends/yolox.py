"""YOLOX: things with boxes, fast on a processor, with weights that may be used for anything."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..boxes import STRIDES, cells, from_centres
from ..coco import COCO
from ..engines.ort import OrtModel
from ..results import Numbers
from ..weights import folder
from .detecting import OnnxDetector, Seen

#: Names of the things of a model that was taught other ones, one a line.
_LABELS = "labels.txt"


@dataclass
class Yolox(OnnxDetector):
    """Reads what YOLOX's own export makes, in which boxes are still relative to their cells."""

    weights: str = "yolox_nano"

    family = "YOLOX"
    layout = "corner"

    def picture_mb(self, file_mb: float) -> int:
        """Nano and tiny see 416 pixels; nano was measured."""
        return 9 if file_mb < 25 else 30

    def pixels_of(self, pictures: npt.NDArray[np.uint8]) -> Numbers:
        """Blue, green, red, 0..255."""
        return np.ascontiguousarray(pictures[..., ::-1].transpose(0, 3, 1, 2), dtype=np.float32)

    def names_for(self, model: OrtModel, outputs: Sequence[Numbers]) -> Sequence[str]:
        height, width = self.size(model)
        places = sum((height // stride) * (width // stride) for stride in STRIDES)
        if len(outputs) != 1 or outputs[0].ndim != 3 or outputs[0].shape[1] != places:
            raise ValueError(f"it does not give {places} boxes for {width} x {height} pixels")
        kinds = outputs[0].shape[2] - 5
        labels = folder(self.weights) / _LABELS
        names = labels.read_text("utf-8").splitlines() if labels.is_file() else COCO
        if len(names) != kinds:
            raise ValueError(
                f"it knows {kinds} kinds of things, and there are {len(names)} names ({_LABELS} gives them)"
            )
        return names

    def seen(self, outputs: Sequence[Numbers]) -> Seen:
        (rows,) = outputs
        corners, strides = cells(*self.size(self.loaded))
        centres = (rows[..., :2] + corners) * strides
        sides = np.exp(rows[..., 2:4].clip(max=10)) * strides  # a mad number is a large box, not an infinite one
        return Seen(from_centres(np.concatenate([centres, sides], axis=-1)), rows[..., 5:] * rows[..., 4:5])
