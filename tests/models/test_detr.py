"""RT-DETR, D-FINE and DETR: seeded numbers, the real loading path, and transformers' own reading of what comes out."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml import DETECTOR, DetectOptions, Failure, Picture, Runtime, Things
from ml.coco import usual
from ml.engines.torch import ensure_torchvision
from ml.results import Thing
from tests.ml.pages import page, plain
from tests.models import built

torch = pytest.importorskip("torch", reason="torch is not installed here: make test-ml")

#: Every place counts, and none is left out for lying over another one.
EVERYTHING = DetectOptions(min_score=0.0, overlap=1.0)
PICTURES = [
    page("Morning", paper="khaki"),
    plain((200, 0, 0)),
    np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8),
]


def found(key: str, folder: Path, pictures: list[Picture], options: DetectOptions | None = None) -> list[Things]:
    setting: Any = {"BACKEND": key, "OPTIONS": {"weights": str(folder)}}
    with Runtime({"detector": setting}) as runtime:
        results = list(runtime.map(DETECTOR, pictures, options))
    assert all(isinstance(result, Things) for result in results), results
    return [result for result in results if isinstance(result, Things)]


def problem(key: str, folder: Path) -> str:
    setting: Any = {"BACKEND": key, "OPTIONS": {"weights": str(folder)}}
    with Runtime({"detector": setting}) as runtime:
        (failure,) = runtime.map(DETECTOR, PICTURES[:1])
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.retryable) == ("not_installed", True)
    return failure.message


def of_transformers(folder: Path, picture: Picture) -> list[tuple[str, float, list[float]]]:
    """What the library itself reads out of the same model: names, scores, boxes in pixels."""
    ensure_torchvision()
    from transformers import AutoImageProcessor, AutoModelForObjectDetection

    processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    model = AutoModelForObjectDetection.from_pretrained(folder, local_files_only=True).eval()
    with torch.inference_mode():
        outputs = model(**processor(images=[picture], return_tensors="pt", input_data_format="channels_last"))
    (answer,) = processor.post_process_object_detection(outputs, threshold=0.3, target_sizes=[picture.shape[:2]])
    names = [usual(model.config.id2label[label]) for label in answer["labels"].tolist()]
    return list(zip(names, answer["scores"].tolist(), answer["boxes"].tolist(), strict=True))


def is_among(things: Sequence[Thing], name: str, score: float, box: Sequence[float]) -> bool:
    return any(
        thing.name == name and abs(thing.score - score) < 0.05 and np.allclose(thing.box or (), box, atol=0.02)
        for thing in things
    )


@pytest.mark.parametrize(
    ("key", "part"), [("detr", ""), ("detr", "dfine"), ("detr", "detr"), ("rtdetr", ""), ("rtdetr", "dfine")]
)
def test_things_are_what_transformers_says_they_are(key: str, part: str) -> None:
    folder = built("detr") / part
    for picture, result in zip(PICTURES, found(key, folder, PICTURES, DetectOptions(overlap=1.0)), strict=True):
        height, width = picture.shape[:2]
        places: list[list[float]] = []
        for name, score, box in of_transformers(folder, picture):
            part_of_it = (np.array(box).clip(0, [width, height] * 2) / [width, height, width, height]).tolist()
            # transformers may name two things at one place, best first; here it is the likeliest alone.
            if part_of_it not in places:
                places.append(part_of_it)
                assert is_among(result.things, name, score, part_of_it), (name, score, part_of_it, result.things)
        assert bool(result.things) == bool(places)


@pytest.mark.parametrize("part", ["", "dfine"])
def test_the_onnx_form_sees_what_the_torch_form_sees(part: str) -> None:
    folder = built("detr") / part
    for one, other in zip(found("detr", folder, PICTURES), found("rtdetr", folder, PICTURES), strict=True):
        assert [thing.name for thing in one.things] == [thing.name for thing in other.things]
        assert len(one.things) > 0
        for thing, same in zip(one.things, other.things, strict=True):
            assert thing.score == pytest.approx(same.score, abs=0.03)
            assert thing.box == pytest.approx(same.box, abs=0.01)


@pytest.mark.parametrize(("key", "part"), [("detr", ""), ("detr", "detr"), ("rtdetr", "")])
def test_pictures_of_any_shape_are_looked_at(key: str, part: str) -> None:
    shapes = [plain((9, 200, 9))[:1, :1], np.zeros((10, 20_000, 3), np.uint8), np.zeros((20_000, 10, 3), np.uint8)]
    assert len(found(key, built("detr") / part, shapes, EVERYTHING)) == 3


def test_a_picture_may_be_a_view_of_another_one() -> None:
    upside_down = PICTURES[2][::-1]
    upside_down.setflags(write=False)
    seen, copied = found("detr", built("detr"), [upside_down, upside_down.copy()])
    assert seen.things == copied.things != ()


def test_a_folder_of_older_days_that_only_names_its_backbone_is_read(tmp_path: Path) -> None:
    """As DETR was published: nothing is fetched for the backbone, its numbers are in the file."""
    ensure_torchvision()
    from transformers import DetrConfig, DetrForObjectDetection

    small = {"d_model": 32, "num_queries": 5, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2}
    small |= {"decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
    config = {"model_type": "detr", "backbone": "resnet10t", **small, "id2label": {"0": "N/A", "1": "person"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    DetrForObjectDetection(DetrConfig.from_pretrained(tmp_path)).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    shutil.copy(built("detr") / "detr" / "preprocessor_config.json", tmp_path)
    (result,) = found("detr", tmp_path, PICTURES[:1], EVERYTHING)
    assert {thing.name for thing in result.things} <= {"person"}


def test_half_a_file_says_what_to_do(tmp_path: Path) -> None:
    for key, name in (("detr", "model.safetensors"), ("rtdetr", "model.onnx")):
        folder = tmp_path / key
        shutil.copytree(built("detr"), folder, ignore=shutil.ignore_patterns("dfine", "detr"))
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])
        assert "Install" in problem(key, folder)


def test_settings_that_do_not_fit_the_model_say_what_to_do(tmp_path: Path) -> None:
    shutil.copytree(built("detr"), tmp_path / "other", ignore=shutil.ignore_patterns("dfine", "detr"))
    settings = tmp_path / "other" / "preprocessor_config.json"
    settings.write_text(settings.read_text().replace("128", "64"))
    assert "is no model of RT-DETR or D-FINE" in problem("rtdetr", tmp_path / "other")
    (tmp_path / "other" / "config.json").write_text('{"id2label": {"0": "cat"}}')
    assert "is no model of RT-DETR or D-FINE" in problem("rtdetr", tmp_path / "other")
    settings.unlink()
    assert "lacks preprocessor_config.json" in problem("rtdetr", tmp_path / "other")
