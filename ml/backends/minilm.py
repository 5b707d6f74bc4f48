"""Sentences by meaning: texts as vectors, the nearer the likelier they say the same. ONNX, without torch.

Any model of sentence-transformers that is built as BERT and takes the mean of its tokens: all-MiniLM-L6-v2 for
English, paraphrase-multilingual-MiniLM-L12-v2 for fifty languages.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from ..backend import Backend, BadItem
from ..devices import Device
from ..options import BatchSize, Between, Megabytes, Threads
from ..results import ModelName, Numbers, Vector
from ..roles import EmbedOptions
from ..sentences import SentenceModel, file_of, missing
from ..towers import model_name, vectors_of


@dataclass
class MiniLm(Backend[str, EmbedOptions, list[list[int]], Numbers, Vector]):
    """`precision`: "fp32", or "int8", which `models export` makes of it. Each has a space of its own.

    Of a long text only the beginning is read: 256 tokens, about 190 English words, with all-MiniLM-L6-v2, 128 with the
    multilingual one. Who wants all of it cuts it into pieces.

    `tokens_at_once`: texts of like length are worked on together until they have so many tokens. `memory_mb` of 0: as
    the size of the weights says.
    """

    weights: str = "all-MiniLM-L6-v2"
    precision: str = "fp32"
    threads: Threads = 1
    tokens_at_once: Annotated[int, Between(1, 1_000_000)] = 1024
    batch_size: BatchSize = 32
    memory_mb: Megabytes = 0
    _model: SentenceModel | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.memory_mb = self.memory_mb or memory_mb_of(self.weights, self.precision)

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
        self._model = SentenceModel(self.weights, self.precision, device=device, threads=self.threads)
        return self._model.device

    def unload(self) -> None:
        self._model = None

    def prepare(self, items: Sequence[str], options: EmbedOptions) -> list[list[int]]:
        if self._model is None:
            raise RuntimeError("The model is not loaded.")
        rows = [row for row in self._model.tokens(items) if row is not None]
        if len(rows) < len(items):
            raise BadItem("There is nothing to read in this text.")
        return rows

    def infer(self, batch: list[list[int]]) -> Numbers:
        if self._model is None:
            raise RuntimeError("The model is not loaded.")
        return self._model(batch, at_once=self.tokens_at_once)

    def finish(self, raw: Numbers) -> list[Vector]:
        return vectors_of(raw, self.weights, self.precision)


def memory_mb_of(name: str, precision: str) -> int:
    path = file_of(name, precision)
    return 150 + round(1.2 * path.stat().st_size / 2**20) if path.is_file() else 300
