"""The few colours that a picture is made of, and the names that people search them by."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from media.results import Colour

LONGEST_SIDE = 96
CLUSTERS = 8
SAME_COLOUR = 14.0  # distance in Lab under which two clusters are one colour to the eye
SMALLEST_SHARE = 0.03
GREY_CHROMA = 8.0  # below this a colour is seen as black, grey or white
# A picture is without colour when nearly nothing in it has more chroma than compression leaves behind.
GREYSCALE_CHROMA = 6.0


def dominant(pixels: NDArray[np.uint8]) -> tuple[tuple[Colour, ...], bool]:
    """The colours of a small RGB picture (largest first) and whether the picture is greyscale."""
    lab = np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32).reshape(-1, 3)
    greyscale = float(np.percentile(np.hypot(lab[:, 1], lab[:, 2]), 99)) < GREYSCALE_CHROMA
    if len(lab) < CLUSTERS:
        lab = np.repeat(lab, CLUSTERS, axis=0)  # OpenCV takes a single row for a column
    cv2.setRNGSeed(0)  # the same picture always has the same colours
    _, labels, centres = cv2.kmeans(
        lab,
        CLUSTERS,
        np.empty(0, np.int32),
        (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 1.0),
        1,
        cv2.KMEANS_PP_CENTERS,
    )
    shares = np.bincount(labels.ravel(), minlength=len(centres)) / len(lab)
    groups: list[tuple[float, NDArray[np.float64]]] = []
    for index in np.argsort(-shares):
        share, centre = float(shares[index]), centres[index].astype(np.float64)
        for position, (other_share, other) in enumerate(groups):
            if np.linalg.norm(other - centre) < SAME_COLOUR:
                together = share + other_share
                groups[position] = together, (other * other_share + centre * share) / together
                break
        else:
            groups.append((share, centre))
    groups.sort(key=lambda group: -group[0])
    return tuple(_colour(share, centre) for share, centre in groups if share >= SMALLEST_SHARE), greyscale


def _colour(share: float, lab: NDArray[np.float64]) -> Colour:
    rgb = cv2.cvtColor(lab.astype(np.float32).reshape(1, 1, 3), cv2.COLOR_LAB2RGB).reshape(3)
    red, green, blue = (int(value) for value in np.clip(np.rint(rgb * 255), 0, 255))
    return Colour(hex=f"#{red:02x}{green:02x}{blue:02x}", share=round(min(1.0, share), 4), name=name_of(*lab.tolist()))


def name_of(lightness: float, green_red: float, blue_yellow: float) -> str:
    """The basic colour name of a colour in Lab (lightness 0 to 100)."""
    chroma = math.hypot(green_red, blue_yellow)
    hue = math.degrees(math.atan2(blue_yellow, green_red)) % 360
    # Dark colours need more chroma to be seen as colours at all.
    if lightness < 12 or (lightness < 22 and chroma < 14):
        return "black"
    if chroma < GREY_CHROMA or (lightness > 90 and chroma < 2 * GREY_CHROMA):
        return "white" if lightness > 88 else "grey" if lightness > 25 else "black"
    for until, name in HUES:
        if hue < until:
            return _shaded(name, lightness, chroma, hue)
    return _shaded("pink", lightness, chroma, hue)


# Upper limits of hue in the Lab circle: 40 is pure red, 103 yellow, 136 green, 197 cyan, 306 blue, 328 magenta.
HUES = (
    (12, "pink"),
    (50, "red"),
    (80, "orange"),
    (112, "yellow"),
    (175, "green"),
    (225, "cyan"),
    (307, "blue"),
    (335, "purple"),
)


def _shaded(name: str, lightness: float, chroma: float, hue: float) -> str:
    if name in ("orange", "yellow") and (lightness < 58 or (chroma < 32 and lightness < 78)):
        # Dark or dull yellow from the green side is olive, and people call that green.
        return "green" if hue > 100 and lightness < 58 else "brown"
    if name == "red" and lightness > 60 and chroma < 70:
        return "pink"
    if name == "red" and (chroma < 30 or (lightness < 35 and chroma < 42)):
        return "brown"
    if name == "pink" and lightness < 40 and chroma < 45:
        return "purple"
    return name
