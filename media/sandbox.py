"""The door to the decoders: wishes in, inspections and refusals out, and no foreign file is opened in this process."""

from __future__ import annotations

import itertools
import json
import os
import selectors
import stat
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from media.results import (
    RENDITION_NAMES,
    Inspection,
    Layer,
    Limits,
    Reason,
    Refusal,
    SandboxReport,
    Wish,
    from_plain,
    to_plain,
)

PATIENCE_SECONDS = 15  # how much later than its slowest child the server may speak
START_SECONDS = 60
TRIES = 2

# All that the server knows about where it runs. One thread for each library that would start its own.
SERVER_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    # A child takes all its memory anew. In pages of 2 MB that costs a third less of the system's time (12 of 38 ms).
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


class SandboxUnavailable(RuntimeError):
    """The server of the decoders does not start on this machine."""


class _ServerGone(Exception):
    """The server ended, or was ended because it no longer spoke."""


@dataclass
class _Work:
    wish: Wish
    tries: int = 0
    server: int | None = None  # the process that has it


class Sandbox:
    """Owns the server process and, through it, one locked child per file. For one thread at a time; use it in `with`.

    The server starts with the first use, starts again when something killed it, and ends with this process.
    """

    server_module = "media.server"

    def __init__(self, children: int = 2, limits: Limits | None = None) -> None:
        self.children = children
        self.limits = limits or Limits()
        self._server: subprocess.Popen[bytes] | None = None
        self._heard = bytearray()
        self._numbers = itertools.count()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def inspect(self, wishes: Iterable[Wish]) -> Iterator[Inspection | Refusal]:
        """Answer every wish once, as they finish and not in order. Wishes are taken only as fast as they are worked.

        After a refusal the wish's folder is empty. Leaving early ends what is still being worked on.
        """
        upcoming = iter(wishes)
        pending: dict[int, _Work] = {}
        try:
            while True:
                for wish in itertools.islice(upcoming, self.children - len(pending)):
                    pending[next(self._numbers)] = _Work(wish)
                if not pending:
                    return
                try:
                    self._hand_over(pending)
                    message = self._receive(self.limits.wall_seconds + PATIENCE_SECONDS)
                except _ServerGone:
                    self._stop()
                    yield from self._after_death(pending)
                    continue
                answered = pending.pop(message["id"], None)
                if answered is not None:
                    yield _outcome(answered.wish, message["answer"])
        finally:
            if pending:
                self._stop()

    def report(self) -> SandboxReport:
        """Which layers hold on this machine, tried out from inside a child."""
        number = next(self._numbers)
        try:
            self._send({"id": number, "do": "report"})
            message = self._receive(START_SECONDS)
            while message["id"] != number:
                message = self._receive(START_SECONDS)
            layers = json.loads(message["answer"])["report"]
            return SandboxReport({name: from_plain(Layer, layer) for name, layer in layers.items()})
        except (_ServerGone, ValueError, KeyError) as error:
            self._stop()
            raise SandboxUnavailable("The sandbox did not report. Look at the worker's log for its reason.") from error

    def close(self) -> None:
        """End the server and all its children."""
        self._stop()

    def _hand_over(self, pending: dict[int, _Work]) -> None:
        server = self._started().pid
        for number, work in pending.items():
            if work.server != server:
                work.server = server
                work.tries += 1
                self._send({"id": number, "do": "inspect", "wish": to_plain(work.wish)})

    def _after_death(self, pending: dict[int, _Work]) -> Iterator[Refusal]:
        """What was worked on twice when the server died may have killed it; the rest is tried again."""
        for number, work in list(pending.items()):
            _empty(work.wish.folder)
            if work.tries >= TRIES:
                del pending[number]
                yield Refusal.because(work.wish.key, Reason.CRASHED)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._server is None:
            self._heard.clear()
            self._server = subprocess.Popen(
                [sys.executable, "-s", "-m", self.server_module, json.dumps(to_plain(self.limits)), str(self.children)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=SERVER_ENVIRONMENT,
                cwd="/",
                start_new_session=True,  # Ctrl-C in the terminal is for us; the server ends when we do
            )
            try:
                self._receive(START_SECONDS)  # its word that it is ready
            except _ServerGone as error:
                self._stop()
                raise SandboxUnavailable(
                    "The sandbox does not start. Look at the worker's log for its reason."
                ) from error
        return self._server

    def _send(self, message: dict[str, Any]) -> None:
        server = self._started()
        if server.stdin is None:
            raise _ServerGone
        try:
            server.stdin.write(json.dumps(message).encode() + b"\n")
            server.stdin.flush()
        except BrokenPipeError:
            raise _ServerGone from None

    def _receive(self, seconds: float) -> dict[str, Any]:
        """The next line from the server; `_ServerGone` when it ends or is silent for longer than any child may live."""
        if self._server is None or self._server.stdout is None:
            raise _ServerGone
        deadline = time.monotonic() + seconds
        pipe = self._server.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while b"\n" not in self._heard:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise _ServerGone
                if selector.select(left):
                    chunk = os.read(pipe, 65536)
                    if not chunk:
                        raise _ServerGone
                    self._heard += chunk
        line, _, rest = self._heard.partition(b"\n")
        self._heard = bytearray(rest)
        message: dict[str, Any] = json.loads(line)
        return message

    def _stop(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        for pipe in (server.stdin, server.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # it was gone before the last words reached it
                    pipe.close()
        try:
            server.wait(5)  # it ends its children when its stdin ends
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _outcome(wish: Wish, answer: str) -> Inspection | Refusal:
    """Read what a child says, as from a stranger: it has opened a foreign file."""
    reason = Reason.CRASHED
    try:
        said = json.loads(answer)
        if "refused" in said:
            reason = Reason[said["refused"]]
        else:
            inspection = from_plain(Inspection, said["inspection"])
            _check(inspection, wish)
            return inspection
    except (ValueError, KeyError, TypeError, RecursionError, OSError):
        pass  # an answer that makes no sense is a crash
    _empty(wish.folder)
    return Refusal.because(wish.key, reason)


def _check(inspection: Inspection, wish: Wish) -> None:
    if inspection.key != wish.key or not inspection.renditions:
        raise ValueError("an answer to something else")
    for rendition in inspection.renditions:
        if rendition.name != RENDITION_NAMES[rendition.kind]:
            raise ValueError("a file that nobody asked for")
        written = (wish.folder / rendition.name).lstat()
        if not stat.S_ISREG(written.st_mode) or written.st_nlink != 1 or written.st_size != rendition.bytes:
            raise ValueError("a rendition that is no plain file")


def _empty(folder: Path) -> None:
    """Nothing of a refused file stays behind."""
    try:
        for left in folder.iterdir():
            left.unlink()
    except OSError:
        pass  # the folder is the caller's; what cannot be emptied is for the caller to see
