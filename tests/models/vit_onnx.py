"""The patches of `vit`, exported as a household would."""

import shutil
from pathlib import Path

from tests.models import built

NEEDS = ("torch", "timm", "onnx", "onnxruntime")


def build(folder: Path) -> None:
    from ml.export_patches import export

    shutil.copytree(built("vit"), folder, dirs_exist_ok=True)
    export(str(folder))
