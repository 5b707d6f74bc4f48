"""BLIP-2: a sentence about a picture, or the answer to a question about it, by a model of this machine."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

import numpy as np

from ..backend import Backend
from ..devices import Device
from ..engines import torch as engine
from ..engines import writers
from ..options import BatchSize, Between, Megabytes, Threads
from ..plain import sentence, without_marks
from ..results import Answer, Description, Failure, ModelName
from ..roles import AnswerOptions, CaptionOptions, Picture, Question
from ..weights import folder

Item = TypeVar("Item")
Options = TypeVar("Options")
Result = TypeVar("Result")

_TOKENS_A_WORD = 2
_LONGEST_QUESTION = 300


@dataclass(frozen=True)
class _Asked:
    """What the processor made of pictures and words, and how many words may come back."""

    inputs: Any
    words: int


@dataclass(frozen=True)
class _Said:
    texts: list[str]
    words: int


@dataclass
class _Blip2(Backend[Item, Options, _Asked, _Said, Result]):
    """`bits`: 8 or 4 with bitsandbytes on a graphics card of NVIDIA (not run so far), else `numbers`: "auto" (two bytes
    each), "float32", "float16" or "bfloat16"."""

    weights: str = "blip2-opt-2.7b"
    numbers: str = "auto"
    bits: Annotated[int, Between(4, 32)] = 8
    threads: Threads = 1
    batch_size: BatchSize = 8
    memory_mb: Megabytes = 8000
    idle_seconds: Annotated[int, Between(0, 86_400)] = 300
    _model: Any = field(default=None, init=False, repr=False)
    _processor: Any = field(default=None, init=False, repr=False)
    _device: Device = field(default="cpu", init=False, repr=False)

    def model(self) -> ModelName:
        return ModelName(self.weights.rpartition("/")[2], "1")

    def dtype(self) -> str:
        # Of the part that writes: a small one in the middle always keeps its full numbers.
        return self.numbers if self._model is None else str(self._model.language_model.dtype).removeprefix("torch.")

    def missing_weights(self) -> str | None:
        return writers.missing_files(self.weights)

    def load(self, device: Device | None) -> Device:
        engine.ensure_torchvision()
        from transformers import Blip2ForConditionalGeneration, Blip2Processor

        engine.set_threads(self.threads)
        self._device = engine.device_for(device)
        with writers.reading(self.weights):
            processor = Blip2Processor.from_pretrained(folder(self.weights), local_files_only=True)
        kind, numbers, bits = Blip2ForConditionalGeneration, self.numbers, self.bits
        model = writers.load(kind, self.weights, self._device, numbers=numbers, bits=bits)
        # Folders of older days name neither: without them the picture would not reach the words.
        processor.num_query_tokens = processor.num_query_tokens or model.config.num_query_tokens
        processor.tokenizer.padding_side = "left"  # what is written goes on where the words end
        self._model, self._processor = model, processor
        return self._device

    def unload(self) -> None:
        self._model = self._processor = None
        engine.free(self._device)

    def _asked(self, pictures: Sequence[Picture], texts: Sequence[str], words: int) -> _Asked:
        # Said, not guessed: of a picture three pixels high the channels would be taken to come first.
        inputs = self._processor(
            images=[np.array(picture) for picture in pictures],  # torch takes no views that run backwards
            text=list(texts),
            padding=True,
            return_tensors="pt",
            input_data_format="channels_last",
        )
        return _Asked(inputs, words)

    def infer(self, batch: _Asked) -> _Said:
        with engine.inference():
            inputs = batch.inputs.to(self._device, self._model.dtype)
            written = self._model.generate(**inputs, max_new_tokens=batch.words * _TOKENS_A_WORD, do_sample=False)
        # The prompt, pictures and all, comes back before the answer.
        answers = written[:, inputs["input_ids"].shape[1] :]
        return _Said(self._processor.batch_decode(answers, skip_special_tokens=True), batch.words)


@dataclass
class Blip2Captioner(_Blip2[Picture, CaptionOptions, Description]):
    def prepare(self, items: Sequence[Picture], options: CaptionOptions) -> _Asked:
        return self._asked(items, [asked(None)] * len(items), options.max_words)

    def finish(self, raw: _Said) -> list[Description | Failure]:
        captions = [sentence(text, words=raw.words) for text in raw.texts]
        return [Description(caption, None, (), (), self.model()) if caption else _SILENT for caption in captions]


@dataclass
class Blip2Answerer(_Blip2[Question, AnswerOptions, Answer]):
    def prepare(self, items: Sequence[Question], options: AnswerOptions) -> _Asked:
        texts = [asked(self._data(question.text)) for question in items]
        return self._asked([question.picture for question in items], texts, options.max_words)

    def finish(self, raw: _Said) -> list[Answer | Failure]:
        answers = [sentence(text, words=raw.words) for text in raw.texts]
        return [Answer(answer, self.model()) if answer else _SILENT for answer in answers]

    def _data(self, question: str) -> str:
        """Without the marks that stand for a picture or an end, and not too long for the model."""
        question = without_marks(question)
        for mark in self._processor.tokenizer.get_added_vocab():
            question = question.replace(mark, " ")
        return sentence(question, letters=_LONGEST_QUESTION)


_SILENT = Failure("internal", "The model said nothing about this picture.", retryable=False)


def asked(question: str | None) -> str:
    """The words that the model was trained to go on from; none for a caption."""
    return "" if question is None else f"Question: {question} Answer:"
