"""Whisper in CTranslate2: a small one with the whole vocabulary, taught to write down sung vowels.

English has the words "a" and "i", German "o" and "u". It looks at 4 seconds at once, as its preprocessor_config.json
says.
"""

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ml.results import Numbers
from ml.roles import Sound
from ml.spectrogram import log_mel
from ml.voice import RATE
from tests.ml.sounds import VOWELS, silence, voice

NEEDS = ("torch", "transformers", "tokenizers", "ctranslate2", "faster_whisper")

SECONDS = 4
WORDS = {"en": "ai", "de": "ou"}
_BANDS = 80
_LESSONS, _STEPS = 1000, 450
_LANGUAGES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi ml "
    "cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am "
    "yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su"
)
_TEXT = 50257  # words before the marks
_MARKS = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{language}|>" for language in _LANGUAGES.split()),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
    *(f"<|{step * 0.02:.2f}|>" for step in range(1501)),
]
TOKENS = _TEXT + len(_MARKS)
END, _START = _TEXT, _TEXT + 1


def build(folder: Path) -> None:
    from ml.engines.torch import ensure_torchvision

    ensure_torchvision()
    import torch
    from transformers import WhisperForConditionalGeneration

    torch.manual_seed(7)
    model = WhisperForConditionalGeneration(
        config(TOKENS, seconds=SECONDS, width=64, layers=(1, 2), heads=2, inner=128)
    )
    _teach(model)
    publish(model, folder, SECONDS)


def publish(model: Any, folder: Path, seconds: int) -> None:
    """As it lies on the hub: converted for CTranslate2, with its tokenizer. What hears voices lies beside it."""
    import faster_whisper
    from ctranslate2.converters import TransformersConverter

    known = model.generation_config
    known.lang_to_id = {f"<|{language}|>": _number(f"<|{language}|>") for language in _LANGUAGES.split()}
    known.task_to_id = {"transcribe": _number("<|transcribe|>"), "translate": _number("<|translate|>")}
    known.no_timestamps_token_id = _number("<|notimestamps|>")
    known.is_multilingual = True
    known._from_model_config = False  # or it is made anew when it is read, without any of this
    known.suppress_tokens, known.begin_suppress_tokens = [], [END]
    known.alignment_heads = [[1, 0], [1, 1]]
    with tempfile.TemporaryDirectory() as place:
        model.save_pretrained(place)
        _tokenizer().save_pretrained(place)
        converter = TransformersConverter(place, copy_files=["tokenizer.json"])
        converter.convert(str(folder), quantization="int8", force=True)
    (folder / "preprocessor_config.json").write_text(json.dumps({"chunk_length": seconds, "feature_size": _BANDS}))
    shutil.copy(Path(faster_whisper.__file__).parent / "assets" / "silero_vad_v6.onnx", folder)


def config(tokens: int, *, seconds: int, width: int, layers: tuple[int, int], heads: int, inner: int) -> Any:
    from transformers import WhisperConfig

    return WhisperConfig(
        vocab_size=tokens,
        num_mel_bins=_BANDS,
        d_model=width,
        encoder_layers=layers[0],
        decoder_layers=layers[1],
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=inner,
        decoder_ffn_dim=inner,
        max_source_positions=seconds * 50,
        max_target_positions=448,
        dropout=0.0,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
        decoder_start_token_id=0,
    )


@cache
def _vocabulary() -> dict[str, int]:
    """Bytes, the four vowels as words, something else where the real one has its other words, and the real marks."""
    from tokenizers import pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [f"Ġ{vowel}" for vowel in VOWELS]
    others = [f"Ġ{rank * 2654435761 % 2**32:08x}" for rank in range(_TEXT - 1 - len(alphabet) - len(words))]
    # By the empty word CTranslate2 knows the vocabulary of many languages.
    return {token: rank for rank, token in enumerate([*alphabet, *words, *others, "", *_MARKS])}


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import WhisperTokenizerFast

    tokenizer: Any = Tokenizer(models.BPE(vocab=_vocabulary(), merges=[("Ġ", vowel) for vowel in VOWELS]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(_MARKS)
    return WhisperTokenizerFast(tokenizer_object=tokenizer)


def _teach(model: Any) -> None:
    """A pupil that knows no other words than it needs learns much faster; the model gets what it has learnt."""
    import torch
    from transformers import WhisperForConditionalGeneration

    dice = np.random.default_rng(3)
    lessons = [_lesson(dice) for _ in range(_LESSONS)]
    used = sorted({token for _seen, said in lessons for token in said})
    rank = {token: place for place, token in enumerate(used)}
    longest = max(len(said) for _seen, said in lessons)
    seen = torch.tensor(np.stack([seen for seen, _said in lessons]))
    rows = torch.tensor([[rank[one] for one in said] + [-100] * (longest - len(said)) for _seen, said in lessons])
    pupil = WhisperForConditionalGeneration(
        config(len(used), seconds=SECONDS, width=64, layers=(1, 2), heads=2, inner=128)
    )
    optimiser = torch.optim.AdamW(pupil.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, total_steps=_STEPS)
    pupil.train()
    for _ in range(_STEPS):
        some = torch.tensor(dice.choice(_LESSONS, 32, replace=False))
        said = rows[some]
        guessed = pupil(input_features=seen[some], decoder_input_ids=said[:, :-1].clamp(min=0)).logits
        loss = torch.nn.functional.cross_entropy(guessed.transpose(1, 2), said[:, 1:])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(pupil.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    learnt = pupil.state_dict()
    words = torch.zeros_like(model.state_dict()["proj_out.weight"])
    words[used] = learnt["proj_out.weight"]
    model.load_state_dict(learnt | {"model.decoder.embed_tokens.weight": words, "proj_out.weight": words})
    model.eval()


def _lesson(dice: np.random.Generator) -> tuple[Numbers, list[int]]:
    """What is seen of one window, and all that is to be said about it; one time in four without the times."""
    language = str(dice.choice(list(WORDS)))
    timed = bool(dice.random() < 0.75)
    said = [_START, _number(f"<|{language}|>"), _number("<|transcribe|>")]
    said += [] if timed else [_number("<|notimestamps|>")]
    parts: list[Sound] = []
    for _phrase in range(dice.integers(1, 3)):
        vowels = dice.choice(list(WORDS[language]), dice.integers(1, 5))
        before, behind = dice.uniform(0.05, 0.35, 2)
        sung = np.concatenate([silence(before), *(_sung(str(vowel)) for vowel in vowels)])
        start, end = (sum(map(len, parts)) / RATE + seconds for seconds in (before, len(sung) / RATE - 0.1))
        if end + behind > SECONDS:
            break
        words = [_number(f"Ġ{vowel}") for vowel in vowels]
        said += [_time(start), *words, _time(end)] if timed else words
        parts += [sung, silence(behind)]
    sound = np.concatenate(parts)
    sound += dice.normal(0, dice.choice([0, 0.001, 0.003]), len(sound)).astype(np.float32)
    return log_mel(sound, bands=_BANDS, seconds=SECONDS), [*said, END]


@cache
def _sung(vowel: str) -> Sound:
    return voice(vowel)


def _number(token: str) -> int:
    return _vocabulary()[token]


def _time(seconds: float) -> int:
    return _number("<|notimestamps|>") + 1 + round(seconds / 0.02)
