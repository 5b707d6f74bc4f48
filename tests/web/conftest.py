"""A real browser in front of a real web process, both on the tests' database."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from playwright.sync_api import Browser, Page, sync_playwright

from apps.accounts.models import User
from tests.factories import signed_in

ROOT = Path(__file__).parents[2]
CHROMIUM = Path(os.environ.get("MEDIAHUB_TEST_BROWSER", "/usr/bin/chromium"))
# Counts every shift of the layout that no person caused.
WATCH_SHIFTS = """
    window.shifted = 0;
    new PerformanceObserver((list) => {
      for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.shifted += shift.value;
    }).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's chromium, or the one that MEDIAHUB_TEST_BROWSER names. Playwright keeps an event loop in this thread as
    long as it lives: it ends with the module, and until then rows are made in between its turns."""
    if not CHROMIUM.exists():
        message = f"no browser at {CHROMIUM}: install chromium or set MEDIAHUB_TEST_BROWSER"
        pytest.fail(message) if os.environ.get("MEDIAHUB_REQUIRE_BROWSER") else pytest.skip(message)
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--headless=new", "--disable-background-networking"]
        )
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@dataclass(frozen=True)
class House:
    address: str
    renditions: Path


@pytest.fixture(scope="module")
def house(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A web process as `make run` starts it, without workers."""
    renditions = tmp_path_factory.mktemp("renditions")
    database = connection.settings_dict
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}",
        "THUMBNAIL_DIR": str(renditions),
        "DEBUG": "1",  # static files are served as they lie in the tree
    }
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        command = [sys.executable, "-m", "mediahub.asgi", str(listening.fileno())]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[listening.fileno()])
        try:
            yield House(f"http://127.0.0.1:{listening.getsockname()[1]}", renditions)
        finally:
            process.terminate()
            process.wait(20)


class Visitor:
    """A page of the browser; `goes(user, address)` signs a person in and opens an address."""

    def __init__(self, page: Page, house: House) -> None:
        self.page, self.house = page, house

    def goes(self, user: User, address: str) -> Page:
        session = signed_in(user).cookies[settings.SESSION_COOKIE_NAME].value
        self.page.context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": self.house.address}]
        )
        self.page.goto(self.house.address + address)
        return self.page


@pytest.fixture
def visitor(
    transactional_db: None, chromium: Browser, house: House, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Visitor]:
    """Whatever a script of ours throws fails the test."""
    monkeypatch.setattr(settings, "RENDITIONS_DIR", house.renditions)
    thrown: list[str] = []
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    page.add_init_script(WATCH_SHIFTS)
    page.on("pageerror", lambda error: thrown.append(str(error)))
    yield Visitor(page, house)
    page.close()
    assert thrown == []
