import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from apps.accounts.models import User
from tests.jobs.kinds import KINDS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def anna(db: None) -> User:
    return User.objects.create_user("anna")


@pytest.fixture
def ben(db: None) -> User:
    return User.objects.create_user("ben")


@pytest.fixture
def kinds(settings: object) -> None:
    settings.JOB_KINDS = KINDS  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def environment(django_db_setup: None) -> dict[str, str]:
    """For processes that work on the tests' database."""
    address = connection.settings_dict
    url = f"postgresql://{address['USER']}@/{address['NAME']}?host={address['HOST']}"
    return {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.jobs.worker_settings"}


@pytest.fixture(scope="session")
def web(environment: dict[str, str]) -> Iterator[str]:
    """A web process as the house has it; gives its host and port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        command = [sys.executable, "-m", "mediahub.asgi", str(listening.fileno())]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[listening.fileno()])
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            process.terminate()
            process.wait(20)
