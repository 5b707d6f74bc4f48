"""`make run PHOTOS=~/Pictures`: registers the folder for the administrator, scans it and shows how far it is.

`python -m mediahub.photos NOTE`, a child of `mediahub.run`: NOTE is a file that names the folder. It is removed when
the folder has its library, so that a house that is stopped before it has an administrator remembers the wish.
"""

import os
import shutil
import sys
import time
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mediahub.settings")
django.setup()

from django.core.exceptions import ValidationError  # noqa: E402  # Django had to be set up first
from django.db import OperationalError, connection  # noqa: E402
from django.db.models import QuerySet  # noqa: E402
from django.urls import reverse  # noqa: E402

from apps.accounts.models import User  # noqa: E402
from apps.ingest import services as ingest  # noqa: E402
from apps.ingest.counts import FAILED  # noqa: E402
from apps.ingest.models import StepRun  # noqa: E402
from apps.ingest.steps import STEPS  # noqa: E402
from apps.jobs.models import Job  # noqa: E402
from apps.library.access import resolve  # noqa: E402
from apps.library.services import add_folder  # noqa: E402
from apps.web.status import running  # noqa: E402

LOOK_SECONDS = 1.0
BAR = 30
OPEN_STEPS = (StepRun.State.WAITING, StepRun.State.RUNNING)


def say(text: str, end: str = "\n") -> None:
    print(text, end=end, flush=True)  # noqa: T201  # this is the program's output


class Bar:
    """One line that is drawn over on a terminal; elsewhere a line whenever another tenth is done."""

    def __init__(self) -> None:
        self.lives = sys.stdout.isatty()
        self.tenth = -1

    def draw(self, label: str, done: int, total: int | None) -> None:
        if self.lives:
            filled = BAR * done // total if total else 0
            bar = f"[{'#' * filled}{'.' * (BAR - filled)}] " if total else ""
            line = f"{label}: {bar}{done:,}" + (f" of {total:,}" if total else "")
            say("\r" + line[: shutil.get_terminal_size().columns - 1] + "\033[K", end="")
        elif total and done * 10 // total != self.tenth:
            self.tenth = done * 10 // total
            say(f"{label}: {done:,} of {total:,}")

    def end(self, text: str) -> None:
        say(("\r\033[K" if self.lives else "") + text)


def main(note: Path) -> int:
    folder = Path(note.read_text())
    owner = first_administrator()
    if owner is None:
        say(f"{folder} is added as soon as there is an administrator.")
        while owner is None:
            time.sleep(LOOK_SECONDS)
            owner = first_administrator()
    try:
        library = add_folder(owner.pk, folder)
    except ValidationError as error:
        say(" ".join(error.messages))
        note.unlink()
        return 1
    job = ingest.scan(resolve(owner), library.pk)
    note.unlink()
    return follow(job.pk, library.pk, folder)


def first_administrator() -> User | None:
    return User.objects.filter(is_staff=True, is_active=True).order_by("id").first()


def follow(job_id: int, library_id: int, folder: Path) -> int:
    """Draws first the scan, then the work on what it found, until nothing is open."""
    bar = Bar()
    while True:
        try:
            job = Job.objects.get(pk=job_id)
            if job.state in (Job.State.WAITING, Job.State.RUNNING):
                bar.draw(f"Looking through {folder}", job.done, job.total)
            elif job.state != Job.State.DONE:
                bar.end(f"{folder}: {job.error or job.get_state_display()}")
                return 1
            else:
                steps = StepRun.objects.filter(library_id=library_id)
                total, still_open = steps.count(), steps.filter(state__in=OPEN_STEPS).count()
                if not still_open:
                    bar.end(f"{folder}: {job.done:,} files seen, {_in_words(job, steps)}")
                    return 0
                bar.draw(f"Processing {folder}", total - still_open, total)
        except OperationalError:  # the database starts again; so does our connection
            connection.close()
        time.sleep(LOOK_SECONDS)


def _in_words(job: Job, steps: QuerySet[StepRun]) -> str:
    """What became of them, in photos: the steps of one may have failed one after the other."""
    failed = steps.filter(state__in=FAILED)
    unopened = failed.filter(step=STEPS[0].name)
    unfinished = failed.exclude(asset__in=unopened.values("asset")).values("asset").distinct().count()
    troubles = [
        f"{count:,} {what}"
        for count, what in (
            (unopened.count(), "could not be opened"),
            (unfinished, "could not be processed completely"),
        )
        if count
    ]
    said = "everything is processed."
    if troubles:
        address = running().partition(" ")[2].rstrip("/") + reverse("processing")
        said = f"{', '.join(troubles)}: see Processing, {address}"
    return said + (f"\n{job.failed:,} files or folders could not be read; the log names them." if job.failed else "")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
