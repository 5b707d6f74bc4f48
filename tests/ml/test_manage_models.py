"""`models ...` as people type it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from PIL import Image

from ml.cli import main
from ml.cli.progress import Progress
from tests.ml.onnx_files import onnx_file
from tests.ml.pages import page


@pytest.fixture(autouse=True)
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one model, for a house that has none yet."""
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path / "models"))
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "yolox_nano.onnx").write_bytes(onnx_file(b"some numbers"))
    return tmp_path / "stick"


def test_the_list_names_purpose_licence_proof_and_whether_it_is_installed(
    stick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["models", "import", str(stick), "--as", "our-own"])
    capsys.readouterr()
    assert main(["models", "list"]) == 0
    printed = capsys.readouterr().out
    assert "  * pp-ocrv6-small (in the package rapidocr)" in printed
    assert "    buffalo_l (289 MB)" in printed
    assert "Weights: Non-commercial research only (InsightFace)." in printed
    assert "Proof: real weights, as they are published." in printed
    assert "Proof: designed weights, whose answers are known beforehand." in printed
    assert "Proof: not run so far." in printed
    assert "  * our-own" in printed


def test_the_list_for_programs_has_every_fact(capsys: pytest.CaptureFixture[str]) -> None:
    main(["models", "list", "--json"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["yolox_s"]["size"] == 35_858_002
    assert rows["yolox_s"]["installed"] is False
    assert rows["pp-ocrv6-small"]["proof"] == ["real weights"]


def test_show_gives_the_addresses_for_another_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "YUNET"]) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert file["url"].startswith("https://")
    assert len(file["sha256"]) == 64


def test_import_verify_and_remove_say_what_they_did(stick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "import", str(stick)]) == 1
    assert "--as yolox_nano --trust" in capsys.readouterr().err
    assert main(["models", "import", str(stick), "--as", "yolox_nano", "--trust"]) == 0
    assert "yolox_nano is installed in" in capsys.readouterr().out
    assert main(["models", "verify"]) == 0
    assert "yolox_nano  whole  77 bytes  written down" in capsys.readouterr().out
    assert main(["models", "remove", "yolox_nano"]) == 0
    assert main(["models", "verify"]) == 0
    assert "No model is installed." in capsys.readouterr().out


def test_what_stays_behind_is_counted_by_reason(stick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (stick / "holidays").mkdir()
    for number in range(5):
        (stick / "holidays" / f"{number}.jpg").write_bytes(b"a picture")
    assert main(["models", "import", str(stick)]) == 1
    first, second, command = capsys.readouterr().err.splitlines()
    assert first.startswith("Left 5 files (holidays/0.jpg, holidays/1.jpg, holidays/2.jpg, ...): files of this kind")
    assert second.startswith("Left yolox_nano.onnx: it bears the name of yolox_nano")
    assert command == f"  If you trust it: python -m ml models import {stick} --as yolox_nano --trust"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("yolox_nano", "yolox_nano is ONNX already."),
        ("pp-ocrv6-small", "lies in the package rapidocr"),
        ("faster-whisper-base", "whisper runs it as it is. Exported can be: ViT-B-32"),
    ],
)
def test_what_has_no_other_form_is_not_exported(name: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "export", name]) == 1
    assert why in capsys.readouterr().err


def test_a_damaged_model_fails_the_command_and_names_the_cure(
    stick: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    main(["models", "import", str(stick), "--as", "yolox_nano", "--trust"])
    (tmp_path / "models" / "yolox_nano" / "yolox_nano.onnx").write_bytes(b"\x08")
    assert main(["models", "verify"]) == 1
    assert "Mend yolox_nano: python -m ml models import FOLDER --as yolox_nano --trust" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["pull", "yolo99"], 'There is no model "yolo99"'),
        (["show", "yolo99"], 'There is no model "yolo99"'),
        (["calibrate", "/nowhere"], "There is no folder /nowhere."),
        (["measure", "/nowhere"], "There is no folder /nowhere."),
        (["export", "ViT-B-16-SigLIP2", "--pictures", "/nowhere"], "There is no folder /nowhere."),
        (["import", "/nowhere"], "There is no folder /nowhere."),
        (["remove", "sface"], "sface is not installed. Installed are: none."),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", *words]) == 1
    assert capsys.readouterr().err.startswith(complaint)


def test_a_folder_of_models_that_cannot_be_one_is_said(
    stick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(stick / "yolox_nano.onnx"))
    Image.fromarray(page("Morning")).save(stick / "morning.png")
    assert main(["models", "list"]) == 0
    for words in (["import", str(stick), "--as", "own"], ["measure", str(stick / "morning.png"), "--role", "ocr"]):
        assert main(["models", *words]) == 1
        assert str(stick / "yolox_nano.onnx") in capsys.readouterr().err.splitlines()[-1]


