"""Faces told apart by designed recognisers, through our own path and through InsightFace's package."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from ml import FACES, FaceOptions, Faces, Failure, Picture, Runtime
from ml.faces import cluster, compare
from ml.results import Face, Vector
from tests.ml.portraits import CELL, group
from tests.models import built

pytest.importorskip("onnx", reason="the designed models are made with onnx: make test-ml")

PEOPLE = "photos/faces/examples/knn_examples/train"


@pytest.fixture(scope="module", params=["yunet_sface", "insightface"])
def setting(request: pytest.FixtureRequest) -> Any:
    pytest.importorskip("onnxruntime", reason="the extra ml is not installed")
    if request.param == "insightface":
        pytest.importorskip("insightface", reason="the extra faces is not installed")
        return {"BACKEND": "insightface", "OPTIONS": {"weights": str(built("insightface"))}}
    return ours()


@pytest.fixture(scope="module")
def runtime(setting: Any) -> Iterator[Runtime]:
    with Runtime({"faces": setting}) as runtime:
        yield runtime


def ours(**options: Any) -> Any:
    faces = built("faces")
    models = {"weights": str(faces / "yunet.onnx"), "recogniser": str(faces / "recogniser.onnx")}
    return {"BACKEND": "yunet_sface", "OPTIONS": models | {"again": 0} | options}


def theirs(folder: Path) -> Any:
    return {"BACKEND": "insightface", "OPTIONS": {"weights": str(folder)}}


def alone(person: int, row: int, column: int) -> Picture:
    """Away from the edges, behind which recognisers see black."""
    return group((person, row + 1, column + 1), rows=5, columns=6)


def seen(runtime: Runtime, picture: Picture, options: FaceOptions | None = None) -> tuple[Face, ...]:
    (result,) = runtime.map(FACES, [picture], options)
    assert isinstance(result, Faces), result
    return result.faces


def vector(face: Face) -> Vector:
    assert face.vector is not None
    return face.vector


def problem(setting: Any) -> str:
    with Runtime({"faces": setting}) as runtime:
        (failure,) = runtime.map(FACES, [group()])
        assert isinstance(failure, Failure)
        assert failure.kind == "not_installed"
        return failure.message


def test_faces_are_where_they_are(runtime: Runtime) -> None:
    first, second = sorted(seen(runtime, group((1, 0, 1), (2, 2, 3))), key=lambda face: face.box)
    assert first.box == pytest.approx((1 / 4, 0, 2 / 4, 1 / 3), abs=0.01)
    assert second.box == pytest.approx((3 / 4, 2 / 3, 1, 1), abs=0.01)
    assert first.landmarks[2] == pytest.approx((1.5 / 4, 0.55 / 3), abs=0.01)


def test_the_same_person_elsewhere_is_nearer_than_another(runtime: Runtime) -> None:
    (one,), (again,), (other,) = (seen(runtime, alone(*place)) for place in ((1, 0, 1), (1, 2, 2), (2, 2, 2)))
    assert compare(vector(one), vector(again)).distance < 0.001
    assert compare(vector(one), vector(other)).distance > 0.1


def test_people_on_many_pictures_are_grouped(runtime: Runtime) -> None:
    places = [(person, row, column) for person in range(1, 5) for row in range(3) for column in range(4)]
    pictures = [alone(*place) for place in places]
    results = list(runtime.map(FACES, pictures))
    vectors = np.stack([vector(result.faces[0]).values for result in results if isinstance(result, Faces)])
    labels = cluster(vectors, tolerance=0.02)
    assert len({(person, label) for (person, _, _), label in zip(places, labels.tolist(), strict=True)}) == 4


def test_pictures_of_any_shape_are_looked_at(runtime: Runtime) -> None:
    shapes = [(1, 1), (10, 20_000), (20_000, 10), (31, 33)]
    for result in runtime.map(FACES, [np.full((*shape, 3), 128, np.uint8) for shape in shapes]):
        assert isinstance(result, Faces)
        assert result.faces == ()


def test_what_is_asked_of_a_face_is_asked_of_all(runtime: Runtime) -> None:
    picture = group((1, 0, 1))
    assert seen(runtime, picture, FaceOptions(min_side=CELL + 1)) == ()
    assert seen(runtime, picture, FaceOptions(min_score=1.01)) == ()
    assert len(seen(runtime, picture)) == 1


def test_many_faces_are_told_apart_a_few_at_a_time(setting: Any) -> None:
    crowd = group(*((10 + place, place // 6, place % 6) for place in range(18)), rows=3, columns=6)
    few: Any = {**setting, "OPTIONS": setting["OPTIONS"] | {"crops_at_once": 5}}
    with Runtime({"faces": few}) as some, Runtime({"faces": setting}) as whole:
        one, other = seen(some, crowd), seen(whole, crowd)
    assert len(one) == 18
    assert all(compare(vector(a), vector(b)).distance < 1e-4 for a, b in zip(one, other, strict=True))


def test_a_recogniser_that_takes_one_face_at_a_time_gives_the_same() -> None:
    crowd = group((1, 0, 1), (2, 2, 3), (3, 1, 1))
    fixed = ours(recogniser=str(built("faces") / "one_by_one.onnx"))
    with Runtime({"faces": fixed}) as one, Runtime({"faces": ours()}) as other:
        pairs = zip(seen(one, crowd), seen(other, crowd), strict=True)
        assert all((vector(a).values == pytest.approx(vector(b).values, abs=1e-5)) for a, b in pairs)


def test_pixels_go_in_as_the_recogniser_was_taught() -> None:
    """This one is blind to a shift of all pixels and to their scale: both ways must agree."""
    with Runtime({"faces": ours()}) as as_they_are, Runtime({"faces": ours(mean=127.5, spread=127.5)}) as centred:
        (one,), (other,) = (seen(runtime, group((1, 0, 1))) for runtime in (as_they_are, centred))
    assert compare(vector(one), vector(other)).distance < 1e-5
    assert vector(one).space == "recogniser"


def test_a_recogniser_of_another_size_says_what_to_do() -> None:
    message = problem(ours(recogniser=str(built("faces") / "larger.onnx")))
    assert "larger.onnx is no recogniser of 112 x 112 pixels" in message
    assert message.endswith("Put one there, or name another one in the settings.")


def test_real_people_turned_and_reduced_are_nearer_to_themselves(material: Path) -> None:
    """The real finder with the designed recogniser, which sees colours and shades alone."""
    yunet = next((material / "models" / "face").glob("*yunet*.onnx"))
    names = ("obama/obama.jpg", "biden/biden.jpg", "rose_leslie/img1.jpg", "kit_harington/john1.jpeg")
    photos = [np.asarray(Image.open(material / PEOPLE / name).convert("RGB")) for name in names]
    with Runtime({"faces": ours(weights=str(yunet), again=2)}) as runtime:
        people = [vector(seen(runtime, photo)[0]) for photo in photos]
        for number, photo in enumerate(photos):
            for scale, turn in ((0.5, 0), (0.7, 15), (1.0, -10)):
                again = vector(max(seen(runtime, moved(photo, scale, turn)), key=lambda face: face.score))
                distances = [compare(again, person).distance for person in people]
                assert int(np.argmin(distances)) == number, (names[number], scale, turn, distances)


def moved(photo: Picture, scale: float, turn: float) -> Picture:
    height, width = (round(side * scale) for side in photo.shape[:2])
    reduced = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1)
    return np.asarray(cv2.warpAffine(reduced, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def test_insightface_is_never_asked_to_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("insightface", reason="the extra faces is not installed")
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("buffalo_l", "buffalo_sc"):
        setting: Any = {"BACKEND": "insightface", "OPTIONS": {"weights": name}}
        assert problem(setting) == f"Not installed: {name}. Run: python -m ml models pull {name}"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_insightface_that_lacks_a_part_says_so(tmp_path: Path) -> None:
    pytest.importorskip("insightface", reason="the extra faces is not installed")
    whole = built("insightface")
    (alone := tmp_path / "alone").mkdir()
    shutil.copy(whole / "det_designed.onnx", alone)
    assert problem(theirs(alone)).startswith(f"{alone} has no recogniser of 112 x 112 pixels.")
    shutil.copy(built("faces") / "larger.onnx", alone)
    assert problem(theirs(alone)).startswith(f"{alone} has no recogniser of 112 x 112 pixels.")
    (other := tmp_path / "other").mkdir()
    shutil.copy(whole / "rec_designed.onnx", other)
    assert problem(theirs(other)).startswith(f"{other} has no detector with landmarks")
    (half := tmp_path / "half").mkdir()
    (half / "det.onnx").write_bytes((whole / "det_designed.onnx").read_bytes()[:900])
    assert "det.onnx cannot be read" in problem(theirs(half))
    assert problem(theirs(half)).endswith(f"Install {half} again.")
