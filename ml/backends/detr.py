"""RT-DETR, DETR and their like by transformers, from a local folder."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..backend import Backend
from ..boxes import Place, from_centres, lay
from ..coco import usual
from ..devices import Device
from ..engines import torch as engine
from ..engines import writers
from ..options import BatchSize, Megabytes, Threads
from ..results import ModelName, Numbers, Things
from ..roles import DetectOptions, Picture
from ..weights import folder, missing
from .detecting import Seen, things_of

#: A picture that is longer than so many times its width comes with grey beside it, in a frame of these sides: reduced
#: by the model's own measure nothing would be left of it.
_LONGEST = 20
_FRAME = 1000, 50
#: DETR was taught COCO's numbers, some of which stand for nothing.
_UNNAMED = "N/A"


@dataclass(frozen=True)
class _Asked:
    """`inputs`: one for each picture, as large as the model wants it."""

    inputs: Sequence[Any]
    pictures: Sequence[Picture]
    places: Sequence[Place]
    options: DetectOptions


@dataclass(frozen=True)
class _Found:
    seen: Seen
    places: Sequence[Place]
    options: DetectOptions


@dataclass
class Detr(Backend[Picture, DetectOptions, _Asked, _Found, Things]):
    """`numbers`: "float32", or "float16" or "bfloat16" on a graphics card, with which it was not run so far."""

    weights: str = "rtdetr_r50vd"
    numbers: str = "float32"
    threads: Threads = 1
    batch_size: BatchSize = 4
    memory_mb: Megabytes = 1300
    _model: Any = field(default=None, init=False, repr=False)
    _processor: Any = field(default=None, init=False, repr=False)
    _names: Sequence[str] = field(default=(), init=False, repr=False)
    _device: Device = field(default="cpu", init=False, repr=False)

    def model(self) -> ModelName:
        return ModelName(self.weights.rpartition("/")[2], "1")

    def dtype(self) -> str:
        return self.numbers

    def missing_weights(self) -> str | None:
        return missing(self.weights, "config.json", "preprocessor_config.json", "model.safetensors")

    def load(self, device: Device | None) -> Device:
        engine.ensure_torchvision()
        from transformers import AutoImageProcessor, AutoModelForObjectDetection

        engine.set_threads(self.threads)
        self._device = engine.device_for(device)
        with writers.reading(self.weights):
            processor = AutoImageProcessor.from_pretrained(folder(self.weights), local_files_only=True)
        model = writers.load(AutoModelForObjectDetection, self.weights, self._device, numbers=self.numbers, bits=0)
        labels = model.config.id2label
        self._names = [usual(labels[number]) for number in range(len(labels))]
        self._model, self._processor = model, processor
        return self._device

    def unload(self) -> None:
        self._model = self._processor = None
        engine.free(self._device)

    def prepare(self, items: Sequence[Picture], options: DetectOptions) -> _Asked:
        pictures, places = zip(*map(_framed, items), strict=True)
        # Said, not guessed: of a picture three pixels high the channels would be taken to come first.
        inputs = [
            self._processor(images=[picture], return_tensors="pt", input_data_format="channels_last")
            for picture in pictures
        ]
        return _Asked(inputs, pictures, places, options)

    def infer(self, batch: _Asked) -> _Found:
        import torch

        # DETR is given pictures of their own shapes. Together are only those of one shape: what fills up the others
        # would change what is seen in them.
        alike: dict[Any, list[int]] = {}
        for number, one in enumerate(batch.inputs):
            alike.setdefault(one["pixel_values"].shape, []).append(number)
        boxes: list[Numbers] = [np.empty(0, np.float32)] * len(batch.inputs)
        scores = boxes.copy()
        for numbers in alike.values():
            pixels = torch.cat([batch.inputs[number]["pixel_values"] for number in numbers])
            with engine.inference():
                found = self._model(pixels.to(self._device, self._model.dtype))
                logits = found.logits.float()
                # DETR has one kind more than names, for nothing at all; its followers score each kind by itself.
                nothing = logits.shape[-1] == len(self._names) + 1
                kinds = logits.softmax(-1)[..., :-1] if nothing else logits.sigmoid()
            answers = zip(numbers, found.pred_boxes.float().cpu().numpy(), kinds.cpu().numpy(), strict=True)
            for number, of_one, of_kinds in answers:
                boxes[number], scores[number] = of_one, of_kinds
        named = np.array([name != _UNNAMED for name in self._names])
        sizes = np.array([[picture.shape[1::-1] * 2] for picture in batch.pictures], np.float32)
        return _Found(
            Seen(from_centres(np.stack(boxes)) * sizes, np.stack(scores) * named), batch.places, batch.options
        )

    def finish(self, raw: _Found) -> list[Things]:
        found = things_of(raw.seen, raw.places, self._names, raw.options)
        return [Things(things, self.model()) for things in found]


def _framed(picture: Picture) -> tuple[Picture, Place]:
    height, width = picture.shape[:2]
    if max(height, width) <= _LONGEST * min(height, width):
        return np.array(picture), Place(0, 0, width, height)  # torch takes no views that run backwards
    (laid,), (place,) = lay([picture], *(_FRAME if height > width else _FRAME[::-1]), "centre")
    return laid, place
