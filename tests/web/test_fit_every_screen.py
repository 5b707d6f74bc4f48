"""Every page fits every screen, whatever people call their pictures, and stands still while it loads."""

import pytest

from apps.duplicates.models import DuplicatePair
from apps.ingest.models import StepRun
from apps.library.models import Asset
from apps.library.services import home_of
from apps.reading.models import TextSegment
from apps.search import indexing
from tests.factories import WORDS, person, picture
from tests.web.conftest import Visitor

pytestmark = pytest.mark.browser

WIDTHS = (320, 820, 1440)
OF_RIGHT_TO_LEFT = "תמונה מהחופשה בים.jpg"


def rename(asset: Asset, **columns: object) -> Asset:
    Asset.objects.filter(pk=asset.pk).update(**columns)
    return asset


def test_every_page_fits_every_screen_and_stands_still(visitor: Visitor) -> None:
    alice = person("alice")
    home = home_of(alice)
    crowded = rename(
        picture(home, WORDS, steps="failed"), name="w" * 251 + ".jpg", keywords=["k" * 200], title="t" * 300
    )
    twin = rename(picture(home), name=OF_RIGHT_TO_LEFT)
    panorama = rename(picture(home), width=20_000, height=10)
    dot = rename(picture(home), width=1, height=1)
    DuplicatePair.objects.create(first=crowded, second=twin, distance=0, form=0)
    box = [[0, 0], [1, 0], [1, 1], [0, 1]]
    TextSegment.objects.create(asset=crowded, kind="ocr", position=1, text="x" * 400, score=1, box=box)
    StepRun.objects.filter(asset=crowded).update(error="e" * 300)
    indexing.refresh()
    search = f"/search/?q={'long' * 30}&tag=format%3Ajpeg&tag=scene%3A{WORDS.tag}"
    lists = ["/", "/search/", f"/search/?q={WORDS.city}", search, "/processing/", "/processing/troubles/"]
    everywhere = [f"/photos/{crowded.pk}/", *lists, "/statistics/", "/settings/"]
    on_the_smallest = [f"/photos/{asset.pk}/" for asset in (twin, panorama, dot)]

    troubles = []
    for width in WIDTHS:
        visitor.page.set_viewport_size({"width": width, "height": 844})
        for address in everywhere + (on_the_smallest if width == min(WIDTHS) else []):
            page = visitor.goes(alice, address)
            page.wait_for_load_state("load")
            for tab in page.get_by_role("tab").all():
                tab.click()
            wide, shifted = page.evaluate("[document.documentElement.scrollWidth, window.shifted]")
            if wide > width or shifted > 0.1:
                troubles.append(f"{address} is {wide} of {width} pixels wide and moved by {shifted:.2f}")

    assert troubles == []
