"""What is known about a picture becomes its tags; what is not known becomes none."""

from datetime import UTC, datetime
from typing import Any

import pytest

from apps.library.models import Asset, Inspection
from apps.tagging.facts import brand_of, facts_of
from media.results import Colour, Quality, to_plain

DECENT = Quality(
    sharpness=0.5,
    noise=0.7,
    exposure_p1=0.05,
    exposure_p50=0.45,
    exposure_p99=0.95,
    clipped_low=0.0,
    clipped_high=0.01,
    contrast=0.2,
    colourfulness=45.0,
    megapixels=12.0,
    text_likeness=0.1,
)
GREY = (Colour("#808080", 1.0, "grey"),)


def tags(
    quality: dict[str, Any] | None = None,
    *,
    colours: tuple[Colour, ...] = GREY,
    frames: int = 1,
    has_alpha: bool = False,
    **asset: Any,
) -> set[str]:
    measured = {**to_plain(DECENT), **(quality or {})}
    inspection = Inspection(quality=measured, colours=to_plain(colours), frames=frames, has_alpha=has_alpha)
    facts = facts_of(Asset(**asset), inspection)
    return {f"{label.family}:{label.name}" for label in facts.labels}


def score(**quality: Any) -> int | None:
    return facts_of(Asset(), Inspection(quality={**to_plain(DECENT), **quality}, colours=[])).quality


def taken(text: str, source: str = "exif", **asset: Any) -> set[str]:
    local = datetime.fromisoformat(text).replace(tzinfo=UTC)
    found = tags(taken_local=local, taken_source=source, **asset)
    return {name.removeprefix("temporal:") for name in found if name.startswith("temporal:")}


@pytest.mark.parametrize(
    ("sharpness", "label"), [(0.1, "very_blurry"), (0.3, "soft_focus"), (0.5, None), (0.7, "sharp"), (None, None)]
)
def test_sharpness_has_one_label_or_none(sharpness: float | None, label: str | None) -> None:
    scale = {"quality:very_blurry", "quality:soft_focus", "quality:sharp"}
    assert tags({"sharpness": sharpness}) & scale == ({f"quality:{label}"} if label else set())


def test_a_picture_without_anything_to_judge_by_has_no_score_and_no_grade() -> None:
    assert score(sharpness=None) is None
    assert not {name for name in tags({"sharpness": None}) if name.endswith("_quality")}


def test_the_score_falls_with_each_of_its_parts() -> None:
    best = score(sharpness=0.8)
    assert best == 100
    for worse in (
        {"sharpness": 0.3},
        {"sharpness": 0.8, "noise": 6.0},
        {"sharpness": 0.8, "contrast": 0.05},
        {"sharpness": 0.8, "exposure_p99": 0.4},
        {"sharpness": 0.8, "megapixels": 0.1},
    ):
        assert (score(**worse) or 0) < best


def test_a_blurred_picture_is_a_poor_one() -> None:
    assert "quality:poor_quality" in tags({"sharpness": 0.15})
    assert "quality:good_quality" in tags({"sharpness": 0.7})


def test_a_product_on_white_is_not_overexposed() -> None:
    assert "quality:overexposed" not in tags({"clipped_high": 0.6, "exposure_p50": 1.0, "exposure_p1": 0.2})
    assert "quality:overexposed" in tags({"clipped_high": 0.6, "exposure_p50": 0.98, "exposure_p1": 0.6})


def test_a_dark_noisy_flat_picture_says_so() -> None:
    found = tags({"exposure_p99": 0.3, "noise": 6.0, "contrast": 0.04})
    assert {"quality:underexposed", "quality:noisy", "quality:low_contrast"} <= found


def test_colours_are_named_from_a_quarter_of_the_picture_on() -> None:
    colours = (Colour("#0000ff", 0.3, "blue"), Colour("#0000aa", 0.3, "blue"), Colour("#ff0000", 0.2, "red"))
    found = tags({"colourfulness": 90.0}, colours=colours)
    assert {name for name in found if name.startswith("colour:")} == {"colour:blue", "colour:colourful"}
    assert "colour:monochrome" in tags({"colourfulness": 1.0})


