"""The house of the security tests and everybody who may knock."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from apps.accounts.models import ApiKey
from apps.accounts.services import invite
from apps.jobs import progress
from tests.factories import READ, WRITE, House, signed_in, with_key

PASSING = ("django_session", "usersessions_usersession", "cache")  # what asking alone may write


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
    keys = {"read_key": with_key(house.alice, *READ), "write_key": with_key(house.alice, *WRITE)}
    ApiKey.objects.update(last_used_at=timezone.now() + timedelta(hours=1))  # else their use is noted
    return keys | {
        "anonymous": Client(),
        "revoked": revoked,
        "alice": signed_in(house.alice),
        "bob": signed_in(house.bob),
        "charlie": signed_in(house.charlie),
        "administrator": signed_in(house.admin),
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


def writes_so_far() -> dict[str, int]:
    """How many rows of each table this transaction has written, what was undone included."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables"
            " WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 AND NOT relname = ANY(%s)",
            [list(PASSING)],
        )
        return dict(cursor.fetchall())
