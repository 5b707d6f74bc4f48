"""Things in pictures: the small real detector on pictures with known things, and what every detector builds on."""

import csv
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ml import DETECTOR, DetectOptions, Failure, Picture, Runtime, Things
from ml.backends.detecting import Seen, things_of
from ml.boxes import Place, best_apart, from_centres, lay, overlaps
from ml.cli import main
from ml.coco import COCO, usual
from ml.results import Box
from tests.ml.pages import plain

pytest.importorskip("onnxruntime", reason="the extra ml is not installed")

#: What the model finds at least on nine of the twelve pictures of the truth; the other three it does not know.
TRUTH = {
    "bus.jpg": ["bus", "person", "person", "person"],
    "zidane.jpg": ["person", "person", "tie"],
    "cat_1080p.jpg": ["cat"],
    "parrot.jpg": ["bird"],
    "owl.jpg": ["bird"],
    "hot_dog.jpg": ["hot dog"],
    "kite_and_cold.jpg": ["kite", "kite", "person", "person", "person", "person"],
    "pets.jpg": ["dog", "dog"],
    "grace_hopper.bmp": ["person", "tie"],
}
#: A picture that lies over all that the model sees, whose pixels are 0..1.
WHOLE = Place(0, 0, 1, 1)
#: Left, top, right, bottom in pixels of the bus picture, measured by eye.
BUS = {"bus": [(20, 232, 805, 755)], "person": [(50, 398, 245, 902), (668, 395, 810, 880), (222, 405, 345, 860)]}


@pytest.fixture(scope="module")
def runtime(material: Path) -> Iterator[Runtime]:
    with Runtime({"detector": yolox(material / "models" / "objects")}) as runtime:
        yield runtime


def yolox(folder: Path | str, **options: Any) -> Any:
    return {"BACKEND": "yolox", "OPTIONS": {"weights": str(folder), **options}}


def picture(material: Path, name: str) -> Picture:
    with Image.open(material / "photos" / "objects" / name) as image:
        return np.asarray(image.convert("RGB"))


def seen(runtime: Runtime, picture: Picture, options: DetectOptions | None = None) -> Things:
    (result,) = runtime.map(DETECTOR, [picture], options)
    assert isinstance(result, Things), result
    return result


def problem(setting: Any) -> str:
    """What the only backend says about itself after it was asked for something."""
    with Runtime({"detector": setting}) as runtime:
        (failure,) = runtime.map(DETECTOR, [plain((200, 0, 0))])
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.retryable) == ("not_installed", True)
        return failure.message


def test_what_is_on_the_pictures_is_found(runtime: Runtime, material: Path) -> None:
    truth = {Path(row["file"]).name for row in csv.DictReader((material / "truth" / "objects.csv").open())}
    assert truth >= set(TRUTH)
    for name, expected in TRUTH.items():
        names = [thing.name for thing in seen(runtime, picture(material, name)).things]
        assert all(names.count(one) >= expected.count(one) for one in expected), (name, names)


def test_the_bus_and_the_people_are_where_they_are(runtime: Runtime, material: Path) -> None:
    photo = picture(material, "bus.jpg")
    size = np.array([photo.shape[1], photo.shape[0]] * 2)
    found = seen(runtime, photo).things
    for name, boxes in BUS.items():
        places = np.array([thing.box for thing in found if thing.name == name])
        for box in boxes:
            assert overlaps(np.array(box) / size, places).max() > 0.7, (name, box)


def test_things_come_best_first_and_no_more_than_are_wished_for(runtime: Runtime, material: Path) -> None:
    photo = picture(material, "kite_and_cold.jpg")
    every = seen(runtime, photo, DetectOptions(min_score=0.05)).things
    assert [thing.score for thing in every] == sorted((thing.score for thing in every), reverse=True)
    assert seen(runtime, photo, DetectOptions(min_score=0.05, at_most=3)).things == every[:3]
    sure = seen(runtime, photo, DetectOptions(min_score=0.8)).things
    assert sure == tuple(thing for thing in every if thing.score >= 0.8)


