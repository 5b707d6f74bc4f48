"""The one place where errors become answers: under /api/ as problem details (RFC 9457), elsewhere as pages."""

import math
import sys
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.template.loader import get_template
from django.utils.translation import gettext as _
from django.views import defaults
from django.views.csrf import csrf_failure as csrf_failure_page
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from apps.ingest.services import EmptyFile
from apps.ingest.uploads import NoSpace
from apps.library.paging import BadCursor
from apps.search.query import BadQuery

CONTENT_TYPE = "application/problem+json"
AWAY_SECONDS = 5  # when to ask again while the database is away


def problem(status: int, detail: str, code: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    return body | {"errors": errors} if errors else body


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """The exception handler of the REST framework. None: nobody expected this, it is logged and answered with 500."""
    known = _as_api_exception(error)
    if known is None:
        return None
    headers: dict[str, str] = {}
    if authenticate := getattr(known, "auth_header", None):
        headers["WWW-Authenticate"] = authenticate
    if (wait := getattr(known, "wait", None)) is not None:
        headers["Retry-After"] = str(math.ceil(wait))
    errors: list[dict[str, str]] = []
    if isinstance(known, exceptions.ValidationError):
        errors = list(_flatten(known.detail))
        detail, code = _("Some of what was sent cannot be used. Each entry of `errors` says what to change."), "invalid"
        alone = [entry["detail"] for entry in errors if not entry["field"]]
        if alone and len(alone) == len(errors):
            detail, errors = " ".join(alone), []
    else:
        detail, code = str(known.detail), str(getattr(known.detail, "code", None) or known.default_code)
    set_rollback()
    body = problem(known.status_code, detail, code, errors)
    return Response(body, known.status_code, headers=headers, content_type=CONTENT_TYPE)


def _as_api_exception(error: Exception) -> exceptions.APIException | None:
    """Our own errors are few and named; here is what each means to the one who asked."""
    match error:
        case exceptions.APIException():
            return error
        case Http404() | ObjectDoesNotExist():
            return exceptions.NotFound(_("There is nothing here, or it is not shared with you."))
        case PermissionDenied():
            return exceptions.PermissionDenied(str(error) or None)
        case DjangoValidationError():
            fields = (
                {_field(name): messages for name, messages in error.message_dict.items()}
                if hasattr(error, "error_dict")
                else {"": error.messages}
            )
            return exceptions.ValidationError(fields)
        case BadQuery():
            return exceptions.ValidationError({error.field: [str(error)]})
        case BadCursor():
            return exceptions.ValidationError({"cursor": [str(error)]})
        case EmptyFile():
            return exceptions.ValidationError({"file": [str(error)]})
        case MultiPartParserError():
            return exceptions.ParseError(_("The upload is not complete. Send it again."))
        case RequestDataTooBig():
            return _Known(413, "too_large", _("The request is too large. Send it in parts."))
        case NoSpace():
            return _Known(507, "no_space", _("The disk is full. Nothing was added; free some space, then try again."))
        case OperationalError() | InterfaceError():
            return _Known(
                503, "database_away", _("The database does not answer. Try again in a moment."), wait=AWAY_SECONDS
            )
    return None


class _Known(exceptions.APIException):
    def __init__(self, status: int, code: str, detail: str, wait: int | None = None) -> None:
        super().__init__(detail, code)
        self.status_code, self.wait = status, wait


def _field(name: str) -> str:
    return "" if name == "__all__" else name


def _flatten(detail: Any, field: str = "") -> Iterator[dict[str, str]]:
    """{"a": {"b": ["no"]}} becomes {"field": "a.b", "detail": "no"}."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            inner_field = "" if name == "non_field_errors" else str(name)
            yield from _flatten(inner, ".".join(part for part in (field, inner_field) if part))
    elif isinstance(detail, list):
        for position, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            yield from _flatten(inner, f"{field}.{position}" if nested else field)
    else:
        yield {"field": field, "detail": str(detail)}


# -- What Django answers by itself ------------------------------------------------------------------------------------
def is_api(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/_allauth/"))  # mobile apps sign in at the second


def _answer(status: int, detail: str, code: str) -> HttpResponse:
    return JsonResponse(problem(status, detail, code), status=status, content_type=CONTENT_TYPE)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return _answer(400, _("The request cannot be understood."), "bad_request")
    return defaults.bad_request(request, exception)


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return _answer(403, _("You may not do this."), "permission_denied")
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return _answer(404, _("There is nothing here, or it is not shared with you."), "not_found")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 while the database is away. Asks the database nothing."""
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    status = 503 if away else 500
    if is_api(request):
        detail = (
            _("The database does not answer. Try again in a moment.")
            if away
            else _("Something went wrong here. It is written in the log; nothing was changed.")
        )
        response = _answer(status, detail, "database_away" if away else "error")
    else:
        response = HttpResponse(get_template("500.html").render(), status=status)
    if away:
        response["Retry-After"] = str(AWAY_SECONDS)
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if is_api(request):
        return _answer(403, _("The CSRF token is missing or wrong. Load the page again."), "csrf_failed")
    return csrf_failure_page(request, reason=reason)


def too_many(request: HttpRequest) -> HttpResponse:
    return render(request, "429.html", status=429)
