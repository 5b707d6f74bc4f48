"""Every bar is a link, and the search behind it shows the number that the bar says."""

import re
from datetime import UTC, datetime
from html import unescape

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.library.access import resolve
from apps.library.models import Asset, Change, File
from apps.library.services import home_of
from apps.search import indexing
from apps.search.query import Query
from apps.search.services import count
from apps.tagging.models import AssetTag
from apps.tagging.steps import tag_ids
from apps.web.services import Statistics, statistics
from tests.factories import picture, shared_library, signed_in, with_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection(alice: User, bob: User) -> None:
    """Pictures of three years in two libraries, some of them with several sources of one tag."""
    home, shared = home_of(alice), shared_library(alice, viewer=bob)
    tags = tag_ids([("format", "jpeg"), ("format", "png"), ("temporal", "year_2024"), ("colour", "red")])
    days = [datetime(2022, 1, 31, 23, 30), datetime(2024, 2, 29), datetime(2024, 2, 1), datetime(2024, 12, 31, 23, 59)]
    for place, day in enumerate(days):
        asset = picture(shared if place % 2 else home)
        Asset.objects.filter(pk=asset.pk).update(sort_at=day.replace(tzinfo=UTC), camera_make="Acme", city="Linz")
        names = [("format", "png" if place == 3 else "jpeg"), ("colour", "red")]
        names += [("temporal", "year_2024")] if place else []
        AssetTag.objects.bulk_create(AssetTag(asset=asset, tag_id=tags[name], source="facts") for name in names)
        AssetTag.objects.create(asset=asset, tag_id=tags["colour", "red"], source="somebody")
        Change.objects.create(asset=asset)
    indexing.refresh()


def figures(numbers: Statistics) -> list[tuple[str, int]]:
    groups = (numbers.months, numbers.tags, numbers.families, numbers.kinds, numbers.formats, numbers.cameras)
    return [(figure.params, figure.count) for group in (*groups, numbers.places) for figure in group]


@pytest.mark.usefixtures("collection")
@pytest.mark.parametrize("who", ["alice", "bob"])
def test_every_figure_is_what_its_search_finds(who: str) -> None:
    scope = resolve(User.objects.get(username=who))

    found = figures(statistics(scope))

    assert len(found) > 12
    for params, shown in found:
        assert count(scope, Query.from_params(QueryDict(params))) == shown, params


@pytest.mark.usefixtures("collection")
def test_every_link_of_the_page_shows_the_number_it_says(alice: User) -> None:
    client = signed_in(alice)
    page = client.get(reverse("statistics")).content.decode()
    links = re.findall(rf'href="{reverse("search")}\?([^"]+)"[^>]*>(?:<title>)?([^<]*)<', page)
    rows = re.findall(rf'href="{reverse("search")}\?([^"]+)">.*?<td(?: class="shown")?>([^<]*)</td>', page, re.S)

    said = [(params, label.rpartition(": ")[2]) for params, label in links if ": " in label] + rows
    assert len({params for params, _shown in said}) > 12
    for params, shown in said:
        assert (
            f'data-count="{number_of(shown)}"' in client.get(f"{reverse('search')}?{unescape(params)}").content.decode()
        )


def number_of(shown: str) -> int:
    """The number of items in `12`, `3 · 75 %` or `1.2 KB · 4 items`."""
    shown = unescape(shown)
    found = re.search(r"· ([\d,]+) items?", shown) or re.match(r"([\d,]+)", shown)
    assert found, shown
    return int(found[1].replace(",", ""))


@pytest.mark.usefixtures("collection")
def test_years_are_drawn_without_gaps_and_months_where_there_are_items(alice: User) -> None:
    page = signed_in(alice).get(reverse("statistics")).content.decode()

    assert "January 2022: 1" in page
    assert "February 2024: 2" in page
    assert page.count('<text class="label') == 3 + 3
    assert "Months with items" in page


