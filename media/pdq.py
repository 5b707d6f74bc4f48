"""The perceptual hash PDQ in its eight dihedral forms."""

from __future__ import annotations

import numpy as np
import pdqhash
from numpy.typing import NDArray

from media.results import Pdq

# On a 12 megapixel picture the hash takes 592 ms; on the same picture at 512 pixels 2.2 ms and 4 of 256 bits differ.
LONGEST_SIDE = 512


def hash_forms(pixels: NDArray[np.uint8]) -> Pdq:
    """Hash an upright RGB picture whose longest side is at most 512 pixels. The order of the forms is that of `Pdq`."""
    forms, quality = pdqhash.compute_dihedral(np.ascontiguousarray(pixels))
    return Pdq(
        forms=tuple(np.packbits(form.astype(np.uint8)).tobytes().hex() for form in forms),
        quality=max(0, min(100, int(quality))),
    )
