from collections.abc import Sequence

from . import StorageView

class WhisperGenerationResult:
    sequences_ids: list[list[int]]
    scores: list[float]
    no_speech_prob: float

class WhisperAlignmentResult:
    alignments: list[tuple[int, int]]
    text_token_probs: list[float]

class Whisper:
    compute_type: str
    device: str
    is_multilingual: bool
    n_mels: int
    def __init__(
        self, model_path: str, device: str = "cpu", *, compute_type: str = "default", intra_threads: int = 0
    ) -> None: ...
    def encode(self, features: StorageView) -> StorageView: ...
    def detect_language(self, features: StorageView) -> list[list[tuple[str, float]]]: ...
    def generate(
        self,
        features: StorageView,
        prompts: Sequence[Sequence[int]],
        *,
        beam_size: int = 5,
        max_length: int = 448,
        suppress_tokens: Sequence[int] | None = ...,
        no_repeat_ngram_size: int = 0,
        return_scores: bool = False,
        return_no_speech_prob: bool = False,
    ) -> list[WhisperGenerationResult]: ...
    def align(
        self,
        features: StorageView,
        start_sequence: Sequence[int],
        text_tokens: Sequence[Sequence[int]],
        num_frames: Sequence[int],
    ) -> list[WhisperAlignmentResult]: ...
