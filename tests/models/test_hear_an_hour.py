"""An hour of sound with speech here and there, in a process of its own, the sound in a file and not in memory."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.results import Turn
from ml.roles import Sound
from ml.voice import RATE
from tests.ml.sounds import sung
from tests.ml.splices import error_rate, everybody
from tests.models import built

if not sys.platform.startswith("linux"):
    pytest.skip("the memory of a process is read from /proc", allow_module_level=True)

SECONDS = 3600
#: Megabytes. Pages of the file are not counted: the system takes them back when it wants.
CHILD = """
import json, sys, threading, time
from pathlib import Path

import numpy as np
from ml import DIARIZER, TRANSCRIBER, Runtime, TranscribeOptions, Transcript

def taken():
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) // 1024

def watch():
    while True:
        seen.append(taken())
        time.sleep(0.02)

sound, settings, seen = np.load(sys.argv[1], mmap_mode="r"), json.loads(sys.argv[2]), []
role, options = (TRANSCRIBER, TranscribeOptions(words=True)) if "transcriber" in settings else (DIARIZER, None)
with Runtime(settings) as runtime:
    (minute,) = runtime.map(role, [sound[: 60 * 16_000]], options)
    before = taken()
    threading.Thread(target=watch, daemon=True).start()
    (found,) = runtime.map(role, [sound], options)
if isinstance(found, Transcript):
    rows = [(word.text, word.start, word.end) for segment in found.segments for word in segment.words]
else:
    rows = [(turn.start, turn.end, turn.speaker) for turn in found.turns]
print(json.dumps({"rows": rows, "more": max(seen) - before}))
"""


def heard(path: Path, role: str, backend: str, **options: str) -> dict[str, Any]:
    settings = json.dumps({role: {"BACKEND": backend, "OPTIONS": {"voice": str(built("silero")), **options}}})
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), settings], stdout=subprocess.PIPE, text=True, check=True, timeout=300
    )
    result: dict[str, Any] = json.loads(child.stdout)
    return result


@pytest.fixture
def hour(tmp_path: Path) -> Iterator["Hour"]:
    with_file = Hour(tmp_path / "hour.npy")
    yield with_file
    with_file.path.unlink()  # 230 MB, were its silence not holes


class Hour:
    """Silence that sounds are put into."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._samples = np.lib.format.open_memmap(path, "w+", np.float32, (SECONDS * RATE,))

    def put(self, starts: Sequence[float], sounds: Sequence[Sound]) -> None:
        for start, sound in zip(starts, sounds, strict=True):
            self._samples[round(start * RATE) :][: len(sound)] = sound
        self._samples.flush()


def test_what_is_said_in_an_hour_keeps_its_times(hour: Hour) -> None:
    pytest.importorskip("ctranslate2", reason="Whisper needs the extra ml")
    starts = [7.3 + 40.7 * number for number in range(88)]
    hour.put(starts, [sung("aii")] * 88)
    found = heard(hour.path, "transcriber", "whisper", weights=str(built("whisper")))
    expected = [(vowel, start + 0.5 + 0.4 * place) for start in starts for place, vowel in enumerate("aii")]
    assert [text for text, _start, _end in found["rows"]] == [vowel for vowel, _start in expected]
    late = [start - right for (_text, start, _end), (_vowel, right) in zip(found["rows"], expected, strict=True)]
    assert max(map(abs, late)) < 0.4
    assert found["more"] < 120


def test_who_speaks_in_an_hour_is_told_apart(hour: Hour, material: Path) -> None:
    people = list(everybody(material).values())
    starts = [11.0 + 23.6 * number for number in range(150)]
    hour.put(starts, [people[number % 4].sound for number in range(150)])
    found = heard(hour.path, "diarizer", "ge2e", weights=str(built("ge2e")))
    truth = [
        (start + first, start + last, number % 4)
        for number, start in enumerate(starts)
        for first, last in people[number % 4].speech
    ]
    turns = [Turn(start, end, speaker) for start, end, speaker in found["rows"]]
    # The same four sentences 37 times each: pieces of one voice look steadier than they are, and fall apart.
    assert error_rate(truth, turns, SECONDS) < 0.25
    assert found["more"] < 120