def test_only_what_is_known_as_a_model_is_removed(
    stick: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models" / "holidays").mkdir(parents=True)
    (tmp_path / "models" / "holidays" / "beach.jpg").write_bytes(b"a picture")
    assert main(["models", "remove", "holidays"]) == 1
    assert "Nothing says that it is a model" in capsys.readouterr().err
    assert (tmp_path / "models" / "holidays" / "beach.jpg").is_file()
    assert main(["models", "remove", "pp-ocrv6-small"]) == 1
    assert "lies in the Python package rapidocr" in capsys.readouterr().err


def test_a_single_model_can_be_verified(stick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "other"):
        main(["models", "import", str(stick), "--as", name])
    capsys.readouterr()
    assert main(["models", "verify", "one"]) == 0
    printed = capsys.readouterr().out
    assert "one   whole" in printed
    assert "other" not in printed
    assert main(["models", "verify", "third"]) == 1
    assert "third is not installed. Installed are: one, other." in capsys.readouterr().err


def test_a_model_of_ones_own_is_shown_as_it_was_written_down(stick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["models", "import", str(stick), "--as", "our-own"])
    capsys.readouterr()
    assert main(["models", "show", "our-own"]) == 0
    assert json.loads(capsys.readouterr().out)["how"] == "imported"


def test_a_model_of_ones_own_of_an_unknown_kind_is_not_exported(
    stick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["models", "import", str(stick), "--as", "our-own"])
    assert main(["models", "export", "our-own"]) == 1
    assert "our-own is one of your own." in capsys.readouterr().err


@pytest.mark.parametrize("tags", ["0", "-5", "nan", "many", "1e9"])
def test_so_many_tags_a_photo_are_none(tags: str, stick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["models", "calibrate", str(stick), "--tags", tags])
    assert "--tags" in capsys.readouterr().err


def test_capital_letters_do_not_matter(stick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["models", "import", str(stick), "--as", "YOLOX_Nano", "--trust"])
    assert main(["models", "verify", "YOLOX_NANO"]) == 0
    assert main(["models", "remove", "YoloX_nano"]) == 0
    assert "yolox_nano is removed." in capsys.readouterr().out


def test_progress_is_a_line_at_each_tenth_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    for here in range(0, 1001, 20):
        progress("model.onnx", here * 1000, 1_000_000)
    progress.done()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[5] == "model.onnx: 500 kB of 1.0 MB"


def test_progress_is_one_bar_at_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = Progress()
    progress("model.onnx", 0, 1_000_000)
    progress("model.onnx", 1_000_000, 1_000_000)
    progress.done()
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "[########################] 100 % of 1.0 MB" in printed


def test_the_fastest_way_is_measured_and_remembered(
    tmp_path: Path, stick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(page("Morning")).save(stick / "morning.png")
    assert main(["models", "measure", str(stick), "--role", "ocr"]) == 0
    assert "pp-ocrv6-small@1, ocr:" in capsys.readouterr().out
    assert "batch_size" in (tmp_path / "models" / "measured.json").read_text()


def test_without_pictures_there_is_nothing_to_measure(stick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "measure", str(stick)]) == 1
    assert "There is no picture in" in capsys.readouterr().err


def test_a_model_that_does_not_load_is_not_measured(stick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(page("Morning")).save(stick / "morning.png")
    main(["models", "import", str(stick), "--as", "yolox_nano", "--trust"])
    assert main(["models", "measure", str(stick), "--role", "detector"]) == 1
    assert "is no model of YOLOX" in capsys.readouterr().err


def test_the_same_behind_manage_py(stick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("models", "import", str(stick), "--as", "our-own")
    call_command("models", "list", "--installed")
    assert "  * our-own" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="1"):
        call_command("models", "pull", "yolo99")
    assert capsys.readouterr().err.startswith('There is no model "yolo99"')
    with pytest.raises(SystemExit, match="1"):
        call_command("models", "import", str(stick))


def test_the_folder_of_the_settings_is_the_folder_of_the_models(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = "import os; from mediahub import settings; print(os.environ['MODEL_CACHE_DIR'])"
    monkeypatch.setenv("MEDIAHUB_DATA", str(tmp_path))
    for chosen in ("", "/somewhere/else"):
        monkeypatch.setenv("MODEL_CACHE_DIR", chosen)
        answer = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, timeout=60)
        assert answer.stdout.strip() == (chosen or str(tmp_path / "models"))