def test_boxes_of_one_name_overlap_no_more_than_allowed(runtime: Runtime, material: Path) -> None:
    photo = picture(material, "bus.jpg")
    apart = seen(runtime, photo, DetectOptions(min_score=0.05, overlap=0.2)).things
    for number, thing in enumerate(apart):
        others = np.array([other.box for other in apart[:number] if other.name == thing.name])
        assert not len(others) or overlaps(np.array(thing.box), others).max() <= 0.2
    assert len(seen(runtime, photo, DetectOptions(overlap=1.0)).things) > 20


def test_pictures_of_any_shape_are_looked_at(runtime: Runtime, material: Path) -> None:
    cat = picture(material, "cat_1080p.jpg")
    shapes = [plain((9, 9, 9))[:1, :1], np.zeros((10, 20_000, 3), np.uint8), np.zeros((20_000, 10, 3), np.uint8), cat]
    *empty, last = (result for result in runtime.map(DETECTOR, shapes))
    assert all(isinstance(result, Things) and not result.things for result in empty)
    assert isinstance(last, Things)
    assert last.things[0].name == "cat"


def test_half_a_file_says_what_to_do(material: Path, tmp_path: Path) -> None:
    whole = (material / "models" / "objects" / "yolox_nano.onnx").read_bytes()
    (tmp_path / "yolox_nano.onnx").write_bytes(whole[: len(whole) // 2])
    assert "yolox_nano.onnx cannot be read" in problem(yolox(tmp_path))


def test_a_model_of_another_kind_says_what_to_do(material: Path, tmp_path: Path) -> None:
    other = next((material / "models" / "face").glob("version-RFB-*.onnx"))
    shutil.copy(other, tmp_path / "yolox_nano.onnx")
    message = problem(yolox(tmp_path))
    assert "is no model of YOLOX" in message
    assert message.endswith("Put one there, or choose the backend that it was made for.")


def test_a_model_without_names_for_its_things_asks_for_them(material: Path, tmp_path: Path) -> None:
    shutil.copy(material / "models" / "objects" / "yolox_nano.onnx", tmp_path)
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    assert "it knows 80 kinds of things, and there are 2 names (labels.txt gives them)" in problem(yolox(tmp_path))
    (tmp_path / "labels.txt").write_text("\n".join(f"kind {number}" for number in range(80)))
    with Runtime({"detector": yolox(tmp_path)}) as runtime:
        assert seen(runtime, picture(material, "owl.jpg")).things[0].name == "kind 14"


def test_weights_that_are_not_there_are_named_with_their_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path))
    assert problem(yolox("yolox_s")) == "Not installed: yolox_s. Run: python -m ml models pull yolox_s"


