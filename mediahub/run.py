"""`make run`: the process tree of a whole house. `python -m mediahub.run [--photos FOLDER]`

PostgreSQL, the web server and the two queues are children of this process; it has no other work and no threads. What
they say goes into log files, what dies is started again, and nothing of it outlives this process.
"""

import argparse
import errno
import fcntl
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO

from django.core.exceptions import ImproperlyConfigured

from mediahub import env
from mediahub.local import EmbeddedPostgres, StartError, die_with_parent

LOG_MEGABYTES, LOG_FILES = 10, 3
BACK_OFF = (0.2, 1, 2, 5, 10, 30)  # seconds before the next start of something that keeps dying
LONGEST_PAUSE = env.integer("MEDIAHUB_LONGEST_PAUSE", BACK_OFF[-1], low=0)  # the tests kill more often than life does
HEALTHY_SECONDS = 60  # after this long a death is a new one
PATIENCE = {"photos": 2.0, "web": 10.0, "default": 20.0, "ml": 20.0}  # seconds from SIGTERM to SIGKILL
READY_SECONDS = 60


def _pause_after(deaths: int) -> float:
    return min(BACK_OFF[min(deaths, len(BACK_OFF)) - 1], LONGEST_PAUSE)


class StopAsked(Exception):
    """Somebody pressed Ctrl-C while we were starting."""


def say(text: str) -> None:
    with suppress(OSError):  # the terminal may be gone
        print(text, flush=True)  # noqa: T201  # this is the program's output


class Log:
    """One child's messages: JSON objects, one a line, in files of limited size."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.path = name, folder / f"{name}.log"
        self.rest = b""
        self.last: deque[str] = deque(maxlen=60)
        self.file: IO[bytes] = self.path.open("ab")

    def take(self, chunk: bytes) -> None:
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                self._write(line.decode("utf-8", "replace"))
        if len(self.rest) > 1_000_000:
            self.rest = b""

    def _write(self, line: str) -> None:
        if not line.startswith('{"time"'):  # PostgreSQL, and what Python says when it cannot go on
            level = "error" if any(word in line for word in ("ERROR", "FATAL", "PANIC", "Error")) else "info"
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            line = json.dumps({"time": now, "level": level, "logger": self.name, "message": line}, ensure_ascii=False)
        self.last.append(line)
        with suppress(OSError):  # a full disk must not stop the house
            self.file.write(line.encode() + b"\n")
            self.file.flush()
            if self.file.tell() > LOG_MEGABYTES * 1_000_000:
                self._rotate()

    def _rotate(self) -> None:
        self.file.close()
        for number in range(LOG_FILES - 1, 0, -1):
            older = self.path.with_suffix(f".log.{number}")
            newer = self.path.with_suffix(f".log.{number - 1}") if number > 1 else self.path
            if newer.exists():
                newer.replace(older)
        self.file = self.path.open("ab")

    def reason(self) -> str:
        """What was said last: of a traceback its last line, else all of it."""
        said = [str(json.loads(line).get("message", "")) for line in self.last]
        if any("Traceback" in line for line in said):
            said = said[-1:]
        return "\n".join(said)[-2000:]


@dataclass
class Part:
    """A child that has to run."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    deaths: int = 0

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_end(self) -> None:
        if self.process:
            self.process.terminate()

    def end(self) -> None:
        if self.process:
            end_group(self.process)


