import getpass
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.services import create_user


class Command(BaseCommand):
    help = "Makes an account. Asks for the password twice, or reads it from standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--administrator", action="store_true", help="may invite and put out people")
        parser.add_argument("--name", default="", help="as others see the person")
        parser.add_argument("--email", default="", help="another way to sign in")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        password = sys.stdin.readline().rstrip("\n") if options["password_stdin"] else ask_twice()
        try:
            user = create_user(
                options["username"],
                password,
                name=options["name"],
                email=options["email"],
                is_administrator=options["administrator"],
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"Made {user.username}.")


def ask_twice() -> str:
    try:
        password = getpass.getpass("Password: ")
        if getpass.getpass("Password (again): ") != password:
            raise CommandError("The two passwords differ. Nothing was made.")
    except EOFError as error:
        raise CommandError("No password was given. Use --password-stdin where there is no terminal.") from error
    return password
