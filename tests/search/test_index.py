"""Documents follow the changes, and the terms of a library are counted exactly."""

import threading
from collections import Counter

import pytest
from django.db import connection, transaction

from apps.accounts.scope import Scope
from apps.library.models import Asset, Change, Library
from apps.reading.models import TextSegment
from apps.search import indexing
from apps.search.models import SearchDocument, Term
from apps.search.query import Query
from apps.search.services import search, version
from tests.search.conftest import MakeAsset


def terms(library: Library) -> dict[str, int]:
    return {f"{term.kind}:{term.folded}": term.count for term in Term.objects.filter(library=library)}


@pytest.mark.django_db
def test_a_change_is_read_once_and_gone(make_asset: MakeAsset) -> None:
    asset = make_asset("beach.jpg")
    assert not Change.objects.exists()
    assert SearchDocument.objects.get().asset == asset
    assert indexing.refresh() == 0


@pytest.mark.django_db
def test_terms_are_counted_up_and_down(make_asset: MakeAsset, library: Library) -> None:
    first = make_asset("beach.jpg")
    make_asset("beach.jpg")
    assert terms(library) == {"name:beach": 2}
    Asset.objects.filter(pk=first.pk).update(name="forest.jpg")
    Change.objects.create(asset=first)
    indexing.refresh()
    assert terms(library) == {"name:beach": 1, "name:forest": 1}


@pytest.mark.django_db
def test_an_asset_that_moves_takes_its_terms_along(
    make_asset: MakeAsset, library: Library, other_library: Library
) -> None:
    asset = make_asset("beach.jpg")
    Asset.objects.filter(pk=asset.pk).update(library=other_library)
    Change.objects.create(asset=asset)
    indexing.refresh()
    assert (terms(library), terms(other_library)) == ({}, {"name:beach": 1})


@pytest.mark.django_db
def test_a_document_that_stays_the_same_is_not_written_again(make_asset: MakeAsset) -> None:
    asset = make_asset("beach.jpg")

    def place() -> object:
        with connection.cursor() as cursor:
            cursor.execute("SELECT ctid::text FROM search_searchdocument")
            return cursor.fetchone()[0]

    before = place()
    Change.objects.create(asset=asset)
    assert indexing.refresh() == 1
    assert place() == before


@pytest.mark.django_db
def test_a_huge_text_makes_a_document_all_the_same(make_asset: MakeAsset, alice: Scope) -> None:
    text = "\n".join(f"w{number} same same x{'y' * 500} ' \\ : , ::" for number in range(4000))
    asset = make_asset(text=text)
    for word in ("w3999", "same", "w17"):
        assert [hit.asset for hit in search(alice, Query(text=word)).items] == [asset]


@pytest.mark.django_db
def test_everything_can_be_rebuilt(make_asset: MakeAsset, library: Library) -> None:
    for name in ("beach.jpg", "beach sun.jpg", "forest.jpg"):
        make_asset(name, city="Nice")
    documents, counted = list(SearchDocument.objects.order_by("asset").values()), terms(library)
    SearchDocument.objects.all().delete()
    Term.objects.update(count=7)
    Term.objects.create(library=library, kind="word", folded="ghost", label="ghost", count=1)
    assert indexing.rebuild_all() == 3
    assert list(SearchDocument.objects.order_by("asset").values()) == documents
    assert terms(library) == counted


@pytest.mark.django_db(transaction=True)
def test_the_version_rises_when_something_can_be_found_that_could_not(make_asset: MakeAsset) -> None:
    before = version()
    make_asset("beach.jpg")
    assert version() > before
    before = version()
    indexing.refresh()
    assert version() == before


@pytest.mark.django_db(transaction=True)
def test_changes_that_somebody_else_reads_are_passed_over(make_asset: MakeAsset) -> None:
    asset = make_asset()
    Change.objects.create(asset=asset)
    taken, may_go_on = threading.Event(), threading.Event()

    def read() -> None:
        with transaction.atomic():
            list(Change.objects.select_for_update())
            taken.set()
            may_go_on.wait(10)
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    assert taken.wait(10)
    assert indexing.refresh() == 0
    may_go_on.set()
    reader.join()
    assert indexing.refresh() == 1


@pytest.mark.django_db(transaction=True)
def test_many_readers_at_once_lose_nothing_and_count_exactly(library: Library, other_library: Library) -> None:
    shelves = (library, other_library)
    assets = [Asset.objects.create(library=shelves[n % 2], name=f"beach w{n % 5}word.jpg") for n in range(120)]
    Change.objects.bulk_create(Change(asset=asset) for asset in assets for _ in range(3))
    errors: list[BaseException] = []

    def work(text: str) -> None:
        try:
            for asset in assets[::7]:
                TextSegment.objects.create(
                    asset=asset, kind="ocr", position=hash(text) % 1000, text=text, score=1.0, model="fake"
                )
                Change.objects.create(asset=asset)
                indexing.refresh(limit=10)
            while indexing.refresh(limit=25):
                pass
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test must hear of it
            errors.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=(text,)) for text in ("alpha", "beta", "gamma")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []
    assert not Change.objects.exists()
    counted = Counter[tuple[int, str]]()
    for document in SearchDocument.objects.all():
        counted.update((document.library_id, term) for term in document.terms)
    assert {(t.library_id, f"{t.kind}:{t.folded}"): t.count for t in Term.objects.all()} == dict(counted)
    marked = Term.objects.filter(folded="beta")
    assert sum(term.count for term in marked) == len(assets[::7])
