"""Listing, finding and counting assets over HTTP."""

import base64
from dataclasses import asdict
from datetime import UTC
from typing import Any, ClassVar

from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api import ApiView, KeysetPage
from apps.library.access import scope_of
from apps.library.models import Asset
from apps.search import services
from apps.search.query import Query
from apps.search.services import Hit, Suggestion
from apps.tagging.labels import tag_label
from apps.tagging.models import Tag

LARGEST_PAGE = 200
SUGGESTIONS, MOST_SUGGESTIONS = 10, 20


# -- What goes out ----------------------------------------------------------------------------------------------------
TAKEN = inline_serializer(
    "Taken",
    {
        "local": serializers.CharField(help_text="The clock on the wall where it was taken, without an offset."),
        "offset": serializers.IntegerField(allow_null=True, help_text="Minutes east of Greenwich; null: not known."),
        "source": serializers.ChoiceField(Asset.TakenSource.choices),
    },
    allow_null=True,
)


class AssetCardSerializer(serializers.Serializer[Hit]):
    """What a list shows of an asset."""

    id = serializers.IntegerField(source="asset.pk")
    revision = serializers.IntegerField(source="asset.revision")
    name = serializers.CharField(source="asset.name")
    kind = serializers.ChoiceField(Asset.Kind.choices, source="asset.kind")
    library = serializers.IntegerField(source="asset.library_id")
    width = serializers.IntegerField(source="asset.width", help_text="0: not yet known.")
    height = serializers.IntegerField(source="asset.height")
    taken = serializers.SerializerMethodField()
    sort_at = serializers.DateTimeField(
        source="asset.sort_at",
        default_timezone=UTC,
        help_text="Its place in the timeline: the clock on the wall, written as if it were UTC.",
    )
    thumbhash = serializers.SerializerMethodField(help_text="Base64; empty as long as the picture was not opened.")
    thumbnail = serializers.SerializerMethodField()
    preview = serializers.SerializerMethodField()
    why = serializers.ListField(
        child=serializers.CharField(),
        help_text="Where the words were found: title, name, keyword, tag, place, camera, text, description.",
    )

    @extend_schema_field(TAKEN)
    def get_taken(self, hit: Hit) -> dict[str, Any] | None:
        asset = hit.asset
        if asset.taken_local is None:
            return None
        return {
            "local": asset.taken_local.replace(tzinfo=None).isoformat(timespec="seconds"),
            "offset": asset.taken_offset,
            "source": asset.taken_source,
        }

    def get_thumbhash(self, hit: Hit) -> str:
        return base64.b64encode(hit.asset.thumbhash).decode()

    @extend_schema_field(OpenApiTypes.URI_REF)
    def get_thumbnail(self, hit: Hit) -> str:
        return _media_url(hit.asset, "thumbnail")

    @extend_schema_field(OpenApiTypes.URI_REF)
    def get_preview(self, hit: Hit) -> str:
        return _media_url(hit.asset, "preview")


def _media_url(asset: Asset, kind: str) -> str:
    return reverse("media", args=[asset.pk, asset.revision, kind])


SUGGESTION = inline_serializer(
    "Suggestion",
    {
        "kind": serializers.ChoiceField(("tag", "place", "camera", "keyword", "word", "name")),
        "label": serializers.CharField(help_text="Of a tag: family:name."),
        "title": serializers.CharField(help_text="The label as people read it."),
        "family": serializers.CharField(help_text="The family of a tag as people read it; else empty."),
        "count": serializers.IntegerField(help_text="So many are found by `params`; for words at least so many."),
        "params": serializers.CharField(help_text="The parameters of the search behind it."),
    },
    many=True,
)
MONTH = inline_serializer(
    "Month",
    {"year": serializers.IntegerField(), "month": serializers.IntegerField(), "count": serializers.IntegerField()},
    many=True,
)


