"""Brings everything up to date before the house opens; doing it again does nothing."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule

from apps.accounts.services import setup_token
from apps.web.status import running


class Command(BaseCommand):
    help = "Migrates the database, collects the static files, plans what is done regularly, and cleans up after a kill."

    def handle(self, *args: Any, **options: Any) -> None:
        process, _, address = running().partition(" ")
        if process and int(process) != os.getppid():  # cleaning up would take the work out of its hands
            raise CommandError(
                f"MediaHub runs here (pid {process}): {address} It prepared itself when it started. "
                "Stop it first, or start it again: that prepares it too."
            )
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
        with connection.cursor() as cursor:
            # Every counted request writes to it. Without the journal no disk is waited for; a crash empties it.
            cursor.execute('ALTER TABLE "cache" SET UNLOGGED')
        collect_static_files()
        plan_schedules()
        for path in settings.BOOT_TASKS:
            import_string(path)()
        token = setup_token()
        self.stdout.write(reverse("setup", args=[token]) if token else "/")


def collect_static_files() -> None:
    """Only when one of them changed: compressing them takes seconds."""
    marks = []
    for finder in get_finders():
        for name, storage in finder.list([]):
            found = Path(storage.path(name)).stat()
            marks.append([name, found.st_size, found.st_mtime_ns])
    seen = hashlib.sha256(json.dumps(sorted(marks)).encode()).hexdigest()
    note = Path(settings.STATIC_ROOT) / ".collected"
    if not note.exists() or note.read_text() != seen:
        call_command("collectstatic", verbosity=0, interactive=False, clear=True)
        note.write_text(seen)


def plan_schedules() -> None:
    """The rows of django-q2 become what the settings say."""
    Schedule.objects.exclude(name__in=settings.SCHEDULES).delete()
    for path, minutes in settings.SCHEDULES.items():
        Schedule.objects.update_or_create(
            name=path,
            defaults={
                "func": path, "schedule_type": Schedule.MINUTES, "minutes": minutes, "repeats": -1,
                "next_run": timezone.now(),
            },
        )  # fmt: skip
