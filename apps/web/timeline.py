"""The gallery's timeline. Its page knows first how many pictures each stretch of time has, so its whole height is known
and nothing jumps; the pictures of a stretch are asked for when somebody comes near it."""

import base64
import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from django.db.models import Count
from django.db.models.functions import TruncDay
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.accounts.scope import Scope
from apps.library.models import Asset
from apps.library.paging import TIMELINE
from apps.search.query import Query
from apps.search.services import Hit, matching, months, search

LONGEST_SECTION = 1_000  # a month with more is cut by days
PAGE = 500
FIRST = 60  # come with the page itself
WINDOW = 500  # so many of the best matches can be walked through in their order

# A picture as the page's script reads it: id, revision, width, height, thumbhash, what it is called.
Tile = tuple[int, int, int, int, str, str]


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of the timeline, both days included."""

    first: date
    last: date
    count: int
    label: str


def sections(scope: Scope, query: Query) -> list[Section]:
    """The whole timeline of a query, newest first: months, or groups of days where a month has very many."""
    found: list[Section] = []
    for month in months(scope, query):
        first = date(month.year, month.month, 1)
        last = first.replace(day=calendar.monthrange(month.year, month.month)[1])
        if month.count > LONGEST_SECTION:
            found += _by_days(scope, within(query, first, last))
        else:
            found.append(Section(first, last, month.count, date_format(first, "YEAR_MONTH_FORMAT")))
    return found


def _by_days(scope: Scope, query: Query) -> list[Section]:
    """Neighbouring days are put together as long as they stay under the limit. A single day may be above it."""
    counts: Iterable[tuple[datetime, int]] = (
        matching(scope, query)
        .annotate(day=TruncDay("sort_at", tzinfo=UTC))
        .values("day")
        .annotate(count=Count("*"))
        .order_by("-day")
        .values_list("day", "count")
    )
    groups: list[list[tuple[date, int]]] = []
    for at, count in counts:
        if groups and sum(number for _day, number in groups[-1]) + count <= LONGEST_SECTION:
            groups[-1].append((at.date(), count))
        else:
            groups.append([(at.date(), count)])
    return [_group(group) for group in groups]


def _group(days: Sequence[tuple[date, int]]) -> Section:
    last, first = days[0][0], days[-1][0]
    if first == last:
        label = date_format(first, "DATE_FORMAT")
    else:
        label = _("%(first)d to %(last)s") % {"first": first.day, "last": date_format(last, "DATE_FORMAT")}
    return Section(first, last, sum(count for _day, count in days), label)


def within(query: Query, first: date, last: date) -> Query:
    """The query, narrowed to these days."""
    return replace(
        query,
        taken_from=max(first, query.taken_from) if query.taken_from else first,
        taken_to=min(last, query.taken_to) if query.taken_to else last,
        order="newest",
    )


def called(asset: Asset) -> str:
    """What stands for the picture where it cannot be seen."""
    return asset.title or asset.description[:200] or asset.name


def tile(asset: Asset) -> Tile:
    hash_text = base64.b64encode(asset.thumbhash).decode()
    return (asset.pk, asset.revision, asset.width, asset.height, hash_text, called(asset))


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The assets around one, in the order of the list it was opened from, nearest last and first."""

    before: Sequence[Asset]
    after: Sequence[Asset]

    @property
    def previous(self) -> Asset | None:
        return self.before[-1] if self.before else None

    @property
    def next(self) -> Asset | None:
        return self.after[0] if self.after else None


def neighbours(scope: Scope, query: Query, asset: Asset, reach: int) -> Neighbours:
    """At most `reach` on each side. The order "best" holds for the best matches; further down it is by time."""
    if query.order == "best" and query.text:
        best = _assets(search(scope, query, size=WINDOW).items)
        place = next((place for place, other in enumerate(best) if other.pk == asset.pk), None)
        if place is not None:
            return Neighbours(best[max(0, place - reach) : place], best[place + 1 : place + 1 + reach])
    newest = replace(query, order="newest")
    newer = search(scope, newest, TIMELINE.encode(asset, forward=False), reach).items
    older = search(scope, newest, TIMELINE.encode(asset, forward=True), reach).items
    return Neighbours(_assets(newer), _assets(older))


def _assets(hits: Sequence[Hit]) -> list[Asset]:
    return [hit.asset for hit in hits]
