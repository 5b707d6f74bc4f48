"""Fields that strangers wrote: cleaned, in order, and never the picture's ruin."""

from pathlib import Path

import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from PIL.TiffImagePlugin import IFDRational

from media import Inspection, Metadata
from media.metadata import clean, number
from tests.media.conftest import Look
from tests.media.samples import encoded
from tests.pictures import jpeg

XMP = """<?xpacket begin="" id="x"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4">
 <dc:title><rdf:Alt><rdf:li xml:lang="de">Strand</rdf:li>
 <rdf:li xml:lang="x-default">Beach</rdf:li></rdf:Alt></dc:title>
 <dc:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li>Sea</rdf:li><rdf:li>Anna</rdf:li></rdf:Bag></dc:subject>
 <lr:hierarchicalSubject><rdf:Bag><rdf:li>People|Anna</rdf:li></rdf:Bag></lr:hierarchicalSubject>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def told(look: Look, exif: Image.Exif | None = None, sidecar: Path | None = None) -> Metadata:
    answer = look(jpeg(1, exif=exif), sidecar=sidecar)
    assert isinstance(answer, Inspection)
    return answer.metadata


def test_a_sidecar_is_read_too(look: Look, tmp_path: Path) -> None:
    (tmp_path / "picture.xmp").write_text(XMP)
    metadata = told(look, sidecar=tmp_path / "picture.xmp")
    assert (metadata.title, metadata.rating) == ("Beach", 4)
    assert metadata.keywords == ("sea", "Anna", "People")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not xml",
        b"<x",
        b'<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><x>&c;</x>',
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>',
        XMP.encode().replace(b"Beach", b"\xff\xfe"),
    ],
)
def test_a_broken_sidecar_is_as_good_as_none(look: Look, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "picture.xmp").write_bytes(content)
    assert told(look, sidecar=tmp_path / "picture.xmp").title is None


def test_a_vanished_sidecar_does_not_matter(look: Look, tmp_path: Path) -> None:
    assert told(look, sidecar=tmp_path / "gone.xmp").title is None


def test_windows_keeps_words_and_stars_of_its_own(look: Look) -> None:
    exif = Image.Exif()
    exif[0x9C9E] = "sea;Anna;sea".encode("utf-16-le")
    exif[0x9C9B] = "Am Strand\0".encode("utf-16-le")
    exif[0x4749] = 75
    metadata = told(look, exif)
    assert (metadata.keywords, metadata.title, metadata.rating) == (("sea", "Anna"), "Am Strand", 4)


def test_senseless_numbers_are_left_out(look: Look) -> None:
    exif = Image.Exif()
    exif[Base.Orientation] = 77
    exif.get_ifd(IFD.Exif).update(
        {Base.FNumber: IFDRational(0, 0), Base.ExposureTime: IFDRational(1, 0), Base.FocalLength: 0}
    )
    exif.get_ifd(IFD.GPSInfo).update({GPS.GPSLatitude: (91.0, 0.0, 0.0), GPS.GPSLongitude: (8.0, 0.0, 0.0)})
    metadata = told(look, exif)
    assert (metadata.f_number, metadata.exposure_time, metadata.focal_length) == (None, None, None)
    assert (metadata.latitude, metadata.longitude, metadata.orientation) == (None, None, None)


def test_a_receiver_without_a_fix_is_nowhere(look: Look) -> None:
    exif = Image.Exif()
    exif[Base.Make] = "Camera"
    exif.get_ifd(IFD.GPSInfo).update({GPS.GPSLatitude: (0.0, 0.0, 0.0), GPS.GPSLongitude: (0.0, 0.0, 0.0)})
    assert told(look, exif).latitude is None


def test_the_south_and_the_west_are_negative(look: Look) -> None:
    exif = Image.Exif()
    exif[Base.Make] = "Camera"
    exif.get_ifd(IFD.GPSInfo).update(
        {
            GPS.GPSLatitudeRef: "S",
            GPS.GPSLatitude: (33.0, 30.0, 0.0),
            GPS.GPSLongitudeRef: "W",
            GPS.GPSLongitude: (70.0, 45.0, 0.0),
        }
    )
    metadata = told(look, exif)
    assert (metadata.latitude, metadata.longitude) == (-33.5, -70.75)


@pytest.mark.parametrize(
    "damage", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 60]
)
def test_a_broken_block_of_exif_does_not_spoil_the_picture(look: Look, damage: bytes) -> None:
    assert isinstance(look(encoded("JPEG", exif=damage)), Inspection)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("a\0b\x07c", "a b c"),
        ("  much   room\t\n", "much room"),
        ("\u202egpj.exe", "gpj.exe"),
        ("Zu\u0308rich".encode(), "Zürich"),
        ("Zürich".encode().decode("latin-1"), "Zürich"),
        (b"Z\xfcrich", "Zürich"),
        ("x\udcffy", "x y"),
        ("\0\0", None),
        ("y" * 500, "y" * 200),
        (7, None),
    ],
)
def test_a_text_is_cleaned(written: object, kept: str | None) -> None:
    assert clean(written, 200, one_line=True) == kept


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1/0", "x", None, b"1", IFDRational(0, 0), (), "1e999"])
def test_what_is_no_number_is_none(value: object) -> None:
    assert number(value) is None
