import errno
import hashlib
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from ml.weights import missing
from ml.weights.check import verify
from ml.weights.files import WeightsError, problem
from ml.weights.manifest import Weights, WeightsFile
from ml.weights.offline import import_folder
from ml.weights.store import incoming, installed, record, remove
from tests.ml.onnx_files import onnx_file, tensor

SHARP, SHARPER, WORDS = onnx_file(b"sharp"), onnx_file(b"sharper"), b'{"cat": 1}'
PICKLE = b"\x80\x04 a pickle"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def row(name: str, *files: WeightsFile) -> Weights:
    return Weights(name, ("detector",), ("yolox",), files, "MIT", "MIT", "a test", memory_mb=1, good_at="tests")


ROWS = (
    row("sharp", WeightsFile("sharp.onnx", sha256=sha256(SHARP)), WeightsFile("more.json", optional=True)),
    row("worded", WeightsFile("model.onnx"), WeightsFile("words.json")),
    row("worded_too", WeightsFile("model.onnx"), WeightsFile("words.json")),
    row("old", WeightsFile("old.pth", sha256=sha256(PICKLE))),
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """What somebody brings along."""
    (tmp_path / "stick").mkdir()
    return tmp_path / "stick"


def test_a_file_with_a_known_checksum_is_recognised_wherever_it_lies(stick: Path, home: Path) -> None:
    (stick / "deep" / "down").mkdir(parents=True)
    (stick / "deep" / "down" / "sharp.onnx").write_bytes(SHARP)
    result = import_folder(stick, rows=ROWS)
    assert result.names == ("sharp",)
    assert (home / "sharp" / "sharp.onnx").read_bytes() == SHARP
    assert missing("sharp", "sharp.onnx") is None
    assert (stick / "deep" / "down" / "sharp.onnx").read_bytes() == SHARP


def test_files_without_known_checksums_need_a_folder_with_the_models_name(stick: Path) -> None:
    for folder in (stick, stick / "Worded"):
        folder.mkdir(exist_ok=True)
        (folder / "model.onnx").write_bytes(SHARP)
        (folder / "words.json").write_bytes(WORDS)
    result = import_folder(stick, rows=ROWS)
    assert result.names == ("worded",)
    assert {left.path.parent for left in result.left} == {stick}
    assert all("a folder that bears its name (worded, worded_too)" in left.reason for left in result.left)
    told = record("worded")
    assert told
    assert [file.known for file in told.files] == [False, False]


def test_another_file_of_a_known_name_is_left_with_the_command_that_takes_it(stick: Path) -> None:
    (stick / "sharp.onnx").write_bytes(SHARPER)
    (left,) = import_folder(stick, rows=ROWS).left
    assert left.command == f"python -m ml models import {stick} --as sharp --trust"
    assert installed() == []
    with pytest.raises(WeightsError, match=r"another file.*add --trust"):
        import_folder(stick, name="sharp", rows=ROWS)
    assert import_folder(stick, name="sharp", trust=True, rows=ROWS).names == ("sharp",)
    (verdict,) = verify()
    assert (verdict.state, verdict.pinned) == ("whole", False)


def test_a_model_of_ones_own_may_have_any_name(stick: Path) -> None:
    (stick / "image.onnx").write_bytes(SHARP)
    assert import_folder(stick, name="our-own", rows=ROWS).names == ("our-own",)
    assert installed() == ["our-own"]


def test_what_a_publisher_puts_beside_a_model_stays_behind(stick: Path, home: Path) -> None:
    (stick / "image.onnx").write_bytes(SHARP)
    (stick / "README.md").write_text("words")
    result = import_folder(stick, name="our-own", rows=ROWS)
    assert [left.path.name for left in result.left] == ["README.md"]
    assert sorted(path.name for path in (home / "our-own").iterdir()) == ["image.onnx", "weights.json"]
    (stick / "image.onnx").unlink()
    with pytest.raises(WeightsError, match="holds no files that are weights"):
        import_folder(stick, name="our-own", rows=ROWS)


@pytest.mark.parametrize("name", ["../escape", "/root", ".hidden", "", "a b"])
def test_a_name_is_one_folder(stick: Path, name: str) -> None:
    (stick / "image.onnx").write_bytes(SHARP)
    with pytest.raises(WeightsError, match="cannot be the name of a model"):
        import_folder(stick, name=name)


def test_half_a_model_is_no_model(stick: Path) -> None:
    (stick / "worded").mkdir()
    (stick / "worded" / "model.onnx").write_bytes(SHARP)
    assert import_folder(stick, rows=ROWS).names == ()
    with pytest.raises(WeightsError, match=r"lacks words\.json, without which it is not worded"):
        import_folder(stick / "worded", name="worded", rows=ROWS)


def test_half_a_file_never_takes_the_place_of_a_whole_one(stick: Path, home: Path) -> None:
    (stick / "sharp.onnx").write_bytes(SHARP)
    import_folder(stick, rows=ROWS)
    (stick / "sharp.onnx").write_bytes(SHARPER[: len(SHARP) - 20])
    (left,) = import_folder(stick, rows=ROWS).left
    assert "It cannot be taken: it is cut off" in left.reason
    with pytest.raises(WeightsError, match="cannot be taken: it is cut off"):
        import_folder(stick, name="sharp", trust=True, rows=ROWS)
    assert (home / "sharp" / "sharp.onnx").read_bytes() == SHARP


def test_an_onnx_file_that_ends_anywhere_too_early_is_told(stick: Path) -> None:
    whole = onnx_file(b"numbers", tensors=[tensor(numbers=20)])
    path = stick / "model.onnx"
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        assert problem(path, pinned=False), length
    path.write_bytes(whole)
    assert problem(path, pinned=False) is None
    path.write_bytes(whole[:40] + bytes(len(whole) - 40))
    assert problem(path, pinned=False)


def test_numbers_beside_an_onnx_file_are_part_of_it(stick: Path) -> None:
    beside = {"location": "model.onnx_data", "offset": "4", "length": "16"}
    (stick / "model.onnx").write_bytes(onnx_file(tensors=[tensor(numbers=4, elsewhere=beside)]))
    with pytest.raises(WeightsError, match=r"its numbers are in model\.onnx_data, which is not beside it"):
        import_folder(stick, name="own", rows=ROWS)
    (stick / "model.onnx_data").write_bytes(bytes(19))
    with pytest.raises(WeightsError, match=r"model\.onnx_data beside it ends too early"):
        import_folder(stick, name="own", rows=ROWS)
    (stick / "model.onnx_data").write_bytes(bytes(20))
    assert import_folder(stick, name="own", rows=ROWS).names == ("own",)


def test_numbers_elsewhere_on_the_machine_are_not_read(stick: Path) -> None:
    for place in ("../elsewhere", "/etc/passwd"):
        beside = {"location": place, "length": "1"}
        (stick / "model.onnx").write_bytes(onnx_file(tensors=[tensor(numbers=4, elsewhere=beside)]))
        with pytest.raises(WeightsError, match="not beside it"):
            import_folder(stick, name="own", rows=ROWS)


def test_a_shorter_file_than_the_published_one_may_be_cut_off(stick: Path) -> None:
    rows = (row("sized", WeightsFile("sized.onnx", size=len(SHARP) + 100)),)
    (stick / "sized.onnx").write_bytes(SHARP)
    (left,) = import_folder(stick, rows=rows).left
    assert f"it has {len(SHARP)} bytes instead of {len(SHARP) + 100} (cut off?)" in left.reason
    with pytest.raises(WeightsError, match=r"\(cut off\?\)\. If you trust it all the same, add --trust"):
        import_folder(stick, name="sized", rows=rows)
    assert import_folder(stick, name="sized", trust=True, rows=rows).names == ("sized",)


@pytest.mark.parametrize(("name", "half"), [("words.json", b'{"cat": 1'), ("rows.npy", b"\x93NUMPY\x01\x00")])
def test_half_a_file_of_another_kind_is_told_too(stick: Path, name: str, half: bytes) -> None:
    (stick / name).write_bytes(half)
    with pytest.raises(WeightsError, match="it is cut off, damaged or no"):
        import_folder(stick, name="own", rows=ROWS)


def test_half_a_ctranslate2_model_is_told(stick: Path) -> None:
    def word(name: bytes) -> bytes:
        return struct.pack("<H", len(name) + 1) + name + b"\0"

    numbers = word(b"weight") + struct.pack("<BIBI", 1, 4, 0, 16) + bytes(16)
    whole = struct.pack("<I", 6) + word(b"WhisperSpec") + struct.pack("<II", 3, 1) + numbers
    whole += struct.pack("<I", 1) + word(b"same") + word(b"weight")
    for length in range(1, len(whole)):
        (stick / "model.bin").write_bytes(whole[:length])
        assert problem(stick / "model.bin", pinned=False), length
    (stick / "model.bin").write_bytes(whole)
    assert import_folder(stick, name="own", rows=ROWS).names == ("own",)


def test_a_pickle_is_taken_only_when_every_byte_of_it_is_known(stick: Path) -> None:
    (stick / "old.pth").write_bytes(PICKLE)
    assert import_folder(stick, rows=ROWS).names == ("old",)
    (stick / "old.pth").write_bytes(PICKLE + b"!")
    with pytest.raises(WeightsError, match="pickle, which can run programs, and its checksum is not a known one"):
        import_folder(stick, name="old", trust=True, rows=ROWS)
    (stick / "old.pth").rename(stick / "new.bin")
    with pytest.raises(WeightsError, match="pickle, which can run programs"):
        import_folder(stick, name="new", rows=ROWS)


def test_what_nobody_knows_is_named(stick: Path) -> None:
    (stick / "holiday.jpg").write_bytes(b"a picture")
    (stick / "notes.txt").write_bytes(b"a note")
    result = import_folder(stick, rows=ROWS)
    assert [(left.path.name, left.reason) for left in result.left] == [
        ("holiday.jpg", "files of this kind are not weights that can be read safely"),
        ("notes.txt", "no known model has a file of this name"),
    ]


def test_links_out_of_the_folder_are_not_followed(stick: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "sharp.onnx").write_bytes(SHARP)
    (stick / "linked").symlink_to(tmp_path / "elsewhere")
    assert import_folder(stick, rows=ROWS).names == ()


def test_a_second_import_replaces_the_first(stick: Path, home: Path) -> None:
    (stick / "image.onnx").write_bytes(SHARP)
    (stick / "gone.json").write_bytes(WORDS)
    import_folder(stick, name="own", rows=ROWS)
    (stick / "gone.json").unlink()
    (stick / "image.onnx").write_bytes(SHARPER)
    import_folder(stick, name="own", rows=ROWS)
    assert sorted(path.name for path in (home / "own").iterdir()) == ["image.onnx", "weights.json"]
    assert (home / "own" / "image.onnx").read_bytes() == SHARPER


def test_the_same_weights_again_keep_what_was_made_of_them(stick: Path, home: Path) -> None:
    (stick / "sharp.onnx").write_bytes(SHARP)
    import_folder(stick, rows=ROWS)
    (home / "sharp" / "onnx").mkdir()
    (home / "sharp" / "onnx" / "image.onnx").write_bytes(SHARPER)
    import_folder(stick, rows=ROWS)
    assert (home / "sharp" / "onnx" / "image.onnx").read_bytes() == SHARPER
    (stick / "sharp.onnx").write_bytes(SHARPER)
    import_folder(stick, name="sharp", trust=True, rows=ROWS)
    assert not (home / "sharp" / "onnx").exists()


def test_an_import_that_ends_early_leaves_nothing_of_it_on_the_disk(
    stick: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A disk that fills up in the middle of a copy can only be had by mounting one, which needs an administrator.
    def full(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with incoming("own") as place:
        (place / "image.onnx.part").write_bytes(b"fetched by another command")
    (stick / "image.onnx").write_bytes(SHARP)
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(WeightsError, match=r"disk .* is full"):
        import_folder(stick, name="own", rows=ROWS)
    assert [path.name for path in (home / ".incoming" / "own").iterdir()] == ["image.onnx.part"]
    assert installed() == []


def test_nothing_is_copied_where_there_is_no_room_for_all(
    stick: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stick / "image.onnx").write_bytes(SHARP)
    usage = shutil.disk_usage(stick)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage._replace(free=1000))
    with pytest.raises(WeightsError, match=r"own needs 67.* of room, and 1.0 kB are free"):
        import_folder(stick, name="own", rows=ROWS)
    assert not (home / "own").exists()


def test_an_installed_model_can_be_imported_again_from_a_copy_of_it(stick: Path, home: Path) -> None:
    (stick / "image.onnx").write_bytes(SHARP)
    import_folder(stick, name="own", rows=ROWS)
    assert import_folder(home / "own", name="copy", rows=ROWS).names == ("copy",)


def test_what_was_exported_elsewhere_comes_along(stick: Path, home: Path) -> None:
    (stick / "onnx").mkdir()
    (stick / "sharp.onnx").write_bytes(SHARP)
    (stick / "onnx" / "image.onnx").write_bytes(SHARP)
    assert import_folder(stick, name="sharp", rows=ROWS).left == ()
    assert (home / "sharp" / "onnx" / "image.onnx").read_bytes() == SHARP
    (home / "sharp" / "onnx" / "image.onnx").write_bytes(b"")
    assert verify()[0].trouble == f"onnx/image.onnx has 0 bytes instead of {len(SHARP)}"


def test_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="There is no folder"):
        import_folder(tmp_path / "nowhere")
    (tmp_path / "README.md").write_text("words")
    with pytest.raises(WeightsError, match=r"README\.md is a file\. Name the folder that it lies in\."):
        import_folder(tmp_path / "README.md")


def test_a_removed_model_is_gone(stick: Path) -> None:
    (stick / "image.onnx").write_bytes(SHARP)
    import_folder(stick, name="own", rows=ROWS)
    remove("own")
    assert installed() == []
    with pytest.raises(WeightsError, match=r"own is not installed\. Installed are: none"):
        remove("own")
    with pytest.raises(WeightsError, match="cannot be the name"):
        remove("../stick")


KILLED_BETWEEN_TWO_NAMES = """
import os, signal, sys
from pathlib import Path
from ml.weights.offline import import_folder

rename = Path.rename
def rename_and_die(path, target):
    rename(path, target)
    if path.name == "own":
        os.kill(os.getpid(), signal.SIGKILL)
Path.rename = rename_and_die
import_folder(Path(sys.argv[1]), name="own", rows=())
"""


def test_a_model_whose_replacement_was_killed_is_there_again(stick: Path, home: Path) -> None:
    (stick / "image.onnx").write_bytes(SHARP)
    import_folder(stick, name="own", rows=ROWS)
    (stick / "image.onnx").write_bytes(SHARPER)
    for look in (lambda: missing("own", "image.onnx"), installed):
        killed = subprocess.run([sys.executable, "-c", KILLED_BETWEEN_TWO_NAMES, str(stick)], check=False, timeout=60)
        assert killed.returncode == -signal.SIGKILL
        assert not (home / "own").exists()
        assert look() in (None, ["own"])
        assert (home / "own" / "image.onnx").read_bytes() == SHARP
    import_folder(stick, name="own", rows=ROWS)
    assert (home / "own" / "image.onnx").read_bytes() == SHARPER
    assert not list((home / ".incoming").glob("own?old"))


def test_a_model_that_is_being_replaced_is_not_put_back(stick: Path, home: Path) -> None:
    (stick / "image.onnx").write_bytes(SHARP)
    import_folder(stick, name="own", rows=ROWS)
    with incoming("own"):
        (home / "own").rename(home / ".incoming" / "own~old")
        assert missing("own")
        with pytest.raises(WeightsError, match="own is being installed just now"):
            remove("own")
    assert missing("own") is None


def test_what_was_fetched_of_a_model_can_be_removed(home: Path) -> None:
    with incoming("own") as place:
        (place / "image.onnx.part").write_bytes(SHARP)
    remove("own")
    assert not (home / ".incoming" / "own").exists()


def test_the_published_models_of_the_material_are_recognised(material: Path) -> None:
    result = import_folder(material / "models")
    assert {"yunet", "ram_tags"} <= set(result.names)
    left = {one.path.name: one for one in result.left}
    assert "--as yolox_nano --trust" in str(left["yolox_nano.onnx"].command)
    assert "not weights that can be read safely" in left["deeplabv3_mnv2_pascal_quant.tflite"].reason
    taken = import_folder(material / "models" / "objects", name="yolox_nano", trust=True)
    assert taken.names == ("yolox_nano",)
    assert [left.path.name for left in taken.left] == ["coco_labels.txt"]
    assert {verdict.state for verdict in verify()} == {"whole"}
