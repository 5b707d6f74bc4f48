"""The towers of `open_clip`, exported as a household would."""

import shutil
from pathlib import Path

from tests.models import built

NEEDS = ("torch", "open_clip", "onnx", "onnxruntime")


def build(folder: Path) -> None:
    from ml.export import export

    shutil.copytree(built("open_clip"), folder, dirs_exist_ok=True)
    export(str(folder))
