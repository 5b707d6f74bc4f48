import hashlib
from pathlib import Path

import numpy as np
import pytest

from ml.results import Failure
from ml.roles import DETECTOR
from ml.runtime import Runtime
from ml.weights.check import Verdict, damage, health, verdict, verify
from ml.weights.offline import import_folder
from ml.weights.store import FileRecord, How, note_export, write_record
from tests.ml.onnx_files import onnx_file

MODEL = onnx_file(b"some numbers")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed model of a known name."""
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path / "models"))
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "yolox_nano.onnx").write_bytes(MODEL)
    import_folder(tmp_path / "stick", name="yolox_nano", trust=True)
    return tmp_path / "models" / "yolox_nano"


def only() -> Verdict:
    (verdict,) = verify()
    return verdict


def test_a_whole_model_is_whole(model: Path) -> None:
    assert (only().state, only().trouble, only().mend) == ("whole", None, None)


def test_a_changed_byte_is_found_and_the_cure_named(model: Path) -> None:
    (model / "yolox_nano.onnx").write_bytes(MODEL.replace(b"some", b"same"))
    assert (only().state, only().trouble) == ("damaged", "yolox_nano.onnx was changed")
    assert only().mend == "python -m ml models import FOLDER --as yolox_nano --trust"


@pytest.mark.parametrize(
    ("how", "known", "mend"),
    [
        ("pulled", True, "pull yolox_nano"),
        ("imported", True, "import FOLDER --as yolox_nano"),
        ("imported", False, "import FOLDER --as yolox_nano --trust"),
    ],
)
def test_a_model_is_mended_as_it_came(model: Path, how: How, known: bool, mend: str) -> None:
    write_record(model, "yolox_nano", how, "a test", (FileRecord("yolox_nano.onnx", 1, "0", known=known),))
    assert only().mend == f"python -m ml models {mend}"


def test_a_model_of_ones_own_is_brought_again(model: Path) -> None:
    model.rename(model.with_name("our-own"))
    (model.with_name("our-own") / "yolox_nano.onnx").unlink()
    assert only().mend == "python -m ml models import FOLDER --as our-own"


def test_a_lost_or_shorter_file_is_found_without_reading_all(model: Path) -> None:
    (model / "yolox_nano.onnx").write_bytes(b"\x08")
    assert verdict("yolox_nano", deep=False).trouble == f"yolox_nano.onnx has 1 bytes instead of {len(MODEL)}"
    (model / "yolox_nano.onnx").unlink()
    assert verdict("yolox_nano", deep=False).trouble == "yolox_nano.onnx is missing"


@pytest.mark.parametrize("record", ["", "{}", "[]", '{"files": [{}]}', '{"files": []}'])
def test_a_folder_without_a_readable_record_is_unknown(model: Path, record: str) -> None:
    (model / "weights.json").write_text(record)
    assert (only().state, only().trouble) == ("unknown", "nothing is written down about it")


def test_what_was_exported_is_verified_beside_its_model(model: Path) -> None:
    (model / "onnx").mkdir()
    (model / "onnx" / "image.onnx").write_bytes(onnx_file(b"a tower"))
    note_export("yolox_nano", "a test")
    assert [(verdict.name, verdict.state) for verdict in verify()] == [
        ("yolox_nano", "whole"),
        ("yolox_nano/onnx", "whole"),
    ]
    (model / "onnx" / "image.onnx").write_bytes(onnx_file(b"a t0wer"))
    assert verify()[1].mend == "python -m ml models export yolox_nano"


def test_what_was_only_half_there_when_it_was_installed_is_damaged(model: Path) -> None:
    (model / "yolox_nano.onnx").write_bytes(half := MODEL[:50])
    file = FileRecord("yolox_nano.onnx", len(half), hashlib.sha256(half).hexdigest(), known=False)
    write_record(model, "yolox_nano", "imported", "a test", (file,))
    assert only().state == "damaged"
    assert "it is cut off" in str(only().trouble)


def test_nothing_installed_is_nothing_to_verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path / "nowhere"))
    assert verify() == []


def test_health_sees_damage_by_sizes_and_names_the_cure(model: Path) -> None:
    assert health("yolox_nano") == (True, None)
    (model / "yolox_nano.onnx").write_bytes(b"\x08")
    whole, words = health("yolox_nano")
    assert whole is False
    assert words
    damage = f"yolox_nano is damaged: yolox_nano.onnx has 1 bytes instead of {len(MODEL)}. Mend it: python -m ml"
    assert words.startswith(damage)
    (model / "weights.json").unlink()
    assert health("yolox_nano") == (None, None)
    assert health(str(model)) == (None, None)


def test_a_damaged_model_that_does_not_load_names_the_cure(model: Path) -> None:
    (model / "yolox_nano.onnx").write_bytes(MODEL.replace(b"some numbers", b"s0me numbers").replace(b"Ident", b"Adent"))
    with Runtime({"detector": {"BACKEND": "yolox"}}) as runtime:
        (answer,) = runtime.map(DETECTOR, [np.zeros((9, 9, 3), np.uint8)])
    assert answer == Failure(
        "not_installed",
        "yolox_nano is damaged: yolox_nano.onnx was changed. "
        "Mend it: python -m ml models import FOLDER --as yolox_nano --trust",
        retryable=True,
    )


def test_what_lies_beside_a_model_is_looked_at_too(model: Path) -> None:
    assert damage(["", "nowhere", "yolox_nano"]) is None
    (model / "onnx").mkdir()
    (model / "onnx" / "image.onnx").write_bytes(MODEL)
    note_export("yolox_nano", "a test")
    (model / "onnx" / "image.onnx").unlink()
    assert damage(["yolox_nano"]) == (
        "yolox_nano/onnx is damaged: image.onnx is missing. Mend it: python -m ml models export yolox_nano"
    )
