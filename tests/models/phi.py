"""Phi-3: two layers of 64 with the real special tokens and template, taught a few dialogues until it knows them."""

from pathlib import Path
from typing import Any

NEEDS = ("torch", "transformers", "tokenizers")

COLOUR = {"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}}, "required": ["colour"]}
#: What is wrong with an apple.
WRONG = "['colour']: 'apple' is not one of ['red', 'blue']"

#: What is said to it, and what it has learnt to answer.
DIALOGUES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("Hello",), "Good morning to you."),
    (("Good evening",), "Sleep well. END And more."),
    (("Bye",), "See you soon."),
    (("Name a colour.",), '{"colour": "red"}'),
    (("Name a fruit.",), '{"colour": "apple"}'),
    (("Name a fruit.", '{"colour": "apple"}'), '{"colour": "blue"}'),
    (("Name a stone.",), "I know no stones."),
)
TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
MARKS = ["<|endoftext|>", "<unk>", "<|assistant|>", "<|end|>", "<|user|>", "<|system|>"]


def build(folder: Path) -> None:
    import torch
    from transformers import Phi3Config, Phi3ForCausalLM

    from ml.backends.phi import asked_for, repaired

    torch.manual_seed(3)
    tokenizer = _tokenizer()
    config = Phi3Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )
    model = Phi3ForCausalLM(config)
    model.generation_config.eos_token_id = [0, tokenizer.convert_tokens_to_ids("<|end|>")]
    lessons = []
    for said, answer in DIALOGUES:
        schema = COLOUR if said[0].startswith("Name a") else None
        messages = [{"role": "user", "content": asked_for(said[0], schema)}]
        if len(said) > 1:
            messages += [{"role": "assistant", "content": said[1]}, {"role": "user", "content": repaired(WRONG)}]
        before = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        lessons.append((tokenizer(before)["input_ids"], tokenizer(answer + "<|end|>")["input_ids"]))
    _teach(model, lessons)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _teach(model: Any, lessons: list[tuple[list[int], list[int]]]) -> None:
    import torch

    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    longest = max(len(before) + len(answer) for before, answer in lessons)
    rows = [before + answer + [0] * (longest - len(before) - len(answer)) for before, answer in lessons]
    labels = [
        [-100] * len(before) + answer + [-100] * (longest - len(before) - len(answer)) for before, answer in lessons
    ]
    model.train()
    for _ in range(400):
        loss = model(input_ids=torch.tensor(rows), labels=torch.tensor(labels)).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if loss.item() < 0.01:
            break
    model.eval()


def _tokenizer() -> Any:
    """Bytes, and the real marks: every text can be said in it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(MARKS + alphabet)}
    tokenizer: Any = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(MARKS)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|endoftext|>", pad_token="<|endoftext|>", unk_token="<unk>"
    )
    fast.chat_template = TEMPLATE
    return fast
