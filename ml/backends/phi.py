"""Phi-3.5-mini: a language model of this machine, loaded when it is asked and unloaded when it is not.

Any model of transformers with a chat template runs here; it was written for this one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from .. import schemas
from ..backend import Backend, BadItem, NotInstalled
from ..devices import Device
from ..engines import torch as engine
from ..engines import writers
from ..options import BatchSize, Between, Megabytes, Threads
from ..plain import visible
from ..results import Failure, Generated, ModelName
from ..roles import GenerateOptions, Prompt
from ..weights import folder


@dataclass(frozen=True)
class _Asked:
    prompts: list[Prompt]
    options: GenerateOptions


@dataclass(frozen=True)
class _Said:
    text: str
    tokens: int


@dataclass
class Phi(Backend[Prompt, GenerateOptions, _Asked, list[Generated | Failure], Generated]):
    """`bits`: 4 or 8 with bitsandbytes on a graphics card of NVIDIA (not run so far), else `numbers`: "auto" (two bytes
    each), "float32", "float16" or "bfloat16". The same prompt gives the same text, at every temperature.

    `window`: tokens of prompt and answer together. The model would take 131,072; each costs 0.4 MB while it writes.
    """

    weights: str = "Phi-3.5-mini-instruct"
    numbers: str = "auto"
    bits: Annotated[int, Between(4, 32)] = 4
    threads: Threads = 1
    window: Annotated[int, Between(256, 131_072)] = 2048
    batch_size: BatchSize = 1
    memory_mb: Megabytes = 8000
    idle_seconds: Annotated[int, Between(0, 86_400)] = 120
    _model: Any = field(default=None, init=False, repr=False)
    _tokenizer: Any = field(default=None, init=False, repr=False)
    _device: Device = field(default="cpu", init=False, repr=False)

    def model(self) -> ModelName:
        return ModelName(self.weights.rpartition("/")[2], "1")

    def dtype(self) -> str:
        return self.numbers if self._model is None else str(self._model.dtype).removeprefix("torch.")

    def missing_weights(self) -> str | None:
        return writers.missing_files(self.weights)

    def load(self, device: Device | None) -> Device:
        engine.ensure_torchvision()
        from transformers import AutoModelForCausalLM, AutoTokenizer

        engine.set_threads(self.threads)
        self._device = engine.device_for(device)
        place, kept = folder(self.weights), {"local_files_only": True, "trust_remote_code": False}
        with writers.reading(self.weights):
            tokenizer = AutoTokenizer.from_pretrained(place, **kept)
        if not tokenizer.chat_template:
            raise NotInstalled(f"{self.weights} has no chat template: it was not made to be talked to.")
        kind, numbers, bits = AutoModelForCausalLM, self.numbers, self.bits
        self._model = writers.load(kind, self.weights, self._device, numbers=numbers, bits=bits)
        self._tokenizer = tokenizer
        return self._device

    def unload(self) -> None:
        self._model = self._tokenizer = None
        engine.free(self._device)

    def prepare(self, items: Sequence[Prompt], options: GenerateOptions) -> _Asked:
        for prompt in items:
            if prompt.schema is not None and (problem := schemas.problem(prompt.schema)):
                raise BadItem(problem)
        return _Asked(list(items), options)

    def infer(self, batch: _Asked) -> list[Generated | Failure]:
        return [self._answer(prompt, batch.options) for prompt in batch.prompts]

    def finish(self, raw: list[Generated | Failure]) -> list[Generated | Failure]:
        return raw

    def _answer(self, prompt: Prompt, options: GenerateOptions) -> Generated | Failure:
        """The text; where a schema is asked for, with one more try that is told what was wrong."""
        messages = [{"role": "system", "content": prompt.system}] if prompt.system else []
        messages.append({"role": "user", "content": asked_for(self._data(prompt.text), prompt.schema)})
        said = self._say(messages, options)
        if prompt.schema is None:
            return Generated(said.text, None, said.tokens, self.model())
        try:
            return Generated(said.text, schemas.read(said.text, prompt.schema), said.tokens, self.model())
        except schemas.WrongAnswer as error:
            messages.append({"role": "assistant", "content": self._data(said.text)})
            messages.append({"role": "user", "content": self._data(repaired(str(error)))})
        again = self._say(messages, options)
        try:
            data = schemas.read(again.text, prompt.schema)
        except schemas.WrongAnswer as error:
            return Failure("internal", f"The model did not answer in the form asked for. {error}", retryable=False)
        return Generated(again.text, data, said.tokens + again.tokens, self.model())

    def _say(self, messages: list[dict[str, str]], options: GenerateOptions) -> _Said:
        import torch

        whole = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        asked = self._tokenizer(whole, return_tensors="pt", add_special_tokens=False).to(self._device)
        length = asked["input_ids"].shape[1]
        most = min(self.window, getattr(self._model.config, "max_position_embeddings", None) or self.window)
        if length + options.max_tokens > most:
            counted = f"{length} tokens and {options.max_tokens} to come, of {most}"
            raise BadItem(f"This prompt is too long: {counted}. Shorten it, or raise the option window.")
        how: dict[str, Any] = {"do_sample": options.temperature > 0}
        if options.temperature > 0:
            how["temperature"] = options.temperature
        if options.stop:
            how |= {"stop_strings": list(options.stop), "tokenizer": self._tokenizer}
        devices = [self._device] if self._device == "cuda" else []
        with engine.inference(), torch.random.fork_rng(devices):
            torch.manual_seed(int.from_bytes(hashlib.blake2b(whole.encode(errors="replace"), digest_size=7).digest()))
            written = self._model.generate(
                **asked, max_new_tokens=options.max_tokens, pad_token_id=self._tokenizer.pad_token_id, **how
            )[0, length:]
        text = self._tokenizer.decode(written, skip_special_tokens=True)
        for stop in options.stop:
            text = text.partition(stop)[0]
        return _Said(visible(text).strip(), len(written))

    def _data(self, text: str) -> str:
        """Without the marks by which the model tells who speaks: data may not speak as somebody else."""
        marks = [mark for mark in self._tokenizer.get_added_vocab() if mark.strip()]  # spaces speak as nobody
        while any(mark in text for mark in marks):
            for mark in marks:
                text = text.replace(mark, " ")
        return text


def asked_for(text: str, schema: schemas.Schema | None) -> str:
    """What is said to the model to have its answer in this form."""
    if schema is None:
        return text
    form = schemas.as_text(schema)
    return f"{text}\n\nAnswer with JSON only, no other words. It must meet this JSON schema:\n{form}"


def repaired(error: str) -> str:
    return f"{error} Answer again with the whole corrected JSON only."
