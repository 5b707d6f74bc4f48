"""What the published Whisper writes down of people whose words are known."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from ml import TRANSCRIBER, Runtime, TranscribeOptions, Transcript, Word
from ml.weights.offline import import_folder
from tests.ml.sounds import recording, silence, voice
from tests.models import built
from tests.models.faster_whisper import NEEDS

pytest.importorskip("ctranslate2", reason="Whisper needs the extra ml")
pytestmark = pytest.mark.skipif(not all(map(find_spec, NEEDS)), reason="the published Whisper comes with: make test-ml")

#: Those of the recordings whose words have known times.
NAMES = ["test.wav", "test_de.wav", "test_fr.wav", "test_es.wav"]


@dataclass(frozen=True)
class Heard:
    """`right`: pairs of a word that was said, as (word, start, end), and the same word as it was written."""

    script: Transcript
    said: int
    right: list[tuple[tuple[str, float, float], Word]]


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """With the weights by name, installed from a folder: their checksums are the publisher's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_CACHE_DIR", str(tmp_path_factory.mktemp("models")))
        assert import_folder(built("faster_whisper")).names == ("faster-whisper-base",)
        options = {"weights": "faster-whisper-base", "voice": str(built("silero"))}
        with Runtime({"transcriber": {"BACKEND": "whisper", "OPTIONS": options}}) as runtime:
            yield runtime


@pytest.fixture(scope="module")
def heard(runtime: Runtime, material: Path) -> dict[str, Heard]:
    truth = json.loads((material / "truth" / "transcripts.json").read_text())
    sounds = [recording(material / "audio" / "speech" / name) for name in NAMES]
    scripts = runtime.map(TRANSCRIBER, sounds, TranscribeOptions(words=True))
    return {
        name: compared(truth[f"audio/speech/{name}"]["words"], script)
        for name, script in zip(NAMES, scripts, strict=True)
        if isinstance(script, Transcript)
    }


def compared(said: list[tuple[str, float, float]], script: Transcript) -> Heard:
    written = [word for segment in script.segments for word in segment.words]
    same = SequenceMatcher(
        a=[plain(word) for word, _start, _end in said], b=[plain(word.text) for word in written], autojunk=False
    ).get_matching_blocks()
    right = [(said[one.a + step], written[one.b + step]) for one in same for step in range(one.size)]
    return Heard(script, len(said), right)


def plain(word: str) -> str:
    return re.sub(r"\W", "", word.casefold())


@pytest.mark.parametrize(
    ("name", "language", "wrong"),
    [("test.wav", "en", 0), ("test_de.wav", "de", 2), ("test_fr.wav", "fr", 2), ("test_es.wav", "es", 1)],
)
def test_what_people_say_in_four_languages_is_written_down(
    heard: dict[str, Heard], name: str, language: str, wrong: int
) -> None:
    assert heard[name].script.language == language
    assert heard[name].said - len(heard[name].right) <= wrong


def test_words_stand_where_they_were_said(heard: dict[str, Heard]) -> None:
    """The one that does not is the "y" after a pause of a second."""
    late = [
        word.text
        for one in heard.values()
        for (_said, start, end), word in one.right
        if abs(word.start - start) > 0.35 or abs(word.end - end) > 0.55
    ]
    assert len(late) <= 1, late


def test_a_recording_in_which_nobody_speaks_stays_empty(runtime: Runtime, material: Path) -> None:
    (script,) = runtime.map(TRANSCRIBER, [recording(material / "audio" / "no-speech" / "empty.wav")])
    assert isinstance(script, Transcript)
    assert script.segments == ()


def test_a_command_after_a_long_silence_has_the_time_of_the_sound(runtime: Runtime, material: Path) -> None:
    command = recording(material / "audio" / "speech" / "goforward.raw")
    (script,) = runtime.map(TRANSCRIBER, [np.concatenate([silence(60), command])])
    assert isinstance(script, Transcript)
    assert (script.language, script.text) == ("en", "Go forward 10 meters.")
    assert 60 < script.segments[0].start < script.segments[0].end < 63


def test_who_repeats_himself_is_taken_at_his_word(runtime: Runtime, material: Path) -> None:
    command = recording(material / "audio" / "speech" / "goforward.raw")
    (script,) = runtime.map(TRANSCRIBER, [np.tile(command, 8)])
    assert isinstance(script, Transcript)
    assert plain(script.text).count("goforward10meters") >= 4


def test_sounds_that_are_no_words_do_not_run_in_circles(runtime: Runtime) -> None:
    (script,) = runtime.map(TRANSCRIBER, [voice("aiou" * 10)])
    assert isinstance(script, Transcript)
    assert len(script.text) < 100


def test_nothing_is_left_out_where_the_language_changes(runtime: Runtime, material: Path) -> None:
    """Left to itself Whisper ends with the German sentence. All is written as if it were German."""
    sounds = [recording(material / "audio" / "speech" / name) for name in ("test_de.wav", "test.wav", "goforward.raw")]
    (script,) = runtime.map(TRANSCRIBER, [np.concatenate(sounds)])
    assert isinstance(script, Transcript)
    assert script.language == "de"
    assert "Raum wurde als" in script.text
    assert "Quilter" in script.text
    assert script.segments[-1].end > script.seconds - 1.5
