"""YOLOX with designed numbers: what is where is known to the pixel. For its real weights see `tests.ml.test_detect`."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml import DETECTOR, DetectOptions, Failure, Picture, Runtime, Things
from tests.models import built
from tests.models.yolox import CELL, KINDS, SIDE, write

pytest.importorskip("onnx", reason="the models are made with onnx: make test-ml")

MAGENTA, RED = (255, 0, 255), (255, 0, 0)


def scene(*squares: tuple[tuple[int, int, int], int, int], scale: int = 1, height: int = SIDE) -> Picture:
    """Black, with squares of these colours at cells across and down; `scale` times as large as the model sees it."""
    picture = np.zeros((height, SIDE, 3), np.uint8)
    for colour, across, down in squares:
        picture[down * CELL : (down + 1) * CELL, across * CELL : (across + 1) * CELL] = colour
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def looked_at(folder: Path, *pictures: Picture, options: DetectOptions | None = None) -> list[Any]:
    setting: Any = {"BACKEND": "yolox", "OPTIONS": {"weights": str(folder), "batch_size": 3}}
    with Runtime({"detector": setting}) as runtime:
        return list(runtime.map(DETECTOR, pictures, options))


def found(folder: Path, *pictures: Picture) -> list[list[tuple[str, list[float]]]]:
    """Names and boxes, in cells of the model, from left to right."""
    results = looked_at(folder, *pictures)
    assert all(isinstance(result, Things) for result in results), results
    cells = [
        (np.array([picture.shape[1], picture.shape[0]] * 2) / picture.shape[1] * SIDE / CELL).tolist()
        for picture in pictures
    ]
    return [
        sorted(
            (thing.name, [round(part * size, 3) for part, size in zip(thing.box, sizes, strict=True)])
            for thing in result.things
        )
        for result, sizes in zip(results, cells, strict=True)
    ]


def test_a_thing_is_found_where_it_is_and_by_its_name() -> None:
    for colour, (_kind, name) in KINDS.items():
        (things,) = found(built("yolox"), scene((colour, 1, 2)))
        assert things == [(name, [1, 2, 2, 3])]


def test_two_of_a_kind_are_two_things() -> None:
    (things,) = found(built("yolox"), scene((MAGENTA, 0, 0), (MAGENTA, 2, 1), (RED, 1, 1)))
    assert things == [("fire hydrant", [1, 1, 2, 2]), ("teddy bear", [0, 0, 1, 1]), ("teddy bear", [2, 1, 3, 2])]


def test_pictures_of_other_sizes_and_shapes_share_a_batch() -> None:
    pictures = [scene((MAGENTA, 2, 0), scale=4), scene((RED, 0, 1), height=64), scene(), scene((RED, 1, 1), scale=2)]
    first, low, empty, last = found(built("yolox"), *pictures)
    assert first == [("teddy bear", [2, 0, 3, 1])]
    assert low == [("fire hydrant", [0, 1, 1, 2])]
    assert empty == []
    assert last == [("fire hydrant", [1, 1, 2, 2])]


def test_a_model_for_so_many_pictures_at_a_time_is_asked_as_often_as_needed(tmp_path: Path) -> None:
    write(tmp_path / "two.onnx", batch=2)
    pictures = [scene((MAGENTA, place, 0)) for place in range(3)]
    assert found(tmp_path, *pictures) == [[("teddy bear", [place, 0, place + 1, 1])] for place in range(3)]


def test_a_model_that_was_taught_other_things_says_their_names(tmp_path: Path) -> None:
    write(tmp_path / "own.onnx", batch="batch", kinds=11)
    (failure,) = looked_at(tmp_path, scene((RED, 0, 0)))
    assert isinstance(failure, Failure)
    assert "it knows 11 kinds of things, and there are 80 names (labels.txt gives them)" in failure.message
    (tmp_path / "labels.txt").write_text("\n".join(f"own thing {number}" for number in range(11)))
    assert found(tmp_path, scene((RED, 0, 0))) == [[("own thing 10", [0, 0, 1, 1])]]
