"""Every route, every actor. The routes are read from the URLconf, what each may is read from the policy."""

from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from itertools import product
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from apps.accounts.api import ADMINISTRATOR, ANYONE, PERSON
from apps.accounts.scope import ACTIONS
from tests.factories import READ, WORDS, WRITE, House
from tests.security.conftest import undone, writes_so_far
from tests.security.policy import BYTES, PAGE, ROWS, Row
from tests.security.routes import UNSAFE, operations, routes

NOBODIES = ("anonymous", "revoked")
KEYS = {"read_key": READ, "write_key": WRITE}
SEEN_BY_BOB = ("seen_by_bob", "shared")
SIGN_IN = "/account/login/"


@dataclass(frozen=True)
class Call:
    row: Row
    ids: dict[str, int]

    @property
    def address(self) -> str:
        address = self.row.route
        for name, value in self.row.path.items():
            start = address.index("<")
            end = address.index(">") + 1
            assert address[start:end].strip("<>").split(":")[-1] == name
            address = address[:start] + self.fill(value) + address[end:]
        return f"/{address}" + (f"?{self.fill(self.row.query)}" if self.row.query else "")

    def fill(self, value: Any) -> Any:
        """`{canary}` becomes the id of the canary."""
        if isinstance(value, dict):
            return {name: self.fill(inner) for name, inner in value.items()}
        if isinstance(value, bytes):
            return SimpleUploadedFile("new.jpg", value)
        if isinstance(value, list):
            return [self.fill(inner) for inner in value]
        if isinstance(value, str) and value.startswith("{") and value.endswith("}") and value[1:-1] in self.ids:
            return str(self.ids[value[1:-1]])
        return value.format(**self.ids) if isinstance(value, str) else value

    def by(self, client: Client) -> Any:
        body = self.fill(self.row.body) if self.row.body is not None else {}
        send = getattr(client, self.row.method.lower())
        if self.row.method == "GET":
            return send(self.address)
        return send(self.address, body) if self.row.form else send(self.address, body, content_type="application/json")


def may(row: Row, actor: str) -> bool:
    if row.who == ANYONE:
        return True
    if actor in NOBODIES:
        return False
    if actor in KEYS:
        return ("asset.read" if row.who == BYTES else row.who) in KEYS[actor]  # they are Alice's
    if row.who == ADMINISTRATOR:
        return actor == "administrator"
    return not row.of or actor == "alice" or (actor == "bob" and row.of in SEEN_BY_BOB and row.role == "viewer")


def refusals(row: Row, actor: str) -> tuple[int, ...]:
    """The statuses that say no in the right way. (302,) is the way to sign in."""
    if row.who == PAGE and actor in (*NOBODIES, *KEYS):
        return (302,)
    if row.who == BYTES:
        return (404,)
    if actor in NOBODIES:
        return (401,)
    if actor in KEYS or row.who == ADMINISTRATOR:
        return (403,)
    if actor == "bob" and row.of in SEEN_BY_BOB:
        return (403, row.others)  # he sees it and may not change it
    return (row.others,)


def test_everybody_gets_what_the_policy_says_and_nothing_more(
    house: House, actors: dict[str, Client], ids: dict[str, int], sent: list[Any], subtests: pytest.Subtests
) -> None:
    hooks = len(connection.run_on_commit)
    for row, (actor, client) in product(ROWS, actors.items()):
        allowed = may(row, actor)
        expected = row.ok if allowed else refusals(row, actor)
        cookies = SimpleCookie({name: morsel.value for name, morsel in client.cookies.items()})
        sent.clear()
        with subtests.test(f"{row} by {actor}"), undone():
            before = writes_so_far()
            answer = Call(row, ids).by(client)
            client.cookies = cookies  # who signed out is in again for the next row
            assert answer.status_code in expected
            if expected == (302,) and not allowed:
                assert answer["Location"].startswith(SIGN_IN)
            if not allowed or not row.changes:
                assert writes_so_far() == before, "it changed something"
                assert len(connection.run_on_commit) == hooks, "it set something going"
                assert not sent, "it sent something"
            if actor not in ("alice", *KEYS):
                assert not canary_words(answer), "it shows what is Alice's alone"


