"""Kinds of job for the tests: real functions, called as the settings name them."""

import os
import signal
import time

from apps.jobs.models import Job
from apps.jobs.services import JobContext, JobError

PIECES = 5


def count(job: JobContext) -> None:
    """Five pieces; its cursor says which is next."""
    for piece in range(job.cursor.get("next", 0), PIECES):
        job.check()
        job.advance(done=1, total=PIECES, cursor={"next": piece + 1})


def refuse(job: JobContext) -> None:
    raise JobError("The folder is not there. Connect its disk.")


def crash(job: JobContext) -> None:
    raise ZeroDivisionError("a bug")


def cancel_oneself(job: JobContext) -> None:
    job.advance(done=1, cursor={"next": 1})
    Job.objects.filter(pk=job.row.pk).update(cancel_requested=True)
    count(job)


def lose(job: JobContext) -> None:
    """Another worker took the job, as after a long silence."""
    Job.objects.filter(pk=job.row.pk).update(lease=None, done=40)
    job.advance(done=1)
    raise AssertionError("what is not ours any more must not be written")


def outlast_its_turn(job: JobContext) -> None:
    job.advance(done=1, cursor={"next": 1})
    job.turn_ends = time.monotonic() - 1
    count(job)


def die_in_the_middle(job: JobContext) -> None:
    """Kills its worker at the third piece, the first time that it gets there."""
    for piece in range(job.cursor.get("next", 0), PIECES):
        job.check()
        if piece == 2 and not job.cursor.get("died"):
            Job.objects.filter(pk=job.row.pk).update(cursor={"next": 2, "died": True})
            os.kill(os.getpid(), signal.SIGKILL)
        job.advance(done=1, total=PIECES, cursor={"next": piece + 1, "died": piece >= 2})


KINDS = {
    function.__name__: f"tests.jobs.kinds.{function.__name__}"
    for function in (count, refuse, crash, cancel_oneself, lose, outlast_its_turn, die_in_the_middle)
}
