from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.accounts.scope import Scope


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, scope: Scope) -> "JobQuerySet":
        """A job is its starter's: its title may name a folder, its error a file."""
        return self.filter(started_by_id=scope.user_id) if scope.user_id is not None else self.none()


class Job(models.Model):
    """Long work that somebody started, cut into pieces with a cursor: a killed worker's job goes on where it was."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    kind = models.CharField(max_length=32)  # a row of settings.JOB_KINDS
    title = models.CharField(max_length=200)
    started_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    target = models.CharField(max_length=64, blank=True)  # what it works on, as its kind writes it
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    cursor = models.JSONField(default=dict)
    total = models.PositiveBigIntegerField(null=True)
    done = models.PositiveBigIntegerField(default=0)
    skipped = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    error = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease = models.UUIDField(null=True)  # who works on it; another one's writes are refused
    lease_until = models.DateTimeField(null=True)
    cancel_requested = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            # one at a time for one target: a second "scan" of a folder joins the first
            models.UniqueConstraint(
                "kind",
                "target",
                name="job_one_at_a_time",
                condition=models.Q(state__in=["waiting", "running"]) & ~models.Q(target=""),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"


class Worker(models.Model):
    """A process that works, as it last reported itself."""

    host = models.CharField(max_length=255)
    process = models.PositiveIntegerField()
    lane = models.CharField(max_length=16)
    devices = models.JSONField(default=dict)
    sandbox = models.JSONField(default=dict)
    models_state = models.JSONField(default=dict)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint("host", "process", "lane", name="worker_once")]

    def __str__(self) -> str:
        return f"{self.lane} on {self.host} ({self.process})"


class Message(models.Model):
    """A message of the channel layer that is too long for a NOTIFY; swept after a minute."""

    body = models.BinaryField()
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"message {self.pk}"
