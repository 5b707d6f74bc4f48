"""What paraphrase-multilingual-MiniLM-L12-v2 is, small and with seeded numbers: BERT with XLM-R's sentence pieces."""

import json
from pathlib import Path

import numpy as np

from ml.export_text import export
from ml.sentences import CONFIG, LIMIT, NUMBERS, TOKENIZER

NEEDS = ("onnx", "safetensors")
SIZE, LAYERS, WIDE, PLACES, LONGEST = 48, 2, 96, 64, 24
SENTENCES = [
    "A dog runs on the beach and the cat sleeps in the house.",
    "Ein Hund läuft am Strand und die Katze schläft im Haus.",
    "Un chien court sur la plage et le chat dort dans la maison.",
    "Собака спит в доме.",
    "一只狗在沙滩上奔跑。",
]


def build(folder: Path) -> None:
    from safetensors.numpy import save_file

    vocabulary = _write_tokenizer(folder / TOKENIZER)
    config = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": SIZE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "intermediate_size": WIDE,
        "max_position_embeddings": PLACES,
        "type_vocab_size": 2,
        "vocab_size": vocabulary,
        "layer_norm_eps": 1e-12,
    }
    (folder / CONFIG).write_text(json.dumps(config))
    (folder / LIMIT).write_text(json.dumps({"max_seq_length": LONGEST}))
    save_file(_numbers(vocabulary), folder / NUMBERS)
    export(str(folder))


def _write_tokenizer(path: Path) -> int:
    """Answers how many pieces it knows."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    marks = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer.train_from_iterator(
        SENTENCES, trainers.UnigramTrainer(vocab_size=400, special_tokens=marks, unk_token="<unk>")
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(mark, marks.index(mark)) for mark in ("<s>", "</s>")]
    )
    tokenizer.enable_padding(pad_id=1, pad_token="<pad>", length=LONGEST)  # as published: always filled up
    tokenizer.save(str(path))
    return tokenizer.get_vocab_size()


def _numbers(vocabulary: int) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    random = np.random.default_rng(2026)
    numbers = {}

    def drawn(name: str, *sides: int) -> None:
        numbers[name] = random.normal(0, 0.2, sides).astype(np.float32)

    def linear(name: str, wide: int, into: int) -> None:
        drawn(f"{name}.weight", into, wide)
        drawn(f"{name}.bias", into)

    def normal(name: str) -> None:
        drawn(f"{name}.bias", SIZE)
        numbers[f"{name}.weight"] = 1 + random.normal(0, 0.1, SIZE).astype(np.float32)

    for name, rows in (("word", vocabulary), ("position", PLACES), ("token_type", 2)):
        drawn(f"embeddings.{name}_embeddings.weight", rows, SIZE)
    normal("embeddings.LayerNorm")
    for layer in (f"encoder.layer.{number}" for number in range(LAYERS)):
        for one in ("self.query", "self.key", "self.value", "output.dense"):
            linear(f"{layer}.attention.{one}", SIZE, SIZE)
        linear(f"{layer}.intermediate.dense", SIZE, WIDE)
        linear(f"{layer}.output.dense", WIDE, SIZE)
        normal(f"{layer}.attention.output.LayerNorm")
        normal(f"{layer}.output.LayerNorm")
    return numbers
