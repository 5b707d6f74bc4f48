"""How PaddleOCR is spoken to in its own process. PaddleOCR itself is not here: `tests.ml.paddle` stands for it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml import OCR, Failure, OcrOptions, PageText, Picture, Runtime
from ml.backends.paddleocr import PaddleOcr
from tests.ml.paddle import environment
from tests.ml.paddle.paddleocr import DIES_ON, FAILS_ON, HANGS_ON
from tests.ml.pages import plain


@pytest.fixture
def options(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path)


@pytest.fixture
def runtime(options: dict[str, str]) -> Iterator[Runtime]:
    with Runtime({"ocr": {"BACKEND": "paddleocr", "OPTIONS": {**options, "seconds": 3.0}}}) as runtime:
        yield runtime


def read(runtime: Runtime, *pictures: Picture) -> list[PageText | Failure]:
    return list(runtime.map(OCR, pictures, OcrOptions(min_score=0.5)))


def worker(options: dict[str, str]) -> int:
    return int((Path(options["weights"]) / "pid").read_text())


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that nobody has waited for is a zombie, dead once all of its threads are.
    tasks = list(Path(f"/proc/{pid}/task").iterdir())
    return len(tasks) > 1 or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def ends(pid: int) -> bool:
    limit = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < limit:
        time.sleep(0.05)
    return not is_alive(pid)


def test_lines_come_in_reading_order_with_place_score_and_script(runtime: Runtime) -> None:
    (page,) = read(runtime, plain((200, 100, 0)))
    assert isinstance(page, PageText)
    assert [(line.text, line.score, line.language) for line in page.lines] == [
        ("Привет, мир", 0.8, "cyrillic"),
        ("200 100 0", 0.9, None),
    ]
    assert page.lines[1].box == ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))
    assert str(page.model) == "paddleocr@1"


def test_a_picture_without_text_says_so(runtime: Runtime) -> None:
    (page,) = read(runtime, plain((0, 0, 0)))
    assert isinstance(page, PageText)
    assert page.skipped_reason == "No text was seen in this picture."


@pytest.mark.parametrize(
    ("colour", "kind"),
    [(FAILS_ON, "internal"), (DIES_ON, "internal"), (HANGS_ON, "timeout")],
    ids=["fails", "dies", "hangs"],
)
def test_only_the_picture_on_which_it_breaks_is_a_failure(
    runtime: Runtime, colour: tuple[int, int, int], kind: str
) -> None:
    first, guilty, last = read(runtime, plain((1, 2, 3)), plain(colour), plain((4, 5, 6)))
    assert isinstance(guilty, Failure)
    assert guilty.kind == kind
    assert isinstance(first, PageText)
    assert isinstance(last, PageText)
    assert last.lines[-1].text == "4 5 6"


def test_one_that_was_killed_is_started_again_at_the_next_call(runtime: Runtime, options: dict[str, str]) -> None:
    read(runtime, plain((1, 2, 3)))
    first = worker(options)
    os.kill(first, signal.SIGKILL)
    assert ends(first)
    assert isinstance(read(runtime, plain((1, 2, 3)))[0], PageText)
    assert worker(options) != first


def test_unloading_ends_the_process(runtime: Runtime, options: dict[str, str]) -> None:
    read(runtime, plain((1, 2, 3)))
    runtime.unload()
    assert ends(worker(options))


def test_the_process_ends_with_its_parent_even_at_work(options: dict[str, str]) -> None:
    code = (
        "import sys, numpy as np; from ml import OCR, Runtime; from tests.ml.pages import plain\n"
        f"runtime = Runtime({{'ocr': {{'BACKEND': 'paddleocr', 'OPTIONS': {options!r}}}}})\n"
        f"list(runtime.map(OCR, [plain({HANGS_ON!r})]))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    told = Path(options["weights"]) / "pid"
    while not told.exists() or not told.read_text():
        assert parent.poll() is None
        time.sleep(0.05)
    time.sleep(0.3)
    assert is_alive(worker(options))
    parent.kill()
    parent.wait()
    assert ends(worker(options))


def test_a_missing_environment_names_the_command(options: dict[str, str], tmp_path: Path) -> None:
    missing = PaddleOcr(python=str(tmp_path / "none"), weights=options["weights"]).missing_weights()
    assert missing is not None
    assert missing.endswith("Run: make paddle")


def test_missing_models_name_the_folder_they_belong_into(options: dict[str, str]) -> None:
    (Path(options["weights"]) / "recogniser" / "inference.pdiparams").unlink()
    missing = PaddleOcr(**options).missing_weights()  # type: ignore[arg-type]
    assert missing is not None
    assert "(recogniser)" in missing
    assert f"into {options['weights']}, as detector and recogniser" in missing


def test_half_a_model_is_said_to_be_put_there_again(runtime: Runtime, options: dict[str, str]) -> None:
    (Path(options["weights"]) / "detector" / "inference.pdiparams").write_bytes(b"half a file")
    (failure,) = read(runtime, plain((200, 100, 0)))
    assert isinstance(failure, Failure)
    assert failure.kind == "not_installed"
    assert f"in {options['weights']} cannot be loaded. Put them there again." in failure.message


def test_an_environment_without_paddleocr_names_the_command(options: dict[str, str]) -> None:
    Path(options["python"]).write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    with Runtime({"ocr": {"BACKEND": "paddleocr", "OPTIONS": options}}) as runtime:
        (failure,) = read(runtime, plain((1, 2, 3)))
    assert isinstance(failure, Failure)
    assert failure.kind == "not_installed"
    assert failure.message.endswith("Run: make paddle")
