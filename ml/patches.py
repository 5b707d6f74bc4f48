"""A vision transformer that says what each patch of a picture looks like: what an export leaves, and how it is asked.

Without torch. The places of patches are resampled here, for pictures of any size: ONNX has no name for how it is done.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from PIL import Image

from . import weights
from .backend import BadItem, NotInstalled
from .cuts import three
from .devices import Device
from .engines.ort import opened
from .results import ModelName, Numbers, PatchMap
from .roles import Picture
from .towers import PRECISIONS, folder_of

DESCRIPTION = "patches.json"
POSITIONS = "positions.npy"
#: As timm publishes a model.
SOURCE = ("config.json", "model.safetensors")


@dataclass(frozen=True)
class Eye:
    """`cell`: the side of a patch in pixels. `mean`, `std`: of red, green and blue, 0..1. `numbers`: of a patch."""

    cell: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    numbers: int

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises NotInstalled for a file that is not ours."""
        try:
            values = json.loads((folder / DESCRIPTION).read_text())
            return cls(int(values["cell"]), three(values["mean"]), three(values["std"]), int(values["numbers"]))
        except (KeyError, TypeError, ValueError) as error:
            raise NotInstalled(f"{folder / DESCRIPTION} cannot be read: {error}. Export the model again.") from error

    def whole(self, picture: Picture, at_most: int) -> Picture:
        """Reduced or enlarged a little, so that its sides are whole cells. Raises BadItem for one that has too many."""
        height, width = picture.shape[:2]
        rows, columns = max(round(height / self.cell), 1), max(round(width / self.cell), 1)
        if rows * columns > at_most:
            raise BadItem(
                f"This picture has {rows * columns} patches; {at_most} are looked at in one piece: cut it into tiles."
            )
        if (height, width) == (rows * self.cell, columns * self.cell):
            return picture
        return np.asarray(
            cv2.resize(picture, (columns * self.cell, rows * self.cell), interpolation=cv2.INTER_AREA), np.uint8
        )

    def pixels(self, pictures: Sequence[Picture]) -> Numbers:
        """Pictures x 3 x height x width, from pictures of one size."""
        std = np.array(self.std, np.float32)
        scaled = np.stack(pictures).astype(np.float32) * (1 / (255 * std)) - np.array(self.mean, np.float32) / std
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


@dataclass(frozen=True, eq=False)
class Alike:
    """Pictures of one size, whole cells large, and where they stand among all."""

    places: tuple[int, ...]
    pixels: Numbers

    @property
    def shape(self) -> tuple[int, int]:
        height, width = self.pixels.shape[2:]
        return int(height), int(width)


@dataclass(frozen=True, eq=False)
class Found:
    """`values`: pictures x rows x columns x numbers, of the pictures that stand at `places` among all."""

    places: tuple[int, ...]
    values: Numbers
    cell: int


def alike(eye: Eye, pictures: Sequence[Picture], at_most: int) -> list[Alike]:
    """The pictures by size, no more together than have `at_most` patches: memory grows with them. Raises BadItem."""
    sizes: dict[tuple[int, ...], list[int]] = {}
    whole = [eye.whole(picture, at_most) for picture in pictures]
    for place, picture in enumerate(whole):
        sizes.setdefault(picture.shape, []).append(place)
    return [
        Alike(tuple(some), eye.pixels([whole[place] for place in some]))
        for shape, places in sizes.items()
        for some in _pieces(places, max(at_most * eye.cell**2 // (shape[0] * shape[1]), 1))
    ]


class PatchTower:
    """Raises NotInstalled for files that cannot be read, or do not belong together."""

    def __init__(self, folder: Path, precision: str, *, device: Device | None, threads: int) -> None:
        self.eye = Eye.read(folder)
        try:
            self._positions: Numbers = np.load(folder / POSITIONS)
        except ValueError as error:
            raise NotInstalled(f"{folder / POSITIONS} cannot be read. Export the model again. ({error})") from error
        self._model = opened(folder / file_of(precision), "Export the model again.", device=device, threads=threads)
        sides = [list(self._model.output_shape)[-1], self._positions.shape[-1]]
        if self._model.inputs != ["pictures", "positions"] or sides != [self.eye.numbers] * 2:
            raise NotInstalled(f"The files in {folder} do not fit {DESCRIPTION} beside them. Export the model again.")

    @property
    def device(self) -> Device:
        return self._model.device

    def __call__(self, pixels: Numbers) -> Numbers:
        """Pictures x rows x columns x numbers."""
        rows, columns = (side // self.eye.cell for side in pixels.shape[2:])
        positions = resampled(self._positions, rows, columns).reshape(rows * columns, -1)
        found: Numbers = self._model.run({"pictures": pixels, "positions": positions})[0]
        return found.reshape(len(pixels), rows, columns, -1)


def resampled(positions: Numbers, rows: int, columns: int) -> Numbers:
    """The table of places, rows x columns x numbers, for another number of patches: bicubic, as timm does it."""
    down, across = _mixture(positions.shape[0], rows), _mixture(positions.shape[1], columns)
    mixed: Numbers = np.einsum("ri,ijn,cj->rcn", down, positions, across, optimize=True)
    return np.ascontiguousarray(mixed, np.float32)


def _mixture(known: int, wanted: int) -> Numbers:
    """wanted x known: how much each known place weighs. Pillow resamples as torch does with `antialias`."""
    each = Image.fromarray(np.eye(known, dtype=np.float32))
    return np.asarray(each.resize((known, wanted), Image.Resampling.BICUBIC), np.float32)


def space_of(name: str, precision: str) -> str:
    return f"{Path(name).name}/patches/{precision}"


def model_name(name: str, precision: str) -> ModelName:
    return ModelName(Path(name).name, f"patches-{precision}")


def maps_of(found: Sequence[Found], name: str, precision: str) -> list[PatchMap]:
    """One for each picture, in order, its patches of length 1."""
    space, model = space_of(name, precision), model_name(name, precision)
    maps = {}
    for some in found:
        values = some.values.astype(np.float32)
        values /= np.linalg.norm(values, axis=-1, keepdims=True).clip(1e-12)
        maps.update(
            {place: PatchMap(one, some.cell, space, model) for place, one in zip(some.places, values, strict=True)}
        )
    return [maps[place] for place in sorted(maps)]


def file_of(precision: str) -> str:
    return "patches.onnx" if precision == "fp32" else f"patches.{precision}.onnx"


def missing(name: str, precision: str) -> str | None:
    """What to do about an export that is not on this machine, or None."""
    if precision not in PRECISIONS:
        return f'There is no precision "{precision}". Known are: {", ".join(PRECISIONS)}.'
    folder = folder_of(name)
    if all((folder / file).is_file() for file in (DESCRIPTION, POSITIONS, file_of(precision))):
        return None
    if (folder / DESCRIPTION).is_file() and precision != "fp32":
        return f"The {precision} form of {name} drifted too far and was not kept: set the precision to fp32."
    return weights.missing(name, *SOURCE) or f"Not exported: {name}. Run: python -m ml models export {name}"


def _pieces(places: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (places[start : start + size] for start in range(0, len(places), size))
