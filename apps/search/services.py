"""Finding. `matching` is the only place where a query becomes a filter; whatever lists or counts goes through it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import BooleanField, Count, F, Func, IntegerField, Q, QuerySet, Value
from django.db.models.functions import TruncMonth

from apps.accounts.scope import Scope
from apps.duplicates.services import hidden
from apps.library.labels import camera_name
from apps.library.models import Asset
from apps.library.paging import Keyset, Page, page_of
from apps.search import indexing
from apps.search.documents import places_of
from apps.search.folding import fold, words_of, words_of_name
from apps.search.models import SearchDocument, Term
from apps.search.query import Clause, Query, clauses_of, positive_clauses, quoted, token_of, tsquery_of
from apps.tagging.models import AssetTag, Tag
from apps.tagging.services import tag_names

RANKED = 2_000  # so many of the newest matches are put in order of relevance
RELEVANCE = Keyset(("relevance", "asset_id"))

version = indexing.version


class Matches(Func):
    arg_joiner = " @@ "
    template = "%(expressions)s::tsquery"
    output_field = BooleanField()

    def __init__(self, tsquery: str) -> None:
        super().__init__(F("vector"), Value(tsquery))


class Relevance(Func):
    """Cover density, as a whole number so that a page can begin at it."""

    template = "(ts_rank_cd(%(expressions)s::tsquery) * 1000000)::int"
    output_field = IntegerField()

    def __init__(self, tsquery: str) -> None:
        super().__init__(F("vector"), Value(tsquery))


# -- The filter -------------------------------------------------------------------------------------------------------
def matching(scope: Scope, query: Query) -> QuerySet[Asset]:
    """The assets that the asker may see and that fulfil every part of the query, in no order."""
    assets = Asset.objects.visible_to(scope)
    if query.libraries:
        assets = assets.filter(library__in=scope.readable.intersection(query.libraries))
    if query.kind:
        assets = assets.filter(kind=query.kind)
    if query.taken_from:
        assets = assets.filter(sort_at__gte=_midnight(query.taken_from))
    if query.taken_to:
        assets = assets.filter(sort_at__lt=_midnight(query.taken_to + timedelta(days=1)))
    tsquery = _tsquery(query)
    if tsquery is None:
        return assets.none()
    if tsquery:
        documents = SearchDocument.objects.visible_to(scope).filter(Matches(tsquery))
        assets = assets.filter(pk__in=documents.values("asset"))
    for tagged in _tagged(query.tags):
        assets = assets.filter(pk__in=tagged.values("asset"))
    return hidden(assets) if query.duplicates == "hide" else assets


def _midnight(day: date) -> datetime:
    """As `sort_at` is kept: the clock on the wall."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _tsquery(query: Query) -> str | None:
    """Everything that a document can answer, in one question. None when words were asked for and there are none."""
    parts = [
        quoted(token_of(kind, label)) for kind, label in (("place", query.place), ("camera", query.camera)) if label
    ]
    if query.text:
        alternatives = clauses_of(query.text)
        if not alternatives:
            return None
        parts.append(f"({tsquery_of(alternatives)})")
    return " & ".join(parts)


def _tagged(tags: Sequence[str]) -> list[QuerySet[AssetTag]]:
    """For each tag where it is. `family:*` is any tag of the family; a tag that does not exist is on no asset: 0 is no
    tag's id."""
    if not tags:
        return []
    names = [(family, name) for family, _colon, name in (tag.partition(":") for tag in tags)]
    wanted = Q()
    for family, name in names:
        wanted |= Q(family=family, name=name)
    known = {(family, name): pk for family, name, pk in Tag.objects.filter(wanted).values_list("family", "name", "id")}
    return [
        AssetTag.objects.filter(tag__family=family)
        if name == "*"
        else AssetTag.objects.filter(tag=known.get((family, name), 0))
        for family, name in names
    ]


# -- Pages ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Hit:
    """`why` says where the words were found: title, name, keyword, tag, place, camera, text, description."""

    asset: Asset
    why: tuple[str, ...] = ()


