"""Reading the pictures of the test material, small, upright and trusted: what the sandbox would give."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

SIDE = 512


@dataclass(frozen=True)
class SmallPicture:
    """`width` and `height` are those of the original."""

    name: str
    picture: Image.Image
    width: int
    height: int

    @property
    def pixels(self) -> NDArray[np.uint8]:
        return np.asarray(self.picture)


@cache
def small_pictures(folder: Path) -> tuple[SmallPicture, ...]:
    """Every picture that Pillow can open, read once for all tests."""
    return tuple(_read(folder))


def _read(folder: Path) -> Iterator[SmallPicture]:
    pillow_heif.register_heif_opener()
    for path in sorted(folder.rglob("*")):
        try:
            with Image.open(path) as picture:
                width, height = picture.size
                picture.draft("RGB", (SIDE, SIDE))
                upright = ImageOps.exif_transpose(picture).convert("RGB")
        except (UnidentifiedImageError, IsADirectoryError):
            continue
        if (upright.width < upright.height) != (width < height):
            width, height = height, width
        upright.thumbnail((SIDE, SIDE))
        yield SmallPicture(str(path.relative_to(folder)), upright, width, height)
