"""How a runtime deals with items and backends that go wrong, shown with the fake reader."""

import io
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from ml import LLM, OCR, TEXT_EMBEDDER, BackendSetting, Failure, PageText, Picture, Prompt, Runtime, SettingsError
from ml.backends import fake
from ml.roles import EmbedOptions
from tests.ml.pages import plain

FAKE: BackendSetting = {"BACKEND": "fake"}


def as_jpeg(picture: Picture, quality: int = 60) -> Picture:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def texts(results: list[PageText | Failure]) -> list[str]:
    return [result.kind if isinstance(result, Failure) else result.text for result in results]


def test_only_the_guilty_item_of_a_batch_fails() -> None:
    pictures = [plain((0, 0, 0)), as_jpeg(plain(fake.FAILS_ON)), plain((255, 255, 255))]
    with Runtime({"ocr": FAKE}) as runtime:
        assert texts(list(runtime.map(OCR, pictures))) == ["average #000000", "bad_item", "average #ffffff"]


def test_the_options_of_another_role_are_refused_before_anything_is_read() -> None:
    with Runtime({"ocr": FAKE}) as runtime, pytest.raises(TypeError, match="ocr takes OcrOptions, not EmbedOptions"):
        runtime.map(OCR, iter([]), EmbedOptions())  # type: ignore[misc]


@pytest.mark.parametrize("text", ["cut \ud83d", "\udcff.jpg", Prompt("cut \ud83d"), Prompt("Go on.", "cut \ud83d")])
def test_half_a_letter_is_the_items_fault(text: str | Prompt) -> None:
    """Half of a pair, as a cut JSON or the name of a file holds it."""
    problem = LLM.problem(text) if isinstance(text, Prompt) else TEXT_EMBEDDER.problem(text)
    assert problem == "This text holds half a letter, which cannot be read."


def test_a_written_picture_is_read_back_after_jpeg_and_resizing() -> None:
    written = fake.write("Total: 12.50 €\nGrüße aus Zürich")
    smaller = np.asarray(
        Image.fromarray(as_jpeg(written)).resize((written.shape[1] * 2 // 3, written.shape[0] * 2 // 3))
    )
    with Runtime({"ocr": FAKE}) as runtime:
        results = list(runtime.map(OCR, [written, smaller]))
    assert texts(results) == ["Total: 12.50 €\nGrüße aus Zürich"] * 2


def test_a_slow_picture_takes_its_time() -> None:
    with Runtime({"ocr": {"BACKEND": "fake", "OPTIONS": {"slow_seconds": 0.2}}}) as runtime:
        started = time.monotonic()
        list(runtime.map(OCR, [as_jpeg(plain(fake.SLOW_ON))]))
    assert time.monotonic() - started >= 0.2


def test_a_deadly_picture_kills_the_process() -> None:
    code = (
        "import numpy as np; from ml import OCR, Runtime; from ml.backends import fake;"
        "list(Runtime({'ocr': {'BACKEND': 'fake'}}).map(OCR, [np.full((8, 8, 3), fake.KILLS_ON, np.uint8)]))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == -9


def test_many_threads_load_a_model_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="ml.candidate")
    with Runtime({"ocr": FAKE}) as runtime, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: texts(list(runtime.map(OCR, [plain((1, 2, 3))] * 9))), range(8)))
    assert answers == [["average #010203"] * 9] * 8
    assert sum("Loaded" in message for message in caplog.messages) == 1


def test_the_next_backend_takes_over_from_one_that_is_not_installed() -> None:
    code = (
        "import sys; sys.modules['rapidocr'] = None; import numpy as np; from ml import OCR, Runtime;"
        "runtime = Runtime({'ocr': [{'BACKEND': 'rapidocr'}, {'BACKEND': 'fake'}]});"
        "(result,) = runtime.map(OCR, [np.zeros((8, 8, 3), np.uint8)]);"
        "print(result.model, runtime.model(OCR), [status.loaded for status in runtime.status()])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.split("\n")[0] == "fake-ocr@1 fake-ocr@1 [False, True]"


def test_a_package_that_is_there_but_broken_counts_as_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    with Runtime({"ocr": {"BACKEND": "rapidocr"}}) as runtime:
        if not runtime.status()[0].installed:
            pytest.skip("rapidocr is not installed")
        monkeypatch.setattr("ml.candidate.missing_packages", lambda modules: None)
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        (failure,) = runtime.map(OCR, [plain((0, 0, 0))])
        assert isinstance(failure, Failure)
        assert failure.kind == "not_installed"
        assert "cannot be imported" in str(runtime.status()[0].last_error)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"smell": FAKE}, 'no role "smell". Known roles: '),
        ({"ocr": {"BACKEND": "eyes"}}, 'no backend "eyes" for "ocr". Known backends: fake, '),
        ({"ocr": {"OPTIONS": {}}}, "needs BACKEND"),
        ({"ocr": {"BACKEND": "fake", "COLOUR": 1}}, "it has BACKEND, COLOUR"),
        (
            {"ocr": {"BACKEND": "fake", "DEVICE": "abacus"}},
            'no device "abacus". Known devices: auto, coreml, cpu, cuda',
        ),
        ({"ocr": {"BACKEND": "fake", "OPTIONS": {"batch_size": 0}}}, "between 1 and 1,024, not 0."),
        ({"ocr": {"BACKEND": "fake", "OPTIONS": {"slow_seconds": float("nan")}}}, "between 0 and 86,400, not nan."),
        ({"ocr": []}, "is empty. Known backends: fake, paddleocr, rapidocr"),
    ],
)
def test_a_setting_that_can_never_work_is_refused_at_once(wish: dict[str, BackendSetting], message: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Runtime(wish)
    assert message in str(refusal.value)


def test_a_closed_runtime_says_so() -> None:
    with Runtime({"ocr": FAKE}) as runtime:
        results = runtime.map(OCR, [plain((0, 0, 0))])
    with pytest.raises(RuntimeError, match="closed"):
        next(results)
    with pytest.raises(RuntimeError, match="closed"):
        runtime.map(OCR, [])
