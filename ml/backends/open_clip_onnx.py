"""OpenCLIP's two towers as ONNX: pictures and sentences in one space, without torch.

`python -m ml models export NAME` makes the files, both towers from one model.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..backend import Backend
from ..devices import Device
from ..options import BatchSize, Megabytes, Threads
from ..results import ModelName, Numbers, Vector
from ..roles import EmbedOptions, Picture
from ..tokens import Tokens
from ..towers import (
    TABLE,
    TOKENIZER,
    PictureTower,
    SentenceTower,
    file_of,
    folder_of,
    missing,
    model_name,
    vectors_of,
)

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")


@dataclass
class _Embedder(Backend[Item, EmbedOptions, Prepared, Numbers, Vector]):
    """`precision`: "fp32", or "int8", several times faster on a processor. Each has a space of its own.

    `memory_mb` of 0: as the size of the weights says.
    """

    weights: str = "ViT-B-16-SigLIP2"
    precision: str = "fp32"
    threads: Threads = 1
    batch_size: BatchSize = 16
    memory_mb: Megabytes = 0

    def model(self) -> ModelName:
        return model_name(self.weights, self.precision)

    def dtype(self) -> str:
        return "float32" if self.precision == "fp32" else self.precision

    def variants(self) -> Sequence[Mapping[str, Any]]:
        cores = os.cpu_count() or 1
        sizes = (1, 4, 16, 32)
        return [{"threads": threads, "batch_size": size} for threads in (1, 2, 4) if threads <= cores for size in sizes]

    def finish(self, raw: Numbers) -> list[Vector]:
        return vectors_of(raw, self.weights, self.precision)


@dataclass
class OnnxImageEmbedder(_Embedder[Picture, Numbers]):
    _tower: PictureTower | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.memory_mb = self.memory_mb or _memory_mb(self.weights, file_of("image", self.precision))

    def missing_weights(self) -> str | None:
        return missing(self.weights, self.precision, file_of("image", self.precision))

    def load(self, device: Device | None) -> Device:
        self._tower = PictureTower(folder_of(self.weights), self.precision, device=device, threads=self.threads)
        return self._tower.device

    def unload(self) -> None:
        self._tower = None

    def prepare(self, items: Sequence[Picture], options: EmbedOptions) -> Numbers:
        if self._tower is None:
            raise RuntimeError("The model is not loaded.")
        return self._tower.cut(items)

    def infer(self, batch: Numbers) -> Numbers:
        if self._tower is None:
            raise RuntimeError("The model is not loaded.")
        return self._tower(batch)


@dataclass
class OnnxQueryEmbedder(_Embedder[str, Tokens]):
    """Its vectors stand in the space of the OnnxImageEmbedder with the same weights and precision."""

    _tower: SentenceTower | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.memory_mb = self.memory_mb or _memory_mb(self.weights, file_of("text", self.precision))

    def missing_weights(self) -> str | None:
        return missing(self.weights, self.precision, file_of("text", self.precision), TOKENIZER, TABLE)

    def load(self, device: Device | None) -> Device:
        self._tower = SentenceTower(folder_of(self.weights), self.precision, device=device, threads=self.threads)
        return self._tower.device

    def unload(self) -> None:
        self._tower = None

    def prepare(self, items: Sequence[str], options: EmbedOptions) -> Tokens:
        if self._tower is None:
            raise RuntimeError("The model is not loaded.")
        return self._tower.tokens(list(items))

    def infer(self, batch: Tokens) -> Numbers:
        if self._tower is None:
            raise RuntimeError("The model is not loaded.")
        return self._tower(batch)


def _memory_mb(name: str, file: str) -> int:
    """As measured on SigLIP 2 (ViT-B-16) with numbers of 32 and 8 bits: the weights, the library, batches at work."""
    path = folder_of(name) / file
    return 200 + round(1.1 * path.stat().st_size / 2**20) if path.is_file() else 600
