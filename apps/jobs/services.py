"""Long work that a person started: begun once, cut into pieces, gone on with after a kill, stopped on request."""

import logging
import time
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connections, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django_q.models import Task

from apps.accounts.models import User
from apps.accounts.scope import Scope
from apps.jobs import bell, workers
from apps.jobs.models import Job, Message, Worker
from apps.jobs.progress import Coalesced

log = logging.getLogger("mediahub.job")

RUN = "apps.jobs.services.run_job"
CLUSTER = "default"
ATTEMPTS = 3  # at the same piece
TURN_SECONDS = 300  # then the worker is given back to the queue, and the job goes on in its turn
KEEP_TASKS, KEEP_MESSAGES, KEEP_WORKERS = timedelta(days=2), timedelta(minutes=1), timedelta(days=1)

OPEN = (Job.State.WAITING, Job.State.RUNNING)


class JobError(Exception):
    """The job cannot be done, and trying again would not help. The message is for the person who started it."""


class Interrupted(Exception):
    """The work ends here for now: asked to, or not ours any more. Kinds of job let it pass."""


class Cancelled(Interrupted):
    """The job is to be ended, not only paused."""


# -- What a person does -----------------------------------------------------------------------------------------------
def start(kind: str, target: str, user: User, title: str) -> Job:
    """Begins a job, or joins the one that is at work on the same target already."""
    if kind not in settings.JOB_KINDS:
        raise KeyError(f"{kind!r} is no kind of job; see settings.JOB_KINDS")
    try:
        with transaction.atomic():
            job = Job.objects.create(kind=kind, target=target, started_by=user, title=title[:200])
    except IntegrityError:
        running = Job.objects.filter(kind=kind, target=target, state__in=OPEN).first()
        if running is None:  # it ended in this very moment
            return start(kind, target, user, title)
        return running
    _ring(job.pk)
    return job


def cancel(scope: Scope, job_id: int) -> Job:
    """Asks a job to stop: one that waits ends at once, one that runs after its piece. Raises Job.DoesNotExist when it
    is not the asker's."""
    job = Job.objects.visible_to(scope).get(pk=job_id)
    stop(job.pk)
    job.refresh_from_db()
    return job


def stop(job_id: int) -> bool:
    """Asks any job to stop, whoever started it; its starter is told. False when it had ended before."""
    asked = Job.objects.filter(pk=job_id, state__in=OPEN).update(cancel_requested=True)
    Job.objects.filter(pk=job_id, state=Job.State.WAITING).update(state=Job.State.CANCELLED, finished_at=timezone.now())
    _tell(Job.objects.get(pk=job_id))
    return bool(asked)


# -- What a worker does -----------------------------------------------------------------------------------------------
@dataclass
class JobContext:
    """What a kind of job works with: `function(job)`. It calls `check` before each piece and `advance` after it; both
    may raise Interrupted, which it lets pass. When it is called again it goes on behind `cursor`."""

    row: Job
    lease: uuid.UUID
    told: Coalesced = field(default_factory=Coalesced)
    turn_ends: float = field(default_factory=lambda: time.monotonic() + TURN_SECONDS)
    renewed: float = field(default_factory=time.monotonic)

    @property
    def target(self) -> str:
        return self.row.target

    @property
    def cursor(self) -> dict[str, Any]:
        """What the last `advance` kept; empty at the beginning."""
        cursor: dict[str, Any] = self.row.cursor
        return cursor

    def starter(self) -> User:
        """The person for whom it is done, as they are now: ask with their scope, for every piece."""
        return User.objects.get(pk=self.row.started_by_id)

    def check(self) -> None:
        """Raises Interrupted when the job may not go on: cancelled, its starter shut out, its turn over, the house
        closing. Renews the lease in time."""
        if workers.stopping() or time.monotonic() > self.turn_ends:
            raise Interrupted
        if time.monotonic() - self.renewed > settings.LEASE_SECONDS / 3:
            self._keep()
        state = Job.objects.filter(pk=self.row.pk, lease=self.lease).values_list(
            "cancel_requested", "started_by__is_active"
        )
        found = state.first()
        if found is None:
            raise Interrupted
        cancel_requested, may_go_on = found
        if cancel_requested or not may_go_on:
            raise Cancelled

    def advance(
        self,
        *,
        done: int = 0,
        skipped: int = 0,
        failed: int = 0,
        total: int | None = None,
        cursor: dict[str, Any] | None = None,
    ) -> None:
        """Writes how far it is: numbers to add, the total when it is known, and where to go on. A piece that was
        written down is never done again, and the attempts are counted anew for the next one."""
        changes: dict[str, Any] = {
            "done": F("done") + done,
            "skipped": F("skipped") + skipped,
            "failed": F("failed") + failed,
        }
        if total is not None:
            changes["total"] = total
        if cursor is not None:
            changes |= {"cursor": cursor, "attempts": 0}
        self._keep(**changes)
        self.row.refresh_from_db()
        _tell(self.row, self.told)

    def _keep(self, **changes: Any) -> None:
        """Renews the lease. Raises Interrupted when the job is no longer ours."""
        self.renewed = time.monotonic()
        mine = Job.objects.filter(pk=self.row.pk, lease=self.lease, state=Job.State.RUNNING)
        if not mine.update(lease_until=_lease_end(), **changes):
            raise Interrupted


