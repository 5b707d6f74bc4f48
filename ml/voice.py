"""Where somebody speaks in a sound: Silero's small model, asked 31 times a second.

What has no voice in it is never given to a model that would invent words for it.
"""

import importlib.util
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .engines.ort import OrtModel
from .results import Numbers
from .roles import Sound
from .weights import folder, missing

#: Samples a second of every sound in `ml`.
RATE = 16_000
WEIGHTS = "silero-vad-v6"
_FILE = "silero_vad_v6.onnx"

_FRAME = 512
_BEFORE = 64  # samples of the frame before that the model looks at again
# 4 seconds: much longer blocks leave the processor's cache and take half as long again.
_FRAMES_AT_ONCE = 125
#: A block in which nothing was likelier than this is forgotten: what remembers a long silence hears the next word late.
_SILENT = 0.2


@dataclass(frozen=True)
class Span:
    """A stretch of a sound, in samples."""

    start: int
    end: int

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / RATE


@dataclass(frozen=True)
class Listening:
    """Speech begins where the model is `sure` and lasts until it was not even `unsure` for `pause` seconds.

    What is shorter than `shortest` seconds was a click or a cough. `padding` seconds on both sides keep soft
    beginnings and endings. Spans longer than `longest` seconds are cut where speech was least likely.
    """

    sure: float = 0.5
    unsure: float = 0.35
    shortest: float = 0.2
    pause: float = 0.3
    padding: float = 0.2
    longest: float = math.inf


_USUAL = Listening()


class Voice:
    """The loaded model. It keeps nothing between two sounds and may be asked by one thread at a time."""

    def __init__(self, weights: str = WEIGHTS, *, threads: int = 1) -> None:
        """Raises FileNotFoundError where `missing_voice` would say something."""
        path = _file(weights)
        if path is None:
            raise FileNotFoundError(missing_voice(weights))
        self._model = OrtModel(path, device="cpu", threads=threads)

    def likely(self, sound: Sound) -> Numbers:
        """How likely somebody speaks, 0..1, for each 32 ms. Takes a few MB however long the sound is."""
        kept = {"h": np.zeros((1, 1, 128), np.float32), "c": np.zeros((1, 1, 128), np.float32)}
        found = []
        for frames in _blocks(sound):
            likely, kept["h"], kept["c"] = self._model.run({"input": frames, **kept})
            found.append(likely)
            if likely.max() < _SILENT:
                kept = {name: np.zeros_like(state) for name, state in kept.items()}
        return np.concatenate(found) if found else np.zeros(0, np.float32)

    def spans(self, sound: Sound, listening: Listening = _USUAL) -> list[Span]:
        """Where somebody speaks, in order and apart from each other; nothing when nobody does."""
        likely = self.likely(sound)
        return [
            part
            for span in _padded(_heard(likely, listening), len(sound), round(listening.padding * RATE))
            for part in _cut(span, likely, listening.longest)
        ]


def missing_voice(weights: str = WEIGHTS) -> str | None:
    """What to do about the model when it is not on this machine, or None."""
    return None if _file(weights) else missing(weights, _FILE)


def _file(weights: str) -> Path | None:
    """Installed by name, or inside the faster-whisper package, which brings the same file."""
    if (path := folder(weights) / _FILE).is_file():
        return path
    spec = importlib.util.find_spec("faster_whisper") if weights == WEIGHTS else None
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).with_name("assets") / _FILE
    return path if path.is_file() else None


def _blocks(sound: Sound) -> Iterator[Numbers]:
    """Frames x (the end of the frame before, and the frame). Beyond both ends of the sound is silence."""
    for start in range(0, len(sound), _FRAMES_AT_ONCE * _FRAME):
        block = sound[max(0, start - _BEFORE) : start + _FRAMES_AT_ONCE * _FRAME]
        block = np.pad(block, (0 if start else _BEFORE, 0))
        block = np.pad(block, (0, -(len(block) - _BEFORE) % _FRAME))
        yield np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(block, _BEFORE + _FRAME)[::_FRAME])


def _heard(likely: Numbers, listening: Listening) -> list[Span]:
    pause = max(1, round(listening.pause * RATE / _FRAME))
    heard: list[Span] = []
    start = quiet = None
    for frame, one in enumerate(likely.tolist()):
        if one >= listening.sure:
            start = frame if start is None else start
            quiet = None
        elif start is not None and one < listening.unsure:
            quiet = frame if quiet is None else quiet
            if frame - quiet + 1 >= pause:
                heard.append(Span(start * _FRAME, quiet * _FRAME))
                start = quiet = None
    if start is not None:
        heard.append(Span(start * _FRAME, (len(likely) if quiet is None else quiet) * _FRAME))
    return [span for span in heard if span.seconds >= listening.shortest]


def _padded(spans: list[Span], samples: int, padding: int) -> list[Span]:
    """Two neighbours share the silence between them where it is too short for both."""
    found: list[Span] = []
    for number, span in enumerate(spans):
        before = (span.start - spans[number - 1].end) // 2 if number else span.start
        behind = (spans[number + 1].start - span.end) // 2 if number + 1 < len(spans) else samples - span.end
        found.append(Span(span.start - min(padding, before), span.end + min(padding, behind)))
    return found


def _cut(span: Span, likely: Numbers, longest: float) -> Iterator[Span]:
    """Cut in the second half of what is allowed, so that the pieces are few."""
    while span.seconds > longest:
        last = span.start // _FRAME + int(longest * RATE / _FRAME)
        first = (span.start // _FRAME + last) // 2 + 1
        at = (first + int(likely[first:last].argmin())) * _FRAME
        yield Span(span.start, at)
        span = Span(at, span.end)
    yield span
