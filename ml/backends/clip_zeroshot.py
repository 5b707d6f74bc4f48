"""Tags by meaning: a picture's vector against the vectors of 4,585 names, one product for a whole batch. No pixels.

`python -m ml models calibrate` prepares the names once and measures thresholds on a household's own pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from ..backend import Backend, BadItem
from ..devices import Device
from ..options import BatchSize, Between, Megabytes
from ..results import ModelName, Numbers, Tag, Tags
from ..roles import Seen, TagOptions
from ..towers import space_of
from ..vocabulary import TagVectors, Vocabulary, measured, missing, read_vectors


@dataclass(frozen=True)
class _Batch:
    vectors: Numbers
    options: TagOptions


@dataclass(frozen=True)
class _Scores:
    """Cosines and thresholds, pictures x tags."""

    scores: Numbers
    thresholds: Numbers
    options: TagOptions


@dataclass
class ClipZeroShot(Backend[Seen, TagOptions, _Batch, _Scores, Tags]):
    """`weights` and `precision` name the space of the vectors that it takes, `vocabulary` the list of names.

    Without measured thresholds a picture gets the few tags that stand out by `outstanding` standard deviations from
    all others of the same picture, at most `unmeasured_at_most`, and they are marked as not calibrated. `sharpness`
    turns the distance above a threshold into a score from .5 to 1; CLIP models learn about 100.
    """

    weights: str = "ViT-B-16-SigLIP2"
    precision: str = "fp32"
    vocabulary: str = "ram_tags"
    outstanding: Annotated[float, Between(0, 100)] = 3.5
    unmeasured_at_most: Annotated[int, Between(0, 10_000)] = 10
    sharpness: Annotated[float, Between(0.01, 100_000)] = 100.0
    batch_size: BatchSize = 256
    memory_mb: Megabytes = 60
    _names: Vocabulary | None = field(default=None, init=False, repr=False)
    _tags: TagVectors | None = field(default=None, init=False, repr=False)
    _loaded_as: ModelName | None = field(default=None, init=False, repr=False)

    def model(self) -> ModelName:
        """Measuring again makes another model of it: the same picture may get other tags."""
        if self._loaded_as:
            return self._loaded_as
        found = measured(self.vocabulary, self._space)
        return ModelName(f"clip_zeroshot-{self._space.replace('/', '-')}", found.digest if found else "uncalibrated")

    def missing_weights(self) -> str | None:
        return missing(self.vocabulary, self._space)

    def load(self, device: Device | None) -> Device:
        self._names = Vocabulary.read(self.vocabulary)
        self._tags = read_vectors(self.vocabulary, self._space)
        self._loaded_as = self.model()
        return "cpu"

    def unload(self) -> None:
        self._names = self._tags = self._loaded_as = None

    def prepare(self, items: Sequence[Seen], options: TagOptions) -> _Batch:
        for item in items:
            if item.vector is None:
                raise BadItem("This picture has no vector yet: let the image embedder see it first.")
            if item.vector.space != self._space:
                raise BadItem(f"This vector is of {item.vector.space}; the tags are of {self._space}. Embed it again.")
        return _Batch(np.stack([item.vector.values for item in items if item.vector is not None]), options)

    def infer(self, batch: _Batch) -> _Scores:
        if self._tags is None:
            raise RuntimeError("The tags are not loaded.")
        scores = batch.vectors @ self._tags.vectors.T
        if self._tags.thresholds is None:
            thresholds = scores.mean(axis=1, keepdims=True) + self.outstanding * scores.std(axis=1, keepdims=True)
        else:
            thresholds = self._tags.thresholds[None]
        return _Scores(scores, np.broadcast_to(thresholds + batch.options.stricter, scores.shape), batch.options)

    def finish(self, raw: _Scores) -> list[Tags]:
        return [self._best(scores, at, raw.options) for scores, at in zip(raw.scores, raw.thresholds, strict=True)]

    def _best(self, scores: Numbers, thresholds: Numbers, options: TagOptions) -> Tags:
        if self._tags is None or self._names is None:
            raise RuntimeError("The tags are not loaded.")
        above = scores - thresholds
        calibrated = self._tags.thresholds is not None
        at_most = options.at_most if calibrated else min(options.at_most, self.unmeasured_at_most)
        best = np.argsort(-above, kind="stable")[:at_most]
        tags = [
            Tag(
                self._names.names[index],
                round(float(1 / (1 + np.exp(-self.sharpness * above[index]))), 4),
                calibrated,
                (("zh", self._names.chinese[index]),) if self._names.chinese else (),
            )
            for index in best.tolist()
            if above[index] > 0
        ]
        return Tags(tuple(tags), self.model())

    @property
    def _space(self) -> str:
        return space_of(self.weights, self.precision)
