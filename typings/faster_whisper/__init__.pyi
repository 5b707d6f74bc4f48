from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

class Segment:
    text: str

class TranscriptionInfo:
    language: str

class WhisperModel:
    def __init__(self, path: str, *, device: str, compute_type: str, cpu_threads: int) -> None: ...
    def transcribe(
        self,
        audio: NDArray[np.float32],
        *,
        language: str | None = None,
        temperature: float,
        vad_filter: bool,
        condition_on_previous_text: bool,
        without_timestamps: bool = False,
    ) -> tuple[Iterable[Segment], TranscriptionInfo]: ...
