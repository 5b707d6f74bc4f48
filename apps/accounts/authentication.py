"""How a request says who asks: a browser's session, a mobile session, or a key."""

from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from typing import Any

from allauth.headless.internal.sessionkit import authenticate_by_x_session_token
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import get_user
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.accounts.models import ApiKey, User
from apps.accounts.services import find_key

SessionStore = import_module(settings.SESSION_ENGINE).SessionStore
NOTED_EVERY = timedelta(minutes=1)  # how often a use is written down


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer mh_...`. `request.auth` is the key."""

    def authenticate(self, request: HttpRequest | Request) -> tuple[User, ApiKey] | None:
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        key = find_key(secret.strip())
        if key is None:
            raise AuthenticationFailed(_("This key is not valid, was revoked, or has expired. Make a new one."))
        now = timezone.now()
        if key.last_used_at is None or now - key.last_used_at > NOTED_EVERY:
            due = Q(last_used_at=None) | Q(last_used_at__lt=now - NOTED_EVERY)
            ApiKey.objects.filter(due, pk=key.pk).update(last_used_at=now)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="MediaHub"'


class MobileSessionAuthentication(BaseAuthentication):
    """`X-Session-Token`, as given at /_allauth/app/v1/auth/login: a session like that of a browser, ended like one."""

    def authenticate(self, request: HttpRequest | Request) -> tuple[User, Any] | None:
        token = request.headers.get("X-Session-Token")
        if not token:
            return None
        found = authenticate_by_x_session_token(token)
        if found is None or not isinstance(found[0], User) or not found[0].is_active:
            raise AuthenticationFailed(_("This session has ended. Sign in again."))
        now = timezone.now()
        UserSession.objects.filter(session_key=token, last_seen_at__lt=now - NOTED_EVERY).update(last_seen_at=now)
        return found

    def authenticate_header(self, request: Request) -> str:
        return "X-Session-Token"


class BrowserSessionAuthentication(SessionAuthentication):
    """The cookie of a browser. What changes something needs the CSRF token as well."""


def recognise_program(request: HttpRequest) -> None:
    """For views outside of the REST framework that programs use too (pictures): a key or a mobile session in the
    headers becomes `request.user` and `request.auth`. Raises AuthenticationFailed for one that is not valid."""
    for method in (KeyAuthentication(), MobileSessionAuthentication()):
        found = method.authenticate(request)
        if found is not None:
            request.user, request.auth = found  # type: ignore[attr-defined]
            return


def is_somebody(request: HttpRequest) -> bool:
    """Whether anybody we know asks, before the middleware ran."""
    request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = get_user(request)
    with suppress(AuthenticationFailed):
        recognise_program(request)
    return request.user.is_authenticated
