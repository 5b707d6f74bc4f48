"""A few letters are enough to see what there is, with how many, and only of what one may see."""

import pytest
from django.http import QueryDict

from apps.accounts.scope import Scope
from apps.library.models import Library
from apps.search.query import Query
from apps.search.services import count, facets, suggest
from tests.search.conftest import MakeAsset

pytestmark = pytest.mark.django_db


def offered(scope: Scope, prefix: str) -> list[tuple[str, str, int]]:
    return [(each.kind, each.label, each.count) for each in suggest(scope, prefix)]


def test_each_kind_is_offered_under_its_own_name(make_asset: MakeAsset, alice: Scope) -> None:
    make_asset(
        "sonnenbad.jpg",
        keywords=["Sonne und Meer"],
        text="Sonderangebot",
        tags=("mood:sonny_side",),
        city="Sonthofen",
        camera_make="SONY",
        camera_model="DSC-H9",
    )
    assert set(offered(alice, "so")) == {
        ("tag", "mood:sonny_side", 1),
        ("place", "Sonthofen", 1),
        ("camera", "SONY DSC-H9", 1),
        ("keyword", "Sonne und Meer", 1),
        ("word", "sonderangebot", 1),
        ("name", "sonnenbad", 1),
    }


def test_a_label_is_offered_from_the_beginning_of_each_of_its_words(make_asset: MakeAsset, alice: Scope) -> None:
    make_asset(camera_make="Canon", camera_model="Canon EOS 5D")
    for prefix in ("can", "eos", "5d", "canon e", "Canon EOS 5"):
        assert offered(alice, prefix) == [("camera", "Canon EOS 5D", 1)]


def test_the_same_name_in_two_families_is_two_tags(make_asset: MakeAsset, alice: Scope) -> None:
    make_asset(tags=("format:portrait", "objects:portrait"))
    assert {label for _kind, label, _count in offered(alice, "port")} == {"format:portrait", "objects:portrait"}


def test_what_is_offered_finds_exactly_so_many_or_for_words_at_least(make_asset: MakeAsset, alice: Scope) -> None:
    make_asset("beach.jpg", city="Beacon", country="US", tags=("scene:beach",), keywords=["Beach bar"])
    make_asset("beach 2.jpg", city="Beacon", country="US", camera_make="Beam", camera_model="B2", text="beach beacon")
    for each in [*suggest(alice, "bea"), *suggest(alice, "uni"), *facets(alice).tags, *facets(alice).places]:
        found = count(alice, Query.from_params(QueryDict(each.params)))
        assert found == each.count if each.kind in ("tag", "place", "camera") else found >= each.count, each


def test_the_words_before_the_last_one_stay(make_asset: MakeAsset, alice: Scope) -> None:
    make_asset("beach sunset.jpg")
    assert offered(alice, "beach sun") == [("name", "beach sunset", 1)]


def test_a_place_is_not_offered_as_a_tag_again(make_asset: MakeAsset, alice: Scope) -> None:
    make_asset(city="Nice", tags=("location:Nice",))
    assert offered(alice, "nic") == [("place", "Nice", 1)]


def test_counts_of_several_libraries_are_added(make_asset: MakeAsset, library: Library, other_library: Library) -> None:
    make_asset(city="Nice")
    make_asset(city="Nice", shelf=other_library)
    both = Scope(1, readable=frozenset([library.pk, other_library.pk]))
    assert offered(both, "nic") == [("place", "Nice", 2)]
    assert [(each.label, each.count) for each in facets(both).places] == [("Nice", 2)]


def test_a_stranger_is_offered_nothing(make_asset: MakeAsset, charlie: Scope) -> None:
    make_asset("canary.jpg", text="canary", city="Canary", tags=("mood:canary",))
    assert suggest(charlie, "can") == []
    assert facets(charlie).tags == ()


@pytest.mark.parametrize("prefix", ["", " ", "%", "_", "\\", "'", "\x1f", "="])
def test_signs_offer_nothing(make_asset: MakeAsset, alice: Scope, prefix: str) -> None:
    make_asset("beach.jpg", city="Nice")
    assert suggest(alice, prefix) == []


def test_numbers_and_scraps_are_not_offered(make_asset: MakeAsset, alice: Scope) -> None:
    make_asset("IMG_20240131.jpg", text="12,50 ab 7x")
    assert [label for _kind, label, _count in [*offered(alice, "2"), *offered(alice, "ab"), *offered(alice, "im")]] == [
        "img"
    ]
