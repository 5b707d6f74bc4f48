"""How far everything is: each step, the jobs, what came in last, and what needs attention."""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from apps.ingest import services as ingest
from apps.ingest.counts import StepCount
from apps.ingest.models import StepRun
from apps.ingest.steps import BY_NAME
from apps.jobs import services as jobs
from apps.jobs.models import Job
from apps.library.access import scope_of
from apps.library.models import Asset
from apps.library.paging import BadCursor
from apps.web import services

TROUBLES_ON_A_PAGE = 50
NEWEST = 18
JOBS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Progress:
    """All steps together."""

    ended: int
    total: int
    failed: int
    active: int
    seconds_left: int | None  # None: something waits and nothing of its kind moved lately

    @property
    def percent(self) -> int:
        """Rounded down: a hundred means that all is done."""
        return 100 * self.ended // self.total if self.total else 100


@dataclass(frozen=True, slots=True)
class Trouble:
    run: StepRun
    label: str | Promise
    may_retry: bool


def progress_of(counts: list[StepCount]) -> Progress:
    total = sum(count.total for count in counts)
    unfinished = [count for count in counts if count.waiting or count.running]
    active = sum(count.waiting + count.running for count in unfinished)
    left = [count.seconds_left for count in unfinished if count.seconds_left is not None]
    return Progress(
        ended=total - active,
        total=total,
        failed=sum(count.failed for count in counts),
        active=active,
        seconds_left=max(left) if left and len(left) == len(unfinished) else None,
    )


@require_safe
@login_required
def processing(request: HttpRequest) -> HttpResponse:
    """The page; with the header `X-Part` only what changes while one looks at it."""
    scope = scope_of(request)
    counts = ingest.step_counts(scope)
    context = {
        "counts": counts,
        "progress": progress_of(counts),
        "jobs": Job.objects.visible_to(scope).order_by("-created_at")[:JOBS_SHOWN],
        "newest": services.newest(scope, NEWEST),
    }
    template = "web/_processing_now.html" if "X-Part" in request.headers else "web/processing.html"
    return render(request, template, context)


@require_safe
@login_required
def troubles(request: HttpRequest) -> HttpResponse:
    scope = scope_of(request)
    try:
        page = ingest.troubles(scope, request.GET.get("cursor"), TROUBLES_ON_A_PAGE)
    except BadCursor:
        return redirect("troubles")
    shown = [
        Trouble(run, BY_NAME[run.step].label if run.step in BY_NAME else run.step, run.library_id in scope.editable)
        for run in page.items
    ]
    context = {"page": page, "troubles": shown, "progress": progress_of(ingest.step_counts(scope))}
    return render(request, "web/troubles.html", context)


@require_POST
@login_required
def retry(request: HttpRequest) -> HttpResponse:
    """Tries one asset's step again, or everything. Answers htmx with what takes the place of the row."""
    scope = scope_of(request)
    if "all" in request.POST:
        count = ingest.retry_all(scope)
        words = ngettext("%(count)d item is tried again.", "%(count)d items are tried again.", count)
        messages.success(request, words % {"count": count})
        return redirect("processing")
    try:
        asset_id = int(request.POST["asset"])
    except (KeyError, ValueError) as error:
        raise Http404 from error
    step = request.POST.get("step")
    if step not in BY_NAME or not ingest.retry(scope, [asset_id], step):
        raise Http404
    if request.headers.get("HX-Request"):
        asset = Asset.objects.visible_to(scope).get(pk=asset_id)
        return render(request, "web/_trouble_retried.html", {"asset": asset})
    messages.success(request, _("It is tried again."))
    return redirect("troubles")


@require_POST
@login_required
def cancel_job(request: HttpRequest, job_id: int) -> HttpResponse:
    try:
        job = jobs.cancel(scope_of(request), job_id)
    except Job.DoesNotExist:
        raise Http404 from None
    if request.headers.get("HX-Request"):
        return render(request, "web/_job.html", {"job": job})
    return redirect("processing")
