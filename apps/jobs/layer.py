"""A channel layer over PostgreSQL's LISTEN and NOTIFY: no second server for what is only a hint.

One listening connection per event loop; who is in which group is known in the memory of that process. Sending is one
`NOTIFY` on the sender's own connection: inside a transaction it goes out with the commit and not at all without it.
Delivery is at most once. When the listening connection is lost, everybody who listens is told (`type: lost`): messages
may have been missed, so that a page has to read the rows again.
"""

import asyncio
import base64
import logging
import random
import uuid
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import msgpack
import psycopg
from channels.db import database_sync_to_async
from channels.layers import BaseChannelLayer
from django.db import connection

from apps.jobs.models import Message

log = logging.getLogger("mediahub.layer")

CHANNEL = "mediahub"
LONGEST_PAYLOAD = 7900  # PostgreSQL takes 7999 bytes
LISTEN_PATIENCE = 10
BACK_OFF = (0.1, 0.2, 0.5, 1, 2, 5)  # seconds between attempts to listen again


def notify_sync(names: Iterable[str], message: dict[str, Any]) -> None:
    """Sends to groups (or channels) on this thread's database connection."""
    body = msgpack.packb([list(names), message])
    payload = base64.b85encode(body).decode()
    if len(payload) > LONGEST_PAYLOAD:
        payload = f"#{Message.objects.create(body=body).pk}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])


notify = database_sync_to_async(notify_sync)


@database_sync_to_async
def _long_body(message_id: int) -> bytes | None:
    body = Message.objects.filter(pk=message_id).values_list("body", flat=True).first()
    return None if body is None else bytes(body)


class PostgresChannelLayer(BaseChannelLayer):
    extensions = ("groups",)

    def __init__(self, capacity: int = 100) -> None:
        super().__init__(capacity=capacity)
        self._listeners: WeakKeyDictionary[asyncio.AbstractEventLoop, _Listener] = WeakKeyDictionary()

    def _listener(self) -> "_Listener":
        loop = asyncio.get_running_loop()
        if loop not in self._listeners:
            self._listeners[loop] = _Listener(self.capacity)
        return self._listeners[loop]

    async def new_channel(self, prefix: str = "specific") -> str:
        return f"{prefix}.{uuid.uuid4().hex}"

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        self.require_valid_channel_name(channel)
        await notify([channel], message)

    async def receive(self, channel: str) -> dict[str, Any]:
        return await self._listener().receive(channel)

    async def group_add(self, group: str, channel: str) -> None:
        """Returns when messages to the group arrive; raises TimeoutError while the database is away."""
        self.require_valid_group_name(group)
        await self._listener().join(group, channel)

    async def group_discard(self, group: str, channel: str) -> None:
        self._listener().leave(group, channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.require_valid_group_name(group)
        await notify([group], message)


class _Listener:
    """What one event loop hears: its connection, its groups and a bounded queue for each of its channels."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.queues: dict[str, asyncio.Queue[dict[str, Any]]] = {}
        self.groups: dict[str, set[str]] = {}
        self.hears = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    async def join(self, group: str, channel: str) -> None:
        self._queue(channel)
        self.groups.setdefault(group, set()).add(channel)
        await asyncio.wait_for(self.hears.wait(), LISTEN_PATIENCE)

    def leave(self, group: str, channel: str) -> None:
        members = self.groups.get(group, set())
        members.discard(channel)
        if not members:
            self.groups.pop(group, None)

    async def receive(self, channel: str) -> dict[str, Any]:
        try:
            return await self._queue(channel).get()
        except asyncio.CancelledError:  # the consumer ended, perhaps by an error and without a word to its groups
            self.queues.pop(channel, None)
            for group in list(self.groups):
                self.leave(group, channel)
            raise

    def _queue(self, channel: str) -> asyncio.Queue[dict[str, Any]]:
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._run())
        return self.queues.setdefault(channel, asyncio.Queue(self.capacity))

    def deliver(self, names: Iterable[str], message: dict[str, Any]) -> None:
        for channel in {channel for name in names for channel in self.groups.get(name, (name,))}:
            queue = self.queues.get(channel)
            if queue is None:
                continue
            if queue.full():  # its reader is stuck or too slow: it has to read the rows, and the rest is of no use
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait({"type": "lost"})
            else:
                queue.put_nowait(message)

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(**_address(), autocommit=True) as heard:
                    await heard.execute(f"LISTEN {CHANNEL}")
                    self.hears.set()
                    failures = 0
                    async for notification in heard.notifies():
                        await self._take(notification.payload)
            except psycopg.OperationalError as error:
                log.warning("not listening", extra={"reason": str(error)})
            if self.hears.is_set():
                self.hears.clear()
                self.deliver(list(self.queues), {"type": "lost"})
            pause = BACK_OFF[min(failures, len(BACK_OFF) - 1)]
            failures += 1
            await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311  # so that not all come back at once

    async def _take(self, payload: str) -> None:
        body = await _long_body(int(payload[1:])) if payload.startswith("#") else base64.b85decode(payload)
        if body is not None:
            names, message = msgpack.unpackb(body)
            self.deliver(names, message)


def _address() -> dict[str, Any]:
    database = connection.settings_dict
    return {
        "dbname": database["NAME"],
        "user": database["USER"] or None,
        "password": database["PASSWORD"] or None,
        "host": database["HOST"] or None,
        "port": database["PORT"] or None,
        "application_name": "listener",
        "connect_timeout": 10,
        "keepalives_idle": 30,
    }
