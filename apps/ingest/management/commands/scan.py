"""`manage.py scan FOLDER`: adds a folder as a library, which is read and never changed, and looks through it."""

import argparse
import time
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from apps.accounts.models import User
from apps.ingest import services
from apps.jobs.models import Job
from apps.jobs.services import run_job
from apps.library.access import resolve
from apps.library.services import add_folder

WORDS = {  # what a scan counts
    "added": "new",
    "copies": "copied",
    "changed": "changed",
    "moved": "moved",
    "returned": "there again",
    "missing": "missing",
}


class Command(BaseCommand):
    help = "Adds a folder as a library and looks through it. The folder is read and never changed."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--user", help="whose library it is (the first administrator's)")
        parser.add_argument("--name", default="", help="what the library is called (like the folder)")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = self._owner(options["user"])
        try:
            library = add_folder(owner.pk, options["folder"], options["name"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        job = services.scan(resolve(owner), library.pk)
        while job.state in (Job.State.WAITING, Job.State.RUNNING):
            run_job(job.pk)  # here and now: the workers may not be running
            job.refresh_from_db()
            time.sleep(0.1)  # a worker may have taken it
        if job.state != Job.State.DONE:
            raise CommandError(job.error or f"The scan ended as {job.state}.")
        counts = job.cursor["counts"]
        found = ", ".join(f"{counts[name]} {words}" for name, words in WORDS.items() if counts[name])
        self.stdout.write(f"{library.name}: looked at {job.done} files in {library.root}: {found or 'nothing new'}.")
        if job.failed:
            self.stdout.write(f"{job.failed} files or folders could not be read; the log names them.")
        self.stdout.write("What is new is processed while MediaHub runs (make run).")

    def _owner(self, username: str | None) -> User:
        people = User.objects.filter(is_active=True)
        if username:
            found = people.filter(username__iexact=username).first()
            if found is None:
                raise CommandError(f"Nobody here is called {username}. See: manage.py create_user")
            return found
        administrator = people.filter(is_staff=True).order_by("id").first()
        if administrator is None:
            raise CommandError("There is no administrator yet. Make one: manage.py create_user NAME --administrator")
        return administrator
