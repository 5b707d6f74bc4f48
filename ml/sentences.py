"""What lies in the folder of a sentence model, and how texts are given to it: BERT's family, as ONNX."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import weights
from .backend import NotInstalled
from .devices import Device
from .engines.ort import OrtModel
from .results import Numbers
from .tokens import Tokenizer
from .towers import PRECISIONS

TOKENIZER, CONFIG, LIMIT, NUMBERS = "tokenizer.json", "config.json", "sentence_bert_config.json", "model.safetensors"
_WIDEST = 100  # letters: tokenizers take a longer word for one that nobody knows


@dataclass(frozen=True)
class Shape:
    """`longest`: tokens of a text that the model was trained to read; what comes behind them is not read."""

    size: int
    vocabulary: int
    longest: int

    @classmethod
    def read(cls, folder: Path) -> "Shape":
        """Raises NotInstalled for files that are no such model's."""
        try:
            config = json.loads((folder / CONFIG).read_text())
            limit = folder / LIMIT
            told = json.loads(limit.read_text()).get("max_seq_length") if limit.is_file() else None
            positions = int(config["max_position_embeddings"])
            return cls(int(config["hidden_size"]), int(config["vocab_size"]), min(positions, int(told or positions)))
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise NotInstalled(f"{folder} is no sentence model: {error!r}. Install it again.") from error


class SentenceModel:
    """The loaded model. Raises ImportError without its packages, NotInstalled for files that do not fit."""

    def __init__(self, name: str, precision: str, *, device: Device | None, threads: int) -> None:
        folder, path = weights.folder(name), file_of(name, precision)
        shape = Shape.read(folder)
        try:
            self._tokenizer = Tokenizer(folder / TOKENIZER, "none", longest=shape.longest)
            self._model = OrtModel(path, device=device, threads=threads)
        except ImportError:
            raise
        except Exception as error:  # what both raise for half a file has no class of its own
            raise NotInstalled(f"{folder} cannot be read: {error}. Install it again.") from error
        sides = self._model.output_shape
        fits = "input_ids" in self._model.inputs and len(sides) == 3 and sides[2] == shape.size
        if not fits or self._tokenizer.size > shape.vocabulary:
            raise NotInstalled(f"{path} does not fit {TOKENIZER} and {CONFIG} beside it. Install it again.")
        self._longest = shape.longest
        self._empty = len(self._tokenizer.rows([""])[0])

    @property
    def device(self) -> Device:
        return self._model.device

    def tokens(self, texts: Sequence[str]) -> list[list[int] | None]:
        """Of each text, cut at what the model reads; None where there is nothing to read in it."""
        rows = self._tokenizer.rows([text[: _WIDEST * self._longest] for text in texts])
        return [row if len(row) > self._empty else None for row in rows]

    def pieces(self, row: list[int]) -> int:
        """Its tokens without the marks around every text."""
        return len(row) - self._empty

    def __call__(self, rows: Sequence[list[int]], *, at_once: int) -> Numbers:
        """One vector a row, not normalised: the mean of its tokens. Not more than about `at_once` tokens together."""
        vectors: list[Numbers] = [np.empty(0, np.float32)] * len(rows)
        for places in _packed([len(row) for row in rows], at_once):
            for place, vector in zip(places, self._means([rows[place] for place in places]), strict=True):
                vectors[place] = vector
        return np.stack(vectors)

    def _means(self, rows: Sequence[list[int]]) -> Numbers:
        longest = max(map(len, rows))
        tokens = np.array([row + [0] * (longest - len(row)) for row in rows], np.int64)
        mask = np.array([[1] * len(row) + [0] * (longest - len(row)) for row in rows], np.int64)
        arrays = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        read: Numbers = self._model.run(arrays)[0]
        return np.asarray((read * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True), np.float32)


def file_of(name: str, precision: str) -> Path:
    """As its publisher has it, or, where there is one, as it was exported here."""
    exported = weights.folder(name) / "onnx" / ("model.onnx" if precision == "fp32" else f"model.{precision}.onnx")
    return weights.folder(name) / "model.onnx" if precision == "fp32" and not exported.is_file() else exported


def missing(name: str, precision: str) -> str | None:
    """What to do about weights that are not on this machine, or None."""
    if precision not in PRECISIONS:
        return f'There is no precision "{precision}". Known are: {", ".join(PRECISIONS)}.'
    if file_of(name, precision).is_file():
        return weights.missing(name, TOKENIZER, CONFIG)
    folder = weights.folder(name)
    if (folder / NUMBERS).is_file() or file_of(name, "fp32").is_file():
        return f"Not exported: {name} as {precision}. Run: python -m ml models export {name}"
    return weights.missing(name, "model.onnx", TOKENIZER, CONFIG)


def _packed(lengths: Sequence[int], at_once: int) -> Iterator[list[int]]:
    """Places of rows of like length, so that little is padded."""
    packed: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: lengths[place]):
        if packed and (len(packed) + 1) * lengths[place] > at_once:
            yield packed
            packed = []
        packed.append(place)
    if packed:
        yield packed
