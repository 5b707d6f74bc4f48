"""What is known about an asset by its tags."""

from apps.library.models import Asset
from apps.tagging.models import AssetTag, QualityScore, Tag


def tags_of(asset: Asset) -> dict[str, list[AssetTag]]:
    """An asset's tags by family, in the order of the families; families without a tag are left out. The asker must be
    allowed to see the asset."""
    rows = AssetTag.objects.filter(asset=asset).select_related("tag").order_by("-score", "id")
    found: dict[str, list[AssetTag]] = {family: [] for family in Tag.Family.values}
    for row in rows:
        found[row.tag.family].append(row)
    return {family: tags for family, tags in found.items() if tags}


def quality_of(asset: Asset) -> QualityScore | None:
    return QualityScore.objects.filter(asset=asset).first()


def tag_names(asset_ids: list[int]) -> dict[int, list[tuple[str, str]]]:
    """(family, name) of the tags of many assets, each once."""
    found: dict[int, list[tuple[str, str]]] = {}
    rows = AssetTag.objects.filter(asset__in=asset_ids).order_by("asset_id", "tag__family", "tag__name")
    for asset_id, family, name in rows.values_list("asset_id", "tag__family", "tag__name").distinct():
        found.setdefault(asset_id, []).append((family, name))
    return found
