"""The search page: its address holds all that is asked for, so every state of it can be kept, sent and gone back to."""

from dataclasses import dataclass, replace

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.accounts.scope import Scope
from apps.library.access import scope_of
from apps.library.models import Asset, Library
from apps.library.paging import BadCursor
from apps.search import services
from apps.search.query import BadQuery, Query
from apps.search.services import Facets, Suggestion
from apps.tagging.labels import tag_label
from apps.tagging.models import Tag

PAGE = 60
MOST_COUNTED = 1_000_000
STARTS = 12  # of each kind, where nothing is asked for yet


@dataclass(frozen=True, slots=True)
class Chip:
    """Something that is asked for, and the search without it."""

    label: str
    params: str


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Start:
    label: str
    params: str
    count: int


@require_safe
@login_required
def search(request: HttpRequest) -> HttpResponse:
    """The page; with the header `X-Part` what stands below the box. Without scripts it is a plain form."""
    scope = scope_of(request)
    part = "X-Part" in request.headers
    try:
        query = Query.from_params(request.GET)
    except BadQuery as error:
        context = _filters(scope, Query()) | {"query": Query(), "mistake": str(error)}
        return render(request, _template(part=part), context, status=400)
    if "" in request.GET.values():  # a form sends its empty fields too
        return redirect(f"{reverse('search')}?{query.to_params()}")
    context = _filters(scope, query) | {"query": query, "params": query.to_params()}
    if query == Query():
        return render(request, _template(part=part), context)
    try:
        page = services.search(scope, query, request.GET.get("cursor"), PAGE)
    except BadCursor:
        return redirect(f"{reverse('search')}?{query.to_params()}")
    context |= {"page": page, "list": f"{query.to_params()}&list=search"}
    if not page.previous:
        count = services.count(scope, query, MOST_COUNTED)
        context |= {"count": count, "more": count == MOST_COUNTED}
    return render(request, _template(part=part), context)


def _template(*, part: bool) -> str:
    return "web/_search.html" if part else "web/search.html"


def _filters(scope: Scope, query: Query) -> dict[str, object]:
    facets = services.facets(scope)
    libraries = list(Library.objects.visible_to(scope).order_by("name", "id"))
    return {
        "chips": _chips(query, {library.pk: library.name for library in libraries}),
        "filters_set": query != Query(text=query.text, order=query.order),
        "kinds": Asset.Kind.choices,
        "libraries": libraries,
        "families": _tag_choices(facets, query),
        "places": _choices(facets.places, query.place),
        "cameras": _choices(facets.cameras, query.camera),
        "starts": _starts(facets) if query == Query() else [],
    }


def _chips(query: Query, libraries: dict[int, str]) -> list[Chip]:
    chips: list[tuple[str, Query]] = []
    if query.text:
        chips.append((f"“{query.text}”", replace(query, text="")))
    if query.taken_from:
        day = date_format(query.taken_from, "DATE_FORMAT")
        chips.append((_("from %(day)s") % {"day": day}, replace(query, taken_from=None)))
    if query.taken_to:
        day = date_format(query.taken_to, "DATE_FORMAT")
        chips.append((_("until %(day)s") % {"day": day}, replace(query, taken_to=None)))
    if query.kind:
        chips.append((str(Asset.Kind(query.kind).label), replace(query, kind="")))
    for library in query.libraries:
        name = libraries.get(library, _("unknown library"))
        rest = tuple(other for other in query.libraries if other != library)
        chips.append((name, replace(query, libraries=rest)))
    for tag in query.tags:
        rest_of_tags = tuple(other for other in query.tags if other != tag)
        chips.append((tag_in_words(tag), replace(query, tags=rest_of_tags)))
    for name, value in (("place", query.place), ("camera", query.camera)):
        if value:
            without = replace(query, place="") if name == "place" else replace(query, camera="")
            chips.append((value, without))
    if query.duplicates == "hide":
        chips.append((_("without duplicates"), replace(query, duplicates="show")))
    return [Chip(label, without.to_params()) for label, without in chips]


def tag_in_words(tag: str) -> str:
    """`temporal:golden_hour` as people read it: the family is said, since a name alone may belong to two."""
    family, _colon, name = tag.partition(":")
    label: str | Promise = Tag.Family(family).label if family in Tag.Family.values else family
    return _("any %(family)s tag") % {"family": label} if name == "*" else f"{tag_label(family, name)} ({label})"


def _tag_choices(facets: Facets, query: Query) -> list[tuple[str, list[Choice]]]:
    """The tags that can be added, by family."""
    by_family: dict[str, list[Choice]] = {}
    for facet in facets.tags:
        family, _colon, name = facet.label.partition(":")
        if facet.label not in query.tags:
            by_family.setdefault(family, []).append(Choice(facet.label, tag_label(family, name), facet.count))
    return [(str(family.label), by_family[family.value]) for family in Tag.Family if family.value in by_family]


def _choices(facets: tuple[Suggestion, ...], chosen: str) -> list[Choice]:
    choices = [Choice(facet.label, facet.label, facet.count) for facet in facets]
    if chosen and all(choice.value != chosen for choice in choices):
        choices.insert(0, Choice(chosen, chosen))
    return choices


def _starts(facets: Facets) -> list[tuple[str, list[Start]]]:
    groups = [
        (_("Tags"), [Start(tag_in_words(facet.label), facet.params, facet.count) for facet in facets.tags[:STARTS]]),
        (_("Places"), [Start(facet.label, facet.params, facet.count) for facet in facets.places[:STARTS]]),
        (_("Cameras"), [Start(facet.label, facet.params, facet.count) for facet in facets.cameras[:STARTS]]),
    ]
    return [(label, starts) for label, starts in groups if starts]
