"""Faces in photos: the real finder on pictures with known people, and how a face is brought upright."""

import csv
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFilter

from ml import FACES, FaceOptions, Faces, Failure, Picture, Runtime
from ml.align import SIDE, crop, quality, upright
from ml.boxes import overlaps
from ml.cli import main
from ml.results import Face, Numbers
from tests.ml.pages import plain

pytest.importorskip("onnxruntime", reason="the extra ml is not installed")

PORTRAIT = "faces/examples/knn_examples/train/obama/obama.jpg"
THREE = "faces/examples/knn_examples/test/obama_and_biden.jpg"


@pytest.fixture(scope="module")
def yunet(material: Path) -> str:
    return str(next((material / "models" / "face").glob("*yunet*.onnx")))


@pytest.fixture(scope="module")
def runtime(yunet: str) -> Iterator[Runtime]:
    with Runtime({"faces": finder(yunet)}) as runtime:
        yield runtime


@pytest.fixture(scope="module")
def truth(material: Path) -> dict[str, int]:
    """How many people are on each picture."""
    rows = list(csv.reader((material / "truth" / "faces.csv").open()))[1:]
    return {name.removeprefix("photos/"): int(count) for name, _people, count in rows}


@pytest.fixture(scope="module")
def found(runtime: Runtime, material: Path, truth: dict[str, int]) -> dict[str, Faces]:
    results = runtime.map(FACES, (photo(material, name) for name in truth))
    return {name: whole(result) for name, result in zip(truth, results, strict=True)}


def finder(weights: Path | str, **options: Any) -> Any:
    return {"BACKEND": "yunet_sface", "OPTIONS": {"weights": str(weights), "recogniser": "", **options}}


def photo(material: Path, name: str) -> Picture:
    with Image.open(material / "photos" / name) as image:
        return np.asarray(image.convert("RGB"))


def whole(result: Faces | Failure) -> Faces:
    assert isinstance(result, Faces), result
    return result


def seen(runtime: Runtime, picture: Picture, options: FaceOptions | None = None) -> tuple[Face, ...]:
    (result,) = runtime.map(FACES, [picture], options)
    return whole(result).faces


def problem(setting: Any) -> str:
    """What the only backend says about itself after it was asked for something."""
    with Runtime({"faces": setting}) as runtime:
        (failure,) = runtime.map(FACES, [plain((200, 0, 0))])
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.retryable) == ("not_installed", True)
        assert runtime.status()[0].last_error == failure.message
        return failure.message


def pixels(face: Face, picture: Picture) -> tuple[Numbers, Numbers]:
    """Box and landmarks."""
    size = np.array([picture.shape[1], picture.shape[0]], np.float32)
    return np.array(face.box, np.float32) * np.tile(size, 2), np.array(face.landmarks, np.float32) * size


def test_every_labelled_face_is_found_and_no_other(found: dict[str, Faces], truth: dict[str, int]) -> None:
    assert {name: len(faces.faces) for name, faces in found.items()} == truth
    assert min(face.score for faces in found.values() for face in faces.faces) > 0.9


def test_landmarks_are_those_of_the_person(found: dict[str, Faces]) -> None:
    """The right eye is on the left of the picture; the nose lies between eyes and mouth."""
    for faces in found.values():
        for face in faces.faces:
            right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
            assert right_eye[0] < left_eye[0]
            assert right_mouth[0] < left_mouth[0]
            assert max(right_eye[1], left_eye[1]) < nose[1] < max(right_mouth[1], left_mouth[1])


def test_hardly_a_face_is_seen_where_there_are_no_people(runtime: Runtime, material: Path) -> None:
    """One package on a shelf deceives it twice."""
    names = sorted(str(path) for path in (material / "photos" / "products").rglob("*.jpg"))
    counts = [len(whole(result).faces) for result in runtime.map(FACES, (photo(material, name) for name in names))]
    assert len(counts) > 150
    assert sum(counts) <= 3


def test_the_answers_are_those_of_opencv(material: Path, yunet: str) -> None:
    picture = photo(material, THREE)[:640, 400:1040]
    reference = cv2.FaceDetectorYN.create(yunet, "", (picture.shape[1], picture.shape[0]), 0.8, 0.3, 5000)
    _, rows = reference.detect(np.ascontiguousarray(picture[..., ::-1]))
    with Runtime({"faces": finder(yunet, again=0)}) as runtime:
        faces = seen(runtime, picture)
    assert len(faces) == len(rows) > 0
    for face in faces:
        box, landmarks = pixels(face, picture)
        row = min(rows, key=lambda row: abs(row[0] - box[0]))
        assert face.score == pytest.approx(row[14], abs=1e-3)
        assert landmarks.ravel() == pytest.approx(row[4:14], abs=0.1)


