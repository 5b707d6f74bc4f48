"""How the house itself is doing: for `manage.py status`, and for whoever shows it on a page."""

import fcntl
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Sum
from django.utils import timezone
from django_q.models import OrmQ

from apps.ingest.models import StepTally
from apps.jobs.models import Job, Worker
from apps.jobs.workers import SILENT_SECONDS


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    lane: str
    host: str
    process: int
    is_alive: bool
    seen_seconds_ago: int
    sandbox: dict[str, Any]
    models: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Status:
    version: str
    running: str  # "pid address" of the house at work in this data folder, or empty
    workers: tuple[WorkerStatus, ...]
    steps: dict[str, int]  # by state
    jobs: dict[str, int]  # by state
    bells: dict[str, int]  # by cluster
    data: str
    disk_free_bytes: int
    disk_reserve_bytes: int
    database: str
    database_bytes: int

    @property
    def troubles(self) -> list[str]:
        """What somebody should look at, in sentences."""
        found = []
        if self.running:
            alive = {worker.lane for worker in self.workers if worker.is_alive}
            found += [f"No worker does the {lane} lane." for lane in settings.LANES if lane not in alive]
        if self.disk_free_bytes < self.disk_reserve_bytes:
            found.append("The disk is nearly full: uploads are refused until some space is free.")
        for worker in self.workers:
            found += [f"The sandbox lacks: {name}." for name, holds in worker.sandbox.items() if holds is False]
        return found


def status() -> Status:
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database()), current_setting('server_version')")
        size, version = cursor.fetchone()
    return Status(
        version=settings.VERSION,
        running=running(),
        workers=tuple(
            WorkerStatus(
                lane=worker.lane,
                host=worker.host,
                process=worker.process,
                is_alive=worker.seen_at > now - timedelta(seconds=SILENT_SECONDS),
                seen_seconds_ago=round((now - worker.seen_at).total_seconds()),
                sandbox=worker.sandbox,
                models=worker.models_state,
            )
            for worker in Worker.objects.order_by("lane", "host", "process")
        ),
        steps={
            state: count
            for state, count in StepTally.objects.values_list("state").annotate(n=Sum("difference")).order_by("state")
            if count
        },
        jobs=dict(Job.objects.values_list("state").annotate(n=Count("id")).order_by("state")),
        bells=dict(OrmQ.objects.values_list("key").annotate(n=Count("id")).order_by("key")),
        data=str(settings.DATA_DIR),
        disk_free_bytes=shutil.disk_usage(settings.DATA_DIR).free,
        disk_reserve_bytes=settings.DISK_RESERVE_MB * 1024 * 1024,
        database=f"{'embedded ' if settings.EMBEDDED_DATABASE else ''}PostgreSQL {version}",
        database_bytes=size,
    )


def running() -> str:
    """Process and address of the house that is at work in this data folder; empty when there is none."""
    try:
        with (Path(settings.DATA_DIR) / "running").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read().strip()
    except FileNotFoundError:
        pass
    return ""
