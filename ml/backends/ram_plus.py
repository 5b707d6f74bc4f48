"""RAM++: tags with thresholds that its publisher measured, from the picture itself.

`ram_plus` runs what `python -m ml models export` made of the published file, without torch. `ram_plus_torch` runs the
file itself, on a graphics card in numbers half as long.
"""

import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Backend, BadItem, NotInstalled
from ..cuts import Cut
from ..devices import Device
from ..engines import torch as engine
from ..options import BatchSize, Megabytes, Threads
from ..results import ModelName, Numbers, Tag, Tags
from ..roles import Seen, TagOptions
from ..taggers import CHECKPOINT, Tagger, file_of, missing
from ..towers import folder_of
from ..vocabulary import ENGLISH, PUBLISHED, Vocabulary, published_thresholds
from ..weights import missing as missing_weights


@dataclass(frozen=True)
class _Batch:
    cuts: Numbers
    options: TagOptions


@dataclass(frozen=True)
class _Logits:
    """Pictures x tags."""

    values: Numbers
    options: TagOptions


@dataclass
class _RamPlus(Backend[Seen, TagOptions, _Batch, _Logits, Tags]):
    """A tag is given when its score, 0..1, is above the threshold that lies with the weights, one for each tag."""

    weights: str = "ram_plus_swin_large_14m"
    threads: Threads = 1
    batch_size: BatchSize = 4
    memory_mb: Megabytes = 0
    _names: Vocabulary | None = field(default=None, init=False, repr=False)
    _thresholds: Numbers | None = field(default=None, init=False, repr=False)
    _cut: Cut | None = field(default=None, init=False, repr=False)

    @abstractmethod
    def _logits(self, cuts: Numbers) -> Numbers: ...

    def model(self) -> ModelName:
        return ModelName(Path(self.weights).name, "fp32")

    def variants(self) -> Sequence[Mapping[str, Any]]:
        cores = os.cpu_count() or 1
        return [
            {"threads": threads, "batch_size": size} for threads in (1, 2, 4) if threads <= cores for size in (1, 4)
        ]

    def unload(self) -> None:
        self._names = self._thresholds = self._cut = None

    def prepare(self, items: Sequence[Seen], options: TagOptions) -> _Batch:
        if self._cut is None:
            raise RuntimeError("The model is not loaded.")
        pictures = [item.picture for item in items if item.picture is not None]
        if len(pictures) < len(items):
            raise BadItem("This tagger looks at pictures; here is only a vector.")
        return _Batch(self._cut(pictures), options)

    def infer(self, batch: _Batch) -> _Logits:
        return _Logits(self._logits(batch.cuts), batch.options)

    def finish(self, raw: _Logits) -> list[Tags]:
        scores = 1 / (1 + np.exp(-raw.values.clip(-80, 80)))
        return [self._given(row, raw.options) for row in scores]

    def _given(self, scores: Numbers, options: TagOptions) -> Tags:
        if self._names is None or self._thresholds is None:
            raise RuntimeError("The model is not loaded.")
        above = np.flatnonzero(scores > self._thresholds + options.stricter)
        best = above[np.argsort(-scores[above], kind="stable")][: options.at_most]
        return Tags(tuple(self._tag(self._names, index, float(scores[index])) for index in best.tolist()), self.model())

    @staticmethod
    def _tag(names: Vocabulary, index: int, score: float) -> Tag:
        chinese = (("zh", names.chinese[index]),) if names.chinese else ()
        return Tag(names.names[index], round(score, 4), calibrated=True, other_names=chinese)

    def _read_lists(self, tags: int) -> None:
        """Raises NotInstalled for lists of another model."""
        self._names, self._thresholds = Vocabulary.read(self.weights), published_thresholds(self.weights)
        if len(self._names.names) != tags:
            raise NotInstalled(
                f"{self.weights} knows {tags:,} tags, its list has {len(self._names.names):,}. Export the model again."
            )


@dataclass
class OnnxRamPlus(_RamPlus):
    """`precision`: "fp32", or "int8", faster on a processor. `memory_mb` of 0: as the size of the file says.

    On a processor a larger batch is no faster, and each picture more takes 600 MB while it is worked on.
    """

    precision: str = "fp32"
    batch_size: BatchSize = 1
    _tagger: Tagger | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        path = folder_of(self.weights) / file_of(self.precision)
        size_mb = path.stat().st_size / 2**20 if path.is_file() else 1300
        self.memory_mb = self.memory_mb or round(1.2 * size_mb) + 600 * self.batch_size

    def model(self) -> ModelName:
        return ModelName(Path(self.weights).name, self.precision)

    def dtype(self) -> str:
        return "float32" if self.precision == "fp32" else self.precision

    def missing_weights(self) -> str | None:
        return missing(self.weights, self.precision, ENGLISH, PUBLISHED)

    def load(self, device: Device | None) -> Device:
        path = folder_of(self.weights) / file_of(self.precision)
        self._tagger = Tagger(path, device=device, threads=self.threads)
        self._cut = self._tagger.cut
        self._read_lists(self._tagger.tags)
        return self._tagger.device

    def unload(self) -> None:
        super().unload()
        self._tagger = None

    def _logits(self, cuts: Numbers) -> Numbers:
        if self._tagger is None:
            raise RuntimeError("The model is not loaded.")
        return self._tagger(cuts)


@dataclass
class TorchRamPlus(_RamPlus):
    """`numbers`: "auto" (half as long on a graphics card), "float32", "float16" or "bfloat16"; one model for all."""

    numbers: str = "auto"
    memory_mb: Megabytes = 2500
    _model: Any = field(default=None, init=False, repr=False)
    _device: Device = field(default="cpu", init=False, repr=False)

    def dtype(self) -> str:
        return self.numbers if self._model is None else str(self._model.fc.weight.dtype).removeprefix("torch.")

    def missing_weights(self) -> str | None:
        return missing_weights(self.weights, CHECKPOINT, ENGLISH, PUBLISHED)

    def load(self, device: Device | None) -> Device:
        from ..ram_plus import load

        self._device = engine.device_for(device)
        try:
            numbers = engine.dtype_for(self._device, self.numbers)
        except ValueError as error:
            raise NotInstalled(str(error)) from error
        engine.set_threads(self.threads)
        model = load(self.weights)
        self._model = model.to(self._device, numbers)
        self._cut = model.sizes.cut
        self._read_lists(model.sizes.tags)
        return self._device

    def unload(self) -> None:
        super().unload()
        self._model = None
        engine.free(self._device)

    def _logits(self, cuts: Numbers) -> Numbers:
        import torch

        with engine.inference():
            pictures = torch.from_numpy(cuts).to(self._device, self._model.fc.weight.dtype)
            logits: Numbers = self._model(pictures).float().cpu().numpy()
        return logits
