import threading

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client

from apps.accounts import services
from apps.accounts.models import User
from tests.factories import PASSWORD

NEW = {"username": "ada", "name": "Ada", "email": "", "password": PASSWORD}


@pytest.mark.django_db
def test_the_first_visitor_with_the_token_becomes_the_administrator_and_is_signed_in(client: Client) -> None:
    address = f"/setup/{services.setup_token()}/"
    assert b"password" in client.get(address).content
    answer = client.post(address, NEW)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    ada = User.objects.get()
    assert (ada.username, ada.is_staff, ada.check_password(PASSWORD)) == ("ada", True, True)
    assert client.get("/api/account/").json()["is_administrator"] is True
    assert len(client.get("/api/account/sessions/").json()["items"]) == 1


@pytest.mark.django_db
def test_a_used_token_opens_nothing(client: Client) -> None:
    address = f"/setup/{services.setup_token()}/"
    client.post(address, NEW)
    for answer in (Client().get(address), Client().post(address, NEW | {"username": "eve"})):
        assert answer.status_code == 404
        assert b"This link does not work" in answer.content
    assert services.setup_token() == ""
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_a_wrong_token_opens_nothing(client: Client) -> None:
    assert client.get("/setup/guess/").status_code == 404
    assert client.post("/setup/guess/", NEW).status_code == 404
    assert not User.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("password", ["short", "12345678901", "password123", ""])
def test_a_weak_password_is_refused_beside_its_field(client: Client, password: str) -> None:
    answer = client.post(f"/setup/{services.setup_token()}/", NEW | {"password": password})
    assert answer.status_code == 422
    assert b'id="id_password_error"' in answer.content
    assert not User.objects.exists()


@pytest.mark.django_db
def test_while_nobody_is_there_the_page_says_where_the_link_is(client: Client) -> None:
    answer = client.get("/", follow=True)
    assert b"Open the link that was printed" in answer.content


@pytest.mark.django_db(transaction=True)
def test_of_several_first_visitors_at_once_one_wins() -> None:
    token, won, lost = services.setup_token(), [], []

    def visit(name: str) -> None:
        try:
            won.append(services.setup_administrator(token, name, PASSWORD))
        except services.LinkClosed:
            lost.append(name)
        finally:
            connection.close()

    threads = [threading.Thread(target=visit, args=[f"visitor{number}"]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost), User.objects.count()) == (1, 5, 1)


@pytest.mark.django_db
def test_names_that_differ_only_in_case_are_the_same_name(alice: User) -> None:
    with pytest.raises(ValidationError):
        services.create_user("ALICE", PASSWORD)
