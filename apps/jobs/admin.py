"""Jobs and workers as the house's keepers see them: how far and whether alive, not what is in the files."""

from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.jobs import services
from apps.jobs.models import Job, Worker
from apps.jobs.workers import SILENT_SECONDS

if TYPE_CHECKING:
    JobModelAdmin = admin.ModelAdmin[Job]
    WorkerModelAdmin = admin.ModelAdmin[Worker]
else:
    JobModelAdmin = WorkerModelAdmin = admin.ModelAdmin


@admin.register(Job)
class JobAdmin(JobModelAdmin):
    """Without title, target and error: they may name a folder or a file of somebody."""

    list_display = ["id", "kind", "started_by", "state", "progress", "created_at", "finished_at"]
    list_display_links = ["id", "kind"]
    list_filter = ["state", "kind"]
    list_select_related = ["started_by"]
    fields = readonly_fields = (
        "kind", "started_by", "state", "done", "total", "skipped", "failed", "attempts", "cancel_requested",
        "created_at", "started_at", "finished_at",
    )  # fmt: skip
    actions = ["cancel"]

    @admin.display(description=_("progress"))
    def progress(self, job: Job) -> str:
        return f"{job.done} / {job.total}" if job.total is not None else str(job.done)

    @admin.action(description=_("Cancel the selected jobs"))
    def cancel(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        asked = sum(services.stop(job_id) for job_id in jobs.values_list("pk", flat=True))
        words = ngettext(
            "%(count)d job stops, at the latest after the piece it is at.",
            "%(count)d jobs stop, at the latest after the piece they are at.",
            asked,
        )
        self.message_user(request, words % {"count": asked}, messages.SUCCESS if asked else messages.WARNING)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return obj is None  # the list has the action; a single job is only looked at

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False


@admin.register(Worker)
class WorkerAdmin(WorkerModelAdmin):
    list_display = ["lane", "host", "process", "is_alive", "seen_at", "sandbox_layers", "models_known"]
    list_filter = ["lane", "host"]
    ordering = ["lane", "host", "process"]
    fields = readonly_fields = (
        "lane", "host", "process", "is_alive", "started_at", "seen_at", "devices", "sandbox", "models_state",
    )  # fmt: skip

    @admin.display(description=_("alive"), boolean=True)
    def is_alive(self, worker: Worker) -> bool:
        return worker.seen_at > timezone.now() - timedelta(seconds=SILENT_SECONDS)

    @admin.display(description=_("sandbox"))
    def sandbox_layers(self, worker: Worker) -> str:
        """How many layers hold, and which do not; the page of the worker names them all."""
        layers = {name: holds for name, holds in worker.sandbox.items() if isinstance(holds, bool)}
        if not layers:
            return "-"
        words = _("%(holding)d of %(all)d layers hold") % {"holding": sum(layers.values()), "all": len(layers)}
        missing = ", ".join(name for name, holds in layers.items() if not holds)
        return f"{words}; {_('without')} {missing}" if missing else words

    @admin.display(description=_("models"))
    def models_known(self, worker: Worker) -> str:
        return ", ".join(f"{role}: {state}" for role, state in worker.models_state.items()) or "-"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Worker | None = None) -> bool:
        return False
