from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from apps.accounts.scope import Scope
from apps.library.models import Asset, Change, Library
from apps.reading.models import TextSegment
from apps.search import indexing
from apps.tagging.models import AssetTag
from apps.tagging.steps import tag_ids

START = datetime(2024, 1, 1, 12, tzinfo=UTC)

MakeAsset = Callable[..., Asset]


@pytest.fixture
def library(db: None) -> Library:
    return Library.objects.create(name="Alice's", kind=Library.Kind.PERSONAL)


@pytest.fixture
def other_library(db: None) -> Library:
    return Library.objects.create(name="Charlie's", kind=Library.Kind.PERSONAL)


@pytest.fixture
def alice(library: Library) -> Scope:
    return Scope(1, readable=frozenset([library.pk]))


@pytest.fixture
def charlie(other_library: Library) -> Scope:
    return Scope(2, readable=frozenset([other_library.pk]))


@pytest.fixture
def make_asset(library: Library) -> MakeAsset:
    """An asset as the steps leave it, findable at once. Each is a day newer than the one before."""
    days = count()

    def make(
        name: str = "IMG_1.jpg",
        *,
        text: str = "",
        tags: tuple[str, ...] = (),
        shelf: Library = library,
        **facts: Any,
    ) -> Asset:
        facts.setdefault("sort_at", START + timedelta(days=next(days)))
        asset = Asset.objects.create(library=shelf, name=name, **facts)
        for position, line in enumerate(text.splitlines()):
            TextSegment.objects.create(asset=asset, kind="ocr", position=position, text=line, score=1.0, model="fake")
        ids = tag_ids([(tag.split(":")[0], tag.split(":")[1]) for tag in tags])
        AssetTag.objects.bulk_create(AssetTag(asset=asset, tag_id=tag_id, source="facts") for tag_id in ids.values())
        Change.objects.create(asset=asset)
        indexing.refresh()
        return asset

    return make
