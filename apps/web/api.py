"""Numbers over HTTP: what the asker has, and how the house is doing."""

from typing import Any, ClassVar

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api import ApiView
from apps.library.access import scope_of
from apps.web import services
from apps.web.status import Status, status


# -- What goes out ----------------------------------------------------------------------------------------------------
class FigureSerializer(serializers.Serializer[services.Figure]):
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name; the base has an attribute
    count = serializers.IntegerField()
    params = serializers.CharField(help_text="The parameters of the search that finds exactly these.")
    bytes = serializers.IntegerField(allow_null=True, help_text="Of their files, where storage is what is counted.")


class MonthFigureSerializer(serializers.Serializer[services.MonthFigure]):
    year = serializers.IntegerField()
    month = serializers.IntegerField()
    count = serializers.IntegerField()
    params = serializers.CharField()


class StepTimeSerializer(serializers.Serializer[services.StepTime]):
    step = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    milliseconds = serializers.FloatField(help_text="On average, over the last thousand items.")


class StatisticsSerializer(serializers.Serializer[services.Statistics]):
    items = serializers.IntegerField()
    bytes = serializers.IntegerField()
    months = MonthFigureSerializer(many=True, help_text="Newest first; months without items are left out.")
    tags = FigureSerializer(many=True)
    families = FigureSerializer(many=True)
    kinds = FigureSerializer(many=True)
    formats = FigureSerializer(many=True)
    cameras = FigureSerializer(many=True)
    places = FigureSerializer(many=True)
    steps = StepTimeSerializer(many=True)


class WorkerStatusSerializer(serializers.Serializer[Any]):
    lane = serializers.CharField()
    host = serializers.CharField()
    is_alive = serializers.BooleanField()
    seen_seconds_ago = serializers.IntegerField()
    sandbox = serializers.DictField(help_text="Each layer, and whether it holds.")
    models = serializers.DictField(help_text="Each role, and the state of its model.")


class StatusSerializer(serializers.Serializer[Status]):
    """Nothing of what people have: every member of the household may read it."""

    version = serializers.CharField()
    database = serializers.CharField()
    database_bytes = serializers.IntegerField()
    disk_free_bytes = serializers.IntegerField()
    disk_reserve_bytes = serializers.IntegerField(help_text="With less than this free, uploads are refused.")
    workers = WorkerStatusSerializer(many=True)
    troubles = serializers.ListField(child=serializers.CharField(), help_text="What somebody should look at.")


# -- Routes -----------------------------------------------------------------------------------------------------------
class StatisticsView(ApiView):
    actions: ClassVar = {"GET": "statistic.read"}

    @extend_schema(operation_id="statistics", responses=StatisticsSerializer)
    def get(self, request: Request) -> Response:
        """What you have, in numbers, each with the search behind it."""
        return Response(StatisticsSerializer(services.statistics(scope_of(request))).data)


class StatusView(ApiView):
    actions: ClassVar = {"GET": "job.read"}

    @extend_schema(operation_id="status", responses=StatusSerializer)
    def get(self, request: Request) -> Response:
        """How the house is doing: workers, sandbox, models, room."""
        return Response(StatusSerializer(status()).data)


urlpatterns: list[URLPattern] = [
    path("stats", StatisticsView.as_view(), name="api-statistics"),
    path("status/", StatusView.as_view(), name="api-status"),
]