def search(scope: Scope, query: Query, cursor: str | None = None, size: int = 100) -> Page[Hit]:
    """One page of what matches. Without words "best" is "newest". Raises BadCursor."""
    if query.order == "best" and query.text:
        page = _best(scope, query, cursor, size)
    else:
        page = page_of(matching(scope, query), cursor, size, fetch=_from_each(_libraries(scope, query)))
    why = _why(page.items, query)
    hits = [Hit(asset, why.get(asset.pk, ())) for asset in page.items]
    return Page(hits, page.next, page.previous)


def _libraries(scope: Scope, query: Query) -> list[int]:
    return sorted(scope.readable.intersection(query.libraries) if query.libraries else scope.readable)


def _from_each(libraries: list[int]) -> Callable[[QuerySet[Asset], int], list[Asset]]:
    """Reads a page from each library through its own index and merges them: no index is in the order of the timeline
    across libraries, and sorting all of them for one page is what makes big houses slow."""

    def fetch(ordered: QuerySet[Asset], size: int) -> list[Asset]:
        if len(libraries) < 2 or ordered.query.is_empty():
            return list(ordered[:size])
        first, *rest = (ordered.filter(library=library)[:size] for library in libraries)
        return list(first.union(*rest, all=True).order_by(*ordered.query.order_by)[:size])

    return fetch


def _best(scope: Scope, query: Query, cursor: str | None, size: int) -> Page[Asset]:
    newest = matching(scope, query).order_by("-sort_at", "-id").only("id", "sort_at", "library")
    window = [asset.pk for asset in _from_each(_libraries(scope, query))(newest, RANKED)]
    ranked = SearchDocument.objects.filter(asset__in=window).annotate(
        relevance=Relevance(tsquery_of(clauses_of(query.text)))
    )
    page = page_of(ranked.only("asset_id"), cursor, size, RELEVANCE)
    assets = Asset.objects.in_bulk([document.asset_id for document in page.items])
    found = [assets[document.asset_id] for document in page.items if document.asset_id in assets]
    return Page(found, page.next, page.previous)


def count(scope: Scope, query: Query, cap: int | None = None) -> int:
    """How many assets match; counting ends at `cap`."""
    assets = matching(scope, query)
    return assets.count() if cap is None else assets[:cap].count()


@dataclass(frozen=True, slots=True)
class Month:
    year: int
    month: int
    count: int


def months(scope: Scope, query: Query) -> list[Month]:
    """How many matches each month has, newest first; months without any are left out."""
    rows = (
        matching(scope, query)
        .annotate(at=TruncMonth("sort_at", tzinfo=UTC))
        .values("at")
        .annotate(count=Count("*"))
        .order_by("-at")
        .values_list("at", "count")
    )
    return [Month(at.year, at.month, count) for at, count in rows]


# -- Why --------------------------------------------------------------------------------------------------------------
def _why(assets: Sequence[Asset], query: Query) -> dict[int, tuple[str, ...]]:
    clauses = positive_clauses(query.text)
    if not clauses or not assets:
        return {}
    ids = [asset.pk for asset in assets]
    tags = tag_names(ids)
    either = tuple((clause,) for clause in clauses)
    read = SearchDocument.objects.filter(asset__in=ids).values_list(
        "asset_id", Matches(tsquery_of(either, "C")), Matches(tsquery_of(either, "D"))
    )
    in_text = {asset_id for asset_id, text, _description in read if text}
    in_description = {asset_id for asset_id, _text, description in read if description}
    why = {}
    for asset in assets:
        camera = camera_name(asset.camera_make, asset.camera_model)
        fields = {
            "title": words_of(asset.title),
            "name": words_of_name(asset.name),
            "keyword": [word for keyword in asset.keywords for word in words_of(keyword)],
            "tag": [word for _family, name in tags.get(asset.pk, ()) for word in words_of(name)],
            "place": [word for place in places_of(asset) for word in words_of(place)],
            "camera": words_of(camera),
        }
        where = [name for name, words in fields.items() if any(_is_in(clause, words) for clause in clauses)]
        where += ["text"] * (asset.pk in in_text) + ["description"] * (asset.pk in in_description)
        why[asset.pk] = tuple(where)
    return why


