"""Real packages, fruit and vegetables in a shop, compared by a small real embedder of pictures.

It was taught on other things and is not good enough to be trusted alone: the floors say what it can do.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ml.matching import Dense, DenseOptions, Embed, Grid, GridOptions, Match, Product, descriptors
from ml.matching.grid import coarse
from ml.matching.results import crop, embedded, shared
from ml.results import Box, Numbers
from ml.roles import Picture

MODEL = "models/embedding/mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
#: From which two crops are the same package to this embedder.
THRESHOLD = 0.85
SIDE = 120  # of a planted package, in pixels

Opened = Callable[[str], Picture]


@dataclass(frozen=True)
class Photo:
    file: str
    product: str


@dataclass(frozen=True)
class Shop:
    """One picture of each product from the catalogue, and photos of where they stand."""

    catalogue: tuple[Photo, ...]
    photos: tuple[Photo, ...]


@pytest.fixture(scope="module")
def embed(material: Path) -> Embed:
    """MobileNet v1 in 8 bits. It takes one picture at a time."""
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed here")
    model = litert.Interpreter(str(material / MODEL), num_threads=1)
    model.allocate_tensors()
    (given,), (found,) = model.get_input_details(), model.get_output_details()

    def look(pictures: Sequence[Picture]) -> Numbers:
        rows = []
        for picture in pictures:
            model.set_tensor(given["index"], cv2.resize(picture, (224, 224), interpolation=cv2.INTER_AREA)[None])
            model.invoke()
            rows.append(np.asarray(model.get_tensor(found["index"]), np.float32).ravel())
        return np.stack(rows)

    return look


@pytest.fixture(scope="module")
def picture(material: Path) -> Opened:
    @cache
    def opened(file: str) -> Picture:
        with Image.open(material / file) as photo:
            return np.asarray(photo.convert("RGB"), np.uint8)

    return opened


def shop(material: Path, group: str) -> Shop:
    with (material / "truth" / "products.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["group"] == group]
    catalogue, photos = (
        tuple(Photo(row["file"], row["product"]) for row in rows if row["kind"] == kind) for kind in ("iconic", "scene")
    )
    return Shop(catalogue, photos)


def small(picture: Picture) -> Picture:
    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.mark.parametrize(("group", "first", "among_five"), [("package", 0.40, 0.78), ("fresh", 0.18, 0.45)])
def test_of_a_whole_photo_the_right_product_is_among_the_first(
    group: str, first: float, among_five: float, material: Path, embed: Embed, picture: Opened
) -> None:
    ranks = ranked(shop(material, group), embed, picture, lambda _photo, _size: [(0, 0, 1, 1)])
    assert (ranks < 1).mean() >= first
    assert (ranks < 5).mean() >= among_five


def test_of_the_crops_the_grid_looks_at_first_the_best_is_of_the_right_package(
    material: Path, embed: Embed, picture: Opened
) -> None:
    ranks = ranked(shop(material, "package"), embed, picture, lambda photo, size: coarse(photo, size, at_most=150))
    assert (ranks < 1).mean() >= 0.50
    assert (ranks < 5).mean() >= 0.75


def ranked(
    known: Shop, embed: Embed, picture: Opened, boxes: Callable[[Picture, tuple[int, int]], list[Box]]
) -> npt.NDArray[np.int_]:
    """For each photo how many wrong products are more like the best of its crops than the right one is."""
    learnt = Grid(embed).learn([Product(one.product, (picture(one.file),)) for one in known.catalogue])
    ranks = []
    for photo in known.photos:
        shown = picture(photo.file)
        crops = [crop(shown, box) for box in boxes(shown, learnt.sizes[0])]
        best = learnt.likeness(embedded(crops, embed, batch_size=32)).max(axis=0)
        ranks.append((best > best[learnt.keys.index(photo.product)]).sum())
    return np.array(ranks)


@pytest.mark.parametrize("seed", range(2))
def test_a_package_on_a_strange_shelf_is_found_and_one_that_is_not_there_is_not(
    seed: int, material: Path, embed: Embed, picture: Opened
) -> None:
    """By the grid, and by one look whose crops the same embedder verifies."""
    packages, dice = shop(material, "package"), np.random.default_rng(seed)
    photo = packages.photos[int(dice.integers(len(packages.photos)))]
    strangers = [one for one in packages.catalogue if one.product != photo.product]
    there, absent = (strangers[int(place)] for place in dice.permutation(len(strangers))[:2])
    shelf = picture(photo.file).copy()
    height, width = shelf.shape[:2]
    left, top = int(dice.integers(width - SIDE)), int(dice.integers(height - SIDE))
    shelf[top : top + SIDE, left : left + SIDE] = small(picture(there.file))
    box = (left / width, top / height, (left + SIDE) / width, (top + SIDE) / height)

    products = [Product(one.product, (small(picture(one.file)),)) for one in (there, absent)]
    grid = Grid(embed, options=GridOptions(threshold=THRESHOLD, fine_steps=2, scales=(0.75, 1.0, 1.25)))
    dense = Dense(embed, descriptors.Cells(), DenseOptions(threshold=THRESHOLD))
    searched, looked = grid.find(shelf, grid.learn(products)), dense.find(shelf, dense.learn(products))
    for matches in (searched, looked):
        assert {match.product for match in matches} == {there.product}
        assert overlap(matches, box) >= 0.5


def overlap(matches: Sequence[Match], box: Box) -> float:
    return max((shared(match.box, box) for match in matches), default=0.0)
