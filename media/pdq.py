"""The perceptual hash PDQ in its eight dihedral forms."""

from __future__ import annotations

import cv2
import numpy as np
import pdqhash
from numpy.typing import NDArray

from media.results import Pdq

# On a 12 megapixel picture the hash takes 592 ms; of a copy of 512 pixels 4 of 256 bits differ.
LONGEST_SIDE = 512

# The hash looks at 64 x 64 points. The library takes them off centre, and elsewhere for each number of pixels:
# of pictures that it reduced itself, a turned copy differed in 16 bits (median; at most 44), one of half the size in 20
# (94). Reduced to those points by area beforehand it is 0 (0) and 0 (24), and two different pictures are never nearer
# than 52.
POINTS = 64


def hash_forms(pixels: NDArray[np.uint8]) -> Pdq:
    """Hash an upright RGB picture whose longest side is at most 512 pixels. The order of the forms is that of `Pdq`."""
    smaller = min(pixels.shape[:2]) < POINTS
    points = cv2.resize(pixels, (POINTS, POINTS), interpolation=cv2.INTER_CUBIC if smaller else cv2.INTER_AREA)
    forms, quality = pdqhash.compute_dihedral(np.ascontiguousarray(points, np.uint8))
    return Pdq(
        forms=tuple(np.packbits(form.astype(np.uint8)).tobytes().hex() for form in forms),
        quality=max(0, min(100, int(quality))),
    )
