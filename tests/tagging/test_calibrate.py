"""Over real pictures no label says the same of nearly everything, and what is sharp is not called soft."""

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from apps.library.models import Asset, Inspection
from apps.tagging.facts import Facts, facts_of
from media import quality
from media.results import to_plain
from tests.material import small_pictures

BLURRED = {"soft_focus", "very_blurry"}


def facts(pixels: NDArray[np.uint8], width: int, height: int) -> Facts:
    measured = quality.measure(pixels, width=width, height=height, text_likeness=0.0)
    return facts_of(Asset(width=width, height=height), Inspection(quality=to_plain(measured), colours=[]))


def labels(found: Facts) -> set[str]:
    return {label.name for label in found.labels if label.family == "quality"}


def test_no_quality_label_is_on_more_than_half_of_the_photos_and_no_sharp_one_is_soft(material: Path) -> None:
    pictures = small_pictures(material / "photos")
    counts = Counter[str]()
    for each in pictures:
        found = labels(facts(each.pixels, each.width, each.height))
        counts.update(found)
        assert not found & BLURRED, each.name
    assert {name: count for name, count in counts.items() if count > len(pictures) / 2} == {}


def test_most_blurred_pictures_are_found(material: Path) -> None:
    """Blurs of 0.8 % of the long side and more."""
    found = blurred = 0
    for each in small_pictures(material / "photos")[::4]:
        if not labels(facts(each.pixels, each.width, each.height)):
            continue
        for share in (0.008, 0.012, 0.016):
            soft = np.asarray(cv2.GaussianBlur(each.pixels, (0, 0), share * max(each.pixels.shape)), np.uint8)
            blurred += 1
            found += bool(labels(facts(soft, each.width, each.height)) & BLURRED)
    assert blurred > 200
    assert found / blurred >= 0.7