def test_faces_come_largest_first_and_small_ones_only_when_wished_for(runtime: Runtime, material: Path) -> None:
    picture = photo(material, THREE)
    sides = [pixels(face, picture)[0] for face in seen(runtime, picture)]
    areas = [float((box[2] - box[0]) * (box[3] - box[1])) for box in sides]
    assert areas == sorted(areas, reverse=True)
    least = sorted(int(min(box[2] - box[0], box[3] - box[1])) for box in sides)[1]
    assert len(seen(runtime, picture, FaceOptions(min_side=least))) == 2
    assert seen(runtime, picture, FaceOptions(min_score=0.99)) == ()


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_picture_that_lies_on_its_side_is_turned_when_wished(yunet: str, material: Path, quarters: int) -> None:
    picture = photo(material, PORTRAIT)
    turned = np.ascontiguousarray(np.rot90(picture, quarters))
    with Runtime({"faces": finder(yunet, turned=True)}) as runtime:
        (expected,), (face,) = seen(runtime, picture), seen(runtime, turned)
    points = np.array(expected.landmarks)
    for _ in range(quarters):  # what was on the right is now on top
        points = np.stack([points[:, 1], 1 - points[:, 0]], axis=1)
    assert np.array(face.landmarks) == pytest.approx(points, abs=0.02)
    one, other = (crop(where, pixels(who, where)[1]) for where, who in ((picture, expected), (turned, face)))
    assert signature(one) @ signature(other) > 0.9


def test_small_faces_of_a_group_are_found_by_a_closer_look(yunet: str, material: Path) -> None:
    """Twelve faces of 22 pixels in a picture of 1280, and a large one, which a larger size alone does not see."""
    picture = photo(material, PORTRAIT)
    with Runtime({"faces": finder(yunet)}) as plain_runtime, Runtime({"faces": finder(yunet, closer=1280)}) as closer:
        box, _ = pixels(seen(plain_runtime, picture)[0], picture)
        scale = 22 / (box[2] - box[0])
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        group = np.full((960, 1280, 3), 110, np.uint8)
        for number in range(12):
            top, left = number // 6 * 450, number % 6 * 110
            group[top : top + small.shape[0], left : left + small.shape[1]] = small
        group[:, 700:1280] = cv2.resize(picture, (580, 960), interpolation=cv2.INTER_AREA)[:, :580]
        wish = FaceOptions(min_side=15)
        assert len(seen(plain_runtime, group, wish)) < 6
        assert len(seen(closer, group, wish)) == 13


def test_a_face_of_a_thirtieth_of_the_long_side_is_found(runtime: Runtime, material: Path) -> None:
    picture = photo(material, PORTRAIT)
    box, _ = pixels(seen(runtime, picture)[0], picture)
    scale = 22 / (box[2] - box[0])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    room = np.full((480, 640, 3), 110, np.uint8)
    room[200 : 200 + small.shape[0], 300 : 300 + small.shape[1]] = small
    (face,) = seen(runtime, room)
    assert overlaps(pixels(face, room)[0], (box * scale + np.array([300, 200] * 2, np.float32))[None])[0] > 0.6
    assert face.quality < 0.2


def test_pictures_of_any_shape_are_looked_at(runtime: Runtime) -> None:
    shapes = [(1, 1), (10, 20_000), (20_000, 10), (31, 33)]
    for result in runtime.map(FACES, [np.full((*shape, 3), 128, np.uint8) for shape in shapes]):
        assert whole(result).faces == ()


def test_without_a_recogniser_faces_have_no_vector(found: dict[str, Faces]) -> None:
    faces = next(iter(found.values()))
    assert "+" not in str(faces.model)
    assert all(face.vector is None for face in faces.faces)


def test_a_recogniser_that_is_not_installed_is_named_with_its_command(yunet: str) -> None:
    assert problem(finder(yunet, recogniser="sface")) == "Not installed: sface. Run: python -m ml models pull sface"
    assert problem(finder("yunet")) == "Not installed: yunet. Run: python -m ml models pull yunet"


def test_an_imported_finder_finds_a_face_by_commands_alone(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path))
    assert main(["models", "import", str(material / "models" / "face")]) == 0
    capsys.readouterr()
    assert main(["analyze", str(material / "photos" / PORTRAIT), "--only", "faces"]) == 0
    analysis = json.loads(capsys.readouterr().out)
    answer = analysis["faces"]
    assert answer["model"] == "yunet@1"
    (face,) = answer["faces"]
    assert face["box"] == pytest.approx([0.41, 0.08, 0.67, 0.37], abs=0.03)
    assert (face["space"], len(face["landmarks"])) == (None, 5)
    assert face["quality"] > 0.9
    (lacking,) = analysis["problems"]  # who it is
    assert (lacking["part"], lacking["kind"]) == ("faces", "not_installed")
    assert "Run: python -m ml models pull sface" in lacking["message"]


def test_half_a_file_says_what_to_do(yunet: str, tmp_path: Path) -> None:
    (tmp_path / "yunet.onnx").write_bytes(Path(yunet).read_bytes()[:100_000])
    message = problem(finder(tmp_path))
    assert "yunet.onnx cannot be read" in message
    assert f"Install {tmp_path} again." in message


