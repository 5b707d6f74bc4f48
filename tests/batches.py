"""A batch as a step gets it, without the pipeline around it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import transaction

from apps.library.batch import Batch, Item
from apps.library.models import Asset


def batch_of(*assets: Asset) -> Batch:
    return Batch(items=[Item(asset) for asset in assets], begin_commit=_begin)


@contextmanager
def _begin(batch: Batch) -> Iterator[Sequence[Item]]:
    with transaction.atomic():
        yield batch.remaining
