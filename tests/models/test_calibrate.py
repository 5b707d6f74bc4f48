"""Tags prepared and measured through the real towers, from names and pictures to thresholds."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ml import IMAGE_EMBEDDER, TAGGER, Failure, Runtime, Seen, Tags, Vector
from ml.calibrate import CalibrationError, calibrate, prepare_tags
from ml.export import drawn_pictures
from tests.models import built

WORDS = (
    "dog",
    "beach",
    "receipt",
    "birthday cake",
    "car",
    "snow",
    "sunset",
    "portrait",
    "street",
    "cup",
    "tree",
    "sea",
)


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    folder = tmp_path / "words"
    folder.mkdir()
    (folder / "ram_tag_list.txt").write_text("\n".join(WORDS))
    return folder


@pytest.fixture
def runtime(vocabulary: Path) -> Iterator[Runtime]:
    towers = {"weights": str(built("open_clip_onnx"))}
    with Runtime(
        {
            "image_embedder": {"BACKEND": "open_clip_onnx", "OPTIONS": towers},
            "query_embedder": {"BACKEND": "open_clip_onnx", "OPTIONS": towers},
            "tagger": {"BACKEND": "clip_zeroshot", "OPTIONS": towers | {"vocabulary": str(vocabulary)}},
        }
    ) as runtime:
        yield runtime


def test_a_household_measures_its_own_thresholds(runtime: Runtime, vocabulary: Path) -> None:
    pictures = drawn_pictures(100)
    result = calibrate(runtime, pictures, vocabulary=str(vocabulary), tags_a_picture=2, at_most_share=0.3)
    assert result.pictures == 100
    assert result.widest <= 0.3
    assert 0 < result.tags_a_picture <= 2
    vectors = [vector for vector in runtime.map(IMAGE_EMBEDDER, pictures) if isinstance(vector, Vector)]
    tagged = [
        tags for tags in runtime.map(TAGGER, [Seen(vector=vector) for vector in vectors]) if isinstance(tags, Tags)
    ]
    given = [tag for tags in tagged for tag in tags.tags]
    assert len(tagged) == 100
    assert abs(len(given) / 100 - result.tags_a_picture) < 0.1
    assert all(tag.calibrated for tag in given)
    assert {tag.name for tag in given} <= set(WORDS)


def test_tags_are_prepared_once(runtime: Runtime, vocabulary: Path) -> None:
    space = prepare_tags(runtime, str(vocabulary))
    kept = vocabulary / space.replace("/", "-") / "vectors.npz"
    before = kept.stat().st_mtime_ns
    assert prepare_tags(runtime, str(vocabulary)) == space
    assert kept.stat().st_mtime_ns == before


def test_too_few_pictures_measure_nothing(runtime: Runtime, vocabulary: Path) -> None:
    broken = [np.zeros((4, 4), np.float64)] * 30
    with pytest.raises(CalibrationError, match="40 pictures could be embedded; at least 50"):
        calibrate(runtime, [*drawn_pictures(40), *broken], vocabulary=str(vocabulary))  # type: ignore[list-item]


def test_without_towers_it_says_what_to_install(vocabulary: Path, tmp_path: Path) -> None:
    setting = {"BACKEND": "open_clip_onnx", "OPTIONS": {"weights": str(tmp_path / "nothing")}}
    with Runtime({"query_embedder": setting}) as runtime, pytest.raises(CalibrationError, match="Not installed"):  # type: ignore[dict-item]
        prepare_tags(runtime, str(vocabulary))


def test_other_names_are_prepared_again(runtime: Runtime, vocabulary: Path) -> None:
    prepare_tags(runtime, str(vocabulary))
    (vocabulary / "ram_tag_list.txt").write_text("one\ntwo")
    vector = next(iter(runtime.map(IMAGE_EMBEDDER, drawn_pictures(1))))
    assert isinstance(vector, Vector)
    (result,) = runtime.map(TAGGER, [Seen(vector=vector)])
    assert isinstance(result, Failure)
    prepare_tags(runtime, str(vocabulary))
    (result,) = runtime.map(TAGGER, [Seen(vector=vector)])
    assert isinstance(result, Tags)
