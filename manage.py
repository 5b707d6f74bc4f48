#!/usr/bin/env python
import os
import sys
from contextlib import nullcontext
from io import StringIO

# What needs no database, or must not wait for one.
WITHOUT_DATABASE = {
    "check", "compilemessages", "collectstatic", "diffsettings", "help", "makemessages", "makemigrations",
    "spectacular", "startapp", "version", "--help", "-h", "--version",
}  # fmt: skip


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mediahub.settings")
    from django.conf import settings
    from django.core.management import CommandError, execute_from_command_line

    from mediahub import local

    needs_database = len(sys.argv) > 1 and sys.argv[1] not in WITHOUT_DATABASE
    try:
        with (
            local.database(settings.DATA_DIR / "postgres", settings.POSTGRES_SOCKET_DIR)
            if needs_database and settings.EMBEDDED_DATABASE
            else nullcontext()
        ):
            if needs_database and sys.argv[1] not in ("migrate", "prepare", "test"):
                prepare_a_new_one()
            execute_from_command_line(sys.argv)
    except (local.StartError, CommandError) as error:
        sys.exit(str(error))


def prepare_a_new_one() -> None:
    """A person may be made before the house was ever started: an empty database gets its tables first."""
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    if not connection.introspection.table_names():
        call_command("prepare", stdout=StringIO())
    connection.close()


if __name__ == "__main__":
    main()
