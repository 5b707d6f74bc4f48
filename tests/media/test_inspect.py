"""Every real picture is inspected or refused with a reason, and what comes back is what its truth tables say."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from media import Inspection, Refusal, Sandbox, Wish

Answers = Mapping[str, Inspection | Refusal]

# Not pictures, or pictures of a kind that is refused with a reason of its own.
REFUSED = {
    "photos/duplicates-pdq/bridge-modes/README.md",
    "photos/formats/8bit-sRGB.jxl",
    "photos/formats/canon_eos_6d.xmp",
    "photos/formats/pillow/hopper.psd",
    "photos/formats/pillow/hopper_16bit.pgm",
    "photos/formats/pillow/pillow2.icns",
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return defaultdict(lambda: tmp_path_factory.mktemp("renditions"))


@pytest.fixture(scope="module")
def answers(material: Path, sandbox: Sandbox, folders: dict[str, Path]) -> Answers:
    """Everything under photos/ and the receipts, inspected once."""
    paths = [*(material / "photos").rglob("*.*"), *(material / "documents" / "receipts").glob("*.jpg")]
    names = {str(path.relative_to(material)): path for path in paths if path.is_file()}
    wishes = [
        Wish(name, path, None, folders[name], path.name, modified_at=path.stat().st_mtime)
        for name, path in names.items()
    ]
    return {answer.key: answer for answer in sandbox.inspect(wishes)}


@pytest.fixture(scope="module")
def truth(material: Path) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = json.loads((material / "truth" / "metadata_exiftool.json").read_text())
    return {name: tags for name, tags in tables.items() if name.startswith("photos/") and name not in REFUSED}


def inspection(answers: Answers, name: str) -> Inspection:
    answer = answers[name]
    assert isinstance(answer, Inspection), answer
    return answer


def test_every_picture_is_inspected_and_the_rest_refused_with_a_reason(answers: Answers) -> None:
    refused = {name: answer for name, answer in answers.items() if isinstance(answer, Refusal)}
    assert refused.keys() == REFUSED
    assert {answer.kind for answer in refused.values()} == {"unsupported"}
    assert len(answers) - len(refused) > 370


def test_dates_equal_the_truth(answers: Answers, truth: dict[str, dict[str, Any]]) -> None:
    checked = 0
    for name, tags in truth.items():
        if written := tags.get("ExifIFD:DateTimeOriginal"):
            taken = inspection(answers, name).metadata.taken
            assert taken is not None
            assert (taken.source, taken.local) == ("exif", f"{written[:10].replace(':', '-')}T{written[11:19]}"), name
            checked += 1
    assert checked > 40


def test_offsets_come_from_the_file_or_from_the_satellites(answers: Answers) -> None:
    offsets = {
        "photos/formats/samsung-one-ui-6.heic": -480,  # written beside the date
        "photos/objects/bus.jpg": 60,  # 13:06:33 in Madrid, 12:06:33 in UTC
        "photos/formats/IMG_2682.heic": -300,
        "photos/formats/webp/HTC Desire.webp": 120,
        "photos/metadata/gps/DSCN0010.jpg": None,  # its two clocks are 22 hours apart
    }
    for name, offset in offsets.items():
        taken = inspection(answers, name).metadata.taken
        assert taken is not None
        assert taken.offset_minutes == offset, name


def test_places_equal_the_truth(answers: Answers, truth: dict[str, dict[str, Any]]) -> None:
    for name, tags in truth.items():
        metadata = inspection(answers, name).metadata
        expected = tags.get("Composite:GPSLatitude"), tags.get("Composite:GPSLongitude")
        assert (metadata.latitude, metadata.longitude) == pytest.approx(expected, abs=1e-5), name
        assert metadata.altitude == pytest.approx(tags.get("Composite:GPSAltitude"), abs=0.1), name


def test_cameras_ratings_and_words_equal_the_truth(answers: Answers, truth: dict[str, dict[str, Any]]) -> None:
    for name, tags in truth.items():
        metadata = inspection(answers, name).metadata
        assert metadata.make == tags.get("IFD0:Make"), name
        assert metadata.model == tags.get("IFD0:Model"), name
        assert metadata.rating == tags.get("XMP-xmp:Rating"), name
        assert metadata.title == tags.get("XMP-dc:Title"), name
        words = tags.get("XMP-dc:Subject") or tags.get("IPTC:Keywords") or []
        assert list(metadata.keywords) == ([words] if isinstance(words, str) else words), name
        # The truth has no lens for some pictures that name it in XMP only.
        assert metadata.lens == tags.get("ExifIFD:LensModel", metadata.lens), name
        if told := (tags.get("XMP-dc:Description") or "").strip():
            assert metadata.description is not None
            assert metadata.description.split() == told.split(), name


def test_orientation_and_size_equal_the_truth(answers: Answers, truth: dict[str, dict[str, Any]]) -> None:
    for name, tags in truth.items():
        answer = inspection(answers, name)
        assert answer.metadata.orientation == (tags.get("IFD0:Orientation") or None), name
        written = [
            tags.get(f"{kind}:Image{side}") for kind in ("File", "PNG", "GIF", "RIFF") for side in ("Width", "Height")
        ]
        size = [number for number in written if number][:2]
        # HEIC says in its own boxes how it is turned; its EXIF tag is a copy that may be wrong.
        turned = answer.format != "heic" and (answer.metadata.orientation or 1) > 4
        if size and answer.format != "heic":
            assert [answer.width, answer.height] == (size[::-1] if turned else size), name


@pytest.mark.parametrize("kind", ["landscape", "portrait"])
def test_all_orientations_give_the_same_upright_picture(answers: Answers, folders: dict[str, Path], kind: str) -> None:
    previews = []
    for number in range(1, 9):
        name = f"photos/orientation/{kind}_{number}.jpg"
        assert (inspection(answers, name).width > inspection(answers, name).height) == (kind == "landscape")
        with Image.open(folders[name] / "preview.jpg") as preview:
            # Each sample carries its own number in the middle, so a few points differ.
            previews.append(np.asarray(preview.convert("L").resize((60, 60)), np.float64))
    for other in previews[1:]:
        assert np.abs(other - previews[0]).mean() < 12


def test_duplicates_are_near_in_one_of_eight_forms_and_others_are_not(answers: Answers, material: Path) -> None:
    with (material / "truth" / "duplicates.csv").open() as table:
        bridge = {row["file"] for row in csv.DictReader(table) if row["group"] == "bridge"}
    forms = inspection(answers, "photos/duplicates-pdq/bridge/aaa-orig.jpg").pdq.forms
    for name, answer in answers.items():
        if isinstance(answer, Inspection):
            nearest = min((int(form, 16) ^ int(answer.pdq.forms[0], 16)).bit_count() for form in forms)
            assert (nearest <= 31) == (name in bridge), (name, nearest)


def test_the_order_of_the_eight_forms_is_as_documented(answers: Answers) -> None:
    forms = inspection(answers, "photos/duplicates-pdq/bridge-dihedral/bridge-1-original.jpg").pdq.forms
    turned = ["1-original", "2-rotate-90", "3-rotate-180", "4-rotate-270", "5-flipx", "6-flipy", "7-flip-plus-1"]
    for form, name in zip(forms, [*turned, "8-flip-minus-1"], strict=True):
        other = inspection(answers, f"photos/duplicates-pdq/bridge-dihedral/bridge-{name}.jpg").pdq.forms[0]
        assert (int(form, 16) ^ int(other, 16)).bit_count() <= 10, name


def test_the_hash_is_near_the_reference(answers: Answers, material: Path) -> None:
    for name, reference in json.loads((material / "truth" / "pdq_hashes.json").read_text()).items():
        ours = inspection(answers, name).pdq
        assert ours.quality == 100
        # The authors of the hash take two implementations for equal up to 10 bits.
        assert (int(ours.forms[0], 16) ^ int(reference["pdq"], 16)).bit_count() <= 10


def test_no_sharp_picture_is_soft(answers: Answers) -> None:
    found = {name: answer.quality.sharpness for name, answer in answers.items() if isinstance(answer, Inspection)}
    measured = [sharpness for sharpness in found.values() if sharpness is not None]
    assert len(measured) > 0.95 * len(found)
    assert min(measured) >= 0.35, min(found, key=lambda name: found[name] or 1)


def test_receipts_are_like_text_and_get_a_large_rendition(answers: Answers) -> None:
    for name, answer in answers.items():
        if "receipts" in name and isinstance(answer, Inspection):
            assert answer.quality.text_likeness >= 0.9
            kinds = [rendition.kind for rendition in answer.renditions]
            assert ("detail" in kinds) == (max(answer.width, answer.height) > 1440)


def test_fruit_and_faces_are_often_seen_to_have_no_text(answers: Answers) -> None:
    """It only has to save work: what has words must not be lost for it."""
    without = ["Anjou", "Banana", "Carrots", "Garlic", "Lemon", "Leek", "Golden-Delicious"]
    for fruit in without:
        assert inspection(answers, f"photos/products/iconic/{fruit}_Iconic.jpg").quality.text_likeness < 0.2
    for words in ("formats/Screenshot 2019-05-21 at 10.45.52.png", "objects/missvickie_potato_chips.bmp"):
        assert inspection(answers, f"photos/{words}").quality.text_likeness >= 0.2


def test_renditions_are_plain_small_and_never_enlarged(answers: Answers, folders: dict[str, Path]) -> None:
    sides = {"thumbnail": 400, "preview": 1440, "detail": 2560}
    for name, answer in answers.items():
        if not isinstance(answer, Inspection):
            continue
        assert [rendition.kind for rendition in answer.renditions][:2] == ["thumbnail", "preview"]
        for rendition in answer.renditions:
            content = (folders[name] / rendition.name).read_bytes()
            assert len(content) == rendition.bytes
            with Image.open(io.BytesIO(content)) as picture:
                assert picture.size == (rendition.width, rendition.height)
                assert picture.mode == "RGB" or picture.mode == "L"
                assert not {"exif", "icc_profile", "xmp", "comment"} & picture.info.keys(), name
            longest = max(answer.width, answer.height)
            assert max(picture.size) <= min(sides[rendition.kind], longest)


def test_everything_told_can_be_kept_as_json(answers: Answers) -> None:
    for answer in answers.values():
        if isinstance(answer, Inspection):
            assert json.loads(json.dumps(answer.to_dict(), allow_nan=False))["pdq"]["quality"] == answer.pdq.quality
            assert len(answer.thumbhash) <= 25
