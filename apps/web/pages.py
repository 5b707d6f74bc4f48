"""The gallery, the photo page and the settings: views that parse, ask one question, and answer."""

from dataclasses import dataclass, replace

from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from django.views.i18n import JavaScriptCatalog

from apps.accounts.scope import ACTIONS
from apps.duplicates.services import duplicates_of
from apps.ingest.models import StepRun
from apps.ingest.services import states_of, steps_of
from apps.ingest.steps import BY_NAME
from apps.library.access import scope_of
from apps.library.labels import camera_name, country_name
from apps.library.models import Asset, File, Rendition
from apps.library.paging import BadCursor, Page
from apps.reading.services import text_of
from apps.search.query import BadQuery, Query
from apps.search.services import Hit, search
from apps.tagging.models import Tag
from apps.tagging.services import tags_of
from apps.web import timeline

PLAIN_PAGE = 60
STRIP = 8  # neighbours on each side
SHOWN_BY_BROWSERS = ("jpeg", "png", "webp", "gif", "avif", "bmp")


# -- The gallery ------------------------------------------------------------------------------------------------------
@require_safe
@login_required
def gallery(request: HttpRequest) -> HttpResponse:
    """The timeline. `?plain` is the same as pages with links, for browsers without scripts."""
    try:
        query = Query.from_params(request.GET)
    except BadQuery:
        return redirect("gallery")  # an address that somebody shortened by hand: the whole timeline instead
    scope = scope_of(request)
    context: dict[str, object] = {"query": query, "params": query.to_params()}
    if "plain" in request.GET:
        try:
            page = search(scope, query, request.GET.get("cursor"), PLAIN_PAGE)
        except BadCursor:
            return redirect("gallery")
        return render(request, "web/gallery_plain.html", context | {"page": page})
    found = timeline.sections(scope, query)
    context |= {
        "total": sum(section.count for section in found),
        "timeline": {
            "sections": _sections(found),
            "first": _items(search(scope, replace(query, order="newest"), size=timeline.FIRST)),
            "params": query.to_params(),
            "addresses": {
                "sections": reverse("gallery_sections"),
                "items": reverse("gallery_items"),
                "photo": reverse("photo", args=[0]),
                "media": reverse("media", args=[0, 0, "thumbnail"]),
            },
        },
    }
    return render(request, "web/gallery.html", context)


@require_safe
@login_required
def gallery_sections(request: HttpRequest) -> HttpResponse:
    """The stretches of the timeline again, for a page that is open while pictures arrive."""
    return JsonResponse({"sections": _sections(timeline.sections(scope_of(request), _query(request)))})


@require_safe
@login_required
def gallery_items(request: HttpRequest) -> HttpResponse:
    """The pictures of one stretch, named by the query's first and last day."""
    try:
        page = search(scope_of(request), _query(request), request.GET.get("cursor"), timeline.PAGE)
    except BadCursor as error:
        raise BadRequest(str(error)) from error
    return JsonResponse(_items(page))


def _items(page: Page[Hit]) -> dict[str, object]:
    return {"items": [timeline.tile(hit.asset) for hit in page.items], "next": page.next}


def _query(request: HttpRequest) -> Query:
    try:
        return Query.from_params(request.GET)
    except BadQuery as error:
        raise BadRequest(str(error)) from error


def _sections(found: list[timeline.Section]) -> list[tuple[str, str, int, str]]:
    return [(section.first.isoformat(), section.last.isoformat(), section.count, section.label) for section in found]


# -- The photo page ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class StepLine:
    run: StepRun
    label: str | Promise

    @property
    def is_trouble(self) -> bool:
        return self.run.state in (StepRun.State.FAILED, StepRun.State.QUARANTINED)

    @property
    def may_run_again(self) -> bool:
        """What was skipped waits for the step that it needs."""
        return self.is_trouble or self.run.state == StepRun.State.DONE


@require_safe
@login_required
def photo(request: HttpRequest, asset_id: int) -> HttpResponse:
    """One picture with all that is known about it. The query in the address is the list it was opened from: the
    neighbours are taken from there."""
    scope = scope_of(request)
    asset = get_object_or_404(Asset.objects.visible_to(scope).select_related("library", "added_by"), pk=asset_id)
    try:
        query = Query.from_params(request.GET)
    except BadQuery:
        query = Query()
    around = timeline.neighbours(scope, query, asset, STRIP)
    came_from = "search" if request.GET.get("list") == "search" else "gallery"
    params = query.to_params()
    link = QueryDict(params, mutable=True)
    if came_from == "search":
        link["list"] = "search"
    files = list(File.objects.visible_to(scope).filter(asset=asset).order_by("-role", "id"))
    renditions = {rendition.kind: rendition for rendition in asset.renditions.filter(revision=asset.revision)}
    context = {
        "asset": asset,
        "called": timeline.called(asset),
        "query": query,
        "link": link.urlencode(),
        "back": f"{reverse(came_from)}?{params}" if params else reverse(came_from),
        "around": around,
        "strip": [*around.before, asset, *around.after],
        "may_edit": asset.library_id in scope.editable,
        "files": files,
        "preview": renditions.get(Rendition.Kind.PREVIEW),
        "detail": renditions.get(Rendition.Kind.DETAIL),
        "browser_shows_original": asset.format in SHOWN_BY_BROWSERS,
        "camera": camera_name(asset.camera_make, asset.camera_model),
        "place_links": [
            {"label": name, "params": Query(place=name).to_params()}
            for name in dict.fromkeys((asset.city, asset.region, country_name(asset.country)))
            if name
        ],
        "offset": _offset(asset.taken_offset),
        "tags": [(Tag.Family(family).label, rows) for family, rows in tags_of(asset).items()],
        "texts": text_of(asset),
        "duplicates": duplicates_of(scope, asset),
        "state": states_of([asset.pk]).get(asset.pk, "pending"),
        "steps": [StepLine(run, BY_NAME[run.step].label) for run in steps_of(asset)],
        "ratings": range(1, 6),
        "panel_closed": request.COOKIES.get("panel") == "closed",
    }
    return render(request, "web/photo.html", context)


def _offset(minutes: int | None) -> str:
    """`+02:00`; empty when the camera did not say where it was."""
    if minutes is None:
        return ""
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"


# -- Settings ---------------------------------------------------------------------------------------------------------
@require_safe
@login_required
def settings(request: HttpRequest) -> HttpResponse:
    """The frame of the settings; what stands in it is read and changed through the API."""
    context = {"actions": ACTIONS.items(), "libraries": scope_of(request).readable}
    return render(request, "web/settings.html", context)


# The words that scripts show, in the language of the page (its address names the language, so it may be kept).
words = cache_control(max_age=3600)(JavaScriptCatalog.as_view(packages=["apps.web"]))
