"""Pictures of one library that show the same become pairs, and stop being pairs when they do not any more."""

import numpy as np
import pytest
from django.conf import settings

from apps.accounts.scope import Scope
from apps.duplicates.models import DuplicatePair, PictureHash
from apps.duplicates.services import duplicates_of, hidden
from apps.duplicates.steps import find_matches, keep_hashes
from apps.library.models import Asset, Change, Inspection, Library
from media import pdq
from tests.batches import batch_of
from tests.duplicates.conftest import MakeAsset

pytestmark = pytest.mark.django_db


def find(*assets: Asset) -> None:
    keep_hashes(batch_of(*assets), None)
    find_matches(batch_of(*assets), None)


def pairs() -> list[tuple[int, int, int, int]]:
    return list(DuplicatePair.objects.order_by("id").values_list("first", "second", "distance", "form"))


def forms_of(asset: Asset) -> list[bytes]:
    return [bytes(form) for form in Inspection.objects.get(asset=asset).pdq]


def flip(form: bytes, bits: int) -> bytes:
    """The same hash with its first bits turned over."""
    number = int.from_bytes(form, "big") ^ (((1 << bits) - 1) << (256 - bits))
    return number.to_bytes(32, "big")


def distance_between(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def twin_forms(asset: Asset, distance: int) -> list[bytes]:
    return [flip(form, distance) for form in forms_of(asset)]


@pytest.mark.parametrize(("distance", "found"), [(0, True), (31, True), (32, False)])
def test_a_twin_is_found_up_to_the_threshold(make_asset: MakeAsset, distance: int, *, found: bool) -> None:
    assert settings.DUPLICATE_THRESHOLD == 31
    first = make_asset()
    second = make_asset(twin_forms(first, distance))
    find(first)
    find(second)
    assert pairs() == ([(first.pk, second.pk, distance, 0)] if found else [])


def test_two_twins_in_one_batch_are_one_pair(make_asset: MakeAsset) -> None:
    first = make_asset()
    second = make_asset(twin_forms(first, 4))
    find(first, second)
    assert pairs() == [(first.pk, second.pk, 4, 0)]


@pytest.mark.parametrize("form", range(1, 8))
def test_a_turned_or_mirrored_copy_is_found_from_both_sides(make_asset: MakeAsset, form: int) -> None:
    picture = np.random.default_rng(3).integers(0, 256, (9, 9, 3), np.uint8).repeat(20, axis=0).repeat(20, axis=1)
    turned = np.rot90(np.flipud(picture) if form > 3 else picture, form % 4)
    first, second = (
        make_asset([bytes.fromhex(form) for form in pdq.hash_forms(each).forms]) for each in (picture, turned)
    )
    find(first, second)
    [(_first, _second, distance, found)] = pairs()
    assert distance == distance_between(forms_of(second)[found], forms_of(first)[0])
    assert found != 0
    find(first)  # done again, from the other side
    assert pairs() == [(first.pk, second.pk, distance, found)]


def test_plain_pictures_match_nothing(make_asset: MakeAsset) -> None:
    first = make_asset(quality=49)
    second = make_asset(forms_of(first), quality=100)
    find(first, second)
    assert pairs() == []
    assert PictureHash.objects.get(asset=first).quality == 49


def test_the_same_picture_in_another_library_is_nobodys_business(make_asset: MakeAsset) -> None:
    mine = make_asset()
    other = make_asset(forms_of(mine), shelf=Library.objects.create(name="Charlie's", kind=Library.Kind.PERSONAL))
    find(mine, other)
    assert pairs() == []


def test_a_picture_that_changed_is_no_twin_any_more(make_asset: MakeAsset) -> None:
    first = make_asset()
    second = make_asset(forms_of(first))
    find(first, second)
    Change.objects.all().delete()
    Inspection.objects.filter(asset=second).update(pdq=forms_of(make_asset()))
    find(second)
    assert pairs() == []
    assert set(Change.objects.values_list("asset", flat=True)) == {first.pk, second.pk}


def test_both_halves_of_a_new_pair_are_noted_as_changed_and_nobody_else(make_asset: MakeAsset) -> None:
    first, alone = make_asset(), make_asset()
    find(first, alone)
    second = make_asset(forms_of(first))
    find(second)
    assert set(Change.objects.values_list("asset", flat=True)) == {first.pk, second.pk}


def test_a_deleted_picture_that_is_still_remembered_makes_no_pair(make_asset: MakeAsset) -> None:
    first = make_asset()
    second = make_asset(forms_of(first))
    find(first)
    first.delete()
    find(second)
    assert pairs() == []


def test_doing_it_again_changes_nothing(make_asset: MakeAsset) -> None:
    first = make_asset()
    second = make_asset(twin_forms(first, 2))
    find(first, second)
    before = list(DuplicatePair.objects.values())
    find(first, second)
    assert list(DuplicatePair.objects.values()) == before


def test_a_crowd_of_copies_is_kept_within_bounds(make_asset: MakeAsset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.duplicates.steps.MOST_MATCHES", 3)
    first = make_asset()
    crowd = [first, *(make_asset(forms_of(first)) for _ in range(9))]
    for asset in crowd:
        find(asset)
    assert len(pairs()) == 1 + 2 + 3 * 7
    assert list(hidden(Asset.objects.all())) == [first]


def test_a_picture_without_an_inspection_fails_and_says_why(library: Library) -> None:
    batch = batch_of(Asset.objects.create(library=library, name="new.jpg"))
    keep_hashes(batch, None)
    [failure] = batch.failures.values()
    assert failure.kind == "no_inspection"


def test_duplicates_are_listed_nearest_first_and_only_for_those_who_may_see_them(make_asset: MakeAsset) -> None:
    first = make_asset()
    far, near = make_asset(twin_forms(first, 20)), make_asset(twin_forms(first, 2))
    find(first, far, near)
    alice, charlie = Scope(1, readable=frozenset([first.library_id])), Scope(2)
    assert [(asset, distance) for asset, distance, _form in duplicates_of(alice, first)] == [(near, 2), (far, 20)]
    assert duplicates_of(charlie, first) == []


def test_hiding_duplicates_keeps_the_largest_and_of_equals_the_oldest(make_asset: MakeAsset) -> None:
    small, large = make_asset(width=100), make_asset(width=1000)
    Inspection.objects.filter(asset=large).update(pdq=forms_of(small))
    older = make_asset()
    find(small, large, older, make_asset(forms_of(older)), make_asset(forms_of(large), width=1000))
    assert list(hidden(Asset.objects.order_by("id"))) == [large, older]
