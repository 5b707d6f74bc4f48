"""Taking pictures in, and how far each of them is, over HTTP."""

from typing import Any, ClassVar

from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api import ApiView, KeysetPage
from apps.ingest import services
from apps.ingest.models import StepRun
from apps.ingest.steps import BY_NAME
from apps.ingest.uploads import Incoming
from apps.jobs.api import JobSerializer
from apps.library.access import scope_of
from apps.library.models import Asset

MOST_CHECKS = 1000
MOST_RETRIES = 1000


# -- Uploads ----------------------------------------------------------------------------------------------------------
class UploadSerializer(serializers.Serializer[Any]):
    """What comes with the bytes; the bytes themselves were taken over by IncomingHandler on their way in."""

    library = serializers.IntegerField(required=False, allow_null=True, help_text="Without it: your own library.")
    modified_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="When the file was last changed where it comes from."
    )


class UploadForm(UploadSerializer):
    file = serializers.FileField()


class AcceptedSerializer(serializers.Serializer[services.Accepted]):
    id = serializers.IntegerField(source="asset_id")
    created = serializers.BooleanField(help_text="False: the library had exactly this content already.")


class Uploads(ApiView):
    actions: ClassVar = {"POST": "asset.upload"}
    throttle_group = "upload"
    parser_classes = (MultiPartParser,)

    @extend_schema(
        operation_id="upload",
        request={"multipart/form-data": UploadForm},
        responses={201: AcceptedSerializer, 200: AcceptedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Keeps one file. 201: it is safe on the disk and will be processed. 200: it was here already."""
        sent = request.FILES.getlist("file")
        if len(sent) != 1 or len(request.FILES) != 1 or not isinstance(sent[0], Incoming):
            raise serializers.ValidationError({"file": [_("Send one file, in the field `file`.")]})
        form = request.POST
        wanted = UploadSerializer(data={name: value for name, value in form.items() if value})
        wanted.is_valid(raise_exception=True)
        accepted = services.accept_upload(
            scope_of(request),
            sent[0],
            wanted.validated_data.get("library"),
            wanted.validated_data.get("modified_at"),
        )
        answer = AcceptedSerializer(accepted).data
        return Response(answer, status.HTTP_201_CREATED if accepted.created else status.HTTP_200_OK)


class CheckSerializer(serializers.Serializer[Any]):
    library = serializers.IntegerField(required=False, allow_null=True, help_text="Without it: your own library.")
    sha256s = serializers.ListField(
        child=serializers.RegexField("^[0-9a-fA-F]{64}$"), max_length=MOST_CHECKS, help_text="SHA-256 in hexadecimal."
    )


class KnownSerializer(serializers.Serializer[Any]):
    known = serializers.DictField(child=serializers.IntegerField(), help_text="SHA-256 to the asset's id.")


class Check(ApiView):
    actions: ClassVar = {"POST": "asset.upload"}

    @extend_schema(operation_id="check_uploads", request=CheckSerializer, responses=KnownSerializer)
    def post(self, request: Request) -> Response:
        """Which of these contents the library has already, so that they need not be sent. Says nothing of others."""
        wanted = CheckSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        digests = [bytes.fromhex(text) for text in wanted.validated_data["sha256s"]]
        known = services.known(scope_of(request), wanted.validated_data.get("library"), digests)
        return Response({"known": {digest.hex(): asset_id for digest, asset_id in known.items()}})


# -- The steps of one asset -------------------------------------------------------------------------------------------
class StepRunSerializer(serializers.ModelSerializer[StepRun]):
    title = serializers.SerializerMethodField()

    class Meta:
        model = StepRun
        fields = read_only_fields = [
            "step", "title", "state", "attempts", "failure", "error", "model", "version",
            "started_at", "finished_at", "duration_ms",
        ]  # fmt: skip

    def get_title(self, row: StepRun) -> str:
        return str(BY_NAME[row.step].label) if row.step in BY_NAME else row.step


class AssetStepsSerializer(serializers.Serializer[Any]):
    state = serializers.CharField(help_text="pending, the step it is at, completed, partial or failed.")
    steps = StepRunSerializer(many=True)


class AssetSteps(ApiView):
    actions: ClassVar = {"GET": "asset.read"}

    @extend_schema(operation_id="asset_steps", responses=AssetStepsSerializer)
    def get(self, request: Request, asset_id: int) -> Response:
        """How far one asset is, step by step."""
        asset = Asset.objects.visible_to(scope_of(request)).get(pk=asset_id)
        return Response(steps_answer(asset))


def steps_answer(asset: Asset) -> dict[str, Any]:
    state = services.states_of([asset.pk]).get(asset.pk, "pending")
    return {"state": state, "steps": StepRunSerializer(services.steps_of(asset), many=True).data}


class RetrySerializer(serializers.Serializer[Any]):
    step = serializers.ChoiceField(
        [(name, name) for name in BY_NAME],
        required=False,
        allow_null=True,
        help_text="Without it: whatever did not end well.",
    )


class AssetRetry(ApiView):
    actions: ClassVar = {"POST": "asset.update"}

    @extend_schema(operation_id="retry_asset", request=RetrySerializer, responses={202: AssetStepsSerializer})
    def post(self, request: Request, asset_id: int) -> Response:
        """Does a step of one asset again, and all that depends on it."""
        wanted = RetrySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        scope = scope_of(request)
        asset = Asset.objects.editable_by(scope).get(pk=asset_id)
        services.retry(scope, [asset.pk], wanted.validated_data.get("step"))
        return Response(steps_answer(asset), status.HTTP_202_ACCEPTED)


# -- All of them ------------------------------------------------------------------------------------------------------
class StepCountSerializer(serializers.Serializer[Any]):
    step = serializers.CharField()
    title = serializers.CharField(source="label")
    waiting = serializers.IntegerField()
    running = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    per_minute = serializers.IntegerField()
    seconds_left = serializers.IntegerField(allow_null=True)


class ProcessingSerializer(serializers.Serializer[Any]):
    steps = StepCountSerializer(many=True)


class Processing(ApiView):
    actions: ClassVar = {"GET": "job.read"}

    @extend_schema(operation_id="processing", responses=ProcessingSerializer)
    def get(self, request: Request) -> Response:
        """How many of the assets that you see wait at each step, are worked on, done or failed."""
        return Response({"steps": StepCountSerializer(services.step_counts(scope_of(request)), many=True).data})


class TroubleSerializer(StepRunSerializer):
    asset = serializers.IntegerField(source="asset_id")
    name = serializers.CharField(source="asset.name")
    library = serializers.IntegerField(source="library_id")

    class Meta(StepRunSerializer.Meta):
        fields = read_only_fields = ["asset", "name", "library", *StepRunSerializer.Meta.fields]


class Troubles(ApiView):
    actions: ClassVar = {"GET": "job.read"}

    @extend_schema(
        operation_id="troubles", parameters=KeysetPage.parameters, responses=KeysetPage.of(TroubleSerializer)
    )
    def get(self, request: Request) -> Response:
        """What did not end well, newest first, with the reason."""
        asked = KeysetPage(request, size=50)
        page = services.troubles(scope_of(request), asked.cursor, asked.size)
        return asked.response(page, list(TroubleSerializer(page.items, many=True).data))


class RetryManySerializer(serializers.Serializer[Any]):
    assets = serializers.ListField(
        child=serializers.IntegerField(), required=False, max_length=MOST_RETRIES, help_text="Without it: all of them."
    )


class RetriedSerializer(serializers.Serializer[Any]):
    retried = serializers.IntegerField(help_text="How many assets were begun again.")


class RetryMany(ApiView):
    actions: ClassVar = {"POST": "asset.update"}

    @extend_schema(operation_id="retry_troubles", request=RetryManySerializer, responses={202: RetriedSerializer})
    def post(self, request: Request) -> Response:
        """Tries again what did not end well: of these assets, or of all that you may change. Others are passed over."""
        wanted = RetryManySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        scope, chosen = scope_of(request), wanted.validated_data.get("assets")
        retried = services.retry_all(scope) if chosen is None else services.retry(scope, chosen)
        return Response({"retried": retried}, status.HTTP_202_ACCEPTED)


class LibraryScan(ApiView):
    actions: ClassVar = {"POST": "library.update"}

    @extend_schema(operation_id="scan_library", request=None, responses={202: JobSerializer})
    def post(self, request: Request, library_id: int) -> Response:
        """Looks through a folder library of yours for what is new. One that is being looked through is joined."""
        job = services.scan(scope_of(request), library_id)
        return Response(JobSerializer(job).data, status.HTTP_202_ACCEPTED)


urlpatterns: list[URLPattern] = [
    path("uploads/", Uploads.as_view(), name="api-uploads"),
    path("uploads/check", Check.as_view(), name="api-uploads-check"),
    path("assets/<int:asset_id>/steps/", AssetSteps.as_view(), name="api-asset-steps"),
    path("assets/<int:asset_id>/retry/", AssetRetry.as_view(), name="api-asset-retry"),
    path("processing/", Processing.as_view(), name="api-processing"),
    path("processing/troubles/", Troubles.as_view(), name="api-troubles"),
    path("processing/retry/", RetryMany.as_view(), name="api-retry"),
    path("libraries/<int:library_id>/scan/", LibraryScan.as_view(), name="api-scan"),
]
