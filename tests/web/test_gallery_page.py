"""The timeline: its sections are known first, its pictures come section by section."""

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.library.access import resolve
from apps.library.models import Asset, Library
from apps.library.services import home_of
from apps.search.query import Query
from apps.web import timeline
from tests.factories import picture, shared_library, signed_in

pytestmark = pytest.mark.django_db

MAY = datetime(2024, 5, 17, 12, tzinfo=UTC)


def taken(library: Library, at: datetime, number: int = 1) -> list[Asset]:
    return Asset.objects.bulk_create(
        Asset(library=library, name=f"{at:%m-%d}-{place}.jpg", sort_at=at, width=400, height=300)
        for place in range(number)
    )


def sections_of(user: User, params: str = "") -> list[list[object]]:
    answer = signed_in(user).get(f"{reverse('gallery_sections')}?{params}")
    found: list[list[object]] = answer.json()["sections"]
    return found


def test_an_empty_gallery_says_what_to_do(alice: User) -> None:
    shown = unescape(signed_in(alice).get("/").content.decode())

    assert "Your photos will be here" in shown
    assert "manage.py scan" in shown


def test_months_are_sections_with_their_counts_newest_first(alice: User) -> None:
    taken(home_of(alice), MAY, 3)
    taken(home_of(alice), MAY - timedelta(days=40), 2)

    assert sections_of(alice) == [
        ["2024-05-01", "2024-05-31", 3, "May 2024"],
        ["2024-04-01", "2024-04-30", 2, "April 2024"],
    ]


def test_a_month_with_very_many_is_cut_by_days(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "LONGEST_SECTION", 3)
    for days, number in ((0, 2), (1, 1), (2, 1), (3, 4)):
        taken(home_of(alice), MAY - timedelta(days=days), number)

    assert sections_of(alice) == [
        ["2024-05-16", "2024-05-17", 3, "16 to 17 May 2024"],
        ["2024-05-15", "2024-05-15", 1, "15 May 2024"],
        ["2024-05-14", "2024-05-14", 4, "14 May 2024"],
    ]


def test_a_section_gives_out_its_pictures_page_by_page(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "PAGE", 2)
    assets = taken(home_of(alice), MAY, 3)
    taken(home_of(alice), MAY - timedelta(days=40))
    client, address = signed_in(alice), reverse("gallery_items") + "?from=2024-05-01&to=2024-05-31"

    first = client.get(address).json()
    second = client.get(f"{address}&cursor={first['next']}").json()

    newest_first = [asset.pk for asset in reversed(assets)]
    assert [item[0] for item in first["items"] + second["items"]] == newest_first
    assert second["next"] is None
    assert first["items"][0] == [newest_first[0], 1, 400, 300, "", "05-17-2.jpg"]


def test_the_first_pictures_come_with_the_page(alice: User) -> None:
    [asset] = taken(home_of(alice), MAY)

    shown = signed_in(alice).get("/").context["timeline"]

    assert shown["first"]["items"] == [timeline.tile(asset)]


def test_the_same_filters_hold_as_in_a_search(alice: User) -> None:
    other = shared_library(alice)
    taken(home_of(alice), MAY, 2)
    taken(other, MAY)

    assert [section[2] for section in sections_of(alice, f"library={other.pk}")] == [1]


def test_who_is_not_a_member_sees_no_month_and_no_picture(alice: User, bob: User, charlie: User) -> None:
    library = shared_library(alice, viewer=bob)
    taken(library, MAY)
    address = reverse("gallery_items") + f"?library={library.pk}"

    assert len(signed_in(bob).get(address).json()["items"]) == 1
    assert signed_in(charlie).get(address).json() == {"items": [], "next": None}
    assert sections_of(charlie, f"library={library.pk}") == []


def test_who_is_not_signed_in_is_sent_to_the_door(client: Client) -> None:
    for name in ("gallery", "gallery_sections", "gallery_items", "settings"):
        answer = client.get(reverse(name))
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("params", ["cursor=nonsense", "from=yesterday", "library=x"])
def test_what_cannot_be_understood_is_refused(alice: User, params: str) -> None:
    assert signed_in(alice).get(f"{reverse('gallery_items')}?{params}").status_code == 400
    assert signed_in(alice).get(f"/?plain=1&{params}").status_code in (200, 302)


def test_without_scripts_the_photos_come_as_pages_with_links(alice: User) -> None:
    taken(home_of(alice), MAY, 61)
    client = signed_in(alice)

    first = unescape(client.get("/?plain=1").content.decode())
    cursor = first.partition('rel="next" href="')[2].partition('"')[0]
    second = unescape(client.get("/" + cursor).content.decode())

    assert first.count('class="tile"') == 60
    assert second.count('class="tile"') == 1
    assert 'rel="prev"' in second


def test_the_neighbours_are_those_of_the_list_it_was_opened_from(alice: User) -> None:
    library = home_of(alice)
    first, second, third = (taken(library, MAY - timedelta(days=days))[0] for days in (0, 10, 40))
    other = shared_library(alice)
    taken(other, MAY - timedelta(days=5))
    scope = resolve(alice)

    around = timeline.neighbours(scope, Query(libraries=(library.pk,)), second, reach=3)
    everywhere = timeline.neighbours(scope, Query(), second, reach=1)

    assert ([a.pk for a in around.before], [a.pk for a in around.after]) == ([first.pk], [third.pk])
    assert everywhere.previous is not None
    assert everywhere.previous.library_id == other.pk


def test_a_picture_is_called_by_its_title_then_its_description_then_its_name(alice: User) -> None:
    asset = picture(home_of(alice))

    called = [timeline.called(asset)]
    asset.title = ""
    called.append(timeline.called(asset))
    asset.description = ""
    called.append(timeline.called(asset))

    assert [word.rstrip("0123456789") for word in called] == ["title", "description", "name"]