def test_of_many_months_the_last_are_drawn_and_the_table_has_all(alice: User) -> None:
    home = home_of(alice)
    for place in range(40):
        at = datetime(2020 + place // 12, place % 12 + 1, 5, tzinfo=UTC)
        Asset.objects.filter(pk=picture(home).pk).update(sort_at=at)

    page = signed_in(alice).get(reverse("statistics")).content.decode()
    drawn, table = page.split('id="months"')[1].split("</svg>", 1)[0], page.split("<tbody>")[1].split("</tbody>")[0]

    assert "The last 36 months with items; the table has all of them" in page
    assert drawn.count("<a ") == 36
    assert table.count("<a ") == 40
    assert "January 2020" in table
    assert "January 2020" not in drawn


@pytest.mark.usefixtures("collection")
def test_tags_are_called_as_people_write_them(alice: User) -> None:
    page = signed_in(alice).get(reverse("statistics")).content.decode()

    assert re.search(r'tag=format%3Ajpeg">JPEG <span[^>]*>Format</span></a>', page)
    assert re.search(r'tag=temporal%3Ayear_2024">2024 <span[^>]*>Time</span></a>', page)


@pytest.mark.usefixtures("collection")
def test_a_stranger_has_nothing_to_count(charlie: User) -> None:
    assert "Nothing to count yet" in signed_in(charlie).get(reverse("statistics")).content.decode()


@pytest.mark.usefixtures("collection")
def test_numbers_are_kept_and_forgotten_when_something_changes(alice: User, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    scope = resolve(alice)
    before = statistics(scope)
    with django_assert_max_num_queries(4):
        assert statistics(scope) == before

    picture(home_of(alice))

    assert statistics(scope).items == before.items + 1


@pytest.mark.usefixtures("collection")
def test_what_is_not_shared_any_more_is_not_counted(bob: User) -> None:
    seen = statistics(resolve(bob))
    assert seen.items == 2

    from apps.library.models import Membership

    Membership.objects.filter(user=bob).delete()
    bob.raise_access_epoch()
    bob.refresh_from_db()

    assert statistics(resolve(bob)).items == 0


@pytest.mark.usefixtures("collection")
def test_the_same_numbers_come_over_the_api(alice: User) -> None:
    answer = with_key(alice, "statistic.read").get("/api/stats")

    assert answer.status_code == 200
    assert answer.json()["items"] == 4
    assert answer.json()["months"][0] == {
        "year": 2024,
        "month": 12,
        "count": 1,
        "params": "from=2024-12-01&to=2024-12-31",
    }


def test_a_key_without_the_right_gets_no_numbers(alice: User) -> None:
    assert with_key(alice, "asset.read").get("/api/stats").status_code == 403
    assert Client().get("/api/stats").status_code == 401


def test_the_state_of_the_house_names_nobody_s_things(alice: User) -> None:
    picture(home_of(alice))

    answer = signed_in(alice).get("/api/status/")

    assert answer.status_code == 200
    assert set(answer.json()) == {
        "version", "database", "database_bytes", "disk_free_bytes", "disk_reserve_bytes", "workers", "troubles",
    }  # fmt: skip


@pytest.mark.usefixtures("collection")
def test_only_files_that_are_there_take_room(alice: User) -> None:
    jpegs = File.objects.filter(asset__in=AssetTag.objects.filter(tag__name="jpeg").values("asset"))
    jpegs.exclude(pk=jpegs.earliest("id").pk).update(missing_since=timezone.now())
    png = File.objects.exclude(pk__in=jpegs)
    png.update(missing_since=timezone.now())

    numbers = statistics(resolve(alice))

    assert (numbers.items, numbers.bytes) == (4, 123)
    assert [(figure.label, figure.count, figure.bytes) for figure in numbers.formats] == [
        ("JPEG", 3, 123),
        ("PNG", 1, 0),
    ]
