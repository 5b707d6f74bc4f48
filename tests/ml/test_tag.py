"""Tags by meaning: from vectors alone, honest about what was measured, never one tag for everything."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from ml import TAGGER, Failure, ModelName, Runtime, Seen, TagOptions, Tags, Vector
from ml.calibrate import measured_thresholds
from ml.vocabulary import Measured, Vocabulary, write_thresholds, write_vectors
from tests.models import built
from tests.models.tags import COUNT

SPACE = "ViT-B-16-SigLIP2/fp32"


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    folder = tmp_path / "tags"
    shutil.copytree(built("tags"), folder)
    return folder


def seen(*numbers: int, space: str = SPACE) -> Seen:
    """A picture that shows these tags, the first one most."""
    values = np.full(COUNT, 0.01, np.float32)
    for place, number in enumerate(numbers):
        values[number] = 1 - place / 10
    return Seen(vector=Vector(values / np.linalg.norm(values), space, ModelName("towers", "1")))


def tags(vocabulary: Path, *items: Seen, options: TagOptions | None = None) -> list[Tags | Failure]:
    with Runtime({"tagger": {"BACKEND": "clip_zeroshot", "OPTIONS": {"vocabulary": str(vocabulary)}}}) as runtime:
        return list(runtime.map(TAGGER, items, options))


def names(result: Tags | Failure) -> list[str]:
    assert isinstance(result, Tags)
    return [tag.name for tag in result.tags]


def test_what_stands_out_is_tagged_best_first_and_marked_as_not_measured(vocabulary: Path) -> None:
    first, second = tags(vocabulary, seen(3), seen(7))
    assert (names(first), names(second)) == (["tag 3"], ["tag 7"])
    assert isinstance(first, Tags)
    (tag,) = first.tags
    assert (tag.calibrated, tag.other_names) == (False, (("zh", "标签3"),))
    assert 0.5 < tag.score <= 1
    assert first.model.version == "uncalibrated"


def test_a_picture_in_which_nothing_stands_out_has_no_tags(vocabulary: Path) -> None:
    (result,) = tags(vocabulary, seen())
    assert names(result) == []


def test_measured_thresholds_hold_and_change_the_name_of_the_model(vocabulary: Path) -> None:
    thresholds = np.full(COUNT, 0.2, np.float32)
    thresholds[3] = 0.99
    write_thresholds(str(vocabulary), SPACE, thresholds, Measured(100, 10, 0.2, "abcd"))
    (result,) = tags(vocabulary, seen(3, 7, 9))
    assert names(result) == ["tag 7", "tag 9"]
    assert isinstance(result, Tags)
    assert result.tags[0].calibrated
    assert result.model.version == "abcd"
    (few,) = tags(vocabulary, seen(3, 7, 9), options=TagOptions(at_most=1))
    assert names(few) == ["tag 7"]
    (strict,) = tags(vocabulary, seen(3, 7, 9), options=TagOptions(stricter=0.9))
    assert names(strict) == []


def test_without_a_vector_or_with_one_of_another_space_the_item_fails_alone(vocabulary: Path) -> None:
    blind = Seen(picture=np.zeros((8, 8, 3), np.uint8))
    stranger = seen(1, space="ViT-B-32/int8")
    good, without, other = tags(vocabulary, seen(1), blind, stranger)
    assert names(good) == ["tag 1"]
    assert without == Failure(
        "bad_item", "This picture has no vector yet: let the image embedder see it first.", retryable=False
    )
    assert isinstance(other, Failure)
    assert other.message == f"This vector is of ViT-B-32/int8; the tags are of {SPACE}. Embed it again."


def test_tags_that_are_not_prepared_name_the_command(vocabulary: Path) -> None:
    shutil.rmtree(vocabulary / "ViT-B-16-SigLIP2-fp32")
    (result,) = tags(vocabulary, seen(1))
    assert isinstance(result, Failure)
    assert result.kind == "not_installed"
    assert "Run: python -m ml models calibrate" in result.message


def test_vectors_of_other_names_are_not_used(vocabulary: Path) -> None:
    list_ = vocabulary / "ram_tag_list.txt"
    list_.write_text(list_.read_text().replace("tag 5", "zebra"))
    (result,) = tags(vocabulary, seen(1))
    assert isinstance(result, Failure)
    assert "Not prepared" in result.message


def test_the_published_lists_are_read_whole(material: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ram_tags"
    shutil.copytree(material / "models" / "ram-tables", folder)
    vocabulary = Vocabulary.read(str(folder))
    assert len(vocabulary.names) == len(vocabulary.chinese) == 4585
    assert (vocabulary.names[-1], vocabulary.chinese[-1]) == ("zoo", "动物园")
    vectors = np.random.default_rng(1).normal(size=(4585, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    write_vectors(str(folder), SPACE, vectors)
    (result,) = tags(folder, Seen(vector=Vector(vectors[-1], SPACE, ModelName("towers", "1"))))
    assert names(result)[0] == "zoo"


def test_measuring_gives_the_wanted_number_of_tags_and_saturates_none() -> None:
    random = np.random.default_rng(3)
    scores = random.normal(0.1, 0.02, (500, 200)).astype(np.float32)
    scores[:, 0] += 0.5  # fits everything alike: says nothing
    scores[:200, 1] += 0.2  # two fifths of the pictures show it
    thresholds, guarded = measured_thresholds(scores, tags_a_picture=5, at_most_share=0.3)
    given = scores > thresholds
    assert given.mean(axis=0).max() <= 0.3
    assert 4 < given.sum(axis=1).mean() <= 5
    assert given[:200, 1].mean() > 0.7
    assert not given[200:, 1].any()
    assert guarded >= 1
    assert given[:, 0].mean() < 0.1


def test_measuring_survives_scores_that_are_all_alike() -> None:
    thresholds, _ = measured_thresholds(np.full((60, 10), 0.3, np.float32), tags_a_picture=10, at_most_share=0.2)
    assert not (np.full((60, 10), 0.3, np.float32) > thresholds).any()
