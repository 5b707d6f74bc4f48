"""A household's first day, in a real browser in front of a whole running house. In this order: each test goes on where
the one before it ended."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Dialog, Page, WebSocket, expect

from apps.ingest.steps import STEPS
from tests.pictures import jpeg
from tests.pictures import page as written
from tests.run.house import House, running
from tests.web.conftest import chromium

__all__ = ["chromium"]  # the browser is the same

pytestmark = [pytest.mark.browser, pytest.mark.processes]

PASSWORD = "a-long-enough-password"
CANARY = "<img src=x onerror=alert(1)>"
FILES = 40


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with running(MEDIAHUB_BATCH_SIZE="4") as house:
        yield house


class Person:
    """A browser of somebody's own. Whatever a script throws, a page refuses or a dialog says fails the test."""

    def __init__(self, browser: Browser, house: House) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 900})
        self.page: Page = self.context.new_page()
        self.house = house
        self.wrong: list[str] = []
        self.heard: list[dict[str, Any]] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", self._refuse)
        self.page.on(
            "console",
            lambda line: self.wrong.append(line.text) if "Content Security Policy" in line.text else None,
        )
        self.page.on("websocket", self._listen)

    def _refuse(self, dialog: Dialog) -> None:
        self.wrong.append(dialog.message)
        dialog.dismiss()

    def _listen(self, opened: WebSocket) -> None:
        opened.on("framereceived", lambda frame: self.heard.append(json.loads(frame)))

    def goes(self, address: str) -> Page:
        self.page.goto(self.house.address + address)
        return self.page

    def signs_in(self, name: str) -> Page:
        page = self.goes("/account/login/")
        page.get_by_label("User name").fill(name)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{self.house.address}/")
        return page

    def asks(self, address: str) -> Any:
        return self.context.request.get(self.house.address + address).json()


@pytest.fixture(scope="module")
def alice(chromium: Browser, house: House) -> Iterator[Person]:
    person = Person(chromium, house)
    yield person
    person.context.close()


