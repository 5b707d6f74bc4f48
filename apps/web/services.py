"""Numbers that join several apps: what a person has, what came in last, and what waits in the house."""

import hashlib
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Q, Sum
from django.utils import timezone
from django.utils.translation import get_language
from django_q.models import OrmQ

from apps.accounts.scope import Scope
from apps.ingest import services as ingest
from apps.ingest.models import StepRun, StepTally
from apps.ingest.steps import BY_NAME, STEPS
from apps.jobs.models import Worker
from apps.jobs.workers import SILENT_SECONDS
from apps.library.models import Asset, File
from apps.search import services as search
from apps.search.query import Query
from apps.search.services import Suggestion
from apps.tagging.labels import format_label
from apps.tagging.models import AssetTag, Tag
from apps.tagging.steps import SOURCE

KEPT_SECONDS = 300
TOP_TAGS = 20
TOP_OTHERS = 10


# -- What a person has ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Figure:
    """A number of items, and the search that shows exactly these."""

    label: str
    count: int
    params: str
    bytes: int | None = None  # of their files that are there, where that is what is asked for


@dataclass(frozen=True, slots=True)
class MonthFigure:
    year: int
    month: int
    count: int
    params: str


@dataclass(frozen=True, slots=True)
class StepTime:
    step: str
    label: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Statistics:
    items: int
    bytes: int
    months: tuple[MonthFigure, ...]  # newest first, only those with items
    tags: tuple[Figure, ...]
    families: tuple[Figure, ...]  # items with at least one tag of the family
    kinds: tuple[Figure, ...]
    formats: tuple[Figure, ...]
    cameras: tuple[Figure, ...]
    places: tuple[Figure, ...]
    steps: tuple[StepTime, ...]


def statistics(scope: Scope) -> Statistics:
    """Kept for five minutes, and forgotten as soon as what the asker has or may see changes."""
    key = _key(scope)
    known = cache.get(key)
    if isinstance(known, Statistics):
        return known
    counted = _counted(scope)
    cache.set(key, counted, KEPT_SECONDS)
    return counted


def _key(scope: Scope) -> str:
    """Names the language, the rights, the libraries, how many items there are, and the last change of what can be
    found."""
    libraries = hashlib.sha256(repr(sorted(scope.readable)).encode()).hexdigest()[:16]
    tally = StepTally.objects.visible_to(scope).filter(step=STEPS[0].name).aggregate(n=Sum("difference"))
    return f"statistics:{get_language()}:{scope.cache_key}:{libraries}:{tally['n'] or 0}:{search.version()}"


def _counted(scope: Scope) -> Statistics:
    facets = search.facets(scope)
    kinds = _kinds(scope)
    return Statistics(
        items=sum(figure.count for figure in kinds),
        bytes=sum(figure.bytes or 0 for figure in kinds),
        months=tuple(
            MonthFigure(month.year, month.month, month.count, params_between(month.year, month.month, month.month))
            for month in search.months(scope, Query())
        ),
        tags=_figures(facets.tags[:TOP_TAGS]),
        families=_families(scope),
        kinds=kinds,
        formats=_formats(scope),
        cameras=_figures(facets.cameras[:TOP_OTHERS]),
        places=_figures(facets.places[:TOP_OTHERS]),
        steps=tuple(
            StepTime(step, str(BY_NAME[step].label), milliseconds)
            for step, milliseconds in ingest.mean_times(scope).items()
        ),
    )


def params_between(year: int, first: int, last: int) -> str:
    """The search for what was taken from one month of a year to another, both included."""
    return Query(taken_from=date(year, first, 1), taken_to=date(year, last, monthrange(year, last)[1])).to_params()


def _figures(facets: Iterable[Suggestion]) -> tuple[Figure, ...]:
    return tuple(Figure(facet.label, facet.count, facet.params) for facet in facets)


def _families(scope: Scope) -> tuple[Figure, ...]:
    figures = []
    for family in Tag.Family:
        query = Query(tags=(f"{family.value}:*",))
        count = search.count(scope, query)
        if count:
            figures.append(Figure(str(family.label), count, query.to_params()))
    return tuple(sorted(figures, key=lambda figure: -figure.count))


def _kinds(scope: Scope) -> tuple[Figure, ...]:
    there = File.objects.visible_to(scope).filter(missing_since=None)
    sizes = dict(there.values("asset__kind").annotate(n=Sum("size")).values_list("asset__kind", "n"))
    figures = []
    for kind in Asset.Kind:
        query = Query(kind=kind.value)
        count = search.count(scope, query)
        if count:
            figures.append(Figure(str(kind.label), count, query.to_params(), sizes.get(kind.value, 0)))
    return tuple(figures)


def _formats(scope: Scope) -> tuple[Figure, ...]:
    """By the tags of the formats, since these are what a search asks for."""
    rows = (
        AssetTag.objects.visible_to(scope)
        .filter(source=SOURCE, tag__family=Tag.Family.FORMAT, tag__name__in=settings.SUPPORTED_FORMATS)
        .values("tag__name")
        .annotate(
            n=Count("asset", distinct=True),
            bytes=Sum("asset__files__size", filter=Q(asset__files__missing_since=None), default=0),
        )
        .order_by("-bytes")
        .values_list("tag__name", "n", "bytes")
    )
    return tuple(
        Figure(format_label(name), count, Query(tags=(f"{Tag.Family.FORMAT.value}:{name}",)).to_params(), size)
        for name, count, size in rows
    )


# -- What came in last ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Arrival:
    asset: Asset
    state: str


def newest(scope: Scope, size: int) -> list[Arrival]:
    """What was added last, with the state it is in. Each library is read through its own index."""
    found: list[Asset] = []
    for library_id in scope.readable:
        added = Asset.objects.visible_to(scope).filter(library=library_id).order_by("-added_at", "-id")
        found += added[:size]
    found.sort(key=lambda asset: (asset.added_at, asset.pk), reverse=True)
    states = ingest.states_of(asset.pk for asset in found[:size])
    return [Arrival(asset, states.get(asset.pk, "pending")) for asset in found[:size]]


# -- What waits in the house ------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class LaneLength:
    lane: str
    waiting: int
    running: int
    failed: int
    bells: int
    workers: int  # alive


def queue_lengths() -> list[LaneLength]:
    """Every lane with all that waits in it, whoever it belongs to: counts only."""
    states: dict[tuple[str, str], int] = {}
    for step, state, count in StepTally.objects.values_list("step", "state").annotate(n=Sum("difference")):
        lane = BY_NAME[step].lane if step in BY_NAME else ""
        states[lane, state] = states.get((lane, state), 0) + count
    bells = dict(OrmQ.objects.values_list("key").annotate(n=Count("id")))
    alive = dict(
        Worker.objects.filter(seen_at__gt=timezone.now() - timedelta(seconds=SILENT_SECONDS))
        .values_list("lane")
        .annotate(n=Count("id"))
    )
    return [
        LaneLength(
            lane=lane,
            waiting=states.get((lane, StepRun.State.WAITING), 0),
            running=states.get((lane, StepRun.State.RUNNING), 0),
            failed=states.get((lane, StepRun.State.FAILED), 0) + states.get((lane, StepRun.State.QUARANTINED), 0),
            bells=bells.get(row["cluster"], 0),
            workers=alive.get(lane, 0),
        )
        for lane, row in settings.LANES.items()
    ]
