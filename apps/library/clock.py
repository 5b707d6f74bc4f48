"""Clocks on the wall, kept as if they were UTC: the days of the timeline are the days that people had."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone


def household_clock(moment: datetime) -> datetime:
    """What the household's clock said at this moment."""
    return timezone.localtime(moment, timezone.get_default_timezone()).replace(tzinfo=UTC)


def household_now() -> datetime:
    return household_clock(timezone.now())


def sun_clock(moment: datetime, longitude: float) -> datetime:
    """What the sun said there at this moment: near enough for a day and a part of it."""
    return moment + timedelta(hours=longitude / 15)
