"""The tagger of `ram_plus`, exported as a household would."""

import shutil
from pathlib import Path

from tests.models import built

NEEDS = ("torch", "timm", "onnx", "onnxruntime")


def build(folder: Path) -> None:
    from ml.export_tagger import export

    shutil.copytree(built("ram_plus"), folder, dirs_exist_ok=True)
    export(str(folder))