def _is_in(clause: Clause, words: Sequence[str]) -> bool:
    *whole, last = clause.words
    return set(whole).issubset(words) and any(
        word.startswith(last) if clause.prefix else word == last for word in words
    )


# -- What else there is -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Suggestion:
    """`params` is the search behind it. For tags, places and cameras it finds exactly `count` assets; words may also be
    found in other places than the one they were learnt from, so it finds at least so many."""

    kind: str  # tag, place, camera, keyword, word, name
    label: str
    count: int
    params: str


LABELLED = ("tag", "place", "camera", "keyword")
LOOKED_AT = 100


def suggest(scope: Scope, prefix: str, limit: int = 10) -> list[Suggestion]:
    """What begins with these letters in the asker's libraries: tags, places, cameras and keywords first, then words.
    The last word is completed, those before it stay."""
    beginning = " ".join(words_of(prefix))
    if not beginning:
        return []
    head, _space, last = prefix.strip().rpartition(" ")
    labelled = _terms(scope, Q(kind__in=LABELLED, folded__startswith=beginning))
    words = _terms(scope, Q(kind__in=("word", "name"), folded__startswith=fold(last))) if fold(last).isalnum() else []
    known = {fold(label) for kind, label, _count in labelled if kind == "place"}
    found = [
        Suggestion(kind, label, count, _query_of(kind, label).to_params())
        for kind, label, count in labelled
        if not (kind == "tag" and fold(label.partition(":")[2]) in known)  # the place says it already
    ]
    found = found[: max(limit - limit // 3, limit - len(words))]  # a third is for words, where there are some
    completed = dict[str, Suggestion]()
    for kind, label, count in words:
        text = f"{head} {label}".strip()
        completed.setdefault(label, Suggestion(kind, text, count, Query(text=text).to_params()))
    return [*found, *completed.values()][:limit]


def _terms(scope: Scope, wanted: Q) -> list[tuple[str, str, int]]:
    """(kind, label, count), most frequent first. In one library all beginnings of a label are on the same assets."""
    rows = (
        Term.objects.visible_to(scope)
        .filter(wanted)
        .order_by("-count")
        .values_list("kind", "label", "library_id", "count")[:LOOKED_AT]
    )
    return _summed(rows)


def _summed(rows: "QuerySet[Term, tuple[str, str, int, int]]") -> list[tuple[str, str, int]]:
    once = {(kind, label, library): count for kind, label, library, count in rows}
    totals: dict[tuple[str, str], int] = {}
    for (kind, label, _library), count in once.items():
        totals[kind, label] = totals.get((kind, label), 0) + count
    ordered = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    return [(kind, label, count) for (kind, label), count in ordered]


def _query_of(kind: str, label: str) -> Query:
    if kind == "tag":
        return Query(tags=(label,))
    if kind == "place":
        return Query(place=label)
    if kind == "camera":
        return Query(camera=label)
    return Query(text=f'"{label}"')


@dataclass(frozen=True, slots=True)
class Facets:
    """What can be chosen to narrow a search, most frequent first."""

    tags: tuple[Suggestion, ...]
    places: tuple[Suggestion, ...]
    cameras: tuple[Suggestion, ...]


MOST_FACETS = 500


def facets(scope: Scope) -> Facets:
    """Read from the counted terms, so it costs the number of names and not the number of pictures; nothing is kept."""
    rows = Term.objects.visible_to(scope).filter(kind__in=("tag", "place", "camera"))
    found = _summed(rows.values_list("kind", "label", "library_id", "count"))

    def of(wanted: str) -> tuple[Suggestion, ...]:
        each = [(label, count) for kind, label, count in found if kind == wanted][:MOST_FACETS]
        return tuple(Suggestion(wanted, label, count, _query_of(wanted, label).to_params()) for label, count in each)

    return Facets(tags=of("tag"), places=of("place"), cameras=of("camera"))
