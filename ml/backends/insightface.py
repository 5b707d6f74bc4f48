"""InsightFace: SCRFD finds faces and ArcFace tells them apart, by the package of their authors.

The published weights (buffalo_l, buffalo_sc) are for non-commercial research only. The package fetches what it misses
from the internet when it is asked for a model by name; it is given files only, which it opens or refuses.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .. import align
from ..backend import NotInstalled
from ..devices import Device
from ..engines.ort import device_of, providers_for, session_options
from ..options import Megabytes, Share
from ..results import ModelName, Numbers
from ..roles import Picture
from ..weights import folder, manifest, missing
from .facing import FaceFinder, Spotted

#: What else the published archives hold: age, and more landmarks than are needed.
_NOT_NEEDED = {"1k3d68", "2d106det", "genderage"}
_STRIDE = 32  # the detector halves its input five times


@dataclass
class InsightFace(FaceFinder):
    """`weights`: a folder with a detector and a recogniser, told apart by their forms as the package does.

    `min_score` and `overlap` are the package's own. `memory_mb` of 0: as the list of weights says.
    """

    weights: str = "buffalo_l"
    min_score: Share = 0.5
    overlap: Share = 0.4
    memory_mb: Megabytes = 0
    _models: "_Models | None" = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        row = manifest.row(self.weights)
        self.memory_mb = self.memory_mb or (row.memory_mb if row else 600)

    def model(self) -> ModelName:
        return ModelName(Path(self.weights).name, "1")

    @property
    def space(self) -> str:
        return Path(self.weights).name

    def missing_weights(self) -> str | None:
        row = manifest.row(self.weights)
        return missing(self.weights, *(file.path for file in row.files) if row else ())

    def load(self, device: Device | None) -> Device:
        cv2.setNumThreads(self.threads)
        found = {"detection": None, "recognition": None} | {
            model.taskname: model for model in self._opened(device) if model is not None
        }
        detector, recogniser = found["detection"], found["recognition"]
        place = folder(self.weights)
        if detector is None or not detector.use_kps:
            raise NotInstalled(f"{place} has no detector with landmarks, det_*.onnx. Install {self.weights} again.")
        if recogniser is None or recogniser.input_size != (align.SIDE, align.SIDE):
            raise NotInstalled(f"{place} has no recogniser of 112 x 112 pixels. Install {self.weights} again.")
        self._models = _Models(detector, recogniser)
        return device_of(detector.session)

    def unload(self) -> None:
        self._models = None

    def spot(self, picture: Picture, min_score: float) -> Spotted:
        height, width = (-(-side // _STRIDE) * _STRIDE for side in picture.shape[:2])
        # Filled up here, the picture is not enlarged there; and 640 x 1 pixels are not reduced to none.
        filled = np.zeros((height, width, 3), np.uint8)
        filled[: picture.shape[0], : picture.shape[1]] = picture[..., ::-1]
        found, landmarks = self._loaded.detector.detect(filled, input_size=(width, height), det_thresh=min_score)
        return Spotted(found[:, :4], found[:, 4], landmarks)

    def vectors(self, crops: Sequence[Picture]) -> Numbers:
        recogniser = self._loaded.recogniser
        turned = [np.ascontiguousarray(crop[..., ::-1]) for crop in crops]
        if isinstance(recogniser.input_shape[0], int):
            return np.concatenate([recogniser.get_feat([crop]) for crop in turned])
        vectors: Numbers = recogniser.get_feat(turned)
        return vectors

    def _opened(self, device: Device | None) -> list[Any]:
        from insightface.model_zoo import get_model

        opened = []
        for file in sorted(folder(self.weights).glob("*.onnx")):
            if file.stem in _NOT_NEEDED:
                continue
            try:
                model = get_model(
                    str(file),
                    providers=providers_for(device, file, tensorrt=False),
                    sess_options=session_options(self.threads),
                    static_shape_sessions=False,  # else one copy of the model for every size of picture
                )
            except (ImportError, MemoryError):
                raise
            except Exception as error:  # half a file: what ONNX Runtime and the package raise has no common base
                raise NotInstalled(f"{file} cannot be read: {error}. Install {self.weights} again.") from error
            opened.append(model)
        return opened

    @property
    def _loaded(self) -> "_Models":
        if self._models is None:
            raise RuntimeError("The models are not loaded.")
        return self._models


@dataclass(frozen=True)
class _Models:
    """The package's own objects, which have no types."""

    detector: Any
    recogniser: Any
