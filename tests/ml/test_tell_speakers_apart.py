"""Who speaks when, on splices of people whose turns are known. Silero's model is the published one."""

from collections.abc import Iterable
from itertools import combinations, pairwise, repeat
from pathlib import Path

import numpy as np
import pytest

from ml import DIARIZER, BackendSetting, Failure, Runtime, Turns
from ml.roles import DiarizeOptions, Sound
from ml.speakers import Spoken, in_turns
from ml.voice import RATE, Span
from tests.ml.sounds import noise, silence, tone
from tests.ml.splices import Person, Splice, error_rate, everybody, splice
from tests.ml.splices import turns_of as turns_by
from tests.models import built


@pytest.fixture(scope="module")
def people(material: Path) -> dict[str, Person]:
    return everybody(material)


def spectral() -> BackendSetting:
    return {"BACKEND": "spectral", "OPTIONS": {"voice": str(built("silero"))}}


def turns_of(sound: Sound, *, speakers: int | None = None) -> Turns:
    (found,) = turns_by(spectral(), [sound], speakers)
    return found


def twice(persons: Iterable[Person], pause: float) -> Splice:
    """Everybody says the first half, then everybody the second."""
    persons = list(persons)
    return splice([(person, person.halves[half]) for half in (0, 1) for person in persons], repeat(pause))


@pytest.mark.parametrize("pause", [0.4, 0.0])
@pytest.mark.parametrize("recorded", ["as it was", "equally loud, in the same noise"])
def test_of_people_who_take_turns_less_than_a_quarter_is_wrong(
    people: dict[str, Person], pause: float, recorded: str
) -> None:
    alike = recorded != "as it was"
    persons = [person.alike() if alike else person for person in people.values()]
    rates = []
    for some in (some for count in (2, 3, 4) for some in combinations(persons, count)):
        sound, truth = twice(some, pause)
        sound = sound + noise(len(sound) / RATE, 0.004)[: len(sound)] if alike else sound
        rates.append(error_rate(truth, turns_of(sound).turns, len(sound) / RATE, collar=0))
    assert np.mean(rates) <= 0.25, rates
    assert np.max(rates) <= 0.4, rates


def test_somebody_who_speaks_alone_is_one(people: dict[str, Person]) -> None:
    for person in people.values():
        sound, _truth = splice([(person, part) for part in person.halves], repeat(0.4))
        assert {turn.speaker for turn in turns_of(sound).turns} == {0}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_as_many_are_found_as_are_said_to_be_there(people: dict[str, Person], count: int) -> None:
    sound, _truth = splice(
        [(person, person.halves[half]) for half in (0, 1) for person in people.values()], repeat(0.4)
    )
    assert {turn.speaker for turn in turns_of(sound, speakers=count).turns} == set(range(count))


def test_turns_are_in_order_apart_and_numbered_by_first_words(people: dict[str, Person]) -> None:
    sound, _truth = splice(
        [(people[key], people[key].halves[half]) for half in (0, 1) for key in ("fr", "en")], repeat(0.0)
    )
    turns = turns_of(sound).turns
    assert all(turn.start < turn.end for turn in turns)
    assert all(one.end <= other.start for one, other in pairwise(turns))
    assert [turn.speaker for turn in turns[:2]] == [0, 1]
    assert turns[-1].end <= len(sound) / RATE


@pytest.mark.parametrize("sound", [silence(5), noise(5), tone(5, 440), silence(0.01)])
def test_where_nobody_speaks_there_are_no_turns(sound: Sound) -> None:
    assert turns_of(sound).turns == ()


def test_nobody_at_all_cannot_be_asked_for() -> None:
    with Runtime({"diarizer": spectral()}) as runtime:
        (failure,) = runtime.map(DIARIZER, [silence(1)], options=DiarizeOptions(0))
    assert isinstance(failure, Failure)
    assert failure.message == "There cannot be 0 speakers. Say 1 or more, or nothing."


def test_minutes_are_told_apart_in_blocks(people: dict[str, Person]) -> None:
    sound, _truth = splice(
        [(person, person.halves[half]) for half in (0, 1) for person in people.values()], repeat(0.4)
    )
    long = np.tile(sound, 420 * RATE // len(sound))
    assert {turn.speaker for turn in turns_of(long, speakers=4).turns} == {0, 1, 2, 3}


def test_somebody_who_speaks_for_a_minute_and_a_half_stays_one(people: dict[str, Person]) -> None:
    halves = [people["de"].halves[half] for half in np.random.default_rng(16).integers(2, size=40)]
    sound, _truth = splice([(people["de"], half) for half in halves], repeat(0.3))
    turns = turns_of(sound + noise(len(sound) / RATE, 0.002)[: len(sound)]).turns
    assert {turn.speaker for turn in turns} == {0}


def test_a_breath_is_part_of_a_turn_and_a_silence_ends_it() -> None:
    spans = [Span(start * RATE // 10, (start + 10) * RATE // 10) for start in (0, 14, 30)]
    one, other = np.zeros(100, np.float32), np.ones(100, np.float32)
    assert in_turns(spans, [one, one, one]) == [Spoken(0, 24 * RATE // 10, 0), Spoken(3 * RATE, 4 * RATE, 0)]
    assert [spoken.speaker for spoken in in_turns(spans, [other, one, other])] == [0, 1, 0]