def canary_words(answer: Any) -> list[str]:
    body = async_to_sync(_read)(answer) if answer.streaming else answer.content
    plain = body.decode("utf-8", "replace").lower()
    asked = answer.wsgi_request.get_full_path().lower()
    return [word for word in WORDS if word in plain and word not in asked]


async def _read(answer: Any) -> bytes:
    return b"".join([piece async for piece in answer])


# -- The policy is complete -------------------------------------------------------------------------------------------
def test_every_route_has_a_row() -> None:
    known = {row.route for row in ROWS}
    missing = sorted(route.route for route in routes() if not route.is_administration and route.route not in known)
    assert not missing, "say in tests/security/policy.py who may call these"


def test_every_row_has_a_route() -> None:
    there = {route.route for route in routes()}
    assert not sorted(row.route for row in ROWS if row.route not in there)


def test_every_endpoint_names_an_action_and_the_policy_names_the_same() -> None:
    named = {
        (method, route.route): action for route in routes() if route.is_api for method, action in route.actions.items()
    }
    stated = {(row.method, row.route): row.who for row in ROWS if row.route.startswith("api/")}
    assert named == stated
    assert set(named.values()) <= {*ACTIONS, PERSON, ADMINISTRATOR, ANYONE}


def test_every_operation_of_the_schema_says_what_it_needs_as_the_policy_does() -> None:
    stated = {(row.method, "/" + _braces(row.route)): row.who for row in ROWS}
    published = {place: operation["x-mediahub-action"] for place, operation in operations().items()}
    assert published
    assert not {place: action for place, action in published.items() if stated.get(place) != action}


def _braces(route: str) -> str:
    """`<int:asset_id>` becomes `{asset_id}`."""
    return "".join("{" + part.split(">")[0].split(":")[-1] + "}" + part.split(">")[1] if ">" in part else part
                   for part in route.split("<"))  # fmt: skip


def test_a_method_without_a_row_is_not_answered(
    house: House, actors: dict[str, Client], ids: dict[str, int], subtests: pytest.Subtests
) -> None:
    stated = {(row.method, row.route) for row in ROWS}
    one_of = {row.route: row for row in ROWS}
    for row, method in product(one_of.values(), UNSAFE):
        if (method, row.route) not in stated:
            with subtests.test(f"{method} /{row.route}"), undone():
                before = writes_so_far()
                answer = Call(Row(method, row.route, row.who, path=row.path), ids).by(actors["alice"])
                assert answer.status_code in (400, 404, 405)
                assert writes_so_far() == before


# -- The administration -----------------------------------------------------------------------------------------------
def administration_routes() -> Iterator[str]:
    for route in routes():
        if route.is_administration and "(?P" not in route.route and route.route not in {row.route for row in ROWS}:
            address = route.route
            for name in ("object_id", "content_type_id"):
                address = address.replace(f"<path:{name}>", "1")
            yield f"/{address}"


def test_the_administration_is_for_administrators_and_shows_nobodys_pictures(
    house: House, actors: dict[str, Client], subtests: pytest.Subtests
) -> None:
    calls = {(place, actor) for place in administration_routes() for actor in actors}
    for thing in (house.alice.pk, house.canary.pk, house.home.pk, house.job.pk):
        calls |= {(place.replace("/1/", f"/{thing}/"), "administrator") for place in administration_routes()}
    for place, actor in sorted(calls):
        with subtests.test(f"GET {place} by {actor}"), undone():
            before = writes_so_far()
            answer = actors[actor].get(place)
            assert answer.status_code in ((200, 302, 403, 404, 405) if actor == "administrator" else (302, 403, 405))
            assert not canary_words(answer)
            assert writes_so_far() == before
