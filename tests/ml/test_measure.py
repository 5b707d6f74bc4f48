"""The fastest way of running a model on this machine is found when somebody asks, and used from then on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml import BackendSetting, Failure, ModelName, Runtime, Vector
from ml.probe import agreement, measure, remember, remembered
from ml.roles import EmbedOptions
from ml.settings import Choice, choices
from tests.ml.echo import House, Word, echo

WORDS = [f"word {number}" for number in range(16)]


def chosen(setting: BackendSetting) -> Choice:
    (choice,) = choices("one", setting)
    return choice


def measured(setting: BackendSetting, home: Path) -> Choice:
    choice = chosen(setting)
    remember(home, choice, measure(choice, WORDS, EmbedOptions()))
    return choice


def test_the_fastest_that_answers_alike_is_kept(house: House, tmp_path: Path) -> None:
    choice = measured(echo(name="measured", batch_size=8), tmp_path)
    assert remembered(tmp_path, choice)["pace"] == "quick"
    assert house.loaded_mb["ram"] == 0


def test_what_answers_otherwise_or_does_not_run_is_out_and_says_why(house: House) -> None:
    trials = measure(chosen(echo(name="measured")), WORDS, EmbedOptions())
    problems = {trial.options["pace"]: trial.problem for trial in trials if trial.problem}
    assert problems.keys() == {"wrong", "impossible", "renamed"}
    assert "differ" in str(problems["wrong"])
    assert problems["renamed"] == "It is another model."


def test_batches_are_measured_up_to_the_one_that_is_set(house: House) -> None:
    trials = measure(chosen(echo(name="measured", pace="slow")), WORDS, EmbedOptions())
    assert sorted(trial.options["batch_size"] for trial in trials) == [1, 2, 4]
    assert trials[0].options["batch_size"] == 4  # every batch takes 5 ms


def test_what_the_settings_say_is_not_touched(house: House, tmp_path: Path) -> None:
    choice = measured(echo(name="measured", batch_size=8, pace="slow"), tmp_path)
    assert remembered(tmp_path, choice) == {}


def test_a_runtime_uses_what_was_measured_for_the_same_setting_only(house: House, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"one": echo(name="measured"), "two": echo()}
    measured(settings["one"], tmp_path)
    with Runtime(settings, measured=tmp_path) as runtime:
        kept = [slot.candidates[0].backend.pace for slot in runtime._slots.values()]  # type: ignore[attr-defined]
    assert kept == ["quick", "slow"]


@pytest.mark.parametrize("spoilt", ["", "[]", "{", '{"x": 1}'])
def test_a_spoilt_file_counts_as_none(house: House, tmp_path: Path, spoilt: str) -> None:
    (tmp_path / "measured.json").write_text(spoilt)
    choice = chosen(echo())
    assert remembered(tmp_path, choice) == {}
    remember(tmp_path, choice, measure(choice, WORDS, EmbedOptions()))
    assert remembered(tmp_path, choice)


@pytest.mark.parametrize("spoilt", [None, [], {}, {"options": []}, {"options": {"batch_size": "4"}}])
def test_a_spoilt_entry_counts_as_none(house: House, tmp_path: Path, spoilt: object) -> None:
    choice = measured(echo(), tmp_path)
    file = tmp_path / "measured.json"
    file.write_text(json.dumps(dict.fromkeys(json.loads(file.read_text()), spoilt)))
    assert remembered(tmp_path, choice) == {}


NAME = ModelName("any", "1")


def vector(*values: float) -> Vector:
    return Vector(np.array(values, np.float32), "space", NAME)


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        (vector(1, 0), vector(1, 0), 1, 1),
        (vector(1, 0), vector(0.999, 0.0447), 0.998, 0.9995),
        (vector(1, 0), vector(1, 0, 0), 0, 0),
        (Word("morning", NAME), Word("morning", ModelName("other", "2")), 1, 1),
        (Word("morning", NAME), Word("evening", NAME), 0, 0.8),
        ((0.5, 0.5), (0.5, 0.4), 0.94, 0.96),
        (((), ()), ((),), 0.5, 0.5),
        (Word("morning", NAME), Failure("internal", "", retryable=False), 0, 0),
    ],
)
def test_agreement_is_one_for_the_same_and_less_for_less(one: object, other: object, least: float, most: float) -> None:
    assert least <= agreement(one, other) <= most
