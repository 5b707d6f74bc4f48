"""A name and an address belong to one person, however they are spelled."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from apps.accounts import services
from apps.accounts.models import User
from tests.factories import PASSWORD, signed_in

NAME_IS_TAKEN = "Somebody has this user name already. Choose another one."
EMAIL_IS_TAKEN = "Somebody has this e-mail address already. Choose another one, or leave it empty."


@pytest.mark.parametrize("username", ["alice", "ALICE"])
def test_who_joins_with_a_taken_name_is_told_at_its_field(admin: User, alice: User, username: str) -> None:
    _invitation, token = services.invite(admin, "Alice")
    page = Client().post(f"/join/{token}/", {"username": username, "password": PASSWORD, "email": "Alice@Example.org"})
    assert page.status_code == 422
    assert page.context["form"].errors == {"username": [NAME_IS_TAKEN], "email": [EMAIL_IS_TAKEN]}


def test_a_taken_address_is_refused_at_its_field(alice: User, bob: User) -> None:
    answer = signed_in(bob).patch("/api/account/", {"email": "ALICE@example.org"}, "application/json")
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "email", "detail": EMAIL_IS_TAKEN}]


def test_ones_own_address_may_be_spelled_anew(alice: User) -> None:
    assert (
        signed_in(alice).patch("/api/account/", {"email": "Alice@example.org"}, "application/json").status_code == 200
    )


def test_a_taken_name_is_refused_at_the_terminal(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(f"{PASSWORD}\n"))
    with pytest.raises(CommandError, match=f"^{NAME_IS_TAKEN}$"):
        call_command("create_user", "ALICE", "--password-stdin")
