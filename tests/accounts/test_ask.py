"""How the API answers, whatever it is asked."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from apps.accounts.api import ApiView, KeysetPage, Throttle
from apps.accounts.models import User
from apps.library.paging import Page
from tests.factories import signed_in, with_key


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert {"type", "title", "detail", "code"} <= body.keys()
    return body


def test_every_refusal_is_a_problem_in_one_shape(alice: User, client: Client) -> None:
    person = signed_in(alice)
    assert problem(client.get("/api/account/"), 401)["code"] == "not_authenticated"
    assert problem(person.get("/api/users/"), 403)["code"] == "permission_denied"
    assert problem(person.get("/api/nowhere/"), 404)["code"] == "not_found"
    assert problem(person.delete("/api/account/keys/99/"), 404)["code"] == "not_found"
    assert problem(person.put("/api/account/", {}, "application/json"), 405)["code"] == "method_not_allowed"
    assert problem(person.options("/api/account/"), 405)["code"] == "method_not_allowed"
    assert problem(person.get("/api/account/", headers={"accept": "application/json; version=9"}), 406)
    assert problem(person.get("/api/account/", headers={"accept": "image/png"}), 406)
    assert problem(person.post("/api/account/keys/", "<x/>", "text/xml"), 415)
    assert problem(person.post("/api/account/keys/", "{", "application/json"), 400)["code"] == "parse_error"


def test_a_field_that_cannot_be_used_is_named(alice: User) -> None:
    body = problem(signed_in(alice).patch("/api/account/", {"theme": "pink"}, "application/json"), 400)
    assert body["code"] == "invalid"
    assert [error["field"] for error in body["errors"]] == ["theme"]
    body = problem(signed_in(alice).patch("/api/account/", {"name": "a\x00b"}, "application/json"), 400)
    assert [error["field"] for error in body["errors"]] == ["name"]


def test_a_large_body_is_refused_before_it_is_read(alice: User) -> None:
    large = '{"name": "' + "a" * 3_000_000 + '"}'
    assert problem(signed_in(alice).patch("/api/account/", large, "application/json"), 413)["code"] == "too_large"


def test_an_unexpected_error_says_nothing_of_itself(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    client = signed_in(alice)
    client.raise_request_exception = False
    monkeypatch.setattr("apps.accounts.endpoints.person_of", lambda request: 1 / 0)
    assert "division" not in str(problem(client.get("/api/account/"), 500))


def test_while_the_database_is_away_one_is_told_to_wait(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(request: Request) -> None:
        raise OperationalError("connection refused")

    client = signed_in(alice)
    monkeypatch.setattr("apps.accounts.endpoints.person_of", away)
    answer = client.get("/api/account/")
    assert problem(answer, 503)["code"] == "database_away"
    assert answer["Retry-After"] == "5"


def test_a_form_without_its_token_is_refused(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert problem(client.patch("/api/account/", {"name": "Eve"}, "application/json"), 403)
    alice.refresh_from_db()
    assert alice.name == "Alice"


def test_the_version_is_asked_for_and_answered(alice: User) -> None:
    client = signed_in(alice)
    assert client.get("/api/account/")["X-Api-Version"] == "1"
    assert client.get("/api/account/", headers={"accept": "application/json; version=1"}).status_code == 200


def test_answers_are_kept_by_nobody(alice: User) -> None:
    assert signed_in(alice).get("/api/account/")["Cache-Control"] == "private, no-store"


def test_who_asks_too_often_is_told_when_to_come_back(alice: User, settings: Any) -> None:
    settings.API_RATES = settings.API_RATES | {"key": 3, "person": 100}
    cache.clear()
    client = with_key(alice, "job.read")
    answers = [client.get("/api/jobs/") for _ in range(8)]
    assert answers[0].status_code == 200
    assert problem(answers[-1], 429)["code"] == "throttled"
    assert 0 < int(answers[-1]["Retry-After"]) <= 60
    assert signed_in(alice).get("/api/jobs/").status_code == 200  # another asker has a count of their own


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_every_one_is_counted(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.accounts.api.time", SimpleNamespace(time=lambda: 90.0))  # the minute does not end
    settings.API_RATES = settings.API_RATES | {"anonymous": 30}
    cache.clear()
    allowed: list[bool] = []

    def ask() -> None:
        try:
            for _ in range(10):
                request = APIView().initialize_request(APIRequestFactory().get("/api/account/"))
                allowed.append(Throttle().allow_request(request, APIView()))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == 30
    assert len(allowed) == 60


def test_counting_a_request_makes_no_statement_fail(alice: User) -> None:
    client = with_key(alice, "job.read")
    refused: list[Exception] = []

    def watch(execute: Any, *statement: Any) -> Any:
        try:
            return execute(*statement)
        except Exception as error:
            refused.append(error)
            raise

    with connection.execute_wrapper(watch):
        assert [client.get("/api/jobs/").status_code for _ in range(3)] == [200] * 3
    assert refused == []


def test_counts_of_minutes_that_are_over_are_swept(alice: User) -> None:
    cache.clear()
    cache.set("over", "x", 60)
    cache.set("not_over", "x", 60)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE cache SET expires = now() - interval '1 minute' WHERE cache_key LIKE '%%:over'")
        with_key(alice, "job.read").get("/api/jobs/")
        cursor.execute("SELECT count(*) FROM cache WHERE cache_key LIKE '%%over'")
        assert cursor.fetchone() == (1,)


def test_a_view_that_names_no_action_is_refused(alice: User) -> None:
    class Forgetful(ApiView):
        def get(self, request: Request) -> Response:
            return Response()

    request = APIRequestFactory().get("/api/forgetful/")
    force_authenticate(request, alice)
    assert Forgetful.as_view()(request).status_code == 403


def test_a_list_comes_in_pages_that_lead_to_one_another(alice: User) -> None:
    class Numbers(ApiView):
        actions = {"GET": "asset.read"}

        def get(self, request: Request) -> Response:
            asked = KeysetPage(request, size=2)
            return asked.response(Page([1, 2], next="n", previous=None), [asked.cursor, asked.size])

    def ask(address: str) -> Response:
        request = APIRequestFactory().get(address)
        force_authenticate(request, alice)
        answer: Response = Numbers.as_view()(request)
        return answer

    assert ask("/api/n/?tag=a&tag=b&cursor=c").data == {
        "items": ["c", 2],
        "next": "/api/n/?tag=a&tag=b&cursor=n",
        "previous": None,
    }
    for size in ("0", "501", "-1", "x", "1e3", "%EF%BC%99"):
        assert ask(f"/api/n/?size={size}").status_code == 400


def test_the_schema_and_its_page_are_there_for_anyone(client: Client, db: None) -> None:
    schema = client.get("/api/schema/", headers={"accept": "application/json"}).json()
    assert schema["paths"]["/api/account/keys/"]["post"]["x-mediahub-action"] == "person"
    page = client.get("/api/docs/")
    assert b"<script>" not in page.content
    assert b"style=" not in page.content
    script = client.get("/api/docs/?script=")
    assert (script.status_code, b"SwaggerUIBundle" in script.content) == (200, True)
