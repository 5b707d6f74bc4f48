"""The socket of a page, through a real web process."""

import json
import time
from typing import Any

import pytest
from django.test import Client
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from apps.accounts.models import User
from apps.jobs.progress import close_sockets, publish
from tests.factories import PASSWORD
from tests.jobs.test_carry import end_listeners

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

JOB = {"type": "job", "id": 7, "state": "running", "done": 1, "total": 3}


def session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return str(client.session.session_key)


def socket_of(web: str, session_key: str | None, *, origin: str | None = "") -> ClientConnection:
    """`origin` is the page's own when it is not given."""
    headers = {"Cookie": f"sessionid={session_key}"} if session_key else {}
    page = f"http://{web}" if origin == "" else origin
    return connect_to(f"ws://{web}/ws/", page, headers)


def connect_to(address: str, origin: str | None, headers: dict[str, str] | None = None) -> ClientConnection:
    page = Origin(origin) if origin else None
    return connect(address, origin=page, additional_headers=headers, open_timeout=20, proxy=None, legacy=True)


def open_socket(web: str, session_key: str) -> ClientConnection:
    page = socket_of(web, session_key)
    assert read(page) == {"type": "ready"}
    return page


def read(page: ClientConnection, seconds: float = 5) -> Any:
    return json.loads(page.recv(timeout=seconds))


def code_at_the_end(page: ClientConnection, seconds: float = 1) -> int | None:
    """The code with which the server closed, within a second."""
    with pytest.raises(ConnectionClosed) as closed:
        page.recv(timeout=seconds)
    return closed.value.rcvd.code if closed.value.rcvd else None


def hears_nothing(page: ClientConnection) -> bool:
    with pytest.raises(TimeoutError):
        page.recv(timeout=0.3)
    return True


def test_a_page_hears_what_concerns_its_person_and_nobody_else(web: str, anna: User, ben: User) -> None:
    with open_socket(web, session_of(anna)) as hers, open_socket(web, session_of(ben)) as his:
        publish([anna.pk], JOB)
        assert read(hers) == JOB
        assert hears_nothing(his)


def test_a_revoked_session_is_closed_at_once_and_the_others_stay(web: str, anna: User) -> None:
    phone, desk = session_of(anna), session_of(anna)
    with open_socket(web, phone) as lost, open_socket(web, desk) as kept:
        close_sockets(session_key=phone)
        assert code_at_the_end(lost) == 4401
        publish([anna.pk], JOB)
        assert read(kept) == JOB


def test_who_signs_out_hears_nothing_more(web: str, admin: User, alice: User) -> None:
    client = Client()
    assert client.post("/account/login/", {"login": "alice", "password": PASSWORD}).status_code == 302
    with open_socket(web, str(client.session.session_key)) as page:
        client.post("/account/logout/")
        assert code_at_the_end(page) == 4401


def test_all_sockets_of_a_person_are_closed_at_once(web: str, anna: User, ben: User) -> None:
    with open_socket(web, session_of(anna)) as hers, open_socket(web, session_of(ben)) as his:
        close_sockets(user_id=anna.pk)
        assert code_at_the_end(hers) == 4401
        assert hears_nothing(his)


def test_who_may_not_sign_in_gets_no_socket(web: str, anna: User, ben: User) -> None:
    session = session_of(anna)
    User.objects.filter(pk=anna.pk).update(is_active=False)
    strange = session_of(ben)[::-1]
    for key in (None, strange, session):
        with socket_of(web, key) as page:
            assert code_at_the_end(page, 5) == 4401


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "null", None, "http://127.0.0.1:1"])
def test_a_page_of_another_site_is_refused(web: str, anna: User, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        socket_of(web, session_of(anna), origin=origin)
    assert refused.value.response.status_code == 403


def test_what_a_page_sends_is_limited(web: str, anna: User) -> None:
    with open_socket(web, session_of(anna)) as page:
        page.send('{"type": "ping"}')
        assert read(page) == {"type": "pong"}
        for nonsense in ("", "[]", "{", '{"type": "bye"}', '{"type": "progress", "message": 1}'):
            page.send(nonsense)
        page.send('{"type": "ping"}')
        assert read(page) == {"type": "pong"}
        page.send("x" * 70_000)
        assert code_at_the_end(page, 5) == 1009


def test_a_page_has_to_come_back_when_messages_may_be_lost(web: str, anna: User) -> None:
    session = session_of(anna)
    with open_socket(web, session) as page:
        end_listeners()
        assert code_at_the_end(page, 5) == 1012
    with open_socket(web, session) as page:
        publish([anna.pk], JOB)
        assert read(page) == JOB


def test_another_path_has_no_socket(web: str, anna: User) -> None:
    with pytest.raises(InvalidStatus):
        connect_to(f"ws://{web}/other/", f"http://{web}")


def test_a_message_needs_little_time(web: str, anna: User) -> None:
    with open_socket(web, session_of(anna)) as page:
        started = time.monotonic()
        for _ in range(20):
            publish([anna.pk], JOB)
            read(page)
        assert (time.monotonic() - started) / 20 < 0.1
