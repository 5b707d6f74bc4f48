"""Pictures with words whose truth is known."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ml import Picture


def page(
    *lines: str, paper: str = "white", font: ImageFont.FreeTypeFont | ImageFont.ImageFont | None = None
) -> Picture:
    """Black on paper, one line under the other."""
    image = Image.new("RGB", (900, 60 + 80 * len(lines)), paper)
    for number, line in enumerate(lines):
        ImageDraw.Draw(image).text((30, 30 + 80 * number), line, "black", font or ImageFont.load_default(40))
    return np.asarray(image)


def plain(colour: tuple[int, int, int]) -> Picture:
    return np.full((64, 96, 3), colour, np.uint8)
