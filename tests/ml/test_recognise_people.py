"""Known people by a real recogniser. The test material has none: MEDIAHUB_TEST_RECOGNISER names an ONNX file of one.

SFace takes pixels as they are, every other one as ArcFace does.
"""

import csv
import os
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml import FACES, Faces, Runtime
from ml.faces import TOLERANCE, cluster, compare
from ml.results import Face, Vector

FILE = os.environ.get("MEDIAHUB_TEST_RECOGNISER", "")

pytestmark = pytest.mark.skipif(not FILE, reason="no real recogniser: set MEDIAHUB_TEST_RECOGNISER")


@pytest.fixture(scope="module")
def photos(material: Path) -> dict[str, tuple[list[str], list[Face]]]:
    """Who is on each photo, and the faces from left to right."""
    rows = list(csv.reader((material / "truth" / "faces.csv").open()))[1:]
    options = {
        "weights": str(next((material / "models" / "face").glob("*yunet*.onnx"))),
        "recogniser": FILE,
        **({} if "sface" in Path(FILE).name else {"mean": 127.5, "spread": 127.5}),
    }
    with Runtime({"faces": {"BACKEND": "yunet_sface", "OPTIONS": options}}) as runtime:
        pictures = (np.asarray(Image.open(material / name).convert("RGB")) for name, _who, _count in rows)
        found = {
            name: ([person.split(" (")[0] for person in who.split(";")], sorted(result.faces, key=lambda one: one.box))
            for (name, who, _count), result in zip(rows, runtime.map(FACES, pictures), strict=True)
            if isinstance(result, Faces)
        }
    assert len(found) == len(rows)
    return found


@pytest.fixture(scope="module")
def portraits(photos: dict[str, tuple[list[str], list[Face]]]) -> list[tuple[str, Vector]]:
    return [(who[0], vector(faces[0])) for who, faces in photos.values() if len(faces) == 1]


def vector(face: Face) -> Vector:
    assert face.vector is not None
    return face.vector


def test_two_photos_match_when_they_show_one_person(portraits: list[tuple[str, Vector]]) -> None:
    assert len(portraits) > 20
    wrong = [
        (someone, other, compare(one, another).distance)
        for (someone, one), (other, another) in combinations(portraits, 2)
        if compare(one, another).match != (someone == other)
    ]
    assert not wrong, f"tolerance {TOLERANCE}: {wrong}"


def test_everybody_is_a_group_of_their_own(portraits: list[tuple[str, Vector]]) -> None:
    groups = cluster(np.stack([face.values for _who, face in portraits])).tolist()
    people = {who for who, _face in portraits}
    assert len({*zip((who for who, _face in portraits), groups, strict=True)}) == len({*groups}) == len(people)


def test_people_are_recognised_beside_others(
    photos: dict[str, tuple[list[str], list[Face]]], portraits: list[tuple[str, Vector]]
) -> None:
    """Also a stranger at the edge, who is like nobody."""
    together = {Path(name).stem: (who, faces) for name, (who, faces) in photos.items() if len(faces) > 1}
    assert len(together) == 2
    for who, faces in together.values():
        nearest = [min((compare(vector(face), known).distance, name) for name, known in portraits) for face in faces]
        assert sorted(name for distance, name in nearest if distance <= TOLERANCE) == sorted(who)
