"""Takes a picture of every page, at the widths of a phone, a tablet and a desk, in light and dark.

    python tools/screenshots.py http://127.0.0.1:8000 --session KEY --into shots [--pages gallery search] [--widths 390]

KEY is the value of the `sessionid` cookie of whoever is to be signed in. It also says what a page did wrong on the way:
errors of scripts, refused content, and how far its layout jumped (the browser's own "cumulative layout shift").
"""

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

BROWSER = os.environ.get("MEDIAHUB_TEST_BROWSER", "/usr/bin/chromium")
HEIGHTS = {390: 844, 820: 1180, 1440: 900}
THEMES = ("light", "dark")
PAGES = {
    "gallery": "/",
    "photo": "/photos/{photo}/",
    "search": "/search/",
    "processing": "/processing/",
    "statistics": "/statistics/",
    "settings": "/settings/",
}
# Counts every shift that no person caused, from the first moment of the page on.
WATCH_SHIFTS = """
    window.shifted = 0;
    new PerformanceObserver((list) => {
      for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.shifted += shift.value;
    }).observe({ type: "layout-shift", buffered: true });
"""


@dataclass
class Shot:
    page: str
    width: int
    theme: str
    troubles: list[str] = field(default_factory=list)
    shift: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.page}-{self.width}-{self.theme}.png"


def take(
    browser: Browser, address: str, session: str, into: Path, pages: dict[str, str], widths: list[int]
) -> Iterator[Shot]:
    for theme in THEMES:
        for width in widths:
            context = browser.new_context(
                viewport={"width": width, "height": HEIGHTS.get(width, 900)},
                color_scheme="dark" if theme == "dark" else "light",
                has_touch=width < 500,
            )
            context.add_cookies([{"name": "sessionid", "value": session, "url": address}])
            context.add_init_script(WATCH_SHIFTS)
            for name, path in pages.items():
                yield shoot(context.new_page(), address + path, into, Shot(name, width, theme))
            context.close()


def shoot(page: Page, address: str, into: Path, shot: Shot) -> Shot:
    page.on("pageerror", lambda error: shot.troubles.append(str(error)))
    page.on("console", lambda line: shot.troubles.append(line.text) if line.type == "error" else None)
    page.goto(address, wait_until="load")
    page.wait_for_timeout(1200)  # thumbnails and numbers that come after the page
    shot.shift = float(page.evaluate("window.shifted"))
    page.screenshot(path=into / shot.name)
    page.close()
    return shot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("--session", required=True)
    parser.add_argument("--into", type=Path, default=Path("shots"))
    parser.add_argument("--pages", nargs="*", default=list(PAGES), choices=list(PAGES))
    parser.add_argument("--widths", nargs="*", type=int, default=list(HEIGHTS))
    parser.add_argument("--photo", default="1", help="the id of the photo that the photo page shows")
    asked = parser.parse_args()
    asked.into.mkdir(parents=True, exist_ok=True)
    pages = {name: PAGES[name].format(photo=asked.photo) for name in asked.pages}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox", "--headless=new", "--disable-background-networking"]
        )
        for shot in take(browser, asked.address.rstrip("/"), asked.session, asked.into, pages, asked.widths):
            print(f"{shot.name}: layout shift {shot.shift:.3f}", *shot.troubles, sep="\n    ")  # noqa: T201
        browser.close()


if __name__ == "__main__":
    main()
