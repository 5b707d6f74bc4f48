from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.library.models import Asset, Library
from apps.library.querysets import ScopedQuerySet


class StepRunQuerySet(ScopedQuerySet["StepRun"]):
    library_path: ClassVar[str] = "library_id"


class StepRun(models.Model):
    """Where one step stands for one asset. This row is the truth; the queue only rings."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        QUARANTINED = "quarantined", _("Set aside")
        SKIPPED = "skipped", _("Skipped")  # a step that it needs did not end well

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    library = models.ForeignKey(Library, on_delete=models.CASCADE, related_name="+")  # the asset's, for counting
    step = models.CharField(max_length=16)
    lane = models.CharField(max_length=8)
    state = models.CharField(max_length=11, choices=State.choices, default=State.WAITING)
    ready = models.BooleanField(default=False)  # all that it needs is done
    urgent = models.BooleanField(default=False)  # somebody waits for it: before the thousands of a folder
    version = models.PositiveSmallIntegerField(default=1)
    model = models.CharField(max_length=100, blank=True)
    revision = models.PositiveIntegerField(default=1)
    attempts = models.PositiveSmallIntegerField(default=0)
    attempts_alone = models.PositiveSmallIntegerField(default=0)
    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    failure = models.CharField(max_length=16, blank=True)  # the kind: unreadable, hung, not_installed, ...
    error = models.TextField(blank=True)  # one sentence for the owner
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    duration_ms = models.PositiveIntegerField(null=True)  # its share of the batch's time

    objects = StepRunQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint("asset", "step", name="step_run_once")]
        indexes = [
            # the next work of a lane: first what somebody waits for, first what was never tried
            models.Index(
                fields=["lane", "-urgent", "attempts", "id"],
                name="step_run_next",
                condition=Q(state="waiting", ready=True),
            ),
            models.Index(fields=["lease_until"], name="step_run_leases", condition=Q(state="running")),
            # how fast a step was in the last minute, and how long its last thousand took
            models.Index(fields=["step", "-finished_at"], name="step_run_recent", condition=Q(state="done")),
            models.Index(
                fields=["library", "-finished_at"],
                name="step_run_troubles",
                condition=Q(state__in=["failed", "quarantined"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step} of {self.asset_id}: {self.state}"


class StepTallyQuerySet(ScopedQuerySet["StepTally"]):
    library_path: ClassVar[str] = "library_id"


class StepTally(models.Model):
    """How many StepRuns of a library stand in a state: the sum of the differences that a trigger appends.

    Counting a million rows four times a second is not possible, and one counter row would make all workers wait for one
    another. Differences are only ever inserted; the sweeper folds them into one row now and then.
    """

    library = models.ForeignKey(Library, on_delete=models.CASCADE, related_name="+")
    step = models.CharField(max_length=16)
    state = models.CharField(max_length=11)
    difference = models.BigIntegerField()

    objects = StepTallyQuerySet.as_manager()

    class Meta:
        indexes = [models.Index("library", "step", "state", name="step_tally_sum")]

    def __str__(self) -> str:
        return f"{self.step} {self.state} {self.difference:+d}"
