"""The sandbox's real server, whose children try to break out or to die instead of looking at a picture.

What to try stands in the wish's key as JSON: `["read", "/etc/passwd"]`. What came of it goes into the description.
"""

import ctypes
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from media.pictures import Opened, inspect_file
from media.results import Inspection, Limits, Wish
from media.server import serve

libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> str:
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "done"


def connect(family: int, address: object) -> str:
    with socket.socket(family, socket.SOCK_STREAM) as channel:
        channel.connect(address)  # type: ignore[arg-type]
    return "done"


def fork(times: int = 1) -> str:
    started = 0
    for _ in range(times):
        if os.fork() == 0:
            os._exit(0)
        started += 1
    return f"started {started}"


def open_descriptors() -> str:
    found = 0
    for descriptor in range(3, 64):
        with suppress(OSError):
            os.fstat(descriptor)
            found += 1
    return str(found)


def bloat() -> str:
    held = []
    while True:
        held.append(bytearray(64 * 1024 * 1024))


def bloat_and_abort() -> str:
    try:
        bloat_with_pages()
    except MemoryError:
        os.abort()
    return "done"


def bloat_with_pages() -> None:
    held = bytearray()
    while True:
        held += b"x" * (32 * 1024 * 1024)


def spin() -> str:
    while True:
        pass


def babble() -> str:
    """Shout into every open descriptor, the one for the answer among them."""
    for _ in range(1000):
        for descriptor in range(3, 64):
            try:
                os.write(descriptor, b'{"id": 0, "answer": "{}"}\n' * 1000)
            except OSError:
                continue
    return "done"


def write(path: str) -> str:
    Path(path).write_bytes(b"mine")
    return "done"


PROBES: dict[str, Callable[..., object]] = {
    "read": lambda path: Path(path).read_bytes()[:100],
    "list": lambda path: len(list(Path(path).iterdir())),
    "parent's environment": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes()[:100],
    "parent's memory": lambda: Path(f"/proc/{os.getppid()}/mem").open("rb").close(),
    "unix socket": lambda path: connect(socket.AF_UNIX, path),
    "abstract socket": lambda: connect(socket.AF_UNIX, "\0somewhere"),
    "tcp": lambda port: connect(socket.AF_INET, ("127.0.0.1", port)),
    "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
    "environment": lambda: json.dumps(dict(os.environ)),
    "write": write,
    "fork": fork,
    "fork bomb": lambda: fork(10_000),
    "run": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606 - it is to be refused
    "trace": lambda: call("ptrace", 16, os.getppid(), 0, 0),
    "signal": lambda: os.kill(os.getppid(), 0),
    "mount": lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "new space": lambda: call("unshare", 0x10000000),
    "own": lambda path: os.chown(path, os.getuid(), os.getgid()),
    "open to all": lambda path: Path(path).chmod(0o666),
    "change the time of": lambda path: os.utime(path),
    "become another": lambda: os.setuid(12345),
    "descriptors": open_descriptors,
    "die": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segfault": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "leave": lambda: os._exit(0),
    "hang": lambda: time.sleep(3600),
    "spin": spin,
    "bloat": bloat,
    "bloat and abort": bloat_and_abort,
    "babble": babble,
}


def probe(wish: Wish, opened: Opened, limits: Limits) -> Inspection:
    name, *arguments = json.loads(wish.key)
    if name == "look":
        return inspect_file(wish, opened, limits)
    if name == "lie":
        truth = inspect_file(wish, opened, limits)
        return replace(truth, renditions=(replace(truth.renditions[0], name=arguments[0]),))
    inspection = inspect_file(wish, opened, limits)
    try:
        outcome = f"done: {PROBES[name](*arguments)}"
    except OSError as error:
        outcome = f"refused: {error.strerror}"
    return replace(inspection, metadata=replace(inspection.metadata, description=outcome))


if __name__ == "__main__":
    serve(probe)
