"""What can be proved of the look without eyes: contrast, icons that exist, pages that obey our own content policy."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from apps.accounts.models import User
from apps.library.services import home_of
from tests.factories import picture, signed_in

STATIC = Path(settings.BASE_DIR) / "static"
PAIR = re.compile(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)")
TOKENS = {name: (light, dark) for name, light, dark in PAIR.findall((STATIC / "css" / "tokens.css").read_text())}

TEXT = [
    ("ink", "ground"), ("ink", "ground-sunk"), ("ink", "ground-hover"), ("ink", "ground-raised"),
    ("ink-quiet", "ground"), ("ink-quiet", "ground-sunk"), ("ink-quiet", "ground-hover"), ("ink-quiet", "stage"),
    ("ink-quiet", "skeleton"), ("accent", "ground"), ("accent", "accent-wash"), ("accent-ink", "accent"),
    ("good", "ground"), ("warn", "ground"), ("bad", "ground"), ("bad", "bad-wash"), ("ground", "ink"),
]  # fmt: skip
CONTROLS = [("edge", "ground"), ("edge", "ground-raised"), ("accent", "ground"), ("accent", "ground-hover")]


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_text_can_be_read_and_every_control_be_seen(theme: int) -> None:
    worst = {
        f"{ink} on {ground}": contrast(TOKENS[ink][theme], TOKENS[ground][theme]) - wanted
        for pairs, wanted in ((TEXT, 4.5), (CONTROLS, 3.0))
        for ink, ground in pairs
    }

    assert {pair: round(short, 2) for pair, short in worst.items() if short < 0} == {}


def test_every_icon_that_is_asked_for_exists() -> None:
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "icons.svg").read_text()))
    templates = Path(settings.BASE_DIR) / "templates"
    asked = {
        name
        for page in templates.rglob("*.html")
        for name in re.findall(r'_icon\.html" with name="([\w-]+)"', page.read_text())
    } | {
        name
        for script in (STATIC / "js").glob("*.js")
        for name in re.findall(r'\bicon\("([\w-]+)"\)', script.read_text())
    }

    assert asked - drawn == set()


def test_styles_name_no_colour_of_their_own() -> None:
    text = (STATIC / "css" / "app.css").read_text()

    assert set(re.findall(r"#[0-9a-f]{3,8}\b", text)) <= {"#fff"}


@pytest.mark.django_db
def test_no_page_holds_what_its_own_policy_forbids(admin: User) -> None:
    asset = picture(home_of(admin))
    client = signed_in(admin)
    pages = [
        "/",
        "/?plain=1",
        "/settings/",
        reverse("photo", args=[asset.pk]),
        "/search/",
        "/processing/",
        "/statistics/",
    ]

    for page in pages:
        answer = client.get(page)
        shown = answer.content.decode()
        assert "script-src 'self'" in answer["Content-Security-Policy"]
        assert not re.search(r"<[^>]+\s(style|on\w+)=", shown), page
        scripts = re.findall(r"<script\b([^>]*)>", shown)
        assert all("src=" in script or 'type="application/json"' in script for script in scripts), page


@pytest.mark.django_db
def test_only_administrators_are_offered_to_invite(alice: User, admin: User) -> None:
    assert 'id="invitations"' in signed_in(admin).get("/settings/").content.decode()
    assert 'id="invitations"' not in signed_in(alice).get("/settings/").content.decode()


@pytest.mark.django_db
def test_the_words_of_scripts_come_in_the_language_of_the_page(alice: User) -> None:
    answer = signed_in(alice).get(reverse("words"))

    assert "gettext" in answer.content.decode()
    assert "max-age" in answer["Cache-Control"]
