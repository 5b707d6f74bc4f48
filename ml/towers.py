"""A picture tower and a sentence tower that were exported together: what lies in the folder, and how it is asked."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, TypeAlias, get_args

import numpy as np

from . import weights
from .backend import NotInstalled
from .cuts import Cut
from .devices import Device
from .engines.ort import OrtModel, opened
from .results import ModelName, Numbers, Vector
from .tokens import Cleaning, Tokenizer, Tokens, TokenTable

#: "fp32" holds also for numbers half as long: float16 agrees to .999. Vectors of "int8" are not mixed with them, and
#: depend a little on what shares their batch, because a batch has one scale.
Precision: TypeAlias = Literal["fp32", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

DESCRIPTION = "towers.json"
TOKENIZER = "tokenizer.json"
TABLE = "tokens.npy"


@dataclass(frozen=True)
class Towers:
    """`logit_scale` and `logit_bias` turn a cosine into the number that the towers were trained on."""

    cut: Cut
    context_length: int
    cleaning: Cleaning
    dimensions: int
    logit_scale: float
    logit_bias: float

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises NotInstalled for a file that is not ours."""
        try:
            values = json.loads((folder / DESCRIPTION).read_text())
            return cls(**(values | {"cut": Cut.read(values["cut"])}))
        except (KeyError, TypeError, ValueError) as error:
            raise NotInstalled(f"{folder / DESCRIPTION} cannot be read: {error}. Export the model again.") from error


class PictureTower:
    def __init__(self, folder: Path, precision: str, *, device: Device | None, threads: int) -> None:
        towers = Towers.read(folder)
        self.cut = towers.cut
        self._model = _opened(folder, file_of("image", precision), towers, device, threads)

    @property
    def device(self) -> Device:
        return self._model.device

    def __call__(self, pictures: Numbers) -> Numbers:
        """One vector a picture, as they come from the cut."""
        return self._model(pictures)


class SentenceTower:
    def __init__(self, folder: Path, precision: str, *, device: Device | None, threads: int) -> None:
        towers = Towers.read(folder)
        self._tokenizer = Tokenizer(folder / TOKENIZER, towers.cleaning)
        try:
            self._table = TokenTable(folder / TABLE)
        except ValueError as error:
            raise NotInstalled(f"{folder / TABLE} cannot be read. Export the model again. ({error})") from error
        self._model = _opened(folder, file_of("text", precision), towers, device, threads)

    @property
    def device(self) -> Device:
        return self._model.device

    def tokens(self, texts: list[str]) -> Tokens:
        return self._tokenizer(texts)

    def __call__(self, tokens: Tokens) -> Numbers:
        """One vector a row of tokens."""
        vectors: Numbers = self._model.run({"embedded": self._table(tokens), "tokens": tokens})[0]
        return vectors


def folder_of(name: str) -> Path:
    """Where the exported towers of these weights lie."""
    return weights.folder(name) / "onnx"


def space_of(name: str, precision: str) -> str:
    return f"{Path(name).name}/{precision}"


def model_name(name: str, precision: str) -> ModelName:
    return ModelName(Path(name).name, precision)


def vectors_of(rows: Numbers, name: str, precision: str) -> list[Vector]:
    """Rows of any numbers as vectors of length 1."""
    rows = rows.astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12)
    return [Vector(row, space_of(name, precision), model_name(name, precision)) for row in rows]


def file_of(tower: Literal["image", "text"], precision: str) -> str:
    return f"{tower}.onnx" if precision == "fp32" else f"{tower}.{precision}.onnx"


def missing(name: str, precision: str, *files: str) -> str | None:
    """What to do about towers that are not on this machine, or None."""
    if precision not in PRECISIONS:
        return f'There is no precision "{precision}". Known are: {", ".join(PRECISIONS)}.'
    folder = folder_of(name)
    if all((folder / file).is_file() for file in (DESCRIPTION, *files)):
        return None
    if (folder / DESCRIPTION).is_file() and precision != "fp32":
        return f"The {precision} towers of {name} drifted too far and were not kept: set the precision to fp32."
    export = f"Not exported: {name}. Run: python -m ml models export {name}"
    return weights.missing(name, "open_clip_config.json") or export


def _opened(folder: Path, file: str, towers: Towers, device: Device | None, threads: int) -> OrtModel:
    model = opened(folder / file, "Export the model again.", device=device, threads=threads)
    first = {"image.": "pictures", "text.": "embedded"}[file[: file.index(".") + 1]]
    if model.inputs[:1] != [first] or list(model.output_shape)[1:] != [towers.dimensions]:
        raise NotInstalled(f"{folder / file} does not fit {DESCRIPTION} beside it. Export the model again.")
    return model
