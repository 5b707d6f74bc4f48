from datetime import timedelta
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from apps.accounts import services
from apps.accounts.models import ApiKey, User
from apps.accounts.scope import ACTIONS
from tests.factories import READ, WRITE, signed_in, with_key


def test_a_key_is_told_once_and_only_its_digest_is_kept(alice: User) -> None:
    client = signed_in(alice)
    wish = {"name": "backup", "scopes": ["asset.read"]}
    made = client.post("/api/account/keys/", wish, "application/json")
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert secret.startswith("mh_")
    assert secret.split("_", 2)[2] not in str(client.get("/api/account/keys/").json())
    assert secret.split("_", 2)[2].encode() not in bytes(ApiKey.objects.get().digest)
    assert Client().get("/api/assets/", headers={"authorization": f"Bearer {secret}"}).status_code == 200


def test_a_key_does_what_it_was_made_for_and_nothing_else(alice: User) -> None:
    assert with_key(alice, "asset.read").get("/api/assets/").status_code == 200
    assert with_key(alice, "job.read").get("/api/assets/").status_code == 403


@pytest.mark.parametrize("address", ["account/", "account/keys/", "account/sessions/", "users/", "invitations/"])
def test_no_key_reaches_keys_people_or_sessions(admin: User, address: str) -> None:
    client = with_key(admin, *ACTIONS)
    for method in ("get", "post", "patch", "delete"):
        assert getattr(client, method)(f"/api/{address}", {}, content_type="application/json").status_code in (403, 405)


def test_a_key_opens_no_page(admin: User) -> None:
    client = with_key(admin, *ACTIONS)
    assert client.get("/settings/").status_code == 302
    assert client.get("/admin/").status_code == 302


@pytest.mark.parametrize("end", ["revoked", "expired", "owner put out", "one letter wrong", "no prefix", "empty"])
def test_a_key_that_is_not_valid_is_told_so(alice: User, end: str) -> None:
    key, secret = services.make_key(alice, "backup", READ)
    match end:
        case "revoked":
            signed_in(alice).delete(f"/api/account/keys/{key.pk}/")
        case "expired":
            ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        case "owner put out":
            User.objects.filter(pk=alice.pk).update(is_active=False)
        case "one letter wrong":
            secret = secret[:-1] + ("a" if secret[-1] != "a" else "b")
        case "no prefix":
            secret = secret.removeprefix("mh_")
        case _:
            secret = ""
    answer = Client().get("/api/assets/", headers={"authorization": f"Bearer {secret}"})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_another_persons_key_is_not_there(alice: User, charlie: User) -> None:
    key, _secret = services.make_key(alice, "backup", READ)
    assert signed_in(charlie).delete(f"/api/account/keys/{key.pk}/").status_code == 404
    assert signed_in(charlie).get("/api/account/keys/").json()["items"] == []
    assert ApiKey.objects.usable().filter(pk=key.pk).exists()


def test_the_last_use_is_written_at_most_once_a_minute(alice: User) -> None:
    client = with_key(alice, *READ)
    client.get("/api/assets/")
    first = ApiKey.objects.get().last_used_at
    client.get("/api/assets/")
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    client.get("/api/assets/")
    assert first is not None
    assert ApiKey.objects.get().last_used_at > first  # type: ignore[operator]


def test_a_key_cannot_be_made_for_what_no_key_may(alice: User) -> None:
    for scopes in ([], ["account.update"], [*WRITE, "user.update"]):
        with pytest.raises(ValidationError):
            services.make_key(alice, "backup", scopes)
        wish = {"name": "backup", "scopes": scopes}
        assert signed_in(alice).post("/api/account/keys/", wish, "application/json").status_code == 400
    assert not ApiKey.objects.exists()


def test_a_key_for_the_past_is_refused(alice: User) -> None:
    wish = {"name": "backup", "scopes": ["asset.read"], "expires_at": "2020-01-01T00:00Z"}
    answer = signed_in(alice).post("/api/account/keys/", wish, "application/json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "expires_at")


@pytest.mark.parametrize("far", ["2999-01-01T00:00Z", "9999-12-31T23:59:59-23:59"])
def test_a_key_that_ends_does_so_within_ten_years(alice: User, far: str) -> None:
    wish = {"name": "backup", "scopes": ["asset.read"], "expires_at": far}
    answer = signed_in(alice).post("/api/account/keys/", wish, "application/json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "expires_at")


@pytest.mark.parametrize("days", ["99999999", "3651", "0", "-1"])
def test_a_number_of_days_that_makes_no_sense_is_refused(alice: User, days: str) -> None:
    with pytest.raises(CommandError, match="--days is from 1 to 3650"):
        call_command("make_api_key", "alice", "--name", "backup", "--scope", "asset.read", f"--days={days}")
    assert not ApiKey.objects.exists()
    call_command("make_api_key", "alice", "--name", "backup", "--scope", "asset.read", "--days=3650", stdout=StringIO())
    assert ApiKey.objects.get().expires_at is not None


def test_people_and_keys_are_made_without_a_browser(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("a-long-enough-password\n"))
    call_command("create_user", "ada", "--administrator", "--password-stdin", stdout=StringIO())
    assert User.objects.get().is_staff
    told = StringIO()
    call_command("make_api_key", "Ada", "--name", "backup", "--scope", "asset.read", "--scope", "job.read", stdout=told)
    key = services.find_key(told.getvalue().strip())
    assert key is not None
    assert key.scopes == ["asset.read", "job.read"]
    with pytest.raises(CommandError, match="nobody called eve"):
        call_command("make_api_key", "eve", "--name", "x", "--scope", "asset.read")
    monkeypatch.setattr("sys.stdin", StringIO("short\n"))
    with pytest.raises(CommandError, match="too short"):
        call_command("create_user", "bob", "--password-stdin")
