"""Which of the dates that a file names is the one when it was taken."""

from datetime import UTC, datetime

import pytest

from media.dates import Clues, candidates

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def best(**clues: object) -> tuple[str, int | None, str] | None:
    found = candidates(Clues(**clues), NOW)  # type: ignore[arg-type]
    return (found[0].local, found[0].offset_minutes, found[0].source) if found else None


def test_the_camera_and_its_offset_come_first() -> None:
    assert best(
        original="2024:01:31 23:59:58",
        original_offset="+02:00",
        gps="2024:01:31 21:59:58",
        name="IMG_20200101_000000.jpg",
    ) == ("2024-01-31T23:59:58", 120, "exif")


def test_satellites_give_the_offset_that_the_camera_left_out() -> None:
    assert best(original="2024:01:31 23:59:58", gps="2024:02:01 04:59:20") == ("2024-01-31T23:59:58", -300, "exif")


def test_clocks_that_do_not_agree_give_no_offset() -> None:
    assert best(original="2024:01:31 23:59:58", gps="2024:02:01 04:52:20") == ("2024-01-31T23:59:58", None, "exif")


def test_satellites_alone_tell_the_time_in_utc() -> None:
    assert best(gps="2024:02:01 04:52:20") == ("2024-02-01T04:52:20", 0, "gps")


def test_an_editor_is_asked_before_the_name() -> None:
    assert best(editors=("2013-09-23T10:09:46+02:00",), name="IMG_20200101_000000.jpg") == (
        "2013-09-23T10:09:46",
        120,
        "xmp",
    )


@pytest.mark.parametrize(
    ("name", "local"),
    [
        ("IMG_20240131_235959.jpg", "2024-01-31T23:59:59"),
        ("PXL_20240131_235959123.MP.jpg", "2024-01-31T23:59:59"),
        ("2024-01-31 23.59.59.jpg", "2024-01-31T23:59:59"),
        ("IMG-20240131-WA0001.jpg", "2024-01-31T00:00:00"),
        ("Screenshot 2019-05-21 at 10.45.52.png", "2019-05-21T10:45:52"),
        ("Screenshot_20190521-104552_Chrome.png", "2019-05-21T10:45:52"),
        ("WhatsApp Image 2024-01-31 at 23.59.59.jpeg", "2024-01-31T23:59:59"),
        ("20240131235959.jpg", "2024-01-31T23:59:59"),
        ("scan 1931-07-04.tif", "1931-07-04T00:00:00"),
    ],
)
def test_a_name_can_hold_a_date(name: str, local: str) -> None:
    assert best(name=name, modified_at=1.7e9) == (local, None, "name")


@pytest.mark.parametrize(
    "name", ["DSC_0042.JPG", "1706745599.jpg", "IMG_20241331_235959.jpg", "4208202401310000000.jpg"]
)
def test_a_number_in_a_name_is_no_date(name: str) -> None:
    assert best(name=name, modified_at=1.7e9) == ("2023-11-14T22:13:20", 0, "file")


@pytest.mark.parametrize(
    "stamp",
    [
        "0000:00:00 00:00:00",
        "1825:12:31 12:00:00",
        "2026:06:03 12:00:00",
        "1970:01:01 00:00:00",
        "    :  :     :  :  ",
        "x",
    ],
)
def test_an_impossible_date_is_left_out(stamp: str) -> None:
    assert best(original=stamp) is None


def test_every_candidate_is_kept_best_first() -> None:
    found = candidates(
        Clues(
            original="2020:01:02 03:04:05",
            digitised="2020:01:02 03:04:05",
            name="IMG_20200102_030400.jpg",
            modified_at=1.7e9,
        ),
        NOW,
    )
    assert [taken.source for taken in found] == ["exif", "name", "file"]


@pytest.mark.parametrize("modified_at", [float("inf"), float("nan"), 1e300, -1e300])
def test_a_file_time_beyond_any_calendar_is_left_out(modified_at: float) -> None:
    assert best(modified_at=modified_at) is None