@pytest.fixture(scope="module")
def charlie(chromium: Browser, house: House) -> Iterator[Person]:
    person = Person(chromium, house)
    yield person
    person.context.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Forty pictures; one of them shows words, one has a hostile name."""
    folder = tmp_path_factory.mktemp("camera")
    paths = []
    for seed in range(FILES - 2):
        paths.append(folder / f"holiday-{seed}.jpg")
        paths[-1].write_bytes(jpeg(seed, (640, 480)))
    (folder / "paper.png").write_bytes(written(["Quokka invoice", "Total 12.50"]))
    hostile = Image.open(io.BytesIO(jpeg(99)))
    exif = hostile.getexif()
    exif[270] = CANARY
    hostile.save(folder / f"{CANARY.replace('/', '')}.jpg", exif=exif)
    return [*paths, folder / "paper.png", folder / f"{CANARY.replace('/', '')}.jpg"]


def no_serious_finding(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["help"]) for each in found if each["impact"] in ("serious", "critical")] == []


def test_the_first_visitor_becomes_the_administrator_by_the_printed_link(house: House, alice: Person) -> None:
    link = house.ready()
    page = alice.goes(link.removeprefix(house.address))
    no_serious_finding(page)
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{house.address}/")
    assert alice.asks("/api/account/")["username"] == "alice"
    used = alice.context.request.get(link)
    assert used.status in (404, 410)


def test_forty_dropped_files_are_seen_to_move_by_their_owner_alone(
    house: House, alice: Person, charlie: Person, files: list[Path]
) -> None:
    made = house.manage("create_user", "charlie", "--password-stdin", typed=PASSWORD + "\n")
    assert made.returncode == 0, made.stderr
    charlie.signs_in("charlie")
    charlie.goes("/processing/")
    page = alice.goes("/")
    alice.heard.clear()
    drop(page, files[0])
    page.set_input_files("#upload-files", files[1:])
    expect(page.locator("#uploads h2")).to_have_text("All done", timeout=150_000)
    for step in STEPS:
        done = [message["steps"][step.name]["done"] for message in alice.heard if message["type"] == "steps"]
        rising = sorted(set(done))
        assert len(rising) >= 3, (step.name, done)
        assert done == sorted(done)
        assert rising[-1] == FILES
    assert [message for message in charlie.heard if message["type"] not in ("ready", "pong")] == []


def drop(page: Page, file: Path) -> None:
    """What a browser does when a file is let go of over the page."""
    content = list(file.read_bytes())
    page.evaluate(
        """([name, bytes]) => {
          const carried = new DataTransfer();
          carried.items.add(new File([new Uint8Array(bytes)], name, { type: "image/jpeg" }));
          const how = { dataTransfer: carried, bubbles: true, cancelable: true };
          for (const kind of ["dragenter", "dragover", "drop"]) document.body.dispatchEvent(new DragEvent(kind, how));
        }""",
        [file.name, content],
    )


def test_a_page_that_comes_back_shows_what_the_rows_say(alice: Person) -> None:
    page = alice.goes("/processing/")
    no_serious_finding(page)
    rows = alice.asks("/api/processing/")["steps"]
    assert [row["done"] for row in rows] == [FILES] * len(STEPS)
    shown = page.locator("main").inner_text()
    assert shown.count(str(FILES)) >= len(STEPS)


def test_a_picture_is_found_by_the_words_on_it(alice: Person) -> None:
    assert "quokka" in str(alice.asks("/api/search/suggest/?q=quok"))
    page = alice.goes("/")
    page.get_by_role("combobox").first.press_sequentially("quok", delay=30)
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/**")
    expect(page.get_by_role("link", name="paper.png").first).to_be_visible()
    assert len(alice.asks("/api/search/?q=quokka")["items"]) == 1
    no_serious_finding(page)


def test_the_photo_page_tells_all_and_obeys_the_keyboard(alice: Person) -> None:
    (found,) = alice.asks("/api/search/?q=quokka")["items"]
    page = alice.goes(f"/photos/{found['id']}/")
    expect(page.get_by_text("Quokka invoice").first).to_be_attached()
    before = page.url
    page.keyboard.press("ArrowRight")
    if page.url == before:
        page.keyboard.press("ArrowLeft")
    page.wait_for_url(lambda address: address != before)
    page.keyboard.press("Escape")
    page.wait_for_url(f"{alice.house.address}/**")


def test_a_failed_picture_is_done_when_its_cause_is_repaired_and_it_is_tried_again(
    house: House, alice: Person, tmp_path: Path
) -> None:
    whole = jpeg(500, (800, 600))
    (tmp_path / "broken.jpg").write_bytes(whole[: len(whole) // 2])
    scanned = house.manage("scan", str(tmp_path), "--user", "alice")
    assert scanned.returncode == 0, scanned.stderr
    page = alice.goes("/processing/troubles/")
    for _ in range(100):
        if page.get_by_text("broken.jpg").count():
            break
        page.wait_for_timeout(200)
        page.reload()
    expect(page.get_by_text("cut off").first).to_be_visible()
    no_serious_finding(page)
    (tmp_path / "broken.jpg").write_bytes(whole)
    page.get_by_role("button", name="Try").first.click()
    (trouble,) = [row for row in alice.asks("/api/assets/")["items"] if row["name"] == "broken.jpg"]
    for _ in range(150):
        if alice.asks(f"/api/assets/{trouble['id']}/steps/")["state"] == "completed":
            break
        page.wait_for_timeout(200)
    assert alice.asks(f"/api/assets/{trouble['id']}/steps/")["state"] == "completed"
    assert alice.asks("/api/processing/troubles/")["items"] == []


@pytest.mark.parametrize("width", [390, 820, 1440])
def test_no_page_is_wider_than_its_screen_and_hostile_words_stay_words(alice: Person, width: int) -> None:
    (canary,) = [row for row in alice.asks("/api/assets/")["items"] if row["name"].startswith("<img")]
    alice.page.set_viewport_size({"width": width, "height": 900})
    for address in (
        "/",
        f"/photos/{canary['id']}/",
        "/search/?q=onerror",
        "/processing/",
        "/statistics/",
        "/settings/",
    ):
        page = alice.goes(address)
        page.wait_for_timeout(150)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    assert alice.wrong == []


def test_a_stranger_sees_nothing_and_signing_out_closes_the_door(alice: Person, charlie: Person) -> None:
    assert charlie.asks("/api/assets/")["items"] == []
    (found,) = alice.asks("/api/search/?q=quokka")["items"]
    assert charlie.context.request.get(f"{charlie.house.address}/photos/{found['id']}/").status == 404
    assert charlie.context.request.get(charlie.house.address + found["thumbnail"]).status == 404
    alice.context.clear_cookies()
    page = alice.goes("/")
    assert "/account/login/" in page.url
    no_serious_finding(page)
    assert alice.wrong == []
    assert charlie.wrong == []
