"""The house of the security tests and everybody who may knock."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.db import connection, transaction
from django.test import Client

from apps.accounts.models import ApiKey
from apps.accounts.services import invite
from apps.jobs import progress
from tests.factories import READ, WRITE, House, signed_in, with_key

PASSING = ("django_session", "usersessions_usersession", "cache")  # what asking alone may write
NOTED = ("last_used_at", "last_login")


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Hundreds of refusals are what these tests are about."""
    caplog.set_level("CRITICAL", "django.request")


@pytest.fixture
def house(db: None, settings: Any) -> House:
    settings.API_RATES = dict.fromkeys(settings.API_RATES, 1_000_000)
    settings.ACCOUNT_RATE_LIMITS = False
    return House()


@pytest.fixture
def actors(house: House) -> dict[str, Client]:
    revoked = signed_in(house.alice)
    revoked.session.delete()
    return {
        "anonymous": Client(),
        "revoked": revoked,
        "alice": signed_in(house.alice),
        "bob": signed_in(house.bob),
        "charlie": signed_in(house.charlie),
        "administrator": signed_in(house.admin),
        "read_key": with_key(house.alice, *READ),
        "write_key": with_key(house.alice, *WRITE),
    }


@pytest.fixture
def ids(house: House, actors: dict[str, Client]) -> dict[str, int]:
    """Every id of Alice's that a row may name."""
    things = {name: thing.pk for name, thing in vars(house).items()}
    key = ApiKey.objects.filter(user=house.alice).earliest("id")
    session = UserSession.objects.create(user=house.alice, ip="192.0.2.1", session_key="somewhere-else", user_agent="")
    invitation, _token = invite(house.admin, "Erin")
    return things | {"key": key.pk, "session": session.pk, "invitation": invitation.pk}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, Any]]]:
    """The messages that went out to sockets: (groups, message)."""
    messages: list[tuple[list[str], dict[str, Any]]] = []
    monkeypatch.setattr(progress, "notify_sync", lambda groups, message: messages.append((groups, message)))
    return messages


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside did not happen."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def rows_of_all_tables() -> dict[str, str]:
    """A fingerprint of each table. What asking alone may write is left out."""
    tables = [name for name in connection.introspection.table_names() if name not in PASSING]
    facts = "to_jsonb(t)" + "".join(f" - '{column}'" for column in NOTED)
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT '{table}', count(*) || ':' || coalesce(md5(string_agg(({facts})::text, '' ORDER BY"  # noqa: S608
                f" ({facts})::text)), '') FROM \"{table}\" t"
                for table in tables
            )
        )
        return dict(cursor.fetchall())
