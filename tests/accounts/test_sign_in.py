import re

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client

from apps.accounts.models import User
from tests.accounts.test_ask import problem
from tests.factories import PASSWORD

MOBILE = "/_allauth/app/v1/auth/login"
SESSION = "/_allauth/app/v1/auth/session"


def sign_in(client: Client, login: str, password: str = PASSWORD, **more: str) -> str:
    """Where it leads; "" when it was refused."""
    answer = client.post("/account/login/", {"login": login, "password": password, **more})
    return answer.headers.get("Location", "")


@pytest.fixture(autouse=True)
def _house_is_set_up(admin: User) -> None:
    pass


@pytest.mark.parametrize("login", ["alice", "ALICE", "alice@example.org", "Alice@Example.org"])
def test_people_sign_in_with_their_name_or_address(client: Client, alice: User, login: str) -> None:
    assert sign_in(client, login) == "/"
    assert client.get("/api/account/").json()["username"] == "alice"


def test_signing_in_starts_a_new_session(client: Client, alice: User) -> None:
    client.get("/account/login/")
    before = client.session.session_key
    sign_in(client, "alice")
    assert client.session.session_key != before


def test_nobody_signs_up(client: Client) -> None:
    for address in ("/account/signup/", "/accounts/signup/", "/_allauth/app/v1/auth/signup"):
        assert client.post(address, {"username": "eve", "password1": PASSWORD}).status_code == 404


def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(client: Client, alice: User) -> None:
    def answer(login: str) -> str:
        page = client.post("/account/login/", {"login": login, "password": "wrong"})
        return re.sub(r'csrf[^>]*value="[^"]*"', "", page.content.decode().replace(login, "").split("<main")[1])

    assert answer("alice") == answer("nobody")
    alice.is_active = False
    alice.save()
    assert answer("alice") == answer("nobody")


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "https:evil.example"],
)
def test_signing_in_leads_nowhere_else(client: Client, alice: User, elsewhere: str) -> None:
    assert sign_in(client, "alice", next=elsewhere) == "/"
    assert client.post(f"/account/logout/?next={elsewhere}", {"next": elsewhere})["Location"] == "/account/login/"


def test_signing_in_leads_back_to_where_one_came_from(client: Client, alice: User) -> None:
    assert client.get("/settings/")["Location"] == "/account/login/?next=/settings/"
    assert sign_in(client, "alice", next="/settings/") == "/settings/"


def test_guessing_is_slowed_down_for_the_name_and_for_the_address(client: Client, alice: User) -> None:
    for _ in range(5):
        sign_in(client, "alice", "wrong")
    assert sign_in(client, "alice") == ""  # even with the right password
    answers = [client.post("/account/login/", {"login": f"u{n}", "password": "x"}).status_code for n in range(40)]
    assert 429 in answers


def test_the_address_of_the_sender_cannot_be_made_up(client: Client, alice: User) -> None:
    answers = [
        client.post(
            "/account/login/", {"login": f"u{n}", "password": "x"}, headers={"x-forwarded-for": f"10.0.0.{n}"}
        ).status_code
        for n in range(40)
    ]
    assert 429 in answers


def test_who_was_put_out_cannot_sign_in(client: Client, alice: User) -> None:
    alice.is_active = False
    alice.save()
    assert sign_in(client, "alice") != "/"
    assert client.get("/api/account/").status_code == 401


def test_signing_out_forgets_the_session(client: Client, alice: User) -> None:
    sign_in(client, "alice")
    cookie = client.cookies["sessionid"].value
    client.post("/account/logout/")
    assert not UserSession.objects.exists()
    again = Client()
    again.cookies["sessionid"] = cookie
    assert again.get("/api/account/").status_code == 401


def test_a_mobile_app_signs_in_with_a_session_of_its_own(client: Client, alice: User) -> None:
    wrong = client.post(MOBILE, {"username": "alice", "password": "wrong"}, "application/json")
    assert wrong.status_code == 400
    answer = client.post(MOBILE, {"username": "alice", "password": PASSWORD}, "application/json").json()
    token = {"x-session-token": answer["meta"]["session_token"]}
    assert Client().get("/api/account/", headers=token).json()["username"] == "alice"
    sessions = Client().get("/api/account/sessions/", headers=token).json()["items"]
    assert [session["is_current"] for session in sessions] == [True]
    assert token["x-session-token"] not in str(sessions)
    assert Client().delete(SESSION, headers=token).status_code == 204
    assert Client().get("/api/account/", headers=token).status_code == 401


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("nonsense", None),
        ("[]", []),
        ("{}", ["password"]),
        ('{"username": "alice"}', ["password"]),
        ('{"username": "alice", "password": "wrong"}', ["password"]),
        ('{"email": "alice", "password": "wrong"}', ["email"]),
        ('{"password": "wrong"}', []),
    ],
)
def test_a_mobile_app_is_told_in_the_one_shape_what_was_wrong(
    client: Client, alice: User, body: str, fields: list[str] | None
) -> None:
    told = problem(client.post(MOBILE, body, "application/json"), 400)
    assert told["detail"]
    assert told["code"] == ("parse_error" if fields is None else "invalid")
    assert [error["field"] for error in told.get("errors", [])] == (fields or [])


def test_a_mobile_app_that_guesses_or_is_not_signed_in_is_told_in_the_one_shape(client: Client, alice: User) -> None:
    wrong, right = ({"username": "alice", "password": word} for word in ("wrong", PASSWORD))
    for _ in range(5):
        problem(client.post(MOBILE, wrong, "application/json"), 400)
    assert int(client.post(MOBILE, right, "application/json")["Retry-After"]) == 300
    assert problem(client.post(MOBILE, right, "application/json"), 429)["code"] == "throttled"
    problem(client.delete(SESSION), 401)
    problem(client.delete(SESSION, headers={"x-session-token": "guess"}), 401)
    problem(client.get(SESSION), 405)
    problem(client.post(MOBILE, "a" * 3_000_000, "application/json"), 413)


def test_a_mobile_app_that_is_signed_in_is_told_so(client: Client, alice: User) -> None:
    right = {"username": "alice", "password": PASSWORD}
    token = client.post(MOBILE, right, "application/json").json()["meta"]["session_token"]
    again = client.post(MOBILE, right, "application/json", headers={"x-session-token": token})
    assert problem(again, 409)["code"] == "signed_in_already"


def test_administrators_sign_in_where_everybody_does(client: Client, alice: User) -> None:
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == "/account/login/?next=/admin/"
    assert client.post("/admin/login/", {"username": "admin", "password": PASSWORD}).status_code == 405
    sign_in(client, "alice")
    assert client.get("/admin/", follow=True).status_code == 403
    sign_out = client.post("/admin/logout/")
    assert sign_out.status_code == 302
    assert sign_in(client, "admin", next="/admin/") == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_a_session_that_is_used_lives_on(client: Client, alice: User) -> None:
    sign_in(client, "alice")
    UserSession.objects.update(last_seen_at="2020-01-01T00:00Z")
    session = client.session
    session["seen_at"] = 0
    session.save()
    client.get("/api/account/")
    assert UserSession.objects.get().last_seen_at.year > 2020
