"""Search, processing and statistics as a person meets them: with a real browser and its keyboard."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from apps.ingest.models import StepRun
from apps.jobs import progress
from apps.library.services import home_of
from apps.search import indexing
from tests.factories import WORDS, person, picture
from tests.web.conftest import Visitor

pytestmark = pytest.mark.browser


def matches(page: Page, shown: str) -> None:
    expect(page.locator("#found-title")).to_have_text(shown)


def test_a_suggestion_becomes_a_filter_and_words_join_it_in_place(visitor: Visitor) -> None:
    alice = person("alice")
    home = home_of(alice)
    for _each in range(2):
        picture(home, WORDS)
    picture(home)
    indexing.refresh()

    page = visitor.goes(alice, "/")
    page.keyboard.press("/")
    page.keyboard.type("ocelot")
    page.get_by_role("option", name="ocelotopera").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?tag=scene%3Aocelotopera")
    matches(page, "2 matches")

    page.evaluate("window.same = true")
    page.fill("#find", "nothing-like-it")
    page.keyboard.press("Enter")
    matches(page, "No matches")
    assert page.url.endswith("/search/?tag=scene%3Aocelotopera&q=nothing-like-it")

    page.get_by_role("link", name="“nothing-like-it”").click()
    matches(page, "2 matches")
    page.go_back()
    matches(page, "No matches")

    assert page.input_value("#find") == "nothing-like-it"
    assert page.evaluate("window.same")


def test_results_go_on_as_one_comes_near_their_end_and_never_jump(visitor: Visitor) -> None:
    alice = person("alice")
    home = home_of(alice)
    for _each in range(70):
        picture(home)

    page = visitor.goes(alice, "/search/?kind=photo")
    matches(page, "70 matches")
    page.mouse.move(400, 400)
    page.mouse.wheel(0, 20_000)

    expect(page.locator(".results .tile")).to_have_count(70)
    assert page.evaluate("new Set([...document.querySelectorAll('.tile')].map((tile) => tile.dataset.id)).size") == 70
    assert page.evaluate("window.shifted") < 0.01


def test_counts_come_over_the_socket_and_what_they_mean_from_the_rows(visitor: Visitor) -> None:
    alice = person("alice")
    asset = picture(home_of(alice), steps="waiting")

    with visitor.page.expect_websocket() as opened:
        page = visitor.goes(alice, "/processing/")
    opened.value.wait_for_event("framereceived")
    StepRun.objects.filter(asset=asset).update(state="done")
    count = {"waiting": 0, "running": 0, "done": 1, "failed": 0, "skipped": 0}
    progress.publish([alice.pk], {"type": "steps", "steps": {"inspect": count}})

    expect(page.locator("[data-step=inspect] [data-field=done]")).to_have_text("1")
    expect(page.locator("#overall-title")).to_have_text("Everything is done")


def test_nothing_stands_in_the_way_of_a_screen_reader(visitor: Visitor) -> None:
    alice = person("alice")
    home = home_of(alice)
    picture(home, WORDS)
    picture(home, steps="failed")
    indexing.refresh()
    pages = ["/search/", "/search/?q=umbrella", "/search/?q=nowhere&kind=photo", "/search/?from=yesterday"]
    pages += ["/processing/", "/processing/troubles/", "/statistics/"]

    for scheme in ("light", "dark"):
        visitor.page.emulate_media(color_scheme=scheme)
        for address in pages:
            page = visitor.goes(alice, address)
            serious = [
                (violation["id"], violation["nodes"][0]["html"])
                for violation in Axe().run(page).response["violations"]
                if violation["impact"] in ("serious", "critical")
            ]
            assert serious == [], (address, scheme)


def test_a_server_that_cannot_answer_is_not_called_a_broken_connection(visitor: Visitor) -> None:
    page = visitor.goes(person("alice"), "/search/")
    page.route("**/search/?q=*", lambda route: route.fulfill(status=503, body=""))
    page.fill("#find", "lake")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("MediaHub could not answer (error 503)")

    page.route("**/search/?q=*", lambda route: route.abort())
    page.fill("#find", "sea")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Check the connection")


def test_a_bar_leads_to_its_search_and_says_its_count_on_a_phone(visitor: Visitor) -> None:
    alice = person("alice")
    picture(home_of(alice), WORDS)
    indexing.refresh()
    visitor.page.set_viewport_size({"width": 390, "height": 844})

    page = visitor.goes(alice, "/statistics/")
    expect(page.locator("#months text.value")).to_be_visible()
    expect(page.locator("#months text.value")).to_have_text("1")
    page.locator("#tags svg").evaluate("(bar) => bar.scrollIntoView({ block: 'center' })")
    place = page.locator("#tags svg").bounding_box()
    assert place
    page.mouse.click(place["x"] + 5, place["y"] + 5)
    page.wait_for_url("**/search/?tag=scene%3Aocelotopera")
    matches(page, "1 match")
