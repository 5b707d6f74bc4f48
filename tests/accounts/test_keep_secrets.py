import logging

import pytest
from django.test import Client

from apps.accounts import services
from apps.accounts.models import User
from apps.jobs.logs import JsonFormatter
from tests.factories import READ, signed_in


def test_no_link_and_no_key_is_written_to_the_log(admin: User, caplog: pytest.LogCaptureFixture) -> None:
    _invitation, token = services.invite(admin, "Dora")
    _key, secret = services.make_key(admin, "backup", READ)
    Client().post(f"/join/{token}/", {"username": "dora", "password": "short"})
    logging.getLogger("mediahub").error("refused", extra={"header": f"Bearer {secret}"})
    log = "\n".join(JsonFormatter().format(record) for record in caplog.records)
    assert "/join/..." in log
    assert token not in log
    assert secret.rpartition("_")[2] not in log


def test_no_address_carries_a_session(alice: User) -> None:
    client = signed_in(alice)
    key = client.session.session_key
    assert key is not None
    for place in ("/", "/settings/", "/api/account/sessions/"):
        assert key not in client.get(place).content.decode()