def test_in_a_list_the_first_that_can_work_does(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order in which a household would set them that has them all; here only the last one is installed."""
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path))
    wished = ["vlm", "yolo", "yolo_onnx", "detr"]
    setting: Any = [*({"BACKEND": key} for key in wished), yolox(material / "models" / "objects")]
    with Runtime({"detector": setting}) as runtime:
        assert seen(runtime, picture(material, "owl.jpg")).model.name == "objects"
        assert runtime.model(DETECTOR) == "objects@1"
        *others, works = runtime.status()
    assert [status.backend for status in others] == wished
    assert not any(status.installed for status in others)
    assert "switched_on" in str(others[0].last_error)
    assert all(str(status.last_error).startswith("Not installed: ") for status in others[1:])
    assert works.installed


def test_an_imported_model_finds_the_bus_by_commands_alone(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path))
    folder = str(material / "models" / "objects")
    assert main(["models", "import", folder, "--as", "yolox_nano", "--trust"]) == 0
    capsys.readouterr()
    assert main(["analyze", str(material / "photos" / "objects" / "bus.jpg"), "--only", "things"]) == 0
    answer = json.loads(capsys.readouterr().out)["things"]
    assert answer["model"] == "yolox_nano@1"
    names = [thing["name"] for thing in answer["things"]]
    assert (names[0], set(names)) == ("bus", {"bus", "person"})
    assert names.count("person") in (3, 4)  # a fourth is cut off by the edge of the picture
    assert answer["things"][0]["box"] == pytest.approx([0.03, 0.21, 0.99, 0.7], abs=0.03)


def test_of_boxes_that_overlap_the_best_is_kept() -> None:
    random = np.random.default_rng(3)
    corners = random.random((400, 2)) * 3
    boxes = np.concatenate([corners, corners + 0.3 + random.random((400, 2))], axis=1).astype(np.float32)
    scores, groups = random.random(400).astype(np.float32), random.integers(0, 3, 400)
    kept: list[int] = []
    for row in np.argsort(-scores, kind="stable").tolist():
        same = [other for other in kept if groups[other] == groups[row]]
        if all(shared(boxes[row].tolist(), boxes[other].tolist()) <= 0.4 for other in same):
            kept.append(row)
    assert best_apart(boxes, scores, groups, 0.4) == kept
    assert best_apart(boxes[:0], scores[:0], groups[:0], 0.4) == []


def shared(one: Box, other: Box) -> float:
    """Plainly: intersection over union."""
    width = max(0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def test_a_model_that_is_sure_of_everything_is_heard_in_time() -> None:
    random = np.random.default_rng(4)
    corners = random.random((2, 20_000, 2), np.float32)
    boxes = np.concatenate([corners, corners + 0.1], axis=2)
    began = time.monotonic()
    found = things_of(Seen(boxes, np.ones((2, 20_000, 80), np.float32)), [WHOLE] * 2, COCO, DetectOptions(overlap=1.0))
    assert [len(things) for things in found] == [100, 100]
    assert time.monotonic() - began < 5


def test_what_is_no_number_is_no_thing_and_hides_none() -> None:
    boxes = np.array([[[np.nan] * 4, [0, 0, np.inf, 1], [0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.5, 0.5]]], np.float32)
    scores = np.array([[[0.9], [0.9], [0.8], [np.nan]]], np.float32)
    ((thing,),) = things_of(Seen(boxes, scores), [WHOLE], ["cup"], DetectOptions())
    assert thing.box == pytest.approx((0.1, 0.1, 0.5, 0.5))


@pytest.mark.parametrize("layout", ["corner", "centre", "stretch"])
@pytest.mark.parametrize("view", ["turned over", "mirrored", "blue first", "every other", "on its side"])
def test_a_picture_may_be_a_view_of_another_one(layout: Any, view: str) -> None:
    photo = np.random.default_rng(5).integers(0, 256, (40, 60, 3), np.uint8)
    views = {"turned over": photo[::-1], "mirrored": photo[:, ::-1], "blue first": photo[..., ::-1]}
    seen = (views | {"every other": photo[::2, ::2], "on its side": photo.transpose(1, 0, 2)})[view]
    seen.setflags(write=False)
    assert (lay([seen], 32, 32, layout)[0] == lay([seen.copy()], 32, 32, layout)[0]).all()


@pytest.mark.parametrize("layout", ["corner", "centre", "stretch"])
@pytest.mark.parametrize(("height", "width"), [(480, 640), (640, 480), (33, 1001), (7, 5)])
def test_a_box_finds_its_way_back_to_the_picture(layout: Any, height: int, width: int) -> None:
    """A white square in the middle: where it is seen, brought back, is where it was."""
    photo = np.zeros((height, width, 3), np.uint8)
    photo[round(height * 0.3) : round(height * 0.7), round(width * 0.2) : round(width * 0.6)] = 255
    (laid,), (place,) = lay([photo], 416, 640, layout)
    down, across = np.nonzero((laid > 200).all(axis=2))
    box = np.array([[across.min(), down.min(), across.max() + 1, down.max() + 1]], np.float32)
    rounded = np.array([round(width * 0.2) / width, round(height * 0.3) / height] * 2)
    rounded[2:] = round(width * 0.6) / width, round(height * 0.7) / height
    assert place.back(box)[0] == pytest.approx(rounded, abs=0.12)


def test_boxes_by_their_centres_become_corners() -> None:
    assert from_centres(np.array([[10, 20, 4, 8]], np.float32)).tolist() == [[8, 16, 12, 24]]


def test_a_thing_has_one_name_whichever_model_says_it() -> None:
    assert len(set(COCO)) == 80
    older = ("motorbike", "aeroplane", "sofa", "pottedplant", "diningtable", "tvmonitor")
    assert all(name not in COCO and usual(name) in COCO for name in older)
    assert all(usual(name) == name for name in COCO)