def _suggested(suggestion: Suggestion) -> dict[str, Any]:
    family, _colon, name = suggestion.label.partition(":") if suggestion.kind == "tag" else ("", "", "")
    words = {"title": tag_label(family, name), "family": str(Tag.Family(family).label)} if family else {}
    return {**asdict(suggestion), "title": suggestion.label, "family": "", **words}


# -- What comes in ----------------------------------------------------------------------------------------------------
FILTERS = [
    OpenApiParameter("q", str, description='Words, "a phrase", -without, this or that.'),
    OpenApiParameter("from", OpenApiTypes.DATE, description="The first day."),
    OpenApiParameter("to", OpenApiTypes.DATE, description="The last day, itself included."),
    OpenApiParameter("kind", str, enum=Asset.Kind.values),
    OpenApiParameter("library", int, many=True),
    OpenApiParameter(
        "tag", str, many=True, description="family:name, or family:* for any of it; all of them must be there."
    ),
    OpenApiParameter("place", str, description="A town, region or country, in full."),
    OpenApiParameter("camera", str, description="A brand, a model or both, in full."),
    OpenApiParameter("duplicates", str, enum=["show", "hide"]),
]
PAGING = [OpenApiParameter("order", str, enum=["newest", "best"]), *KeysetPage.parameters]


def _answer(request: Request) -> Response:
    asked = KeysetPage(request, largest=LARGEST_PAGE)
    page = services.search(scope_of(request), Query.from_params(request.query_params), asked.cursor, asked.size)
    return asked.response(page, [AssetCardSerializer(hit).data for hit in page.items])


# -- Routes -----------------------------------------------------------------------------------------------------------
class AssetList(ApiView):
    actions: ClassVar = {"GET": "asset.read"}

    @extend_schema(
        operation_id="assets_list", parameters=[*FILTERS, *PAGING], responses=KeysetPage.of(AssetCardSerializer)
    )
    def get(self, request: Request) -> Response:
        """The assets you may see, newest first, with the filters of the search."""
        return _answer(request)


class Search(ApiView):
    actions: ClassVar = {"GET": "asset.read"}

    @extend_schema(operation_id="search", parameters=[*FILTERS, *PAGING], responses=KeysetPage.of(AssetCardSerializer))
    def get(self, request: Request) -> Response:
        """The assets you may see that match, and where the words were found."""
        return _answer(request)


class Suggest(ApiView):
    actions: ClassVar = {"GET": "asset.read"}

    @extend_schema(
        operation_id="search_suggest",
        parameters=[
            OpenApiParameter("q", str, description="What has been typed so far."),
            OpenApiParameter("limit", int, description=f"From 1 to {MOST_SUGGESTIONS}; {SUGGESTIONS} without it."),
        ],
        responses=SUGGESTION,
    )
    def get(self, request: Request) -> Response:
        """Tags, places, cameras, keywords and words that begin like this."""
        text = request.query_params.get("q", "")[:200]
        limit = request.query_params.get("limit", str(SUGGESTIONS))
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MOST_SUGGESTIONS):
            raise serializers.ValidationError(
                {"limit": [_("Give a number from 1 to %(most)s.") % {"most": MOST_SUGGESTIONS}]}
            )
        return Response([_suggested(each) for each in services.suggest(scope_of(request), text, int(limit))])


class Timeline(ApiView):
    actions: ClassVar = {"GET": "asset.read"}

    @extend_schema(operation_id="timeline", parameters=FILTERS, responses=MONTH)
    def get(self, request: Request) -> Response:
        """How many matching assets each month has, newest first; months without any are left out."""
        return Response(
            [asdict(month) for month in services.months(scope_of(request), Query.from_params(request.query_params))]
        )


urlpatterns: list[URLPattern] = [
    path("assets/", AssetList.as_view(), name="api-assets"),
    path("search/", Search.as_view(), name="api-search"),
    path("search/suggest/", Suggest.as_view(), name="api-suggest"),
    path("timeline/", Timeline.as_view(), name="api-timeline"),
]
