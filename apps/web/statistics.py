"""What a person has, drawn: every bar is a search, and says how many that search will show."""

from collections.abc import Iterable, Sequence
from datetime import date

from django.contrib.auth.decorators import login_required
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import date as say_date
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from apps.library.access import scope_of
from apps.tagging.models import Tag
from apps.web import services
from apps.web.charts import Value, bars, columns
from apps.web.services import Figure, MonthFigure, StepTime
from apps.web.templatetags.pages import duration
from apps.web.templatetags.pictures import tag_label

MONTHS_DRAWN = 36


@require_safe
@login_required
def statistics(request: HttpRequest) -> HttpResponse:
    numbers = services.statistics(scope_of(request))
    context = {
        "numbers": numbers,
        "months": columns(_months(numbers.months)),
        "years": columns(_years(numbers.months)),
        "tags": bars(_tagged(numbers.tags)),
        "families": bars(_shares(numbers.families, numbers.items)),
        "kinds": bars(_stored(numbers.kinds)),
        "formats": bars(_stored(numbers.formats)),
        "cameras": bars(_counted(numbers.cameras)),
        "places": bars(_counted(numbers.places)),
        "steps": bars(_times(numbers.steps)),
    }
    return render(request, "web/statistics.html", context)


def _counted(figures: Iterable[Figure]) -> list[Value]:
    return [Value(figure.label, figure.count, intcomma(figure.count), figure.params) for figure in figures]


def _tagged(figures: Iterable[Figure]) -> list[Value]:
    """`family:name` as people read it."""
    values = []
    for figure in figures:
        family, _colon, name = figure.label.partition(":")
        label = f"{tag_label(name)} ({Tag.Family(family).label})" if family in Tag.Family.values else figure.label
        values.append(Value(label, figure.count, intcomma(figure.count), figure.params))
    return values


def _shares(figures: Iterable[Figure], items: int) -> list[Value]:
    return [
        Value(
            figure.label,
            figure.count,
            _("%(count)s · %(percent)d %%") % {
                "count": intcomma(figure.count), "percent": round(100 * figure.count / (items or 1)),
            },
            figure.params,
        )
        for figure in figures
    ]  # fmt: skip


def _stored(figures: Iterable[Figure]) -> list[Value]:
    return [
        Value(
            figure.label,
            figure.bytes or 0,
            ngettext("%(size)s · %(count)s item", "%(size)s · %(count)s items", figure.count)
            % {"size": filesizeformat(figure.bytes or 0), "count": intcomma(figure.count)},
            figure.params,
        )
        for figure in figures
    ]


def _times(steps: Iterable[StepTime]) -> list[Value]:
    return [Value(step.label, step.milliseconds, duration(step.milliseconds)) for step in steps]


def _months(figures: Sequence[MonthFigure]) -> list[Value]:
    """The newest months in a row, oldest first; a month without items has its place too."""
    if not figures:
        return []
    known = {(figure.year, figure.month): figure for figure in figures}
    newest = max(known)
    oldest = max(min(known), _months_before(newest, MONTHS_DRAWN - 1))
    values = []
    place = oldest
    while place <= newest:
        figure = known.get(place)
        count = figure.count if figure else 0
        first = date(*place, 1)
        params = figure.params if figure else ""
        short, group = say_date(first, "M"), str(first.year)
        values.append(Value(say_date(first, "F Y"), count, intcomma(count), params, short, is_major=False, group=group))
        place = _months_before(place, -1)
    return values


def _months_before(month: tuple[int, int], count: int) -> tuple[int, int]:
    year, place = divmod(month[0] * 12 + month[1] - 1 - count, 12)
    return year, place + 1


def _years(figures: Sequence[MonthFigure]) -> list[Value]:
    """All years in a row; nothing when there is only one."""
    counts: dict[int, int] = {}
    for figure in figures:
        counts[figure.year] = counts.get(figure.year, 0) + figure.count
    if len(counts) < 2:
        return []
    values = []
    for year in range(min(counts), max(counts) + 1):
        count = counts.get(year, 0)
        params = services.params_between(year, 1, 12) if count else ""
        values.append(Value(str(year), count, intcomma(count), params, short=str(year), is_major=year % 5 == 0))
    return values
