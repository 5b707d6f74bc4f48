"""Stands before Django: a body that cannot be kept is refused before a byte of it is written to the disk."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings

from apps.ingest.uploads import NoSpace, check_space

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

NO_SPACE = "The disk is full. Nothing was lost and nothing was added; free some space, then send the file again."
TOO_LARGE = "The file is larger than this house accepts (MEDIAHUB_UPLOAD_MAX_MB)."


LOOK_EVERY = 16 * 1024 * 1024  # bytes between two looks at the disk, for bodies that do not tell their length


class _Refused(Exception):
    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.answer = (status, title, detail)


class BodyGuard:
    """Wraps an ASGI application. Answers 507 while the disk's reserve would be touched, 413 for what is too large."""

    def __init__(self, application: App) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.application(scope, receive, send)
            return
        seen = looked = 0

        async def counted() -> Mapping[str, Any]:
            nonlocal seen, looked
            message = await receive()
            seen += len(message.get("body", b""))
            if seen - looked > LOOK_EVERY:
                looked = seen
                _check(seen)
            return message

        try:
            told = dict(scope["headers"]).get(b"content-length", b"")
            _check(int(told) if told.isdigit() else 0)
            await self.application(scope, counted, send)
        except _Refused as refused:  # the body is read before anything is answered, so nothing was sent yet
            await _answer(send, *refused.answer)


def _check(length: int) -> None:
    if length > settings.UPLOAD_MAX_MB * 1024 * 1024:
        raise _Refused(413, "Payload too large", TOO_LARGE)
    if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        try:
            check_space(2 * length)  # the server keeps the body once while it is taken apart
        except NoSpace:
            raise _Refused(507, "Insufficient storage", NO_SPACE) from None


async def _answer(send: Send, status: int, title: str, detail: str) -> None:
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
