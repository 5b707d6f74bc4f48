"""What a picture says about itself: EXIF, IPTC, XMP and a sidecar, cleaned and put in order.

Everything here was written by strangers. A field that makes no sense is left out; it never spoils its neighbours and
never the picture.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from numbers import Rational
from typing import Any, TypeVar
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException
from PIL import Image, ImageFile, IptcImagePlugin
from PIL.ExifTags import GPS, IFD, Base

from media.dates import Clues, candidates
from media.results import Metadata

K = TypeVar("K")

LONGEST_SIDECAR = 4 * 1024 * 1024
LONGEST_LINE = 200
LONGEST_DESCRIPTION = 5_000
MOST_KEYWORDS = 500

# Written by cameras into every picture, and so no description of any.
CAMERA_DEFAULTS = re.compile(r".{0,20}digital camera|sony dsc|dcim|default|untitled", re.IGNORECASE)

XP_TITLE, XP_COMMENT, XP_KEYWORDS = 0x9C9B, 0x9C9C, 0x9C9E
RATING, RATING_PERCENT = 0x4746, 0x4749

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
XML_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
NAMESPACES = {
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://www.digikam.org/ns/1.0/": "digikam",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://cipa.jp/exif/1.0/": "exifEX",
}

Tags = Mapping[int, Any]
Xmp = Mapping[str, Sequence[str]]


def read_metadata(
    picture: Image.Image | None, exif: Image.Exif, *, sidecar: bytes | None, name: str, modified_at: float
) -> Metadata:
    """Everything known about one picture. `picture` gives IPTC and XMP where it has them."""
    main = _tolerant(lambda: dict(exif))
    camera = _tolerant(lambda: dict(exif.get_ifd(IFD.Exif)))
    gps = _tolerant(lambda: dict(exif.get_ifd(IFD.GPSInfo)))
    iptc = _tolerant(lambda: _read_iptc(picture))
    # The sidecar is where editing programs write, so it is newer than what is inside.
    xmp = _merged(_read_xmp(blob) for blob in (sidecar, _embedded_xmp(picture)) if blob)

    dates = candidates(_clues(main, camera, gps, iptc, xmp, name, modified_at), datetime.now(UTC))
    latitude, longitude = _position(gps, xmp)
    return Metadata(
        taken=dates[0] if dates else None,
        dates=dates,
        make=_first_line(main.get(Base.Make), xmp.get("tiff:Make")),
        model=_first_line(main.get(Base.Model), xmp.get("tiff:Model")),
        lens=_first_line(camera.get(Base.LensModel), xmp.get("exifEX:LensModel"), xmp.get("aux:Lens")),
        exposure_time=_between(_first_number(camera, xmp, Base.ExposureTime, "exif:ExposureTime"), 1e-7, 1e6),
        f_number=_between(_first_number(camera, xmp, Base.FNumber, "exif:FNumber"), 0.1, 500),
        iso=_whole(_between(_first_number(camera, xmp, Base.ISOSpeedRatings, "exif:ISOSpeedRatings"), 1, 10_000_000)),
        focal_length=_between(_first_number(camera, xmp, Base.FocalLength, "exif:FocalLength"), 0.1, 100_000),
        latitude=latitude,
        longitude=longitude,
        altitude=_altitude(gps),
        rating=_rating(main, xmp),
        title=_first_line(xmp.get("dc:title"), iptc.get((2, 5)), _utf16(main.get(XP_TITLE))),
        description=_description(main, camera, iptc, xmp),
        keywords=_keywords(main, iptc, xmp),
        orientation=_orientation(main, picture),
    )


def _orientation(main: Tags, picture: Image.Image | None) -> int | None:
    # The decoder of HEIC turns the picture by itself and then says 1.
    turned = picture.info.get("original_orientation") if picture is not None else None
    value = _whole(number(turned or main.get(Base.Orientation)))
    return value if value is not None and 1 <= value <= 8 else None


def _clues(
    main: Tags, camera: Tags, gps: Tags, iptc: Mapping[tuple[int, int], Any], xmp: Xmp, name: str, modified_at: float
) -> Clues:
    editors = [
        text
        for key in ("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate")
        for text in xmp.get(key, ())
    ]
    day, time = line(iptc.get((2, 55))), line(iptc.get((2, 60)))
    if day and len(day) == 8 and day.isdigit():
        clock = f"T{time[:2]}:{time[2:4]}:{time[4:6]}{time[6:]}" if time and len(time) >= 6 else ""
        editors.append(f"{day[:4]}-{day[4:6]}-{day[6:]}{clock}")
    return Clues(
        original=line(camera.get(Base.DateTimeOriginal)),
        original_offset=line(camera.get(Base.OffsetTimeOriginal)) or line(camera.get(Base.OffsetTime)),
        digitised=line(camera.get(Base.DateTimeDigitized)),
        digitised_offset=line(camera.get(Base.OffsetTimeDigitized)) or line(camera.get(Base.OffsetTime)),
        gps=_gps_stamp(gps),
        editors=tuple(editors),
        name=name,
        modified_at=modified_at,
    )


def _gps_stamp(gps: Tags) -> str | None:
    day = line(gps.get(GPS.GPSDateStamp))
    clock = [number(part) for part in _sequence(gps.get(GPS.GPSTimeStamp))]
    if not day or len(clock) != 3:
        return None
    hour, minute, second = (int(part) if part is not None else -1 for part in clock)
    return f"{day} {hour}:{minute}:{second}" if min(hour, minute, second) >= 0 else None


def _position(gps: Tags, xmp: Xmp) -> tuple[float | None, float | None]:
    latitude = _degrees(gps.get(GPS.GPSLatitude), gps.get(GPS.GPSLatitudeRef), "NS", 90)
    longitude = _degrees(gps.get(GPS.GPSLongitude), gps.get(GPS.GPSLongitudeRef), "EW", 180)
    if latitude is None or longitude is None:
        latitude = _written_degrees(xmp.get("exif:GPSLatitude"), "NS", 90)
        longitude = _written_degrees(xmp.get("exif:GPSLongitude"), "EW", 180)
    # Both zero is what a receiver without a fix writes; the place itself is open sea.
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return None, None
    return latitude, longitude


def _degrees(parts: Any, reference: Any, letters: str, limit: float) -> float | None:
    numbers = [number(part) for part in _sequence(parts)]
    if not 1 <= len(numbers) <= 3 or any(part is None for part in numbers):
        return None
    value = sum((part or 0.0) / 60**power for power, part in enumerate(numbers))
    letter = (line(reference) or letters[0])[:1].upper()
    if letter not in letters:
        return None
    return _between(round(-value if letter == letters[1] else value, 7), -limit, limit)


def _written_degrees(texts: Sequence[str] | None, letters: str, limit: float) -> float | None:
    """XMP writes `26,34.951N` or `26,34,57N`."""
    match = re.fullmatch(r"([\d.]+)(?:,([\d.]+))?(?:,([\d.]+))?([NSEW])", texts[0].strip()) if texts else None
    if match is None:
        return None
    return _degrees([part for part in match.groups()[:3] if part], match[4], letters, limit)


def _altitude(gps: Tags) -> float | None:
    metres = _between(number(gps.get(GPS.GPSAltitude)), -11_000, 100_000)
    below = gps.get(GPS.GPSAltitudeRef) in (1, b"\x01")
    return None if metres is None else round(-metres if below else metres, 2)


def _rating(main: Tags, xmp: Xmp) -> int | None:
    stars = _first_number(main, xmp, RATING, "xmp:Rating")
    if stars is None:
        percent = _between(number(main.get(RATING_PERCENT)), 0, 100)
        # Windows writes 1, 25, 50, 75 and 99 for one to five stars.
        stars = None if percent is None else (0 if percent == 0 else 1 + round(percent / 25))
    return _whole(_between(stars, 0, 5))


def _description(main: Tags, camera: Tags, iptc: Mapping[tuple[int, int], Any], xmp: Xmp) -> str | None:
    for value in (
        xmp.get("dc:description"),
        iptc.get((2, 120)),
        main.get(Base.ImageDescription),
        _utf16(main.get(XP_COMMENT)),
        _user_comment(camera.get(Base.UserComment)),
    ):
        text = clean(value, LONGEST_DESCRIPTION, one_line=False)
        if text and not CAMERA_DEFAULTS.fullmatch(text):
            return text
    return None


def _user_comment(value: Any) -> str | None:
    """The first eight bytes of the tag name the alphabet."""
    if not isinstance(value, bytes) or len(value) < 9:
        return None
    if value.startswith(b"ASCII\0"):
        return clean(value[8:], LONGEST_DESCRIPTION, one_line=False)
    if value.startswith(b"UNICODE\0"):
        body = value[8:]
        return body.decode("utf-16-be" if body[:1] == b"\0" else "utf-16-le", "replace")
    return None


def _keywords(main: Tags, iptc: Mapping[tuple[int, int], Any], xmp: Xmp) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for word in _raw_keywords(main, iptc, xmp):
        text = line(word)
        if text:
            found.setdefault(text.casefold(), text)
        if len(found) >= MOST_KEYWORDS:
            break
    return tuple(found.values())


def _raw_keywords(main: Tags, iptc: Mapping[tuple[int, int], Any], xmp: Xmp) -> Iterator[Any]:
    yield from xmp.get("dc:subject", ())
    for path in xmp.get("lr:hierarchicalSubject", ()):
        yield from path.split("|")
    for path in xmp.get("digikam:TagsList", ()):
        yield from path.split("/")
    found = iptc.get((2, 25), ())
    yield from found if isinstance(found, list) else [found]
    yield from (_utf16(main.get(XP_KEYWORDS)) or "").split(";")


def _embedded_xmp(picture: Image.Image | None) -> bytes | None:
    if picture is None:
        return None
    for key in ("xmp", "XML:com.adobe.xmp"):
        value = picture.info.get(key)
        if isinstance(value, str):
            value = value.encode("utf-8", "replace")
        if isinstance(value, bytes) and value:
            return value
    return None


def _read_xmp(blob: bytes) -> Xmp:
    """Properties as lists of texts, keyed by prefix and name; empty when it is no sound XML."""
    start, end = blob.find(b"<"), blob.rfind(b">")
    if start < 0 or end < 0 or len(blob) > LONGEST_SIDECAR:
        return {}
    try:
        root = defusedxml.ElementTree.fromstring(blob[start : end + 1])
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return {}
    found: dict[str, list[str]] = {}
    for description in root.iter(f"{RDF}Description"):
        for name, text in description.attrib.items():
            _note(found, name, [text])
        for child in description:
            _note(found, child.tag, _texts(child))
    return found


def _note(found: dict[str, list[str]], qualified: str, texts: Iterable[str]) -> None:
    address, _, name = qualified.removeprefix("{").partition("}")
    prefix = NAMESPACES.get(address)
    if prefix:
        found.setdefault(f"{prefix}:{name}", []).extend(text for text in texts if text.strip())


def _texts(element: Element) -> list[str]:
    items = sorted(element.iter(f"{RDF}li"), key=lambda item: item.get(XML_LANGUAGE) not in (None, "x-default"))
    return [item.text or "" for item in items] if items else [element.text or ""]


def _merged(blobs: Iterable[Xmp]) -> Xmp:
    together: dict[str, list[str]] = {}
    for properties in blobs:
        for key, texts in properties.items():
            together.setdefault(key, []).extend(texts)
    return together


def _read_iptc(picture: Image.Image | None) -> dict[tuple[int, int], Any]:
    found = IptcImagePlugin.getiptcinfo(picture) if isinstance(picture, ImageFile.ImageFile) else None
    return dict(found or {})


def _tolerant(read: Callable[[], dict[K, Any]]) -> dict[K, Any]:
    """The border to parsers of foreign bytes: a broken block of metadata is as good as none."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - Pillow's parsers raise nearly everything on odd bytes
        return {}


