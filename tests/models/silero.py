"""Silero's published model, from the test material or from the package that carries it."""

import os
import shutil
from pathlib import Path

import pytest

from ml.voice import WEIGHTS, Voice

NEEDS = ("onnxruntime",)
FILE = "silero_vad_v6.onnx"


def build(folder: Path) -> None:
    material = Path(os.environ.get("MEDIAHUB_TEST_MATERIAL", Path(__file__).parents[3] / "shared" / "material"))
    packages = Path(pytest.__file__).parents[1]
    for place in (material / "models" / "audio", packages / "faster_whisper" / "assets"):
        if (place / FILE).is_file():
            shutil.copy(place / FILE, folder)
            Voice(str(folder))
            return
    pytest.skip(f"{WEIGHTS} is neither in the test material nor in a package: set MEDIAHUB_TEST_MATERIAL")
