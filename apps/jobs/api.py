"""The long work that a person started, over HTTP."""

from dataclasses import dataclass
from typing import ClassVar

from django.http import Http404
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api import ApiView, KeysetPage
from apps.accounts.models import ApiKey, User
from apps.accounts.scope import Scope
from apps.jobs import services
from apps.jobs.models import Job


class JobSerializer(serializers.ModelSerializer[Job]):
    class Meta:
        model = Job
        fields = read_only_fields = [
            "id", "kind", "title", "target", "state", "done", "total", "skipped", "failed", "error", "cancel_requested",
            "created_at", "started_at", "finished_at",
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class JobPage:
    """Newest first. A cursor is `before-` or `after-` and the number of a job."""

    items: list[Job]
    next: str | None
    previous: str | None

    @classmethod
    def of(cls, scope: Scope, cursor: str | None, size: int) -> "JobPage":
        """Raises ValueError for a cursor that is none."""
        jobs = Job.objects.visible_to(scope)
        direction, _dash, number = (cursor or "before-0").partition("-")
        if direction not in ("before", "after") or not number.isdecimal() or len(number) > 18:
            raise ValueError("no cursor")
        edge = int(number)
        if direction == "after":
            items = list(jobs.filter(pk__gt=edge).order_by("id")[:size])[::-1]
        else:
            items = list((jobs.filter(pk__lt=edge) if edge else jobs).order_by("-id")[:size])
        if not items:
            return cls([], None, None)
        return cls(
            items,
            next=f"before-{items[-1].pk}" if jobs.filter(pk__lt=items[-1].pk).exists() else None,
            previous=f"after-{items[0].pk}" if jobs.filter(pk__gt=items[0].pk).exists() else None,
        )


def scope_of(request: Request) -> Scope:
    """The starter is all that counts for a job; libraries are of a higher floor."""
    user, key = request.user, request.auth
    if not isinstance(user, User):
        return Scope(user_id=None)
    return Scope(user_id=user.pk, actions=frozenset(key.scopes) if isinstance(key, ApiKey) else None)


class JobList(ApiView):
    actions: ClassVar = {"GET": "job.read"}

    @extend_schema(operation_id="jobs_list", parameters=KeysetPage.parameters, responses=KeysetPage.of(JobSerializer))
    def get(self, request: Request) -> Response:
        """The jobs you started, newest first."""
        asked = KeysetPage(request)
        try:
            page = JobPage.of(scope_of(request), asked.cursor, asked.size)
        except ValueError as error:
            raise serializers.ValidationError({"cursor": _("This is no page of the list. Begin again.")}) from error
        return asked.response(page, list(JobSerializer(page.items, many=True).data))


class JobDetail(ApiView):
    actions: ClassVar = {"GET": "job.read"}

    @extend_schema(operation_id="jobs_read", responses=JobSerializer)
    def get(self, request: Request, job_id: int) -> Response:
        """One job that you started."""
        job = Job.objects.visible_to(scope_of(request)).filter(pk=job_id).first()
        if job is None:
            raise Http404
        return Response(JobSerializer(job).data)


class JobCancel(ApiView):
    actions: ClassVar = {"POST": "job.update"}

    @extend_schema(operation_id="jobs_cancel", request=None, responses=JobSerializer)
    def post(self, request: Request, job_id: int) -> Response:
        """Stops a job that you started: at once when it waits, after the piece it is at when it runs."""
        try:
            return Response(JobSerializer(services.cancel(scope_of(request), job_id)).data)
        except Job.DoesNotExist:
            raise Http404 from None


urlpatterns: list[URLPattern] = [
    path("jobs/", JobList.as_view(), name="api-jobs"),
    path("jobs/<int:job_id>/", JobDetail.as_view(), name="api-job"),
    path("jobs/<int:job_id>/cancel/", JobCancel.as_view(), name="api-job-cancel"),
]
