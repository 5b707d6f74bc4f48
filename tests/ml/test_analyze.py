import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from PIL import Image

from media.results import DateSource
from ml.analysis import PARTS, SCHEMA, analyze, pictures_in
from ml.cli import main
from ml.results import FailureKind
from ml.runtime import Runtime
from tests.ml.pages import page

SHAPE = json.loads(SCHEMA.read_text())
FAKE = {"ocr": {"BACKEND": "fake"}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path / "models"))
    (tmp_path / "photos" / "trip").mkdir(parents=True)
    Image.fromarray(page("Morning", "at nine")).save(tmp_path / "photos" / "morning.png")
    Image.fromarray(page("Evening")).save(tmp_path / "photos" / "trip" / "evening.jpg")
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    return tmp_path / "photos"


def analyzed(*paths: Path) -> list[dict[str, Any]]:
    with Runtime(FAKE) as runtime:  # type: ignore[arg-type]
        return list(analyze(paths, runtime))


def test_an_answer_has_the_shape_that_is_promised(folder: Path) -> None:
    for answer in analyzed(*pictures_in(folder)):
        jsonschema.validate(answer, SHAPE)


def test_the_promised_shape_names_every_part_and_every_kind_of_problem() -> None:
    problem = SHAPE["properties"]["problems"]["items"]["properties"]
    assert problem["part"]["enum"] == [part.name for part in PARTS]
    assert problem["kind"]["enum"] == list(get_args(FailureKind))
    assert {part.name for part in PARTS} < set(SHAPE["required"])


def test_what_needs_no_model_is_always_there(folder: Path) -> None:
    (answer,) = analyzed(folder / "morning.png")
    assert answer["file"]["width"] == 900
    assert len(answer["hash"]["pdq"]) == 64
    assert answer["quality"]["text_likeness"] > 0.3
    assert answer["colours"][0]["hex"] == "#ffffff"


def test_parts_without_a_model_are_null_and_named(folder: Path) -> None:
    (answer,) = analyzed(folder / "morning.png")
    assert answer["text"]["model"].startswith("fake")
    assert answer["faces"] is None
    assert {problem["part"] for problem in answer["problems"]} == {part.name for part in PARTS} - {"text"}
    assert {problem["kind"] for problem in answer["problems"]} == {"not_installed"}


def test_a_file_that_is_no_picture_is_refused_and_the_others_are_done(folder: Path) -> None:
    answers = analyzed(*pictures_in(folder), folder / "nowhere.jpg")
    assert [Path(answer["picture"]).name for answer in answers] == [
        "morning.png",
        "notes.txt",
        "evening.jpg",
        "nowhere.jpg",
    ]
    assert [answer["refused"] and answer["refused"]["kind"] for answer in answers] == [
        None,
        "unsupported",
        None,
        "missing",
    ]
    assert answers[2]["text"]


def test_who_says_when_a_picture_was_taken_is_told(folder: Path) -> None:
    source = SHAPE["properties"]["file"]["anyOf"][0]["properties"]["taken"]["anyOf"][0]["properties"]["source"]
    assert [*source["enum"], "file"] == list(get_args(DateSource))
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x9003: "2024:01:31 23:59:58", 0x9011: "+01:00"})
    Image.new("RGB", (64, 64), "khaki").save(folder / "camera.jpg", exif=exif)
    Image.new("RGB", (64, 64), "khaki").save(folder / "IMG_20230401_101112.png")
    answers = analyzed(folder / "camera.jpg", folder / "IMG_20230401_101112.png", folder / "morning.png")
    assert [answer["file"]["taken"] for answer in answers] == [
        {"local": "2024-01-31T23:59:58", "offset_minutes": 60, "source": "exif"},
        {"local": "2023-04-01T10:11:12", "offset_minutes": None, "source": "name"},
        None,
    ]
    for answer in answers:
        jsonschema.validate(answer, SHAPE)


def test_links_that_lead_back_are_not_followed(folder: Path) -> None:
    (folder / "trip" / "back").symlink_to(folder)
    assert [path.name for path in pictures_in(folder)] == ["morning.png", "notes.txt", "evening.jpg"]


def test_more_pictures_than_are_worked_on_together_stay_in_order(folder: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(11)]
    for number, path in enumerate(paths):
        Image.new("RGB", (64 + number, 64), "khaki").save(path)
    assert [answer["file"]["width"] for answer in analyzed(*paths)] == [64 + number for number in range(11)]


def test_the_command_prints_one_picture_to_be_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(folder / "morning.png")]) == 0
    printed = capsys.readouterr()
    answer = json.loads(printed.out)
    jsonschema.validate(answer, SHAPE)
    assert answer["text"]["text"] == "Morning\nat nine"
    assert printed.out.count("\n") > 20
    for problem in answer["problems"]:
        assert problem["kind"] == "not_installed"
        assert problem["message"] in printed.err


