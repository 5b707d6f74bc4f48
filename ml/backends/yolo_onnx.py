"""Ultralytics' YOLO as ONNX, 26, 11 or v8: no torch and none of their library, and TensorRT where there is one.

`python -m ml models export NAME` makes the file.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..boxes import from_centres
from ..coco import usual
from ..devices import Device
from ..engines.ort import OrtModel, opened
from ..results import Numbers
from ..towers import folder_of
from ..weights import folder, missing
from .detecting import OnnxDetector, Seen


@dataclass
class YoloOnnx(OnnxDetector):
    """`tensorrt`: on a graphics card of NVIDIA, by TensorRT where ONNX Runtime has it (not run so far). Its first start
    takes minutes; what it builds is kept beside the model."""

    weights: str = "yolo26n"
    tensorrt: bool = True

    family = "Ultralytics YOLO"
    layout = "centre"

    @property
    def file(self) -> Path:
        exported = folder_of(self.weights) / f"{Path(self.weights).name}.onnx"
        return exported if exported.is_file() else super().file

    def picture_mb(self, file_mb: float) -> int:
        """Measured on YOLO26 S; N takes half of it."""
        return 45

    def missing_weights(self) -> str | None:
        if self.file.is_file():
            return None
        checkpoint = checkpoint_of(self.weights)
        export = f"Not exported: {self.weights}. Run: python -m ml models export {self.weights}"
        return missing(self.weights, checkpoint.name) or export

    def opened(self, device: Device | None) -> OrtModel:
        again = f"Export {self.weights} again."
        return opened(self.file, again, device=device, threads=self.threads, tensorrt=self.tensorrt)

    def size(self, model: OrtModel) -> tuple[int, int]:
        """Where the model leaves it open, what it was exported for."""
        if all(isinstance(side, int) for side in model.input_shape[2:4]):
            return super().size(model)
        height, width = _said(model, "imgsz")
        return int(height), int(width)

    def pixels_of(self, pictures: npt.NDArray[np.uint8]) -> Numbers:
        return pixels_of(pictures)

    def names_for(self, model: OrtModel, outputs: Sequence[Numbers]) -> Sequence[str]:
        names = _said(model, "names")
        if not isinstance(names, dict) or len(outputs) != 1 or outputs[0].ndim != 3:
            raise ValueError("it does not give boxes alone")
        if 4 + len(names) != outputs[0].shape[1] and outputs[0].shape[2] != 6:
            raise ValueError(f"it does not give {len(names)} scores and a box for each place")
        return [usual(str(names[number])) for number in range(len(names))]

    def seen(self, outputs: Sequence[Numbers]) -> Seen:
        return seen_in(outputs[0], len(self._names))


def checkpoint_of(weights: str) -> Path:
    """Ultralytics' own file of these weights: the only one of its kind, else the one with their name."""
    place = folder(weights)
    there = list(place.glob("*.pt")) if place.is_dir() else []
    return there[0] if len(there) == 1 else place / f"{place.name}.pt"


def pixels_of(pictures: npt.NDArray[np.uint8]) -> Numbers:
    """Red, green, blue, 0..1."""
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)


def seen_in(output: Numbers, kinds: int) -> Seen:
    """Either a box by its centre and a score for each kind, place by place, or, from models that clean up by
    themselves, rows of a box by its corners, a score and a kind."""
    if output.shape[1] == 4 + kinds:
        rows = output.transpose(0, 2, 1)
        return Seen(from_centres(rows[..., :4]), rows[..., 4:])
    scores = np.zeros((*output.shape[:2], kinds), np.float32)
    np.put_along_axis(scores, output[..., 5:].astype(int).clip(0, kinds - 1), output[..., 4:5], axis=2)
    return Seen(output[..., :4], scores)


def _said(model: OrtModel, key: str) -> Any:
    """What Ultralytics' export writes down in the file. Raises ValueError when it did not."""
    try:
        return ast.literal_eval(model.metadata[key])
    except (KeyError, SyntaxError, ValueError) as error:
        raise ValueError(f"it does not say its {key}") from error
