"""Voices told apart by a model of voices: GE2E turns 1.6 seconds of speech into a vector, near those of the same voice.

What Silero hears is cut where the voice before and the voice behind differ. The stretches are joined, the likest first,
until the most alike are less alike than stretches of one voice are; then every moment goes to the nearest voice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np

from . import weights
from .backend import NotInstalled
from .devices import Device
from .engines.ort import opened
from .results import Numbers
from .roles import Sound
from .speakers import Spoken, in_blocks, in_turns, joined
from .spectrogram import FRAMES_A_SECOND, STEP, mel
from .towers import folder_of
from .voice import Span

#: As its publisher names the file that an export is made from.
CHECKPOINT = "pretrained.pt"
BANDS, FRAMES, NUMBERS = 40, 160, 256

_HOP = 40  # frames between two looks
_LOOKS_AT_ONCE = 64
#: Quieter speech is raised to this, as the model was trained: the root of the mean square.
_LOUD = 10 ** (-30 / 20)
#: Two seconds before and behind less alike than this may be two voices; a cut too many is mended when they are joined.
_DIFFERENT = 0.72
#: How alike two looks at one voice are, and how many pairs of a stretch it takes to believe something else of it.
_USUAL, _PAIRS = 0.72, 4
#: Seconds: who speaks less in all is taken for somebody else.
_SHORTEST = 1.0


class Voiceprints:
    """The exported model. Raises NotInstalled for a file that cannot be read, or is another model."""

    def __init__(self, path: Path, *, device: Device | None, threads: int) -> None:
        self._model = opened(path, "Export the model again.", device=device, threads=threads)
        if list(self._model.input_shape)[1:] != [FRAMES, BANDS] or list(self._model.output_shape)[1:] != [NUMBERS]:
            raise NotInstalled(f"{path} is no model of voices. Export the model again.")

    @property
    def device(self) -> Device:
        return self._model.device

    def __call__(self, looks: Sequence[Numbers]) -> Numbers:
        """Looks x numbers, each of length 1."""
        rows = [np.stack(looks[start : start + _LOOKS_AT_ONCE]) for start in range(0, len(looks), _LOOKS_AT_ONCE)]
        return np.concatenate([self._model(some) for some in rows])


def file_of(name: str) -> Path:
    return folder_of(name) / "voiceprints.onnx"


def missing(name: str) -> str | None:
    """What to do about weights that are not here or not exported, or None."""
    if file_of(name).is_file():
        return None
    if absent := weights.missing(name, CHECKPOINT):
        return absent
    return f"Not exported: {name}. Run: python -m ml models export {name}"


def told_apart(
    sound: Sound, spans: Sequence[Span], model: Voiceprints, *, speakers: int | None, alike: float
) -> list[Spoken]:
    """The spans, cut where the speaker changes. `speakers`: how many there are, or None: to be found out, the fewer the
    smaller `alike`. Who speaks for less than a second in all goes to somebody else."""
    heard = [_Heard.of(sound, span, model) for span in spans if span.end - span.start >= STEP]
    if not heard:
        return []
    prices = partial(_prices, alike=alike)
    voices = in_blocks([_Voice.of(part) for one in heard for part in one.parts], prices, at_least=speakers or 1)
    voices = sorted(joined(voices, prices, at_least=speakers or 1), key=lambda voice: -voice.seconds)
    firm = [voice for voice in voices if voice.seconds >= _SHORTEST]
    if len(firm) > (speakers or len(firm)):
        firm = joined(firm, prices, at_least=1, at_most=speakers)
    elif len(firm) < (speakers or 1):
        firm = voices[: speakers or 1]
    return in_turns([one.span for one in heard], [one.whose(firm) for one in heard])


@dataclass(frozen=True, eq=False)
class _Part:
    """Frames of a span in which the voice does not change, as far as two looks side by side can tell."""

    first: int
    last: int
    places: list[tuple[int, int]]
    vectors: Numbers

    @classmethod
    def of(cls, bands: Numbers, first: int, last: int, model: Voiceprints) -> Self:
        """What is shorter than a look is said again until it is as long."""
        starts = [*range(first, last - FRAMES, _HOP), max(first, last - FRAMES)]
        places = [(start, min(start + FRAMES, last)) for start in starts]
        looks = [np.resize(bands[start:end], (FRAMES, BANDS)) for start, end in places]
        return cls(first, last, places, model(looks))

    def changes(self) -> Iterator[int]:
        """Frames where the voice may change: where what is before and what is behind are the least alike."""
        looks = FRAMES // _HOP
        befores = [self.vectors[max(0, place - 1) : place + 1].sum(axis=0) for place in range(len(self.places) - looks)]
        behinds = [self.vectors[place : place + 2].sum(axis=0) for place in range(looks, len(self.places))]
        alike = np.array(
            [
                before @ behind / (np.linalg.norm(before) * np.linalg.norm(behind))
                for before, behind in zip(befores, behinds, strict=True)
            ]
        )
        for place in np.flatnonzero(alike < _DIFFERENT).tolist():
            if alike[place] == alike[max(0, place - 2) : place + 3].min():
                yield self.places[place][1]


@dataclass(frozen=True, eq=False)
class _Heard:
    span: Span
    frames: int
    parts: list[_Part]

    @classmethod
    def of(cls, sound: Sound, span: Span, model: Voiceprints) -> Self:
        said = sound[span.start : span.end]
        loud = float(np.sqrt((said.astype(np.float64) ** 2).mean()))
        bands = mel(said, bands=BANDS) * np.float32(max(1.0, _LOUD / max(loud, 1e-6)) ** 2)
        whole = _Part.of(bands, 0, len(bands), model)
        borders = [0, *whole.changes(), len(bands)]
        if len(borders) == 2:
            return cls(span, len(bands), [whole])
        return cls(span, len(bands), [_Part.of(bands, *places, model) for places in pairwise(borders)])

    def whose(self, voices: Sequence["_Voice"]) -> Numbers:
        """Of each frame the voice that the looks around it are nearest to; the nearer its middle, the more one says."""
        middles = np.stack([voice.total / np.linalg.norm(voice.total) for voice in voices])
        near = np.zeros((self.frames, len(voices)))
        for part in self.parts:
            for (start, end), vector in zip(part.places, part.vectors, strict=True):
                says = np.minimum(np.arange(1, end - start + 1), np.arange(end - start, 0, -1)) ** 2
                near[start:end] += np.outer(says, middles @ vector)
        return np.asarray(near.argmax(axis=1))


@dataclass(frozen=True, eq=False)
class _Voice:
    """Of so many looks the sum; how alike those that share nothing are, summed over so many pairs; and seconds."""

    total: Numbers
    looks: int
    within: float
    pairs: int
    seconds: float

    @classmethod
    def of(cls, part: _Part) -> Self:
        starts = np.array([start for start, _end in part.places])
        apart = starts[None] - starts[:, None] >= FRAMES
        within = float((part.vectors @ part.vectors.T)[apart].sum())
        seconds = (part.last - part.first) / FRAMES_A_SECOND
        return cls(part.vectors.sum(axis=0, dtype=np.float64), len(starts), within, int(apart.sum()), seconds)

    def joined(self, other: Self) -> Self:
        return type(self)(
            self.total + other.total,
            self.looks + other.looks,
            self.within + other.within + float(self.total @ other.total),
            self.pairs + other.pairs + self.looks * other.looks,
            self.seconds + other.seconds,
        )

    @property
    def steady(self) -> float:
        """How alike looks at this voice are: somebody who whispers and shouts is less alike than a newsreader."""
        return (self.within + _PAIRS * _USUAL) / (self.pairs + _PAIRS)


def _prices(voice: _Voice, others: Sequence[_Voice], *, alike: float) -> Numbers:
    """Two voices are one when they are nearly as alike as each is to itself."""
    totals = np.stack([other.total for other in others])
    looks = np.array([other.looks for other in others])
    steady = np.array([other.steady for other in others])
    return np.asarray(alike - totals @ voice.total / (looks * voice.looks) / np.sqrt(steady * voice.steady))