def test_a_date_is_a_year_a_month_a_day_and_a_part_of_it() -> None:
    assert taken("2025-07-05 19:30:00") == {"year_2025", "july", "saturday", "weekend", "evening"}


@pytest.mark.parametrize(("latitude", "season"), [(52.0, "summer"), (-33.0, "winter"), (1.0, None), (None, None)])
def test_a_season_needs_a_latitude(latitude: float | None, season: str | None) -> None:
    found = taken("2025-07-05 12:00:00", latitude=latitude, longitude=None if latitude is None else 10.0)
    assert found & {"winter", "spring", "summer", "autumn"} == ({season} if season else set())


def test_the_time_of_a_file_gives_no_tags() -> None:
    assert taken("2025-07-05 19:30:00", "file") == set()


def test_a_name_that_knows_only_the_day_says_no_time_of_day() -> None:
    assert taken("2025-07-07 00:00:00", "name") == {"year_2025", "july", "monday"}
    assert "night" in taken("2025-07-07 00:00:00", "exif")


def test_satellite_time_is_turned_into_local_time() -> None:
    tokyo = taken("2024-12-31 22:00:00", "gps", latitude=35.7, longitude=139.7)
    assert tokyo == {"year_2025", "january", "wednesday", "winter", "morning"}
    assert taken("2024-12-31 22:00:00", "gps") == set()


@pytest.mark.parametrize(
    ("size", "label"),
    [
        ((4000, 3000), "4k_plus"),
        ((3000, 2000), "high_resolution"),
        ((1600, 1200), None),
        ((640, 480), "low_resolution"),
    ],
)
def test_resolution_has_one_label_or_none(size: tuple[int, int], label: str | None) -> None:
    scale = {"technical:4k_plus", "technical:high_resolution", "technical:low_resolution"}
    assert tags(width=size[0], height=size[1]) & scale == ({f"technical:{label}"} if label else set())


def test_the_camera_tells_how_a_picture_was_made() -> None:
    found = tags(camera_make="NIKON CORPORATION", iso=3200, exposure_time=2.0, focal_length=200.0, lens="Macro 200mm")
    assert found >= {
        f"technical:{name}" for name in ("nikon", "high_iso", "long_exposure", "telephoto", "macro_lens")
    }  # fmt: skip


@pytest.mark.parametrize(
    ("make", "brand"),
    [
        ("Canon", "canon"),
        ("OLYMPUS IMAGING CORP.", "olympus"),
        ("FUJI PHOTO FILM CO., LTD.", "fujifilm"),
        ("Konica Minolta Camera, Inc.", "konica_minolta"),
        ("EASTMAN KODAK COMPANY", "kodak"),
    ],
)
def test_brands_are_written_without_their_company(make: str, brand: str) -> None:
    assert brand_of(make) == brand


@pytest.mark.parametrize(
    ("size", "shape"),
    [((400, 300), "landscape"), ((300, 400), "portrait"), ((400, 400), "square"), ((900, 300), "panorama")],
)
def test_a_shape_is_one_of_four(size: tuple[int, int], shape: str) -> None:
    found = tags(width=size[0], height=size[1]) & {
        f"format:{name}" for name in ("landscape", "portrait", "square", "panorama")
    }
    assert found == {f"format:{shape}"}


def test_only_formats_that_move_are_animated() -> None:
    assert {"format:gif", "format:animated", "format:transparent"} <= tags(format="gif", frames=9, has_alpha=True)
    assert "format:animated" not in tags(format="tiff", frames=9)


def test_a_place_is_a_town_and_a_country() -> None:
    found = tags(latitude=52.5, longitude=13.4, city="Berlin", country="DE")
    assert {"location:has_gps", "location:Berlin", "location:Germany"} <= found
    assert not {name for name in tags() if name.startswith("location:")}
