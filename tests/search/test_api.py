"""The same over HTTP: pages with links, and answers that say which parameter was wrong."""

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.library.models import Library, Membership
from tests.search.conftest import MakeAsset

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(library: Library, client: Client) -> Client:
    """Somebody who is signed in and may see the library."""
    user = User.objects.create_user("reader", password="a long enough one")
    Membership.objects.create(library=library, user=user, role=Membership.Role.VIEWER)
    client.force_login(user)
    return client


def get(client: Client, path: str, status: int = 200) -> Any:
    response = client.get(path)
    assert response.status_code == status, response.content
    return response.json()


def test_assets_are_listed_page_after_page(make_asset: MakeAsset, reader: Client) -> None:
    made = [make_asset(f"{number}.jpg", thumbhash=b"\x01\x02", width=4, height=3).pk for number in range(3)]
    first = get(reader, "/api/assets/?size=2")
    assert [item["id"] for item in first["items"]] == [made[2], made[1]]
    assert first["previous"] is None
    second = get(reader, first["next"])
    assert [item["id"] for item in second["items"]] == [made[0]]
    assert second["next"] is None
    assert get(reader, second["previous"])["items"] == first["items"]
    card = first["items"][0]
    assert (card["name"], card["width"], card["thumbhash"], card["taken"]) == ("2.jpg", 4, "AQI=", None)
    assert card["thumbnail"] == f"/m/{made[2]}/1/thumbnail"


def test_a_search_says_why(make_asset: MakeAsset, reader: Client) -> None:
    make_asset("beach.jpg", text="ice cream")
    make_asset("other.jpg")
    [item] = get(reader, "/api/search/?q=ice+beach")["items"]
    assert item["why"] == ["name", "text"]


def test_suggestions_and_months(make_asset: MakeAsset, reader: Client) -> None:
    make_asset("beach.jpg", city="Beacon")
    assert get(reader, "/api/search/suggest/?q=beac&limit=1") == [
        {"kind": "place", "label": "Beacon", "title": "Beacon", "family": "", "count": 1, "params": "place=Beacon"}
    ]
    assert get(reader, "/api/timeline/?q=beach") == [{"year": 2024, "month": 1, "count": 1}]


def test_a_suggested_tag_is_called_as_on_the_pages(make_asset: MakeAsset, reader: Client) -> None:
    make_asset("beach.jpg", tags=("quality:soft_focus",))

    [found] = get(reader, "/api/search/suggest/?q=foc")

    assert (found["label"], found["title"], found["family"]) == ("quality:soft_focus", "Soft focus", "Quality")


@pytest.mark.parametrize(
    "address",
    [
        "search/?from=soon",
        "search/?cursor=x",
        "assets/?size=0",
        "assets/?size=x",
        "timeline/?tag=x",
        "search/suggest/?limit=99",
    ],
)
def test_what_cannot_be_understood_is_400(reader: Client, address: str) -> None:
    assert reader.get(f"/api/{address}").status_code == 400


@pytest.mark.parametrize("path", ["assets/", "search/?q=canary", "search/suggest/?q=can", "timeline/"])
def test_nobody_and_strangers_see_nothing(make_asset: MakeAsset, client: Client, path: str) -> None:
    make_asset("canary.jpg", text="canary")
    assert client.get(f"/api/{path}").status_code in (401, 403)
    client.force_login(User.objects.create_user("charlie", password="a long enough one"))
    assert get(client, f"/api/{path}") in ([], {"items": [], "next": None, "previous": None})


@pytest.mark.parametrize(
    "text", ["\x00", "'", "%", "\\", "'; DROP TABLE x; --", "\ud800".encode("utf-8", "replace").decode(), "€" * 400]
)
def test_odd_text_is_searched_like_any_other(make_asset: MakeAsset, reader: Client, text: str) -> None:
    make_asset("a.jpg")
    assert get(reader, f"/api/search/?q={quote(text)}")["next"] is None
