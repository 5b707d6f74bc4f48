"""Who speaks when, on splices of people whose turns are known. Silero's model is the published one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations
from pathlib import Path

import numpy as np
import pytest

from ml import DIARIZER, Failure, Runtime, Turns
from ml.results import Turn
from ml.roles import DiarizeOptions, Sound
from ml.voice import RATE
from tests.ml.sounds import noise, recording, silence, tone
from tests.models import built

Stretch = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Person:
    """A recording of somebody, where its words are, and a gap between two of them near its middle: seconds."""

    sound: Sound
    speech: list[Stretch]
    middle: float

    @property
    def halves(self) -> tuple[Stretch, Stretch]:
        start, end = self.speech[0][0] - 0.15, min(self.speech[-1][1] + 0.15, len(self.sound) / RATE)
        return (start, self.middle), (self.middle, end)

    def alike(self) -> "Person":
        """As loud as everybody else."""
        return Person(self.sound * np.float32(0.08 / np.sqrt((self.sound**2).mean())), self.speech, self.middle)


@pytest.fixture(scope="module")
def people(material: Path) -> dict[str, Person]:
    """English, German, Spanish and French, each of them somebody else."""
    told = json.loads((material / "truth" / "transcripts.json").read_text())
    people = {}
    for key, name in (("en", "test.wav"), ("de", "test_de.wav"), ("es", "test_es.wav"), ("fr", "test_fr.wav")):
        words = [(start, end) for _word, start, end in told[f"audio/speech/{name}"]["words"]]
        halfway = (words[0][0] + words[-1][1]) / 2
        gaps = [(one[1], other[0]) for one, other in pairwise(words)]
        best = max(gaps, key=lambda gap: gap[1] - gap[0] - 0.3 * abs(sum(gap) / 2 - halfway))
        people[key] = Person(recording(material / "audio" / "speech" / name), joined(words), sum(best) / 2)
    return people


def joined(words: Sequence[Stretch]) -> list[Stretch]:
    """Words less than half a second apart are one stretch."""
    found: list[Stretch] = []
    for start, end in words:
        if found and start - found[-1][1] < 0.5:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def splice(turns: Sequence[tuple[Person, Stretch]], pause: float) -> tuple[Sound, list[tuple[float, float, int]]]:
    """The turns one behind the other, and who speaks when."""
    persons = list(dict.fromkeys(person for person, _part in turns))
    sounds, truth, at = [silence(0.4)], list[tuple[float, float, int]](), 0.4
    for person, (first, last) in turns:
        sounds += [person.sound[round(first * RATE) : round(last * RATE)], silence(pause)]
        for start, end in person.speech:
            if min(end, last) > max(start, first):
                truth.append((at + max(start, first) - first, at + min(end, last) - first, persons.index(person)))
        at += (len(sounds[-2]) + len(sounds[-1])) / RATE
    sound = np.concatenate(sounds)
    return sound + noise(len(sound) / RATE, 3e-4)[: len(sound)], truth


def frames(
    stretches: Sequence[tuple[float, float, int]], count: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    found = np.full(count, -1)
    for start, end, speaker in stretches:
        found[round(start * 100) : round(end * 100)] = speaker
    return found


def error_rate(truth: list[tuple[float, float, int]], turns: Sequence[Turn], seconds: float) -> float:
    """The diarization error rate: missed, invented or given to the wrong one, as a share of all speech; no collar."""
    right = frames(truth, round(seconds * 100))
    found = frames([(turn.start, turn.end, turn.speaker) for turn in turns], len(right))
    names = range(max(right.max(), found.max()) + 1)
    met = max(
        sum(int(((right == one) & (found == other)).sum()) for one, other in enumerate(order))
        for order in permutations(names)
    )
    return float(((right >= 0) | (found >= 0)).sum() - met) / float((right >= 0).sum())


def turns_of(sound: Sound, *, speakers: int | None = None) -> Turns:
    with Runtime({"diarizer": {"BACKEND": "spectral", "OPTIONS": {"voice": str(built("silero"))}}}) as runtime:
        (found,) = runtime.map(DIARIZER, [sound], options=DiarizeOptions(speakers))
    assert isinstance(found, Turns)
    return found


@pytest.mark.parametrize("pause", [0.4, 0.0])
@pytest.mark.parametrize("recorded", ["as it was", "equally loud, in the same noise"])
def test_of_people_who_take_turns_less_than_a_quarter_is_wrong(
    people: dict[str, Person], pause: float, recorded: str
) -> None:
    alike = recorded != "as it was"
    persons = [person.alike() if alike else person for person in people.values()]
    rates = []
    for some in (some for count in (2, 3, 4) for some in combinations(persons, count)):
        sound, truth = splice([(person, person.halves[half]) for half in (0, 1) for person in some], pause)
        sound = sound + noise(len(sound) / RATE, 0.004)[: len(sound)] if alike else sound
        rates.append(error_rate(truth, turns_of(sound).turns, len(sound) / RATE))
    assert np.mean(rates) <= 0.25, rates
    assert np.max(rates) <= 0.4, rates


def test_somebody_who_speaks_alone_is_one(people: dict[str, Person]) -> None:
    for person in people.values():
        sound, _truth = splice([(person, part) for part in person.halves], 0.4)
        assert {turn.speaker for turn in turns_of(sound).turns} == {0}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_as_many_are_found_as_are_said_to_be_there(people: dict[str, Person], count: int) -> None:
    sound, _truth = splice([(person, person.halves[half]) for half in (0, 1) for person in people.values()], 0.4)
    assert {turn.speaker for turn in turns_of(sound, speakers=count).turns} == set(range(count))


def test_turns_are_in_order_apart_and_numbered_by_first_words(people: dict[str, Person]) -> None:
    sound, _truth = splice([(people[key], people[key].halves[half]) for half in (0, 1) for key in ("fr", "en")], 0.0)
    turns = turns_of(sound).turns
    assert all(turn.start < turn.end for turn in turns)
    assert all(one.end <= other.start for one, other in pairwise(turns))
    assert [turn.speaker for turn in turns[:2]] == [0, 1]
    assert turns[-1].end <= len(sound) / RATE


@pytest.mark.parametrize("sound", [silence(5), noise(5), tone(5, 440), silence(0.01)])
def test_where_nobody_speaks_there_are_no_turns(sound: Sound) -> None:
    assert turns_of(sound).turns == ()


def test_nobody_at_all_cannot_be_asked_for() -> None:
    with Runtime({"diarizer": {"BACKEND": "spectral", "OPTIONS": {"voice": str(built("silero"))}}}) as runtime:
        (failure,) = runtime.map(DIARIZER, [silence(1)], options=DiarizeOptions(0))
    assert isinstance(failure, Failure)
    assert failure.message == "There cannot be 0 speakers. Say 1 or more, or nothing."


def test_minutes_are_told_apart_in_blocks(people: dict[str, Person]) -> None:
    sound, _truth = splice([(person, person.halves[half]) for half in (0, 1) for person in people.values()], 0.4)
    long = np.tile(sound, 420 * RATE // len(sound))
    assert {turn.speaker for turn in turns_of(long, speakers=4).turns} == {0, 1, 2, 3}


def test_somebody_who_speaks_for_a_minute_and_a_half_stays_one(people: dict[str, Person]) -> None:
    halves = [people["de"].halves[half] for half in np.random.default_rng(16).integers(2, size=40)]
    sound, _truth = splice([(people["de"], half) for half in halves], 0.3)
    turns = turns_of(sound + noise(len(sound) / RATE, 0.002)[: len(sound)]).turns
    assert {turn.speaker for turn in turns} == {0}
