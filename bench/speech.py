"""What the writing down of speech is measured on and against: needs torch to make the model, and faster-whisper.

The model is a Whisper "tiny" of real size with seeded numbers, which ends each window after as many words as people say
in 15 seconds: it proves speed, never what is understood.
"""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.protocol import NotHere
from ml.backends.whisper import Whisper
from ml.roles import Sound, TranscribeOptions
from tests.ml.sounds import HIGH, LOW, noise, silence, voice
from tests.models import whisper

WORDS = 60
SECONDS = 45
BATCH = 8


def make(folder: Path, *, small: bool) -> Path:
    """Seeded weights as they lie on the hub. Raises NotHere."""
    if missing := [name for name in whisper.NEEDS if importlib.util.find_spec(name) is None]:
        raise NotHere(
            f"{', '.join(missing)} is not installed here; run it by .venv-ml/bin/python -m bench transcription"
        )
    from ml.engines.torch import ensure_torchvision

    ensure_torchvision()
    import torch
    from transformers import WhisperForConditionalGeneration

    torch.manual_seed(2026)
    width, layers, heads = (64, 2, 2) if small else (384, 4, 6)
    model: Any = WhisperForConditionalGeneration(
        whisper.config(whisper.TOKENS, seconds=30, width=width, layers=(layers, layers), heads=heads, inner=4 * width)
    )
    decoder = model.model.decoder
    with torch.no_grad():
        decoder.embed_positions.weight.normal_()  # so that no word is said twice in a row
        end = torch.nn.functional.normalize(torch.randn(width), dim=0)
        decoder.embed_tokens.weight[whisper.END] = 3 * end
        decoder.embed_positions.weight[:WORDS] -= 5 * end
        decoder.embed_positions.weight[WORDS:] += 50 * end
    folder.mkdir(parents=True)
    whisper.publish(model, folder, seconds=30)
    return folder


def sounds(count: int) -> list[Sound]:
    """As films of a household sound: three sentences of five seconds in three quarters of a minute."""
    found = []
    for number in range(count):
        dice = np.random.default_rng(number)
        parts = []
        for _ in range(3):
            said = "".join(dice.choice(list("aiou"), 14))
            parts += [silence(float(dice.uniform(2, 8))), voice(said, pitch=LOW if number % 2 else HIGH, gap=0.06)]
        sound = np.concatenate(parts)
        sound = np.pad(sound, (0, max(0, SECONDS * 16_000 - len(sound))))[: SECONDS * 16_000]
        found.append(sound + noise(SECONDS, 0.001))
    return found


def loop(folder: Path, *, listening: bool) -> Callable[[Sequence[Sound]], list[str]]:
    """The prototypes' loop: faster-whisper, a file at a time; with or without looking for voices first."""
    import faster_whisper

    model = faster_whisper.WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)

    def write(items: Sequence[Sound]) -> list[str]:
        texts = []
        for item in items:
            segments, _info = model.transcribe(
                item, temperature=0, without_timestamps=True, condition_on_previous_text=False, vad_filter=listening
            )
            texts.append("".join(segment.text for segment in segments))
        return texts

    return write


def loaded(folder: Path) -> Whisper:
    """One thread."""
    backend = Whisper(weights=str(folder), voice=str(folder), batch_size=BATCH, windows_at_once=BATCH)
    if missing := backend.missing_weights():
        raise NotHere(missing)
    backend.load("cpu")
    return backend


def one_at_a_time(backend: Whisper, items: Sequence[Sound]) -> list[tuple[str | None, str]]:
    return in_batches(backend, items, at_once=1)


def in_batches(backend: Whisper, items: Sequence[Sound], at_once: int = BATCH) -> list[tuple[str | None, str]]:
    """The language and the text of each."""
    scripts = []
    for start in range(0, len(items), at_once):
        batch = backend.prepare(items[start : start + at_once], TranscribeOptions())
        scripts += backend.finish(backend.infer(batch))
    return [(script.language, script.text) for script in scripts]
