"""What the real reader reads: the models inside the rapidocr package, on pictures with known words."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from ml import OCR, OcrOptions, PageText, Picture, Runtime
from tests.ml.pages import page, plain

pytest.importorskip("onnxruntime", reason="the extra ml is not installed")
pytest.importorskip("rapidocr", reason="the extra ml is not installed")

LINES = ("Invoice No. 2024-00017", "Total: 1,234.50 EUR", "The quick brown fox")


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime({"ocr": {"BACKEND": "rapidocr"}}) as runtime:
        yield runtime


def read(runtime: Runtime, picture: Picture, options: OcrOptions | None = None) -> PageText:
    (result,) = runtime.map(OCR, [picture], options)
    assert isinstance(result, PageText)
    return result


def test_rendered_lines_are_read_to_the_letter(runtime: Runtime) -> None:
    result = read(runtime, page(*LINES))
    assert tuple(line.text for line in result.lines) == LINES
    assert all(line.score > 0.95 for line in result.lines)
    assert result.language == "latin"


def test_accents_and_dashes_are_read_to_the_letter(runtime: Runtime) -> None:
    try:
        font = ImageFont.truetype("LiberationSans-Regular.ttf", 40)
    except OSError:
        pytest.skip("no font with accents: install fonts-liberation")
    assert read(runtime, page("Straße nach Zürich — café", font=font)).text == "Straße nach Zürich — café"


@pytest.mark.parametrize("degrees", [7, 90, 180, 270])
def test_turned_text_is_read(runtime: Runtime, degrees: int) -> None:
    turned = Image.fromarray(page(*LINES)).rotate(degrees, expand=True, fillcolor="white")
    assert {line.text for line in read(runtime, np.asarray(turned)).lines} == set(LINES)


def test_boxes_lie_around_the_ink(runtime: Runtime) -> None:
    picture = page("Morning")
    rows, columns = np.nonzero(picture.min(axis=2) < 128)
    (line,) = read(runtime, picture).lines
    (left, top), (right, _), (_, bottom), _ = line.box
    height, width = picture.shape[:2]
    assert left * width - 2 <= columns.min() < columns.max() <= right * width + 2
    assert top * height - 2 <= rows.min() < rows.max() <= bottom * height + 2
    assert right - left < 0.3


def test_lines_beside_each_other_are_read_from_left_to_right(runtime: Runtime) -> None:
    sides = [page("left", "low left")[:, :450], page("right", "low right")[:, :450]]
    assert read(runtime, np.concatenate(sides, axis=1)).text.split("\n") == ["left", "right", "low left", "low right"]


def test_a_picture_without_text_is_not_given_to_the_reader(runtime: Runtime) -> None:
    result = read(runtime, plain((40, 120, 200)))
    assert result.lines == ()
    assert result.language is None
    assert result.skipped_reason == "No text was seen in this picture."


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (5, 7)])
def test_a_picture_of_any_shape_is_answered(runtime: Runtime, shape: tuple[int, int]) -> None:
    read(runtime, np.zeros((*shape, 3), np.uint8))


def test_lines_under_the_wanted_score_are_dropped(runtime: Runtime) -> None:
    assert read(runtime, page(*LINES), OcrOptions(min_score=1.1)).lines == ()


def test_the_command_line_prints_what_was_read(tmp_path: Path) -> None:
    Image.fromarray(page("Morning")).save(tmp_path / "page.png")
    command = [sys.executable, "-m", "ml", "ocr", str(tmp_path / "page.png")]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    assert [line["text"] for line in answer["text"]["lines"]] == ["Morning"]
    command = [sys.executable, "-m", "ml", "status"]
    states = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    (status,) = (status for status in states if status["backend"] == "rapidocr")
    assert (status["installed"], status["loaded"]) == (True, False)
