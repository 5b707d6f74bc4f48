"""The photo page: all that is known about one picture, and what may be done with it."""

from html import unescape

import pytest
from django.urls import reverse

from apps.accounts.models import User
from apps.duplicates.models import DuplicatePair
from apps.library.models import Asset
from apps.library.services import home_of
from apps.search import indexing
from tests.factories import WORDS, picture, shared_library, signed_in

pytestmark = pytest.mark.django_db


def photo(user: User, asset: Asset, params: str = "") -> str:
    answer = signed_in(user).get(f"{reverse('photo', args=[asset.pk])}?{params}")
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def test_it_shows_all_that_is_known(alice: User) -> None:
    shown = photo(alice, picture(home_of(alice), WORDS))

    for word in (WORDS.title, WORDS.description, WORDS.name, WORDS.text, WORDS.tag, WORDS.city, WORDS.camera):
        assert word in shown
    assert "Tanzania" in shown
    assert "17 May 2023" in shown
    assert "SHA-256" in shown


def test_a_stranger_is_told_that_there_is_nothing(alice: User, charlie: User) -> None:
    asset = picture(home_of(alice), WORDS)

    answer = signed_in(charlie).get(reverse("photo", args=[asset.pk]))

    assert answer.status_code == 404
    assert WORDS.title not in answer.content.decode()


def test_a_viewer_reads_and_an_editor_writes(alice: User, bob: User) -> None:
    seen = picture(shared_library(alice, viewer=bob))
    edited = picture(shared_library(alice, editor=bob))

    assert 'name="title"' not in photo(bob, seen)
    assert 'data-retry="' not in photo(bob, seen)
    assert 'name="title"' in photo(bob, edited)
    assert 'data-retry="' in photo(bob, edited)


def test_a_failed_step_says_why_and_can_be_done_again(alice: User) -> None:
    shown = photo(alice, picture(home_of(alice), WORDS, steps="failed"))

    assert f"{WORDS.name} cannot be read." in shown
    assert 'data-retry="inspect"' in shown


def test_duplicates_stand_side_by_side(alice: User) -> None:
    first, second = picture(home_of(alice)), picture(home_of(alice))
    DuplicatePair.objects.create(first=first, second=second, distance=6)

    assert "6 of 256 marks differ" in photo(alice, first)
    assert reverse("photo", args=[first.pk]) in photo(alice, second)


def test_walking_stays_in_the_search_it_was_opened_from(alice: User) -> None:
    first, _other, third = (picture(home_of(alice), WORDS), picture(home_of(alice)), picture(home_of(alice), WORDS))
    indexing.refresh()

    shown = photo(alice, third, "q=umbrellaphant&list=search")

    assert f'rel="next" href="{reverse("photo", args=[first.pk])}?q=umbrellaphant&list=search"' in shown
    assert f'href="{reverse("search")}?q=umbrellaphant" id="back"' in shown


def test_best_matches_are_walked_in_their_order(alice: User) -> None:
    weak, strong = picture(home_of(alice)), picture(home_of(alice))
    Asset.objects.filter(pk=weak.pk).update(description="a lighthouse far away")
    Asset.objects.filter(pk=strong.pk).update(title="Lighthouse", description="lighthouse, lighthouse")
    indexing.refresh()

    shown = photo(alice, strong, "q=lighthouse&order=best&list=search")

    assert f'rel="next" href="{reverse("photo", args=[weak.pk])}' in shown


def test_a_picture_that_is_not_opened_yet_says_so(alice: User) -> None:
    asset = Asset.objects.create(library=home_of(alice), name="new.jpg")

    assert "This picture is being opened." in photo(alice, asset)


def test_words_in_a_picture_cannot_become_part_of_the_page(alice: User) -> None:
    asset = picture(home_of(alice))
    Asset.objects.filter(pk=asset.pk).update(title="<script>alert(1)</script>")

    answer = signed_in(alice).get(reverse("photo", args=[asset.pk])).content.decode()

    assert "<script>alert" not in answer
