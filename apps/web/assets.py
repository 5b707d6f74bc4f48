"""One asset with all that is known about it, joined across the apps, over HTTP."""

from typing import Any, ClassVar

from django.db import transaction
from django.urls import URLPattern, path, reverse
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api import ApiView
from apps.accounts.scope import Scope
from apps.duplicates.services import duplicates_of
from apps.ingest.services import states_of
from apps.library.access import scope_of
from apps.library.labels import country_name
from apps.library.models import Asset, Change, File
from apps.reading.services import text_of
from apps.search.api import AssetCardSerializer
from apps.search.services import Hit
from apps.tagging.services import quality_of, tags_of

TAG = inline_serializer(
    "AssetTag",
    {
        "family": serializers.CharField(),
        "name": serializers.CharField(),
        "source": serializers.CharField(),
        "score": serializers.FloatField(),
    },
    many=True,
)


class TextSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()
    language = serializers.CharField(allow_blank=True)
    score = serializers.FloatField()
    box = serializers.ListField(help_text="Four corners as shares of width and height, clockwise.")


class FileSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(File.Role.choices)
    path = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.SerializerMethodField()
    missing_since = serializers.DateTimeField(allow_null=True)

    def get_sha256(self, file: File) -> str:
        return bytes(file.sha256_now).hex()


class DuplicateSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    distance = serializers.IntegerField(help_text="How many of 256 bits differ.")
    form = serializers.IntegerField(help_text="0: as it is; 1 to 7: turned or mirrored.")


class EditSerializer(serializers.ModelSerializer[Asset]):
    """What a person may change of an asset."""

    class Meta:
        model = Asset
        fields = ["title", "description", "rating"]
        extra_kwargs = {"rating": {"min_value": 0, "max_value": 5}}


class AssetSerializer(AssetCardSerializer):
    state = serializers.CharField()
    original = serializers.CharField()
    format = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    rating = serializers.IntegerField(allow_null=True)
    keywords = serializers.ListField(child=serializers.CharField())
    added_at = serializers.DateTimeField()
    latitude = serializers.FloatField(allow_null=True)
    longitude = serializers.FloatField(allow_null=True)
    altitude = serializers.FloatField(allow_null=True)
    city = serializers.CharField()
    region = serializers.CharField()
    country = serializers.CharField()
    country_name = serializers.CharField()
    camera_make = serializers.CharField()
    camera_model = serializers.CharField()
    lens = serializers.CharField()
    exposure_time = serializers.FloatField(allow_null=True)
    f_number = serializers.FloatField(allow_null=True)
    iso = serializers.IntegerField(allow_null=True)
    focal_length = serializers.FloatField(allow_null=True)
    quality = serializers.IntegerField(allow_null=True, help_text="0 to 100; null: not known.")
    tags = TAG
    texts = TextSerializer(many=True)
    files = FileSerializer(many=True)
    duplicates = DuplicateSerializer(many=True)


OWN = [
    "format", "title", "description", "rating", "keywords", "added_at", "latitude", "longitude", "altitude", "city",
    "region", "country", "camera_make", "camera_model", "lens", "exposure_time", "f_number", "iso", "focal_length",
]  # fmt: skip


def detail(scope: Scope, asset: Asset) -> dict[str, Any]:
    quality = quality_of(asset)
    return {
        **AssetCardSerializer(Hit(asset, ())).data,
        **{name: getattr(asset, name) for name in OWN},
        "country_name": country_name(asset.country),
        "state": states_of([asset.pk]).get(asset.pk, "pending"),
        "original": reverse("media", args=[asset.pk, asset.revision, "original"]),
        "quality": quality.score if quality else None,
        "tags": [
            {"family": row.tag.family, "name": row.tag.name, "source": row.source, "score": row.score}
            for rows in tags_of(asset).values()
            for row in rows
        ],
        "texts": [
            {"text": line.text, "language": line.language, "score": line.score, "box": line.box}
            for line in text_of(asset)
        ],
        "files": FileSerializer(File.objects.visible_to(scope).filter(asset=asset).order_by("id"), many=True).data,
        "duplicates": [
            {"id": other.asset.pk, "distance": other.distance, "form": other.form}
            for other in duplicates_of(scope, asset)
        ],
    }


class AssetDetail(ApiView):
    actions: ClassVar = {"GET": "asset.read", "PATCH": "asset.update"}

    @extend_schema(operation_id="asset", responses=AssetSerializer)
    def get(self, request: Request, asset_id: int) -> Response:
        """One asset with its tags, its text, its files and its duplicates."""
        scope = scope_of(request)
        return Response(detail(scope, Asset.objects.visible_to(scope).get(pk=asset_id)))

    @extend_schema(operation_id="edit_asset", request=EditSerializer, responses=AssetSerializer)
    def patch(self, request: Request, asset_id: int) -> Response:
        """Changes title, description or rating. The file itself stays as it is."""
        scope = scope_of(request)
        asset = Asset.objects.editable_by(scope).get(pk=asset_id)
        wanted = EditSerializer(asset, data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        with transaction.atomic():
            asset = Asset.objects.editable_by(scope).select_for_update().get(pk=asset_id)
            asset.edit(wanted.validated_data)
            Change.objects.create(asset=asset)
        return Response(detail(scope, asset))


urlpatterns: list[URLPattern] = [path("assets/<int:asset_id>/", AssetDetail.as_view(), name="api-asset")]
