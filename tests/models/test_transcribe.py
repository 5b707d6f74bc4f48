"""Whisper through CTranslate2: a small one that writes down sung vowels. A and i are English, o and u are German."""

import shutil
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ml import TRANSCRIBER, Failure, Runtime, TranscribeOptions, Transcript
from ml.engines.ct2 import Ct2Whisper
from ml.engines.ct2 import _memory as saying_memory
from ml.results import Numbers
from ml.roles import Sound
from ml.spectrogram import log_mel
from tests.ml.sounds import noise, silence, sung
from tests.models import built

pytest.importorskip("ctranslate2", reason="Whisper needs the extra ml")


def house(folder: Path, **options: object) -> Runtime:
    return Runtime(
        {"transcriber": {"BACKEND": "whisper", "OPTIONS": {"weights": str(folder), "voice": str(folder), **options}}}
    )


@pytest.fixture(scope="module")
def folder() -> Path:
    return built("whisper")


@pytest.fixture(scope="module")
def runtime(folder: Path) -> Iterator[Runtime]:
    with house(folder) as runtime:
        yield runtime


def written(runtime: Runtime, sounds: list[Sound], **options: object) -> list[Transcript]:
    found = list(runtime.map(TRANSCRIBER, sounds, TranscribeOptions(**options)))  # type: ignore[arg-type]
    assert all(isinstance(one, Transcript) for one in found), found
    return [one for one in found if isinstance(one, Transcript)]


@pytest.mark.parametrize(("vowels", "language"), [("aiia", "en"), ("uouu", "de"), ("ia", "en")])
def test_what_is_said_is_written_down_in_the_language_it_is_said_in(
    runtime: Runtime, vowels: str, language: str
) -> None:
    (script,) = written(runtime, [sung(vowels)])
    assert (script.text, script.language) == (" ".join(vowels), language)
    assert script.seconds == pytest.approx(1 + 0.4 * len(vowels))
    assert 0.3 < script.segments[0].score <= 1


def test_where_nobody_speaks_nothing_is_written(runtime: Runtime) -> None:
    for script in written(runtime, [silence(3), noise(3)]):
        assert script.skipped_reason == "Nobody speaks in this sound."
        assert (script.segments, script.language, script.seconds_of_speech) == ((), None, 0)
        assert script.seconds == 3


def test_times_are_those_of_the_sound_however_long_it_was_silent_between(runtime: Runtime) -> None:
    (script,) = written(runtime, [np.concatenate([sung("ai"), silence(60), sung("ia"), silence(7)])])
    first, second = script.segments
    assert (first.text, second.text) == ("a i", "i a")
    assert (first.start, first.end) == pytest.approx((0.5, 1.2), abs=0.3)
    assert (second.start, second.end) == pytest.approx((62.3, 63.0), abs=0.3)
    assert script.seconds_of_speech < 4


def test_words_have_times_and_probabilities_where_they_are_asked_for(runtime: Runtime) -> None:
    (plain,) = written(runtime, [sung("aiai")])
    (script,) = written(runtime, [np.concatenate([silence(20), sung("aiai")])], words=True)
    assert plain.segments[0].words == ()
    words = script.segments[0].words
    assert [word.text for word in words] == ["a", "i", "a", "i"]
    assert [word.end for word in words] == pytest.approx([20.8, 21.2, 21.6, 22.0], abs=0.3)
    assert all(one.end <= other.start + 0.01 for one, other in pairwise(words))
    assert all(0 < word.score <= 1 for word in words)
    assert script.segments[0].start <= words[0].start
    assert script.segments[0].end >= words[-1].end


SOUNDS = [
    sung("a"),
    silence(2),
    sung("uo"),
    np.concatenate([sung("ia"), silence(2), sung("ai"), silence(2), sung("ii"), silence(2), sung("aa")]),
    sung("uuu"),
    noise(1),
    sung("ii"),
]
SAID = [("a", "en"), ("", None), ("u o", "de"), ("i a a i i i a a", "en"), ("u u u", "de"), ("", None), ("i i", "en")]


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("windows_at_once", [1, 3, 8])
def test_sounds_of_two_languages_share_a_batch_and_keep_their_order(
    folder: Path, windows_at_once: int, words: bool
) -> None:
    with house(folder, windows_at_once=windows_at_once) as runtime:
        scripts = written(runtime, SOUNDS, words=words)
    assert [(script.text, script.language) for script in scripts] == SAID


def test_a_batch_writes_what_each_sound_gives_alone(runtime: Runtime) -> None:
    together = written(runtime, SOUNDS)
    for sound, script in zip(SOUNDS, together, strict=True):
        (alone,) = written(runtime, [sound])
        assert (alone.text, alone.language) == (script.text, script.language)
        assert [one.start for one in alone.segments] == pytest.approx([one.start for one in script.segments], abs=0.05)


def test_the_language_is_that_in_which_most_is_said_whoever_shares_the_batch(folder: Path) -> None:
    """Its first window is German; in a batch it is the last of three that are looked at together."""
    mixed = np.concatenate([sung("uouu"), silence(1), *[sung("aiiaia"), silence(1)] * 2])
    with house(folder, windows_at_once=3) as runtime:
        (alone,) = written(runtime, [mixed])
        together = written(runtime, [sung("a"), sung("ii"), mixed])
    assert alone.language == "en"
    assert (together[-1].language, together[-1].text) == (alone.language, alone.text)
    starts = [segment.start for segment in together[-1].segments]
    assert starts == sorted(starts)
    assert starts[0] < 1


