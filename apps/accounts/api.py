"""What every endpoint of the API stands on: who asks, what they may, how often, and how lists come in pages."""

import time
from collections.abc import Mapping, Sequence
from functools import cache as cache_once
from typing import Any, ClassVar, Protocol
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.versioning import AcceptHeaderVersioning
from rest_framework.views import APIView

from apps.accounts.authentication import (
    BrowserSessionAuthentication,
    KeyAuthentication,
    MobileSessionAuthentication,
    recognise_program,
)
from apps.accounts.models import ApiKey
from apps.accounts.permissions import ADMINISTRATOR, ANYONE, PERSON, RequiresAction

__all__ = [
    "ADMINISTRATOR",
    "ANYONE",
    "PERSON",
    "ApiView",
    "KeysetPage",
    "LimitedJSONParser",
    "RequiresAction",
    "Throttle",
    "recognise_program",
]

VERSIONS = ("1",)


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class LimitedJSONParser(JSONParser):
    """Django limits forms; the REST framework reads JSON without one."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        request = (parser_context or {}).get("request")
        length = int(request.META.get("CONTENT_LENGTH") or 0) if request is not None else 0
        if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge(
                _("The request is larger than %(size)s bytes. Send it in parts.")
                % {"size": settings.DATA_UPLOAD_MAX_MEMORY_SIZE}
            )
        return super().parse(stream, media_type, parser_context)


class Throttle(BaseThrottle):
    """So many requests a minute: by address, by person, by key (settings.API_RATES). Counted in the table of the shared
    cache, one number for each minute. By statements of our own: the cache's `add` tries an insert that fails whenever
    the key is there, which PostgreSQL logs as an error, and its `incr` forgets some of those who ask at once."""

    COUNT = (
        "INSERT INTO cache AS known (cache_key, value, expires) VALUES (%s, '1', now() + interval '2 minutes')"
        " ON CONFLICT (cache_key) DO UPDATE SET value = (known.value::bigint + 1)::text RETURNING value::bigint"
    )
    SWEEP = (  # a few at a time, so that the table stays as small as what is asked
        "DELETE FROM cache WHERE cache_key IN"
        " (SELECT cache_key FROM cache WHERE expires < now() LIMIT 100 FOR UPDATE SKIP LOCKED)"
    )

    def allow_request(self, request: Request, view: APIView) -> bool:
        group, who = self._asker(request, view)
        now = time.time()
        self.seconds_left = 60 - now % 60
        with connection.cursor() as cursor:
            cursor.execute(self.COUNT, [f"requests:{group}:{who[:100]}:{int(now // 60)}"])
            (count,) = cursor.fetchone()
            if count == 1:
                cursor.execute(self.SWEEP)
        return bool(count <= settings.API_RATES[group])

    def wait(self) -> float:
        return self.seconds_left

    def _asker(self, request: Request, view: APIView) -> tuple[str, str]:
        upload = getattr(view, "throttle_group", "") == "upload"
        if isinstance(request.user, AnonymousUser) or request.user is None:
            return "anonymous", self.get_ident(request)
        if isinstance(request.auth, ApiKey):
            return "upload" if upload else "key", f"key{request.auth.pk}"
        return "upload" if upload else "person", f"user{request.user.pk}"


class ApiView(APIView):
    """The base of every endpoint. `actions` says what each method needs; see RequiresAction."""

    actions: ClassVar[Mapping[str, str]] = {}
    throttle_group: ClassVar[str] = ""  # "upload" for what brings pictures in

    # The first one decides between 401 and 403: an anonymous request is told to identify itself.
    authentication_classes: Sequence[type[BaseAuthentication]] = (
        KeyAuthentication,
        MobileSessionAuthentication,
        BrowserSessionAuthentication,
    )
    permission_classes = (RequiresAction,)
    throttle_classes = (Throttle,)
    parser_classes: Sequence[type[BaseParser]] = (LimitedJSONParser,)
    versioning_class = AcceptHeaderVersioning
    http_method_names = ("get", "head", "post", "put", "patch", "delete")  # no OPTIONS: the schema says it all

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Any:
        if response.status_code >= 400:  # a problem is JSON, whatever else the view speaks
            request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer["X-Api-Version"] = VERSIONS[-1]
        answer.setdefault("Cache-Control", "private, no-store")
        return answer


class PageLike(Protocol):
    """Anything with cursors: `apps.library.paging.Page` is one."""

    @property
    def next(self) -> str | None: ...
    @property
    def previous(self) -> str | None: ...


class KeysetPage:
    """One page of a list. `cursor` and `size` come in; {"items", "next", "previous"} go out, the last two as addresses
    or null. Raises ValidationError for a bad size."""

    parameters: ClassVar[list[OpenApiParameter]] = [
        OpenApiParameter("cursor", str, description="Where the page begins: taken from `next` or `previous`."),
        OpenApiParameter("size", int, description="How many items a page has at most."),
    ]

    def __init__(self, request: Request, *, size: int = 100, largest: int = 500) -> None:
        self.request = request
        self.cursor: str | None = request.query_params.get("cursor") or None
        asked = request.query_params.get("size") or str(size)
        if not asked.isascii() or not asked.isdigit() or not 1 <= int(asked[:9]) <= largest:
            raise ValidationError({"size": _("Give a number from 1 to %(largest)s.") % {"largest": largest}})
        self.size = int(asked)

    def response(self, page: PageLike, items: Sequence[Any]) -> Response:
        return Response({"items": items, "next": self._address(page.next), "previous": self._address(page.previous)})

    def _address(self, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        parameters = self.request.query_params.copy()
        parameters["cursor"] = cursor
        return f"{self.request.path}?{urlencode(list(parameters.lists()), doseq=True)}"

    @staticmethod
    @cache_once
    def of(serializer: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
        """For the schema: a page of these."""
        name = serializer.__name__.removesuffix("Serializer")
        return inline_serializer(
            f"{name}Page",
            {
                "items": serializer(many=True),
                "next": serializers.CharField(allow_null=True),
                "previous": serializers.CharField(allow_null=True),
            },
        )
