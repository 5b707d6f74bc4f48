from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.scope import ACTIONS
from apps.accounts.services import LONGEST_KEY_DAYS, make_key


class Command(BaseCommand):
    help = "Makes a key for a program and prints it, this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", required=True, help="what the key is for")
        parser.add_argument(
            "--scope", action="append", required=True, metavar="ACTION", help=f"once for each: {', '.join(ACTIONS)}"
        )
        parser.add_argument(
            "--days", type=int, help=f"how long it is valid, up to {LONGEST_KEY_DAYS}; without end when left out"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = User.objects.get_by_natural_key(options["username"])
        except User.DoesNotExist as error:
            raise CommandError(f"There is nobody called {options['username']}.") from error
        days: int | None = options["days"]
        if days is not None and not 1 <= days <= LONGEST_KEY_DAYS:
            raise CommandError(f"--days is from 1 to {LONGEST_KEY_DAYS}. Leave it out for a key without end.")
        expires_at = timezone.now() + timedelta(days=days) if days is not None else None
        try:
            _key, secret = make_key(user, options["name"], options["scope"], expires_at)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(secret)
