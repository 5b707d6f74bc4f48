"""Real pictures: every copy is recognised, turned and mirrored ones too, and no two different pictures are one."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from PIL import Image, ImageEnhance

from apps.duplicates.matching import HashIndex, Near, words_of
from media import pdq
from media.results import Pdq
from tests.material import small_pictures

# Which files of the material show the same picture; what no row names is alone.
SAME = {
    "bridge": r"duplicates-pdq/bridge",
    "landscape": r"orientation/landscape_\d",
    "portrait": r"orientation/portrait_\d",
    "hopper": r"hopper_orientation_\d|pillow/hopper\.psd",
    "example": r"formats/example\.",
    "obama": r"obama/obama\.jpg|faces/obama\.jpg",
    "obama 2": r"obama2\.jpg|faces/32bit\.png",
    "biden": r"biden/biden\.jpg|faces/biden\.jpg",
    "station": r"pillow/iss634",
    "alpha 1": r"webp/Alpha .* \(1\)",
    "alpha 2": r"webp/Alpha .* \(2\)",
    "animation": r"webp/Animation ",
}

COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half size": lambda picture: picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS),
    "JPEG 30": lambda picture: recompressed(picture, 30),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.15),
    "turned": lambda picture: picture.transpose(Image.Transpose.ROTATE_90),
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


def recompressed(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def group_of(name: str) -> str:
    return next((group for group, pattern in SAME.items() if re.search(pattern, name)), name)


def hashed(picture: Image.Image) -> Pdq:
    return pdq.hash_forms(np.asarray(picture))


def near(index: HashIndex, found: Pdq) -> Near:
    return index.near(words_of([bytes.fromhex(form) for form in found.forms]), settings.DUPLICATE_THRESHOLD)


def test_every_true_pair_of_the_material_is_found_and_no_false_one(material: Path) -> None:
    names: list[str] = []
    originals: list[Pdq] = []
    copies: list[tuple[int, str, Pdq]] = []
    for small in small_pictures(material / "photos"):
        name, picture = small.name, small.picture
        original = hashed(picture)
        if original.quality < settings.DUPLICATE_MIN_QUALITY:
            continue
        number = len(names)
        names.append(name)
        originals.append(original)
        # The many shelf pictures are alike in kind: some of them stand for all.
        if "products/scene" not in name or number % 4 == 0:
            copies += [(number, kind, hashed(change(picture))) for kind, change in COPIES.items()]
    assert len(names) > 300
    index = HashIndex()
    index.put(range(len(names)), words_of([bytes.fromhex(original.forms[0]) for original in originals]))

    groups = [group_of(name) for name in names]
    true = {(one, other) for one, group in enumerate(groups) for other in range(len(names)) if groups[other] == group}
    found = {(number, int(key)) for number, original in enumerate(originals) for key in near(index, original).keys}
    assert describe(found - true, names) == []
    assert describe(true - found, names) == []

    assert len(copies) > 900
    for number, kind, copy in copies:
        keys = {int(key) for key in near(index, copy).keys}
        assert number in keys or copy.quality < settings.DUPLICATE_MIN_QUALITY, f"{names[number]} {kind} is not found"
        strangers = describe({(number, key) for key in keys} - true, names)
        assert strangers == [], kind


def describe(pairs: set[tuple[int, int]], names: list[str]) -> list[tuple[str, str]]:
    return [(names[one], names[other]) for one, other in sorted(pairs)]


@pytest.fixture(autouse=True)
def _own_store() -> None:
    """Nothing here touches the store."""
