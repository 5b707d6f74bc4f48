"""Where a page begins is told by a cursor. Anybody can write one; only ours are followed."""

import base64
import json
from datetime import UTC, datetime

import pytest

from apps.accounts.models import User
from apps.library.models import Asset
from apps.library.paging import TIMELINE, BadCursor
from apps.library.services import home_of
from tests.factories import picture, signed_in

AT = "2024-05-17T12:00:00+00:00"


def cursor(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+00:00", AT, "9999-12-31T23:59:59.999999+00:00"])
@pytest.mark.parametrize("pk", [1, 2**63 - 1])
def test_a_cursor_leads_back_to_its_place(alice: User, at: str, pk: int) -> None:
    row = Asset(pk=pk, sort_at=datetime.fromisoformat(at))
    ours = TIMELINE.encode(row, forward=False)
    assert TIMELINE.decode(ours) == (False, [row.sort_at.astimezone(UTC), pk])
    assert signed_in(alice).get(f"/api/assets/?cursor={ours}").status_code == 200


@pytest.mark.parametrize(
    "crafted",
    [
        cursor(1, "0001-01-01T00:00:00+23:59", 1),
        cursor(1, "9999-12-31T23:59:59-23:59", 1),
        cursor(1, "2024-05-17T12:00:00", 1),
        cursor(1, "yesterday", 1),
        cursor(1, AT, 2**63),
        cursor(1, AT, -(2**64)),
        cursor(1, AT, 1.5),
        cursor(1, AT, True),
        cursor(1, AT, None),
        cursor(1, AT),
        cursor(2, AT, 1),
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
        base64.urlsafe_b64encode(b"[1, NaN, 1]").decode(),
        "é",
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(alice: User, crafted: str) -> None:
    picture(home_of(alice))
    with pytest.raises(BadCursor):
        TIMELINE.decode(crafted)
    answer = signed_in(alice).get("/api/assets/", {"cursor": crafted})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "cursor")


@pytest.mark.parametrize("relevance", [2**31, -(2**31), 2**63 - 1, -(2**63 - 1)])
def test_a_relevance_that_nothing_has_finds_no_page_and_no_error(alice: User, relevance: int) -> None:
    crafted = cursor(1, relevance, 1)
    answer = signed_in(alice).get("/api/search/", {"q": "x", "order": "best", "cursor": crafted})
    assert answer.status_code == 200
