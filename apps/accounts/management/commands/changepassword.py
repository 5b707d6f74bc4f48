import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword

from apps.accounts.models import User
from apps.accounts.services import revoke


class Command(changepassword.Command):
    """Django's, and whoever was signed in with the old password is out at once."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        told: str | None = super().handle(*args, **options)
        revoke(User.objects.get_by_natural_key(options["username"] or getpass.getuser()))
        return told
