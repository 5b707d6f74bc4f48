"""A pytest plugin (`-p tests.server`): one throw-away PostgreSQL and one data folder for the whole run.

It has to act before Django's settings are read, and pytest-django reads them before any conftest is loaded.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from mediahub.local import EmbeddedPostgres

_server: EmbeddedPostgres | None = None


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    global _server
    if os.environ.get("MEDIAHUB_TEST_SERVER"):
        return  # a worker of xdist: it inherits the environment
    data = Path(tempfile.mkdtemp(prefix="mediahub-tests-"))
    data.chmod(0o711)  # the database's account must reach its own folder
    (data / "static").mkdir()
    os.environ["MEDIAHUB_DATA"] = str(data)
    os.environ["MEDIAHUB_TEST_SERVER"] = "1"
    os.environ["SECRET_KEY"] = "the-tests-use-this-key-and-nobody-else-may-0123456789"
    _server = EmbeddedPostgres(data / "postgres", durable=False)
    _server.start()
    os.environ["DATABASE_URL"] = _server.url()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    if _server:
        _server.stop()
        shutil.rmtree(os.environ["MEDIAHUB_DATA"], ignore_errors=True)
