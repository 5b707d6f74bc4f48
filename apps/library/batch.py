"""What a step gets: a few assets to work on, their pictures, and the way to say how each one went."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from apps.library import storage
from apps.library.models import Asset, Rendition

Picture = NDArray[np.uint8]  # height x width x 3, RGB


@dataclass(frozen=True, slots=True)
class Item:
    """One asset in a batch, as it was when the batch was claimed."""

    asset: Asset


@dataclass(frozen=True, slots=True)
class StepFailure:
    """Why a step did not do one item. `deadly`: it killed, hung or bloated its process; such an item is tried again
    alone, and set aside after the third time. `transient`: worth another try by itself."""

    kind: str
    reason: str  # one sentence for the owner
    deadly: bool = False
    transient: bool = False


@dataclass
class Batch:
    """`begin_commit` is given by the pipeline: it opens one short transaction, locks what is still ours, and on leaving
    writes how every item went."""

    items: Sequence[Item]
    begin_commit: "Callable[[Batch], AbstractContextManager[Sequence[Item]]]"
    model: str = ""  # the model the results were made with; rows made with another one are not written
    beat: Callable[[], None] = lambda: None  # still alive: call it in long loops, it renews the lease
    failures: dict[int, StepFailure] = field(default_factory=dict)
    _pictures: dict[int, tuple[int, Picture]] = field(default_factory=dict)
    _held: int = 0

    PICTURE_MEMORY = 512 * 1024 * 1024

    @property
    def alone(self) -> bool:
        return len(self.items) == 1

    @property
    def remaining(self) -> list[Item]:
        """The items that have not failed."""
        return [item for item in self.items if item.asset.pk not in self.failures]

    def fail(self, item: Item, failure: StepFailure) -> None:
        self.failures[item.asset.pk] = failure

    def pictures(self, side: int) -> Iterator[tuple[Item, Picture]]:
        """The remaining items with their decoded renditions, at least `side` pixels where there is one that large.
        Each is decoded once for all steps of the batch, as far as memory allows. What cannot be read has failed."""
        renditions: dict[int, list[Rendition]] = {}
        for rendition in Rendition.objects.filter(asset__in=[item.asset.pk for item in self.remaining]):
            renditions.setdefault(rendition.asset_id, []).append(rendition)
        for item in self.remaining:
            picture = self._picture(item, side, renditions.get(item.asset.pk, []))
            if picture is not None:
                yield item, picture

    def _picture(self, item: Item, side: int, renditions: list[Rendition]) -> Picture | None:
        known = self._pictures.get(item.asset.pk)
        if known and known[0] >= side:
            return known[1]
        candidates = sorted(
            (rendition for rendition in renditions if rendition.revision == item.asset.revision),
            key=lambda rendition: (_side(rendition) < side, _side(rendition)),
        )
        if candidates and _side(candidates[0]) < side:
            candidates.reverse()  # none is large enough: the largest one
        if not candidates:
            self.fail(item, StepFailure("no_rendition", "The preview is missing. Inspect the picture again."))
            return None
        path = storage.rendition_path(item.asset.pk, item.asset.revision, candidates[0].kind)
        try:
            with Image.open(path) as image:
                picture: Picture = np.asarray(image.convert("RGB"))
        except OSError:
            self.fail(item, StepFailure("no_rendition", "The preview cannot be read. Inspect the picture again."))
            return None
        if self._held + picture.nbytes <= self.PICTURE_MEMORY:
            self._pictures[item.asset.pk] = (side, picture)
            self._held += picture.nbytes
        return picture

    @contextmanager
    def commit(self) -> Iterator[Sequence[Item]]:
        """`with batch.commit() as items:` write the rows of these items, and only of these, in bulk and quickly."""
        with self.begin_commit(self) as items:
            yield items


def _side(rendition: Rendition) -> int:
    return max(rendition.width, rendition.height)