@pytest.mark.parametrize("words", [False, True])
def test_where_more_is_said_than_whisper_has_room_for_the_rest_is_written_too(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, words: bool
) -> None:
    """Room for five marks and words where both phrases take eight."""
    sound = np.concatenate([sung("aa"), silence(30), sung("ii")])
    monkeypatch.setattr("ml.backends.whisper._at_most", lambda _seconds: 5)
    (script, other) = written(runtime, [sound, sung("uo")], words=words)
    assert script.text.startswith("a a i i")  # and often a third: the small model stutters where it begins again
    assert set(script.text[4:]) == {"i", " "}
    assert other.text == "u o"
    assert [one.start for one in script.segments] == pytest.approx([0.5, 32.3], abs=0.3)
    assert script.segments[-1].end == pytest.approx(33.0, abs=0.3)
    if words:
        assert [word.text for segment in script.segments for word in segment.words] == script.text.split()


def test_one_phrase_that_is_too_long_keeps_what_there_was_room_for(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.backends.whisper._at_most", lambda _seconds: 3)
    (script,) = written(runtime, [sung("aiaiai")])
    assert script.text == "a i"


def test_the_language_that_is_named_is_taken(runtime: Runtime, folder: Path) -> None:
    (script,) = written(runtime, [sung("ai")], language="de")
    assert script.language == "de"
    with house(folder, language="de") as always:
        assert written(always, [sung("ai")])[0].language == "de"
        assert written(always, [sung("ai")], language="en")[0].language == "en"


def test_a_language_nobody_knows_is_a_failure_that_names_those_it_knows(runtime: Runtime) -> None:
    for failure in runtime.map(TRANSCRIBER, [sung("a"), sung("i")], TranscribeOptions(language="xx")):
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.retryable) == ("bad_item", False)
        assert failure.message.startswith('This model does not know the language "xx". Known are: af, am,')


def test_sound_that_is_none_is_a_failure_of_its_own(runtime: Runtime) -> None:
    sounds = [sung("a"), np.full(16_000, np.nan, np.float32), np.zeros((2, 16_000), np.float32), sung("i")]
    first, broken, stereo, last = runtime.map(TRANSCRIBER, sounds)
    assert isinstance(broken, Failure)
    assert isinstance(stereo, Failure)
    assert (first.text, last.text) == ("a", "i")  # type: ignore[union-attr]


def test_a_long_sound_takes_the_memory_of_a_few_windows(folder: Path) -> None:
    """Ten minutes with a sentence every ten seconds: what the model looks at is made for two windows at a time."""
    sound = np.tile(np.concatenate([sung("aii"), silence(7.8)]), 60)
    with house(folder, windows_at_once=2) as runtime:
        written(runtime, [sung("a")])
        tracemalloc.start()
        (script,) = written(runtime, [sound])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert script.text.split() == ["a", "i", "i"] * 60
    assert script.segments[-1].start == pytest.approx(590.5, abs=0.4)
    assert peak < sound.nbytes / 3  # a quarter is the look whether all its values are numbers


def test_a_sound_for_which_memory_is_short_is_looked_at_window_by_window(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[int] = []
    encode = Ct2Whisper.encode

    def short(model: Ct2Whisper, features: Numbers) -> object:
        looked_at.append(len(features))
        if len(features) > 1:
            raise MemoryError
        return encode(model, features)

    monkeypatch.setattr(Ct2Whisper, "encode", short)
    with house(folder, windows_at_once=4) as runtime:
        (script,) = written(runtime, [SOUNDS[3]])
    assert (script.text, script.language) == SAID[3]
    assert looked_at[0] > 1
    assert looked_at[-1] == 1


@pytest.mark.parametrize(
    "words",
    ["CUDA failed with error out of memory", "cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED", "std::bad_alloc"],
)
def test_every_way_to_say_that_memory_is_short_is_understood(words: str) -> None:
    with pytest.raises(MemoryError), saying_memory():
        raise RuntimeError(words)
    with pytest.raises(RuntimeError, match="another"), saying_memory():
        raise RuntimeError("another")


def test_a_model_in_full_precision_writes_the_same(folder: Path) -> None:
    with house(folder, precision="fp32", beam=1) as runtime:
        (script,) = written(runtime, [sung("uoou")])
        (status,) = runtime.status()
    assert (script.text, str(script.model)) == ("u o o u", f"{folder.name}@fp32")
    assert status.dtype == "float32"


def test_half_a_model_is_not_installed(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "half")
    model = tmp_path / "half" / "model.bin"
    model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    with house(tmp_path / "half") as runtime:
        (failure,) = runtime.map(TRANSCRIBER, [sung("a")])
    assert isinstance(failure, Failure)
    assert failure.kind == "not_installed"
    assert "models verify" in failure.message


def test_the_sound_is_looked_at_as_faster_whisper_does() -> None:
    features = pytest.importorskip("faster_whisper.feature_extractor", reason="compared with: make test-ml")
    sound = sung("aiou")
    theirs = features.FeatureExtractor()(np.pad(sound, (0, 30 * 16_000 - len(sound))), padding=0)
    assert np.allclose(log_mel(sound, bands=80, seconds=30), theirs[:, :3000], atol=1e-4)
