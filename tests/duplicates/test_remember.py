"""What a process remembers of the hashes keeps up with what others write."""

import threading
from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from apps.duplicates.hashes import KnownHashes
from apps.duplicates.models import PictureHash
from apps.library.models import Asset
from tests.duplicates.conftest import MakeAsset
from tests.run.house import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def write(asset: Asset, digit: str = "1", quality: int = 100) -> None:
    PictureHash.objects.bulk_create(
        [PictureHash(asset=asset, bits=digit * 256, quality=quality)],
        update_conflicts=True,
        unique_fields=["asset"],
        update_fields=["bits", "quality", "written_in"],
    )


@pytest.fixture
def slow_writer(make_asset: MakeAsset) -> Iterator[tuple[Asset, threading.Thread, threading.Event]]:
    """Somebody who has written a hash and not committed it yet."""
    asset, written, may_commit = make_asset(), threading.Event(), threading.Event()

    def work() -> None:
        with transaction.atomic():
            write(asset)
            written.set()
            may_commit.wait(10)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert written.wait(10)
    yield asset, thread, may_commit
    may_commit.set()
    thread.join()


def test_a_hash_that_is_committed_after_a_newer_one_is_not_missed(
    make_asset: MakeAsset, slow_writer: tuple[Asset, threading.Thread, threading.Event]
) -> None:
    slow, thread, may_commit = slow_writer
    quick = make_asset()
    write(quick)
    known = KnownHashes()
    assert (quick.pk in known.refresh(), slow.pk in known.index) == (True, False)
    may_commit.set()
    thread.join()
    assert slow.pk in known.refresh()


def test_a_hash_that_changed_replaces_the_old_one_and_a_plain_one_is_forgotten(make_asset: MakeAsset) -> None:
    asset, known = make_asset(), KnownHashes()
    write(asset)
    assert known.refresh().holds(asset.pk, b"\xff" * 32)
    write(asset, "0")
    assert known.refresh().holds(asset.pk, b"\x00" * 32)
    write(asset, "0", quality=10)
    assert asset.pk not in known.refresh()


def read_again_from(known: KnownHashes) -> int:
    return PictureHash.objects.filter(written_in__gte=known._read_from).count()


def test_only_news_are_read_again(make_asset: MakeAsset) -> None:
    known = KnownHashes()
    write(make_asset())
    known.refresh()
    write(make_asset())
    assert len(known.refresh()) == 2
    # Whatever else is written on this server at the moment holds the horizon back; it moves on when that ends.
    assert eventually(lambda: bool(known.refresh()) and not read_again_from(known))
