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
class PictureMemory:
    """The decoded pictures that the steps of one walk share, up to a cap."""

    cap: int = 512 * 1024 * 1024
    held: int = 0
    pictures: dict[int, tuple[int, Picture]] = field(default_factory=dict)

    def find(self, asset_id: int, side: int) -> Picture | None:
        known = self.pictures.get(asset_id)
        return known[1] if known and known[0] >= side else None

    def keep(self, asset_id: int, side: int, picture: Picture) -> None:
        if self.held + picture.nbytes <= self.cap:
            self.pictures[asset_id] = (side, picture)
            self.held += picture.nbytes


@dataclass
class Batch:
    """`begin_commit` is given by the pipeline: it opens one short transaction, locks what is still ours, and on leaving
    writes how every item went."""

    items: Sequence[Item]
    begin_commit: "Callable[[Batch], AbstractContextManager[Sequence[Item]]]"
    model: str = ""  # the model the results were made with; rows made with another one are not written
    beat: Callable[[], None] = lambda: None  # still alive: call it in long loops, it renews the lease
    decoded: PictureMemory = field(default_factory=PictureMemory)
    failures: dict[int, StepFailure] = field(default_factory=dict)

    @property
    def alone(self) -> bool:
        return len(self.items) == 1

    @property
    def remaining(self) -> list[Item]:
        """The items that have not failed."""
        return [item for item in self.items if item.asset.pk not in self.failures]

    def fail(self, item: Item, failure: StepFailure) -> None:
        self.failures[item.asset.pk] = failure

    def pictures(self, side: int, items: Sequence[Item] | None = None) -> Iterator[tuple[Item, Picture]]:
        """The remaining items (or some of them) with their decoded renditions, at least `side` pixels where there is
        one that large. Each is decoded once for all steps of the batch, as far as memory allows. What cannot be read
        has failed."""
        wanted = [item for item in (self.items if items is None else items) if item.asset.pk not in self.failures]
        renditions: dict[int, list[Rendition]] = {}
        for rendition in Rendition.objects.filter(asset__in=[item.asset.pk for item in wanted]):
            renditions.setdefault(rendition.asset_id, []).append(rendition)
        for item in wanted:
            picture = self._picture(item, side, renditions.get(item.asset.pk, []))
            if picture is not None:
                yield item, picture

    def _picture(self, item: Item, side: int, renditions: list[Rendition]) -> Picture | None:
        known = self.decoded.find(item.asset.pk, side)
        if known is not None:
            return known
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
        self.decoded.keep(item.asset.pk, side, picture)
        return picture

    @contextmanager
    def commit(self) -> Iterator[Sequence[Item]]:
        """`with batch.commit() as items:` write the rows of these items, and only of these, in bulk and quickly."""
        with self.begin_commit(self) as items:
            yield items


def _side(rendition: Rendition) -> int:
    return max(rendition.width, rendition.height)
