"""Where somebody speaks. The model is the published one."""

import json
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ml.roles import Sound
from ml.voice import RATE, Listening, Span, Voice, missing_voice
from tests.ml.sounds import noise, recording, silence, tone, voice


@pytest.fixture(scope="module")
def hearing(material: Path) -> Voice:
    return Voice(str(material / "models" / "audio"))


def seconds_of(spans: list[Span]) -> list[tuple[float, float]]:
    return [(span.start / RATE, span.end / RATE) for span in spans]


@pytest.mark.parametrize("name", ["test.wav", "test_de.wav", "test_es.wav", "test_fr.wav"])
def test_every_word_that_is_spoken_lies_in_a_span_and_the_silence_around_does_not(
    hearing: Voice, material: Path, name: str
) -> None:
    words = json.loads((material / "truth" / "transcripts.json").read_text())[f"audio/speech/{name}"]["words"]
    spans = seconds_of(hearing.spans(recording(material / "audio" / "speech" / name)))
    for _word, start, end in words:
        assert any(begin - 0.1 <= start and end <= finish + 0.1 for begin, finish in spans)
    assert spans[0][0] > words[0][1] - 0.5
    assert spans[-1][1] < words[-1][2] + 0.5


def test_a_recording_without_speech_has_none(hearing: Voice, material: Path) -> None:
    sound = recording(material / "audio" / "no-speech" / "empty.wav")
    assert hearing.spans(sound) == []
    assert hearing.likely(sound).max() < 0.5


@pytest.mark.parametrize("sound", [silence(5), noise(5), noise(5, 0.3), tone(5, 440), silence(0.01)])
def test_silence_noise_and_a_whistle_are_no_speech(hearing: Voice, sound: Sound) -> None:
    assert hearing.spans(sound) == []


def test_two_sentences_with_a_pause_are_two_spans(hearing: Voice) -> None:
    sound = np.concatenate([silence(1), voice("aiou"), silence(1), voice("aiou", pitch=220), silence(1)])
    (first, second) = seconds_of(hearing.spans(sound))
    assert first == pytest.approx((0.85, 2.7), abs=0.2)
    assert second == pytest.approx((3.45, 5.3), abs=0.2)


def test_a_longer_pause_may_be_asked_for_and_a_shortest_length(hearing: Voice) -> None:
    sound = np.concatenate([silence(1), voice("aiou"), silence(1), voice("aiou", pitch=220), silence(1)])
    assert len(hearing.spans(sound, Listening(pause=2))) == 1
    assert hearing.spans(sound, Listening(shortest=3)) == []


def test_padding_never_leaves_the_sound_and_never_overlaps(hearing: Voice) -> None:
    sound = np.concatenate([voice("aiou"), silence(0.6), voice("aiou")])
    spans = hearing.spans(sound, Listening(padding=5))
    assert spans[0].start == 0
    assert spans[-1].end == len(sound)
    assert all(one.end <= other.start for one, other in pairwise(spans))


def test_a_long_speech_is_cut_into_pieces_that_meet(hearing: Voice) -> None:
    sound = voice("aiou" * 8, gap=0.02)
    (whole,) = hearing.spans(sound, Listening(pause=1))
    pieces = hearing.spans(sound, Listening(pause=1, longest=3))
    assert len(pieces) >= 4
    assert max(piece.seconds for piece in pieces) <= 3
    assert (pieces[0].start, pieces[-1].end) == (whole.start, whole.end)
    assert all(one.end == other.start for one, other in pairwise(pieces))


def test_every_32_milliseconds_are_judged_whatever_the_length(hearing: Voice) -> None:
    for samples in (1, 511, 512, 513, 512 * 500, 512 * 500 + 1):
        assert len(hearing.likely(np.zeros(samples, np.float32))) == -(-samples // 512)


def test_what_is_heard_does_not_depend_on_where_a_block_ends(hearing: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = voice("aiou" * 3)  # a silent block would be forgotten
    at_once = hearing.likely(sound)
    monkeypatch.setattr("ml.voice._FRAMES_AT_ONCE", 7)
    assert np.allclose(hearing.likely(sound), at_once, atol=1e-4)


def test_a_long_sound_takes_no_more_memory_than_a_short_one(hearing: Voice) -> None:
    sound = np.tile(np.concatenate([voice("aiou"), silence(5)]), 30)
    tracemalloc.start()
    assert len(hearing.spans(sound)) == 30
    assert tracemalloc.get_traced_memory()[1] < 4_000_000 < sound.nbytes
    tracemalloc.stop()


def test_a_missing_model_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert missing_voice() == "Not installed: silero-vad-v6. Run: python -m ml models pull silero-vad-v6"
    with pytest.raises(FileNotFoundError, match="models pull silero-vad-v6"):
        Voice()
