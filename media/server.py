"""The light process that forks one locked child per file: `python -m media.server LIMITS CHILDREN`.

It is started by `media.sandbox` with an empty environment and holds no secrets, no connections and one thread only
(a forked copy of a process with threads may hang). Everything that a decoder needs is imported and warmed up once,
here, since a locked child can open no file, not even a module. It reads wishes as lines of JSON from stdin, answers
in lines on stdout, and ends with its stdin.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import selectors
import signal
import stat
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from media import lockdown
from media.metadata import LONGEST_SIDECAR
from media.pictures import Opened, inspect_file, warm_up
from media.results import Inspection, Limits, Reason, Refused, Wish, from_plain, to_plain

Act = Callable[[Wish, Opened, Limits], Inspection]

LONGEST_ANSWER = 512 * 1024
NEARLY = 0.8  # of its memory: what dies beyond this share died of it


@dataclass
class Child:
    """One file being looked at."""

    number: int
    process: int
    pipe: int
    deadline: float
    answer: bytearray = field(default_factory=bytearray)
    killed: Reason | None = None

    def kill(self, reason: Reason | None) -> None:
        self.killed = self.killed or reason
        for end in (os.killpg, os.kill):
            try:
                end(self.process, signal.SIGKILL)
            except ProcessLookupError:
                continue  # no group yet, or gone already


class Server:
    def __init__(self, act: Act, limits: Limits, children: int) -> None:
        self.act, self.limits, self.most_children = act, limits, children
        self.waiting: deque[dict[str, Any]] = deque()
        self.children: dict[int, Child] = {}
        self.selector = selectors.DefaultSelector()
        self.parent = os.getppid()
        self.network_space = lockdown.share_nothing()

    def run(self) -> None:
        self.selector.register(0, selectors.EVENT_READ)
        self.say({"ready": True})
        orders = bytearray()
        # The pipe may have been copied into other children of our parent, so that its end never comes; the parent
        # itself is watched, too. PR_SET_PDEATHSIG will not do: it follows the parent's thread and not its process.
        while os.getppid() == self.parent:
            for key, _ in self.selector.select(self.next_deadline()):
                if key.fd == 0:
                    chunk = os.read(0, 65536)
                    if not chunk:
                        return
                    orders += chunk
                    *lines, rest = orders.split(b"\n")
                    orders = bytearray(rest)
                    self.waiting.extend(json.loads(line) for line in lines)
                else:
                    self.hear(self.children[key.fd])
            now = time.monotonic()
            for child in self.children.values():
                if now >= child.deadline:
                    child.kill(Reason.HUNG)
            while self.waiting and len(self.children) < self.most_children:
                self.start(self.waiting.popleft())

    def next_deadline(self) -> float:
        nearest = min((child.deadline for child in self.children.values()), default=float("inf"))
        return max(0.0, min(1.0, nearest - time.monotonic()))

    def start(self, order: dict[str, Any]) -> None:
        readable, writable = os.pipe()
        process = os.fork()
        if process == 0:
            self.be_child(order, writable)
        os.close(writable)
        child = Child(order["id"], process, readable, time.monotonic() + self.limits.wall_seconds)
        self.children[readable] = child
        self.selector.register(readable, selectors.EVENT_READ)

    def hear(self, child: Child) -> None:
        chunk = os.read(child.pipe, 65536)
        child.answer += chunk
        if len(child.answer) > LONGEST_ANSWER:
            child.kill(Reason.CRASHED)
        if not chunk:
            self.finish(child)

    def finish(self, child: Child) -> None:
        self.selector.unregister(child.pipe)
        os.close(child.pipe)
        del self.children[child.pipe]
        child.kill(None)  # one that only closed its pipe must not hold us; the status of an ended one stays
        _, status, usage = os.wait4(child.process, 0)
        if child.killed is None and os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
            # Text within text: whatever the child wrote, it cannot speak for another one.
            self.say({"id": child.number, "answer": child.answer.decode("utf-8", "replace")})
        else:
            reason = child.killed or self.cause_of_death(status, usage)
            self.say({"id": child.number, "answer": json.dumps({"refused": reason.name})})

    def cause_of_death(self, status: int, usage: resource.struct_rusage) -> Reason:
        spent = usage.ru_utime + usage.ru_stime
        if spent >= self.limits.cpu_seconds or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU):
            return Reason.HUNG
        resident_mb = usage.ru_maxrss / (1024 if lockdown.LINUX else 1024 * 1024)
        return Reason.BLOATED if resident_mb >= NEARLY * self.limits.memory_mb else Reason.CRASHED

    def say(self, message: dict[str, Any]) -> None:
        line = memoryview(json.dumps(message).encode() + b"\n")
        while line:
            line = line[os.write(1, line) :]

    def be_child(self, order: dict[str, Any], pipe: int) -> NoReturn:
        status = 1
        try:
            os.setsid()
            lockdown.die_with_parent()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            answer = self.answer_order(order, pipe)
            line = memoryview(json.dumps(answer).encode())
            while line:
                line = line[os.write(pipe, line) :]
            status = 0
        finally:
            # Not sys.exit: nothing of the server's may run here, neither its clean-up nor its open buffers.
            os._exit(status)

    def answer_order(self, order: dict[str, Any], pipe: int) -> dict[str, Any]:
        if order["do"] == "report":
            _keep_only({pipe})
            lockdown.lock_down(None, self.limits)
            return {"report": to_plain(lockdown.seen_to_hold(self.limits, self.network_space))}
        wish = from_plain(Wish, order["wish"])
        try:
            source, sidecar, folder = _open(wish)
            _keep_only({pipe, source.fileno(), folder})
            lockdown.lock_down(folder, self.limits)
            return {"inspection": self.act(wish, Opened(source, sidecar, folder), self.limits).to_dict()}
        except Refused as refused:
            return {"refused": refused.reason.name}
        except MemoryError:
            return {"refused": Reason.BLOATED.name}


def _open(wish: Wish) -> tuple[BinaryIO, bytes | None, int]:
    """All that a child will ever hold; opened before the lock-down, read by nobody yet."""
    try:
        # Not to be held by a named pipe that somebody put in the place of a picture.
        source = os.fdopen(os.open(wish.source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb")
    except FileNotFoundError:
        raise Refused(Reason.MISSING) from None
    except PermissionError:
        raise Refused(Reason.FORBIDDEN) from None
    except IsADirectoryError:
        raise Refused(Reason.NOT_A_FILE) from None
    except OSError:
        raise Refused(Reason.DISK_ERROR) from None
    if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
        raise Refused(Reason.NOT_A_FILE)
    sidecar = None
    if wish.sidecar is not None:
        try:
            descriptor = os.open(wish.sidecar, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as beside:
                sidecar = beside.read(LONGEST_SIDECAR)
        except OSError:
            pass  # the picture is worth having without it
    return source, sidecar, os.open(wish.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _keep_only(descriptors: set[int]) -> None:
    """Close everything else: the server's own pipes and those of the other children."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    start = 3
    for descriptor in sorted(descriptors):
        os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, os.sysconf("SC_OPEN_MAX"))


def threads() -> int:
    """How many threads this process has; 1 where the system does not say."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else 1


def serve(act: Act = inspect_file) -> None:
    """Run until stdin ends or the parent is gone."""
    limits = from_plain(Limits, json.loads(sys.argv[1]))
    warm_up()
    if threads() != 1:
        raise SystemExit("The decoders' server has threads; its children could hang. Check OMP_NUM_THREADS.")
    gc.collect()
    gc.freeze()  # what is here is shared with every child and never collected
    server = Server(act, limits, children=int(sys.argv[2]))
    try:
        server.run()
    finally:
        for child in server.children.values():
            child.kill(None)


if __name__ == "__main__":
    serve()
