"""What the patches of a picture look like, by a vision transformer as ONNX, without torch.

`python -m ml models export NAME` makes the files from a model of timm.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from ..backend import Backend
from ..devices import Device
from ..options import BatchSize, Between, Megabytes, Threads
from ..patches import Alike, Found, PatchTower, alike, file_of, maps_of, missing, model_name
from ..results import ModelName, PatchMap
from ..roles import EmbedOptions, Picture
from ..towers import folder_of


@dataclass
class OnnxPatches(Backend[Picture, EmbedOptions, list[Alike], list[Found], PatchMap]):
    """`precision`: "fp32", or "int8", faster on a processor. Each has a space of its own.

    `patches_at_most`: of one picture, and of all that are looked at together. `memory_mb` of 0: as the size of the
    weights says. More of them together cost memory and gain no time.
    """

    weights: str = "vit_small_patch14_reg4_dinov2"
    precision: str = "fp32"
    threads: Threads = 1
    batch_size: BatchSize = 8
    patches_at_most: Annotated[int, Between(1, 100_000)] = 1400
    memory_mb: Megabytes = 0
    _tower: PatchTower | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.memory_mb = self.memory_mb or _memory_mb(self.weights, file_of(self.precision))

    def model(self) -> ModelName:
        return model_name(self.weights, self.precision)

    def dtype(self) -> str:
        return "float32" if self.precision == "fp32" else self.precision

    def variants(self) -> Sequence[Mapping[str, Any]]:
        cores = os.cpu_count() or 1
        return [{"threads": threads} for threads in (1, 2, 4) if threads <= cores]

    def missing_weights(self) -> str | None:
        return missing(self.weights, self.precision)

    def load(self, device: Device | None) -> Device:
        self._tower = PatchTower(folder_of(self.weights), self.precision, device=device, threads=self.threads)
        return self._tower.device

    def unload(self) -> None:
        self._tower = None

    def prepare(self, items: Sequence[Picture], options: EmbedOptions) -> list[Alike]:
        return alike(self._loaded.eye, items, self.patches_at_most)

    def infer(self, batch: list[Alike]) -> list[Found]:
        tower = self._loaded
        return [Found(some.places, tower(some.pixels), tower.eye.cell) for some in batch]

    def finish(self, raw: list[Found]) -> list[PatchMap]:
        return maps_of(raw, self.weights, self.precision)

    @property
    def _loaded(self) -> PatchTower:
        if self._tower is None:
            raise RuntimeError("The model is not loaded.")
        return self._tower


def _memory_mb(name: str, file: str) -> int:
    """What was measured on ViT-S/14: the weights, the library and a batch at work."""
    path = folder_of(name) / file
    return 350 + round(1.2 * path.stat().st_size / 2**20) if path.is_file() else 450
