"""A picture as a model wants it: reduced, cut, its numbers moved to where the model was trained.

Pillow reduces as torchvision does, at most two steps of 255 apart, without torch, and only the part that is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from PIL import Image

from .results import Numbers
from .roles import Picture

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


@dataclass(frozen=True)
class Cut:
    """`resize_mode` "shortest" keeps the shape and cuts the middle out, "squash" keeps everything and loses the shape.

    `mean` and `std` are of red, green and blue, 0..1.
    """

    width: int
    height: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"

    def __post_init__(self) -> None:
        if self.interpolation not in _FILTERS:
            raise ValueError(f'No such interpolation: "{self.interpolation}". Known: {", ".join(_FILTERS)}.')
        if self.resize_mode not in ("shortest", "squash"):
            raise ValueError(f'No such resize_mode: "{self.resize_mode}". Known: shortest, squash.')

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """From JSON; raises KeyError or ValueError for what is missing or unknown."""
        return cls(
            values["width"],
            values["height"],
            three(values["mean"]),
            three(values["std"]),
            values["interpolation"],
            values["resize_mode"],
        )

    def __call__(self, pictures: Sequence[Picture]) -> Numbers:
        """Pictures x 3 x height x width."""
        cut = np.stack([self._cut(picture) for picture in pictures]).astype(np.float32)
        # One multiplication and one addition for each number: (x / 255 - mean) / std.
        std = np.array(self.std, np.float32)
        cut *= 1 / (255 * std)
        cut -= np.array(self.mean, np.float32) / std
        return np.ascontiguousarray(cut.transpose(0, 3, 1, 2))

    def _cut(self, picture: Picture) -> Picture:
        image = Image.fromarray(picture)
        kept = image.resize((self.width, self.height), _FILTERS[self.interpolation], self._box(image))
        return np.asarray(kept, np.uint8)

    def _box(self, image: Image.Image) -> tuple[float, float, float, float]:
        """What is kept, in pixels of the picture."""
        if self.resize_mode == "squash":
            return 0.0, 0.0, float(image.width), float(image.height)
        # torchvision reduces to whole pixels first and cuts at whole pixels then.
        shortest = max(self.width, self.height)
        if image.width <= image.height:
            width, height = shortest, int(shortest * image.height / image.width)
        else:
            width, height = int(shortest * image.width / image.height), shortest
        left, top = round((width - self.width) / 2), round((height - self.height) / 2)
        across, down = image.width / width, image.height / height
        return left * across, top * down, (left + self.width) * across, (top + self.height) * down


def three(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return float(red), float(green), float(blue)
