"""What a person has, drawn: every bar is a search, and says how many that search will show."""

from collections.abc import Iterable, Sequence
from datetime import date

from django.contrib.auth.decorators import login_required
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from apps.library.access import scope_of
from apps.tagging.labels import tag_label
from apps.tagging.models import Tag
from apps.web import services
from apps.web.charts import Value, bars, columns
from apps.web.services import Figure, MonthFigure, StepTime
from apps.web.templatetags.pages import duration

MONTHS_DRAWN = 36


@require_safe
@login_required
def statistics(request: HttpRequest) -> HttpResponse:
    numbers = services.statistics(scope_of(request))
    months, years = _months(numbers.months), _years(numbers.months)
    context = {
        "numbers": numbers,
        "months": columns(months[-MONTHS_DRAWN:]),
        "all_months": months,
        "years": columns(years),
        "all_years": years,
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
    """`family:name` as people read it: a name alone may belong to two families."""
    values = []
    for figure in figures:
        family, _colon, name = figure.label.partition(":")
        known = family in Tag.Family.values
        label, note = (tag_label(family, name), str(Tag.Family(family).label)) if known else (figure.label, "")
        values.append(Value(label, figure.count, intcomma(figure.count), figure.params, note=note))
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
    """Only months with items, oldest first: one picture of long ago, or of a camera whose clock is wrong, would leave
    little room for the others."""
    values = []
    for figure in reversed(figures):
        first = date(figure.year, figure.month, 1)
        values.append(
            Value(
                date_format(first, "YEAR_MONTH_FORMAT"),
                figure.count,
                intcomma(figure.count),
                figure.params,
                short=date_format(first, "M"),
                group=str(first.year),
            )
        )
    return values


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
