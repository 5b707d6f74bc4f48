"""What browsers are told, and what they are refused."""

from typing import Any

import pytest
from django.test import Client

from apps.library.models import Asset
from tests.factories import House, signed_in
from tests.security.conftest import rows_of_all_tables, undone
from tests.security.policy import PAGE, ROWS
from tests.security.test_matrix import Call


@pytest.mark.parametrize(
    "route", [row.route for row in ROWS if row.method == "GET" and row.who == PAGE and not row.path]
)
def test_every_page_is_locked_in(route: str, alice: Any) -> None:
    answer = signed_in(alice).get(f"/{route}")
    policy = {part.split()[0]: part.split()[1:] for part in answer["Content-Security-Policy"].split("; ")}
    assert policy["default-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["object-src"] == ["'none'"]
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "https:"} & {each for part in policy.values() for each in part}
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    if answer["Content-Type"].startswith("text/html"):
        page = answer.content.decode()
        assert " style=" not in page
        assert " onclick=" not in page
        assert "<style" not in page
        assert "<script>" not in page


def test_the_doors_are_locked_in_as_well(client: Client, admin: Any) -> None:
    for place in ("/account/login/", "/join/guess/", "/nowhere/", "/api/docs/", "/api/account/"):
        answer = client.get(place)
        assert "'unsafe" not in answer["Content-Security-Policy"]
        assert answer["X-Content-Type-Options"] == "nosniff"


def test_cookies_are_for_the_server_and_this_site_only(client: Client, alice: Any) -> None:
    client.post("/account/login/", {"login": "alice", "password": "a-long-enough-password"})
    cookie = client.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_pages_with_private_content_are_kept_by_nobody_else(house: House) -> None:
    client = signed_in(house.alice)
    for place in ("/", "/search/", f"/photos/{house.canary.pk}/", f"/m/{house.canary.pk}/1/preview", "/api/assets/"):
        kept = client.get(place).headers.get("Cache-Control", "")
        vary = client.get(place).headers.get("Vary", "")
        assert "public" not in kept
        assert "private" in kept or "no-store" in kept or "Cookie" in vary, place


def test_a_form_of_another_site_changes_nothing(house: House, ids: dict[str, int], subtests: pytest.Subtests) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(house.alice, backend="django.contrib.auth.backends.ModelBackend")
    before = rows_of_all_tables()
    for row in ROWS:
        if row.method == "GET" or not row.csrf:
            continue
        with subtests.test(str(row)), undone():
            assert Call(row, ids).by(client).status_code == 403
            assert rows_of_all_tables() == before


def test_what_nobody_may_set_is_not_set(house: House, ids: dict[str, int], subtests: pytest.Subtests) -> None:
    """Alice sends every column of every table to every route that she may write to."""
    forbidden = {
        "id": 1, "pk": 1, "is_staff": True, "is_superuser": True, "is_active": False, "is_administrator": True,
        "access_epoch": 99, "user": house.charlie.pk, "user_id": house.charlie.pk, "owner": house.charlie.pk,
        "added_by": house.charlie.pk, "library_id": house.home.pk, "kind": "folder", "root": "/etc", "path": "/etc/passwd",
        "revision": 99, "sha256_now": "00", "password": "x", "digest": "x", "prefix": "00000000", "state": "done",
        "started_by": house.charlie.pk, "is_home": True, "created_by": house.charlie.pk, "latitude": 1.0, "city": "X",
    }  # fmt: skip
    client = signed_in(house.alice)
    untouched = {
        "account": lambda: (
            house.alice.is_staff,
            house.alice.is_superuser,
            house.alice.is_active,
            house.alice.password,
        ),
        "asset": lambda: Asset.objects.filter(pk=house.seen_by_bob.pk).values(
            "id", "library_id", "revision", "added_by", "city", "latitude", "kind"
        )[0],
        "library": lambda: (house.shared.kind, house.shared.root),
    }
    before = {name: look() for name, look in untouched.items()}
    for row in ROWS:
        if row.method not in ("POST", "PATCH") or not row.route.startswith("api/") or row.form:
            continue
        with subtests.test(str(row)), undone():
            Call(row, ids).by(client)  # as it is meant: it may do what it is for
            answer = client.generic(
                row.method,
                Call(row, ids).address,
                _json(forbidden | Call(row, ids).fill(row.body or {})),
                content_type="application/json",
            )
            assert answer.status_code < 500
            for thing in (house.alice, house.seen_by_bob, house.shared):
                thing.refresh_from_db()
            if row.route != "api/account/password/":
                assert {name: look() for name, look in untouched.items()} == before
    for thing in (house.alice, house.seen_by_bob, house.shared):
        thing.refresh_from_db()


def _json(body: dict[str, Any]) -> str:
    import json

    return json.dumps(body)
