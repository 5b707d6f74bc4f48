import threading
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.accounts import services
from apps.accounts.models import Invitation, User
from tests.factories import PASSWORD, person, signed_in

NEW = {"username": "dora", "name": "", "email": "", "password": PASSWORD}


def test_who_is_invited_joins_once(admin: User) -> None:
    made = signed_in(admin).post("/api/invitations/", {"name": "Dora", "role": "member"}, "application/json").json()
    link = made["link"].removeprefix("http://testserver")
    guest = Client()
    assert "Welcome, Dora" in guest.get(link).content.decode()
    assert guest.post(link, NEW)["Location"] == "/"
    assert (
        guest.get("/api/account/").json() | {"name": "Dora", "is_administrator": False}
        == guest.get("/api/account/").json()
    )
    assert Client().get(link).status_code == 404
    assert Client().post(link, NEW | {"username": "eve"}).status_code == 404


def test_the_link_is_told_once_and_not_kept(admin: User) -> None:
    client = signed_in(admin)
    token = (
        client.post("/api/invitations/", {"name": "Dora", "role": "member"}, "application/json")
        .json()["link"]
        .split("/")[-2]
    )
    assert token not in str(client.get("/api/invitations/").json())
    assert not Invitation.objects.filter(digest=token.encode()).exists()


@pytest.mark.parametrize("reason", ["over", "taken back", "its maker was put out", "its maker keeps the house no more"])
def test_a_closed_invitation_lets_nobody_in(admin: User, reason: str) -> None:
    other = person("other", is_administrator=True)
    invitation, token = services.invite(other, "Dora")
    match reason:
        case "over":
            Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        case "taken back":
            signed_in(admin).delete(f"/api/invitations/{invitation.pk}/")
        case "its maker was put out":
            signed_in(admin).patch(f"/api/users/{other.pk}/", {"is_active": False}, "application/json")
        case _:
            services.change_user(other, is_active=True, is_administrator=False)
    assert Client().post(f"/join/{token}/", NEW).status_code == 404
    with pytest.raises(services.LinkClosed):
        services.accept_invitation(token, "dora", PASSWORD)


def test_only_administrators_invite(alice: User) -> None:
    with pytest.raises(PermissionDenied):
        services.invite(alice, "Dora")
    assert (
        signed_in(alice).post("/api/invitations/", {"name": "Dora", "role": "member"}, "application/json").status_code
        == 403
    )


def test_a_name_that_is_taken_is_said_and_the_link_stays_open(admin: User, alice: User) -> None:
    _invitation, token = services.invite(admin, "Dora")
    answer = Client().post(f"/join/{token}/", NEW | {"username": "Alice"})
    assert answer.status_code == 422
    assert Client().post(f"/join/{token}/", NEW)["Location"] == "/"


def test_an_invited_administrator_is_one(admin: User) -> None:
    _invitation, token = services.invite(admin, "Dora", Invitation.Role.ADMINISTRATOR)
    assert services.accept_invitation(token, "dora", PASSWORD).is_staff


@pytest.mark.django_db(transaction=True)
def test_of_several_guests_with_one_link_one_joins() -> None:
    _invitation, token = services.invite(person("admin", is_administrator=True), "Dora")
    joined = []

    def visit(name: str) -> None:
        try:
            joined.append(services.accept_invitation(token, name, PASSWORD))
        except services.LinkClosed:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=visit, args=[f"guest{number}"]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(joined) == 1
    assert User.objects.count() == 2
