"""Glad, sorry or neither: a small head over MiniLM's vectors, for English. What it learnt: `ml.sentiment`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from ..backend import Backend, BadItem, NotInstalled
from ..devices import Device
from ..options import BatchSize, Between, Megabytes, Share, Threads
from ..results import ModelName, Numbers, Sentiment
from ..roles import SentimentOptions
from ..sentences import SentenceModel, missing
from ..sentiment import ANCHOR, LABELS, Head, is_english
from .minilm import memory_mb_of

_OWN = "en"
_ALIKE = 0.99


@dataclass(frozen=True)
class _Texts:
    """Tokens of each text; None for one that is not English."""

    rows: list[list[int] | None]


@dataclass
class MinilmSentiment(Backend[str, SentimentOptions, _Texts, list[Numbers | None], Sentiment]):
    """Of a long text the first 256 tokens count: what is said in an hour is asked about sentence by sentence.

    Another language than English is "unknown", be it named or seen. `unsure`: a likelihood below it is "neutral".

    Graded on 60 sentences that it never saw: 98 % right; by fives on the 180 that it learnt from: 92 %
    (tools/learn_sentiment.py). One hand wrote them all; irony and mixed feelings are beyond it.
    """

    weights: str = "all-MiniLM-L6-v2"
    unsure: Share = 0.4
    threads: Threads = 1
    tokens_at_once: Annotated[int, Between(1, 1_000_000)] = 1024
    batch_size: BatchSize = 32
    memory_mb: Megabytes = 0
    _model: SentenceModel | None = field(default=None, init=False, repr=False)
    _head: Head | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.memory_mb = self.memory_mb or memory_mb_of(self.weights, "fp32")

    def model(self) -> ModelName:
        # The version is raised when the same sentence would be judged otherwise.
        return ModelName("minilm-sentiment", "1")

    def missing_weights(self) -> str | None:
        return missing(self.weights, "fp32")

    def load(self, device: Device | None) -> Device:
        model, head = SentenceModel(self.weights, "fp32", device=device, threads=self.threads), Head.read()
        (row,) = model.tokens([ANCHOR])
        anchor = _unit(model([row or []], at_once=1))[0]
        if len(anchor) != len(head.anchor) or float(anchor @ head.anchor) < _ALIKE:
            raise NotInstalled(f"{self.weights} is not what sentiment was learnt on: set weights to all-MiniLM-L6-v2.")
        self._model, self._head = model, head
        return model.device

    def unload(self) -> None:
        self._model = self._head = None

    def prepare(self, items: Sequence[str], options: SentimentOptions) -> _Texts:
        if self._model is None:
            raise RuntimeError("The model is not loaded.")
        rows = self._model.tokens(items)
        if None in rows:
            raise BadItem("There is nothing to read in this text.")
        told = options.language.lower().partition("-")[0] if options.language else None
        known = [
            told == _OWN if told else row is not None and is_english(text, self._model.pieces(row))
            for text, row in zip(items, rows, strict=True)
        ]
        return _Texts([row if own else None for row, own in zip(rows, known, strict=True)])

    def infer(self, batch: _Texts) -> list[Numbers | None]:
        """The likelihood of each label; None for what is not judged."""
        if self._model is None or self._head is None:
            raise RuntimeError("The model is not loaded.")
        asked = [row for row in batch.rows if row is not None]
        if not asked:
            return [None] * len(batch.rows)
        likely = iter(self._head(_unit(self._model(asked, at_once=self.tokens_at_once))))
        return [None if row is None else next(likely) for row in batch.rows]

    def finish(self, raw: list[Numbers | None]) -> list[Sentiment]:
        return [self._judged(likely) for likely in raw]

    def _judged(self, likely: Numbers | None) -> Sentiment:
        if likely is None:
            return Sentiment("unknown", 0.0, self.model())
        best = int(likely.argmax())
        best = best if likely[best] >= self.unsure else LABELS.index("neutral")
        return Sentiment(LABELS[best], round(float(likely[best]), 4), self.model())


def _unit(rows: Numbers) -> Numbers:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12), np.float32)
