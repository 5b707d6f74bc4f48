"""The perceptual hash PDQ in its eight dihedral forms."""

from __future__ import annotations

import cv2
import numpy as np
import pdqhash
from numpy.typing import NDArray

from media.results import Pdq

# On a 12 megapixel picture the hash takes 592 ms; on the same picture at 512 pixels 2.2 ms and 4 of 256 bits differ.
LONGEST_SIDE = 512


def hash_forms(pixels: NDArray[np.uint8]) -> Pdq:
    """Hash an upright RGB picture whose longest side is at most 512 pixels. The order of the forms is that of `Pdq`.

    A smaller picture is enlarged first: the hash depends a little on the number of pixels. Between a picture of less
    than 512 pixels and its half 20 of 256 bits differ in the median, up to 94, without this; 2, up to 30, with it.
    """
    height, width = pixels.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    if scale != 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    forms, quality = pdqhash.compute_dihedral(np.ascontiguousarray(pixels))
    return Pdq(
        forms=tuple(np.packbits(form.astype(np.uint8)).tobytes().hex() for form in forms),
        quality=max(0, min(100, int(quality))),
    )
