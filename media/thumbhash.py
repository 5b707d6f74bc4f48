"""The public ThumbHash format: a picture of about 30 pixels across in at most 25 bytes, for opaque pictures."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LONGEST_SIDE = 100  # what the format is defined for


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """Hash an RGB picture of at most 100 x 100 pixels."""
    height, width, _ = pixels.shape
    if max(height, width) > LONGEST_SIDE:
        raise ValueError("at most 100 x 100 pixels")
    red, green, blue = np.moveaxis(pixels.astype(np.float64) / 255, 2, 0)
    longest = max(width, height)
    across = max(1, _round(7 * width / longest))
    down = max(1, _round(7 * height / longest))
    light, light_waves, light_scale = _waves((red + green + blue) / 3, max(3, across), max(3, down))
    yellow, yellow_waves, yellow_scale = _waves((red + green) / 2 - blue, 3, 3)
    scarlet, scarlet_waves, scarlet_scale = _waves(red - green, 3, 3)
    landscape = width > height
    first: int = (
        _round(63 * light)
        | _round(31.5 + 31.5 * yellow) << 6
        | _round(31.5 + 31.5 * scarlet) << 12
        | _round(31 * light_scale) << 18
    )
    second: int = (
        (down if landscape else across)
        | _round(63 * yellow_scale) << 3
        | _round(63 * scarlet_scale) << 9
        | landscape << 15
    )
    digits = [_round(15 * wave) for wave in (*light_waves, *yellow_waves, *scarlet_waves)]
    pairs = zip(digits[::2], [*digits[1::2], 0], strict=False)
    waves: bytes = bytes(low | high << 4 for low, high in pairs)
    return first.to_bytes(3, "little") + second.to_bytes(2, "little") + waves


def _waves(channel: NDArray[np.float64], across: int, down: int) -> tuple[float, list[float], float]:
    """The mean, the other cosine coefficients scaled into 0..1, and the scale."""
    height, width = channel.shape
    rows = np.cos(np.pi / height * np.outer(np.arange(down), np.arange(height) + 0.5))
    columns = np.cos(np.pi / width * np.outer(np.arange(across), np.arange(width) + 0.5))
    spectrum = rows @ channel @ columns.T / (width * height)
    # The format keeps a triangle of the low frequencies, row by row.
    kept = [
        float(spectrum[y, x]) for y in range(down) for x in range(across) if x * down < across * (down - y) and (x or y)
    ]
    scale = max((abs(wave) for wave in kept), default=0.0)
    if scale:
        kept = [0.5 + 0.5 / scale * wave for wave in kept]
    return float(spectrum[0, 0]), kept, scale


def _round(value: float) -> int:
    return math.floor(value + 0.5)  # the format rounds halves up
