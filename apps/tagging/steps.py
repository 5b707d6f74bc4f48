"""Tags that need no model: derived from the stored inspection, as often as wanted, without opening the picture."""

from collections.abc import Iterable

from apps.library.batch import Batch
from apps.library.inspections import inspections_of
from apps.library.models import Asset
from apps.tagging.facts import facts_of
from apps.tagging.models import AssetTag, QualityScore, Tag

SOURCE = "facts"


def tag_facts(batch: Batch, runtime: object) -> None:
    inspections = inspections_of(batch)
    assets = Asset.objects.in_bulk(inspections)  # as the inspection left them, not as they were when they were claimed
    facts = {pk: facts_of(assets[pk], inspection) for pk, inspection in inspections.items() if pk in assets}
    tags = tag_ids({(label.family, label.name) for each in facts.values() for label in each.labels})
    with batch.commit() as items:
        ids = [item.asset.pk for item in items]
        AssetTag.objects.filter(asset__in=ids, source=SOURCE).delete()
        AssetTag.objects.bulk_create(
            AssetTag(asset_id=pk, tag_id=tags[label.family, label.name], source=SOURCE, score=label.score)
            for pk in ids
            for label in facts[pk].labels
        )
        QualityScore.objects.bulk_create(
            [QualityScore(asset_id=pk, score=facts[pk].quality, parts=facts[pk].parts) for pk in ids],
            update_conflicts=True,
            unique_fields=["asset"],
            update_fields=["score", "parts"],
        )


def tag_ids(names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The ids of tags as (family, name); those that are new are made. Not within a transaction: two workers that meet
    the same new tag would wait for one another."""
    wanted = set(names)
    known = _known(wanted)
    missing = sorted(wanted - known.keys())
    if missing:
        Tag.objects.bulk_create((Tag(family=family, name=name) for family, name in missing), ignore_conflicts=True)
        known |= _known(set(missing))
    return known


def _known(wanted: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    rows = Tag.objects.filter(name__in={name for _family, name in wanted}).values_list("family", "name", "id")
    return {(family, name): pk for family, name, pk in rows if (family, name) in wanted}
