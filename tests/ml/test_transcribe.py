"""What of writing down needs no model: what it looks at, how speech is packed and how times find back."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models

from ml import TRANSCRIBER, Failure, Runtime
from ml.backends.whisper import Whisper, _packed, _Phrase, _Script, _Window
from ml.spectrogram import log_mel
from ml.voice import RATE, Span
from tests.ml.sounds import silence, tone


def span(start: float, end: float) -> Span:
    return Span(round(start * RATE), round(end * RATE))


def window(*spans: Span) -> _Window:
    return _Window(0, silence(100), spans)


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> _Script:
    """With two words: 0 is "a", 1 is "i"."""
    marks = ["endoftext", "startoftranscript", "en", "translate", "transcribe", "notimestamps"]
    tokens = ["a", "i", *(f"<|{mark}|>" for mark in marks)]
    words = models.WordLevel({token: number for number, token in enumerate(tokens)}, unk_token="a")
    tokenizer = Tokenizer(words)
    tokenizer.add_special_tokens(tokens[2:])
    path = tmp_path_factory.mktemp("script") / "tokenizer.json"
    tokenizer.save(str(path))
    return _Script(path, multilingual=True)


def test_a_low_tone_is_loud_in_a_low_band_and_only_while_it_lasts() -> None:
    seen = log_mel(tone(1, 300), bands=80, seconds=2)
    assert seen.shape == (80, 200)
    assert seen.dtype == np.float32
    assert 5 <= int(seen[:, 50].argmax()) <= 9
    assert seen[:, 50].max() > seen[:, 150].max() + 1.5


@pytest.mark.parametrize("bands", [80, 128])
def test_the_bands_are_those_of_whisper(material: Path, bands: int) -> None:
    """A click is equally loud at every pitch: what is left are the bands themselves."""
    click = silence(0.05)
    click[400] = 1
    theirs = np.load(material / "models" / "whisper-tables" / "mel_filters.npz")[f"mel_{bands}"]
    levels = log_mel(click, bands=bands, seconds=1)[:, 2] * 4 - 4
    loudest = 10 ** (levels - levels.max())
    assert np.allclose(loudest, theirs.sum(axis=1) / theirs.sum(axis=1).max(), rtol=0.01)


@pytest.mark.parametrize("samples", [1, 159, 160, 400, RATE, 5 * RATE])
def test_any_length_fills_the_window(samples: int) -> None:
    seen = log_mel(np.ones(samples, np.float32), bands=80, seconds=2)
    assert seen.shape == (80, 200)
    assert np.isfinite(seen).all()


def test_as_much_speech_as_fits_shares_a_window_in_order() -> None:
    spans = [span(0, 10), span(20, 35), span(50, 54), span(60, 62)]
    assert list(_packed(spans, 30)) == [tuple(spans[:3]), tuple(spans[3:])]
    assert list(_packed([], 30)) == []


def test_a_time_in_a_window_is_found_again_in_the_sound() -> None:
    packed = window(span(10, 12), span(50, 53))
    assert packed.seconds == 5
    assert [packed.in_sound(at, near=at) for at in (0, 1, 2, 3, 5)] == [10, 11, 50, 51, 53]


def test_a_time_never_lies_in_what_was_cut_out() -> None:
    packed = window(span(10, 12), span(50, 53))
    assert packed.in_sound(1.8, near=2.1) == 50
    assert packed.in_sound(2.3, near=1.9) == 12
    assert packed.in_sound(9, near=9) == 53


@pytest.mark.parametrize(("first", "second"), [((0, 1.98), (2.02, 4)), ((0, 2.02), (1.98, 4))])
def test_a_phrase_ends_before_what_was_cut_out_and_the_next_begins_behind_it(
    script: _Script, first: tuple[float, float], second: tuple[float, float]
) -> None:
    """Whisper tells fiftieths of a second: where two stretches meet it is seldom right."""
    packed = window(span(10, 12), span(50, 53))
    phrases = [_Phrase(*first, [0]), _Phrase(*second, [1])]
    one, other = script.segments(phrases, packed, 0.5, None, "en")
    assert (one.start, one.end) == pytest.approx((10, 12), abs=0.03)
    assert (other.start, other.end) == pytest.approx((50, 52), abs=0.03)


def test_missing_weights_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path))
    assert Whisper().missing_weights() == (
        "Not installed: faster-whisper-base. Run: python -m ml models pull faster-whisper-base"
    )


def test_without_what_hears_voices_nothing_is_written(tmp_path: Path) -> None:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).touch()
    missing = Whisper(weights=str(tmp_path), voice=str(tmp_path)).missing_weights()
    assert missing == f"Not installed: {tmp_path} lacks silero_vad_v6.onnx."


def test_a_precision_that_does_not_exist_is_refused_with_those_that_do() -> None:
    assert Whisper(precision="int3").missing_weights() == 'There is no precision "int3". Known are: int8, fp32.'


def test_a_folder_of_something_else_is_no_model(material: Path, tmp_path: Path) -> None:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    options = {"weights": str(tmp_path), "voice": str(material / "models" / "audio")}
    with Runtime({"transcriber": {"BACKEND": "whisper", "OPTIONS": options}}) as runtime:
        (failure,) = runtime.map(TRANSCRIBER, [silence(1)])
    assert isinstance(failure, Failure)
    assert failure.kind == "not_installed"
    assert failure.message.startswith(f"{tmp_path} is no whole Whisper model. Run: python -m ml models verify")
