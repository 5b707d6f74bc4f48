import json
from dataclasses import replace
from pathlib import Path

import pytest

from ml import profiles
from ml.cli import main
from ml.machine import Gpu, Machine, look
from ml.registry import BACKENDS
from ml.runtime import Runtime
from ml.settings import choices
from ml.weights import manifest
from ml.weights.store import note_export

SMALL = Machine(cores=2, memory_mb=4_000, gpus=(), unified=False)


@pytest.mark.parametrize(
    ("machine", "profile"),
    [
        (SMALL, "lite"),
        (Machine(32, 128_000, (), unified=False), "lite"),
        (Machine(4, 8_000, (Gpu("GTX 1060", 6_144),), unified=False), "standard"),
        (Machine(8, 32_000, (Gpu("RTX 4060 Ti", 16_380), Gpu("GT 710", 2_048)), unified=False), "quality"),
        (Machine(8, 7_000, (Gpu("RTX 4060 Ti", 16_380),), unified=False), "lite"),
        (Machine(8, 16_384, (), unified=True), "standard"),
        (Machine(12, 65_536, (), unified=True), "quality"),
    ],
)
def test_a_profile_fits_its_machine(machine: Machine, profile: str) -> None:
    assert profiles.fitting(machine).name == profile


def test_this_machine_is_seen() -> None:
    machine = look()
    assert machine.cores >= 1
    assert 500 < machine.memory_mb < 10_000_000


@pytest.mark.parametrize("profile", profiles.PROFILES, ids=lambda profile: profile.name)
def test_a_profile_is_a_setting_that_works(profile: profiles.Profile) -> None:
    with Runtime(profiles.settings(profile)) as runtime:
        assert [status.role for status in runtime.status()] == [choice.role for choice in profile.choices]


@pytest.mark.parametrize("profile", profiles.PROFILES, ids=lambda profile: profile.name)
def test_a_profile_names_weights_that_exist(profile: profiles.Profile) -> None:
    for name in (*profile.wished_weights, *profile.export):
        assert manifest.row(name), name
    chosen = (choice for role, setting in profiles.settings(profile).items() for choice in choices(role, setting))
    looked_for = {name for choice in chosen for name in choice.folders() if manifest.row(name)}
    assert looked_for - {row.name for row in manifest.ROWS if row.package} == set(profile.weights)


def test_what_no_backend_does_is_not_asked_for() -> None:
    nobody = replace(
        profiles.named("lite"),
        wishes=(profiles.Chosen("ocr", "nobody", 1, 1, "estimate"),),
        wished_weights=("yolox_s",),
    )
    assert nobody.choices == ()
    assert profiles.settings(nobody) == {}
    assert set(nobody.weights) <= {"yolox_s"}


def test_the_whole_house_without_graphics_fits_its_profile() -> None:
    assert profiles.named("lite").memory_mb < 4_000


def test_without_settings_every_backend_of_this_machine_is_tried_and_none_beyond_it() -> None:
    wishes = profiles.local_settings()
    assert wishes["ocr"][0] == {"BACKEND": "rapidocr"}
    used = {(role, wish["BACKEND"]) for role, choices in wishes.items() for wish in choices}
    house = {(row.role, row.key) for row in BACKENDS if not row.leaves_house and row.proof != "designed"}
    assert used == house
    assert not {key for _, key in used} & {"fake", "vlm", "openai_text"}


def test_without_settings_no_backend_is_tried_twice() -> None:
    for role, wishes in profiles.local_settings().items():
        built = [(choice.row.key, choice.build()) for choice in choices(role, wishes)]
        assert not [one for number, one in enumerate(built) if one in built[:number]], role


def test_the_command_says_machine_models_costs_and_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "recommend", "--profile", "lite"]) == 0
    printed = capsys.readouterr().out
    for words in ("This machine:", "Profile: lite", "rapidocr", "models pull", "ViT-B-32", "The setting ML for it:"):
        assert words in printed


def test_calibrating_is_advised_once_there_is_something_to_calibrate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path))
    main(["models", "recommend", "--profile", "lite"])
    printed = capsys.readouterr().out
    assert "models export ViT-B-32" in printed
    assert "models calibrate" not in printed
    towers = tmp_path / "ViT-B-32-laion2b_s34b_b79k" / "onnx"
    towers.mkdir(parents=True)
    for name in ("image.int8.onnx", "text.int8.onnx", "tokens.npy", "tokenizer.json", "towers.json"):
        (towers / name).touch()
    note_export("ViT-B-32-laion2b_s34b_b79k", "a test")
    main(["models", "recommend", "--profile", "lite"])
    printed = capsys.readouterr().out
    assert "models export ViT-B-32" not in printed
    assert "models calibrate" in printed


def test_the_advice_for_programs_holds_the_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "recommend", "--profile", "quality", "--json"]) == 0
    advice = json.loads(capsys.readouterr().out)
    assert advice["settings"]["ocr"] == {"BACKEND": "rapidocr"}
    assert "blip2-opt-2.7b" in advice["missing"]
    assert {choice["grounds"] for choice in advice["choices"]} <= {"measured", "estimate"}
