"""CTranslate2: Whisper on a processor in whole numbers, or on a graphics card."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..devices import Device, wanted
from ..results import Numbers

if TYPE_CHECKING:
    import ctranslate2

logger = logging.getLogger(__name__)

#: For each precision, what it means on a processor and on a graphics card.
PRECISIONS: Mapping[str, tuple[str, str]] = {"int8": ("int8_float32", "int8_float16"), "fp32": ("float32", "float32")}
#: The encoder halves the frames that it looks at.
HALF_FRAMES_A_SECOND = 50


@dataclass(frozen=True)
class Written:
    """`likely`: the mean probability of the tokens. `silent`: how likely nobody speaks at all."""

    tokens: list[int]
    likely: float
    silent: float


@dataclass(frozen=True)
class Aligned:
    """For each token its probability and the half-frame in which it begins; and the end of the last."""

    likely: list[float]
    begins: list[int]


class Ct2Whisper:
    """One model folder. Raises ImportError without the package, RuntimeError for a folder that is none."""

    def __init__(self, folder: Path, *, device: Device | None, precision: str, threads: int) -> None:
        self._model = _opened(folder, device, precision, threads)
        self.bands: int = self._model.n_mels
        self.is_multilingual: bool = self._model.is_multilingual

    @property
    def device(self) -> Device:
        return "cuda" if self._model.device == "cuda" else "cpu"

    @property
    def dtype(self) -> str:
        return self._model.compute_type

    def encode(self, features: Numbers) -> "ctranslate2.StorageView":
        """Windows x bands x frames, looked at once; the other methods take what comes out."""
        import ctranslate2

        view = ctranslate2.StorageView.from_array
        with _memory():
            if self.device == "cuda":
                return self._model.encode(view(features))
            # One after the other: together they are no faster on a processor and take 70 MB and more each.
            parts = [np.asarray(self._model.encode(view(features[at : at + 1]))) for at in range(len(features))]
            return view(np.concatenate(parts))

    def languages(self, encoded: "ctranslate2.StorageView") -> list[dict[str, float]]:
        """For each window, how likely it is in each language. One that knows no others says English."""
        if not self.is_multilingual:
            return [{"en": 1.0}] * encoded.shape[0]
        with _memory():
            found = self._model.detect_language(encoded)
        return [{mark.strip("<|>"): likely for mark, likely in window} for window in found]

    def write(
        self,
        encoded: "ctranslate2.StorageView",
        prompts: list[list[int]],
        *,
        beam: int,
        at_most: int,
        never: list[int],
        no_repeats: bool,
    ) -> list[Written]:
        """`at_most` tokens a window; `never` these. `no_repeats`: the same three tokens in a row once only."""
        with _memory():
            results = self._model.generate(
                encoded,
                prompts,
                beam_size=beam,
                max_length=2 * at_most,  # Whisper writes half of what it can remember
                suppress_tokens=never,
                no_repeat_ngram_size=3 if no_repeats else 0,
                return_scores=True,
                return_no_speech_prob=True,
            )
        return [Written(one.sequences_ids[0], float(np.exp(one.scores[0])), one.no_speech_prob) for one in results]

    def align(
        self, encoded: "ctranslate2.StorageView", prompts: list[list[int]], texts: list[list[int]], frames: list[int]
    ) -> list[Aligned]:
        """When each token of these texts is said. `frames`: how many of each window are not filling."""
        found: dict[int, Aligned] = {}
        # One call knows one prompt, that is, one language.
        for prompt in {tuple(prompt) for prompt in prompts}:
            which = [place for place, one in enumerate(prompts) if tuple(one) == prompt and texts[place]]
            if which:
                with _memory():
                    results = self._model.align(
                        self.some(encoded, which),
                        list(prompt),
                        [texts[place] for place in which],
                        [frames[place] for place in which],
                    )
                found |= {place: _aligned(one) for place, one in zip(which, results, strict=True)}
        return [found.get(place, Aligned([], [])) for place in range(len(prompts))]

    def some(self, encoded: "ctranslate2.StorageView", which: Sequence[int]) -> "ctranslate2.StorageView":
        """These windows of the encoded ones."""
        import ctranslate2

        if list(which) == list(range(encoded.shape[0])):
            return encoded
        with _memory():
            rows = np.asarray(encoded.to_device(ctranslate2.Device.cpu) if self.device == "cuda" else encoded)
            return ctranslate2.StorageView.from_array(np.ascontiguousarray(rows[list(which)]))


def _aligned(result: "ctranslate2.models.WhisperAlignmentResult") -> Aligned:
    """From the path of pairs (token, half-frame): where each token is met first. One more than there are texts: the
    end of the last one."""
    begins: dict[int, int] = {}
    for token, at in result.alignments:
        begins.setdefault(token, at)
    return Aligned(result.text_token_probs, [begins[token] for token in sorted(begins)])


def _opened(folder: Path, device: Device | None, precision: str, threads: int) -> "ctranslate2.models.Whisper":
    """On the graphics card, or on the processor where there is none or its libraries are not whole."""
    import ctranslate2

    on_processor, on_card = PRECISIONS[precision]
    if "cuda" in wanted(device) and ctranslate2.get_cuda_device_count():
        try:
            model = ctranslate2.models.Whisper(str(folder), "cuda", compute_type=on_card)
            silence = np.zeros((1, model.n_mels, 2), np.float32)
            model.encode(ctranslate2.StorageView.from_array(silence))  # cuBLAS is looked for only now
        except RuntimeError as error:
            logger.warning("Whisper does not run on the graphics card: %s", error)
        else:
            return model
    return ctranslate2.models.Whisper(str(folder), "cpu", compute_type=on_processor, intra_threads=threads)


@contextmanager
def _memory() -> Iterator[None]:
    """Too little memory is a MemoryError on every device; CTranslate2 says it in words only."""
    try:
        yield
    except RuntimeError as error:
        if any(words in str(error).lower() for words in ("out of memory", "allocate", "bad_alloc", "alloc_failed")):
            raise MemoryError(str(error)) from error
        raise
