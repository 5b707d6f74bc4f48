"""What the patches of a picture look like, by any vision transformer of timm: for graphics cards.

The weights are a folder as timm publishes it: config.json and model.safetensors.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from ..backend import Backend, NotInstalled
from ..devices import Device
from ..engines import torch as engine
from ..export import ExportError
from ..export_patches import eye_of, load_vit, seen
from ..options import BatchSize, Between, Megabytes, Threads
from ..patches import SOURCE, Alike, Eye, Found, alike, maps_of, model_name
from ..results import ModelName, PatchMap
from ..roles import EmbedOptions, Picture
from ..weights import folder, missing


@dataclass
class TorchPatches(Backend[Picture, EmbedOptions, list[Alike], list[Found], PatchMap]):
    """`numbers`: "auto" (half as long on a graphics card), "float32", "float16" or "bfloat16"; one space for all.

    `patches_at_most`: of one picture, and of all that are looked at together.
    """

    weights: str = "vit_small_patch14_reg4_dinov2"
    numbers: str = "auto"
    threads: Threads = 1
    batch_size: BatchSize = 8
    patches_at_most: Annotated[int, Between(1, 100_000)] = 1400
    memory_mb: Megabytes = 500
    _model: Any = field(default=None, init=False, repr=False)
    _eye: Eye | None = field(default=None, init=False, repr=False)
    _device: Device = field(default="cpu", init=False, repr=False)

    def model(self) -> ModelName:
        return model_name(self.weights, "fp32")

    def missing_weights(self) -> str | None:
        return missing(self.weights, *SOURCE)

    def dtype(self) -> str:
        return self.numbers if self._model is None else str(self._model.pos_embed.dtype).removeprefix("torch.")

    def load(self, device: Device | None) -> Device:
        try:
            model = load_vit(folder(self.weights))
            self._device = engine.device_for(device)
            numbers = engine.dtype_for(self._device, self.numbers)
        except (ExportError, ValueError) as error:
            raise NotInstalled(str(error)) from error
        engine.set_threads(self.threads)
        self._eye, self._model = eye_of(model), model.to(self._device, numbers)
        return self._device

    def unload(self) -> None:
        self._model = None
        engine.free(self._device)

    def prepare(self, items: Sequence[Picture], options: EmbedOptions) -> list[Alike]:
        return alike(self._look, items, self.patches_at_most)

    def infer(self, batch: list[Alike]) -> list[Found]:
        return [Found(some.places, seen(self._model, some.pixels), self._look.cell) for some in batch]

    def finish(self, raw: list[Found]) -> list[PatchMap]:
        return maps_of(raw, self.weights, "fp32")

    @property
    def _look(self) -> Eye:
        if self._eye is None:
            raise RuntimeError("The model is not loaded.")
        return self._eye
