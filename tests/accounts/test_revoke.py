from io import StringIO
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.core.management import call_command
from django.test import Client

from apps.accounts import services
from apps.accounts.models import User
from apps.jobs import progress
from apps.jobs.progress import session_group, user_group
from tests.factories import PASSWORD, person, signed_in, with_key


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The groups whose sockets were closed."""
    groups: list[str] = []

    def note(to: list[str], message: dict[str, Any]) -> None:
        assert message == {"type": "bye"}
        groups.extend(to)

    monkeypatch.setattr(progress, "notify_sync", note)
    return groups


def browser(user: User) -> Client:
    client = Client()
    client.post("/account/login/", {"login": user.username, "password": PASSWORD})
    return client


@pytest.fixture(autouse=True)
def _house_is_set_up(admin: User) -> None:
    pass


def test_a_session_ended_elsewhere_is_out_at_once(alice: User, told: list[str]) -> None:
    here, there = browser(alice), browser(alice)
    key = there.session.session_key
    other = next(each for each in here.get("/api/account/sessions/").json()["items"] if not each["is_current"])
    assert here.delete(f"/api/account/sessions/{other['id']}/").status_code == 204
    assert there.get("/api/account/").status_code == 401
    assert here.get("/api/account/").status_code == 200
    assert told == [session_group(str(key))]


def test_ending_the_others_keeps_this_one(alice: User) -> None:
    here, there, mobile = browser(alice), browser(alice), Client()
    login = {"username": "alice", "password": PASSWORD}
    token = mobile.post("/_allauth/app/v1/auth/login", login, "application/json").json()["meta"]["session_token"]
    assert here.delete("/api/account/sessions/others/").status_code == 204
    assert here.get("/api/account/").status_code == 200
    assert there.get("/api/account/").status_code == 401
    assert mobile.get("/api/account/", headers={"x-session-token": token}).status_code == 401


def test_another_persons_session_is_not_there(alice: User, charlie: User) -> None:
    browser(alice)
    session = UserSession.objects.get(user=alice)
    assert browser(charlie).delete(f"/api/account/sessions/{session.pk}/").status_code == 404
    assert UserSession.objects.filter(pk=session.pk).exists()


def test_a_new_password_ends_every_other_session_and_renews_this_one(alice: User, told: list[str]) -> None:
    here, there = browser(alice), browser(alice)
    stolen = Client()
    stolen.cookies["sessionid"] = here.cookies["sessionid"].value
    answer = here.post("/account/password/", {"current": PASSWORD, "new": "another-long-password"})
    assert answer["Location"] == "/settings/"
    assert here.get("/api/account/").status_code == 200
    assert [each["is_current"] for each in here.get("/api/account/sessions/").json()["items"]] == [True]
    for other in (there, stolen):
        assert other.get("/api/account/").status_code == 401
    assert told


def test_a_new_password_needs_the_old_one(alice: User) -> None:
    client = browser(alice)
    for address, fields in (("/account/password/", 422), ("/api/account/password/", 400)):
        answer = (
            client.post(address, {"current": "guess", "new": "another-long-password"}, "application/json")
            if "api" in address
            else client.post(address, {"current": "guess", "new": "another-long-password"})
        )
        assert answer.status_code == fields
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_a_mobile_app_that_changes_the_password_gets_a_new_token(alice: User) -> None:
    login = {"username": "alice", "password": PASSWORD}
    token = Client().post("/_allauth/app/v1/auth/login", login, "application/json").json()["meta"]["session_token"]
    wanted = {"current": PASSWORD, "new": "another-long-password"}
    answer = Client().post("/api/account/password/", wanted, "application/json", headers={"x-session-token": token})
    renewed = answer.json()["session_token"]
    assert Client().get("/api/account/", headers={"x-session-token": renewed}).status_code == 200
    assert Client().get("/api/account/", headers={"x-session-token": token}).status_code == 401


def test_who_is_put_out_is_out_everywhere_at_once(admin: User, alice: User, told: list[str]) -> None:
    clients = [browser(alice), with_key(alice, "asset.read")]
    epoch = alice.access_epoch
    signed_in(admin).patch(f"/api/users/{alice.pk}/", {"is_active": False}, "application/json")
    assert [client.get("/api/assets/").status_code for client in clients] == [401, 401]
    assert not UserSession.objects.filter(user=alice).exists()
    assert user_group(alice.pk) in told
    alice.refresh_from_db()
    assert alice.access_epoch > epoch


def test_the_only_administrator_stays_one(admin: User) -> None:
    client = signed_in(admin)
    for wish in ({"is_active": False}, {"is_administrator": False}):
        assert client.patch(f"/api/users/{admin.pk}/", wish, "application/json").status_code == 400
    person("second", is_administrator=True)
    assert client.patch(f"/api/users/{admin.pk}/", {"is_administrator": False}, "application/json").status_code == 200
    assert client.get("/api/users/").status_code == 403


def test_a_changed_address_opens_nothing_any_more(alice: User) -> None:
    client = Client()
    client.post("/account/login/", {"login": "alice@example.org", "password": PASSWORD})
    services.change_profile(alice, email="new@example.org")
    assert "Location" not in Client().post("/account/login/", {"login": "alice@example.org", "password": PASSWORD})
    assert Client().post("/account/login/", {"login": "new@example.org", "password": PASSWORD})["Location"] == "/"


def test_a_password_given_at_the_machine_ends_every_session(
    alice: User, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hers = browser(alice)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "another-long-password")
    call_command("changepassword", "alice", stdout=StringIO())
    assert hers.get("/api/account/").status_code == 401
    assert not UserSession.objects.filter(user=alice).exists()
    assert user_group(alice.pk) in told
