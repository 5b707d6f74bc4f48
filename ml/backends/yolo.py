"""Ultralytics' YOLO, 26, 11 or v8, by their library (AGPL-3.0)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..backend import Backend
from ..boxes import lay
from ..coco import usual
from ..devices import Device
from ..engines import torch as engine
from ..engines import ultralytics
from ..options import BatchSize, Megabytes, Pixels, Threads
from ..results import ModelName, Things
from ..roles import DetectOptions, Picture
from ..weights import missing
from .detecting import Found, Laid, things_of
from .yolo_onnx import checkpoint_of, pixels_of, seen_in


@dataclass
class Yolo(Backend[Picture, DetectOptions, Laid, Found, Things]):
    """`side`: every picture is laid into a square of so many pixels; the models were taught 640."""

    weights: str = "yolo26n"
    side: Pixels = 640
    threads: Threads = 1
    batch_size: BatchSize = 4
    memory_mb: Megabytes = 500
    _model: Any = field(default=None, init=False, repr=False)
    _names: Sequence[str] = field(default=(), init=False, repr=False)
    _device: Device = field(default="cpu", init=False, repr=False)

    def model(self) -> ModelName:
        return ModelName(self.weights.rpartition("/")[2], str(self.side))

    def missing_weights(self) -> str | None:
        if self.side < 32 or self.side % 32:
            return "The option side must be a multiple of 32."
        return missing(self.weights, checkpoint_of(self.weights).name)

    def load(self, device: Device | None) -> Device:
        engine.ensure_torchvision()
        engine.set_threads(self.threads)
        self._device = engine.device_for(device)
        model = ultralytics.load(checkpoint_of(self.weights))
        self._names = [usual(str(model.names[number])) for number in range(len(model.names))]
        self._model = model.to(self._device)
        return self._device

    def unload(self) -> None:
        self._model = None
        engine.free(self._device)

    def prepare(self, items: Sequence[Picture], options: DetectOptions) -> Laid:
        pictures, places = lay(items, self.side, self.side, "centre")
        return Laid(pixels_of(pictures), places, options)

    def infer(self, batch: Laid) -> Found:
        import torch

        with engine.inference():
            outputs = self._model(torch.from_numpy(batch.pixels).to(self._device))
        # While a model learns, a second value tells more.
        output = outputs[0] if isinstance(outputs, tuple | list) else outputs
        return Found([output.float().cpu().numpy()], batch.places, batch.options)

    def finish(self, raw: Found) -> list[Things]:
        found = things_of(seen_in(raw.outputs[0], len(self._names)), raw.places, self._names, raw.options)
        return [Things(things, self.model()) for things in found]
