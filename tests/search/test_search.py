"""What is on a picture is found by it, by those who may see it, in the order that was asked for."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest

from apps.accounts.scope import NOBODY, Scope
from apps.duplicates.models import DuplicatePair
from apps.library.models import Asset, Library
from apps.library.paging import BadCursor
from apps.search.query import Query
from apps.search.services import Month, count, matching, months, search
from tests.search.conftest import MakeAsset

pytestmark = pytest.mark.django_db


def found(scope: Scope, query: Query | str) -> list[Asset]:
    asked = Query(text=query) if isinstance(query, str) else query
    return [hit.asset for hit in search(scope, asked).items]


def why(scope: Scope, text: str) -> Sequence[str]:
    [hit] = search(scope, Query(text=text)).items
    return hit.why


def test_each_kind_of_word_is_found_and_says_where(make_asset: MakeAsset, alice: Scope) -> None:
    make_asset(
        "IMG_2024-strand.jpg",
        title="Sommerabend",
        description="Ein langer Tag",
        keywords=["Urlaub am Meer"],
        text="Eis 2,50\nRechnung",
        tags=("temporal:golden_hour",),
        city="Köln",
        region="Nordrhein-Westfalen",
        country="DE",
        camera_make="NIKON CORPORATION",
        camera_model="NIKON D70",
    )
    make_asset("other.jpg")
    assert why(alice, "strand") == ("name",)
    assert why(alice, "sommer") == ("title",)
    assert why(alice, "langer") == ("description",)
    assert why(alice, "meer") == ("keyword",)
    assert why(alice, "rechnung") == ("text",)
    assert why(alice, "golden hour") == ("tag",)
    assert why(alice, "koln") == ("place",)
    assert why(alice, "germany") == ("place",)
    assert why(alice, "d70") == ("camera",)
    assert why(alice, "strand eis") == ("name", "text")


def test_a_phrase_stays_within_one_text(make_asset: MakeAsset, alice: Scope) -> None:
    both = make_asset(title="red", text="car park")
    phrase = make_asset(title="the red car")
    assert found(alice, '"red car"') == [phrase]
    assert found(alice, "red car") == [phrase, both]


def test_minus_and_or(make_asset: MakeAsset, alice: Scope) -> None:
    cat, dog, pair = make_asset("cat.jpg"), make_asset("dog.jpg"), make_asset("cat dog.jpg")
    assert found(alice, "cat -dog") == [cat]
    assert found(alice, "cat or dog") == [pair, dog, cat]


@pytest.mark.parametrize("text", ["!!!", "' & |", "\\", "<->", "=place berlin", ":*", "\x00"])
def test_signs_are_no_words_and_no_commands(make_asset: MakeAsset, alice: Scope, text: str) -> None:
    make_asset("a.jpg", city="Hamburg")
    assert found(alice, text) == []


@pytest.mark.parametrize("text", ["!!!", "\N{CAMERA}", '"', "-"])
def test_signs_find_nothing_in_several_libraries_either(
    make_asset: MakeAsset, library: Library, other_library: Library, text: str
) -> None:
    make_asset("a.jpg")
    make_asset("b.jpg", shelf=other_library)
    both = Scope(1, readable=frozenset([library.pk, other_library.pk]))
    assert len(found(both, "")) == 2
    assert found(both, text) == []
    assert found(both, Query(text=text, order="best")) == []


def test_filters_narrow_together(make_asset: MakeAsset, alice: Scope) -> None:
    mine = make_asset(
        "beach.jpg",
        city="Nice",
        country="FR",
        camera_make="Canon",
        camera_model="Canon EOS 5D",
        tags=("temporal:summer", "format:portrait"),
    )
    make_asset("beach.jpg", city="Lyon", country="FR", camera_make="Canon", camera_model="Canon EOS 6D")
    assert found(alice, Query(place="nice")) == [mine]
    assert len(found(alice, Query(place="France"))) == 2
    assert len(found(alice, Query(camera="Canon"))) == 2
    assert found(alice, Query(camera="Canon EOS 5D", text="beach")) == [mine]
    assert found(alice, Query(tags=("temporal:summer", "format:portrait"))) == [mine]
    assert found(alice, Query(tags=("temporal:summer", "mood:calm"))) == []
    assert found(alice, Query(place="Nic")) == []
    assert found(alice, Query(kind="photo", place="Nice")) == [mine]


def test_a_day_is_the_day_that_the_clock_on_the_wall_said(
    make_asset: MakeAsset, alice: Scope, settings: object
) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"  # type: ignore[attr-defined]
    late = make_asset(sort_at=datetime(2024, 5, 31, 23, 59, tzinfo=UTC))
    early = make_asset(sort_at=datetime(2024, 6, 1, tzinfo=UTC))
    assert found(alice, Query(taken_to=date(2024, 5, 31))) == [late]
    assert found(alice, Query(taken_from=date(2024, 6, 1))) == [early]
    assert months(alice, Query()) == [Month(2024, 6, 1), Month(2024, 5, 1)]


def test_months_count_what_matches(make_asset: MakeAsset, alice: Scope) -> None:
    for month in (1, 1, 3):
        make_asset("x.jpg" if month == 3 else "y.jpg", sort_at=datetime(2024, month, 5, tzinfo=UTC))
    assert months(alice, Query()) == [Month(2024, 3, 1), Month(2024, 1, 2)]
    assert months(alice, Query(text="y")) == [Month(2024, 1, 2)]


def test_duplicates_can_be_hidden(make_asset: MakeAsset, alice: Scope) -> None:
    small, large = make_asset("small.jpg", width=10, height=10), make_asset("large.jpg", width=90, height=90)
    DuplicatePair.objects.create(first=small, second=large, distance=0)
    assert found(alice, Query(duplicates="hide")) == [large]
    assert count(alice, Query(duplicates="hide")) == 1


def test_counting_ends_at_its_cap(make_asset: MakeAsset, alice: Scope) -> None:
    for _ in range(4):
        make_asset()
    assert (count(alice, Query()), count(alice, Query(), cap=3)) == (4, 3)


@pytest.mark.parametrize("order", ["newest", "best"])
def test_pages_hold_everything_once_forwards_and_backwards(make_asset: MakeAsset, alice: Scope, order: str) -> None:
    made = [make_asset("beach.jpg", title="beach " * (number % 3)) for number in range(7)]
    query = Query(text="beach", order="best" if order == "best" else "newest")
    pages = [search(alice, query, size=3)]
    while pages[-1].next:
        pages.append(search(alice, query, pages[-1].next, size=3))
    ids = [hit.asset.pk for page in pages for hit in page.items]
    assert sorted(ids) == [asset.pk for asset in made]
    assert len(pages) == 3
    back = search(alice, query, pages[2].previous, size=3)
    assert [hit.asset for hit in back.items] == [hit.asset for hit in pages[1].items]


def test_the_best_match_comes_first(make_asset: MakeAsset, alice: Scope) -> None:
    titled = make_asset(title="Beach at the beach")
    read = make_asset(text="a receipt from a beach bar")
    assert found(alice, Query(text="beach")) == [read, titled]
    assert found(alice, Query(text="beach", order="best")) == [titled, read]
    assert found(alice, Query(order="best")) == [read, titled]  # without words there is no best


def test_several_libraries_are_one_timeline(make_asset: MakeAsset, library: Library, other_library: Library) -> None:
    both = Scope(1, readable=frozenset([library.pk, other_library.pk]))
    made = [make_asset(shelf=library if number % 2 else other_library) for number in range(6)]
    pages = [search(both, Query(), size=4)]
    pages.append(search(both, Query(), pages[0].next, size=4))
    assert [hit.asset for page in pages for hit in page.items] == made[::-1]
    assert found(both, Query(libraries=(library.pk,))) == [made[5], made[3], made[1]]
    assert found(both, Query(text="img", order="best"))


def test_a_stranger_finds_nothing_by_any_way(make_asset: MakeAsset, charlie: Scope, library: Library) -> None:
    make_asset("canary.jpg", text="canary", city="Canaryville", tags=("mood:canary",), camera_model="Canary 1")
    for query in (
        Query(),
        Query(text="canary"),
        Query(text="canary", order="best"),
        Query(text="-nothing"),
        Query(place="Canaryville"),
        Query(camera="Canary 1"),
        Query(tags=("mood:canary",)),
        Query(libraries=(library.pk,)),
    ):
        for scope in (charlie, NOBODY):
            assert found(scope, query) == []
            assert count(scope, query) == 0
            assert months(scope, query) == []


def test_a_cursor_of_nobodys_making_is_refused(make_asset: MakeAsset, alice: Scope) -> None:
    for order in ("newest", "best"):
        with pytest.raises(BadCursor):
            search(alice, Query(text="x", order="best" if order == "best" else "newest"), "nonsense")


def test_the_filter_can_be_narrowed_further(make_asset: MakeAsset, alice: Scope) -> None:
    mine = make_asset("a.jpg", rating=5)
    make_asset("a.jpg", rating=1)
    assert list(matching(alice, Query(text="a")).filter(rating=5)) == [mine]
