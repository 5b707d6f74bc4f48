"""Who speaks when, by a model of voices: GE2E, with the weights that Resemblyzer publishes, exported to ONNX."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from ..devices import Device
from ..options import Between, Megabytes
from ..results import ModelName
from ..roles import Sound
from ..speakers import Spoken
from ..voice import Span
from ..voiceprints import Voiceprints, file_of, missing, told_apart
from .diarizing import Diarizer


@dataclass
class Ge2e(Diarizer):
    """Nothing shorter than a second is told apart, and nobody who speaks while another one does.

    Of splices of 2 to 4 of four people 1 to 14 % of the time of speech was missed, invented or given to somebody else,
    35 % at worst, where two like voices follow each other without a pause; in minutes 4 and 5 %, 8 % at worst.

    `alike`: two voices are one when they are so alike, compared with how alike each is to itself; the greater, the more
    speakers are found.
    """

    weights: str = "ge2e-resemblyzer"
    alike: Annotated[float, Between(-1, 1)] = 0.8
    memory_mb: Megabytes = 200
    _model: Voiceprints | None = field(default=None, init=False, repr=False)

    def model(self) -> ModelName:
        # The version is raised when the same sound would be told apart otherwise.
        return ModelName(Path(self.weights).name, "1")

    def missing_weights(self) -> str | None:
        return super().missing_weights() or missing(self.weights)

    def load(self, device: Device | None) -> Device:
        super().load(device)
        self._model = Voiceprints(file_of(self.weights), device=device, threads=self.threads)
        return self._model.device

    def unload(self) -> None:
        super().unload()
        self._model = None

    def told_apart(self, sound: Sound, spans: Sequence[Span], speakers: int | None) -> list[Spoken]:
        if self._model is None:
            raise RuntimeError("The model is not loaded.")
        return told_apart(sound, spans, self._model, speakers=speakers, alike=self.alike)
