"""Exported sentence models against transformers, which reads the same numbers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.engines.torch import ensure_torchvision
from ml.export_text import SENTENCES
from ml.sentences import CONFIG, SentenceModel
from tests.models import built

torch = pytest.importorskip("torch", reason="the reference needs torch: make test-ml")
transformers = pytest.importorskip("transformers", reason="the reference needs transformers: make test-ml")

LANGUAGES = [
    "A dog.",
    "Der Hund läuft am Strand.",
    "Un chat dort dans la maison",
    "Собака спит",
    "一只狗在沙滩上奔跑。",
]


@pytest.mark.parametrize("family", ["minilm", "multilingual"])
def test_an_export_gives_the_vectors_of_transformers(family: str) -> None:
    folder = built(family)
    ours = SentenceModel(str(folder), "fp32", device="cpu", threads=1)
    rows = [row for row in ours.tokens([*SENTENCES, *LANGUAGES, "long " * 500]) if row is not None]
    found = ours(rows, at_once=256)
    model = reference(folder)
    theirs = np.stack([means(model, row) for row in rows])
    assert np.abs(found - theirs).max() < 1e-4


def reference(folder: Path) -> Any:
    ensure_torchvision()
    config = transformers.BertConfig(**json.loads((folder / CONFIG).read_text()))
    model = transformers.BertModel.from_pretrained(folder, config=config, local_files_only=True)
    return model.eval()


def means(model: Any, row: list[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    with torch.inference_mode():
        read = model(input_ids=torch.tensor([row])).last_hidden_state[0].mean(dim=0)
    return np.asarray(read.numpy(), np.float32)
