"""What browsers are told, and what they are refused."""

import json
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import ApiKey, User
from apps.jobs.models import Job
from apps.library.models import Asset, Library, Membership
from tests.factories import House, signed_in
from tests.security.conftest import undone, writes_so_far
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


def test_cookies_are_for_the_server_and_this_site_only(client: Client, admin: Any, alice: Any) -> None:
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
    for row in ROWS:
        if row.method == "GET" or not row.csrf:
            continue
        with subtests.test(str(row)), undone():
            before = writes_so_far()
            assert Call(row, ids).by(client).status_code == 403
            assert writes_so_far() == before


def test_what_nobody_may_set_is_not_set(house: House, ids: dict[str, int], subtests: pytest.Subtests) -> None:
    """Alice sends every column of every table to every route that she may write to."""
    forbidden = {
        "id": 1, "pk": 1, "is_staff": True, "is_superuser": True, "is_active": False, "is_administrator": True,
        "access_epoch": 99, "user": house.charlie.pk, "user_id": house.charlie.pk, "owner": house.charlie.pk,
        "added_by": house.charlie.pk, "library_id": house.home.pk, "kind": "folder", "root": "/etc", "path": "/",
        "revision": 99, "sha256_now": "00", "password": "x", "digest": "x", "prefix": "00000000", "state": "done",
        "started_by": house.charlie.pk, "is_home": True, "created_by": house.charlie.pk, "latitude": 1.0, "city": "X",
    }  # fmt: skip
    client = signed_in(house.alice)

    def facts() -> list[Any]:
        return [
            *User.objects.filter(pk=house.alice.pk).values(
                "username", "is_staff", "is_superuser", "is_active", "password"
            ),
            *Asset.objects.filter(pk=house.seen_by_bob.pk).values(
                "library", "revision", "added_by", "city", "latitude"
            ),
            *Library.objects.filter(pk=house.shared.pk).values("kind", "root"),
            Library.objects.filter(root="/etc").exists(),
            Membership.objects.filter(user=house.charlie).count(),
            ApiKey.objects.filter(user=house.charlie).count(),
            Job.objects.filter(started_by=house.charlie).count(),
        ]

    before = facts()
    for row in ROWS:
        if row.method in ("POST", "PATCH") and row.route.startswith("api/") and not row.form:
            with subtests.test(str(row)), undone():
                call = Call(row, ids)
                body = json.dumps(forbidden | call.fill(row.body or {}))
                answer = client.generic(row.method, call.address, body, content_type="application/json")
                assert answer.status_code < 500
                Membership.objects.filter(user=house.charlie, library=house.shared).delete()  # Alice may let him in
                assert facts() == before
