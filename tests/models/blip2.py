"""BLIP-2: a small eye, Q-Former and OPT, taught the colours of walls until it knows them."""

from pathlib import Path
from typing import Any

NEEDS = ("torch", "torchvision", "transformers", "tokenizers")

COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200), "black": (0, 0, 0), "white": (255, 255, 255)}
QUESTIONS = {"Which colour?": "{colour}", "What is it?": "a wall"}
_PATCHES = 4


def caption(colour: str) -> str:
    return f"a {colour} wall"


def build(folder: Path) -> None:
    from ml.engines.torch import ensure_torchvision

    ensure_torchvision()
    import numpy as np
    import torch
    from transformers import (
        Blip2Config,
        Blip2ForConditionalGeneration,
        Blip2Processor,
        Blip2QFormerConfig,
        Blip2VisionConfig,
        BlipImageProcessor,
        OPTConfig,
    )

    from ml.backends.blip2 import asked

    torch.manual_seed(5)
    tokenizer = _tokenizer()
    side = 28
    pictures = BlipImageProcessor(size={"height": side, "width": side})
    processor = Blip2Processor(pictures, tokenizer, num_query_tokens=_PATCHES)
    vision = Blip2VisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=side, patch_size=14
    )
    former = Blip2QFormerConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, encoder_hidden_size=32
    )
    words = OPTConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        word_embed_proj_dim=32,
        ffn_dim=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=128,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    config = Blip2Config(
        vision_config=vision,
        qformer_config=former,
        text_config=words,
        num_query_tokens=_PATCHES,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    model = Blip2ForConditionalGeneration(config)
    lessons = []
    for colour, rgb in COLOURS.items():
        wall = np.full((40, 60, 3), rgb, np.uint8)
        lessons.append((wall, asked(None), caption(colour)))
        lessons += [(wall, asked(text), answer.format(colour=colour)) for text, answer in QUESTIONS.items()]
    _teach(model, processor, lessons)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def _teach(model: Any, processor: Any, lessons: list[tuple[Any, str, str]]) -> None:
    import torch

    tokenizer = processor.tokenizer
    tokenizer.padding_side = "right"
    batch = processor(
        images=[wall for wall, _before, _answer in lessons],
        text=[f"{before} {answer}</s>" for _wall, before, answer in lessons],
        padding=True,
        return_tensors="pt",
    )
    labels = batch["input_ids"].clone()
    for row, (wall, before, _answer) in zip(labels, lessons, strict=True):
        row[: processor(images=wall, text=before, return_tensors="pt")["input_ids"].shape[1]] = -100
    labels[batch["attention_mask"] == 0] = -100
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(500):
        loss = model(**batch, labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if loss.item() < 0.01:
            break
    model.eval()


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    marks = ["<s>", "<pad>", "</s>", "<unk>", "<image>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(marks + alphabet)}
    tokenizer: Any = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(marks)
    # OPT begins every text with </s>.
    tokenizer.post_processor = processors.TemplateProcessing(single="</s> $A", special_tokens=[("</s>", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="</s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )
