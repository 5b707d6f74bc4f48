"""GE2E's model of voices as ONNX, for machines without torch: exported whole, checked against torch, or not at all."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import weights
from .backend import NotInstalled
from .engines.torch import inference
from .export import ExportError, to_onnx, whole_or_not_at_all
from .packages import missing_packages
from .results import Numbers
from .towers import Precision
from .voiceprints import BANDS, CHECKPOINT, FRAMES, NUMBERS, Voiceprints, file_of
from .weights import manifest
from .weights.files import sha256_of

_NEEDS = ("torch", "onnx", "onnxruntime")
_LAYERS = 3
_DRAWN = 12

#: The least cosine with what torch gives.
LIMIT = 0.9999


@dataclass(frozen=True)
class VoiceVerdict:
    """How near the exported model comes to torch: the smallest cosine. `kept`: within the limit."""

    precision: Precision
    cosine: float
    kept: bool

    @property
    def figures(self) -> dict[str, str]:
        """For people."""
        return {"least cosine": f"{self.cosine:.5f}"}


def export(name: str) -> list[VoiceVerdict]:
    """Write installed weights of voices as ONNX beside them, with numbers of 32 bits: they are small. Checked on drawn
    sounds. Raises NotInstalled and ExportError."""
    model = _model(name)
    with whole_or_not_at_all(file_of(name).parent) as folder:
        import torch

        path = folder / file_of(name).name
        to_onnx(model, {"looks": torch.zeros(2, FRAMES, BANDS)}, path)
        found = _verdict(model, path)
        if not found.kept:
            raise ExportError(f"The exported model is not the one of torch: {found}. It is not kept.")
        return [found]


def _model(name: str) -> Any:
    if absent := missing_packages(_NEEDS) or weights.missing(name, CHECKPOINT):
        raise NotInstalled(absent)
    import torch

    class Ge2e(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = torch.nn.LSTM(BANDS, NUMBERS, _LAYERS, batch_first=True)
            self.linear = torch.nn.Linear(NUMBERS, NUMBERS)

        def forward(self, looks: "torch.Tensor") -> "torch.Tensor":
            frames, _states = self.lstm(looks)
            vectors = torch.relu(self.linear(frames[:, -1]))
            return vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1e-6)

    path = weights.folder(name) / CHECKPOINT
    _check_known(name, path)
    model = Ge2e()
    try:
        numbers = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
        model.load_state_dict({key: numbers[key] for key in model.state_dict()})
    except Exception as error:  # half a file, a program inside, another model: each ends somewhere else
        if isinstance(error, MemoryError):
            raise
        raise NotInstalled(f"{path} is no model of voices that can be read ({error}). Install it again.") from error
    return model.requires_grad_(False).eval()


def _check_known(name: str, path: Path) -> None:
    row = manifest.row(name)
    known = next((file.sha256 for file in row.files if file.path == CHECKPOINT), None) if row else None
    if known and sha256_of(path) != known:
        raise NotInstalled(f"{path} is not the published file. Run: python -m ml models pull {name}")


def _verdict(model: Any, path: Path) -> VoiceVerdict:
    import torch

    looks = _drawn()
    with inference():
        theirs: Numbers = model(torch.from_numpy(looks)).numpy()
    ours = Voiceprints(path, device="cpu", threads=1)(list(looks))
    cosine = float((ours * theirs).sum(axis=1).min())
    return VoiceVerdict("fp32", round(cosine, 6), cosine >= LIMIT)


def _drawn() -> Numbers:
    """Seeded sounds as loud as speech, each with bands of its own."""
    random = np.random.default_rng(2026)
    colours = random.uniform(0, 0.02, (_DRAWN, 1, BANDS)) * random.uniform(0, 1, (_DRAWN, FRAMES, 1))
    return np.asarray(colours * random.exponential(1, (_DRAWN, FRAMES, BANDS)), np.float32)