def test_another_model_is_refused_with_what_to_do(yunet: str, material: Path, tmp_path: Path) -> None:
    other = next((material / "models" / "face").glob("version-RFB-*.onnx"))
    shutil.copy(other, tmp_path / "yunet.onnx")
    message = problem(finder(tmp_path))
    assert "yunet.onnx is no finder of faces like YuNet" in message
    assert message.endswith("Put one there, or name another one in the settings.")
    assert "is no recogniser of 112 x 112 pixels" in problem(finder(yunet, recogniser=str(other)))


def test_an_upright_face_has_its_landmarks_where_recognisers_expect_them(
    found: dict[str, Faces], material: Path
) -> None:
    for name, faces in found.items():
        picture = photo(material, name)
        for face in faces.faces:
            _, landmarks = pixels(face, picture)
            matrix = upright(landmarks)
            right_eye, left_eye, _, right_mouth, left_mouth = landmarks @ matrix[:, :2].T + matrix[:, 2]
            assert abs(right_eye[1] - left_eye[1]) < 12
            assert ((right_eye + left_eye) / 2)[1] == pytest.approx(51.6, abs=8)
            assert ((right_mouth + left_mouth) / 2)[1] == pytest.approx(92.3, abs=8)


def test_one_face_looks_the_same_wherever_it_is_and_two_people_do_not(runtime: Runtime, material: Path) -> None:
    """Moved, turned and from a quarter to twice as large; others are the portraits of other people."""
    picture = photo(material, PORTRAIT)
    (face,) = seen(runtime, picture)
    original = signature(crop(picture, pixels(face, picture)[1]))
    for scale, turn in ((0.25, 0), (0.5, 20), (1.0, -30), (1.0, 40), (2.0, 10)):
        height, width = (round(side * scale * 1.5) for side in picture.shape[:2])
        matrix = cv2.getRotationMatrix2D((picture.shape[1] / 2, picture.shape[0] / 2), turn, scale)
        matrix[:, 2] += [width / 2 - picture.shape[1] / 2, height / 2 - picture.shape[0] / 2]
        reduced = cv2.GaussianBlur(picture, (0, 0), 0.4 / scale) if scale < 1 else picture
        moved = np.asarray(cv2.warpAffine(reduced, matrix, (width, height)), np.uint8)
        (again,) = seen(runtime, moved)
        assert original @ signature(crop(moved, pixels(again, moved)[1])) > 0.85, (scale, turn)
    train = "faces/examples/knn_examples/train"
    for name in ("biden/biden.jpg", "rose_leslie/img1.jpg", "alex_lacamoire/img1.jpg", "kit_harington/john1.jpeg"):
        other = photo(material, f"{train}/{name}")
        assert original @ signature(crop(other, pixels(seen(runtime, other)[0], other)[1])) < 0.8, name


def signature(face: Picture) -> Numbers:
    """The middle of it, coarsely, without its mean, of length 1."""
    coarse = cv2.resize(face[24:104, 20:92], (16, 16), interpolation=cv2.INTER_AREA).astype(np.float32)
    rest = (coarse - coarse.mean()).ravel()
    direction: Numbers = rest / np.linalg.norm(rest)
    return direction


def test_quality_falls_with_blur_with_smallness_and_with_a_turned_head(runtime: Runtime, material: Path) -> None:
    picture = photo(material, PORTRAIT)
    (face,) = seen(runtime, picture)
    _, landmarks = pixels(face, picture)

    def measured(sigma: float = 0, side: float = 200, points: Numbers = landmarks) -> float:
        image = Image.fromarray(picture).filter(ImageFilter.GaussianBlur(sigma))
        return quality(crop(np.asarray(image), points), points, side)

    assert measured() > 0.8
    falling(measured(sigma) for sigma in (4, 7, 9, 12))
    falling(measured(side=side) for side in (112, 60, 30, 16))
    across = landmarks[1] - landmarks[0]
    noses = [landmarks + np.outer([0, 0, 1, 0, 0], across * aside) for aside in (0.05, 0.25, 0.45)]
    falling(measured(points=points.astype(np.float32)) for points in noses)
    assert measured(side=10) == 0


def falling(values: Iterator[float]) -> None:
    one_by_one: Sequence[float] = list(values)
    assert sorted(set(one_by_one), reverse=True) == one_by_one, one_by_one


def test_a_crop_at_the_edge_of_a_picture_is_filled_up() -> None:
    landmarks = np.array([[-10, 5], [20, 5], [5, 20], [-5, 35], [15, 35]], np.float32)
    cut = crop(np.full((50, 60, 3), 200, np.uint8), landmarks)
    assert cut.shape == (SIDE, SIDE, 3)
    assert (cut[:, :5] == 0).all()
    assert (cut[50:60, 60:100] == 200).all()
    everywhere_the_same = np.full((5, 2), 7, np.float32)
    assert crop(np.zeros((50, 60, 3), np.uint8), everywhere_the_same).shape == (SIDE, SIDE, 3)
