"""Packages that were put into pictures of shelves are found where they are, and nowhere else."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest

from ml.matching import Dense, DenseOptions, Grid, Known, Match, Product, Shelf, descriptors
from ml.matching.results import shared
from ml.results import Box
from ml.roles import Picture
from tests.ml.shelves import Planted, package, planted, shelf

DENSE = Dense(descriptors.vectors, descriptors.Cells())
GRID = Grid(descriptors.vectors)


def scale_of(seed: int) -> float:
    return float(np.random.default_rng(seed).uniform(0.5, 2))


#: What was done to the package, and how well each copy must be found.
LINES: dict[str, tuple[Callable[[int], Planted], float]] = {
    "exact": (lambda seed: planted(package(seed), seed), 0.7),
    "two copies": (lambda seed: planted(package(seed), seed, copies=2), 0.7),
    "scaled": (lambda seed: planted(package(seed), seed, scale=scale_of(seed)), 0.5),
    "a third hidden": (lambda seed: planted(package(seed), seed, hidden=1 / 3), 0.5),
    "scaled and hidden": (lambda seed: planted(package(seed), seed, scale=scale_of(seed), hidden=1 / 3), 0.5),
}


def product(seed: int) -> Product:
    return Product(f"package {seed}", (package(seed),))


@cache
def learnt(seed: int) -> Shelf:
    return DENSE.learn([product(seed)])


@cache
def known(seed: int) -> Known:
    return GRID.learn([product(seed)])


def worst(matches: Sequence[Match], boxes: Sequence[Box]) -> float:
    """How well the copy is found that is found worst."""
    return min(max((shared(match.box, box) for match in matches), default=0.0) for box in boxes)


def false(matches: Sequence[Match], boxes: Sequence[Box]) -> int:
    """How many matches lie on no copy."""
    return sum(all(shared(match.box, box) < 0.3 for box in boxes) for match in matches)


@cache
def looked(line: str, seed: int) -> tuple[Planted, list[Match]]:
    make, _least = LINES[line]
    put = make(seed)
    return put, DENSE.find(put.picture, learnt(seed))


@cache
def searched(line: str, seed: int) -> list[Match]:
    put, _matches = looked(line, seed)
    return GRID.find(put.picture, known(seed))


@pytest.mark.parametrize("line", LINES)
def test_one_look_finds_what_was_put_there(line: str) -> None:
    _make, least = LINES[line]
    for seed in range(2):
        put, matches = looked(line, seed)
        assert worst(matches, put.boxes) >= least, f"{line}, seed {seed}"
        assert all(match.verified and match.score >= DENSE.options.threshold for match in matches)
        assert len(matches) == len(put.boxes), f"{line}, seed {seed}"


@pytest.mark.parametrize("line", LINES)
def test_one_look_is_at_least_as_good_as_the_grid(line: str) -> None:
    """Every copy that the grid finds well enough, and no more that is not there."""
    _make, least = LINES[line]
    for seed in range(2):
        put, matches = looked(line, seed)
        if worst(searched(line, seed), put.boxes) >= least:
            assert worst(matches, put.boxes) >= least, f"seed {seed}"
        assert false(matches, put.boxes) <= false(searched(line, seed), put.boxes), f"seed {seed}"


def test_the_grid_finds_exact_copies() -> None:
    for seed in range(2):
        put, _matches = looked("exact", seed)
        assert worst(searched("exact", seed), put.boxes) >= 0.7


ABSENT = [product(1000 + seed) for seed in range(10)]


@pytest.mark.parametrize("matcher", [DENSE, GRID], ids=["dense", "grid"])
def test_nothing_is_found_of_fifty_that_are_not_there(matcher: Dense | Grid) -> None:
    learnt: Any = matcher.learn(ABSENT)
    assert [match for seed in range(5) for match in matcher.find(shelf(seed), learnt)] == []


def test_many_products_are_looked_for_at_once_and_only_those_there_are_found() -> None:
    many = DENSE.learn([product(seed) for seed in range(4, 10)])
    put = planted(package(7), 3)
    assert [match.product for match in DENSE.find(put.picture, many)] == ["package 7"]


def test_a_stored_picture_is_searched_without_it() -> None:
    for seed in range(2):
        put = planted(package(seed), seed, copies=2)
        stored = DENSE.encode(put.picture)
        assert stored.values.dtype == np.int8
        matches = DENSE.search_stored(stored, learnt(seed))
        assert worst(matches, put.boxes) >= 0.7
        assert not any(match.verified for match in matches)


def test_a_stored_picture_holds_nothing_that_is_not_there() -> None:
    assert DENSE.search_stored(DENSE.encode(shelf(1)), DENSE.learn(ABSENT)) == []


def test_a_second_reference_shows_the_other_side() -> None:
    both = DENSE.learn([Product("box", (package(1), package(2)))])
    for seed in (1, 2):
        put = planted(package(seed), seed)
        (match,) = DENSE.find(put.picture, both)
        assert (match.product, shared(match.box, put.boxes[0]) > 0.7) == ("box", True)


@pytest.mark.parametrize("matcher", [DENSE, GRID], ids=["dense", "grid"])
def test_a_product_without_a_reference_is_refused_by_name(matcher: Dense | Grid) -> None:
    with pytest.raises(ValueError, match='"milk" has no reference: mark it'):
        matcher.learn([Product("milk", ())])
    with pytest.raises(ValueError, match="same key"):
        matcher.learn([product(1), product(1)])


def test_no_products_are_found_nowhere() -> None:
    assert DENSE.find(shelf(1), DENSE.learn([])) == []
    assert GRID.find(shelf(1), GRID.learn([])) == []


def odd(height: int, width: int) -> Picture:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (10, 4000), (4000, 10), (60, 60)])
def test_odd_pictures_hold_nothing_and_harm_nobody(height: int, width: int) -> None:
    assert DENSE.find(odd(height, width), learnt(1)) == []
    assert GRID.find(odd(height, width), known(1)) == []


def test_a_reference_of_one_pixel_is_no_error() -> None:
    dense = Dense(descriptors.vectors, descriptors.Cells(), DenseOptions(tiles_at_most=1))
    dense.find(shelf(1), dense.learn([Product("speck", (odd(1, 1),))]))


def test_the_boxes_of_a_detector_find_what_the_windows_are_too_small_for() -> None:
    put = planted(package(3), 3, scale=1.9)
    box = put.boxes[0]
    detected = Grid(descriptors.vectors, detect=lambda pictures: [[box] for _picture in pictures])
    assert worst(detected.find(put.picture, known(3)), put.boxes) > 0.7