def test_the_command_prints_a_folder_line_by_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(folder), "--only", "text"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["text"] and answer["text"]["text"] for answer in answers] == ["Morning\nat nine", None, "Evening"]
    assert all(answer["problems"] == [] for answer in answers)


def test_a_refused_picture_alone_is_a_failed_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ocr", str(folder / "notes.txt")]) == 1
    assert json.loads(capsys.readouterr().out)["refused"]["reason"] == "This is a text file, not a picture."


@pytest.mark.parametrize("command", [["analyze"], ["ocr"], ["compare", "ocr", "fake", "fake"]])
def test_a_command_that_did_nothing_failed(
    command: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "empty").mkdir()
    assert main([*command, str(folder / "empty")]) == 1
    assert capsys.readouterr().err == f"There is no picture in {folder / 'empty'}.\n"
    assert main([*command, str(folder / "one.jpg"), str(folder / "two.jpg")]) == 1
    assert f"There is no file {folder / 'one.jpg'}." in capsys.readouterr().out.replace("\n", "")


def test_a_part_that_is_asked_for_and_missing_is_a_failed_command(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", str(folder), "--only", "things"]) == 1
    assert "Run: python -m ml models pull yolox_nano" in capsys.readouterr().err


@pytest.mark.parametrize("backend", ["fake,version", "fake,=2", "fake,", "fake,version=2"])
def test_what_is_typed_wrongly_is_not_understood(
    backend: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "ocr", "fake", backend, str(folder / "morning.png")]) == 2
    printed = capsys.readouterr().err
    assert "An option is written NAME=VALUE." in printed or "must be of type str, not 2." in printed


@pytest.mark.parametrize("words", [["analyze", ""], ["models", "import", ""]])
def test_an_empty_word_is_not_the_folder_that_one_is_in(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert "one of the words is empty" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("words", [["status"], ["models", "show", "yunet"]], ids=["much", "little"])
def test_an_output_that_is_full_is_said_in_a_sentence(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        command, environment = [sys.executable, "-m", "ml", *words], os.environ | {"PYTHONUNBUFFERED": ""}
        done = subprocess.run(command, env=environment, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "The output cannot be used: No space left on device.\n")


def test_two_backends_stand_side_by_side(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "ocr", "rapidocr,detector_side=640", "fake", str(folder / "trip" / "evening.jpg")]) == 0
    head, _, name, models, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["rapidocr,detector_side=640", "|", "fake"]
    assert name.endswith("evening.jpg")
    assert models.partition("|")[0].startswith("pp-ocrv6-small@1")
    assert models.partition("|")[2].startswith(" fake-ocr@1")
    assert lines[0].startswith("Evening")


def test_a_comparison_for_programs_is_one_line_a_picture(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = [str(folder / "morning.png"), str(folder / "trip" / "evening.jpg")]
    assert main(["compare", "ocr", "fake", 'fake,version="2"', *pictures, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["picture"] for line in lines] == pictures
    assert [result["text"]["model"] for result in lines[0]["results"]] == ["fake-ocr@1", "fake-ocr@2"]


def test_an_unknown_backend_is_answered_with_the_known_ones(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "ocr", "rapidocr", "tesseract", str(folder / "morning.png")]) == 2
    assert 'There is no backend "tesseract" for "ocr"' in capsys.readouterr().err


def test_a_receipts_total_is_in_its_answer(material: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = json.loads((material / "truth" / "ocr_receipts.json").read_text())
    name, facts = next(iter(truth.items()))
    main(["ocr", str(next((material / "documents" / "receipts").glob(f"{Path(name).stem}.*")))])
    assert facts["fields"]["total"].lstrip("RM $") in json.loads(capsys.readouterr().out)["text"]["text"]


@pytest.mark.parametrize(("name", "encoding"), [("\udcff\udcfe.png", "utf-8"), ("\u732b \U0001f600.png", "ascii")])
def test_a_name_that_the_terminal_cannot_show_stops_nothing(folder: Path, name: str, encoding: str) -> None:
    """Old disks hold names in other letters than this machine's."""
    shutil.copy(folder / "morning.png", folder / name)

    def ask(*words: str) -> subprocess.CompletedProcess[bytes]:
        environment = os.environ | {"PYTHONIOENCODING": encoding}
        return subprocess.run([sys.executable, "-m", "ml", *words], env=environment, capture_output=True)

    answers = ask("analyze", str(folder / name), str(folder / "notes.txt"), "--only", "caption")
    assert str(folder / name) in [json.loads(line)["picture"] for line in answers.stdout.decode(encoding).splitlines()]
    assert ask("compare", "ocr", "fake", "fake", str(folder / name)).returncode == 0
