"""The pages as a person meets them: with a real browser, its keyboard and its screen."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from PIL import Image

from apps.accounts.models import User
from apps.library import storage
from apps.library.models import Asset, Library, Rendition
from apps.library.services import home_of
from media import thumbhash
from tests.factories import person, picture
from tests.web.conftest import Visitor

pytestmark = pytest.mark.browser


def photographed(library: Library, number: int) -> list[Asset]:
    """Real small pictures, three a day."""
    pixels = random.Random(5)
    assets = []
    for place in range(number):
        width, height = pixels.choice([(400, 300), (300, 400), (400, 225), (400, 400)])
        colour = [pixels.randrange(40, 220) for _ in range(3)]
        image = Image.new("RGB", (width, height), tuple(colour))
        at = datetime(2024, 5, 17, 12, tzinfo=UTC) - timedelta(hours=8 * place)
        asset = Asset.objects.create(
            library=library,
            name=f"{place}.jpg",
            sort_at=at,
            width=width,
            height=height,
            thumbhash=thumbhash.encode(np.asarray(image.resize((32, 32)))),
        )
        for kind in ("thumbnail", "preview"):
            path = storage.rendition_path(asset.pk, 1, kind)
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
            Rendition.objects.create(asset=asset, kind=kind, revision=1, width=width, height=height, size=1)
        assets.append(asset)
    return assets


def test_the_timeline_fills_its_rows_and_never_jumps(visitor: Visitor) -> None:
    alice = person("alice")
    photographed(home_of(alice), 90)

    page = visitor.goes(alice, "/")
    page.wait_for_function("[...document.querySelectorAll('.timeline .tile img')].some((image) => image.complete)")
    room = page.evaluate("document.getElementById('timeline').clientWidth")
    ends = page.evaluate(
        "[...document.querySelectorAll('.tile')].map("
        "(tile) => new DOMMatrix(tile.style.transform).e + tile.offsetWidth)"
    )
    page.mouse.move(400, 400)
    for _turn in range(12):
        page.mouse.wheel(0, 500)
        page.wait_for_timeout(30)

    assert max(ends) == room
    assert page.evaluate("document.querySelectorAll('.tile').length") < 90
    assert page.evaluate("window.shifted") < 0.01


def test_the_keyboard_walks_opens_and_comes_back(visitor: Visitor) -> None:
    alice = person("alice")
    newest, second, third, *_older = photographed(home_of(alice), 30)

    page = visitor.goes(alice, "/")
    page.wait_for_selector(".timeline .tile")
    for key in ("ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    focused = page.evaluate("document.activeElement.dataset.id")
    page.keyboard.press("Enter")
    page.wait_for_url("**/photos/**", wait_until="load")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(f'#viewer[data-id="{third.pk}"]')
    page.keyboard.press("i")
    closed = page.evaluate("document.getElementById('panel').checkVisibility()")
    page.keyboard.press("Escape")
    page.wait_for_selector(f'.tile[data-id="{third.pk}"]:focus')

    assert focused == str(second.pk)
    assert newest.pk != second.pk
    assert closed is False
    assert page.url.endswith("/")


def test_a_title_is_saved_when_its_field_is_left(visitor: Visitor) -> None:
    alice = person("alice")
    [asset] = photographed(home_of(alice), 1)

    page = visitor.goes(alice, reverse("photo", args=[asset.pk]))
    page.fill("#title", "A quiet lake")
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.keyboard.press("Tab")
    page.wait_for_function("document.getElementById('saved').textContent === 'Saved'")

    asset.refresh_from_db()
    assert asset.title == "A quiet lake"


def test_a_key_is_shown_once_and_listed(visitor: Visitor) -> None:
    page = visitor.goes(person("alice"), "/settings/")
    page.click("text=Make a key")
    page.fill("#key-name", "Backup")
    page.click("form[data-form=key] [type=submit]")
    page.wait_for_selector("#secret[open]")
    secret = page.text_content("#secret code") or ""
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-list=keys] >> text=Backup")

    page.wait_for_function("document.querySelector('#secret code').textContent === ''")

    assert secret.startswith("mh_")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_shut_out(visitor: Visitor, theme: str) -> None:
    admin = person("admin", is_administrator=True)
    User.objects.filter(pk=admin.pk).update(theme=theme)
    photographed(home_of(admin), 3)
    asset = picture(home_of(admin), steps="failed")
    serious: dict[str, list[str]] = {}

    for address in (
        "/",
        reverse("photo", args=[asset.pk]),
        reverse("photo", args=[asset.pk]) + "#processing",
        "/settings/",
    ):
        page = visitor.goes(admin, address)
        page.wait_for_load_state("networkidle")
        found = Axe().run(page).response["violations"]
        serious[address] = [
            f"{each['id']}: {each['nodes'][0]['html']}" for each in found if each["impact"] in ("serious", "critical")
        ]

    assert {address: each for address, each in serious.items() if each} == {}
