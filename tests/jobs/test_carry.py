"""The channel layer."""

import asyncio
import subprocess
import sys

import pytest
from channels.db import database_sync_to_async
from django.db import connection, transaction

from apps.jobs.layer import PostgresChannelLayer, notify, notify_sync
from apps.jobs.models import Message
from tests.jobs.conftest import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 5


async def listening(layer: PostgresChannelLayer, group: str) -> str:
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    return channel


async def next_of(layer: PostgresChannelLayer, channel: str) -> dict[str, object]:
    return await asyncio.wait_for(layer.receive(channel), PATIENCE)


async def hears_nothing(layer: PostgresChannelLayer, channel: str) -> bool:
    try:
        await asyncio.wait_for(layer.receive(channel), 0.3)
    except TimeoutError:
        return True
    return False


async def test_a_message_of_another_process_arrives(environment: dict[str, str]) -> None:
    layer = PostgresChannelLayer()
    channel = await listening(layer, "user.1")
    send = "from apps.jobs.progress import publish; publish([1], {'type': 'job', 'id': 7})"
    command = [sys.executable, "manage.py", "shell", "-v0", "-c", send]
    await asyncio.to_thread(subprocess.run, command, cwd=ROOT, env=environment, check=True)
    assert await next_of(layer, channel) == {"type": "progress", "message": {"type": "job", "id": 7}}


async def test_each_of_many_listeners_gets_each_message_once_and_in_order() -> None:
    layer = PostgresChannelLayer()
    channels = [await listening(layer, "user.1") for _ in range(50)]
    for number in range(20):
        await layer.group_send("user.1", {"type": "progress", "number": number})
    for channel in channels:
        assert [(await next_of(layer, channel))["number"] for _ in range(20)] == list(range(20))
        assert await asyncio.wait_for(asyncio.shield(asyncio.sleep(0, True)), 1)
    assert await hears_nothing(layer, channels[0])


async def test_only_the_group_hears_it() -> None:
    layer = PostgresChannelLayer()
    anna, ben = await listening(layer, "user.1"), await listening(layer, "user.2")
    await layer.group_send("user.1", {"type": "progress"})
    assert await next_of(layer, anna) == {"type": "progress"}
    assert await hears_nothing(layer, ben)


async def test_who_left_hears_nothing_more() -> None:
    layer = PostgresChannelLayer()
    anna = await listening(layer, "user.1")
    await layer.group_discard("user.1", anna)
    await layer.group_send("user.1", {"type": "progress"})
    assert await hears_nothing(layer, anna)


async def test_a_long_message_goes_through_a_row() -> None:
    layer = PostgresChannelLayer()
    channel = await listening(layer, "user.1")
    message = {"type": "progress", "ids": list(range(20_000))}
    await layer.group_send("user.1", message)
    assert await next_of(layer, channel) == message
    assert await database_sync_to_async(Message.objects.count)() == 1


async def test_what_is_rolled_back_is_not_sent() -> None:
    layer = PostgresChannelLayer()
    channel = await listening(layer, "user.1")

    def send_and_roll_back() -> None:
        with transaction.atomic():
            notify_sync(["user.1"], {"type": "progress"})
            transaction.set_rollback(True)

    await database_sync_to_async(send_and_roll_back)()
    assert await hears_nothing(layer, channel)


async def test_a_lost_connection_is_told_and_made_again() -> None:
    layer = PostgresChannelLayer()
    channel = await listening(layer, "user.1")
    await database_sync_to_async(end_listeners)()
    assert await next_of(layer, channel) == {"type": "lost"}
    again = await listening(layer, "user.1")  # returns when it hears again
    await notify(["user.1"], {"type": "progress"})
    assert await next_of(layer, again) == {"type": "progress"}
    assert await next_of(layer, channel) == {"type": "progress"}


async def test_a_listener_that_reads_nothing_loses_the_rest_and_is_told() -> None:
    layer = PostgresChannelLayer(capacity=3)
    stuck, other = await listening(layer, "user.1"), await listening(layer, "user.1")
    for number in range(4):
        await layer.group_send("user.1", {"type": "progress", "number": number})
        assert (await next_of(layer, other))["number"] == number
    assert await next_of(layer, stuck) == {"type": "lost"}


def end_listeners() -> None:
    """As when the database starts again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'listener' AND datname = current_database()"
        )
