"""The upload panel as a person meets it."""

import hashlib

import pytest
from playwright.sync_api import expect

from apps.accounts.models import User
from apps.ingest.models import StepRun
from apps.library.models import Asset, File
from apps.library.services import home_of
from tests.factories import person, picture
from tests.web.conftest import Visitor

pytestmark = pytest.mark.browser

CONTENT = b"these bytes were sent before"


def sent_before(alice: User, *, steps: str) -> Asset:
    asset = picture(home_of(alice), steps=steps)
    File.objects.filter(asset=asset).update(sha256_uploaded=hashlib.sha256(CONTENT).digest())
    return asset


def test_what_failed_before_is_no_mere_duplicate_and_can_be_tried_again(visitor: Visitor) -> None:
    alice = person("alice")
    asset = sent_before(alice, steps="failed")

    page = visitor.goes(alice, "/")
    page.set_input_files("#upload-files", {"name": "again.jpg", "mimeType": "image/jpeg", "buffer": CONTENT})
    row = page.locator("#uploads li")

    expect(row).to_have_attribute("data-state", "failed")
    expect(row).to_contain_text("Already here, but it could not be processed")
    expect(row).to_contain_text("cannot be read")
    page.get_by_role("button", name="Try again.jpg again").click()
    expect(row).to_have_attribute("data-state", "processing")
    assert StepRun.objects.filter(asset=asset, step="inspect", state="waiting").exists()


def test_a_duplicate_leads_to_what_is_here(visitor: Visitor) -> None:
    alice = person("alice")
    asset = sent_before(alice, steps="done")

    page = visitor.goes(alice, "/")
    page.set_input_files("#upload-files", {"name": "again.jpg", "mimeType": "image/jpeg", "buffer": CONTENT})

    expect(page.locator("#uploads li")).to_contain_text("Already here")
    expect(page.get_by_role("link", name="Show again.jpg")).to_have_attribute("href", f"/photos/{asset.pk}/")