def run_job(job_id: int) -> None:
    """The task behind a job's bell. Delivered twice or late it does nothing."""
    job = _claim(job_id)
    if job is None or job.lease is None:
        return
    context = JobContext(job, job.lease)
    started = time.monotonic()
    _tell(job)
    try:
        import_string(settings.JOB_KINDS[job.kind])(context)
        _end(context, Job.State.DONE)
    except Cancelled:
        _end(context, Job.State.CANCELLED)
    except Interrupted:
        _pause(context)
    except JobError as error:
        _end(context, Job.State.FAILED, str(error))
    except (OperationalError, InterfaceError):
        # The database went away. The row still names this lease; the sweeper gives it away when it ends.
        log.warning("The database does not answer; the job waits for it.", exc_info=True)
        connections.close_all()
        return
    except Exception as error:  # the border to the kinds of job: a bug in one must not leave a job running for ever
        log.exception("job crashed", extra={"job": job.pk, "kind": job.kind})
        _fail_or_repeat(context, f"{type(error).__name__}: {error}"[:500])
    context.told.flush()
    log.info(
        "job",
        extra={"job": job.pk, "kind": job.kind, "state": job.state, "duration_ms": _milliseconds(started)},
    )


def _milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _lease_end() -> Any:
    return Now() + timedelta(seconds=settings.LEASE_SECONDS)  # by the clock of the database: workers' clocks differ


def _claim(job_id: int) -> Job | None:
    """Takes a job that waits, or whose worker went silent. The attempt is counted, and committed, before the work."""
    free = Q(state=Job.State.WAITING) | Q(state=Job.State.RUNNING, lease_until__lt=Now())
    lease = uuid.uuid4()
    open_jobs = Job.objects.filter(free, pk=job_id, cancel_requested=False, attempts__lt=ATTEMPTS)
    taken = open_jobs.update(
        state=Job.State.RUNNING,
        lease=lease,
        lease_until=_lease_end(),
        attempts=F("attempts") + 1,
        started_at=Coalesce("started_at", Now()),
    )
    return Job.objects.get(pk=job_id) if taken else None


def _end(context: JobContext, state: Job.State, error: str = "") -> None:
    mine = Job.objects.filter(pk=context.row.pk, lease=context.lease, state=Job.State.RUNNING)
    mine.update(state=state, error=error, lease=None, lease_until=None, finished_at=Now())
    context.row.refresh_from_db()
    _tell(context.row, context.told)


def _pause(context: JobContext) -> None:
    """Gives the job back, to be gone on with. Nothing went wrong, so the attempt does not count."""
    mine = Job.objects.filter(pk=context.row.pk, lease=context.lease, state=Job.State.RUNNING)
    if mine.update(state=Job.State.WAITING, lease=None, lease_until=None, attempts=0):
        _ring(context.row.pk)
    context.row.refresh_from_db()


def _fail_or_repeat(context: JobContext, reason: str) -> None:
    context.row.refresh_from_db()
    if context.row.attempts >= ATTEMPTS:
        _end(context, Job.State.FAILED, reason)
        return
    mine = Job.objects.filter(pk=context.row.pk, lease=context.lease, state=Job.State.RUNNING)
    mine.update(state=Job.State.WAITING, error=reason, lease=None, lease_until=None)  # the sweeper rings again
    context.row.refresh_from_db()


def _ring(job_id: int) -> None:
    transaction.on_commit(partial(bell.send, RUN, job_id, cluster=CLUSTER), robust=True)


def _tell(job: Job, told: Coalesced | None = None) -> None:
    message = {
        "type": "job",
        "id": job.pk,
        "kind": job.kind,
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "skipped": job.skipped,
        "failed": job.failed,
    }
    (told or Coalesced()).publish(f"job.{job.pk}", [job.started_by_id], message)


# -- Keeping the rows true --------------------------------------------------------------------------------------------
def sweep() -> None:
    """Once a minute: ends what nobody can go on with, rings for what waits or whose worker went silent, and drops what
    the channel layer has delivered."""
    silent = Job.objects.filter(state=Job.State.RUNNING, lease_until__lt=Now())
    silent.filter(cancel_requested=True).update(state=Job.State.CANCELLED, lease=None, finished_at=Now())
    silent.filter(attempts__gte=ATTEMPTS).update(
        state=Job.State.FAILED,
        error=_("The process that worked on it ended unexpectedly %(count)d times.") % {"count": ATTEMPTS},
        lease=None,
        finished_at=Now(),
    )
    abandoned = Q(state=Job.State.RUNNING, lease_until__lt=Now()) | Q(
        state=Job.State.WAITING, created_at__lt=Now() - timedelta(seconds=30)
    )
    Message.objects.filter(at__lt=Now() - KEEP_MESSAGES).delete()
    for job_id in Job.objects.filter(abandoned).order_by("id").values_list("id", flat=True)[:100]:
        _ring(job_id)


def sweep_at_start() -> None:
    """Before anything runs: no job has a worker, no worker row has a process."""
    workers.forget_this_host()
    Job.objects.filter(state=Job.State.RUNNING).update(lease_until=timezone.now() - timedelta(seconds=1))
    sweep()


def prune() -> None:
    """Once an hour: rows that nobody will read again."""
    now = timezone.now()
    Task.objects.filter(stopped__lt=now - KEEP_TASKS).delete()
    Worker.objects.filter(seen_at__lt=now - KEEP_WORKERS).delete()
