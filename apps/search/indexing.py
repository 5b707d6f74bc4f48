"""Keeps the documents true to what has changed. None of it is a source of truth: `rebuild_all` makes it again."""

from collections import Counter
from collections.abc import Sequence

from django.db import connection, transaction

from apps.library.models import Asset, Change
from apps.reading.models import TextSegment
from apps.search.documents import Document, document_of
from apps.tagging.services import tag_names

LIBRARY_LOCK = 7446003  # advisory lock of one library's documents, with the library's id beside it
CHUNK = 500


def refresh(limit: int = CHUNK) -> int:
    """Reads the oldest changes that nobody else is reading, makes those documents again and deletes the changes.
    Returns how many changes it read; 0 when there are none."""
    with transaction.atomic():
        changes = list(
            Change.objects.select_for_update(skip_locked=True).order_by("id").values_list("id", "asset_id")[:limit]
        )
        if not changes:
            return 0
        _make_documents(sorted({asset_id for _id, asset_id in changes}))
        Change.objects.filter(pk__in=[change for change, _asset in changes]).delete()
        transaction.on_commit(_raise_version)
    return len(changes)


def rebuild_all() -> int:
    """Makes every document again and counts the terms afresh, while search goes on. Returns the number of assets."""
    done, last = 0, 0
    while ids := list(Asset.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        with transaction.atomic():
            _make_documents(ids)
        done, last = done + len(ids), ids[-1]
    with transaction.atomic():
        _lock(list(Asset.objects.order_by("library").values_list("library", flat=True).distinct()))
        with connection.cursor() as cursor:
            cursor.execute(COUNT_AFRESH)
            cursor.execute("DELETE FROM search_term WHERE count <= 0")
        transaction.on_commit(_raise_version)
    return done


def version() -> int:
    """Another number after every change of what can be found: part of the key of whatever is kept of it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value + is_called::int FROM search_version")
        return int(cursor.fetchone()[0])


def _raise_version() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('search_version')")


def _make_documents(asset_ids: Sequence[int]) -> None:
    """Only one process at a time makes documents of a library, and it reads after it has its turn: so nobody overwrites
    a document with an older one, and the counts of terms are never changed by two at once."""
    with connection.cursor() as cursor:
        cursor.execute(LIBRARIES, {"ids": list(asset_ids)})
        _lock([library_id for (library_id,) in cursor.fetchall()])
        # What is deleted in this moment stays out; what is not cannot be deleted before we are done.
        cursor.execute("SELECT id FROM library_asset WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE", [list(asset_ids)])
        ids = [asset_id for (asset_id,) in cursor.fetchall()]
        assets = list(Asset.objects.filter(pk__in=ids).order_by("pk"))
        tags, texts = tag_names(ids), _texts(ids)
        documents = [document_of(asset, tags.get(asset.pk, ()), texts.get(asset.pk, ())) for asset in assets]
        before = _terms_before(ids)
        cursor.execute(
            WRITE_DOCUMENTS,
            {
                "assets": [asset.pk for asset in assets],
                "libraries": [asset.library_id for asset in assets],
                "sort_at": [asset.sort_at for asset in assets],
                "vectors": [document.vector for document in documents],
                "terms": ["\n".join(f"{kind}:{folded}" for kind, folded in document.terms) for document in documents],
            },
        )
    _count_terms(before, assets, documents)


def _lock(library_ids: list[int]) -> None:
    with connection.cursor() as cursor:
        for library_id in sorted(library_ids):
            # Two numbers of 32 bits: libraries beyond four billion would share a lock, which only costs time.
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LIBRARY_LOCK, library_id % 2**31])


def _texts(asset_ids: list[int]) -> dict[int, list[str]]:
    texts: dict[int, list[str]] = {}
    segments = TextSegment.objects.filter(asset__in=asset_ids).order_by("asset_id", "kind", "position")
    for asset_id, text in segments.values_list("asset_id", "text"):
        texts.setdefault(asset_id, []).append(text)
    return texts


Key = tuple[int, str, str]  # library, kind, folded


def _terms_before(asset_ids: list[int]) -> Counter[Key]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT library_id, term, count(*) FROM search_searchdocument, unnest(terms) AS term"
            " WHERE asset_id = ANY(%s) GROUP BY 1, 2",
            [asset_ids],
        )
        rows = cursor.fetchall()
    before = Counter[Key]()
    for library_id, term, count in rows:
        kind, _colon, folded = term.partition(":")
        before[library_id, kind, folded] = count
    return before


def _count_terms(before: Counter[Key], assets: Sequence[Asset], documents: Sequence[Document]) -> None:
    after, labels = Counter[Key](), dict[Key, str]()
    for asset, document in zip(assets, documents, strict=True):
        for (kind, folded), label in document.terms.items():
            after[asset.library_id, kind, folded] += 1
            labels[asset.library_id, kind, folded] = label
    differences = {key: after[key] - before[key] for key in after.keys() | before.keys() if after[key] != before[key]}
    if not differences:
        return
    keys = sorted(differences)
    columns: dict[str, list[int] | list[str]] = {
        "libraries": [key[0] for key in keys],
        "kinds": [key[1] for key in keys],
        "folded": [key[2] for key in keys],
        "labels": [labels.get(key, "") for key in keys],
        "differences": [differences[key] for key in keys],
    }
    with connection.cursor() as cursor:
        cursor.execute(WRITE_TERMS, columns)
        if any(difference < 0 for difference in differences.values()):
            cursor.execute(DROP_TERMS, columns)


LIBRARIES = """
    SELECT library_id FROM library_asset WHERE id = ANY(%(ids)s)
    UNION SELECT library_id FROM search_searchdocument WHERE asset_id = ANY(%(ids)s)
"""
# A document that stays as it was is not written: most hops change nothing that can be searched for.
WRITE_DOCUMENTS = """
    INSERT INTO search_searchdocument AS old (asset_id, library_id, sort_at, vector, terms)
    SELECT asset_id, library_id, sort_at, vector::tsvector, string_to_array(terms, E'\\n')
    FROM unnest(%(assets)s::bigint[], %(libraries)s::bigint[], %(sort_at)s::timestamptz[], %(vectors)s::text[],
        %(terms)s::text[]) AS new (asset_id, library_id, sort_at, vector, terms)
    ON CONFLICT (asset_id) DO UPDATE SET library_id = excluded.library_id, sort_at = excluded.sort_at,
        vector = excluded.vector, terms = excluded.terms
    WHERE (old.library_id, old.sort_at, old.vector, old.terms)
        IS DISTINCT FROM (excluded.library_id, excluded.sort_at, excluded.vector, excluded.terms)
"""
WRITE_TERMS = """
    INSERT INTO search_term AS old (library_id, kind, folded, label, count)
    SELECT * FROM unnest(%(libraries)s::bigint[], %(kinds)s::text[], %(folded)s::text[], %(labels)s::text[],
        %(differences)s::int[])
    ON CONFLICT (library_id, kind, folded) DO UPDATE SET count = old.count + excluded.count,
        label = CASE excluded.label WHEN '' THEN old.label ELSE excluded.label END
"""
DROP_TERMS = """
    DELETE FROM search_term AS old
    USING unnest(%(libraries)s::bigint[], %(kinds)s::text[], %(folded)s::text[]) AS key (library_id, kind, folded)
    WHERE old.library_id = key.library_id AND old.kind = key.kind AND old.folded = key.folded AND old.count <= 0
"""
COUNT_AFRESH = """
    UPDATE search_term SET count = coalesce(true_count, 0)
    FROM search_term AS t LEFT JOIN (
        SELECT library_id, split_part(term, ':', 1) AS kind, substr(term, strpos(term, ':') + 1) AS folded,
            count(*) AS true_count
        FROM search_searchdocument, unnest(terms) AS term GROUP BY 1, 2, 3
    ) AS found USING (library_id, kind, folded)
    WHERE search_term.id = t.id AND search_term.count <> coalesce(true_count, 0)
"""
