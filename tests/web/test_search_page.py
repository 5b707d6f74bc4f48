"""The search page: its address holds everything, and it works without scripts."""

from html import unescape

import pytest
from django.http import HttpResponse
from django.urls import reverse

from apps.accounts.models import User
from apps.library.models import Asset, Library
from apps.library.services import home_of
from apps.search import indexing
from tests.factories import WORDS, picture, shared_library, signed_in

pytestmark = pytest.mark.django_db


def search(user: User, address: str = "", **headers: str) -> str:
    answer = signed_in(user).get(f"{reverse('search')}?{address}", headers=headers)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def findable(library: Library) -> Asset:
    asset = picture(library, WORDS)
    indexing.refresh()
    return asset


def test_without_anything_it_says_what_to_do(alice: User) -> None:
    assert "Nothing to find yet" in search(alice)


def test_without_a_question_it_offers_where_to_start(alice: User) -> None:
    findable(home_of(alice))

    shown = search(alice)

    assert "tag=scene%3Aocelotopera" in shown
    assert WORDS.city in shown


def test_a_hit_says_where_its_words_were_found(alice: User) -> None:
    findable(home_of(alice))

    shown = search(alice, "q=wombatstrudel")

    assert 'data-count="1"' in shown
    assert ">text<" in shown


def test_a_stranger_finds_nothing(alice: User, charlie: User) -> None:
    findable(home_of(alice))

    shown = search(charlie, "q=wombatstrudel")

    assert 'data-count="0"' in shown
    assert "Nothing matches" in shown


def test_every_filter_is_a_chip_that_leads_to_the_search_without_it(alice: User) -> None:
    home = home_of(alice)
    asked = f"q=umbrella&from=2023-01-01&to=2023-12-31&kind=photo&library={home.pk}&tag=scene:ocelotopera"
    shown = search(alice, f"{asked}&place=Narwhalville&camera=Pangolinpix&duplicates=hide&order=best")

    chips = shown.split('<ul class="set"')[1].split("</ul>")[0]

    assert chips.count("(remove)") == 9
    assert "q=umbrella&from=2023-01-01&to=2023-12-31" not in chips.split("(remove)")[0]


def test_the_form_holds_the_whole_state(alice: User) -> None:
    findable(home_of(alice))

    shown = search(alice, "q=umbrella&tag=scene:ocelotopera&from=2023-01-01&duplicates=hide&order=best")

    assert 'name="q" value="umbrella"' in shown
    assert 'name="tag" value="scene:ocelotopera"' in shown
    assert 'value="2023-01-01"' in shown
    assert 'value="hide" checked' in shown


def test_empty_fields_of_the_form_leave_the_address(alice: User) -> None:
    answer = signed_in(alice).get(reverse("search"), {"q": "cake", "from": "", "tag": "", "order": ""})

    assert isinstance(answer, HttpResponse)
    assert answer.headers["Location"] == f"{reverse('search')}?q=cake"


def test_a_mistake_in_the_address_is_said_in_a_sentence(alice: User) -> None:
    answer = signed_in(alice).get(reverse("search"), {"from": "yesterday"})

    assert answer.status_code == 400
    assert "A day is written as 2025-12-31." in answer.content.decode()


def test_a_part_of_the_page_has_no_frame(alice: User) -> None:
    assert "<html" not in search(alice, "q=cake", **{"X-Part": "search"})


def test_pages_follow_one_another(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.web.search.PAGE", 2)
    for _each in range(3):
        picture(home_of(alice))

    shown = search(alice, "kind=photo")
    address = shown.split('rel="next" href="')[1].split('"')[0]
    second = unescape(signed_in(alice).get(f"{reverse('search')}{address}").content.decode())

    assert 'data-count="3"' in shown
    assert second.count('class="tile"') == 1
    assert "Further matches" in second


def test_a_photo_keeps_the_search_it_was_opened_from(alice: User) -> None:
    asset = findable(home_of(alice))

    assert f"{reverse('photo', args=[asset.pk])}?q=umbrella&list=search" in search(alice, "q=umbrella")


def test_libraries_are_offered_when_there_are_several(alice: User, bob: User) -> None:
    assert "<legend>" not in search(alice)
    shared = shared_library(alice, "Holidays", viewer=bob)
    home_of(alice)

    assert f'name="library" value="{shared.pk}"' in search(alice)


def test_any_tag_of_a_family_can_be_asked_for(alice: User) -> None:
    findable(home_of(alice))

    assert 'data-count="1"' in search(alice, "tag=scene:*")
    assert 'data-count="0"' in search(alice, "tag=mood:*")
