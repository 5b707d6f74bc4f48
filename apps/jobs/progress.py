"""Hints to people's browsers. They carry ids and counts, never content: what an id means is asked for, with the
permission of the asker. Nothing may depend on their arrival."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import InterfaceError, OperationalError

from apps.jobs.layer import notify_sync

log = logging.getLogger("mediahub.progress")

EVERY = 0.25  # seconds: at most four messages a second and subject


def user_group(user_id: int) -> str:
    return f"user.{user_id}"


def session_group(session_key: str) -> str:
    return f"session.{session_key}"


def publish(user_ids: Iterable[int], message: dict[str, Any]) -> None:
    """Sends one message to every open page of these people. Inside a transaction it goes out with the commit."""
    _send([user_group(user_id) for user_id in user_ids], {"type": "progress", "message": message})


def close_sockets(user_id: int | None = None, session_key: str | None = None) -> None:
    """Closes the sockets of a person, or of one session, with 4401: they may not listen any more."""
    groups = [user_group(user_id)] if user_id is not None else []
    groups += [session_group(session_key)] if session_key is not None else []
    _send(groups, {"type": "bye"})


def _send(groups: list[str], message: dict[str, Any]) -> None:
    if not groups:
        return
    try:
        notify_sync(groups, message)
    except (OperationalError, InterfaceError):
        # The work goes on without its spectators. If the database is really away, the next query of the work says so.
        log.warning("hint not sent", exc_info=True)


@dataclass
class Coalesced:
    """Sends the newest message of each subject at most four times a second. Call `flush` at the end: the last message
    is always sent."""

    _sent: dict[str, float] = field(default_factory=dict)
    _held: dict[str, tuple[list[int], dict[str, Any]]] = field(default_factory=dict)

    def publish(self, subject: str, user_ids: Iterable[int], message: dict[str, Any]) -> None:
        if time.monotonic() - self._sent.get(subject, float("-inf")) < EVERY:
            self._held[subject] = (list(user_ids), message)
            return
        self._held.pop(subject, None)
        self._sent[subject] = time.monotonic()
        publish(user_ids, message)

    def flush(self) -> None:
        held, self._held = self._held, {}
        for user_ids, message in held.values():
            publish(user_ids, message)
