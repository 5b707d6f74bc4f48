"""A whole house in processes of its own, as `make run` starts it."""

import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(holds: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@dataclass
class House:
    data: Path
    port: int
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    lines: list[str] = field(default_factory=list)
    first_lines: list[str] = field(default_factory=list)  # of the first start

    @property
    def environment(self) -> dict[str, str]:
        """As on a stranger's machine: nothing of the tests' own server."""
        ours = ("DATABASE_URL", "SECRET_KEY", "MEDIAHUB_TEST_SERVER")
        inherited = {name: value for name, value in os.environ.items() if name not in ours}
        return inherited | {"MEDIAHUB_DATA": str(self.data), "MEDIAHUB_PORT": str(self.port)} | self.settings

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def start(self, *arguments: str) -> "House":
        self.lines = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mediahub.run", *arguments],
            cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            # In a shell's background Ctrl-C is ignored, and children inherit that.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        self._heard: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._listen, args=(self.process, self._heard), daemon=True).start()
        return self

    def _listen(self, process: subprocess.Popen[str], heard: "queue.Queue[str | None]") -> None:
        """Until the process ends; what the next one says goes into a queue of its own."""
        assert process.stdout
        for line in process.stdout:
            heard.put(line.rstrip())
        heard.put(None)

    def hears(self, part: str, seconds: float = PATIENCE) -> str:
        """The next line that contains `part`."""
        end = time.monotonic() + seconds
        while True:
            line = self._heard.get(timeout=max(0.1, end - time.monotonic()))
            assert line is not None, f"it ended without saying {part!r}; it said {self.lines}"
            self.lines.append(line)
            if part in line:
                return line

    def ready(self) -> str:
        line = self.hears("MediaHub is ready")
        self.first_lines = self.first_lines or list(self.lines)
        return line.removeprefix("MediaHub is ready: ")

    def ask_to_stop(self, number: signal.Signals = signal.SIGINT) -> None:
        os.kill(self.pid, number)

    def ended(self, seconds: float = PATIENCE) -> int:
        assert self.process
        return self.process.wait(seconds)

    def manage(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, input=typed, capture_output=True, text=True, timeout=PATIENCE
        )

    def answers(self) -> bool:
        """Any answer that is the application's own."""
        try:
            with urllib.request.urlopen(f"{self.address}/static/favicon.svg", timeout=5):  # noqa: S310
                return True
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False

    def processes(self) -> set[tuple[int, str]]:
        """Every process below the supervisor, with its start time: numbers are used again."""
        parents = {pid: (parent, began) for pid, parent, began in _all_processes()}
        found, newest = set(), {self.pid}
        while newest:
            newest = {pid for pid, (parent, _began) in parents.items() if parent in newest}
            found |= newest
        return {(pid, parents[pid][1]) for pid in found}

    def children_named(self, part: str) -> list[int]:
        return sorted(pid for pid, _began in self.processes() if part in _command(pid))


def living(processes: set[tuple[int, str]]) -> set[tuple[int, str]]:
    now = {(pid, began) for pid, _parent, began in _all_processes()}
    return processes & now


def kill(processes: set[tuple[int, str]]) -> None:
    for pid, _began in living(processes):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _all_processes() -> list[tuple[int, int, str]]:
    """(process, parent, start time) of all that are not zombies."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            found.append((int(entry.parent.name), int(fields[1]), fields[19]))
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


@contextmanager
def running(**settings: str) -> Iterator[House]:
    """A house with a data folder of its own. It starts at once; `ready` waits for it."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("processes are looked up in /proc")
    folder = Path(tempfile.mkdtemp(prefix="mediahub-house-"))
    folder.chmod(0o711)  # the database's account must reach its own folder
    house = House(folder, free_port(), settings).start()
    try:
        yield house
    finally:
        if house.process and house.process.poll() is None:
            left = house.processes()
            house.process.kill()
            house.process.wait()
            kill(left)
        shutil.rmtree(folder, ignore_errors=True)
