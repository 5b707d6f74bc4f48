"""Ultralytics' YOLO as an ONNX file, for machines without torch: checked against torch, or not kept at all."""

import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import weights
from .backend import NotInstalled
from .backends.yolo_onnx import checkpoint_of, pixels_of
from .boxes import lay
from .engines import ultralytics
from .engines.ort import OrtModel
from .engines.torch import inference
from .export import ExportError, drawn_pictures, whole_or_not_at_all
from .packages import missing_packages
from .roles import Picture
from .towers import Precision, folder_of

_NEEDS = ("torch", "torchvision", "ultralytics", "onnx", "onnxruntime")
_OPSET = 17
_SIDE = 640
_MOST_PICTURES = 8

#: The most that a score, and the side of a box in pixels, may differ.
LIMITS = 0.002, 0.5


@dataclass(frozen=True)
class DetectorVerdict:
    """How near an exported detector comes to torch, on every place of every picture. `kept`: within the limits."""

    score: float
    pixels: float
    kept: bool
    precision: Precision = "fp32"

    @property
    def figures(self) -> dict[str, str]:
        """For people."""
        return {
            "largest difference of a score": f"{self.score:.5f}",
            "of a box in pixels": f"{self.pixels:.3f}",
        }


def export(name: str, pictures: Sequence[Picture] = ()) -> list[DetectorVerdict]:
    """Write an installed YOLO as ONNX beside its checkpoint, for any number of pictures at a time.

    It is checked on the first of `pictures`, drawn ones when there are none. Raises NotInstalled and ExportError.
    """
    checkpoint = checkpoint_of(name)
    if missing := missing_packages(_NEEDS) or weights.missing(name, checkpoint.name):
        raise NotInstalled(missing)
    with whole_or_not_at_all(folder_of(name)) as folder:
        path = _write(checkpoint, folder / f"{Path(name).name}.onnx")
        verdict = _verdict(checkpoint, path, pictures[:_MOST_PICTURES] or drawn_pictures(4))
        if not verdict.kept:
            raise ExportError(f"The exported model is not the one of torch: {verdict}. It is not kept.")
        return [verdict]


def _write(checkpoint: Path, path: Path) -> Path:
    ultralytics.load(checkpoint)  # says what is wrong with it
    from ultralytics import YOLO

    copy = path.with_suffix(".pt")  # the library writes beside what it reads
    shutil.copyfile(checkpoint, copy)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tracing
            YOLO(copy).export(format="onnx", imgsz=_SIDE, dynamic=True, simplify=False, opset=_OPSET)
    except (AssertionError, RuntimeError, OSError) as error:
        raise ExportError(f"{checkpoint} cannot be exported: {error}.") from error
    finally:
        copy.unlink(missing_ok=True)
    return path


def _verdict(checkpoint: Path, path: Path, pictures: Sequence[Picture]) -> DetectorVerdict:
    import torch

    whole, exported = ultralytics.load(checkpoint), OrtModel(path, device="cpu", threads=1)
    score = pixels = 0.0
    for picture in pictures:
        batch = pixels_of(lay([picture], _SIDE, _SIDE, "centre")[0])
        with inference():
            outputs = whole(torch.from_numpy(batch))
        theirs = (outputs[0] if isinstance(outputs, tuple | list) else outputs).numpy()
        difference = np.abs(exported(batch) - theirs)[0]
        pixels, score = max(pixels, float(difference[:4].max())), max(score, float(difference[4:].max()))
    kept = score <= LIMITS[0] and pixels <= LIMITS[1]
    return DetectorVerdict(round(score, 6), round(pixels, 4), kept)