@dataclass
class House:
    photos: Path | None
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    logs: dict[str, Log] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    postgres: EmbeddedPostgres | None = None
    guest: Part | None = None  # runs once and ends
    stops_asked: int = 0
    lock: IO[str] | None = None
    listening: socket.socket | None = None

    def __post_init__(self) -> None:
        from django.conf import settings

        self.settings = settings
        try:
            self.data: Path = settings.DATA_DIR  # reading the first setting makes the folders
        except OSError as error:
            raise StartError(
                f"{error.filename} cannot be used: {error.strerror}. Start as its owner, or choose another folder "
                "with MEDIAHUB_DATA."
            ) from error
        name = _name_of(settings.HOST)
        self.address = f"http://{f'[{name}]' if ':' in name else name}:{settings.PORT}"

    # -- From beginning to end ----------------------------------------------------------------------------------------
    def run(self) -> int:
        self._hear_signals()
        try:
            self.take_lock()
            self.listening = listen(self.settings.HOST, self.settings.PORT)
            (self.data / "logs").mkdir(exist_ok=True, mode=0o700)
            self.start_database()
            path = self.prepare()
            self.start_parts(self.listening.fileno())
            self.wait_for_answer()
            say(f"MediaHub is ready: {self.address}{path}")
            self.add_photos()
            self.watch()
        except StartError as error:
            say(str(error))
            return 1
        except StopAsked:
            pass
        finally:
            self.stop()
        return 0

    def take_lock(self) -> None:
        lock = (self.data / "running").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            process, _, address = lock.read().partition(" ")
            raise StartError(f"MediaHub already runs here (pid {process or '?'}): {address}") from None
        lock.truncate(0)
        lock.write(f"{os.getpid()} {self.address}/")
        lock.flush()
        self.lock = lock

    def start_database(self) -> None:
        if not self.settings.EMBEDDED_DATABASE:
            check_database(self.settings.DATABASE_URL)
            return
        self.postgres = EmbeddedPostgres(self.data / "postgres", socket=self.settings.POSTGRES_SOCKET_DIR)
        part = Part("postgres", partial(self._start_postgres, self.postgres))
        self._start(part)
        self.parts.append(part)

    def _start_postgres(self, server: EmbeddedPostgres) -> subprocess.Popen[bytes]:
        readable, writable = os.pipe()
        self._hear("postgres", readable)
        try:
            return server.start(log=writable, pause=self._pause)
        except StartError as error:
            self.turn(0)
            log = self._log("postgres")
            raise StartError(f"{error} {log.reason()}\nSee {log.path}.".strip()) from error
        finally:
            os.close(writable)

    def prepare(self) -> str:
        """Brings database and static files up to date. Returns the path to open."""
        process = self._spawn("prepare", [sys.executable, "manage.py", "prepare"], answers=True)
        try:
            while process.poll() is None:
                self._pause()
        finally:
            if process.poll() is None:
                end_group(process)
        self.turn(0)
        if process.returncode or not process.stdout:
            log = self._log("prepare")
            raise StartError(f"MediaHub cannot be prepared.\n{log.reason()}\nSee {log.path}.")
        with process.stdout as answer:
            return answer.read().decode().strip()

    def start_parts(self, port: int) -> None:
        web = [sys.executable, "-m", "mediahub.asgi", str(port)]
        queue = [sys.executable, "manage.py", "work"]
        parts = [
            Part("web", partial(self._spawn, "web", web, keep=(port,), MEDIAHUB_DB_POOL="1")),
            Part("default", partial(self._spawn, "default", queue)),
            Part("ml", partial(self._spawn, "ml", queue, Q_CLUSTER_NAME="ml")),
        ]
        for part in parts:
            self._start(part)
        self.parts += parts

    def wait_for_answer(self) -> None:
        """Asks for a page and waits for the first byte. The port has been open all the time: nobody is turned away."""
        request = f"GET / HTTP/1.1\r\nHost: {_name_of(self.settings.HOST)}\r\nConnection: close\r\n\r\n".encode()
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            with socket.create_connection((_name_of(self.settings.HOST), self.settings.PORT), 5) as question:
                question.sendall(request)
                answered: list[bytes] = []
                hear = partial(_take_answer, question, answered)
                self.selector.register(question, selectors.EVENT_READ, hear)
                while not answered and time.monotonic() < end:
                    self._pause()
                    self.start_again()
                self.selector.unregister(question)
                if answered[:1] != [b""]:
                    return
        log = self._log("web")
        raise StartError(f"The web server does not answer.\n{log.reason()}\nSee {log.path}.")

    def add_photos(self) -> None:
        """Remembered until it is done: the administrator who is to own the folder may not be there yet."""
        wish = self.data / "photos_to_add"
        if self.photos:
            wish.write_text(str(self.photos))
        if wish.exists():
            command = [sys.executable, "-m", "mediahub.photos", str(wish)]
            part = Part("photos", partial(self._spawn, "photos", command, shows=True))
            part.process = part.start()
            self.guest = part

    def watch(self) -> None:
        while not self.stops_asked:
            self.turn(self._next_start())
            self.start_again()

    # -- Children -----------------------------------------------------------------------------------------------------
    def _spawn(
        self, name: str, command: list[str], *, answers: bool = False, shows: bool = False, keep: tuple[int, ...] = (),
        **environment: str,
    ) -> subprocess.Popen[bytes]:  # fmt: skip
        """A child in a session of its own, so that Ctrl-C reaches us only. `answers`: its output is for us; `shows`:
        its output is for the terminal."""
        readable, writable = os.pipe()
        self._hear(name, readable)
        try:
            return subprocess.Popen(
                command, cwd=self.settings.BASE_DIR, pass_fds=keep, start_new_session=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if answers else None if shows else writable, stderr=writable,
                env={**os.environ, "MEDIAHUB_PROCESS": name, "PYTHONUNBUFFERED": "1", **environment},
                preexec_fn=partial(die_with_parent, signal.SIGKILL),
            )  # fmt: skip
        finally:
            os.close(writable)

    def _start(self, part: Part) -> None:
        part.started_at, part.start_at = time.monotonic(), 0.0
        part.process = part.start()

    def start_again(self) -> None:
        """What died is started again, later and later while it keeps dying."""
        now = time.monotonic()
        for part in self.parts:
            if part.runs or (part.process is None and part.start_at > now):
                continue
            if part.process is not None:
                status = part.process.returncode
                end_group(part.process)  # whatever it left behind
                part.process = None
                part.deaths = 1 if now - part.started_at > HEALTHY_SECONDS else part.deaths + 1
                pause = _pause_after(part.deaths)
                part.start_at = now + pause
                say(f"{part.name} ended unexpectedly ({_in_words(status)}); starting it again in {pause:g} s. "
                    f"See {self._log(part.name).path}.")  # fmt: skip
                continue
            try:
                self._start(part)
            except StartError as error:
                part.deaths += 1
                part.start_at = now + _pause_after(part.deaths)
                say(str(error))

    def _next_start(self) -> float:
        now = time.monotonic()
        return min((max(0.0, part.start_at - now) for part in self.parts if part.process is None), default=60.0)

    def stop(self) -> None:
        """In order: nobody asks any more, nobody works any more, then the database."""
        if self.stops_asked and len(self.parts) > 1:
            say("\nStopping. Nothing is lost; Ctrl-C once more ends it at once.")
        if self.listening:
            self.listening.close()
        by_name = {part.name: part for part in self.parts}
        guest = [self.guest] if self.guest else []
        for group in (guest, [by_name.get("web")], [by_name.get("default"), by_name.get("ml")]):
            self._stop([part for part in group if part and part.runs])
        if self.postgres:
            self.postgres.stop()
        self.turn(0)
        if self.lock:
            self.lock.truncate(0)
            self.lock.close()

    def _stop(self, parts: list[Part]) -> None:
        already_asked = self.stops_asked
        for part in parts:
            part.ask_to_end()
        end = time.monotonic() + max((PATIENCE[part.name] for part in parts), default=0)
        # A second Ctrl-C means: at once.
        while any(part.runs for part in parts) and time.monotonic() < end and self.stops_asked <= max(1, already_asked):
            self.turn(0.1)
        for part in parts:
            part.end()

    # -- What there is to hear ----------------------------------------------------------------------------------------
    def _hear_signals(self) -> None:
        wake, woken = socket.socketpair()
        wake.setblocking(False)
        woken.setblocking(False)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        self._wake = (wake, woken)
        self.selector.register(wake, selectors.EVENT_READ, lambda: wake.recv(4096))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
                signal.signal(number, self._ask_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to be woken

    def _ask_to_stop(self, *_: object) -> None:
        self.stops_asked += 1

    def _log(self, name: str) -> Log:
        if name not in self.logs:
            self.logs[name] = Log(name, self.data / "logs")
        return self.logs[name]

    def _hear(self, name: str, pipe: int) -> None:
        os.set_blocking(pipe, False)
        self.selector.register(pipe, selectors.EVENT_READ, partial(self._take, self._log(name), pipe))

    def _take(self, log: Log, pipe: int) -> None:
        chunk = os.read(pipe, 65536)
        log.take(chunk)
        if not chunk:
            self.selector.unregister(pipe)
            os.close(pipe)

    def turn(self, seconds: float) -> None:
        """Takes what there is to hear, or waits for it."""
        for key, _ in self.selector.select(seconds):
            key.data()

    def _pause(self) -> None:
        """A moment, and not less when there is much to hear."""
        end = time.monotonic() + 0.05
        while (left := end - time.monotonic()) > 0:
            self.turn(left)
        if self.stops_asked:
            raise StopAsked


def listen(host: str, port: int) -> socket.socket:
    """Opened here and kept: a web server that starts again loses nobody who is waiting."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise StartError(
                f"Port {port} is taken by another program. End that one, or choose another port: "
                f"MEDIAHUB_PORT={port + 1} make run"
            ) from error
        raise StartError(f"MediaHub cannot listen on {host}:{port}: {error.strerror}. Set another MEDIAHUB_HOST "
                         "or MEDIAHUB_PORT.") from error  # fmt: skip
    listening.listen(512)
    return listening


def check_database(url: str) -> None:
    """Somebody else's server: says plainly what is wrong with it. The password is never shown."""
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            if connection.info.server_version < 150000:
                raise StartError("DATABASE_URL: MediaHub needs PostgreSQL 15 or later.")
            if not connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchone():
                raise StartError("DATABASE_URL: this PostgreSQL lacks the extension pgvector. Install it there.")
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise StartError(
            f"DATABASE_URL: the database cannot be reached ({reason}). It is written as "
            "postgresql://user:password@host:port/name; without it MediaHub uses a database of its own."
        ) from error


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Whatever is left of a child and its children."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _take_answer(question: socket.socket, answered: list[bytes]) -> None:
    try:
        answered.append(question.recv(64))
    except OSError:
        answered.append(b"")


def _name_of(host: str) -> str:
    """How this machine reaches what listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "localhost"}.get(host, host)  # noqa: S104


def _in_words(status: int | None) -> str:
    if status is None:
        return "no status"
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit {status}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make run", description="Runs MediaHub until Ctrl-C.")
    parser.add_argument("--photos", type=Path, help="a folder to add as a library; it is read and never changed")
    arguments = parser.parse_args()
    os.umask(0o077)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mediahub.settings")
    try:
        photos = arguments.photos.expanduser().absolute() if arguments.photos else None
        if photos and not photos.is_dir():
            raise StartError(f"{photos} is not a folder.")
        return House(photos).run()
    except (StartError, ImproperlyConfigured) as error:
        say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
