import re

from django.contrib import admin as administration
from django.test import Client

from apps.accounts import services
from apps.accounts.models import ApiKey, Invitation, User
from tests.factories import READ, signed_in

PEOPLE = "/admin/accounts/user/"


def test_the_administration_knows_no_pictures_and_no_secrets() -> None:
    shown = {model._meta.label for model in administration.site._registry}
    assert shown == {
        "accounts.User",
        "accounts.Invitation",
        "accounts.ApiKey",
        "library.Library",
        "jobs.Job",
        "jobs.Worker",
    }


def test_an_administrator_puts_a_person_out(admin: User, alice: User) -> None:
    hers = signed_in(alice)
    answer = signed_in(admin).post(f"{PEOPLE}{alice.pk}/change/", {"is_staff": "on", "username": "eve"})
    assert answer.status_code == 302
    alice.refresh_from_db()
    assert (alice.username, alice.is_active, alice.is_staff) == ("alice", False, True)
    assert hers.get("/api/account/").status_code == 401


def test_the_only_administrator_cannot_put_themselves_out(admin: User) -> None:
    answer = signed_in(admin).post(f"{PEOPLE}{admin.pk}/change/", {})
    assert b"only administrator" in answer.content
    admin.refresh_from_db()
    assert admin.is_active


def test_people_are_neither_made_nor_deleted_there(admin: User, alice: User) -> None:
    client = signed_in(admin)
    assert client.get(f"{PEOPLE}add/").status_code == 403
    assert client.post(f"{PEOPLE}{alice.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{PEOPLE}{alice.pk}/password/").status_code in (302, 404)


def test_an_invitation_made_there_shows_its_link_once(admin: User) -> None:
    client = signed_in(admin)
    wish = {"name": "Dora", "role": "member", "days": "3"}
    page = client.post("/admin/accounts/invitation/add/", wish, follow=True).content.decode()
    link = re.search(r"http://testserver(/join/[^/]+/)", page)
    assert link is not None
    assert Client().get(link[1]).status_code == 200
    assert link[1] not in client.get("/admin/accounts/invitation/").content.decode()
    chosen = {"action": "take_back", "_selected_action": [Invitation.objects.get().pk]}
    client.post("/admin/accounts/invitation/", chosen)
    assert Client().get(link[1]).status_code == 404


def test_a_key_is_revoked_there_and_never_shown(admin: User, alice: User) -> None:
    key, secret = services.make_key(alice, "backup", READ)
    client = signed_in(admin)
    page = client.get(f"/admin/accounts/apikey/{key.pk}/change/").content.decode()
    assert "backup" in page
    assert secret.split("_", 2)[2] not in page
    assert bytes(key.digest).hex() not in page
    client.post("/admin/accounts/apikey/", {"action": "revoke", "_selected_action": [key.pk]})
    assert not ApiKey.objects.usable().exists()
