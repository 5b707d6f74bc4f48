"""The socket of a page: hints go out, nothing of weight comes in."""

import asyncio
import json
import time
from typing import Any
from urllib.parse import urlsplit

from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.http.request import split_domain_port, validate_host

from apps.accounts.models import User
from apps.jobs.progress import session_group, user_group

SIGNED_OUT = 4401  # sign in again; coming back is useless before
RESTARTING = 1012  # messages may have been missed: come back and read the rows
NOT_NOW = 1013  # come back later
SEND_SECONDS = 10  # a page that takes longer to take a message is let go
LONGEST_MESSAGE = 65_536  # what a page may send
CHECK_SECONDS = 10  # a ping asks for the session again at most this often


class ProgressConsumer(AsyncWebsocketConsumer):
    """Only for people who are signed in by a session; a key opens no socket. Joins the group of the person and that of
    the session."""

    groups_joined: tuple[str, ...] = ()
    checked_at = 0.0

    async def connect(self) -> None:
        if not is_own_page(self.scope):
            await self.close()  # before it is accepted: the browser sees 403
            return
        await self.accept()
        user, session_key = self.scope["user"], self.scope["session"].session_key
        if not isinstance(user, User) or not user.is_active or not session_key:
            await self.close(SIGNED_OUT)
            return
        try:
            for group in (user_group(user.pk), session_group(session_key)):
                await self.channel_layer.group_add(group, self.channel_name)
                self.groups_joined += (group,)
        except TimeoutError:
            await self.close(NOT_NOW)
            return
        if not await self.is_still_welcome():  # revoked between the look at the session and the first message
            await self.close(SIGNED_OUT)
            return
        await self.say({"type": "ready"})

    async def disconnect(self, code: int) -> None:
        for group in self.groups_joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            message = json.loads(text_data or "")
        except ValueError:
            return
        if not isinstance(message, dict) or message.get("type") != "ping":
            return
        if time.monotonic() - self.checked_at > CHECK_SECONDS and not await self.is_still_welcome():
            await self.close(SIGNED_OUT)
            return
        await self.say({"type": "pong"})

    # -- What comes from the channel layer ----------------------------------------------------------------------------
    async def progress(self, event: dict[str, Any]) -> None:
        await self.say(event["message"])

    async def bye(self, event: dict[str, Any]) -> None:
        await self.close(SIGNED_OUT)

    async def lost(self, event: dict[str, Any]) -> None:
        await self.close(RESTARTING)

    async def say(self, message: dict[str, Any]) -> None:
        try:
            await asyncio.wait_for(self.send(text_data=json.dumps(message)), SEND_SECONDS)
        except TimeoutError:
            await self.disconnect(RESTARTING)
            raise StopConsumer from None

    async def is_still_welcome(self) -> bool:
        self.checked_at = time.monotonic()
        return await _is_welcome(self.scope["user"].pk, self.scope["session"].session_key)


@database_sync_to_async
def _is_welcome(user_id: int, session_key: str) -> bool:
    return SessionStore().exists(session_key) and User.objects.filter(pk=user_id, is_active=True).exists()


def is_own_page(scope: dict[str, Any]) -> bool:
    """Browsers let every site open a socket to us, cookies included: only our own pages may. As Django does for forms,
    the origin must be the host that was asked, or one of CSRF_TRUSTED_ORIGINS."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    host, origin = headers.get("host", ""), headers.get("origin", "")
    domain, _port = split_domain_port(host)
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        return False
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc == host


application = AuthMiddlewareStack(ProgressConsumer.as_asgi())
