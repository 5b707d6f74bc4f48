"""Who speaks when by GE2E: the published weights, exported, on splices of people whose turns are known."""

import shutil
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest

from ml import DIARIZER, BackendSetting, Failure, Runtime
from ml.backend import NotInstalled
from ml.export_voice import export
from ml.roles import Sound
from ml.voice import RATE, Span
from ml.voiceprints import CHECKPOINT, Voiceprints, file_of
from ml.weights import manifest
from ml.weights.files import sha256_of
from tests.ml.sounds import noise, silence, tone
from tests.ml.splices import Person, Splice, collections, drawn, everybody, rates, splice, turns_of
from tests.models import built


@pytest.fixture(scope="module")
def people(material: Path) -> dict[str, Person]:
    return everybody(material)


@pytest.fixture(scope="module")
def splices(people: dict[str, Person]) -> dict[str, list[Splice]]:
    return dict(collections(people))


@pytest.fixture(scope="module")
def ge2e() -> BackendSetting:
    return {"BACKEND": "ge2e", "OPTIONS": {"voice": str(built("silero")), "weights": str(built("ge2e"))}}


@pytest.mark.parametrize(
    "name", ["seconds, with pauses", "seconds, without pauses", "seconds, equally loud in the same noise", "minutes"]
)
def test_of_people_who_take_turns_less_than_a_quarter_is_wrong(
    ge2e: BackendSetting, splices: dict[str, list[Splice]], name: str
) -> None:
    found = rates(ge2e, splices[name], given=False)
    assert np.mean(found) <= 0.2, found
    assert max(found) <= 0.45, found


def test_whose_count_is_given_are_told_apart_in_seconds(ge2e: BackendSetting, splices: dict[str, list[Splice]]) -> None:
    found = rates(ge2e, splices["seconds, without pauses"], given=True)
    assert np.mean(found) <= 0.06, found


def test_somebody_who_speaks_alone_is_one(ge2e: BackendSetting, people: dict[str, Person]) -> None:
    for person in people.values():
        sound, _truth = splice([(person, part) for part in person.halves], repeat(0.4))
        (turns,) = turns_of(ge2e, [sound])
        assert {turn.speaker for turn in turns.turns} == {0}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_as_many_are_found_as_are_said_to_be_there(ge2e: BackendSetting, people: dict[str, Person], count: int) -> None:
    sound, _truth = drawn(list(people.values()), 30, 0.5, seed=3)
    (turns,) = turns_of(ge2e, [sound], count)
    assert {turn.speaker for turn in turns.turns} == set(range(count))


@pytest.mark.parametrize("sound", [silence(5), noise(5), tone(5, 440), silence(0.01)])
def test_where_nobody_speaks_there_are_no_turns(ge2e: BackendSetting, sound: Sound) -> None:
    (turns,) = turns_of(ge2e, [sound])
    assert turns.turns == ()


def test_the_same_voice_is_near_itself_and_far_from_others(people: dict[str, Person]) -> None:
    from ml.voiceprints import _Heard

    model = Voiceprints(file_of(str(built("ge2e"))), device="cpu", threads=1)
    vectors = []
    for person in people.values():
        for start, end in person.halves:
            heard = _Heard.of(person.sound, Span(round(start * RATE), round(end * RATE)), model)
            middle = np.concatenate([part.vectors for part in heard.parts]).mean(axis=0)
            vectors.append(middle / np.linalg.norm(middle))
    likeness = np.stack(vectors) @ np.stack(vectors).T
    own = [likeness[place, place + 1] for place in range(0, len(vectors), 2)]
    others = [likeness[one, other] for one in range(len(vectors)) for other in range(one) if one // 2 != other // 2]
    assert min(own) > max(others), (own, max(others))


def test_the_package_carries_the_published_file() -> None:
    row = manifest.row("ge2e-resemblyzer")
    assert row is not None
    assert sha256_of(built("ge2e") / CHECKPOINT) == row.files[0].sha256


def test_what_is_not_exported_names_the_command(ge2e: BackendSetting, tmp_path: Path) -> None:
    shutil.copy(built("ge2e") / CHECKPOINT, tmp_path)
    setting: BackendSetting = {"BACKEND": "ge2e", "OPTIONS": {**ge2e["OPTIONS"], "weights": str(tmp_path)}}
    with Runtime({"diarizer": setting}) as runtime:
        (failure,) = runtime.map(DIARIZER, [silence(1)])
    assert isinstance(failure, Failure)
    assert failure.message == f"Not exported: {tmp_path}. Run: python -m ml models export {tmp_path}"


def test_half_a_file_is_not_exported(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed here: make test-ml")
    whole = (built("ge2e") / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NotInstalled, match="is no model of voices that can be read"):
        export(str(tmp_path))
    assert not file_of(str(tmp_path)).exists()


def test_another_onnx_file_is_refused() -> None:
    with pytest.raises(NotInstalled, match=r"is no model of voices\. Export the model again"):
        Voiceprints(built("silero") / "silero_vad_v6.onnx", device="cpu", threads=1)
