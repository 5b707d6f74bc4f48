"""Stands before Django: a body that cannot be kept is refused before a byte of it is written to the disk."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

from apps.ingest.uploads import NoSpace, check_space

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

NO_SPACE = "The disk is full. Nothing was lost and nothing was added; free some space, then send the file again."
TOO_LARGE = "The file is larger than this house accepts (MEDIAHUB_UPLOAD_MAX_MB)."


class BodyGuard:
    """Wraps an ASGI application. Answers 507 while the disk's reserve would be touched, 413 for what is too large."""

    def __init__(self, application: App) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.application(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = int(headers.get(b"content-length", b"0") or 0) if headers.get(b"content-length", b"0").isdigit() else 0
        if length > settings.UPLOAD_MAX_MB * 1024 * 1024:
            await _answer(send, 413, "Payload too large", TOO_LARGE)
            return
        try:
            if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
                check_space(2 * length)  # the server keeps the body once while it is taken apart
        except NoSpace:
            await _answer(send, 507, "Insufficient storage", NO_SPACE)
            return
        await self.application(scope, receive, send)


async def _answer(send: Send, status: int, title: str, detail: str) -> None:
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
