"""A day looks the same wherever it is written, and moments are those of the household's clock."""

from datetime import UTC, datetime

import pytest
from django.conf import LazySettings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from apps.accounts.models import User
from apps.ingest.models import StepRun
from apps.library.services import home_of
from tests.factories import person, picture, signed_in
from tests.web.conftest import Visitor

MOMENT = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)


def test_days_and_moments_have_one_form() -> None:
    assert date_format(MOMENT, "DATE_FORMAT") == date_format(MOMENT, "SHORT_DATE_FORMAT") == "21 November 2026"
    assert date_format(MOMENT, "DATETIME_FORMAT") == date_format(MOMENT, "SHORT_DATETIME_FORMAT")
    assert date_format(MOMENT, "DATETIME_FORMAT") == "21 November 2026, 23:30"


@pytest.mark.django_db
def test_the_photo_page_writes_moments_by_the_household_s_clock_and_names_it(
    alice: User, settings: LazySettings
) -> None:
    settings.TIME_ZONE = "Europe/Vienna"
    asset = picture(home_of(alice))
    StepRun.objects.filter(asset=asset).update(finished_at=MOMENT)

    page = signed_in(alice).get(reverse("photo", args=[asset.pk])).content.decode()

    assert "22 November 2026, 00:30 CET" in page
    assert 'data-zone="Europe/Vienna"' in page
    assert "Wednesday, 17 May 2023" in page  # where it was taken, whatever the household's clock says


@pytest.mark.django_db
def test_the_administration_writes_the_same_form_and_names_the_clock(admin: User) -> None:
    User.objects.filter(pk=admin.pk).update(date_joined=MOMENT)

    page = signed_in(admin).get(reverse("admin:accounts_user_change", args=[admin.pk])).content.decode()

    assert "21 November 2026, 23:30" in page
    assert "Times are those of UTC." in page


@pytest.mark.browser
def test_scripts_write_days_as_the_server_does_and_not_by_the_browser_s_clock(visitor: Visitor) -> None:
    alice = person("alice")
    context = visitor.page.context.browser.new_context(locale="en-US", timezone_id="America/New_York")  # type: ignore[union-attr]
    here = Visitor(context.new_page(), visitor.house)
    page = here.goes(alice, "/settings/")

    written = page.evaluate(
        "text => import('/static/js/dates.js').then(({ day, moment }) => [day(text), moment(text)])", MOMENT.isoformat()
    )
    assert written == ["21 November 2026", "21 November 2026, 23:30"]
    assert timezone.get_current_timezone_name() == page.get_attribute("html", "data-zone")
    context.close()
