"""When was it taken? Pure functions from what a file says to candidates, best first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from media.results import DateSource, Taken

FIRST_YEAR = 1826  # the oldest photograph that still exists

# Clocks that were never set. They are real dates, but nobody took a picture in that very second.
UNSET_CLOCKS = frozenset({datetime(1904, 1, 1), datetime(1970, 1, 1), datetime(1980, 1, 1)})

# A camera's clock and the satellites' agree to within this once the time zone is taken out.
GPS_TOLERANCE = timedelta(seconds=90)

_STAMP = re.compile(
    r"\s*(\d{4})[:\-/.](\d{1,2})[:\-/.](\d{1,2})"
    r"(?:[T ]\s*(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d*)?)?\s*(Z|[+\-]\d{2}:?\d{2})?)?\s*",
    re.ASCII,
)
_OFFSET = re.compile(r"\s*([+\-])(\d{1,2}):?(\d{2})\s*", re.ASCII)

# IMG_20240131_235959, PXL_20240131_235959123, 2024-01-31 23.59.59, Screenshot 2019-05-21 at 10.45.52,
# signal-2024-01-31-235959, IMG-20240131-WA0001. A longer run of digits is a number and not a date.
_NAME = re.compile(
    r"(?<!\d)(?P<year>(?:18|19|20)\d{2})(?P<gap>[-_.: ]?)(?P<month>\d{2})(?P=gap)(?P<day>\d{2})"
    r"(?:(?:[-_ T.]|_at_|[ ]at[ ])?(?P<hour>\d{2})[-_.: h]?(?P<minute>\d{2})[-_.: m]?(?P<second>\d{2})(?:\d{3})?)?"
    r"(?![0-9])",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True)
class Clues:
    """What was found about the time, as written in the file."""

    original: str | None = None  # EXIF DateTimeOriginal, in local time
    original_offset: str | None = None
    digitised: str | None = None
    digitised_offset: str | None = None
    gps: str | None = None  # GPS date and time, in UTC
    editors: tuple[str, ...] = ()  # XMP and IPTC
    name: str = ""
    modified_at: float | None = None


def candidates(clues: Clues, now: datetime) -> tuple[Taken, ...]:
    """Every date that can be true, best first. `now` is aware; what lies more than a day after it is ignored."""
    found: dict[tuple[str, DateSource], Taken] = {}
    for local, offset, source in _claims(clues):
        if _is_possible(local, now):
            taken = Taken(local.isoformat(timespec="seconds"), offset, source)
            found.setdefault((taken.local, source), taken)
    return tuple(found.values())


def _claims(clues: Clues) -> Iterator[tuple[datetime, int | None, DateSource]]:
    satellites = parse_stamp(clues.gps)
    for stamp, offset in (
        (clues.original, clues.original_offset),
        (clues.digitised, clues.digitised_offset),
    ):
        parsed = parse_stamp(stamp)
        if parsed is not None:
            local, own_offset = parsed
            minutes = parse_offset(offset)
            if minutes is None:
                minutes = own_offset
            if minutes is None and satellites is not None:
                minutes = offset_from_gps(local, satellites[0])
            yield local, minutes, "exif"
    if satellites is not None:
        yield satellites[0], 0, "gps"
    for stamp in clues.editors:
        parsed = parse_stamp(stamp)
        if parsed is not None:
            yield *parsed, "xmp"
    for moment in dates_in_name(clues.name):
        yield moment, None, "name"
    if clues.modified_at is not None:
        with suppress(OverflowError, OSError, ValueError):  # a file system can hold times that no calendar has
            yield datetime.fromtimestamp(clues.modified_at, UTC).replace(tzinfo=None), 0, "file"


def parse_stamp(text: str | None) -> tuple[datetime, int | None] | None:
    """`2024:01:31 23:59:59` and its relatives in EXIF, XMP and IPTC; a date alone is its midnight."""
    # EXIF has exactly 19 characters; what some programs write behind them is not to be trusted.
    match = (_STAMP.fullmatch(text) or _STAMP.fullmatch(text[:19])) if text else None
    if match is None:
        return None
    year, month, day, hour, minute, second, offset = match.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), min(int(second or 0), 59))
    except ValueError:
        return None
    return moment, 0 if offset == "Z" else parse_offset(offset)


def parse_offset(text: str | None) -> int | None:
    """`+02:00` in minutes; None for anything that no place on Earth uses."""
    match = _OFFSET.fullmatch(text) if text else None
    if match is None:
        return None
    minutes = int(match[2]) * 60 + int(match[3])
    if minutes > 14 * 60 or int(match[3]) > 59:
        return None
    return -minutes if match[1] == "-" else minutes


def offset_from_gps(local: datetime, utc: datetime) -> int | None:
    """The time zone, when both clocks agree but for a multiple of 15 minutes; None when they do not."""
    quarters = round((local - utc) / timedelta(minutes=15))
    minutes = quarters * 15
    if abs(minutes) > 14 * 60 or abs(local - utc - timedelta(minutes=minutes)) > GPS_TOLERANCE:
        return None
    return minutes


def dates_in_name(name: str) -> Iterable[datetime]:
    """Dates that phones, messengers and screenshot tools write into file names."""
    for match in _NAME.finditer(name[:300]):
        try:
            day = datetime(int(match["year"]), int(match["month"]), int(match["day"]))
            hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
            yield day.replace(hour=hour, minute=minute, second=second)
        except ValueError:
            continue


def _is_possible(local: datetime, now: datetime) -> bool:
    # The offset is often unknown, so a day of grace covers every time zone.
    latest = now.astimezone(UTC).replace(tzinfo=None) + timedelta(days=1)
    return local.year >= FIRST_YEAR and local <= latest and local not in UNSET_CLOCKS
