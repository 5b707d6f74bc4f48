"""People of the test material who take turns, who speaks when, and how much of it was told wrongly.

`python -m tests.ml.splices spectral` prints the figures of a backend; `ge2e=FOLDER` takes its weights from a folder.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ml import DIARIZER, BackendSetting, Runtime, Turns
from ml.results import Turn
from ml.roles import DiarizeOptions, Sound
from ml.voice import RATE
from tests.ml.sounds import noise, recording, silence

Stretch: TypeAlias = tuple[float, float]
#: Who speaks from when to when: seconds, and a number.
Truth: TypeAlias = list[tuple[float, float, int]]
Splice: TypeAlias = tuple[Sound, Truth]

#: Seconds about each beginning and end that are not counted: nobody can say to a hair where a word begins.
COLLAR = 0.25
LANGUAGES = {"en": "test.wav", "de": "test_de.wav", "es": "test_es.wav", "fr": "test_fr.wav"}


@dataclass(frozen=True, eq=False)
class Person:
    """A recording of somebody, where its words are, and a gap between two of them near its middle: seconds."""

    sound: Sound
    speech: list[Stretch]
    middle: float

    @property
    def whole(self) -> Stretch:
        return self.speech[0][0] - 0.15, min(self.speech[-1][1] + 0.15, len(self.sound) / RATE)

    @property
    def halves(self) -> tuple[Stretch, Stretch]:
        start, end = self.whole
        return (start, self.middle), (self.middle, end)

    def alike(self) -> "Person":
        """As loud as everybody else."""
        return Person(self.sound * np.float32(0.08 / np.sqrt((self.sound**2).mean())), self.speech, self.middle)


def everybody(material: Path) -> dict[str, Person]:
    """English, German, Spanish and French, each of them somebody else."""
    told = json.loads((material / "truth" / "transcripts.json").read_text())
    people = {}
    for key, name in LANGUAGES.items():
        words = [(start, end) for _word, start, end in told[f"audio/speech/{name}"]["words"]]
        halfway = (words[0][0] + words[-1][1]) / 2
        gaps = [(one[1], other[0]) for one, other in pairwise(words)]
        best = max(gaps, key=lambda gap: gap[1] - gap[0] - 0.3 * abs(sum(gap) / 2 - halfway))
        people[key] = Person(recording(material / "audio" / "speech" / name), _joined(words), sum(best) / 2)
    return people


def splice(turns: Sequence[tuple[Person, Stretch]], pauses: Iterable[float], *, loud: float = 3e-4) -> Splice:
    """The turns one behind the other in a little noise, and who speaks when."""
    persons = list(dict.fromkeys(person for person, _part in turns))
    sounds, truth, at = [silence(0.4)], Truth(), 0.4
    for (person, (first, last)), pause in zip(turns, pauses, strict=False):
        sounds += [person.sound[round(first * RATE) : round(last * RATE)], silence(pause)]
        for start, end in person.speech:
            if min(end, last) > max(start, first):
                truth.append((at + max(start, first) - first, at + min(end, last) - first, persons.index(person)))
        at += (len(sounds[-2]) + len(sounds[-1])) / RATE
    sound = np.concatenate(sounds)
    return sound + noise(len(sound) / RATE, loud)[: len(sound)], truth


def drawn(
    persons: Sequence[Person], seconds: float, pause: float, *, seed: int, longest: float = 6, loud: float = 3e-4
) -> Splice:
    """Turns of 1.5 to `longest` seconds, cut anywhere, until there are so many seconds and everybody has spoken."""
    random = np.random.default_rng(seed)
    turns, pauses, total = list[tuple[Person, Stretch]](), list[float](), 0.4
    while total < seconds or len(turns) < len(persons):
        others = [person for person in persons if not turns or person is not turns[-1][0]] or persons
        person = persons[len(turns)] if len(turns) < len(persons) else others[int(random.integers(len(others)))]
        start, end = person.whole
        length = min(end - start, random.uniform(1.5, longest))
        start += random.uniform(0, max(0.0, end - start - length))
        turns.append((person, (start, start + length)))
        pauses.append(random.uniform(0, pause))
        total += length + pauses[-1]
    return splice(turns, pauses, loud=loud)


def error_rate(truth: Truth, turns: Sequence[Turn], seconds: float, *, collar: float = COLLAR) -> float:
    """The diarization error rate: missed, invented or given to the wrong one, as a share of all speech."""
    right = _frames(truth, round(seconds * 100))
    found = _frames([(turn.start, turn.end, turn.speaker) for turn in turns], len(right))
    counted = np.ones(len(right), bool)
    for border in np.flatnonzero(np.diff(right, prepend=-1, append=-1)).tolist():
        counted[max(0, border - round(collar * 100)) : border + round(collar * 100)] = False
    right, found = right[counted], found[counted]
    known = int(right.max()) + 1
    heard = max(known, int(found.max()) + 1)
    met = np.array([[((right == one) & (found == other)).sum() for other in range(heard)] for one in range(known)])
    best = max(sum(met[one, other] for one, other in enumerate(order)) for order in permutations(range(heard), known))
    return float(((right >= 0) | (found >= 0)).sum() - best) / float((right >= 0).sum())


def collections(people: Mapping[str, Person]) -> Iterator[tuple[str, list[Splice]]]:
    """What the figures stand for."""
    some = list(people.values())
    alike = [person.alike() for person in some]
    chosen = [[0, 1], [2, 3], [1, 2], [0, 1, 2], [1, 2, 3], [0, 2, 3]]

    def short(persons: Sequence[Person], pause: float, loud: float = 3e-4) -> list[Splice]:
        return [
            drawn([persons[number] for number in numbers], 14, pause, seed=seed, longest=4, loud=loud)
            for seed, numbers in enumerate(chosen)
        ]

    def long(persons: Sequence[Person], loud: float = 3e-4) -> list[Splice]:
        groups = [[0, 1], [2, 3], [0, 1, 2], [1, 2, 3], [0, 1, 2, 3]]
        return [
            drawn([persons[number] for number in numbers], 60 * len(numbers), 0.8, seed=seed, loud=loud)
            for seed, numbers in enumerate(groups)
        ]

    yield "seconds, with pauses", short(some, 0.6)
    yield "seconds, without pauses", short(some, 0)
    yield "seconds, equally loud in the same noise", short(alike, 0.5, 0.004)
    yield "minutes", long(some)
    yield "minutes, equally loud in the same noise", long(alike, 0.004)
    yield "a minute of one alone", [drawn([person], 60, 0.8, seed=1) for person in some]


def turns_of(setting: BackendSetting, sounds: Sequence[Sound], speakers: int | None = None) -> list[Turns]:
    with Runtime({"diarizer": setting}) as runtime:
        found = list(runtime.map(DIARIZER, sounds, options=DiarizeOptions(speakers)))
    assert all(isinstance(one, Turns) for one in found), found
    return found  # type: ignore[return-value]


def rates(setting: BackendSetting, splices: Sequence[Splice], *, given: bool, collar: float = COLLAR) -> list[float]:
    found = []
    for sound, truth in splices:
        count = len({speaker for _start, _end, speaker in truth}) if given else None
        (turns,) = turns_of(setting, [sound], count)
        found.append(error_rate(truth, turns.turns, len(sound) / RATE, collar=collar))
    return found


def _joined(words: Sequence[Stretch]) -> list[Stretch]:
    """Words less than half a second apart are one stretch."""
    found: list[Stretch] = []
    for start, end in words:
        if found and start - found[-1][1] < 0.5:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _frames(stretches: Truth, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    found = np.full(count, -1)
    for start, end, speaker in stretches:
        found[round(start * 100) : round(end * 100)] = speaker
    return found


def main(named: str, say: Callable[[str], object] = print) -> None:
    key, _equals, folder = named.partition("=")
    material = Path(os.environ.get("MEDIAHUB_TEST_MATERIAL", Path(__file__).parents[3] / "shared" / "material"))
    voice = str(material / "models" / "audio")
    setting: BackendSetting = {
        "BACKEND": key,
        "OPTIONS": {"voice": voice, **({"weights": str(Path(folder).resolve())} if folder else {})},
    }
    for name, splices in collections(everybody(material)):
        for given in (False, True):
            found = rates(setting, splices, given=given)
            known = "count given" if given else "count unknown"
            say(f"{name}, {known}: {np.mean(found):.0%} of {len(found)}, {max(found):.0%} at worst")


if __name__ == "__main__":
    main(sys.argv[1])
