"""Keeping each picture's hash, and finding the pictures of the same library that show the same."""

from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from pgvector import Bit

from apps.duplicates.hashes import known_hashes
from apps.duplicates.matching import FORMS, INVERSE, words_of
from apps.duplicates.models import DuplicatePair, PictureHash
from apps.library.batch import Batch
from apps.library.inspections import inspections_of
from apps.library.models import Change, Inspection

# A thousand shots of the same thing are a million pairs; each picture is told of its nearest ones.
MOST_MATCHES = 100
WRITING_PAIRS = 7446002  # advisory lock: one worker at a time, so that two never wait for one another

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Match:
    distance: int
    form: int


def keep_hashes(batch: Batch, runtime: object) -> None:
    """A hash of low quality is kept too, so that another limit needs no picture, but it matches nothing."""
    inspections = inspections_of(batch)
    with batch.commit() as items:
        PictureHash.objects.bulk_create(
            [
                PictureHash(
                    asset=item.asset, bits=Bit(bytes(inspection.pdq[0])).to_text(), quality=inspection.pdq_quality
                )
                for item in items
                for inspection in [inspections[item.asset.pk]]
            ],
            update_conflicts=True,
            unique_fields=["asset"],
            update_fields=["bits", "quality", "written_in"],
        )


def find_matches(batch: Batch, runtime: object) -> None:
    """Each hash is committed before its asset comes here, so of two workers with the two halves of a pair at least one
    sees both."""
    matches = matches_of(list(inspections_of(batch).values()))
    with batch.commit() as items:
        write_pairs([item.asset.pk for item in items], matches)


def matches_of(inspections: list[Inspection]) -> dict[Pair, Match]:
    """What is near to these pictures in any of their eight forms, in whatever library; not yet verified."""
    index = known_hashes.refresh()
    telling = [row for row in inspections if row.pdq_quality >= settings.DUPLICATE_MIN_QUALITY]
    if not telling:
        return {}
    near = index.near(words_of([bytes(form) for row in telling for form in row.pdq]), settings.DUPLICATE_THRESHOLD)
    matches: dict[Pair, Match] = {}
    for question, other, distance in zip(near.questions, near.keys, near.distances, strict=True):
        asset_id, form = telling[int(question) // FORMS].pk, int(question) % FORMS
        if other == asset_id:
            continue
        pair = (min(asset_id, int(other)), max(asset_id, int(other)))
        match = Match(int(distance), form if asset_id == pair[1] else INVERSE[form])
        if pair not in matches or (match.distance, match.form) < (matches[pair].distance, matches[pair].form):
            matches[pair] = match
    return matches


def write_pairs(asset_ids: list[int], matches: dict[Pair, Match]) -> None:
    """Writes what still holds of `matches`, deletes the pairs of these assets that do not hold any more, and notes a
    change for the other halves. Must be called within a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [WRITING_PAIRS])
    mine = set(asset_ids)
    matches = {pair: match for pair, match in matches.items() if mine.intersection(pair)}
    before = {(pair.first_id, pair.second_id): pair for pair in DuplicatePair.objects.of(asset_ids)}
    libraries = _comparable({asset_id for pair in [*matches, *before] for asset_id in pair})
    matches = {
        (first, second): match
        for (first, second), match in matches.items()
        if first in libraries and libraries.get(first) == libraries.get(second)
    }
    stale = [pair for pair in before if pair not in matches]
    new = {pair: match for pair, match in _nearest(matches, mine).items() if pair not in before}
    moved = []
    for pair, row in before.items():
        match = matches.get(pair)
        if match and (row.distance, row.form) != (match.distance, match.form):
            row.distance, row.form = match.distance, match.form
            moved.append(row)
    DuplicatePair.objects.filter(pk__in=[before[pair].pk for pair in stale]).delete()
    DuplicatePair.objects.bulk_update(moved, ["distance", "form"])
    DuplicatePair.objects.bulk_create(
        DuplicatePair(first_id=first, second_id=second, distance=match.distance, form=match.form)
        for (first, second), match in new.items()
    )
    paired = {asset_id for pair in [*new, *stale] for asset_id in pair if asset_id in libraries}
    Change.objects.bulk_create(Change(asset_id=asset_id) for asset_id in sorted(paired))


def _comparable(asset_ids: set[int]) -> dict[int, int]:
    """The library of each asset that has a telling hash, the one we remember. They stay until our transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.id, a.library_id, h.bits::text, h.quality FROM library_asset a"
            " JOIN duplicates_picturehash h ON h.asset_id = a.id"
            " WHERE a.id = ANY(%s) AND h.quality >= %s ORDER BY a.id FOR KEY SHARE OF a",
            [list(asset_ids), settings.DUPLICATE_MIN_QUALITY],
        )
        rows = cursor.fetchall()
    remembered = known_hashes.index
    return {
        asset_id: library_id
        for asset_id, library_id, bits, _quality in rows
        if asset_id not in remembered or remembered.holds(asset_id, Bit(bits).to_binary()[4:])
    }


def _nearest(matches: dict[Pair, Match], mine: set[int]) -> dict[Pair, Match]:
    """At most so many matches for each of these assets: the nearest, then the oldest."""
    kept: dict[Pair, Match] = {}
    counts = dict.fromkeys(mine, 0)
    for pair, match in sorted(matches.items(), key=lambda each: (each[1].distance, each[0])):
        sides = [asset_id for asset_id in pair if asset_id in counts]
        if any(counts[asset_id] < MOST_MATCHES for asset_id in sides):
            kept[pair] = match
            for asset_id in sides:
                counts[asset_id] += 1
    return kept
