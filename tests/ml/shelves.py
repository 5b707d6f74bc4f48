"""Pictures of shelves on which known packages stand at known places. Everything is drawn by a seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ml.results import Box
from ml.roles import Picture

WIDTH, HEIGHT = 640, 480


@dataclass(frozen=True, eq=False)
class Planted:
    """A picture and the box of each package that was put there."""

    picture: Picture
    boxes: tuple[Box, ...]


def package(seed: int) -> Picture:
    """A box of something: colours, bands, a disc, letters. No two seeds give the same."""
    dice = np.random.default_rng(seed)
    width, height = (int(side) for side in dice.integers(80, 145, 2))
    picture = np.full((height, width, 3), _colour(dice), np.uint8)
    for _band in range(dice.integers(3, 6)):
        top = int(dice.integers(0, height))
        cv2.rectangle(picture, (0, top), (width, top + int(dice.integers(12, 40))), _colour(dice), -1)
    for _disc in range(dice.integers(3, 6)):
        middle = int(dice.integers(0, width)), int(dice.integers(0, height))
        cv2.circle(picture, middle, int(dice.integers(8, 32)), _colour(dice), -1)
    for _word in range(2):
        letters = "".join(chr(letter) for letter in dice.integers(65, 91, 5))
        start = int(dice.integers(2, 20)), int(dice.integers(20, height))
        cv2.putText(picture, letters, start, cv2.FONT_HERSHEY_DUPLEX, float(dice.uniform(0.5, 1.1)), _colour(dice), 2)
    return picture


def shelf(seed: int, *, others: int = 8) -> Picture:
    """Boards, light that falls off, and other packages on them, which nobody looks for."""
    dice = np.random.default_rng([seed, 1])
    light = cv2.resize(dice.integers(60, 200, (4, 5, 3), np.uint8), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    picture = np.asarray(light, np.uint8).copy()
    for board in range(HEIGHT // 3, HEIGHT, HEIGHT // 3):
        cv2.rectangle(picture, (0, board - 6), (WIDTH, board + 6), _colour(dice), -1)
    for _other in range(others):
        stranger = package(int(dice.integers(1_000_000, 2_000_000)))
        _put(picture, stranger, int(dice.integers(0, WIDTH - 145)), int(dice.integers(0, HEIGHT - 145)))
    grain = dice.normal(0, 4, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def planted(product: Picture, seed: int, *, copies: int = 1, scale: float = 1.0, hidden: float = 0.0) -> Planted:
    """Copies that do not overlap, anywhere. `hidden`: the share of the width or height that something else covers."""
    dice = np.random.default_rng([seed, 2])
    picture = shelf(seed)
    size = max(round(product.shape[1] * scale), 1), max(round(product.shape[0] * scale), 1)
    sized = np.asarray(
        cv2.resize(product, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC), np.uint8
    )
    places: list[tuple[int, int]] = []
    while len(places) < copies:
        left, top = int(dice.integers(0, WIDTH - size[0])), int(dice.integers(0, HEIGHT - size[1]))
        if all(abs(left - x) >= size[0] or abs(top - y) >= size[1] for x, y in places):
            places.append((left, top))
    for left, top in places:
        _put(picture, _covered(sized, hidden, dice), left, top)
    boxes = [(x / WIDTH, y / HEIGHT, (x + size[0]) / WIDTH, (y + size[1]) / HEIGHT) for x, y in places]
    return Planted(picture, tuple(boxes))


def _covered(product: Picture, hidden: float, dice: np.random.Generator) -> Picture:
    if not hidden:
        return product
    covered = product.copy()
    height, width = product.shape[:2]
    cover = package(int(dice.integers(2_000_000, 3_000_000)))
    if dice.integers(2):
        covered[:, : round(width * hidden)] = cv2.resize(cover, (round(width * hidden), height))
    else:
        covered[: round(height * hidden)] = cv2.resize(cover, (width, round(height * hidden)))
    return covered


def _put(picture: Picture, package: Picture, left: int, top: int) -> None:
    height, width = package.shape[:2]
    picture[top : top + height, left : left + width] = package


def _colour(dice: np.random.Generator) -> Sequence[int]:
    return [int(value) for value in dice.integers(0, 256, 3)]