def _utf16(value: Any) -> str | None:
    """Windows keeps its own tags as UTF-16 bytes or as a list of byte values."""
    if isinstance(value, tuple):
        value = bytes(part for part in value if isinstance(part, int) and 0 <= part < 256)
    return value.decode("utf-16-le", "replace") if isinstance(value, bytes) else None


def clean(value: Any, longest: int, *, one_line: bool) -> str | None:
    """A text without control characters, reversed writing and lone surrogates; None when nothing is left."""
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    if isinstance(value, bytes):
        value = _decode(value)
    if not isinstance(value, str):
        return None
    # EXIF has no alphabet, and what was read as Latin-1 is most often UTF-8.
    with suppress(UnicodeEncodeError, UnicodeDecodeError):
        value = value.encode("latin-1").decode("utf-8")
    rows = (
        "".join(letter if _is_shown(letter) else " " for letter in row) for row in value[: longest * 4].splitlines()
    )
    text = " ".join(" ".join(rows).split()) if one_line else "\n".join(rows)
    return unicodedata.normalize("NFC", text.strip())[:longest].strip() or None


def _is_shown(letter: str) -> bool:
    # Control, format (among them the marks that reverse writing), surrogate, private and unassigned characters.
    return letter == "\u200d" or not unicodedata.category(letter).startswith("C")


def _decode(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def line(value: Any) -> str | None:
    return clean(value, LONGEST_LINE, one_line=True)


def _first_line(*values: Any) -> str | None:
    return next((text for text in map(line, values) if text), None)


def number(value: Any) -> float | None:
    """A finite number from whatever a tag holds: rationals, lists of one, `1/250`, and no division by zero."""
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    try:
        if isinstance(value, str):
            above, _, below = value.strip("\0 ").partition("/")
            result = float(above) / (float(below) if below else 1.0)
        elif isinstance(value, Rational | float):
            result = float(value)
        else:
            return None
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def _first_number(tags: Tags, xmp: Xmp, tag: int, property_name: str) -> float | None:
    found = number(tags.get(tag))
    return found if found is not None else number(xmp.get(property_name))


def _between(value: float | None, lowest: float, highest: float) -> float | None:
    return value if value is not None and lowest <= value <= highest else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _sequence(value: Any) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return value
    return () if value is None else (value,)
