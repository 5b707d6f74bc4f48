"""Stands before Django: a body that is not welcome or cannot be kept is refused before it is written to the disk."""

import io
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import InterfaceError, OperationalError, connection

from apps.accounts.authentication import is_somebody
from apps.ingest.uploads import NoSpace, check_space

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

NO_SPACE = "The disk is full. Nothing was lost and nothing was added; free some space, then send the file again."
TOO_LARGE = "The file is larger than this house accepts (MEDIAHUB_UPLOAD_MAX_MB)."
NOT_HERE = "This address takes no large files. Send them to /api/uploads/."
AWAY = "The database does not answer at the moment. Try again in a minute."
NOBODY = "Sign in, or send a valid key, before the file."

UPLOADS = "/api/uploads/"
LOOK_EVERY = 16 * 1024 * 1024  # bytes between two looks at the disk, for bodies that do not tell their length


class _Refused(Exception):
    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.answer = (status, title, detail)


class BodyGuard:
    """Wraps an ASGI application. More than a form takes only uploads, of somebody we know: 413 and 401 for others. 507
    while the disk's reserve would be touched."""

    def __init__(self, application: App) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.application(scope, receive, send)
            return
        body = _Body(scope)

        async def counted() -> Mapping[str, Any]:
            message = await receive()
            body.seen += len(message.get("body", b""))
            await body.may_reach(body.seen)
            return message

        try:
            told = dict(scope["headers"]).get(b"content-length", b"")
            await body.may_reach(int(told) if told.isdigit() else 0)
            await self.application(scope, counted, send)
        except _Refused as refused:  # the body is read before anything is answered, so nothing was sent yet
            await _answer(send, *refused.answer)


class _Body:
    """`allowed` bytes may come before somebody looks again."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.seen = 0
        self.allowed: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        self.is_known = False

    async def may_reach(self, length: int) -> None:
        if length <= self.allowed:
            return
        if self.scope["path"] != UPLOADS:
            raise _Refused(413, "Payload too large", NOT_HERE)
        if length > settings.UPLOAD_MAX_MB * 1024 * 1024:
            raise _Refused(413, "Payload too large", TOO_LARGE)
        if not self.is_known:
            async with ThreadSensitiveContext():
                self.is_known = await sync_to_async(_is_somebody)(self.scope)
        if not self.is_known:
            raise _Refused(401, "Unauthorized", NOBODY)
        try:
            check_space(2 * length)  # the server keeps the body once while it is taken apart
        except NoSpace:
            raise _Refused(507, "Insufficient storage", NO_SPACE) from None
        self.allowed = length + LOOK_EVERY


def _is_somebody(scope: Scope) -> bool:
    try:
        return is_somebody(ASGIRequest(scope, io.BytesIO()))
    except (OperationalError, InterfaceError):
        raise _Refused(503, "Service unavailable", AWAY) from None
    finally:
        connection.close()  # it belongs to this thread, and nobody else ends it


async def _answer(send: Send, status: int, title: str, detail: str) -> None:
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
